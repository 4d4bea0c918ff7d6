//! Pipelines: what is shown of them is true, and each end is counted once, whatever fails.

#[path = "simulation/mod.rs"]
mod simulation;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use gitlab_metrics_bridge::metrics::{Catalogue, Choices, Snapshot, View};
use gitlab_metrics_bridge::simulator::{GitLab, PipelineStatus, World};
use jiff::Timestamp;
use simulation::{Bridge, HOUR, MINUTE, Setup, checkpoint, idle, path, poller};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// The series of a metric as attributes and number.
fn series(snapshot: &Arc<Snapshot>, metric: &str) -> BTreeMap<String, f64> {
    let view = View::from(Arc::clone(snapshot));
    let metric = Catalogue::standard().find(metric).unwrap();
    let mut all = BTreeMap::new();
    let all_projects = 0..view.projects();
    view.observe(
        metric,
        all_projects,
        &Choices::default(),
        &mut |labels, value| {
            let mut labels: Vec<String> = labels
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            labels.sort();
            all.insert(labels.join(","), value);
        },
    );
    all
}

fn runs(snapshot: &Arc<Snapshot>) -> BTreeMap<String, f64> {
    series(snapshot, "gitlab_pipeline_runs_total")
}

/// What the ledger says ended since then, as the series would have it. Children are not counted.
fn ledger(gitlab: &GitLab, since: Timestamp) -> BTreeMap<String, f64> {
    gitlab.read(|world| {
        let mut all = BTreeMap::new();
        let ledger = world.ledger();
        for entry in ledger.pipelines().since(since).without("child").iter() {
            let name = format!("project_id={},status={}", entry.project, entry.status);
            *all.entry(name).or_default() += 1.0;
        }
        all
    })
}

/// A bridge that may be killed: its file stays.
struct Process {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    running: JoinHandle<()>,
}

impl Process {
    fn start(gitlab: &Arc<GitLab>, setup: &Setup, state: &Path) -> Process {
        let poller = poller(gitlab, setup.clone()).resume(checkpoint(gitlab, setup, state));
        let (publish, snapshots) = watch::channel(Arc::default());
        let running = tokio::spawn(poller.run(publish, CancellationToken::new()));
        Process { snapshots, running }
    }

    fn shown(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshots.borrow())
    }

    /// Ends without a word, as by `kill -9`.
    async fn kill(self) {
        self.running.abort();
        let _ = self.running.await;
        // What it was writing may go on for a moment, and holds the file.
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn counters_equal_the_ledger_after_an_hour_of_churn_with_faults_and_three_crashes() {
    for (seed, ahead) in [(1, 0), (2, 120), (3, -120)] {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let gitlab = Arc::new(GitLab::in_process(idle(12)));
        let setup = Setup {
            ahead,
            ..Setup::default()
        };
        let mut process = Process::start(&gitlab, &setup, &state);
        tokio::time::sleep(5 * MINUTE).await;
        let since = gitlab.read(World::now);
        gitlab.edit(|world| world.churn(HOUR, &mut Rng::with_seed(seed)));
        gitlab.chaos(0.1, seed);
        let mut before = BTreeMap::new();
        for quarter in 0..4 {
            for _ in 0..14 {
                tokio::time::sleep(MINUTE).await;
                let now = runs(&process.shown());
                for (name, count) in &before {
                    assert!(now.get(name) >= Some(count), "{name} went back");
                }
                before = now;
            }
            if quarter < 3 {
                process.kill().await;
                process = Process::start(&gitlab, &setup, &state);
            }
        }
        gitlab.chaos(0.0, 0);
        tokio::time::sleep(3 * HOUR).await;
        let shown = runs(&process.shown());
        assert_eq!(shown, ledger(&gitlab, since), "seed {seed}");
        assert!(shown.values().sum::<f64>() > 50.0, "it was lively");
        process.kill().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_pipeline_shows_within_an_interval() {
    let mut bridge = Bridge::settled(idle(300), Setup::default()).await;
    bridge.pass(10 * MINUTE).await;
    let id = bridge.gitlab.edit(|world| {
        let mut events = world.events(&path(7));
        events.run_pipeline(|plan| plan.on("main").job("build", "build"))
    });
    let main = "kind=branch,project_id=7,ref=main,status=";
    let shows = |status: &'static str| {
        move |snapshot: &Snapshot| {
            let shown = series(
                &Arc::new(snapshot.clone()),
                "gitlab_pipeline_last_run_status",
            );
            shown.contains_key(&format!("{main}{status}"))
        }
    };
    bridge.seen_within(MINUTE, shows("pending")).await;
    let active = series(&bridge.snapshot(), "gitlab_pipelines_active");
    assert_eq!(active.get("project_id=7,state=pending"), Some(&1.0));
    assert_eq!(active.get("project_id=8,state=running"), Some(&0.0));
    bridge.gitlab.edit(|world| {
        world.events(&path(7)).finish_job(id, "build");
    });
    bridge.seen_within(MINUTE, shows("success")).await;
    let counted = runs(&bridge.snapshot());
    assert_eq!(
        counted,
        BTreeMap::from([("project_id=7,status=success".to_owned(), 1.0)])
    );
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_that_begins_and_ends_between_two_polls_is_counted_and_idle_costs_nothing() {
    let bridge = Bridge::settled(idle(1_000), Setup::default()).await;
    bridge.pass(30 * MINUTE).await;
    bridge.asked();
    bridge.pass(30 * MINUTE).await;
    let idle = bridge.asked().len();
    // One request a poll asks who was active, and carries the glances at 1,000 projects.
    assert!(idle <= 30 + 6 * 6, "{idle} requests in half an hour");
    bridge.gitlab.edit(|world| {
        let mut events = world.events(&path(500));
        let id = events.run_pipeline(|plan| plan.on("main").job("build", "build"));
        events.finish_job(id, "build");
        events.skip_pipeline();
    });
    bridge.pass(2 * MINUTE).await;
    let counted = runs(&bridge.snapshot());
    let expected =
        ["skipped", "success"].map(|status| (format!("project_id=500,status={status}"), 1.0));
    assert_eq!(counted, BTreeMap::from(expected));
    let _ = PipelineStatus::Success;
}
