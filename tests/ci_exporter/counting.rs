//! Runs of pipelines and jobs are counted once each, when they begin.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use gitlab_metrics_bridge::metrics::{Choices, Limits, Refs, ScrapeNames};
use gitlab_metrics_bridge::poll::Poller;
use gitlab_metrics_bridge::simulator::{FailureReason, GitLab, PipelinePlan, World};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::simulation::process::Process;
use super::simulation::{Bridge, HOUR, MINUTE, idle, path, poller};
use super::{setup, setup_with, shown};

const PIPELINES: &str = "gitlab_ci_pipeline_run_count";
const JOBS: &str = "gitlab_ci_pipeline_job_run_count";

/// What ran, by the series that count it.
#[derive(Default)]
struct Tally {
    pipelines: BTreeMap<String, f64>,
    jobs: BTreeMap<String, f64>,
}

impl Tally {
    fn job(&mut self, of: &str, name: &str) {
        let (project, of) = of.split_once(' ').unwrap();
        let series = format!("job_name={name},{of},stage=test");
        let series = series.replacen(",ref=", &format!(",project={project},ref="), 1);
        *self.jobs.entry(series).or_default() += 1.0;
    }

    fn pipeline(&mut self, of: &str) {
        let (project, of) = of.split_once(' ').unwrap();
        let series = of.replacen(",ref=", &format!(",project={project},ref="), 1);
        *self.pipelines.entry(series).or_default() += 1.0;
    }
}

/// A ref, as the series of a project name it: the project, and the attributes.
fn choose(plan: &mut PipelinePlan, project: u64, kind: u8) -> String {
    let of = match kind {
        0 => {
            plan.on_tag("v1");
            "kind=tag,ref=v1"
        }
        1 => {
            plan.on("v1");
            "kind=branch,ref=v1"
        }
        2 => {
            plan.on_merge_request(4, "feature");
            "kind=merge-request,ref=4"
        }
        _ => {
            plan.on("main");
            "kind=branch,ref=main"
        }
    };
    format!("{} {of}", path(project))
}

/// Something happens in a project: a pipeline begins, and its job fails, is retried, or goes on for a while.
fn happen(gitlab: &GitLab, random: &mut Rng, tally: &mut Tally) {
    let (project, kind) = (random.u64(1..=6), random.u8(0..8));
    gitlab.edit(|world| {
        let mut events = world.events(&path(project));
        let mut of = String::new();
        let id = events.run_pipeline(|plan| {
            of = choose(plan, project, kind);
            plan.job("lint", "test").job("unit", "test")
        });
        tally.pipeline(&of);
        for name in ["lint", "unit"] {
            tally.job(&of, name);
            events.start_job(id, name);
            if random.u8(0..4) > 0 {
                events.finish_job(id, name);
                continue;
            }
            events.fail_job(id, name, FailureReason::ScriptFailure);
            tally.job(&of, name);
            events.retry_job(id, name);
            events.finish_job(id, name);
        }
    });
}

