//! How the bridge is set up, as far as it decides what is read and shown.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::metrics::{Catalogue, Choices, EnabledMetrics, Metric};

/// Says which setting is behind something, if one is.
pub type SaidBy<T> = Arc<dyn Fn(&T) -> Option<String> + Send + Sync>;

/// How the bridge is set up.
#[derive(Clone)]
pub struct Settings {
    /// What is shown of all GitLabs.
    pub enabled: EnabledMetrics,
    /// The setting that switches a metric off, if it is switched off by name.
    pub switched_off_by: SaidBy<Metric>,
    /// In the order of the configuration.
    pub gitlabs: Vec<GitLabSettings>,
}

/// How one GitLab is read.
#[derive(Clone)]
pub struct GitLabSettings {
    /// Its name, where there are several.
    pub name: Option<String>,
    /// What is shown of it, and how often each is read.
    pub enabled: EnabledMetrics,
    pub pace: Pace,
    /// The settings that select projects, such as `select.groups (platform)`.
    pub selected: String,
    /// The settings that leave projects out of that, if there are any.
    pub filters: String,
    /// The setting that leaves a project with this full path out.
    pub left_out_by: SaidBy<str>,
}

/// When projects are read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Pace {
    /// `poll.interval`
    pub interval: Duration,
    /// `poll.ci_interval`
    pub glance: Duration,
    /// `poll.sweep`
    pub sweep: Duration,
}

impl fmt::Debug for Settings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Settings").finish_non_exhaustive()
    }
}

/// Nothing is shown of no GitLab.
impl Default for Settings {
    fn default() -> Settings {
        let nothing = EnabledMetrics::new(Catalogue::standard(), |_| false, Choices::default());
        Settings::of(nothing, 0)
    }
}

impl Settings {
    /// For what is shown, where nothing else is known of the settings.
    pub fn of(enabled: EnabledMetrics, gitlabs: usize) -> Settings {
        let gitlab = GitLabSettings {
            name: None,
            enabled: enabled.clone(),
            pace: Pace::default(),
            selected: String::new(),
            filters: String::new(),
            left_out_by: Arc::new(|_| None),
        };
        Settings {
            enabled,
            switched_off_by: Arc::new(|_| None),
            gitlabs: vec![gitlab; gitlabs],
        }
    }
}
