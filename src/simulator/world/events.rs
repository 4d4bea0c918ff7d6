//! What happens in a project: each event changes counts, is remembered with its time, and counts as
//! activity where GitLab says so.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::counts::PipelineStatus;
use super::past::IssuableState;
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
}

impl Events<'_> {
    /// Someone pushes commits to the default branch.
    pub fn push(&mut self, commits: u64) -> &mut Self {
        self.commit(commits);
        self.activity()
    }

    /// Someone opens a merge request.
    pub fn open_merge_request(&mut self) -> &mut Self {
        self.project.merge_requests.opened += 1;
        let recent = &mut self.project.past.merge_requests;
        recent.create(IssuableState::Opened, self.now);
        self.activity()
    }

    /// An open merge request is merged, with a commit for the merge. Panics when none is open.
    pub fn merge_merge_request(&mut self) -> &mut Self {
        self.change_merge_request(IssuableState::Opened, IssuableState::Merged);
        self.commit(1);
        self.activity()
    }

    /// An open merge request is closed without a merge. Panics when none is open.
    pub fn close_merge_request(&mut self) -> &mut Self {
        self.change_merge_request(IssuableState::Opened, IssuableState::Closed);
        self.activity()
    }

    /// A closed merge request is opened again. Panics when none is closed.
    pub fn reopen_merge_request(&mut self) -> &mut Self {
        self.change_merge_request(IssuableState::Closed, IssuableState::Opened);
        self.activity()
    }

    /// Someone opens an issue.
    pub fn open_issue(&mut self) -> &mut Self {
        self.project.issues_opened += 1;
        self.project
            .past
            .issues
            .create(IssuableState::Opened, self.now);
        self.activity()
    }

    /// An open issue is closed. Panics when none is open.
    pub fn close_issue(&mut self) -> &mut Self {
        let project = &mut *self.project;
        let before = project.issues_opened;
        move_one(&mut project.issues_opened, &mut project.issues_closed);
        let recent = &mut project.past.issues;
        recent.change(
            IssuableState::Opened,
            IssuableState::Closed,
            before,
            self.now,
        );
        self.activity()
    }

    /// A closed issue is opened again. Panics when none is closed.
    pub fn reopen_issue(&mut self) -> &mut Self {
        let project = &mut *self.project;
        let before = project.issues_closed;
        move_one(&mut project.issues_closed, &mut project.issues_opened);
        let recent = &mut project.past.issues;
        recent.change(
            IssuableState::Closed,
            IssuableState::Opened,
            before,
            self.now,
        );
        self.activity()
    }

    /// Someone pushes a tag and makes a release of it.
    pub fn release(&mut self) -> &mut Self {
        self.project.releases += 1;
        self.activity()
    }

    /// Someone writes a comment or tags a commit: activity that nothing counts.
    pub fn note(&mut self) -> &mut Self {
        self.activity()
    }

    /// A pipeline is created. It is no activity.
    pub fn create_pipeline(&mut self, status: PipelineStatus) -> &mut Self {
        *self.project.pipelines.of(status) += 1;
        self.project.past.pipelines.create(status, self.now);
        self
    }

    /// A pipeline goes on to another status. It is no activity. Panics when none has the first.
    pub fn change_pipeline(&mut self, from: PipelineStatus, to: PipelineStatus) -> &mut Self {
        let pipelines = &mut self.project.pipelines;
        let before = *pipelines.of(from);
        assert!(before > 0, "no pipeline is {from:?}");
        *pipelines.of(from) -= 1;
        *pipelines.of(to) += 1;
        let recent = &mut self.project.past.pipelines;
        recent.change(from, to, before, self.now);
        self
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

    fn change_merge_request(&mut self, from: IssuableState, to: IssuableState) {
        let before = *self.merge_requests(from);
        assert!(before > 0, "no merge request is {from:?}");
        *self.merge_requests(from) -= 1;
        *self.merge_requests(to) += 1;
        let recent = &mut self.project.past.merge_requests;
        recent.change(from, to, before, self.now);
    }

    fn merge_requests(&mut self, state: IssuableState) -> &mut u64 {
        let counts = &mut self.project.merge_requests;
        match state {
            IssuableState::Opened => &mut counts.opened,
            IssuableState::Closed => &mut counts.closed,
            IssuableState::Merged => &mut counts.merged,
        }
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
