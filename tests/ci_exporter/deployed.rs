//! Environments with their latest deployments, and how far these are behind their branches.

use std::collections::BTreeMap;

use gitlab_metrics_bridge::simulator::{DeploymentStatus, Fault, Version, World};

use super::simulation::{Bridge, HOUR, MINUTE, idle, path};
use super::{setup, shown};

/// A project that deployed to production.
fn deployed(version: Version) -> World {
    let mut world = idle(3);
    world.version(version);
    let mut events = world.events(&path(1));
    let id = events.run_pipeline(|plan| {
        plan.on("main")
            .job("ship", "deploy")
            .deploys_to("production")
    });
    events.finish_job(id, "ship");
    world.pass(MINUTE);
    world
}

/// The only series of a metric: its attributes and its value.
fn only(bridge: &Bridge, metric: &str) -> (String, f64) {
    let series = shown(&setup(), &bridge.snapshot(), metric);
    assert_eq!(series.len(), 1, "{metric}: {series:#?}");
    series.into_iter().next().unwrap()
}

fn label<'a>(series: &'a str, name: &str) -> &'a str {
    let mut labels = series.split(',').filter_map(|label| label.split_once('='));
    labels
        .find(|(own, _)| *own == name)
        .map_or("", |(_, text)| text)
}

/// The commit that is deployed, and the newest of its branch.
fn commits(info: &str) -> [String; 2] {
    ["current_commit_short_id", "latest_commit_short_id"].map(|name| label(info, name).to_owned())
}

/// What is shown of the environment before anything else happens. Returns the deployed commit.
fn assert_deployed(bridge: &Bridge) -> String {
    let production = format!("environment=production,project={}", path(1));
    let is_of = |metric: &str| {
        let (series, value) = only(bridge, metric);
        assert!(series.starts_with(&production), "{metric}: {series}");
        value
    };
    assert_eq!(is_of("gitlab_ci_environment_behind_commits_count"), 0.0);
    let counted = is_of("gitlab_ci_environment_deployment_count");
    assert_eq!(counted, 0.0, "it was before");
    assert!(is_of("gitlab_ci_environment_deployment_job_id") > 0.0);
    assert!(is_of("gitlab_ci_environment_deployment_timestamp") > 1e9);
    let (status, one) = only(bridge, "gitlab_ci_environment_deployment_status");
    assert_eq!((label(&status, "status"), one), ("success", 1.0));
    let (info, one) = only(bridge, "gitlab_ci_environment_information");
    let labels = ["available", "ref", "kind"].map(|name| label(&info, name));
    assert_eq!((labels, one), (["true", "main", "branch"], 1.0));
    let [current, latest] = commits(&info);
    assert_eq!((current.len(), &current), (8, &latest));
    current
}

#[tokio::test(start_paused = true)]
async fn the_latest_deployment_is_shown_and_how_far_it_is_behind_over_both_apis() {
    const BEHIND: &str = "gitlab_ci_environment_behind_commits_count";
    for over_rest in [false, true] {
        let mut bridge = Bridge::start(deployed(Version::V18_8), setup());
        if over_rest {
            let fault = Fault::on("/api/graphql").always().status(403);
            bridge.gitlab.fault(fault);
        }
        let known = |snapshot: &_| !shown(&setup(), snapshot, BEHIND).is_empty();
        bridge.seen_within(HOUR, known).await;
        bridge.pass(2 * HOUR).await;
        let current = assert_deployed(&bridge);
        bridge.gitlab.edit(|world| {
            let (commits, now) = (world.project(&path(1)).commits, world.now());
            let project = world.project(&path(1));
            project.commits(commits + 3).last_activity_at(now);
            let mut events = world.events(&path(1));
            let id = events.run_pipeline(|plan| plan.on("main").job("unit", "test"));
            events.finish_job(id, "unit");
        });
        bridge.pass(HOUR + 20 * MINUTE).await;
        assert_eq!(only(&bridge, BEHIND).1, 3.0);
        assert!(only(&bridge, "gitlab_ci_environment_behind_duration_seconds").1 > 0.0);
        let [deployed, newest] = commits(&only(&bridge, "gitlab_ci_environment_information").0);
        assert_eq!(deployed, current);
        assert!(newest != deployed, "over REST: {over_rest}");
    }
}

#[tokio::test(start_paused = true)]
async fn deployments_are_counted_once_and_the_latest_may_have_failed() {
    let bridge = Bridge::settled(deployed(Version::V18_8), setup()).await;
    bridge.pass(20 * MINUTE).await;
    for (status, word) in [
        (DeploymentStatus::Success, "success"),
        (DeploymentStatus::Failed, "failed"),
    ] {
        bridge.gitlab.edit(|world| {
            world.events(&path(1)).deploy("production", status);
            world.events(&path(1)).deploy("review/of-a-branch", status);
            // A pipeline that comes to rest tells that there may be deployments.
            world.events(&path(1)).skip_pipeline();
        });
        bridge.pass(10 * MINUTE).await;
        let (series, _) = only(&bridge, "gitlab_ci_environment_deployment_status");
        assert_eq!(label(&series, "status"), word);
    }
    let counted = shown(
        &setup(),
        &bridge.snapshot(),
        "gitlab_ci_environment_deployment_count",
    );
    let production = format!("environment=production,project={}", path(1));
    assert_eq!(counted, BTreeMap::from([(production, 2.0)]));
}

#[tokio::test(start_paused = true)]
async fn where_the_commits_may_not_be_read_nothing_is_said_of_being_behind() {
    let bridge = Bridge::start(deployed(Version::V18_8), setup());
    bridge.gitlab.fault(
        Fault::on("/api/v4/projects/1/repository/commits")
            .always()
            .status(403),
    );
    bridge.pass(2 * HOUR).await;
    for metric in ["behind_commits_count", "behind_duration_seconds"] {
        let metric = format!("gitlab_ci_environment_{metric}");
        assert_eq!(
            shown(&setup(), &bridge.snapshot(), &metric),
            BTreeMap::new()
        );
    }
    let (info, _) = only(&bridge, "gitlab_ci_environment_information");
    assert_eq!(label(&info, "latest_commit_short_id"), "");
    assert_eq!(label(&info, "current_commit_short_id").len(), 8);
}

/// A branch that does not move is asked about when the project was active, and not by every poll.
#[tokio::test(start_paused = true)]
async fn an_idle_project_is_not_compared_again() {
    let bridge = Bridge::start(deployed(Version::V18_8), setup());
    bridge.pass(2 * HOUR).await;
    bridge.asked();
    bridge.pass(6 * HOUR).await;
    let asked = bridge.asked();
    let compared = asked
        .iter()
        .filter(|request| request.path.contains("repository/commits"));
    assert_eq!(compared.count(), 0);
}
