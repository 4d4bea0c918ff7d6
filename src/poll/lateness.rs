//! Says that polls take longer than their interval, and what helps.

use std::time::Duration;

use crate::logged::seconds;
use crate::metrics::Snapshot;
use crate::prose::duration;

/// How many polls there were, and how many of the last ones took longer than their interval.
#[derive(Default)]
pub struct Lateness {
    polls: u64,
    late: u64,
}

impl Lateness {
    /// Says that polls take longer than their interval: at first, and ever more rarely while they do.
    /// The first one reads everything, and may.
    pub fn note(&mut self, snapshot: &Snapshot, interval: Duration, waited_for_budget: bool) {
        self.polls += 1;
        let report = snapshot
            .report
            .as_ref()
            .filter(|report| !report.late.is_zero());
        let Some(report) = report.filter(|_| self.polls > 1) else {
            self.late = 0;
            return;
        };
        self.late += 1;
        if !self.late.is_power_of_two() {
            return;
        }
        let late = report.late;
        let needed = Duration::from_secs((interval + late).as_secs() + 1);
        let needed = duration(needed);
        match (report.reached, waited_for_budget) {
            (false, _) => tracing::warn!(
                late_seconds = seconds(late),
                "GitLab does not answer, so everything gets older; the next poll asks again"
            ),
            (true, true) => tracing::warn!(
                late_seconds = seconds(late),
                "the request budget does not carry the interval, so everything gets older evenly: raise \
                 poll.budget, or set poll.interval to {needed}"
            ),
            (true, false) => tracing::warn!(
                late_seconds = seconds(late),
                "GitLab takes longer than the interval, so everything gets older evenly: set \
                 poll.interval to {needed}, or poll fewer projects"
            ),
        }
    }
}
