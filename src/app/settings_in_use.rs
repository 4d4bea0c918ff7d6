//! The settings in use as rows for the status page: what a reload could not change is as it was at the start.

use std::sync::Arc;

use crate::config::{Config, EffectiveSetting};
use crate::export::ShownSetting;

/// The settings that hold until a restart, as they were at the start.
#[derive(Default)]
pub struct SettingsInUse(Vec<EffectiveSetting>);

impl SettingsInUse {
    /// Notes the settings of the start; those of a reload change nothing here.
    pub fn begin_with(&mut self, config: &Config) {
        if self.0.is_empty() {
            let settings = config.effective().into_iter();
            self.0 = settings.filter(|own| own.restart).collect();
        }
    }

    /// All rows, under the configuration that was taken last.
    pub fn rows(&self, config: &Config) -> Arc<Vec<ShownSetting>> {
        let settings = config.effective().into_iter();
        Arc::new(settings.map(|own| self.row(own)).collect())
    }

    fn row(&self, now: EffectiveSetting) -> ShownSetting {
        let is_it = |own: &&EffectiveSetting| own.key == now.key && own.instance == now.instance;
        let (holds, after_restart) = match self.0.iter().find(is_it) {
            Some(first) if first.value != now.value => (
                first,
                Some(now.value.as_deref().unwrap_or("not set").to_owned()),
            ),
            _ => (&now, None),
        };
        ShownSetting {
            setting: holds.key.to_owned(),
            gitlab: holds.instance.clone(),
            value: holds.value.clone(),
            source: holds.source.clone(),
            after_restart,
        }
    }
}
