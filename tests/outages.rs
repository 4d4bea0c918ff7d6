//! Hours in which GitLab is away, storms of refusals, and a GitLab that is another one afterwards: what was
//! known stays, little is asked meanwhile, and all is read once it can be.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod simulation;

use std::time::Duration;

use gitlab_metrics_bridge::metrics::{Catalogue, Choices, Snapshot, View};
use gitlab_metrics_bridge::simulator::{Fault, Version};
use simulation::truth::untrue;
use simulation::{Bridge, HOUR, MINUTE, Setup, idle, path};

const PROJECTS: u64 = 150;

fn failure(snapshot: &Snapshot) -> Option<String> {
    snapshot.report.as_ref()?.failure.clone()
}

/// All series of a metric, by their labels.
fn series(snapshot: &std::sync::Arc<Snapshot>, metric: &str) -> Vec<String> {
    let view = View::from(std::sync::Arc::clone(snapshot));
    let (metric, all) = (
        Catalogue::standard().find(metric).unwrap(),
        0..view.projects(),
    );
    let mut lines = Vec::new();
    view.observe(metric, all, &Choices::default(), &mut |labels, value| {
        lines.push(format!("{labels:?} {value}"));
    });
    lines.sort();
    lines
}

/// Ways to be away, or to want nothing asked.
fn outages() -> Vec<(&'static str, Fault)> {
    let always = || Fault::on("/").always();
    vec![
        ("down", always().reset()),
        ("hanging", always().hang()),
        ("502", always().status(502)),
        (
            "503 for long",
            always().unavailable(Duration::from_secs(3600)),
        ),
        ("429", always().retry_later(Duration::from_secs(30))),
        ("429 at the edge", always().stopped_at_the_edge()),
        ("HTML", always().login_page()),
        ("truncated", always().truncated()),
        (
            "internal errors",
            always().errors_only("Internal server error"),
        ),
    ]
}

#[tokio::test(start_paused = true)]
async fn hours_without_gitlab_lose_nothing_cost_little_and_end_with_it() {
    for (name, outage) in outages() {
        let mut bridge = Bridge::settled(idle(PROJECTS), Setup::default()).await;
        let before = bridge.snapshot();
        bridge.gitlab.fault(outage);
        bridge.pass(3 * HOUR).await;
        let during = bridge.snapshot();
        assert!(failure(&during).is_some(), "{name}");
        for metric in [
            "gitlab_commits_total",
            "gitlab_issues",
            "gitlab_project_count",
        ] {
            let alike = series(&during, metric) == series(&before, metric);
            assert!(alike, "{metric} is another one: {name}");
        }
        // No more than some tries of a few things in each of 180 polls.
        let asked = bridge.asked().len();
        assert!(asked < 180 * 30, "{name}: {asked} requests");
        bridge.gitlab.take_requests();
        bridge.gitlab.clear_faults();
        bridge.gitlab.edit(|world| {
            world.events(&path(9)).open_issue();
        });
        // A wait of an hour is kept; nothing else makes it wait longer than a poll takes.
        let whole = |snapshot: &Snapshot| failure(snapshot).is_none();
        bridge.seen_within(HOUR + 5 * MINUTE, whole).await;
        bridge.pass(HOUR + 5 * MINUTE).await;
        assert_eq!(
            untrue(&bridge.gitlab, &bridge.snapshot()),
            [""; 0],
            "{name}"
        );
    }
}

/// GitLab was taken back to a version that lacks much, and is brought forward again.
#[tokio::test(start_paused = true)]
async fn fields_that_vanish_while_it_runs_take_nothing_else_with_them() {
    let mut bridge = Bridge::settled(idle(PROJECTS), Setup::default()).await;
    bridge.gitlab.edit(|world| {
        world.version(Version::V16_0);
    });
    bridge.pass(HOUR).await;
    bridge.gitlab.edit(|world| {
        world.project(&path(9)).commits(4_711);
        world.events(&path(9)).open_issue();
    });
    let commits = |snapshot: &Snapshot| {
        let snapshot = std::sync::Arc::new(snapshot.clone());
        let lines = series(&snapshot, "gitlab_commits_total");
        lines.iter().any(|line| line.ends_with(" 4711"))
    };
    bridge.seen_within(HOUR + 5 * MINUTE, commits).await;
    let snapshot = bridge.snapshot();
    assert_eq!(failure(&snapshot), None);
    assert_eq!(snapshot.project_count, Some(PROJECTS));
    bridge.gitlab.take_requests();
    bridge.pass(10 * MINUTE).await;
    let asked = bridge.asked().len();
    assert!(
        asked < 100,
        "what is refused is asked again and again: {asked}"
    );
    bridge.gitlab.edit(|world| {
        world.version(Version::V18_8);
    });
    bridge.pass(25 * HOUR).await;
    assert_eq!(untrue(&bridge.gitlab, &bridge.snapshot()), [""; 0]);
}

/// `data` with nulls where an error is told beside it.
#[tokio::test(start_paused = true)]
async fn errors_beside_data_take_away_no_value_that_was_known() {
    let mut bridge = Bridge::settled(idle(PROJECTS), Setup::default()).await;
    let before = bridge.snapshot();
    for seed in 0..5 {
        bridge.gitlab.clear_faults();
        let partial = Fault::on("/api/graphql").always().loses_fields(seed);
        bridge.gitlab.fault(partial);
        bridge.pass(2 * HOUR).await;
        let during = bridge.snapshot();
        for metric in [
            "gitlab_commits_total",
            "gitlab_issues",
            "gitlab_project_info",
        ] {
            let alike = series(&during, metric) == series(&before, metric);
            assert!(alike, "{metric} is another one under seed {seed}");
        }
    }
    bridge.gitlab.clear_faults();
    let whole = |snapshot: &Snapshot| failure(snapshot).is_none();
    bridge.seen_within(10 * MINUTE, whole).await;
}
