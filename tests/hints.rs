//! Hints at subjects of projects: what a webhook is about is asked within seconds, and nothing else is.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod simulation;

use std::time::Duration;

use gitlab_metrics_bridge::metrics::{Catalogue, Choices, EnabledMetrics, Snapshot};
use gitlab_metrics_bridge::poll::Rhythm;
use gitlab_metrics_bridge::simulator::{DeploymentStatus, Fault, Request};
use simulation::{Bridge, HOUR, MINUTE, Setup, idle, path};

const SECOND: Duration = Duration::from_secs(1);
/// A burst of hints is waited for, and then asked.
const SOON: Duration = Duration::from_secs(5);

/// All that is on by default, and these subjects; polls are an hour apart.
fn setup(subjects: &[&str]) -> Setup {
    let catalogue = Catalogue::standard();
    let shows = |name: &str| {
        let metric = catalogue.find(name).unwrap();
        metric.by_default || subjects.contains(&metric.subject.name)
    };
    Setup {
        metrics: EnabledMetrics::new(catalogue, shows, Choices::default()),
        rhythm: Rhythm {
            interval: HOUR,
            glance: HOUR,
            sweep: 24 * HOUR,
        },
        budget: None,
        ..Setup::default()
    }
}

/// A bridge of some projects that has just polled for the second time.
async fn polled(setup: Setup, rest: bool) -> Bridge {
    // REST has its price for each project.
    let projects = if rest { 10 } else { 150 };
    let mut bridge = Bridge::start(idle(projects), setup);
    if rest {
        let blocked = Fault::on("/api/graphql").always();
        bridge
            .gitlab
            .fault(blocked.body(403, "text/html", "<html>blocked</html>"));
    }
    bridge
        .seen_within(HOUR, |snapshot| snapshot.project_count.is_some())
        .await;
    let ended = |bridge: &Bridge| bridge.snapshot().report.as_ref().map(|last| last.ended);
    let first = ended(&bridge);
    while ended(&bridge) == first {
        bridge.next(bridge.after(100 * HOUR)).await;
    }
    bridge.asked();
    bridge
}

/// The sum of the series of a metric of a project.
fn sum(bridge: &Bridge, metric: &str, id: u64) -> f64 {
    let (metric, snapshot) = (
        Catalogue::standard().find(metric).unwrap(),
        bridge.snapshot(),
    );
    let id = id.to_string();
    let mut sum = 0.0;
    let all = 0..snapshot.projects.len();
    metric.observe(&snapshot, all, &Choices::default(), &mut |told, value| {
        let is_it = told
            .iter()
            .any(|(name, text)| *name == "project_id" && **text == *id);
        sum += if is_it { value } else { 0.0 };
    });
    sum
}

/// What was asked: the operations of GraphQL with what they ask for, and the paths of REST.
fn told(requests: &[Request]) -> Vec<String> {
    let told = requests.iter().map(|request| match &request.query {
        Some(query) => query.clone(),
        None => request.path.clone(),
    });
    told.collect()
}

#[tokio::test(start_paused = true)]
async fn a_hint_at_a_deployment_has_it_counted_within_seconds_and_asks_for_nothing_else() {
    for rest in [false, true] {
        let bridge = polled(setup(&["deployments", "environments", "jobs"]), rest).await;
        bridge.gitlab.edit(|world| {
            let mut events = world.events(&path(7));
            events.deploy("production", DeploymentStatus::Success)
        });
        bridge
            .inbox
            .put_subjects(7, &["deployments", "environments"]);
        bridge.pass(SOON).await;
        assert_eq!(sum(&bridge, "gitlab_deployments_total", 7), 1.0, "{rest}");
        assert_eq!(sum(&bridge, "gitlab_environment_info", 7), 1.0, "{rest}");
        let asked = told(&bridge.asked());
        let is_of_it = |text: &String| {
            text.contains("environment") || text.starts_with("/api/v4/projects/7/deployments")
        };
        assert!(asked.iter().all(is_of_it), "{asked:#?}");
        // The list, the tier of the environment, and what environments show; over REST its last
        // deployments one by one.
        let most = if rest { 10 } else { 3 };
        assert!(asked.len() <= most, "{asked:#?}");
    }
}

