//! What is known of the pipelines whose details are read, kept over a restart.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::super::moment::Moment;
use super::super::schedule::OVERLAP;
use super::Whose;
use crate::metrics::{CountedJobs, RefOf, UnixTime};
use crate::poll::details_plan::PipelineId;

/// So long a pipeline that rests is remembered: a job of it that is retried later than that is told
/// from its older ones by when they ended.
const REMEMBERED: UnixTime = 7 * 24 * 60 * 60;
/// No more pipelines that rest are remembered of a project, but for what may be listed again.
const MOST_RESTING: usize = 100;
/// So far back another feed of the project may list pipelines again, which is asked less often.
const LISTED_AGAIN: UnixTime = 60 * 60;

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
    /// Since it came to rest, for as long as it is read again.
    #[serde(default)]
    pub settling: Option<Settling>,
    /// Whether it was read.
    pub read: bool,
    /// How often in a row GitLab did not show it.
    #[serde(default)]
    pub unseen: u8,
    /// Whether another pipeline began it, so that it is no ref's newest.
    #[serde(default)]
    pub child: bool,
    pub counted: CountedJobs,
    /// Where the beginnings of its jobs are counted too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Box<BegunJobs>>,
}

/// Which jobs of a pipeline were counted when they began.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct BegunJobs {
    /// The pipeline's ref, as [`RefOf::text`] writes it.
    pub of: Box<str>,
    /// A beginning is counted as an end is: once, whenever the pipeline is read.
    pub counted: CountedJobs,
}

impl BegunJobs {
    /// Of a pipeline of this ref: what began before `from` is not counted.
    pub fn of(of: &RefOf, from: UnixTime) -> Box<BegunJobs> {
        Box::new(BegunJobs {
            of: of.text().into(),
            counted: CountedJobs::from(from),
        })
    }
}

/// A pipeline that has come to rest, whose jobs and report GitLab's own workers still fill in: test
/// summaries, coverage, the sizes of artifacts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Settling {
    /// When it was seen to rest, and when it was read last since then.
    since: Moment,
    read: Moment,
}

impl Settling {
    pub fn beginning(now: Moment) -> Settling {
        Settling {
            since: now,
            read: now,
        }
    }

    /// Whether it is read by a poll that begins now, and whether that is the last time. It is read by the
    /// next poll, then after pauses that grow to a minute, and over REST, where each has its price, as
    /// long as all the time before; and once when nothing comes late any more.
    fn step(&mut self, now: Moment, over_rest: bool) -> (bool, bool) {
        const MOST: Duration = Duration::from_secs(60);
        let waited = self.read.since(self.since);
        let (times, most) = if over_rest { (3, OVERLAP) } else { (1, MOST) };
        let is_last = now.since(self.since) >= OVERLAP;
        let is_due = is_last || now.since(self.read) >= (waited * times).min(most);
        if is_due {
            self.read = now;
        }
        (is_due, is_last)
    }
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

    /// Before a poll: what is active, or has come to rest not long ago, is read again.
    pub fn begin(&mut self, now: Moment, over_rest: bool) {
        for known in self.projects.values_mut().flat_map(BTreeMap::values_mut) {
            known.due |= known.active;
            if let Some(settling) = &mut known.settling {
                let (is_due, is_last) = settling.step(now, over_rest);
                known.due |= is_due;
                if is_last {
                    known.settling = None;
                }
            }
        }
    }

    /// Forgets the pipelines of a project that have been at rest for long, and the oldest of too many. What
    /// changed since `from`, or lately, is kept however many there are: the feed lists it again, and a
    /// pipeline that is not known is taken for a new one.
    pub(super) fn prune(&mut self, project: u64, from: UnixTime, now: UnixTime) {
        let Some(pipelines) = self.projects.get_mut(&project) else {
            return;
        };
        let rests = |known: &Known| !known.active && !known.due && known.settling.is_none();
        pipelines.retain(|_, known| !rests(known) || known.changed + REMEMBERED >= now);
        let mut resting: Vec<(UnixTime, u64)> = pipelines
            .iter()
            .filter(|(_, known)| rests(known))
            .map(|(id, known)| (known.changed, *id))
            .collect();
        resting.sort_unstable();
        let many = resting.len().saturating_sub(MOST_RESTING);
        let kept = from.min(now.saturating_sub(LISTED_AGAIN));
        for (_, id) in resting[..many]
            .iter()
            .filter(|(changed, _)| *changed < kept)
        {
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

    /// When a pipeline that came to rest at 0 is read again by polls at these intervals, in seconds.
    fn read_again(interval: u64, over_rest: bool) -> Vec<u64> {
        let start = 1_000_000;
        let mut settling = Settling::beginning(Moment::from_secs(start));
        let mut read = Vec::new();
        for at in (1..).map(|poll| poll * interval) {
            let (is_due, is_last) = settling.step(Moment::from_secs(start + at), over_rest);
            read.extend(is_due.then_some(at));
            if is_last {
                break;
            }
        }
        read
    }

    #[test]
    fn a_pipeline_at_rest_is_read_again_until_nothing_comes_late_any_more() {
        assert_eq!(read_again(60, false), [60, 120, 180, 240, 300]);
        assert_eq!(
            read_again(1, false),
            [1, 2, 4, 8, 16, 32, 64, 124, 184, 244, 300]
        );
        assert_eq!(read_again(600, false), [600]);
        assert_eq!(read_again(60, true), [60, 240, 300]);
        assert_eq!(read_again(600, true), [600]);
    }

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
        all.prune(1, 101 + REMEMBERED, 101 + REMEMBERED);
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
        all.prune(1, 1_000, 1_000 + LISTED_AGAIN / 2);
        let all_are_kept = all.projects[&1].len() == MOST_RESTING + 1;
        assert!(all_are_kept, "they may be listed again");
        all.prune(1, 1_000 - MOST_RESTING as u64, 1_000 + LISTED_AGAIN);
        assert_eq!(all.projects[&1].len(), MOST_RESTING + 1, "a walk is behind");
        all.prune(1, 1_000, 1_000 + LISTED_AGAIN);
        assert_eq!(all.projects[&1].len(), MOST_RESTING);
        assert!(!all.projects[&1].contains_key(&(MOST_RESTING as u64)));
    }
}
