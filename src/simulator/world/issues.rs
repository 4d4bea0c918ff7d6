//! Issues, incidents and tasks, one by one, and which of them a list asks for.

use jiff::Timestamp;

use super::issuables::{Issuable, IssuableState, Span};

/// An issue, or what GitLab keeps like one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Issue {
    /// Its number in the project, given when it is added.
    pub iid: u64,
    pub kind: IssueKind,
    pub state: IssuableState,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// When it was closed last; none while it is open, again if it was opened again.
    pub closed_at: Option<Timestamp>,
    pub labels: &'static [&'static str],
    /// How many users it is assigned to.
    pub assignees: u8,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IssueKind {
    Issue,
    Incident,
    Task,
}

impl IssueKind {
    /// As GraphQL writes it; REST has it in small letters.
    pub(crate) fn word(self) -> &'static str {
        match self {
            IssueKind::Issue => "ISSUE",
            IssueKind::Incident => "INCIDENT",
            IssueKind::Task => "TASK",
        }
    }
}

impl Issue {
    /// An open one without labels that nobody is assigned to.
    pub fn opened(kind: IssueKind, created_at: Timestamp) -> Self {
        Issue {
            iid: 0,
            kind,
            state: IssuableState::Opened,
            created_at,
            updated_at: created_at,
            closed_at: None,
            labels: &[],
            assignees: 0,
        }
    }

    pub fn labels(mut self, labels: &'static [&'static str]) -> Self {
        self.labels = labels;
        self
    }

    pub fn assignees(mut self, count: u8) -> Self {
        self.assignees = count;
        self
    }

    pub fn closed(mut self, when: Timestamp) -> Self {
        self.turn(IssuableState::Closed, when);
        self
    }

    /// Changes its state, with the times that GitLab keeps of that.
    pub(crate) fn turn(&mut self, state: IssuableState, when: Timestamp) {
        self.closed_at = (state == IssuableState::Closed).then_some(when);
        self.state = state;
        self.updated_at = when;
    }
}

impl Issuable for Issue {
    fn of_old(iid: u64, state: IssuableState, created_at: Timestamp, ended_at: Timestamp) -> Self {
        let mut old = Issue::opened(IssueKind::Issue, created_at);
        if state != IssuableState::Opened {
            old.turn(state, ended_at);
        }
        old.iid = iid;
        old.assignees = u8::from(!iid.is_multiple_of(3));
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

/// What a list of issues asks for. Times are inclusive.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct IssueFilter {
    /// All of these labels.
    pub(crate) labels: Vec<String>,
    /// One of these kinds, in GraphQL's words; any where none is named.
    pub(crate) kinds: Option<Vec<String>>,
    pub(crate) assigned: Option<bool>,
    pub(crate) created: Span,
    pub(crate) updated: Span,
    pub(crate) closed: Span,
}

impl IssueFilter {
    pub(super) fn reaches_back_to(&self, when: Timestamp) -> bool {
        let spans = [self.created, self.updated, self.closed];
        !spans.iter().any(|span| span.begins_after(when))
    }

    pub(super) fn admits(&self, row: &Issue) -> bool {
        let labelled = |label: &String| row.labels.contains(&label.as_str());
        let of_kind = |kinds: &Vec<String>| kinds.iter().any(|kind| kind == row.kind.word());
        self.labels.iter().all(labelled)
            && self.kinds.as_ref().is_none_or(of_kind)
            && self
                .assigned
                .is_none_or(|wanted| (row.assignees > 0) == wanted)
            && self.created.holds(Some(row.created_at))
            && self.updated.holds(Some(row.updated_at))
            && self.closed.holds(row.closed_at)
    }
}
