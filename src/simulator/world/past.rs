//! What a project remembers of its past: when its things changed, and what was counted before.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::clock::later;

/// The past that events leave behind. What is set in a project is as old as the project.
#[derive(Clone, Debug)]
pub(crate) struct Past {
    pub(crate) settings_changed_at: Timestamp,
    /// Until when the statistics show which number of commits, the oldest first.
    shown_commits: VecDeque<(Timestamp, u64)>,
}

impl Past {
    pub(crate) fn new(now: Timestamp) -> Self {
        Past {
            settings_changed_at: now,
            shown_commits: VecDeque::new(),
        }
    }

    /// The statistics show a number of commits for a while yet.
    pub(crate) fn show_commits(&mut self, commits: u64, now: Timestamp, lag: Duration) {
        self.shown_commits.retain(|(until, _)| *until > now);
        if !lag.is_zero() {
            self.shown_commits.push_back((later(now, lag), commits));
        }
    }

    /// The number of commits that the statistics still show though it is outdated.
    pub(crate) fn outdated_commits(&self, now: Timestamp) -> Option<u64> {
        let mut shown = self.shown_commits.iter();
        let late = shown.find(|(until, _)| *until > now);
        late.map(|(_, commits)| *commits)
    }

    pub(crate) fn forget_commits(&mut self) {
        self.shown_commits.clear();
    }
}
