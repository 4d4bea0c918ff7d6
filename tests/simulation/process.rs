//! A bridge that ends and begins again, with a file that stays.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gitlab_metrics_bridge::metrics::Snapshot;
use gitlab_metrics_bridge::simulator::GitLab;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::{Setup, checkpoint, poller};

/// A bridge that may be killed: its file stays.
pub struct Process {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Process {
    /// Goes on from the file, or begins one.
    pub fn start(gitlab: &Arc<GitLab>, setup: &Setup, state: &Path) -> Process {
        let poller = poller(gitlab, setup.clone()).resume(checkpoint(gitlab, setup, state));
        let (publish, snapshots) = watch::channel(Arc::default());
        let stop = CancellationToken::new();
        let running = tokio::spawn(poller.run(publish, stop.clone()));
        Process {
            snapshots,
            stop,
            running,
        }
    }

    /// What it shows now.
    pub fn shown(&self) -> Arc<Snapshot> {
        Arc::clone(&self.snapshots.borrow())
    }

    /// Ends without a word, as by `kill -9`.
    pub async fn kill(self) {
        self.running.abort();
        let _ = self.running.await;
        // What it was writing may go on for a moment, and holds the file.
        tokio::time::sleep(Duration::from_secs(5)).await;
    }

    /// Ends as by SIGTERM.
    pub async fn stop(self) {
        self.stop.cancel();
        let _ = self.running.await;
    }
}
