//! A project's issues, incidents and tasks.

use super::issuables::{IssuableState, Issuables};
use super::issues::{Issue, IssueFilter};
use super::project::Project;

impl Project {
    /// The issues in a state that a list asks for, in no order.
    pub(crate) fn issues_of(&self, state: &str, filter: &IssueFilter) -> Vec<Issue> {
        let age = self.age();
        let with_old = filter.reaches_back_to(age.known_since.max(age.created_at));
        let untouched = || Issuables::of_counts(self.issues_by_age());
        let of = |all: &Issuables<Issue>| {
            let all = all.all(state, with_old, age);
            all.filter(|row| filter.admits(row)).collect()
        };
        self.flow()
            .and_then(|flow| flow.issues.as_ref())
            .map_or_else(|| of(&untouched()), of)
    }

    /// How many issues in a state a list asks for.
    pub(crate) fn issue_count(&self, state: &str, filter: &IssueFilter) -> u64 {
        match *filter == IssueFilter::default() {
            true => self.issues_in_state(state),
            false => self.issues_of(state, filter).len() as u64,
        }
    }

    /// Adds an issue, as if it had always been there, and returns its number.
    pub fn add_issue(&mut self, issue: Issue) -> u64 {
        let iid = self.issues_to_change().add(issue);
        match issue.state {
            IssuableState::Opened => self.issues_opened += 1,
            _ => self.issues_closed += 1,
        }
        iid
    }

    /// The issues that were added, or that something happened to.
    pub fn touched_issues(&self) -> &[Issue] {
        let all = self.flow().and_then(|flow| flow.issues.as_ref());
        all.map_or(&[], Issuables::rows)
    }

    pub(crate) fn issues_to_change(&mut self) -> &mut Issuables<Issue> {
        let counts = self.issues_by_age();
        let all = &mut self.flow_to_change().issues;
        all.get_or_insert_with(|| Issuables::of_counts(counts))
    }

    fn issues_by_age(&self) -> [u64; 4] {
        [0, self.issues_closed, 0, self.issues_opened]
    }
}
