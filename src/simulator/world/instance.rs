//! What there is once in a GitLab: its licence, and what it counts of itself at night.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::World;

/// GitLab counts itself at 23:50.
const NIGHTLY: SignedDuration = SignedDuration::from_mins(23 * 60 + 50);

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

impl World {
    /// Gives GitLab a licence, or takes it away.
    pub fn license(&mut self, license: Option<License>) {
        self.license = license;
    }

    /// The licence, where the Enterprise Edition has one.
    pub(crate) fn current_license(&self) -> Option<&License> {
        let community = self.profile.community_edition;
        self.license.as_ref().filter(|_| !community)
    }

    pub(crate) fn is_ultimate(&self) -> bool {
        let license = self.current_license();
        license.is_some_and(|license| license.plan == "ultimate")
    }

    /// What there is now.
    pub(crate) fn totals(&self) -> Totals {
        let mut totals = Totals {
            users: self.users(),
            groups: self.namespaces.groups().count() as u64,
            ..Totals::default()
        };
        for project in self.projects() {
            totals.projects += 1;
            totals.issues += project.issues_all();
            totals.merge_requests += project.merge_requests.all();
            totals.pipelines += project.pipelines.all();
            totals.pipelines_succeeded += project.pipelines.success;
            totals.pipelines_failed += project.pipelines.failed;
            totals.pipelines_canceled += project.pipelines.canceled;
            totals.forks += u64::from(project.forked_from.is_some());
        }
        totals
    }

    /// What was counted in the last night, and when. Before the first night that the model has seen, it is
    /// what there is now.
    pub(crate) fn counted_at_night(&self) -> (Timestamp, Totals) {
        let last_night = self.last_night();
        let counted = self.nightly.filter(|(when, _)| *when == last_night);
        counted.unwrap_or_else(|| (last_night, self.totals()))
    }

    /// Counts, if a night has come since the last time.
    pub(crate) fn count_at_night(&mut self) {
        let last_night = self.last_night();
        if self.nightly.is_none_or(|(when, _)| when < last_night) {
            self.nightly = Some((last_night, self.totals()));
        }
    }

    fn last_night(&self) -> Timestamp {
        let now = self.now();
        let into_the_day = now.as_second().rem_euclid(86_400);
        let midnight = now - SignedDuration::from_secs(into_the_day);
        let tonight = midnight + NIGHTLY;
        let day = Duration::from_secs(86_400);
        let tonight = tonight - SignedDuration::from_nanos(now.subsec_nanosecond().into());
        if tonight <= now {
            tonight
        } else {
            tonight - day
        }
    }
}