#[tokio::test(start_paused = true)]
async fn every_run_is_counted_once_by_ref_and_by_job_whatever_fails_and_ends() {
    for seed in [1, 2] {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let (gitlab, setup) = (Arc::new(GitLab::in_process(idle(6))), setup());
        let mut random = Rng::with_seed(seed);
        let mut before = Tally::default();
        happen(&gitlab, &mut random, &mut before);
        tokio::time::sleep(MINUTE).await;
        let mut process = Process::start(&gitlab, &setup, &state);
        tokio::time::sleep(20 * MINUTE).await;
        gitlab.chaos(0.1, seed);
        let (mut tally, mut last) = (Tally::default(), BTreeMap::new());
        for crash in 0..3 {
            for _ in 0..25 {
                happen(&gitlab, &mut random, &mut tally);
                tokio::time::sleep(Duration::from_secs(random.u64(1..180))).await;
                let now = shown(&setup, &process.shown(), PIPELINES);
                for (series, count) in &last {
                    assert!(now.get(series) >= Some(count), "{series} fell");
                }
                last = now;
            }
            if crash < 2 {
                process.kill().await;
                process = Process::start(&gitlab, &setup, &state);
                tokio::time::sleep(2 * MINUTE).await;
            }
        }
        gitlab.chaos(0.0, 0);
        tokio::time::sleep(2 * HOUR).await;
        let snapshot = process.shown();
        let counted = |metric| -> BTreeMap<String, f64> {
            let all = shown(&setup, &snapshot, metric).into_iter();
            all.filter(|(_, count)| *count > 0.0).collect()
        };
        assert_eq!(counted(PIPELINES), tally.pipelines, "seed {seed}");
        // Of the newest pipeline of a ref each job is shown, and the pipelines here have the same jobs.
        assert_eq!(counted(JOBS), tally.jobs, "seed {seed}");
        process.kill().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_count_begins_at_zero_and_rises_when_a_run_is_seen_to_begin() {
    let mut world = idle(2);
    let mut events = world.events(&path(1));
    let id = events.run_pipeline(|plan| plan.on("main").job("unit", "test"));
    events.finish_job(id, "unit");
    world.pass(MINUTE);
    let setup = setup();
    let bridge = Bridge::settled(world, setup.clone()).await;
    bridge.pass(20 * MINUTE).await;
    let main = format!("kind=branch,project={},ref=main", path(1));
    let unit = format!(
        "job_name=unit,kind=branch,project={},ref=main,stage=test",
        path(1)
    );
    let runs = |bridge: &Bridge| {
        let shown = |metric| shown(&setup, &bridge.snapshot(), metric);
        (shown(PIPELINES), shown(JOBS))
    };
    let of = |name: &str, count: f64| BTreeMap::from([(name.to_owned(), count)]);
    assert_eq!(runs(&bridge), (of(&main, 0.0), of(&unit, 0.0)));
    let id = bridge.gitlab.edit(|world| {
        let mut events = world.events(&path(1));
        events.run_pipeline(|plan| plan.on("main").job("unit", "test"))
    });
    bridge.pass(2 * MINUTE).await;
    assert_eq!(
        runs(&bridge),
        (of(&main, 1.0), of(&unit, 0.0)),
        "the job waits"
    );
    bridge.gitlab.edit(|world| {
        world.events(&path(1)).start_job(id, "unit");
    });
    bridge.pass(2 * MINUTE).await;
    assert_eq!(runs(&bridge), (of(&main, 1.0), of(&unit, 1.0)));
    bridge.gitlab.edit(|world| {
        let mut events = world.events(&path(1));
        events.fail_job(id, "unit", FailureReason::ScriptFailure);
        events.retry(id);
    });
    bridge.pass(2 * MINUTE).await;
    bridge.gitlab.edit(|world| {
        world.events(&path(1)).finish_job(id, "unit");
    });
    bridge.pass(2 * MINUTE).await;
    assert_eq!(
        runs(&bridge),
        (of(&main, 1.0), of(&unit, 2.0)),
        "a retry is another attempt of the job and no other pipeline"
    );
}

/// However many refs there are, and whatever ran on them.
#[tokio::test(start_paused = true)]
async fn the_series_of_runs_stay_within_the_limits_of_refs_and_jobs() {
    let setup = setup_with(Choices {
        scrape_names: ScrapeNames::CiExporter,
        refs: Refs {
            branches: vec!["*".to_owned()],
            ..Refs::default()
        },
        limits: Limits {
            refs_per_project: 3,
            jobs_per_project: 2,
            ..Limits::default()
        },
        ..Choices::default()
    });
    let bridge = Bridge::settled(idle(2), setup.clone()).await;
    bridge.pass(20 * MINUTE).await;
    for branch in 0..20 {
        bridge.gitlab.edit(|world| {
            let mut events = world.events(&path(1));
            let id = events.run_pipeline(|plan| plan.on(&format!("b{branch}")).job("unit", "test"));
            events.finish_job(id, "unit");
        });
        bridge.pass(MINUTE).await;
    }
    bridge.pass(20 * MINUTE).await;
    for (metric, most) in [(PIPELINES, 3), (JOBS, 2), ("gitlab_ci_pipeline_status", 3)] {
        let series = shown(&setup, &bridge.snapshot(), metric);
        assert_eq!(series.len(), most, "{metric}: {series:#?}");
    }
    let counts = shown(&setup, &bridge.snapshot(), PIPELINES);
    assert!(counts.values().all(|count| *count == 1.0), "{counts:?}");
}

/// As a reload does it: what is known is carried over to other names.
#[tokio::test(start_paused = true)]
async fn the_names_are_chosen_and_left_while_the_bridge_runs() {
    let mut world = idle(2);
    let run = |world: &mut World| {
        let mut events = world.events(&path(1));
        let id = events.run_pipeline(|plan| plan.on("main").job("unit", "test"));
        events.finish_job(id, "unit");
    };
    run(&mut world);
    world.pass(MINUTE);
    let gitlab = Arc::new(GitLab::in_process(world));
    let (ours, theirs) = (setup_with(Choices::default()), setup());
    let start = |poller: Poller| {
        let (publish, snapshots) = watch::channel(poller.last());
        let leave = CancellationToken::new();
        let run = poller.run_until_left(publish, CancellationToken::new(), leave.clone());
        (snapshots, leave, tokio::spawn(run))
    };
    let mut running = start(poller(&gitlab, ours.clone()));
    tokio::time::sleep(20 * MINUTE).await;
    let main = format!("kind=branch,project={},ref=main", path(1));
    for (setup, expected) in [(&theirs, Some(1.0)), (&ours, None), (&theirs, Some(1.0))] {
        let (_, leave, task) = running;
        leave.cancel();
        let handed = task.await.unwrap().expect("it was told to leave");
        running = start(poller(&gitlab, setup.clone()).take_over(handed, None));
        tokio::time::sleep(20 * MINUTE).await;
        gitlab.edit(run);
        tokio::time::sleep(20 * MINUTE).await;
        let snapshot = Arc::clone(&running.0.borrow());
        let runs = shown(&theirs, &snapshot, PIPELINES);
        assert_eq!(
            runs.get(&main).copied().filter(|_| expected.is_some()),
            expected
        );
        let jobs = shown(&theirs, &snapshot, JOBS);
        assert_eq!(jobs.len(), usize::from(expected.is_some()), "{jobs:?}");
        let ended = shown(&ours, &snapshot, "gitlab_pipeline_runs_total");
        assert_eq!(ended.len(), 1, "{ended:?}");
    }
}
