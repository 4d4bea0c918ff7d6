//! A poller and its GitLab in one process, on tokio's paused clock: a day passes in moments, and
//! nothing of it is decided by how fast this machine is.
#![allow(
    dead_code,
    reason = "every test compiles its own copy and none uses all of it; `expect` would fail in the one that does"
)]

pub mod asked;
pub mod chaos;
pub mod counted;
pub mod process;
pub mod truth;
mod wire;

use std::panic::Location;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use gitlab_metrics_bridge::gitlab::{self, Budget, Client, Clock, CredentialSource};
use gitlab_metrics_bridge::metrics::{EnabledMetrics, Report, Snapshot, UnixTime};
use gitlab_metrics_bridge::poll::{
    self, Checkpoint, Filter, Inbox, Polled, Poller, Rhythm, Selection, Source,
};
use gitlab_metrics_bridge::simulator::{DEMO_TOKEN, GitLab, Request, World};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::{CancellationToken, DropGuard};
use wire::Call;

pub const MINUTE: Duration = Duration::from_secs(60);
pub const HOUR: Duration = Duration::from_secs(3600);

/// How a bridge is set up: as it comes, except for what a simulation is about.
#[derive(Clone)]
pub struct Setup {
    /// What is selected.
    pub sources: Vec<Source>,
    /// Which of it is left out.
    pub filter: Filter,
    /// How often what is asked.
    pub rhythm: Rhythm,
    /// Requests in an hour and in a minute. Without, as many at once as there are.
    pub budget: Option<Budget>,
    /// By how many seconds the bridge's clock is ahead of GitLab's.
    pub ahead: i64,
    /// What is shown.
    pub metrics: EnabledMetrics,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            sources: vec![Source::Membership],
            filter: Filter::default(),
            rhythm: Rhythm {
                interval: MINUTE,
                glance: 15 * MINUTE,
                sweep: HOUR,
            },
            budget: Some(Budget {
                per_hour: 4500,
                per_minute: 90,
            }),
            ahead: 0,
            metrics: EnabledMetrics::of_projects(),
        }
    }
}

impl Setup {
    fn config(&self) -> poll::Config {
        poll::Config {
            selection: Selection {
                filter: self.filter.clone(),
                ..self.sources.as_slice().into()
            },
            rhythm: self.rhythm,
            ..poll::Config::default()
        }
    }
}

/// A poller at work, and its GitLab.
pub struct Bridge {
    /// The model that it polls.
    pub gitlab: Arc<GitLab>,
    /// Where its poller takes hints.
    pub inbox: Arc<Inbox>,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    _stop: DropGuard,
}

impl Bridge {
    /// Lets a poller run over a world.
    pub fn start(world: World, setup: Setup) -> Bridge {
        let gitlab = Arc::new(GitLab::in_process(world));
        let poller = poller(&gitlab, setup);
        let inbox = poller.inbox();
        let (publish, snapshots) = watch::channel(Arc::default());
        let stop = CancellationToken::new();
        tokio::spawn(poller.run(publish, stop.clone()));
        Bridge {
            gitlab,
            inbox,
            snapshots,
            _stop: stop.drop_guard(),
        }
    }

    /// Like [`Bridge::start`], and waits until everything has been read once. The requests for it are
    /// forgotten.
    pub async fn settled(world: World, setup: Setup) -> Bridge {
        let mut bridge = Bridge::start(world, setup);
        bridge
            .seen_within(HOUR, |snapshot| snapshot.project_count.is_some())
            .await;
        bridge.gitlab.take_requests();
        bridge
    }

