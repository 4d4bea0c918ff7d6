//! A limit of memory: the process refuses work before the kernel would end it, tells what it refuses, and
//! shows no wrong number.
#![cfg(target_os = "linux")] // Where the kernel tells what a process takes.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs;
use std::time::Duration;

use gitlab_metrics_bridge::simulator::{GitLab, World};
use reqwest::StatusCode;
use support::exposition::Exposition;
use support::process::{Program, http_client};
use support::running::{Running, bridge_for};
use support::{PATIENCE, Series};
use tokio::time::{Instant, sleep};

const MIB: u64 = 1 << 20;
const PROJECTS: usize = 2_500;

/// What the kernel says of a process, in bytes.
fn account(bridge: &Running, name: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", bridge.process.id())).unwrap();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap();
    let kilobytes = line.split_whitespace().nth(1).unwrap();
    kilobytes.parse::<u64>().unwrap() * 1024
}

fn value(scrape: &Exposition, metric: &str) -> Option<f64> {
    scrape.series(metric).values().copied().next()
}

async fn gitlab() -> GitLab {
    GitLab::start(World::large(PROJECTS)).await.unwrap()
}

fn limited(gitlab: &GitLab, bytes: u64) -> Program {
    bridge_for(gitlab.url())
        .env("GITLAB_BRIDGE_POLL_BUDGET", "none")
        .env("GITLAB_BRIDGE_LIMITS_MEMORY", format!("{bytes}B"))
}

/// What the program takes before it has asked anything: a build for tests takes more than another one.
async fn of_the_program() -> u64 {
    let gitlab = GitLab::start(World::new()).await.unwrap();
    let bridge = Running::start(bridge_for(gitlab.url())).await;
    bridge.first_scrape().await;
    account(&bridge, "VmRSS")
}

/// Scrapes until every project is shown or left out.
async fn all_told(bridge: &Running) -> Exposition {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let scrape = bridge.scrape().await;
        let shown = scrape.series("gitlab_project_info").len();
        let left_out = value(&scrape, "gitlab_bridge_left_out_projects").unwrap_or_default();
        if shown + left_out as usize == PROJECTS {
            return scrape;
        }
        assert!(
            Instant::now() < deadline,
            "{shown} {left_out} {:#?}",
            bridge.process.output()
        );
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_that_have_no_room_are_left_out_and_told_and_read_once_there_is_room() {
    let gitlab = gitlab().await;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let limit = of_the_program().await + 40 * MIB;
    let program = |limit| limited(&gitlab, limit).env("GITLAB_BRIDGE_STATE_PATH", &state);
    let bridge = Running::start(program(limit)).await;
    let scrape = all_told(&bridge).await;
    assert!(value(&scrape, "gitlab_bridge_left_out_projects") > Some(0.0));
    // What is not known of all projects is not told of all.
    assert_eq!(value(&scrape, "gitlab_project_count"), None);
    assert_eq!(
        value(&scrape, "gitlab_bridge_memory_limit_bytes"),
        Some(limit as f64)
    );
    // The bridge goes on, below the limit.
    bridge.wait_for_readiness(StatusCode::OK).await;
    sleep(Duration::from_secs(3)).await;
    let scrape = bridge.scrape().await;
    assert_eq!(value(&scrape, "gitlab_project_count"), None);
    assert!(account(&bridge, "VmHWM") < limit);
    let finished = bridge.stop().await;
    assert_eq!(finished.code(), 0);
    let said = finished.stderr();
    assert!(
        said.contains("projects are left out; raise it, or select fewer"),
        "{said}"
    );

    let bridge = Running::start(program(1 << 40)).await;
    let whole = |series: &Series| series.values().any(|count| *count == PROJECTS as f64);
    let scrape = bridge.wait_for_series("gitlab_project_count", whole).await;
    assert_eq!(value(&scrape, "gitlab_bridge_left_out_projects"), Some(0.0));
    assert_eq!(bridge.stop().await.code(), 0);

    // A state that is too large for the limit is read as far as there is room.
    let bridge = Running::start(program(limit)).await;
    let scrape = all_told(&bridge).await;
    assert_eq!(value(&scrape, "gitlab_project_count"), None);
    assert!(account(&bridge, "VmHWM") < limit);
}

#[tokio::test(flavor = "multi_thread")]
async fn near_the_limit_a_scrape_is_answered_as_it_is_kept_and_a_webhook_not_at_all() {
    let gitlab = GitLab::start(World::large(20)).await.unwrap();
    let limit = of_the_program().await * 11 / 10;
    let program = limited(&gitlab, limit)
        .env("GITLAB_BRIDGE_WEBHOOK", "true")
        .env("GITLAB_BRIDGE_WEBHOOK_TOKEN", "hook-token");
    let bridge = Running::start(program).await;
    let ask = async |accept: &str| {
        let request = http_client()
            .get(bridge.url("/metrics"))
            .header("accept", accept);
        let answer = request.send().await.unwrap();
        let kind = answer.headers()["content-type"].to_str().unwrap();
        (answer.status(), kind.to_owned())
    };
    let openmetrics = "application/openmetrics-text; version=1.0.0";
    let (status, kind) = ask(&format!("{openmetrics}, text/plain; q=0.1")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(kind.starts_with("text/plain"), "{kind}");
    assert_eq!(ask(openmetrics).await.0, StatusCode::SERVICE_UNAVAILABLE);
    let hook = http_client()
        .post(bridge.url("/webhook"))
        .header("x-gitlab-token", "hook-token")
        .header("x-gitlab-event", "Push Hook")
        .body(r#"{"object_kind":"push","project_id":1}"#);
    let answer = hook.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    let scrape = bridge.scrape().await;
    let refused = scrape.series("gitlab_bridge_memory_refusals_total");
    let of = |work: &str| {
        let found = refused.iter().find(|(labels, _)| labels["work"] == work);
        found.map(|(_, count)| *count)
    };
    assert_eq!((of("scrape"), of("webhook")), (Some(2.0), Some(1.0)));
    assert_eq!(bridge.stop().await.code(), 0);
}
