//! Connections that could not be taken: counted, told once, and again with their number while it goes on.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::untold::Untold;

/// What is told of goes on until nothing more of it happens for this long.
const TELL_EVERY: Duration = Duration::from_secs(10 * 60);

/// How many connections were not taken, or not kept, since the start.
#[derive(Debug, Default)]
pub struct RefusedConnections {
    failed: AtomicU64,
    waited: AtomicU64,
    cut: AtomicU64,
    overdue: AtomicU64,
}

impl RefusedConnections {
    /// By reason.
    pub fn all(&self) -> BTreeMap<&'static str, u64> {
        let counts = [
            ("accept_error", &self.failed),
            ("waited", &self.waited),
            ("gave_way", &self.cut),
            ("overdue", &self.overdue),
        ];
        let counts = counts.map(|(reason, count)| (reason, count.load(Ordering::Relaxed)));
        counts.into()
    }

    /// A connection had to leave for another one.
    pub fn gave_way(&self) {
        self.cut.fetch_add(1, Ordering::Relaxed);
    }

    /// A connection took too long over what it did.
    pub fn overdue(&self) {
        self.overdue.fetch_add(1, Ordering::Relaxed);
    }
}

/// Connections that could not be taken, or not at once.
pub struct Refusals {
    pub counts: Arc<RefusedConnections>,
    failed: Untold,
    waited: Untold,
}

impl Refusals {
    pub fn new(counts: Arc<RefusedConnections>) -> Refusals {
        Refusals {
            counts,
            failed: Untold::default(),
            waited: Untold::default(),
        }
    }

    /// The system gives no connection.
    pub fn note(&mut self, error: &io::Error, now: Instant) {
        self.counts.failed.fetch_add(1, Ordering::Relaxed);
        if let Some(failures) = self.failed.due(now, TELL_EVERY) {
            tracing::warn!(
                %error,
                failures,
                "a connection to our endpoint can't be accepted; raise the limit of open files if this lasts"
            );
        }
    }

    /// A connection waits until one of the others ends, and none may be closed for it.
    pub fn full(&mut self, most: usize, now: Instant) {
        self.counts.waited.fetch_add(1, Ordering::Relaxed);
        if let Some(waits) = self.waited.due(now, TELL_EVERY) {
            tracing::warn!(
                most,
                waits,
                "all connections to our endpoint are in use; further ones wait"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_is_told_once_in_a_while_with_its_number() {
        let (mut untold, start) = (Untold::default(), Instant::now());
        let due: Vec<_> = [0, 1, 599, 600, 601]
            .map(|seconds| untold.due(start + Duration::from_secs(seconds), TELL_EVERY))
            .into();
        assert_eq!(due, [Some(1), None, None, Some(3), None]);
    }
}
