//! When to poll, and what.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use super::selection::Selection;
use crate::memory_limit::MemoryLimit;

#[derive(Clone, Debug)]
pub struct Config {
    pub selection: Selection,
    pub rhythm: Rhythm,
    /// How long one poll may take, not counting what it waits for its budget.
    pub timeout: Duration,
    /// How often subjects are asked, by name, where it is not their own cadence.
    pub cadence: BTreeMap<&'static str, Duration>,
    /// The file that keeps what is known over a restart.
    pub state: Option<PathBuf>,
    /// How much memory there is for all of the process.
    pub memory: MemoryLimit,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            selection: Selection::default(),
            rhythm: Rhythm::default(),
            timeout: Duration::from_secs(10 * 60),
            cadence: BTreeMap::new(),
            state: None,
            memory: MemoryLimit::default(),
        }
    }
}

/// How often what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rhythm {
    /// From the start of one poll to the start of the next.
    pub interval: Duration,
    /// Within which time everyone is glanced at.
    pub glance: Duration,
    /// Within which time everything is asked of everyone.
    pub sweep: Duration,
}

impl Default for Rhythm {
    fn default() -> Rhythm {
        Rhythm {
            interval: Duration::from_secs(60),
            glance: Duration::from_secs(15 * 60),
            sweep: Duration::from_secs(60 * 60),
        }
    }
}
