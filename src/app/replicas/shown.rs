//! What this replica shows of a GitLab.

use std::sync::Arc;

use super::version::Version;
use crate::export::Texts;
use crate::metrics::Snapshot;

/// What is shown of one GitLab: of one version, all of it.
#[derive(Clone, Default)]
pub struct Shown {
    /// With the owners, where this replica has read them itself; else what is said of them.
    pub snapshot: Arc<Snapshot>,
    pub texts: Texts,
    /// None before the first.
    pub version: Option<Arc<Version>>,
}

impl Shown {
    /// What orders the versions; zeros before the first.
    pub fn order(&self) -> (u64, u64) {
        self.version
            .as_ref()
            .map_or((0, 0), |version| version.order())
    }
}
