//! The model without a socket: the same answers, faults and waits, by a paused clock.

use tokio::time::Instant;

use super::*;

#[tokio::test(start_paused = true)]
async fn a_call_is_answered_and_recorded_as_a_request_is() {
    let inside = Inside::of(|world| {
        *world = std::mem::take(world).sub_path("/gitlab");
        world.project("group/a").commits(3);
        world.project("group/b");
    });
    assert_eq!(inside.0.url(), "http://gitlab.test/gitlab");
    let answer = inside.graphql(COUNTS, json!({})).await;
    let node = &answer["data"]["projects"]["nodes"][1];
    assert_eq!(node["statistics"]["commitCount"], 3.0);
    let page = inside
        .get("projects?per_page=1&pagination=keyset&order_by=id")
        .await;
    let next = text(&page, "link").unwrap();
    assert!(
        next.starts_with("<http://gitlab.test/gitlab/api/v4/projects?"),
        "{next}"
    );
    let requests = inside.0.requests();
    assert_eq!(requests[0].operation.as_deref(), Some("Counts"));
    assert_eq!((requests[1].status, requests[1].peer_port), (Some(200), 0));
}

#[tokio::test(start_paused = true)]
async fn a_cut_is_an_error_and_a_hang_is_for_ever() {
    let inside = Inside::of(|_| {});
    let query = "{ currentUser { id } }";
    for fault in [Fault::anywhere().reset(), Fault::anywhere().truncated()] {
        inside.0.fault(fault);
        assert_eq!(inside.send(query, Value::Null).await.unwrap_err(), Cut);
    }
    inside.0.fault(Fault::anywhere().hang());
    let year = Duration::from_secs(365 * 86_400);
    let hanging = tokio::time::timeout(year, inside.send(query, Value::Null));
    assert!(hanging.await.is_err());
    assert_eq!(inside.0.requests()[2].status, None);
}

#[tokio::test(start_paused = true)]
async fn waits_are_those_of_the_paused_clock() {
    let inside = Inside::of(|world| {
        world.project("group/a");
        world.project("group/b");
        world.latency(Duration::from_secs(10), Duration::from_secs(2));
    });
    let started = Instant::now();
    inside
        .graphql("{ projects { nodes { id } } }", Value::Null)
        .await;
    assert_eq!(started.elapsed(), Duration::from_secs(14));
    inside
        .0
        .fault(Fault::anywhere().delay(Duration::from_secs(100)));
    let answer = inside.get("version").await;
    assert_eq!(started.elapsed(), Duration::from_secs(124));
    assert_eq!(text(&answer, "date"), Some("Thu, 01 Jan 2026 00:02:04 GMT"));
}
