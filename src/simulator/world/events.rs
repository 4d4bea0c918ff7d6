//! What happens in a project: each event changes counts, is remembered with its time, and counts as
//! activity where GitLab says so.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::ci::Ids;
use super::ci::agenda::Agenda;
use super::clock::between;
use super::issuables::IssuableState;
use super::issues::{Issue, IssueKind};
use super::ledger::{Entry, Ledger, Subject};
use super::merge_requests::MergeRequest;
use super::project::Project;

/// GitLab moves `last_activity_at` at most once in this time.
const ACTIVITY_RESOLUTION: SignedDuration = SignedDuration::from_hours(1);

/// A project in which things happen, all of them now.
///
/// People's events are activity; pipelines, stars, forks and bytes are not.
#[derive(Debug)]
pub struct Events<'w> {
    pub(crate) project: &'w mut Project,
    pub(crate) now: Timestamp,
    pub(crate) statistics_lag: Duration,
    pub(crate) ids: &'w mut Ids,
    pub(crate) agenda: &'w mut Agenda,
    pub(crate) ledger: &'w mut Ledger,
}

impl Events<'_> {
    /// Someone pushes commits to the default branch.
    pub fn push(&mut self, commits: u64) -> &mut Self {
        self.commit(commits);
        self.activity()
    }

    /// Someone opens a merge request, which is no draft and has no reviewer yet.
    pub fn open_merge_request(&mut self) -> &mut Self {
        let opened = MergeRequest::opened(self.now);
        self.project.add_merge_request(opened);
        self.activity()
    }

    /// Someone opens a merge request that is a draft.
    pub fn open_draft(&mut self) -> &mut Self {
        let draft = MergeRequest::opened(self.now).draft();
        self.project.add_merge_request(draft);
        self.activity()
    }

    /// The first draft that was opened here is ready. Nothing happens where there is none.
    pub fn mark_ready(&mut self) -> &mut Self {
        self.change_open(|row| row.draft, |row| row.draft = false)
    }

    /// Someone is asked to review the first merge request that was opened here and has no reviewer.
    pub fn request_review(&mut self) -> &mut Self {
        self.change_open(|row| row.reviewers == 0, |row| row.reviewers = 1)
    }

    /// The open merge request that was left alone longest is merged, with a commit for the merge. Panics
    /// when none is open.
    pub fn merge_merge_request(&mut self) -> &mut Self {
        self.change_merge_request(IssuableState::Opened, IssuableState::Merged, None);
        self.commit(1);
        self.activity()
    }

    /// Like `merge_merge_request`, of one that was opened here. Panics when it is not open.
    pub fn merge_numbered(&mut self, iid: u64) -> &mut Self {
        self.change_merge_request(IssuableState::Opened, IssuableState::Merged, Some(iid));
        self.commit(1);
        self.activity()
    }

    /// An open merge request is closed without a merge. Panics when none is open.
    pub fn close_merge_request(&mut self) -> &mut Self {
        self.change_merge_request(IssuableState::Opened, IssuableState::Closed, None);
        self.activity()
    }

    /// Like `close_merge_request`, of one that was opened here. Panics when it is not open.
    pub fn close_numbered(&mut self, iid: u64) -> &mut Self {
        self.change_merge_request(IssuableState::Opened, IssuableState::Closed, Some(iid));
        self.activity()
    }

    /// A closed merge request is opened again. Panics when none is closed.
    pub fn reopen_merge_request(&mut self) -> &mut Self {
        self.change_merge_request(IssuableState::Closed, IssuableState::Opened, None);
        self.activity()
    }

    /// Someone opens an issue.
    pub fn open_issue(&mut self) -> &mut Self {
        self.open(IssueKind::Issue)
    }

    /// Something breaks, and someone opens an incident.
    pub fn open_incident(&mut self) -> &mut Self {
        self.open(IssueKind::Incident)
    }

    /// An open issue is closed: the one that was left alone longest. Panics when none is open.
    pub fn close_issue(&mut self) -> &mut Self {
        self.change_issue(IssuableState::Closed, None)
    }

    /// A closed issue is opened again. Panics when none is closed.
    pub fn reopen_issue(&mut self) -> &mut Self {
        self.change_issue(IssuableState::Opened, None)
    }

    /// Closes an issue or incident that was opened here. Panics when it is not open.
    pub fn close_numbered_issue(&mut self, iid: u64) -> &mut Self {
        self.change_issue(IssuableState::Closed, Some(iid))
    }

    /// Opens again what was closed here; when it is closed once more, it has another time of that.
    /// Panics when it is not closed.
    pub fn reopen_numbered_issue(&mut self, iid: u64) -> &mut Self {
        self.change_issue(IssuableState::Opened, Some(iid))
    }

    /// Someone pushes a tag and makes a release of it.
    pub fn release(&mut self) -> &mut Self {
        self.project.add_release(self.now);
        self.activity()
    }

    /// Someone writes a comment or tags a commit: activity that nothing counts.
    pub fn note(&mut self) -> &mut Self {
        self.activity()
    }

    /// Someone likes the project. It is no activity.
    pub fn star(&mut self) -> &mut Self {
        self.project.stars += 1;
        self
    }

    /// Someone forks the project. It is no activity here.
    pub fn fork(&mut self) -> &mut Self {
        self.project.forks += 1;
        self
    }

    /// The repository grows by itself. It is no activity.
    pub fn grow(&mut self, bytes: u64) -> &mut Self {
        self.project.sizes.repository += bytes;
        self
    }

    /// Jobs leave artifacts. It is no activity.
    pub fn store_artifacts(&mut self, bytes: u64) -> &mut Self {
        self.project.sizes.build_artifacts += bytes;
        self
    }

    /// The project becomes read-only. It is no activity.
    pub fn archive(&mut self) -> &mut Self {
        self.set_archived(true)
    }

    /// The project may be written to again. It is no activity.
    pub fn unarchive(&mut self) -> &mut Self {
        self.set_archived(false)
    }

    /// Someone deletes the project: GitLab marks it and waits some days. It is no activity.
    pub fn mark_for_deletion(&mut self) -> &mut Self {
        self.project.marked_for_deletion_on = Some(self.now);
        self.project.past.settings_changed_at = self.now;
        self
    }

    /// The project that was marked for deletion is to stay. It is no activity.
    pub fn unmark_for_deletion(&mut self) -> &mut Self {
        self.project.marked_for_deletion_on = None;
        self.project.past.settings_changed_at = self.now;
        self
    }

    fn set_archived(&mut self, archived: bool) -> &mut Self {
        self.project.archived = archived;
        self.project.past.settings_changed_at = self.now;
        self
    }

    fn open(&mut self, kind: IssueKind) -> &mut Self {
        let iid = self.project.add_issue(Issue::opened(kind, self.now));
        if kind == IssueKind::Incident {
            let (subject, project) = (Subject::Incident, self.project.id);
            let entry = Entry::new(subject, project, iid, "opened", self.now);
            self.ledger.write(entry);
        }
        self.activity()
    }

    fn change_merge_request(&mut self, from: IssuableState, to: IssuableState, iid: Option<u64>) {
        let (now, age) = (self.now, self.project.age());
        let all = self.project.merge_requests_to_change();
        let row = all.row_to_change(from, iid, age);
        let row = row.unwrap_or_else(|| panic!("no such merge request is {from:?}"));
        row.turn(to, now);
        row.draft &= to != IssuableState::Merged;
        let (iid, created_at) = (row.iid, row.created_at);
        if to != IssuableState::Opened {
            let (subject, project) = (Subject::MergeRequest, self.project.id);
            let entry = Entry::new(subject, project, iid, to.word(), now);
            let lasted = between(created_at, now);
            self.ledger.write(entry.took(None, Some(lasted)));
        }
        let counts = &mut self.project.merge_requests;
        *counts.of(from) -= 1;
        *counts.of(to) += 1;
    }

    /// Changes the first of the open merge requests that something happened to.
    fn change_open(
        &mut self,
        which: impl Fn(&MergeRequest) -> bool,
        change: impl FnOnce(&mut MergeRequest),
    ) -> &mut Self {
        let now = self.now;
        let rows = self.project.merge_requests_to_change().rows_mut();
        let wanted = |row: &&mut MergeRequest| row.state == IssuableState::Opened && which(row);
        if let Some(row) = { rows }.find(wanted) {
            change(row);
            row.updated_at = now;
        }
        self.activity()
    }

    fn change_issue(&mut self, to: IssuableState, iid: Option<u64>) -> &mut Self {
        let project = &mut *self.project;
        let (id, now, age) = (project.id, self.now, project.age());
        let from = match to {
            IssuableState::Opened => IssuableState::Closed,
            _ => IssuableState::Opened,
        };
        let row = project.issues_to_change().row_to_change(from, iid, age);
        let row = row.unwrap_or_else(|| panic!("no such issue is {from:?}"));
        row.turn(to, now);
        if row.kind == IssueKind::Incident && to == IssuableState::Closed {
            let entry = Entry::new(Subject::Incident, id, row.iid, "closed", now);
            let lasted = between(row.created_at, now);
            self.ledger.write(entry.took(None, Some(lasted)));
        }
        match from {
            IssuableState::Opened => {
                move_one(&mut project.issues_opened, &mut project.issues_closed)
            }
            _ => move_one(&mut project.issues_closed, &mut project.issues_opened),
        }
        self.activity()
    }

    fn commit(&mut self, commits: u64) {
        let project = &mut *self.project;
        let (shown, lag) = (project.commits, self.statistics_lag);
        project.past.show_commits(shown, self.now, lag);
        project.commits += commits;
        project.empty_repository = false;
    }

    fn activity(&mut self) -> &mut Self {
        let since = self.now.duration_since(self.project.last_activity_at);
        if since >= ACTIVITY_RESOLUTION {
            self.project.last_activity_at = self.now;
        }
        self
    }
}

fn move_one(from: &mut u64, to: &mut u64) {
    assert!(*from > 0, "no issue is left to change");
    (*from, *to) = (*from - 1, *to + 1);
}
