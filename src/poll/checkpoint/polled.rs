//! What a kept state is about.

use url::Url;

use crate::memory_limit::MemoryLimit;
use crate::metrics::EnabledMetrics;
use crate::poll::config::Config;
use crate::poll::selection::Source;

/// What is polled: what is known of anything else is of no use.
///
/// The filter is not part of it: everybody in the lists is known, and it is applied anew.
#[derive(Clone)]
pub struct Polled {
    pub(super) gitlab: String,
    pub(super) sources: Vec<Source>,
    /// Whether forks are taken: only who leaves them out makes sure that GitLab tells them.
    pub(super) forks: bool,
    pub(super) enabled: EnabledMetrics,
    /// How much of a state there is room for.
    pub(super) memory: MemoryLimit,
}

impl Polled {
    /// What is polled in this configuration at that address, which holds no credentials.
    pub fn new(gitlab: &Url, config: &Config, enabled: &EnabledMetrics) -> Polled {
        Polled {
            gitlab: gitlab.to_string(),
            sources: config.selection.sources(),
            forks: config.selection.filter.forks,
            enabled: enabled.clone(),
            memory: config.memory.clone(),
        }
    }
}
