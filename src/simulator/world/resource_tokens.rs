//! The access tokens of projects and groups: robots' ways in, which are listed and never accepted here.

use std::collections::BTreeMap;

use jiff::Timestamp;

/// An access token of a project or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceToken {
    pub id: u64,
    pub name: String,
    pub revoked: bool,
    /// The day on which it is no longer good, such as `2026-12-31`.
    pub expires_at: Option<String>,
    pub created_at: Timestamp,
}

impl ResourceToken {
    pub fn revoked(&mut self) -> &mut Self {
        self.revoked = true;
        self
    }

    /// Whether it is still good on that day.
    pub(crate) fn active(&self, today: &str) -> bool {
        !self.revoked
            && self
                .expires_at
                .as_ref()
                .is_none_or(|day| day.as_str() > today)
    }
}

/// All of them, by the ids of projects and groups.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResourceTokens {
    pub(super) projects: BTreeMap<u64, Vec<ResourceToken>>,
    pub(super) groups: BTreeMap<u64, Vec<ResourceToken>>,
    pub(super) last_id: u64,
}
