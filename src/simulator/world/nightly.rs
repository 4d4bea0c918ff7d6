//! Which licence a world has, and how GitLab counts itself at night.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::World;
use super::instance::{License, Totals};

/// GitLab counts itself at 23:50.
const NIGHTLY: SignedDuration = SignedDuration::from_mins(23 * 60 + 50);

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
