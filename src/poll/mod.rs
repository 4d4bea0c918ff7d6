//! When and how GitLab is asked. Every poll publishes a new immutable snapshot and keeps the last
//! good value of what failed.
//!
//! [`engine`] decides: it says what is to be asked now, and learns from the answers. It does no I/O.
//! `poller` drives it against GitLab, `forecast` against made-up answers in made-up time. `asking`
//! sends requests and reads answers, `plan` writes what GraphQL is asked, `checkpoint` keeps what is
//! known over a restart.

mod asking;
mod capacity;
mod checkpoint;
pub mod engine;
mod forecast;
mod inbox;
mod log;
mod plan;
mod poller;
mod selection;
mod survey;

use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::gitlab::Client;
use crate::metrics::EnabledMetrics;

pub use checkpoint::{Checkpoint, InUse, Polled};
pub use engine::{Kind, Rhythm};
pub use forecast::{ANNOUNCED, Advice, Assumption, Forecast, Forecasts, Population};
pub use inbox::Inbox;
pub use plan::{Capabilities, Depth, List, PROBE, Part, Plan};
pub use poller::{Poller, Progress};
pub use selection::{Filter, Patterns, Scope, Selection, Source};

/// When to poll, and what.
#[derive(Clone, Debug)]
pub struct Config {
    pub selection: Selection,
    pub rhythm: Rhythm,
    /// How long one poll may take, not counting what it waits for its budget.
    pub timeout: Duration,
    /// The file that keeps what is known over a restart.
    pub state: Option<PathBuf>,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            selection: Selection::default(),
            rhythm: Rhythm::default(),
            timeout: Duration::from_secs(10 * 60),
            state: None,
        }
    }
}

impl Config {
    /// A poller that has not asked anything yet.
    pub fn build(self, client: Client, shown: EnabledMetrics) -> Poller {
        Poller::new(client, self, shown)
    }
}

/// A lock whose holder panicked is taken all the same: what it guards is replaced whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
