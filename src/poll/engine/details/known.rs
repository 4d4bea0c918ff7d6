//! What is known of the pipelines whose details are read, kept over a restart.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Whose;
use crate::metrics::{CountedJobs, UnixTime};
use crate::poll::details_plan::PipelineId;

/// So long a pipeline that rests is remembered: a job of it that is retried later than that is told
/// from its older ones by when they ended.
const REMEMBERED: UnixTime = 7 * 24 * 60 * 60;
/// No more pipelines that rest are remembered of a project.
const MOST_RESTING: usize = 100;

/// The pipelines whose details are read.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct PipelinesKnown {
    /// When counting began, by GitLab's clock; 0 before.
    pub(super) since: UnixTime,
    pub(super) projects: BTreeMap<u64, BTreeMap<u64, Known>>,
}

/// What is known of a pipeline.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Known {
    pub iid: u64,
    /// When its row last changed.
    pub changed: UnixTime,
    /// How many jobs it has, as far as is known.
    pub rows: u32,
    pub active: bool,
    /// Whether it is to be read.
    pub due: bool,
    /// Whether it is to be read once more by the next poll.
    pub settles: bool,
    /// Whether it was read.
    pub read: bool,
    /// How often in a row GitLab did not show it.
    #[serde(default)]
    pub unseen: u8,
    /// Whether another pipeline began it, so that it is no ref's newest.
    #[serde(default)]
    pub child: bool,
    pub counted: CountedJobs,
}

impl PipelinesKnown {
    pub(super) fn get(&self, (project, id): Whose) -> Option<&Known> {
        self.projects.get(&project)?.get(&id)
    }

    pub(super) fn get_mut(&mut self, (project, id): Whose) -> Option<&mut Known> {
        self.projects.get_mut(&project)?.get_mut(&id)
    }

    /// Forgets a project that is gone.
    pub fn forget_project(&mut self, id: u64) {
        self.projects.remove(&id);
    }

    /// Notes that GitLab did not show a pipeline. One time may be a slip of GitLab's, and what is
    /// forgotten is not counted any more.
    pub(super) fn note_unseen(&mut self, (project, id): Whose) {
        /// It is gone when so many polls have asked for it in vain.
        const GONE: u8 = 3;
        let Some(pipelines) = self.projects.get_mut(&project) else {
            return;
        };
        if let Some(known) = pipelines.get_mut(&id) {
            known.unseen += 1;
            if known.unseen >= GONE {
                pipelines.remove(&id);
            }
        }
    }

    /// Before a poll: what is active, or has just come to rest, is read again.
    pub fn begin(&mut self) {
        for known in self.projects.values_mut().flat_map(BTreeMap::values_mut) {
            known.due |= known.active || std::mem::take(&mut known.settles);
        }
    }

    /// Forgets the pipelines of a project that have been at rest for long, and the oldest of too many.
    pub(super) fn prune(&mut self, project: u64, now: UnixTime) {
        let Some(pipelines) = self.projects.get_mut(&project) else {
            return;
        };
        let rests = |known: &Known| !known.active && !known.due && !known.settles;
        pipelines.retain(|_, known| !rests(known) || known.changed + REMEMBERED >= now);
        let mut resting: Vec<(UnixTime, u64)> = pipelines
            .iter()
            .filter(|(_, known)| rests(known))
            .map(|(id, known)| (known.changed, *id))
            .collect();
        resting.sort_unstable();
        let many = resting.len().saturating_sub(MOST_RESTING);
        for (_, id) in &resting[..many] {
            pipelines.remove(id);
        }
    }

    /// The pipelines that are to be read, by project.
    pub(super) fn due(&self) -> impl Iterator<Item = (u64, &BTreeMap<u64, Known>)> {
        let all = self.projects.iter().map(|(id, pipelines)| (*id, pipelines));
        all.filter(|(_, pipelines)| pipelines.values().any(|known| known.due))
    }
}

impl Known {
    pub fn id(&self, id: u64) -> PipelineId {
        PipelineId { id, iid: self.iid }
    }

    /// How many jobs are to be expected.
    pub fn expected(&self) -> usize {
        /// Of a pipeline whose jobs GitLab does not count.
        const USUAL: u32 = 20;
        let rows = if self.rows == 0 { USUAL } else { self.rows };
        rows.min(100) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_rests_is_forgotten_after_a_week_and_what_is_due_never() {
        let mut all = PipelinesKnown::default();
        let pipelines = all.projects.entry(1).or_default();
        for (id, changed, due) in [
            (1, 100, false),
            (2, 100, true),
            (3, 100 + REMEMBERED, false),
        ] {
            let known = Known {
                changed,
                due,
                ..Known::default()
            };
            pipelines.insert(id, known);
        }
        all.prune(1, 101 + REMEMBERED);
        assert_eq!(all.projects[&1].keys().copied().collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn a_pipeline_is_gone_once_several_polls_have_not_been_shown_it() {
        let mut all = PipelinesKnown::default();
        all.projects
            .entry(1)
            .or_default()
            .insert(7, Known::default());
        all.note_unseen((1, 7));
        all.note_unseen((1, 7));
        assert!(all.get((1, 7)).is_some());
        all.note_unseen((1, 7));
        assert!(all.get((1, 7)).is_none());
    }

    #[test]
    fn of_too_many_the_oldest_is_forgotten() {
        let mut all = PipelinesKnown::default();
        let pipelines = all.projects.entry(1).or_default();
        for id in 0..=MOST_RESTING as u64 {
            let changed = 1_000 - id;
            let known = Known {
                changed,
                ..Known::default()
            };
            pipelines.insert(id, known);
        }
        all.prune(1, 1_000);
        assert_eq!(all.projects[&1].len(), MOST_RESTING);
        assert!(!all.projects[&1].contains_key(&(MOST_RESTING as u64)));
    }
}
