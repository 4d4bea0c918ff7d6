//! How the last reload went, for the bridge's own metrics.

use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::lock::lock;
use crate::metrics::Reload;

/// How the last reload went. The start counts as one.
pub struct Reloads(Mutex<Reload>);

impl Default for Reloads {
    fn default() -> Reloads {
        Reloads(Mutex::new(Reload {
            succeeded: true,
            last_success: seconds(),
        }))
    }
}

impl Reloads {
    pub fn note(&self, succeeded: bool) {
        let mut last = lock(&self.0);
        last.succeeded = succeeded;
        if succeeded {
            last.last_success = seconds();
        }
    }

    pub fn last(&self) -> Reload {
        *lock(&self.0)
    }
}

fn seconds() -> f64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    since_1970.map_or(0.0, |since: Duration| since.as_secs_f64())
}
