//! Restarts: what was known is shown at once, polling goes on where it was, and a file that is no
//! good costs what it held and nothing else.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod client;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use gitlab_metrics_bridge::gitlab::{self, Clock, RemainingBudget};
use gitlab_metrics_bridge::metrics::{Catalogue, Choices, EnabledMetrics, Snapshot};
use gitlab_metrics_bridge::poll::{
    self, Checkpoint, Filter, InUse, Patterns, Polled, Rhythm, Selection, Source,
};
use gitlab_metrics_bridge::simulator::{DEMO_TOKEN, GitLab, World};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How a process is set up.
#[derive(Clone)]
struct Setup {
    gitlab: String,
    path: PathBuf,
    source: Source,
    exclude: Vec<String>,
    clock: Clock,
}

/// A poller that runs, as in a process.
struct Running {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Setup {
    fn new(gitlab: &GitLab, folder: &TempDir) -> Setup {
        Setup {
            gitlab: gitlab.url().to_owned(),
            path: folder.path().join("state"),
            source: Source::Membership,
            exclude: Vec::new(),
            clock: Clock::system(),
        }
    }

    fn start(&self) -> Result<Running, InUse> {
        let (config, mut client, checkpoint) = self.open()?;
        client.remaining_budget = checkpoint.remaining_budget();
        let client = client.build().unwrap();
        let poller = config.build(client, everything()).resume(checkpoint);
        let (publish, snapshots) = watch::channel(Arc::default());
        let stop = CancellationToken::new();
        let task = tokio::spawn(poller.run(publish, stop.clone()));
        Ok(Running {
            snapshots,
            stop,
            task,
        })
    }

    fn open(&self) -> Result<(poll::Config, gitlab::Config, Checkpoint), InUse> {
        let config = poll::Config {
            selection: Selection {
                filter: Filter {
                    exclude: Patterns::new(self.exclude.clone()).unwrap(),
                    ..Filter::default()
                },
                ..std::slice::from_ref(&self.source).into()
            },
            rhythm: Rhythm {
                interval: Duration::from_secs(60),
                glance: Duration::from_secs(600),
                sweep: Duration::from_secs(3600),
            },
            timeout: Duration::from_secs(60),
            ..poll::Config::default()
        };
        let client = gitlab::Config {
            clock: self.clock.clone(),
            ..client::config(&self.gitlab, 1)
        };
        let polled = Polled::new(&client.address().unwrap(), &config, &everything());
        let checkpoint = Checkpoint::open(&self.path, polled, self.clock.now())?;
        Ok((config, client, checkpoint))
    }

    /// One that has polled once and ended cleanly.
    async fn run_once(&self) -> Arc<Snapshot> {
        let mut running = self.start().unwrap();
        let snapshot = running.polled().await;
        running.stop().await;
        snapshot
    }

    fn aside(&self) -> PathBuf {
        self.path.with_extension("set-aside")
    }
}

impl Running {
    /// The first snapshot, which may be of an earlier process.
    async fn first(&mut self) -> Arc<Snapshot> {
        let first = self.snapshots.wait_for(|snapshot| snapshot.generation > 0);
        Arc::clone(&first.await.unwrap())
    }

    /// The first snapshot of a poll of its own.
    async fn polled(&mut self) -> Arc<Snapshot> {
        let polled = self.snapshots.wait_for(|snapshot| {
            let report = snapshot.report.as_ref();
            report.is_some_and(|report| !report.restored)
        });
        Arc::clone(&polled.await.unwrap())
    }

