//! The server itself: faults, limits, memory and the passing of time.

use super::*;

#[tokio::test]
async fn requests_are_remembered_with_their_connection_but_not_their_token() {
    let asked = Asked::of(|_| {}).await;
    asked
        .graphql(COUNTS, json!({ "ids": ["gid://gitlab/Project/1"] }))
        .await;
    asked.rest("version").await;
    let requests = asked.gitlab.requests();
    assert_eq!(requests[0].operation.as_deref(), Some("Counts"));
    assert_eq!(requests[0].variables["ids"][0], "gid://gitlab/Project/1");
    assert_eq!(requests[0].token, Some(TokenHeader::Bearer));
    assert_eq!(requests[1].token, Some(TokenHeader::PrivateToken));
    assert_eq!(requests[1].status, Some(200));
    assert_eq!(requests[0].peer_port, requests[1].peer_port);
    assert!(!format!("{requests:?}").contains(DEMO_TOKEN));
}

#[tokio::test]
async fn faults_hit_in_turn_and_end() {
    let asked = Asked::of(|_| {}).await;
    let query = "query Q { currentUser { id } }";
    asked
        .gitlab
        .fault(Fault::on("/api/graphql").times(2).status(503));
    asked.gitlab.fault(Fault::operation("Q").status(502));
    asked
        .gitlab
        .fault(Fault::anywhere().retry_later(Duration::from_secs(42)));
    asked.gitlab.fault(Fault::anywhere().login_page());
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let response = asked.send(query, Value::Null).await.unwrap();
        statuses.push((
            response.status().as_u16(),
            header(&response, "retry-after").map(str::to_owned),
        ));
    }
    let plain: Vec<u16> = statuses.iter().map(|(status, _)| *status).collect();
    assert_eq!(plain, [503, 503, 502, 429, 200, 200]);
    assert_eq!(statuses[3].1.as_deref(), Some("42"));
}

#[tokio::test]
async fn broken_answers_are_broken_on_the_wire() {
    let asked = Asked::of(|_| {}).await;
    let query = "{ currentUser { id } }";
    asked.gitlab.fault(Fault::anywhere().reset());
    assert!(asked.send(query, Value::Null).await.is_err());
    asked.gitlab.fault(Fault::anywhere().truncated());
    let cut = asked.send(query, Value::Null).await.unwrap();
    assert_eq!(cut.status(), 200);
    assert!(cut.bytes().await.is_err());
    asked.gitlab.fault(Fault::anywhere().invalid_json());
    let invalid = asked.send(query, Value::Null).await.unwrap();
    assert!(invalid.json::<Value>().await.unwrap_err().is_decode());
    asked
        .gitlab
        .fault(Fault::anywhere().drip(Duration::from_millis(1)));
    let slow = asked.graphql(query, Value::Null).await;
    assert_eq!(slow["data"]["currentUser"]["id"], "gid://gitlab/User/1");
}

#[tokio::test]
async fn stopping_ends_a_request_that_hangs() {
    let asked = Asked::of(|_| {}).await;
    asked.gitlab.fault(Fault::anywhere().hang());
    let started = Instant::now();
    let Asked { gitlab, client } = asked;
    let address = format!("{}/api/v4/version", gitlab.url());
    let hanging = tokio::spawn(async move { client.get(address).send().await });
    while gitlab.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    gitlab.stop().await;
    assert!(hanging.await.unwrap().is_err());
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn the_rate_limit_announces_itself() {
    let asked = Asked::of(|world| world.rate_limit(1, Duration::from_secs(60))).await;
    let first = asked.get("version").await;
    assert_eq!(header(&first, "ratelimit-remaining"), Some("0"));
    let second = asked.get("version").await;
    assert_eq!(second.status(), 429);
    assert!(
        header(&second, "retry-after")
            .unwrap()
            .parse::<u64>()
            .unwrap()
            <= 60
    );
    assert!(header(&second, "ratelimit-reset").is_some());
    assert_eq!(second.text().await.unwrap(), "Retry later\n");
}

#[tokio::test]
async fn an_answer_tells_the_models_time_and_no_other() {
    let asked = Asked::of(|_| {}).await;
    let answer = asked.get("version").await;
    let dates: Vec<_> = answer.headers().get_all("date").iter().collect();
    assert_eq!(dates.len(), 1);
    let date = dates[0].to_str().unwrap();
    assert!(date.starts_with("Thu, 01 Jan 2026 00:00:"), "{date}");
}

#[test]
fn time_passes_the_same_way_for_the_same_seed() {
    let after_a_day = || {
        let mut world = World::demo(jiff::Timestamp::UNIX_EPOCH);
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..24 {
            world.advance(Duration::from_secs(3600), &mut random);
        }
        world
            .projects()
            .map(|project| project.commits)
            .collect::<Vec<_>>()
    };
    let before = World::demo(jiff::Timestamp::UNIX_EPOCH);
    assert!((110..=130).contains(&before.projects().count()));
    assert_eq!(after_a_day(), after_a_day());
    let commits: Vec<u64> = before.projects().map(|project| project.commits).collect();
    assert_ne!(after_a_day(), commits);
}