/// A hint at a project as a whole, as a hook about a merge request or an issue is.
#[tokio::test(start_paused = true)]
async fn a_hint_at_a_project_has_what_was_merged_counted_within_seconds() {
    let counted = [
        "gitlab_merge_requests_merged_total",
        "gitlab_incidents_total",
    ];
    for rest in [false, true] {
        let bridge = polled(setup(&["merge_request_events", "dora"]), rest).await;
        bridge.gitlab.edit(|world| {
            let mut events = world.events(&path(7));
            events.open_merge_request().merge_merge_request();
            events.open_incident();
        });
        bridge.inbox.put(Some(7));
        bridge.pass(SOON).await;
        for metric in counted {
            assert_eq!(sum(&bridge, metric, 7), 1.0, "{metric}, {rest}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hint_at_what_is_not_enabled_costs_nothing() {
    let bridge = polled(setup(&[]), false).await;
    for subject in ["deployments", "environments", "jobs", "queue", "unheard of"] {
        bridge.inbox.put_subjects(7, &[subject]);
        // Nobody knows this one.
        bridge.inbox.put_subjects(7_000, &[subject]);
        bridge.pass(20 * SECOND).await;
        let asked = told(&bridge.asked());
        assert!(asked.is_empty(), "{subject}: {asked:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hint_at_releases_reads_them_and_no_other_column() {
    for rest in [false, true] {
        let bridge = polled(setup(&[]), rest).await;
        bridge.gitlab.edit(|world| {
            world.events(&path(7)).release().star();
        });
        bridge.inbox.put_subjects(7, &["releases"]);
        bridge.pass(SOON).await;
        assert_eq!(sum(&bridge, "gitlab_project_releases", 7), 1.0, "{rest}");
        assert_eq!(sum(&bridge, "gitlab_project_stars", 7), 0.0, "{rest}");
        let asked = told(&bridge.asked());
        assert!(asked.iter().all(|text| text.contains("releases")));
        assert!(asked.iter().all(|text| !text.contains("statistics")));
        assert_eq!(asked.len(), if rest { 2 } else { 1 }, "{asked:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_hint_at_a_pipeline_has_its_end_and_its_jobs_counted_within_seconds() {
    let bridge = polled(setup(&["jobs", "deployments", "environments"]), false).await;
    bridge.gitlab.edit(|world| {
        world.events(&path(7)).run_pipeline(|plan| {
            let plan = plan.job("unit", "test").takes(MINUTE);
            plan.job("deploy", "deploy")
                .takes(MINUTE)
                .deploys_to("production")
        })
    });
    bridge.pass(5 * MINUTE).await;
    bridge.asked();
    for _ in 0..3 {
        bridge.inbox.put_subjects(7, &["pipelines"]);
    }
    bridge.pass(SOON).await;
    assert_eq!(sum(&bridge, "gitlab_pipeline_runs_total", 7), 1.0);
    assert_eq!(sum(&bridge, "gitlab_jobs_total", 7), 2.0);
    let asked = told(&bridge.asked());
    assert_eq!(asked.len(), 2, "the feed, and the jobs: {asked:#?}");
    assert!(asked.iter().all(|text| text.contains("pipelines")));
}

/// A job that ends inside a running pipeline does not move the pipeline.
#[tokio::test(start_paused = true)]
async fn a_hint_at_a_job_has_it_counted_although_its_pipeline_goes_on() {
    let bridge = polled(setup(&["jobs", "queue"]), false).await;
    let pipeline = bridge.gitlab.edit(|world| {
        world
            .events(&path(7))
            .run_pipeline(|plan| plan.job("unit", "test").job("long", "test"))
    });
    bridge.inbox.put_subjects(7, &["jobs", "queue"]);
    bridge.pass(10 * MINUTE).await;
    assert_eq!(sum(&bridge, "gitlab_job_last_run_status", 7), 2.0);
    bridge.gitlab.edit(|world| {
        world.events(&path(7)).finish_job(pipeline, "unit");
    });
    bridge.asked();
    bridge.inbox.put_subjects(7, &["jobs", "queue"]);
    bridge.pass(SOON).await;
    assert_eq!(sum(&bridge, "gitlab_jobs_total", 7), 1.0);
    let asked = told(&bridge.asked());
    assert!(asked.len() <= 4, "{asked:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_hint_at_the_queue_has_it_counted_within_seconds() {
    for rest in [false, true] {
        let bridge = polled(setup(&["queue"]), rest).await;
        bridge.gitlab.edit(|world| {
            world
                .events(&path(7))
                .run_pipeline(|plan| plan.job("unit", "test").waits(HOUR).takes(MINUTE))
        });
        bridge.inbox.put_subjects(7, &["jobs", "queue"]);
        bridge.pass(SOON).await;
        assert_eq!(queued(&bridge.snapshot()), 1.0, "{rest}");
        let asked = told(&bridge.asked());
        // Over REST the new pipeline is a document and two counts besides.
        assert!(asked.len() <= if rest { 5 } else { 3 }, "{asked:#?}");
    }
}

fn queued(snapshot: &Snapshot) -> f64 {
    let metric = Catalogue::standard().find("gitlab_jobs_queued").unwrap();
    let mut sum = 0.0;
    let all = 0..snapshot.projects.len();
    metric.observe(snapshot, all, &Choices::default(), &mut |_, value| {
        sum += value
    });
    sum
}

/// In a burst each project is asked once for each subject, many of them in a request.
#[tokio::test(start_paused = true)]
async fn a_burst_of_hints_takes_a_handful_of_requests() {
    let bridge = polled(setup(&["jobs", "environments"]), false).await;
    bridge.gitlab.edit(|world| {
        for id in 1..=150 {
            let mut events = world.events(&path(id));
            events.run_pipeline(|plan| plan.job("unit", "test").takes(SECOND));
        }
    });
    bridge.pass(10 * SECOND).await;
    for _ in 0..20 {
        for id in 1..=150 {
            bridge.inbox.put_subjects(id, &["jobs", "queue"]);
            bridge.inbox.put_subjects(id, &["pipelines", "releases"]);
            bridge
                .inbox
                .put_subjects(id, &["deployments", "environments"]);
        }
    }
    bridge.pass(20 * SECOND).await;
    for id in 1..=150 {
        assert_eq!(sum(&bridge, "gitlab_jobs_total", id), 1.0, "{id}");
    }
    let asked = told(&bridge.asked());
    assert!(asked.len() <= 12, "{} {asked:#?}", asked.len());
}

/// What began after the poll before is counted of a project that a hint finds before the next poll does.
#[tokio::test(start_paused = true)]
async fn what_ended_in_a_new_project_is_counted_although_hints_at_others_came_before_it_was_found()
{
    let bridge = polled(setup(&[]), false).await;
    bridge.gitlab.edit(|world| {
        world.project_with_id("group-1/new", 900);
        let mut events = world.events("group-1/new");
        events.run_pipeline(|plan| plan.job("unit", "test").takes(SECOND));
    });
    bridge.pass(10 * SECOND).await;
    bridge.inbox.put_subjects(7, &["pipelines"]);
    bridge.pass(2 * HOUR).await;
    assert_eq!(sum(&bridge, "gitlab_pipeline_runs_total", 900), 1.0);
}
