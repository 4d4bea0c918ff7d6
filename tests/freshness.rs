//! What is seen within which time: the promises of `poll::schedule`, on a paused clock.
//!
//! So that the sweep does not see a change before what is promised to see it, changes happen to the project
//! that it sees last.

mod simulation;

use std::sync::Arc;
use std::time::Duration;

use gitlab_metrics_bridge::metrics::{Catalogue, Choices, EnabledMetrics, Owner, Snapshot, View};
use gitlab_metrics_bridge::poll::Rhythm;
use gitlab_metrics_bridge::simulator::{Events, PipelineStatus, World};
use jiff::Timestamp;
use simulation::truth::{shown, slot};
use simulation::{Bridge, MINUTE, Setup, idle};

const INTERVAL: Duration = MINUTE;
const GLANCE: Duration = Duration::from_secs(5 * 60);
const SWEEP: Duration = Duration::from_secs(15 * 60);

/// So many that the sweep has a page for each interval.
const PROJECTS: u64 = 1_500;
/// The one whose page comes last: GitLab lists the newest first.
const LAST: u64 = 1;

fn setup() -> Setup {
    let rhythm = Rhythm {
        interval: INTERVAL,
        glance: GLANCE,
        sweep: SWEEP,
    };
    Setup {
        rhythm,
        ..Setup::default()
    }
}

async fn bridge_of(world: World) -> Bridge {
    Bridge::settled(world, setup()).await
}

async fn bridge() -> Bridge {
    bridge_of(idle(PROJECTS)).await
}

