//! Pollers that hand over to others under other settings, as a reload does it, in made-up time: nothing is
//! counted twice, nothing is lost, and nothing vanishes that is still selected.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "simulation/mod.rs"]
mod simulation;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use gitlab_metrics_bridge::metrics::{EnabledMetrics, Snapshot};
use gitlab_metrics_bridge::poll::{HandedOver, Poller, Rhythm, Source};
use gitlab_metrics_bridge::simulator::{GitLab, World};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use simulation::counted::{ledger, runs};
use simulation::{HOUR, MINUTE, Setup, idle, poller};

/// A poller at work that can be told to leave.
struct Running {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    leave: CancellationToken,
    task: JoinHandle<Option<HandedOver>>,
}

impl Running {
    fn start(poller: Poller) -> Running {
        let (publish, snapshots) = watch::channel(poller.last());
        let (stop, leave) = (CancellationToken::new(), CancellationToken::new());
        let task = tokio::spawn(poller.run_until_left(publish, stop, leave.clone()));
        Running {
            snapshots,
            leave,
            task,
        }
    }

    fn shown(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshots.borrow())
    }

    /// Hands over to a poller with other settings.
    async fn reloaded(self, gitlab: &Arc<GitLab>, setup: Setup) -> Running {
        self.leave.cancel();
        let handed = self.task.await.unwrap().expect("it was told to leave");
        Running::start(poller(gitlab, setup).take_over(handed, None))
    }
}

/// Other settings each time: the rhythm, what is measured, and the lists in which all projects are.
fn setup(round: u64) -> Setup {
    let sources = match round % 4 {
        0 | 1 => vec![Source::Membership],
        2 => vec![Source::All],
        _ => vec![Source::All, Source::Membership],
    };
    Setup {
        sources,
        rhythm: Rhythm {
            interval: Duration::from_secs(50 + round),
            ..Setup::default().rhythm
        },
        metrics: match round / 2 % 2 {
            0 => EnabledMetrics::of_projects(),
            _ => EnabledMetrics::standard(),
        },
        ..Setup::default()
    }
}

#[tokio::test(start_paused = true)]
async fn counters_equal_the_ledger_after_an_hour_of_churn_with_faults_and_forty_reloads() {
    for seed in [1, 2] {
        let gitlab = Arc::new(GitLab::in_process(idle(12)));
        let mut running = Running::start(poller(&gitlab, setup(0)));
        tokio::time::sleep(5 * MINUTE).await;
        let since = gitlab.read(World::now);
        gitlab.edit(|world| world.churn(HOUR, &mut Rng::with_seed(seed)));
        gitlab.chaos(0.1, seed);
        let mut before = BTreeMap::new();
        for round in 1..=40 {
            tokio::time::sleep(Duration::from_secs(90 + (round * 7) % 13)).await;
            running = running.reloaded(&gitlab, setup(round)).await;
            let shown = running.shown();
            assert_eq!(shown.projects.len(), 12, "round {round}");
            let now = runs(&shown);
            for (name, count) in &before {
                assert!(now.get(name) >= Some(count), "{name} went back");
            }
            before = now;
        }
        gitlab.chaos(0.0, 0);
        tokio::time::sleep(3 * HOUR).await;
        let shown = runs(&running.shown());
        assert_eq!(shown, ledger(&gitlab, since), "seed {seed}");
        assert!(shown.values().sum::<f64>() > 50.0, "it was lively");
    }
}

#[tokio::test(start_paused = true)]
async fn who_is_not_selected_any_more_goes_and_who_is_stays() {
    let gitlab = Arc::new(GitLab::in_process(idle(300)));
    let all = Setup::default();
    let running = Running::start(poller(&gitlab, all.clone()));
    tokio::time::sleep(10 * MINUTE).await;
    let known = running.shown();
    assert_eq!(known.project_count, Some(300));
    let path = |id: usize| known.projects[id].identity.path.to_string();
    let few = Setup {
        sources: vec![Source::Projects(vec![path(3), path(7)])],
        ..all.clone()
    };
    gitlab.take_requests();
    let running = running.reloaded(&gitlab, few).await;
    // Until it is known who is selected, nobody vanishes.
    assert_eq!(running.shown().project_count, Some(300));
    tokio::time::sleep(5 * MINUTE).await;
    let ids = |snapshot: &Snapshot| -> Vec<u64> {
        let projects = snapshot.projects.iter();
        projects.map(|project| project.identity.id).collect()
    };
    let both = [3, 7].map(|id: usize| known.projects[id].identity.id);
    assert_eq!(ids(&running.shown()), both);
    // And back: those who are known are there at once.
    let running = running.reloaded(&gitlab, all).await;
    assert_eq!(ids(&running.shown()), both);
    tokio::time::sleep(10 * MINUTE).await;
    assert_eq!(running.shown().project_count, Some(300));
}
