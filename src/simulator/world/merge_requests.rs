//! A project's merge requests, and which of them a list asks for.

use jiff::Timestamp;

use super::counts::MergeRequests;
use super::issuables::{Issuable, IssuableState, Issuables};
use super::project::Project;

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
            old.draft = iid % 5 == 0;
        } else {
            old.turn(state, ended_at);
        }
        old.iid = iid;
        old.reviewers = u8::from(iid % 4 != 0);
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

/// What a list of merge requests asks for. Times are inclusive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct MergeRequestFilter {
    /// Any state where none is named.
    pub(crate) state: Option<String>,
    pub(crate) draft: Option<bool>,
    pub(crate) with_reviewer: Option<bool>,
    pub(crate) created: Span,
    pub(crate) updated: Span,
    pub(crate) merged: Span,
    pub(crate) closed: Span,
    /// The environment that it was deployed to, and after which time.
    pub(crate) environment: Option<String>,
    pub(crate) deployed_after: Option<Timestamp>,
}

/// From a time to a time, both of which belong to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) from: Option<Timestamp>,
    pub(crate) to: Option<Timestamp>,
}

impl Span {
    /// Whether it holds the time. A time that is not there is in no span but the endless one.
    pub(crate) fn holds(self, when: Option<Timestamp>) -> bool {
        if self == Span::default() {
            return true;
        }
        when.is_some_and(|when| {
            self.from.is_none_or(|from| when >= from) && self.to.is_none_or(|to| when <= to)
        })
    }

    /// Whether nothing up to that time is in it.
    pub(crate) fn begins_after(self, when: Timestamp) -> bool {
        self.from.is_some_and(|from| from > when)
    }
}

impl MergeRequestFilter {
    pub(crate) fn in_state(state: &str) -> Self {
        MergeRequestFilter {
            state: Some(state.to_owned()),
            ..MergeRequestFilter::default()
        }
    }

    fn state(&self) -> &str {
        self.state.as_deref().unwrap_or("all")
    }

    fn reaches_back_to(&self, when: Timestamp) -> bool {
        let spans = [self.created, self.updated, self.merged, self.closed];
        !spans.iter().any(|span| span.begins_after(when))
    }

    fn admits(&self, project: &Project, row: &MergeRequest) -> bool {
        self.draft.is_none_or(|draft| row.draft == draft)
            && self
                .with_reviewer
                .is_none_or(|wanted| (row.reviewers > 0) == wanted)
            && self.created.holds(Some(row.created_at))
            && self.updated.holds(Some(row.updated_at))
            && self.merged.holds(row.merged_at)
            && self.closed.holds(row.closed_at)
            && self.admits_deployments(project, row)
    }

    fn admits_deployments(&self, project: &Project, row: &MergeRequest) -> bool {
        if self.environment.is_none() && self.deployed_after.is_none() {
            return true;
        }
        let environment = self.environment.as_deref();
        let mut deployed = project.deployments_of(row, environment);
        deployed.any(|at| self.deployed_after.is_none_or(|after| at > after))
    }
}

impl Project {
    /// The merge requests that a list asks for, in no order.
    pub(crate) fn merge_requests_of(&self, filter: &MergeRequestFilter) -> Vec<MergeRequest> {
        let age = self.age();
        let with_old = filter.reaches_back_to(age.known_since.max(age.created_at));
        let untouched = || Issuables::of_counts(self.merge_requests.by_age());
        let of = |all: &Issuables<MergeRequest>| {
            let all = all.all(filter.state(), with_old, age);
            all.filter(|row| filter.admits(self, row)).collect()
        };
        self.flow()
            .and_then(|flow| flow.merge_requests.as_ref())
            .map_or_else(|| of(&untouched()), of)
    }

    /// How many merge requests a list asks for.
    pub(crate) fn merge_request_count(&self, filter: &MergeRequestFilter) -> u64 {
        if *filter == MergeRequestFilter::in_state(filter.state()) || *filter == Default::default()
        {
            return self.merge_requests.in_state(filter.state());
        }
        self.merge_requests_of(filter).len() as u64
    }

    /// Adds a merge request, as if it had always been there, and returns its number.
    pub fn add_merge_request(&mut self, merge_request: MergeRequest) -> u64 {
        let iid = self.merge_requests_to_change().add(merge_request);
        *self.merge_requests.of(merge_request.state) += 1;
        iid
    }

    /// The merge requests that were added, or that something happened to.
    pub fn touched_merge_requests(&self) -> &[MergeRequest] {
        let flow = self.flow();
        let all = flow.and_then(|flow| flow.merge_requests.as_ref());
        all.map_or(&[], Issuables::rows)
    }

    pub(crate) fn merge_requests_to_change(&mut self) -> &mut Issuables<MergeRequest> {
        let counts = self.merge_requests.by_age();
        let all = &mut self.flow_to_change().merge_requests;
        all.get_or_insert_with(|| Issuables::of_counts(counts))
    }
}

impl MergeRequests {
    fn by_age(&self) -> [u64; 4] {
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