    /// What is shown now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshots.borrow())
    }

    /// Waits for the next snapshot, until a moment; none if none comes.
    pub async fn next(&mut self, until: Instant) -> Option<Arc<Snapshot>> {
        tokio::select! {
            biased;
            changed = self.snapshots.changed() => {
                changed.expect("the poller runs until the bridge is dropped");
                Some(Arc::clone(&self.snapshots.borrow_and_update()))
            }
            () = sleep_until(until) => None,
        }
    }

    /// The moment so long from now.
    #[must_use]
    pub fn after(&self, time: Duration) -> Instant {
        Instant::now() + time
    }

    /// Lets time pass.
    pub async fn pass(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }

    /// Waits until something is shown, and tells how long that took. The poll that sees it must have
    /// begun within `limit` from now.
    ///
    /// Fails at the first poll that began later.
    #[track_caller]
    pub fn seen_within(
        &mut self,
        limit: Duration,
        shows: impl Fn(&Snapshot) -> bool,
    ) -> impl Future<Output = Duration> {
        let caller = Location::caller();
        async move {
            let (start, limit) = (Instant::now(), self.seconds() + limit.as_secs());
            loop {
                let snapshot = self.snapshot();
                let in_time = began(&snapshot) <= limit;
                if in_time && shows(&snapshot) {
                    return start.elapsed();
                }
                let waited = start.elapsed();
                assert!(in_time, "{caller}: not seen by a poll after {waited:?}");
                self.next(start + 100 * HOUR).await;
            }
        }
    }

    /// What time it is in GitLab, in seconds since 1970.
    pub fn seconds(&self) -> UnixTime {
        self.gitlab.read(World::now).as_second().unsigned_abs()
    }

    /// What was asked since this was called last.
    pub fn asked(&self) -> Vec<Request> {
        self.gitlab.take_requests()
    }
}

/// A poller of this GitLab, which has asked nothing yet.
pub fn poller(gitlab: &Arc<GitLab>, setup: Setup) -> Poller {
    let config = setup.config();
    let client = client(gitlab, setup.budget, setup.ahead);
    config.build(client, setup.metrics)
}

/// The file of a poller of this GitLab, as [`poller`] makes one.
pub fn checkpoint(gitlab: &Arc<GitLab>, setup: &Setup, path: &Path) -> Checkpoint {
    let config = setup.config();
    let url = gitlab.url().parse().expect("the model has an address");
    let polled = Polled::new(&url, &config, &setup.metrics);
    Checkpoint::open(path, polled, SystemTime::now()).expect("nobody else has it")
}

/// When the poll began that a snapshot shows.
fn began(snapshot: &Snapshot) -> UnixTime {
    let began = |report: &Report| report.ended.saturating_sub(report.took.as_secs());
    snapshot.report.as_ref().map_or(0, began)
}

fn client(gitlab: &Arc<GitLab>, budget: Option<Budget>, ahead: i64) -> Client {
    let clock = Arc::clone(gitlab);
    let config = gitlab::Config {
        url: gitlab.url().parse().expect("the model has an address"),
        token: Some(CredentialSource::Value(
            "GITLAB_TOKEN".to_owned(),
            DEMO_TOKEN.into(),
        )),
        read_timeout: Duration::from_secs(60),
        requests_per_second: match budget {
            Some(_) => gitlab::Config::default().requests_per_second,
            None => 10_000.0,
        },
        budget: budget.into(),
        clock: Clock::starting_at(move || time_of_day(&clock, ahead)),
        ..gitlab::Config::default()
    };
    // The pauses between tries are drawn by chance, which is to be the same in every run.
    fastrand::seed(4);
    Client::over(config, Arc::new(Call(Arc::clone(gitlab)))).expect("the settings are good")
}

/// The bridge begins by GitLab's clock, and goes on by tokio's as GitLab does.
fn time_of_day(gitlab: &GitLab, ahead: i64) -> SystemTime {
    let now = gitlab.read(World::now).as_millisecond().unsigned_abs();
    let now = now.saturating_add_signed(ahead * 1_000);
    UNIX_EPOCH + Duration::from_millis(now)
}

/// A GitLab of projects that have been idle for long.
pub fn idle(projects: u64) -> World {
    let mut world = World::new();
    for id in 1..=projects {
        let long_ago = Timestamp::UNIX_EPOCH + SignedDuration::from_hours(400_000 + id as i64);
        let project = world.project_with_id(&path(id), id);
        project.created_at(long_ago).last_activity_at(long_ago);
        project.commits(1).issues(2, 1);
    }
    world
}

/// Where one of them lies.
pub fn path(id: u64) -> String {
    format!("group-{}/project-{id:05}", id % 7)
}
