//! The settings in use, as they are handed in: plain rows without secrets.

use serde::Serialize;

/// A setting in use.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct ShownSetting {
    /// `section.key`.
    pub setting: String,
    /// The name of the GitLab that it is about, where there are several.
    pub gitlab: Option<String>,
    /// As it would be written; none if it is not set.
    pub value: Option<String>,
    /// Where it was said; none where the default holds.
    pub source: Option<String>,
    /// The value that it will have after a restart, where a reload could not change it.
    pub after_restart: Option<String>,
}
