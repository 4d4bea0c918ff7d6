//! REST alone tells what GraphQL does, where its API has it: of each ref the newest pipeline and the last
//! success, how many jobs it has, and issues by label. What did not move is not asked again.

mod simulation;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use gitlab_metrics_bridge::metrics::{Catalogue, Choices, EnabledMetrics, Snapshot, View};
use gitlab_metrics_bridge::simulator::{FailureReason, Fault, Issue, IssueKind, Request, World};
use simulation::{Bridge, HOUR, MINUTE, Setup, idle, path};

/// What is shown by default, and with it these subjects and tags.
fn enabled(subjects: &[&str], tags: &[&str]) -> EnabledMetrics {
    let mut choices = Choices {
        issue_labels: ["bug", "needs: work"].map(str::to_owned).to_vec(),
        ..Choices::default()
    };
    choices.refs.tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
    let catalogue = Catalogue::standard();
    let shows = |name: &str| {
        let metric = catalogue.find(name).unwrap();
        metric.by_default || subjects.contains(&metric.subject.name)
    };
    EnabledMetrics::new(catalogue, shows, choices)
}

/// A bridge that is let through to REST alone, or to both.
fn bridge(world: World, metrics: EnabledMetrics, graphql: bool) -> Bridge {
    let setup = Setup {
        metrics,
        ..Setup::default()
    };
    let bridge = Bridge::start(world, setup);
    if !graphql {
        let blocked = Fault::on("/api/graphql").always().status(403);
        bridge.gitlab.fault(blocked);
    }
    bridge
}

/// The series of a metric as attributes and number.
fn series(snapshot: &Arc<Snapshot>, metric: &str) -> BTreeMap<String, f64> {
    let view = View::from(Arc::clone(snapshot));
    let metric = Catalogue::standard().find(metric).unwrap();
    let (mut all, projects) = (BTreeMap::new(), 0..view.projects());
    view.observe(
        metric,
        projects,
        &Choices::default(),
        &mut |labels, value| {
            let labels = labels.iter().map(|(key, value)| format!("{key}={value}"));
            let mut labels: Vec<String> = labels.collect();
            labels.sort();
            all.insert(labels.join(","), value);
        },
    );
    all
}

const OF_REFS: [&str; 5] = [
    "gitlab_pipeline_last_run_status",
    "gitlab_pipeline_last_run_created_timestamp_seconds",
    "gitlab_pipeline_last_run_finished_timestamp_seconds",
    "gitlab_pipeline_last_success_timestamp_seconds",
    "gitlab_pipeline_last_run_jobs",
];

/// The same series over both APIs, after an hour.
async fn over_both(
    world: impl Fn() -> World,
    metrics: &EnabledMetrics,
    shown: &[&str],
) -> [Vec<BTreeMap<String, f64>>; 2] {
    let mut both = [Vec::new(), Vec::new()];
    for (graphql, told) in [true, false].into_iter().zip(&mut both) {
        let bridge = bridge(world(), metrics.clone(), graphql);
        bridge.pass(HOUR + 20 * MINUTE).await;
        let snapshot = bridge.snapshot();
        *told = shown.iter().map(|name| series(&snapshot, name)).collect();
    }
    both
}

/// Runs a pipeline of one job to its end.
fn run(world: &mut World, on: &str, is_tag: bool, succeeds: bool) -> u64 {
    let mut events = world.events(&path(1));
    let id = events.run_pipeline(|plan| {
        match is_tag {
            true => plan.on_tag(on),
            false => plan.on(on),
        };
        plan.job("build", "build")
    });
    match succeeds {
        true => events.finish_job(id, "build"),
        false => events.fail_job(id, "build", FailureReason::ScriptFailure),
    };
    id
}

