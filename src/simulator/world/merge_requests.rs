//! Merge requests, one by one.

use jiff::Timestamp;

use super::counts::MergeRequests;
use super::issuables::{Issuable, IssuableState};

/// A merge request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MergeRequest {
    /// Its number in the project, given when it is added.
    pub iid: u64,
    pub state: IssuableState,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    pub merged_at: Option<Timestamp>,
    pub closed_at: Option<Timestamp>,
    pub draft: bool,
    /// How many users are asked to review it.
    pub reviewers: u8,
    /// Where it is to be merged, if not to the default branch.
    pub target_branch: Option<&'static str>,
}

impl MergeRequest {
    /// An open one to the default branch, which nobody is asked to review.
    pub fn opened(created_at: Timestamp) -> Self {
        MergeRequest {
            iid: 0,
            state: IssuableState::Opened,
            created_at,
            updated_at: created_at,
            merged_at: None,
            closed_at: None,
            draft: false,
            reviewers: 0,
            target_branch: None,
        }
    }

    pub fn draft(mut self) -> Self {
        self.draft = true;
        self
    }

    pub fn reviewers(mut self, count: u8) -> Self {
        self.reviewers = count;
        self
    }

    pub fn target_branch(mut self, name: &'static str) -> Self {
        self.target_branch = Some(name);
        self
    }

    pub fn merged(mut self, when: Timestamp) -> Self {
        self.turn(IssuableState::Merged, when);
        self
    }

    pub fn closed(mut self, when: Timestamp) -> Self {
        self.turn(IssuableState::Closed, when);
        self
    }

    /// Changes its state, with the times that GitLab keeps of that.
    pub(crate) fn turn(&mut self, state: IssuableState, when: Timestamp) {
        let at = |wanted| (state == wanted).then_some(when);
        self.merged_at = at(IssuableState::Merged);
        self.closed_at = at(IssuableState::Closed);
        self.state = state;
        self.updated_at = when;
    }
}

impl Issuable for MergeRequest {
    fn of_old(iid: u64, state: IssuableState, created_at: Timestamp, ended_at: Timestamp) -> Self {
        let mut old = MergeRequest::opened(created_at);
        if state == IssuableState::Opened {
            old.draft = iid.is_multiple_of(5);
        } else {
            old.turn(state, ended_at);
        }
        old.iid = iid;
        old.reviewers = u8::from(!iid.is_multiple_of(4));
        old
    }

    fn iid(&self) -> u64 {
        self.iid
    }

    fn set_iid(&mut self, iid: u64) {
        self.iid = iid;
    }

    fn state(&self) -> IssuableState {
        self.state
    }

    fn updated_at(&self) -> Timestamp {
        self.updated_at
    }
}

impl MergeRequests {
    pub(super) fn by_age(&self) -> [u64; 4] {
        [self.merged, self.closed, self.locked, self.opened]
    }

    pub(crate) fn of(&mut self, state: IssuableState) -> &mut u64 {
        match state {
            IssuableState::Opened => &mut self.opened,
            IssuableState::Closed => &mut self.closed,
            IssuableState::Locked => &mut self.locked,
            IssuableState::Merged => &mut self.merged,
        }
    }
}
