//! Restarts of the program: what it shows of what the one before knew, and what it may still spend.

use std::io::Read;

use flate2::read::GzDecoder;
use gitlab_metrics_bridge::simulator::Fault;
use reqwest::StatusCode;
use tempfile::TempDir;

use crate::gitlab_of_two;
use crate::support::exposition::Exposition;
use crate::support::exposition::is_own;
use crate::support::process::Program;
use crate::support::running::{Running, bridge_for};
use crate::support::{PATIENCE, Series, labels};

/// Four requests at once, and another one after two minutes.
const SMALL_BUDGET: &str = "60/h,60/m";

fn with_state(gitlab: &str, folder: &TempDir) -> Program {
    bridge_for(gitlab).env("GITLAB_BRIDGE_STATE_PATH", folder.path().join("state"))
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// What it says of GitLab.
fn about_gitlab(exposition: &Exposition) -> Vec<(&String, Series)> {
    let names = exposition.families.keys();
    names
        .filter(|name| !is_own(name))
        .map(|name| (name, exposition.series(name)))
        .collect()
}

fn one(value: f64) -> Series {
    [(labels([]), value)].into()
}

#[tokio::test]
async fn a_restart_shows_the_same_series_while_gitlab_is_down() {
    let (gitlab, folder) = (gitlab_of_two().await, folder());
    let url = gitlab.url().to_owned();
    let bridge = Running::start(with_state(&url, &folder)).await;
    let before = bridge.first_scrape().await;
    assert_eq!(bridge.stop().await.code(), 0);
    gitlab.stop().await;

    let bridge = Running::start(with_state(&url, &folder).env("GITLAB_BRIDGE_ATTEMPTS", "1")).await;
    let after = bridge.first_scrape().await;
    assert_eq!(about_gitlab(&after), about_gitlab(&before));
    let last = "gitlab_bridge_last_successful_poll_timestamp_seconds";
    assert!(!after.series(last).is_empty());
    assert!(!after.series("gitlab_bridge_data_age_seconds").is_empty());
    bridge
        .wait_for_readiness(StatusCode::SERVICE_UNAVAILABLE)
        .await;
    // The series stay when polls fail, too.
    let down = |up: &Series| up.values().eq([&0.0]);
    let later = bridge.wait_for_series("gitlab_bridge_up", down).await;
    assert_eq!(about_gitlab(&later), about_gitlab(&before));
    assert_eq!(later.series("gitlab_bridge_state_write_success"), one(1.0));
    assert_eq!(bridge.stop().await.code(), 0);
}

/// Waits until the state holds a project: writes are spaced.
async fn wait_until_kept(folder: &TempDir) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    loop {
        let mut text = String::new();
        if let Ok(file) = std::fs::File::open(folder.path().join("state")) {
            let _ = GzDecoder::new(file).read_to_string(&mut text);
        }
        if text.contains("group/a") {
            return;
        }
        assert!(tokio::time::Instant::now() < deadline, "nothing is kept");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// An empty text would end every series in Prometheus.
#[tokio::test]
async fn the_first_scrape_after_a_restart_shows_everything() {
    for signal in ["TERM", "KILL"] {
        let (gitlab, folder) = (gitlab_of_two().await, folder());
        let bridge = Running::start(with_state(gitlab.url(), &folder)).await;
        bridge.first_scrape().await;
        // What is kept of the text is older than the state, or newer, or not there yet.
        gitlab.edit(|world| {
            world.project("group/a").commits(12);
        });
        let changed = |series: &Series| series.values().any(|commits| *commits == 12.0);
        bridge
            .wait_for_series("gitlab_commits_total", changed)
            .await;
        if signal == "KILL" {
            wait_until_kept(&folder).await;
        }
        bridge.process.signal(signal);
        bridge.process.finish_within(PATIENCE).await;
        gitlab.fault(Fault::anywhere().always().hang());

        let bridge = Running::start(with_state(gitlab.url(), &folder)).await;
        let first = bridge.scrape().await;
        assert_eq!(first.series("gitlab_project_count"), one(2.0), "{signal}");
        assert_eq!(first.series("gitlab_commits_total").len(), 2, "{signal}");
        if signal == "TERM" {
            assert!(changed(&first.series("gitlab_commits_total")));
        }
        assert_eq!(bridge.stop().await.code(), 0);
    }
}

#[tokio::test]
async fn a_kill_spends_the_budget_and_a_clean_end_keeps_what_is_left_of_it() {
    for (signal, interval) in [("KILL", "1s"), ("TERM", "1h")] {
        let (gitlab, folder) = (gitlab_of_two().await, folder());
        let program = || {
            with_state(gitlab.url(), &folder)
                .env("GITLAB_BRIDGE_POLL_BUDGET", SMALL_BUDGET)
                .env("GITLAB_BRIDGE_POLL_TIMEOUT", "10s")
                .env("GITLAB_BRIDGE_LOG_LEVEL", "debug")
        };
        let arguments = ["--listen", "127.0.0.1:0", "--interval", interval];
        let bridge = Running::listening(program().args(arguments)).await;
        bridge.first_scrape().await;
        bridge.process.signal(signal);
        bridge.process.finish_within(PATIENCE).await;
        let spent = gitlab.take_requests().len();
        assert!((2..=8).contains(&spent), "{spent}");

        let left = if signal == "KILL" { 0 } else { 8 - spent };
        let mut bridge = Running::start(program()).await;
        let sign = "waiting for the request budget";
        bridge.process.wait_for_line(sign).await;
        let requests = gitlab.take_requests().len();
        // A request that was about to be sent at the end has spent its share, too.
        assert!(
            requests <= left,
            "{signal}: {spent} before, {requests} after"
        );
        assert_eq!(bridge.stop().await.code(), 0);
    }
}

#[tokio::test]
async fn a_second_process_with_the_same_state_does_not_start() {
    let (gitlab, folder) = (gitlab_of_two().await, folder());
    let bridge = Running::start(with_state(gitlab.url(), &folder)).await;
    let second = with_state(gitlab.url(), &folder).args(["--listen", "127.0.0.1:0"]);
    let finished = second.finish().await;
    assert_eq!(finished.code(), 1, "{finished:#?}");
    assert!(
        finished.stderr().contains("in use by another process"),
        "{finished:#?}"
    );
    assert_eq!(bridge.stop().await.code(), 0);
}

#[tokio::test]
async fn a_state_that_cannot_be_written_is_told_once_and_shown() {
    let (gitlab, folder) = (gitlab_of_two().await, folder());
    let missing = folder.path().join("missing");
    let program = bridge_for(gitlab.url()).env("GITLAB_BRIDGE_STATE_PATH", missing.join("state"));
    let mut bridge = Running::start(program).await;
    let name = "gitlab_bridge_state_write_success";
    bridge
        .wait_for_series(name, |series| *series == one(0.0))
        .await;
    let polls = |series: &Series| series.values().any(|requests| *requests >= 4.0);
    bridge
        .wait_for_series("gitlab_bridge_api_requests_total", polls)
        .await;
    std::fs::create_dir(&missing).unwrap();
    bridge.process.wait_for_line("can be written again").await;
    bridge
        .wait_for_series(name, |series| *series == one(1.0))
        .await;
    let finished = bridge.stop().await;
    let told = finished
        .stderr()
        .matches("a restart would begin without it")
        .count();
    assert_eq!(told, 1, "{finished:#?}");
}
