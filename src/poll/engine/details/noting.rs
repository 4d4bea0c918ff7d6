//! What the feed of pipelines tells, as far as their details go.

use super::super::Engine;
use super::super::moment::Moment;
use super::super::poll::Poll;
use super::known::{BegunJobs, Known, Settling};
use crate::metrics::{CountedJobs, Owner, Reading, Reason, RefOf, UnixTime};
use crate::poll::details_plan::{PipelineId, Wanted};

/// A pipeline as the feed tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenPipeline {
    pub id: PipelineId,
    /// When its row last changed.
    pub changed: UnixTime,
    /// How many jobs it has, if GitLab tells.
    pub jobs: Option<u32>,
    pub active: bool,
    /// Whether another pipeline began it.
    pub child: bool,
    /// Whether it is the newest of a ref that is shown.
    pub newest: bool,
    /// Its ref, if it may be the newest of one.
    pub of: Option<RefOf>,
}

impl Engine {
    /// Which details are read.
    pub(in crate::poll::engine) fn wanted_details(&self) -> Wanted {
        let enabled = &self.enabled;
        let jobs = enabled.shows_any_of("jobs");
        Wanted {
            jobs,
            tests: enabled.shows_any_of("test_reports"),
            suites: enabled.shows("gitlab_test_suite_cases"),
            children: jobs && enabled.choices.child_pipelines,
        }
    }

    /// Whether any details are read.
    pub(in crate::poll::engine) fn reads_details(&self) -> bool {
        let wanted = self.wanted_details();
        wanted.jobs || wanted.tests
    }

    /// After a restart: the jobs of the newest pipelines are read once more where their rows have columns by now
    /// that were not kept.
    pub(in crate::poll::engine) fn read_new_columns_of_jobs(&mut self, project: &Owner) {
        let rows = |subject: &str| {
            let (place, _) = self.project_table(subject)?;
            project.tables.get(place)?.known()
        };
        let (Some(pipelines), Some(jobs)) = (rows("pipelines"), rows("jobs")) else {
            return;
        };
        let is_new = |value: &Reading| matches!(value, Reading::Unknown(Reason::Pending));
        if jobs.values.iter().any(is_new) {
            for id in &pipelines.keys {
                if let Some(known) = self.details.get_mut((project.identity.id, *id)) {
                    known.due = true;
                }
            }
        }
    }

    /// Reads in this poll the pipelines of a project that are under way, because a job of one is said to
    /// have moved, which does not move its pipeline.
    pub(in crate::poll::engine) fn hint_details(&mut self, poll: &mut Poll, project: u64) {
        let pipelines = self.details.projects.get_mut(&project);
        // One that is due waits for its answer, or for the feed.
        let pipelines = pipelines.into_iter().flatten();
        for (id, known) in pipelines.filter(|(_, known)| !known.due) {
            known.due = known.active;
            poll.details.asked.remove(&(project, *id));
        }
    }

    /// Takes in the pipelines of a project that the feed has shown. Of one that was not known, jobs
    /// that ended `from` then on are counted: what ended before was counted, or was before counting
    /// began. `now` is GitLab's own time at the moment `at`.
    pub(in crate::poll::engine) fn note_pipelines(
        &mut self,
        project: u64,
        seen: &[SeenPipeline],
        from: UnixTime,
        (now, at): (UnixTime, Moment),
    ) {
        if !self.reads_details() {
            return;
        }
        let counts_begun = self.counts_begun_jobs();
        let (wanted, all) = (self.wanted_details(), &mut self.details);
        if all.since == 0 {
            all.since = now;
        }
        let from = from.max(all.since);
        if seen.is_empty() {
            return;
        }
        let pipelines = all.projects.entry(project).or_default();
        for seen in seen.iter().filter(|seen| !seen.child || wanted.children) {
            let is_new = !pipelines.contains_key(&seen.id.id);
            let known = pipelines.entry(seen.id.id).or_insert_with(|| Known {
                counted: CountedJobs::from(from),
                ..Known::default()
            });
            let moved = seen.changed > known.changed || seen.active != known.active;
            // What came to rest before counting began has nothing to be counted.
            let counts = (is_new && seen.changed >= from) || (!is_new && moved);
            known.due |= seen.active || counts || seen.newest && !known.read;
            if seen.active {
                known.settling = None;
            } else if moved && (!is_new || counts) {
                known.settling = Some(Settling::beginning(at));
            }
            if let (true, Some(of)) = (counts_begun, &seen.of) {
                let from = if is_new { from } else { now };
                let begun = known.begun.get_or_insert_with(|| BegunJobs::of(of, from));
                begun.of = of.text().into();
            }
            known.iid = seen.id.iid;
            known.changed = known.changed.max(seen.changed);
            known.rows = seen.jobs.unwrap_or(known.rows);
            (known.active, known.child) = (seen.active, seen.child);
        }
        all.prune(project, from, now);
    }
}
