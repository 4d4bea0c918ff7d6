//! The status page and its API, as browsers and programs have them: the built bridge over real HTTP.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod answers;
mod content;
mod guarded;
#[path = "../support/mod.rs"]
mod support;
mod with_browser;

use gitlab_metrics_bridge::simulator::{GitLab, MergeRequests, World};
use reqwest::StatusCode;
use serde_json::Value;

use support::running::{Running, bridge_for};

/// Polls once and then leaves what is known as it is.
const STILL: [&str; 4] = ["--listen", "127.0.0.1:0", "--interval", "1h"];

/// Three projects, one of which is called what would do harm on a page.
fn world() -> World {
    let mut world = World::new();
    let merge_requests = MergeRequests {
        opened: 2,
        ..MergeRequests::default()
    };
    world
        .project_with_id("acme/web/storefront", 27)
        .commits(4_211)
        .issues(3, 1)
        .merge_requests(merge_requests);
    world.project_with_id("acme/api", 28).commits(250);
    world
        .project_with_id("odd/names", 29)
        .commits(1)
        .named("<script>alert(1)</script>\u{202e}gnp.exe");
    world
}

async fn gitlab() -> GitLab {
    GitLab::start(world()).await.unwrap()
}

/// A bridge that has polled that GitLab once.
async fn polled(gitlab: &GitLab) -> Running {
    let bridge = Running::listening(bridge_for(gitlab.url()).args(STILL)).await;
    bridge.wait_for_readiness(StatusCode::OK).await;
    bridge
}

async fn json(bridge: &Running, path: &str) -> Value {
    let (status, body) = bridge.get(path).await;
    assert_eq!(status, StatusCode::OK, "{path}: {body}");
    serde_json::from_str(&body).unwrap()
}

/// Asks until the status is as it should be.
async fn wait_for_status(bridge: &Running, condition: impl Fn(&Value) -> bool) -> Value {
    let deadline = tokio::time::Instant::now() + support::PATIENCE;
    loop {
        let status = json(bridge, "/api/v1/status").await;
        if condition(&status) {
            return status;
        }
        assert!(tokio::time::Instant::now() < deadline, "still {status:#}");
        tokio::time::sleep(support::process::ASK_AGAIN).await;
    }
}
