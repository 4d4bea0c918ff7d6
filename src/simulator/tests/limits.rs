//! Time and limits: the model's clock, the global throttle and those of single endpoints.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use jiff::{SignedDuration, Timestamp};

use super::*;

#[tokio::test]
async fn a_clock_of_ones_own_is_the_time_of_everything() {
    let seconds = Arc::new(AtomicI64::new(1_790_000_000));
    let shown = Arc::clone(&seconds);
    let clock = move || Timestamp::from_second(shown.load(Ordering::Relaxed)).unwrap();
    let mut world = World::new().clock(Arc::new(clock));
    world.project("group/a");
    world.rate_limit(1, Duration::from_secs(60));
    let inside = Inside(GitLab::in_process(world));
    let first = inside.get("version").await;
    assert_eq!(text(&first, "date"), Some("Mon, 21 Sep 2026 14:13:20 GMT"));
    assert_eq!(text(&first, "ratelimit-reset"), Some("1790000060"));
    let refused = inside.get("version").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(text(&refused, "retry-after"), Some("60"));
    seconds.fetch_add(60, Ordering::Relaxed);
    assert_eq!(inside.get("projects/1").await.status(), 200);
    let at = inside.0.requests()[2].at;
    assert_eq!(at, Timestamp::from_second(1_790_000_060).unwrap());
}

#[tokio::test(start_paused = true)]
async fn the_world_ages_while_it_is_served() {
    let start = World::new().now();
    let inside = Inside::of(|_| {});
    pass(5).await;
    assert_eq!(
        inside.0.read(World::now),
        start + SignedDuration::from_mins(5)
    );
    let answer = inside.get("version").await;
    assert_eq!(text(&answer, "date"), Some("Thu, 01 Jan 2026 00:05:00 GMT"));
}

#[tokio::test(start_paused = true)]
async fn graphql_and_rest_share_the_throttle() {
    let inside = Inside::of(|world| world.rate_limit(2, Duration::from_secs(60)));
    assert_eq!(inside.get("version").await.status(), 200);
    let query = "{ currentUser { id } }";
    assert_eq!(inside.send(query, Value::Null).await.unwrap().status(), 200);
    let refused = inside.send(query, Value::Null).await.unwrap();
    assert_eq!(refused.status(), 429);
    assert_eq!(refused.body(), "Retry later\n");
    assert_eq!(text(&refused, "ratelimit-remaining"), Some("0"));
    pass(1).await;
    assert_eq!(inside.get("version").await.status(), 200);
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_has_a_limit_of_its_own_and_says_not_when_it_ends() {
    let inside = Inside::of(|world| {
        world.project("group/a");
        let ten_minutes = Duration::from_secs(600);
        world.endpoint_limit("GET /projects", 2, ten_minutes);
        world.endpoint_limit("GET /projects/:id", 1, ten_minutes);
        world.endpoint_limit("GET /groups/:id/projects", 1, ten_minutes);
        world.endpoint_limit("GET /projects/:id/jobs", 0, ten_minutes);
    });
    let status = async |path: &str| inside.get(path).await.status().as_u16();
    assert_eq!(status("projects?page=1").await, 200);
    assert_eq!(status("projects?page=2").await, 200);
    let refused = inside.get("projects?page=3").await;
    assert_eq!(refused.status(), 429);
    assert_eq!(text(&refused, "ratelimit-limit"), None);
    assert_eq!(text(&refused, "retry-after"), None);
    assert!(
        refused
            .body()
            .starts_with(br#"{"message":{"error":"This endpoint"#)
    );
    assert_eq!(status("projects/group%2Fa").await, 200);
    assert_eq!(status("projects/1").await, 429);
    assert_eq!(status("projects/1/releases").await, 200);
    assert_eq!(status("projects/1/jobs").await, 429);
    assert_eq!(status("groups/group/projects").await, 200);
    assert_eq!(status("groups/1/projects").await, 429);
    pass(10).await;
    assert_eq!(status("projects").await, 200);
}

#[tokio::test(start_paused = true)]
async fn the_records_tell_the_most_requests_within_a_window() {
    let inside = Inside::of(|_| {});
    for minutes in [0, 1, 0, 0, 1, 5] {
        pass(minutes).await;
        inside.get("version").await;
    }
    let requests = inside.0.requests();
    let within = |seconds| most_within(Duration::from_secs(seconds), &requests);
    assert_eq!(
        [within(1), within(60), within(61), within(600)],
        [3, 3, 4, 6]
    );
    assert_eq!(most_within(Duration::from_secs(60), &[]), 0);
}

#[tokio::test(start_paused = true)]
async fn the_model_remembers_as_many_requests_as_it_is_told_to() {
    let inside = Inside::of(|_| {});
    inside.0.keep_requests(2);
    for path in ["version", "metadata", "user"] {
        inside.get(path).await;
    }
    let kept = inside.0.take_requests();
    let paths: Vec<_> = kept.iter().map(|request| request.path.as_str()).collect();
    assert_eq!(paths, ["/api/v4/metadata", "/api/v4/user"]);
    assert_eq!(kept[1].status, Some(200));
}
