//! What a project remembers of its past: when its things changed, and what was counted before.

use std::collections::VecDeque;
use std::time::Duration;

use jiff::Timestamp;

use super::clock::later;
use super::project::{PipelineStatus, Project};
use super::recent::Recent;

/// The past that events leave behind. What is set in a project is as old as the project.
#[derive(Clone, Debug)]
pub(super) struct Past {
    pub(super) merge_requests: Recent<State>,
    pub(super) issues: Recent<State>,
    pub(super) pipelines: Recent<PipelineStatus>,
    pub(super) settings_changed_at: Timestamp,
    /// Until when the statistics show which number of commits, the oldest first.
    shown_commits: VecDeque<(Timestamp, u64)>,
}

/// The state of a merge request or an issue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Opened,
    Closed,
    Merged,
}

impl State {
    /// Whether a list of what is `wanted` holds things in this state.
    fn is(self, wanted: &str) -> bool {
        let word = match self {
            State::Opened => "opened",
            State::Closed => "closed",
            State::Merged => "merged",
        };
        wanted == "all" || wanted == word
    }
}

impl Past {
    pub(super) fn new(now: Timestamp) -> Self {
        Past {
            merge_requests: Recent::default(),
            issues: Recent::default(),
            pipelines: Recent::default(),
            settings_changed_at: now,
            shown_commits: VecDeque::new(),
        }
    }

    /// The statistics show a number of commits for a while yet.
    pub(super) fn show_commits(&mut self, commits: u64, now: Timestamp, lag: Duration) {
        self.shown_commits.retain(|(until, _)| *until > now);
        if !lag.is_zero() {
            self.shown_commits.push_back((later(now, lag), commits));
        }
    }

    pub(super) fn forget_commits(&mut self) {
        self.shown_commits.clear();
    }
}

impl Project {
    /// When anything about the project itself changed, not counting what happens in it unnoticed.
    pub(super) fn updated_at(&self) -> Timestamp {
        self.last_activity_at.max(self.past.settings_changed_at)
    }

    /// The commits as the statistics show them, which may be late.
    pub(super) fn commits_in_statistics(&self, now: Timestamp) -> u64 {
        let mut shown = self.past.shown_commits.iter();
        let late = shown.find(|(until, _)| *until > now);
        late.map_or(self.commits, |(_, commits)| *commits)
    }

    /// Merge requests in a state that changed at `since` or later; `None` when that is forgotten.
    pub(super) fn merge_requests_since(&self, state: &str, since: Timestamp) -> Option<u64> {
        let all = self.merge_requests.in_state(state);
        self.since(all, since, || {
            let recent = &self.past.merge_requests;
            recent.count(since, |changed| changed.is(state))
        })
    }

    /// Issues in a state that changed at `since` or later; `None` when that is forgotten.
    pub(super) fn issues_since(&self, state: &str, since: Timestamp) -> Option<u64> {
        self.since(self.issues_in_state(state), since, || {
            let recent = &self.past.issues;
            recent.count(since, |changed| changed.is(state))
        })
    }

    /// Pipelines in a status that changed at `since` or later; `None` when that is forgotten.
    pub(super) fn pipelines_since(&self, status: &str, since: Timestamp) -> Option<u64> {
        let all = self.pipelines.in_status(status);
        self.since(all, since, || {
            let recent = &self.past.pipelines;
            recent.count(since, |now| status == "all" || now.word() == status)
        })
    }

    fn since(
        &self,
        all: u64,
        since: Timestamp,
        recent: impl FnOnce() -> Option<u64>,
    ) -> Option<u64> {
        if since <= self.created_at {
            return Some(all);
        }
        recent().map(|count| count.min(all))
    }
}