impl Bridge {
    fn happen(&self, what: impl FnOnce(&mut Events<'_>)) {
        self.gitlab.edit(|world| what(&mut world.events_of(LAST)));
    }

    /// Waits until what a question asks of the last project is so many.
    #[track_caller]
    fn shows(
        &mut self,
        limit: Duration,
        question: &str,
        value: u64,
    ) -> impl Future<Output = Duration> {
        let slot = slot(question);
        self.seen_within(limit, move |snapshot| {
            shown(snapshot, LAST, slot) == Some(value)
        })
    }

    fn last_active(&self) -> Timestamp {
        self.gitlab
            .read(|world| world.find_project(&path()).unwrap().last_activity_at)
    }
}

fn path() -> String {
    simulation::path(LAST)
}

fn last(snapshot: &Snapshot) -> Option<&Owner> {
    let last = snapshot.projects.first().map(AsRef::as_ref);
    last.filter(|project| project.identity.id == LAST)
}

const COMMITS: &str = "statistics.commitCount";
const OPEN_ISSUES: &str = "issueStatusCounts.opened";
const MERGED: &str = "mergeRequests(state: merged";
const ARTIFACTS: &str = "statistics.buildArtifactsSize";

#[tokio::test(start_paused = true)]
async fn a_first_change_is_seen_within_an_interval() {
    let mut bridge = bridge().await;
    bridge.happen(|events| {
        events.push(3).open_issue().release();
        events.open_merge_request().merge_merge_request();
    });
    bridge.shows(INTERVAL, COMMITS, 5).await;
    bridge.shows(INTERVAL, OPEN_ISSUES, 3).await;
    bridge.shows(INTERVAL, MERGED, 1).await;
    bridge.shows(INTERVAL, "releases", 1).await;
}

#[tokio::test(start_paused = true)]
async fn further_changes_within_the_hour_are_seen_within_an_interval() {
    let mut bridge = bridge().await;
    bridge.happen(|events| {
        events.note();
    });
    let active = bridge.last_active();
    for issues in 3..10 {
        bridge.pass(8 * MINUTE).await;
        bridge.happen(|events| {
            events.open_issue();
        });
        assert_eq!(bridge.last_active(), active, "GitLab moves it once an hour");
        bridge.shows(INTERVAL, OPEN_ISSUES, issues).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_just_before_and_one_just_after_the_hour_is_over_are_seen_within_an_interval() {
    let mut bridge = bridge().await;
    bridge.pass(Duration::from_secs(31)).await;
    bridge.happen(|events| {
        events.open_issue();
    });
    let active = bridge.last_active();
    bridge.pass(60 * MINUTE - Duration::from_secs(1)).await;
    bridge.happen(|events| {
        events.open_issue();
    });
    assert_eq!(bridge.last_active(), active);
    bridge.shows(INTERVAL, OPEN_ISSUES, 4).await;
    bridge.happen(|events| {
        events.open_issue();
    });
    assert!(bridge.last_active() > active);
    bridge.shows(INTERVAL, OPEN_ISSUES, 5).await;
    bridge.pass(59 * MINUTE).await;
    bridge.happen(|events| {
        events.open_issue();
    });
    bridge.shows(INTERVAL, OPEN_ISSUES, 6).await;
}

#[tokio::test(start_paused = true)]
async fn commits_are_seen_an_interval_after_late_statistics_have_them() {
    let lag = 14 * MINUTE;
    let mut bridge = bridge().await;
    bridge.gitlab.edit(|world| world.statistics_lag(lag));
    bridge.happen(|events| {
        events.push(1);
    });
    bridge.pass(59 * MINUTE + Duration::from_secs(50)).await;
    bridge.shows(Duration::ZERO, COMMITS, 2).await;
    bridge.happen(|events| {
        events.push(1);
    });
    bridge.pass(lag).await;
    bridge.shows(INTERVAL, COMMITS, 3).await;
}

#[tokio::test(start_paused = true)]
async fn what_pipelines_leave_is_seen_within_the_ci_interval() {
    let mut bridge = bridge().await;
    for pipelines in 1..=3 {
        bridge.pass(MINUTE + Duration::from_secs(7)).await;
        bridge.happen(|events| {
            events
                .create_pipeline(PipelineStatus::Success)
                .store_artifacts(100);
        });
        bridge.shows(GLANCE, ARTIFACTS, 100 * pipelines).await;
    }
}

#[tokio::test(start_paused = true)]
async fn stars_and_forks_and_bytes_are_seen_within_a_sweep() {
    let mut bridge = bridge().await;
    bridge.happen(|events| {
        events.star().fork().grow(7);
    });
    let took = bridge.shows(SWEEP, "starCount", 1).await;
    assert!(
        took > GLANCE,
        "a page that rode along was quicker: {took:?}"
    );
    bridge.shows(Duration::ZERO, "forksCount", 1).await;
    bridge
        .shows(Duration::ZERO, "statistics.repositorySize", 7)
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_rename_a_transfer_and_archiving_are_seen_within_the_ci_interval() {
    let mut bridge = bridge().await;
    bridge
        .gitlab
        .edit(|world| world.rename_project(&path(), "group-0/renamed"));
    let at = |path: &'static str| {
        move |snapshot: &Snapshot| last(snapshot).is_some_and(|last| *last.identity.path == *path)
    };
    bridge.seen_within(GLANCE, at("group-0/renamed")).await;
    bridge
        .gitlab
        .edit(|world| world.transfer_project("group-0/renamed", "elsewhere"));
    bridge.seen_within(GLANCE, at("elsewhere/renamed")).await;
    bridge.happen(|events| {
        events.archive();
    });
    let archived = |snapshot: &Snapshot| {
        last(snapshot).is_some_and(|last| last.identity.archived == Some(true))
    };
    bridge.seen_within(GLANCE, archived).await;
    assert_eq!(bridge.snapshot().projects.len() as u64, PROJECTS);
}

#[tokio::test(start_paused = true)]
async fn the_deletion_of_an_idle_project_is_seen_within_the_ci_interval() {
    let mut bridge = bridge().await;
    bridge.gitlab.edit(|world| world.remove_project(&path()));
    bridge
        .seen_within(GLANCE, |snapshot| last(snapshot).is_none())
        .await;
    assert_eq!(bridge.snapshot().project_count, Some(PROJECTS - 1));
}

#[tokio::test(start_paused = true)]
async fn the_deletion_of_an_active_project_is_seen_within_an_interval() {
    let mut bridge = bridge().await;
    bridge.happen(|events| {
        events.push(1);
    });
    bridge.shows(INTERVAL, COMMITS, 2).await;
    bridge.pass(20 * MINUTE).await;
    bridge.gitlab.edit(|world| world.remove_project(&path()));
    bridge
        .seen_within(INTERVAL, |snapshot| last(snapshot).is_none())
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_restored_project_is_seen_within_a_sweep() {
    let mut bridge = bridge().await;
    bridge.gitlab.edit(|world| world.remove_project(&path()));
    bridge
        .seen_within(GLANCE, |snapshot| last(snapshot).is_none())
        .await;
    bridge.gitlab.edit(|world| world.restore_project(&path()));
    bridge
        .seen_within(SWEEP, |snapshot| last(snapshot).is_some())
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_new_project_is_seen_within_an_interval() {
    let mut bridge = bridge().await;
    bridge.gitlab.edit(|world| world.project("group-0/new").id);
    let count = |snapshot: &Snapshot| snapshot.project_count == Some(PROJECTS + 1);
    bridge.seen_within(INTERVAL, count).await;
}

#[tokio::test(start_paused = true)]
async fn who_leaves_or_joins_a_project_sees_that_within_a_sweep() {
    let mut bridge = bridge().await;
    for member in [false, true] {
        bridge
            .gitlab
            .edit(|world| world.project(&path()).member = member);
        bridge
            .seen_within(SWEEP, |snapshot| last(snapshot).is_some() == member)
            .await;
    }
}

#[tokio::test(start_paused = true)]
async fn deleted_issues_are_seen_within_a_sweep_and_of_an_active_project_within_an_interval() {
    let mut bridge = bridge().await;
    bridge.gitlab.edit(|world| {
        world.project(&path()).issues(1, 1);
    });
    bridge.shows(SWEEP, OPEN_ISSUES, 1).await;
    bridge.happen(|events| {
        events.note();
    });
    bridge.pass(2 * INTERVAL).await;
    bridge.gitlab.edit(|world| {
        world.project(&path()).issues(0, 0);
    });
    bridge.shows(INTERVAL, OPEN_ISSUES, 0).await;
}

/// The sum of a metric over all that is shown.
fn sum(snapshot: &Snapshot, metric: &str) -> f64 {
    let view = View::from(Arc::new(snapshot.clone()));
    let metric = Catalogue::standard().find(metric).unwrap();
    let (mut sum, all) = (0.0, 0..view.projects());
    view.observe(metric, all, &Choices::default(), &mut |_, value| {
        sum += value
    });
    sum
}

#[tokio::test(start_paused = true)]
async fn what_was_merged_and_incidents_are_counted_an_interval_after_the_numbers_move() {
    let (merged, incidents) = (
        "gitlab_merge_requests_merged_total",
        "gitlab_incidents_total",
    );
    let shown = [merged, incidents, "gitlab_merge_requests", "gitlab_issues"];
    let wanted = |name: &str| shown.contains(&name);
    let metrics = EnabledMetrics::new(Catalogue::standard(), wanted, Choices::default());
    let setup = Setup { metrics, ..setup() };
    let mut bridge = Bridge::settled(idle(PROJECTS), setup).await;
    bridge.pass(GLANCE).await;
    for count in 1..=3 {
        bridge.happen(|events| {
            events.open_merge_request().merge_merge_request();
            events.open_incident();
        });
        for counted in [merged, incidents] {
            bridge
                .seen_within(INTERVAL, |shown| sum(shown, counted) == f64::from(count))
                .await;
        }
        bridge.pass(INTERVAL).await;
    }
}