#[tokio::test(start_paused = true)]
async fn a_branch_and_a_tag_of_one_name_are_two_refs() {
    let world = || {
        let mut world = idle(2);
        for (is_tag, succeeds) in [
            (true, true),
            (false, true),
            (false, false),
            (true, false),
            (true, true),
        ] {
            run(&mut world, "main", is_tag, succeeds);
        }
        world
    };
    for tags in [[].as_slice(), &["*"]] {
        let metrics = enabled(&[], tags);
        let [graphql, rest] = over_both(world, &metrics, &OF_REFS).await;
        let refs = if tags.is_empty() { 1 } else { 2 };
        assert!(graphql.iter().all(|all| all.len() == refs), "{graphql:?}");
        assert_eq!(graphql, rest, "tags: {tags:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_success_is_found_however_many_runs_have_failed_since() {
    let mut world = idle(2);
    run(&mut world, "main", false, true);
    // The tag's success is newer, and not the branch's.
    run(&mut world, "main", true, true);
    for _ in 0..30 {
        run(&mut world, "main", false, false);
    }
    let ended = world.ledger().pipelines().iter().next().unwrap().at;
    let bridge = bridge(world, enabled(&[], &[]), false);
    bridge.pass(HOUR).await;
    let shown = series(
        &bridge.snapshot(),
        "gitlab_pipeline_last_success_timestamp_seconds",
    );
    let main = "kind=branch,project_id=1,ref=main".to_owned();
    let expected = BTreeMap::from([(main, ended.as_second() as f64)]);
    assert_eq!(shown, expected);
    bridge.asked();
    bridge.pass(2 * HOUR).await;
    let asked = bridge.asked();
    let again = asked
        .iter()
        .filter(|one| one.path.contains("status=success"));
    assert_eq!(again.count(), 0, "what is known is not sought again");
}

#[tokio::test(start_paused = true)]
async fn the_default_branch_is_found_behind_the_newest_runs_of_others() {
    let world = || {
        let mut world = idle(2);
        run(&mut world, "main", false, true);
        run(&mut world, "main", false, false);
        for number in 0..30 {
            run(&mut world, &format!("branch-{number}"), false, true);
        }
        world
    };
    let [graphql, rest] = over_both(world, &enabled(&[], &[]), &OF_REFS).await;
    assert!(rest.iter().all(|all| all.len() == 1), "{rest:?}");
    assert_eq!(graphql, rest);
}

#[tokio::test(start_paused = true)]
async fn jobs_are_counted_with_those_that_were_retried_and_those_that_trigger_others() {
    let second = Duration::from_secs(1);
    let world = || {
        let mut world = idle(2);
        let mut events = world.events(&path(1));
        events.run_pipeline(|plan| {
            plan.on("main").job("build", "build").takes(second);
            plan.child("trigger", "test", |child| {
                child.job("inner", "test").takes(second)
            });
            plan.job("unit", "test")
                .takes(second)
                .fails(FailureReason::ScriptFailure)
                .retried_after(60 * second)
        });
        world
    };
    let [graphql, rest] = over_both(world, &enabled(&[], &[]), &OF_REFS).await;
    assert!(graphql[4].values().all(|jobs| *jobs > 3.0), "{graphql:?}");
    assert_eq!(graphql, rest);
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_at_rest_costs_a_list_and_no_document() {
    let mut world = idle(1);
    run(&mut world, "main", false, true);
    run(&mut world, "main", false, false);
    let bridge = bridge(world, enabled(&[], &["*"]), false);
    bridge.pass(2 * HOUR).await;
    bridge.asked();
    bridge.pass(3 * HOUR).await;
    let asked = bridge.asked();
    let documents = asked.iter().filter(|one| one.path.contains("/pipelines/"));
    assert_eq!(documents.count(), 0);
    let lists = asked.iter().filter(|one| one.path.contains("/pipelines?"));
    assert!(
        lists.count() <= 3 * 5,
        "one a quarter of an hour, and a sweep"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_of_which_gitlab_does_not_say_when_it_changed_shows_how_it_ended() {
    let bridge = bridge(idle(1), enabled(&[], &[]), false);
    bridge.pass(5 * MINUTE).await;
    let id = bridge.gitlab.edit(|world| {
        let mut events = world.events(&path(1));
        events.run_pipeline(|plan| plan.on("main").without_updated_at().job("build", "build"))
    });
    bridge.pass(HOUR + 20 * MINUTE).await;
    bridge.gitlab.edit(|world| {
        world.events(&path(1)).finish_job(id, "build");
    });
    bridge.pass(HOUR + 20 * MINUTE).await;
    let shown = series(&bridge.snapshot(), "gitlab_pipeline_last_run_status");
    let main = "kind=branch,project_id=1,ref=main,status=success".to_owned();
    assert_eq!(shown, BTreeMap::from([(main, 1.0)]));
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_that_is_deleted_after_it_was_listed_holds_no_other_up() {
    let mut world = idle(1);
    run(&mut world, "main", false, true);
    let gone = run(&mut world, "main", false, true);
    let bridge = bridge(world, enabled(&[], &[]), false);
    let document = format!("/api/v4/projects/1/pipelines/{gone}");
    bridge
        .gitlab
        .fault(Fault::on(&document).always().status(404));
    bridge.pass(20 * MINUTE).await;
    let shown = series(&bridge.snapshot(), "gitlab_pipeline_last_run_status");
    let main = "kind=branch,project_id=1,ref=main,status=success".to_owned();
    assert_eq!(shown, BTreeMap::from([(main, 1.0)]));
}

#[tokio::test(start_paused = true)]
async fn what_can_not_be_counted_is_absent_and_holds_no_other_up() {
    let mut world = idle(1);
    run(&mut world, "main", false, true);
    let bridge = bridge(world, enabled(&[], &[]), false);
    for below in ["jobs", "bridges"] {
        let is_it = move |request: &Request| request.path.contains(below);
        let fault = Fault::on("/api/v4/projects/1/pipelines/").when(is_it);
        bridge.gitlab.fault(fault.always().status(500));
    }
    bridge.pass(HOUR).await;
    let snapshot = bridge.snapshot();
    assert_eq!(series(&snapshot, "gitlab_pipeline_last_run_jobs").len(), 0);
    assert_eq!(
        series(&snapshot, "gitlab_pipeline_last_run_status").len(),
        1
    );
}

#[tokio::test(start_paused = true)]
async fn issues_are_counted_by_label() {
    let world = || {
        let mut world = idle(2);
        let day = world.now();
        let project = world.project(&path(1));
        for labels in [&["bug"][..], &["bug", "urgent"], &["needs: work"]] {
            project.add_issue(Issue::opened(IssueKind::Issue, day).labels(labels));
        }
        world
    };
    let metrics = enabled(&["issues_by_label"], &[]);
    let shown = ["gitlab_issues_by_label"];
    let [graphql, rest] = over_both(world, &metrics, &shown).await;
    let bugs = "label=bug,project_id=1,state=opened";
    assert_eq!(graphql[0].get(bugs), Some(&2.0));
    assert_eq!(graphql, rest);
}
