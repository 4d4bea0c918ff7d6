//! Where snapshots go: to those who show them, or first to a store that other processes go on from.

use std::sync::Arc;

use futures::future::BoxFuture;
use tokio::sync::watch;

use crate::metrics::Snapshot;

/// Where a poller's snapshots go.
pub enum Outlet {
    /// They are shown at once.
    Shown(watch::Sender<Arc<Snapshot>>),
    /// They are shown once they are stored.
    Stored(Arc<dyn Store>),
}

/// Keeps what is known outside of the process, together with what is shown of it: whoever goes on from there
/// counts nothing twice and forgets nothing that was shown.
pub trait Store: Send + Sync {
    /// Stores a snapshot with the state of the poller that made it, and shows it then. What can't be stored
    /// is not shown.
    fn publish(&self, snapshot: Arc<Snapshot>, state: Vec<u8>) -> BoxFuture<'_, ()>;
}

impl From<watch::Sender<Arc<Snapshot>>> for Outlet {
    fn from(shown: watch::Sender<Arc<Snapshot>>) -> Outlet {
        Outlet::Shown(shown)
    }
}