    async fn stop(self) {
        self.stop.cancel();
        self.task.await.unwrap();
    }
}

fn everything() -> EnabledMetrics {
    EnabledMetrics::of_projects()
}

fn folder() -> TempDir {
    tempfile::tempdir().unwrap()
}

async fn gitlab(projects: usize) -> GitLab {
    let mut world = World::new();
    let now = jiff::Timestamp::now();
    for number in 1..=projects {
        let idle = jiff::Span::new().hours(100 + number as i64);
        world
            .project(&format!("group/project-{number}"))
            .commits(number as u64)
            .last_activity_at(now - idle);
    }
    GitLab::start(world).await.unwrap()
}

/// All series about GitLab.
fn series(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    for metric in everything().metrics {
        let all = 0..snapshot.projects.len();
        metric.observe(snapshot, all, &Choices::default(), &mut |labels, value| {
            lines.push(format!("{} {labels:?} {value}", metric.name));
        });
    }
    lines
}

fn commits(snapshot: &Snapshot, path: &str) -> f64 {
    let mut projects = snapshot.projects.iter();
    let index = projects.position(|project| *project.identity.path == *path);
    let index = index.unwrap();
    let mut commits = f64::NAN;
    let metric = Catalogue::standard().find("gitlab_commits_total").unwrap();
    metric.observe(
        snapshot,
        index..index + 1,
        &Choices::default(),
        &mut |_, value| {
            commits = value;
        },
    );
    commits
}

#[tokio::test]
async fn a_restart_shows_the_same_at_once_and_asks_next_to_nothing() {
    let (gitlab, folder) = (gitlab(1_000).await, folder());
    let setup = Setup::new(&gitlab, &folder);
    let before = setup.run_once().await;
    assert!(gitlab.take_requests().len() >= 10);

    let mut running = setup.start().unwrap();
    let first = running.first().await;
    let report = first.report.as_ref().unwrap();
    assert!(report.restored);
    assert_eq!(
        report.last_complete,
        before.report.as_ref().unwrap().last_complete
    );
    assert_eq!(series(&first), series(&before));
    assert_eq!(first.ages, before.ages);
    let polled = running.polled().await;
    assert_eq!(series(&polled), series(&before));
    // What GitLab can do, who was active, and a page of the sweep.
    let requests = gitlab.take_requests().len();
    assert!(requests <= 3, "{requests}");
    running.stop().await;
}

#[tokio::test]
async fn what_changed_meanwhile_is_seen_by_the_first_poll() {
    let (gitlab, folder) = (gitlab(300).await, folder());
    let setup = Setup::new(&gitlab, &folder);
    setup.run_once().await;
    gitlab.edit(|world| {
        let project = world.project("group/project-7");
        project
            .commits(4711)
            .last_activity_at(jiff::Timestamp::now());
    });
    gitlab.take_requests();
    let mut running = setup.start().unwrap();
    let (first, polled) = (running.first().await, running.polled().await);
    assert_eq!(commits(&first, "group/project-7"), 7.0);
    assert_eq!(commits(&polled, "group/project-7"), 4711.0);
    let requests = gitlab.take_requests().len();
    assert!(requests <= 4, "{requests}");
    running.stop().await;
}

#[tokio::test]
async fn a_first_sweep_goes_on_where_it_was() {
    let (gitlab, folder) = (gitlab(1_000).await, folder());
    let setup = Setup::new(&gitlab, &folder);
    gitlab.edit(|world| world.latency(Duration::from_millis(100), Duration::ZERO));
    let running = setup.start().unwrap();
    while gitlab.requests().len() < 5 {
        tokio::task::yield_now().await;
    }
    running.stop().await;
    let before = gitlab.take_requests().len();
    assert!(before < 10, "{before}");

    let polled = setup.run_once().await;
    assert_eq!(polled.project_count, Some(1_000));
    // The page under way and the question what GitLab can do are asked again; the newest pipelines of
    // two hundred projects fit a request.
    let requests = before + gitlab.take_requests().len();
    assert!(requests <= 14 + 5, "{requests}");
}

#[tokio::test]
async fn another_filter_is_applied_at_once() {
    let (gitlab, folder) = (gitlab(3).await, folder());
    let setup = Setup::new(&gitlab, &folder);
    setup.run_once().await;
    let other = Setup {
        exclude: vec!["group/project-2".to_owned()],
        ..setup.clone()
    };
    let mut running = other.start().unwrap();
    assert_eq!(running.first().await.project_count, Some(2));
    running.polled().await;
    running.stop().await;
    let mut running = setup.start().unwrap();
    assert_eq!(running.first().await.project_count, Some(3));
    running.stop().await;
}

#[tokio::test]
async fn another_selection_begins_with_nothing_and_leaves_the_old_state_aside() {
    let (gitlab, folder) = (gitlab(3).await, folder());
    let setup = Setup::new(&gitlab, &folder);
    setup.run_once().await;
    let other = Setup {
        source: Source::Group("group".to_owned()),
        ..setup.clone()
    };
    let mut running = other.start().unwrap();
    assert!(setup.aside().is_file());
    assert!(!running.first().await.report.as_ref().unwrap().restored);
    running.stop().await;
}

#[tokio::test]
async fn a_clean_end_counts_once() {
    let (gitlab, folder) = (gitlab(3).await, folder());
    let mut setup = Setup::new(&gitlab, &folder);
    let now = SystemTime::now();
    setup.clock = Clock::new(move || now);
    let remaining_budget = || setup.open().unwrap().2.remaining_budget();
    assert_eq!(remaining_budget(), None);
    setup.run_once().await;
    let later = Setup {
        clock: Clock::new(move || now + Duration::from_secs(60)),
        ..setup.clone()
    };
    let unknown = Some(RemainingBudget::unknown(later.clock.now()));
    assert_ne!(later.open().unwrap().2.remaining_budget(), unknown);

    let mut running = later.start().unwrap();
    running.polled().await;
    running.task.abort();
    assert!(running.task.await.unwrap_err().is_cancelled());
    assert_eq!(later.open().unwrap().2.remaining_budget(), unknown);
}

#[tokio::test]
async fn a_damaged_file_costs_what_it_held() {
    let (gitlab, folder) = (gitlab(3).await, folder());
    let setup = Setup::new(&gitlab, &folder);
    setup.run_once().await;
    let good = fs::read(&setup.path).unwrap();
    let mut flipped = good.clone();
    flipped[good.len() / 2] ^= 1;
    for bad in [
        &b""[..],
        b"rubbish",
        &good[..good.len() / 2],
        &good[..good.len() - 1],
        &flipped,
    ] {
        fs::write(&setup.path, bad).unwrap();
        let mut running = setup.start().unwrap();
        assert_eq!(fs::read(setup.aside()).unwrap(), bad);
        let first = running.first().await;
        assert!(!first.report.as_ref().unwrap().restored);
        assert_eq!(first.project_count, Some(3));
        running.stop().await;
    }
}

#[tokio::test]
async fn a_state_that_cannot_be_written_stops_nothing() {
    let (gitlab, folder) = (gitlab(3).await, folder());
    fs::write(folder.path().join("file"), "").unwrap();
    fs::create_dir(folder.path().join("folder")).unwrap();
    for path in ["file/state", "missing/state", "folder"] {
        let setup = Setup {
            path: folder.path().join(path),
            ..Setup::new(&gitlab, &folder)
        };
        let mut running = setup.start().unwrap();
        let polled = running.polled().await;
        assert_eq!(polled.project_count, Some(3), "{path}");
        assert_eq!(polled.report.as_ref().unwrap().kept, Some(false), "{path}");
        running.stop().await;
    }
    assert!(folder.path().join("folder").is_dir());
}

#[tokio::test]
async fn two_processes_do_not_share_a_state() {
    let (gitlab, folder) = (gitlab(1).await, folder());
    let setup = Setup::new(&gitlab, &folder);
    let mut running = setup.start().unwrap();
    running.polled().await;
    let refused = setup.start().err().unwrap().to_string();
    assert!(refused.contains("in use by another process"), "{refused}");
    running.stop().await;
    setup.start().unwrap().stop().await;
}

#[tokio::test]
async fn a_clock_that_went_backwards_makes_nothing_younger() {
    let (gitlab, folder) = (gitlab(3).await, folder());
    let mut setup = Setup::new(&gitlab, &folder);
    let day = Duration::from_secs(86_400);
    setup.clock = Clock::new(move || SystemTime::now() + day);
    setup.run_once().await;
    setup.clock = Clock::system();
    let mut running = setup.start().unwrap();
    let first = running.first().await;
    let now = jiff::Timestamp::now().as_second() as u64;
    assert!(first.ages.iter().all(|age| age.oldest <= now));
    assert!(first.report.as_ref().unwrap().last_complete.unwrap() <= now);
    running.stop().await;
}

#[tokio::test]
async fn nobody_else_reads_the_state_and_anybody_can_read_it() {
    use std::io::Read;
    use std::os::unix::fs::PermissionsExt;

    let (gitlab, folder) = (gitlab(2).await, folder());
    let setup = Setup::new(&gitlab, &folder);
    setup.run_once().await;
    let mode = fs::metadata(&setup.path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let mut text = String::new();
    flate2::read::GzDecoder::new(fs::File::open(&setup.path).unwrap())
        .read_to_string(&mut text)
        .unwrap();
    let header = text.lines().next().unwrap();
    assert!(header.starts_with(r#"{"format":"gitlab-metrics-bridge state","version":2,"#));
    assert!(header.contains(r#""clean":true,"projects":2,"#), "{header}");
    assert!(!text.contains(DEMO_TOKEN));
    let left: Vec<_> = names(folder.path());
    assert_eq!(left, ["state", "state.lock"]);
}

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A write goes to another name first: a kill leaves a part of it there, or all of it.
#[tokio::test]
async fn a_write_that_was_killed_at_any_byte_leaves_the_state_before_it() {
    let (gitlab, folder) = (gitlab(3).await, folder());
    let setup = Setup::new(&gitlab, &folder);
    let before = setup.run_once().await;
    let unfinished = setup.path.with_extension("new");
    let next = fs::read(&setup.path).unwrap();
    for written in (0..=next.len()).step_by(next.len() / 7 + 1) {
        fs::write(&unfinished, &next[..written]).unwrap();
        let mut running = setup.start().unwrap();
        let first = running.first().await;
        assert!(first.report.as_ref().unwrap().restored, "{written}");
        assert_eq!(series(&first), series(&before), "{written}");
        running.polled().await;
        running.stop().await;
        assert_eq!(names(folder.path()), ["state", "state.lock"]);
    }
}
