//! What there is once in a GitLab: its licence, and what it counts of itself at night.

/// A licence of the Enterprise Edition. Days are written such as `2026-12-31`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct License {
    /// `premium` or `ultimate`.
    pub plan: String,
    pub starts_at: String,
    pub expires_at: Option<String>,
    /// How many users it is for.
    pub seats: u64,
    /// How many users are counted, now and at most so far.
    pub billable_users: u64,
    pub most_users: u64,
}

impl License {
    /// A licence for so many users, of whom so many are counted.
    pub fn new(plan: &str, seats: u64, billable_users: u64) -> Self {
        License {
            plan: plan.to_owned(),
            starts_at: "2025-12-31".to_owned(),
            expires_at: Some("2026-12-31".to_owned()),
            seats,
            billable_users,
            most_users: billable_users,
        }
    }

    pub fn expires_at(mut self, day: Option<&str>) -> Self {
        self.expires_at = day.map(str::to_owned);
        self
    }
}

/// What GitLab has counted of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) projects: u64,
    pub(crate) users: u64,
    pub(crate) issues: u64,
    pub(crate) merge_requests: u64,
    pub(crate) groups: u64,
    pub(crate) pipelines: u64,
    pub(crate) pipelines_succeeded: u64,
    pub(crate) pipelines_failed: u64,
    pub(crate) pipelines_canceled: u64,
    pub(crate) forks: u64,
}
