//! A project's merge requests, and which of them a list asks for.

use jiff::Timestamp;

use super::issuables::{Issuables, Span};
use super::merge_requests::MergeRequest;
use super::project::Project;

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
