//! What a poller knows, as it is kept over a restart: taken from it, and given back to it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::checkpoint::Checkpoint;
use super::schedule::{Listed, Track};
use super::{Poller, Publish};
use crate::metrics::{Owner, Reading, Reason, Report, Snapshot, UnixTime, stamp};

/// What a poller knows.
pub struct Memory {
    /// When.
    pub at: UnixTime,
    /// All that it knows beside the projects.
    pub course: Course,
    /// The projects, selected or not, and when they were asked what.
    pub projects: Vec<(Arc<Owner>, Option<Track>)>,
}

/// Where polling goes on, and what is known of names.
#[derive(Default, Serialize, Deserialize)]
pub struct Course {
    /// The walks of the lists.
    pub lists: Vec<Listed>,
    /// Who is to be asked for everything out of turn, and the list that showed who is new.
    pub reads: BTreeMap<u64, Option<usize>>,
    /// Ids of the projects that are selected by path.
    pub ids: HashMap<String, u64>,
    /// Names that have been there.
    pub seen: HashSet<String>,
    /// Those of them that are not any more.
    pub absent: BTreeSet<String>,
    /// Names that have never been there, and what is to be said about each.
    pub mistaken: BTreeMap<String, String>,
    /// The last poll; none before the first has ended.
    pub last: Option<LastPoll>,
}

/// What stays true of a poll after a restart.
#[derive(Clone, Copy, Serialize, Deserialize)]
pub struct LastPoll {
    /// When it ended.
    pub ended: UnixTime,
    /// When the last complete one ended.
    pub complete: Option<UnixTime>,
}

impl Poller {
    /// Goes on where an earlier process ended, and keeps what it learns for the next one.
    #[must_use]
    pub fn resume(mut self, mut checkpoint: Checkpoint) -> Poller {
        if let Some(memory) = checkpoint.take_memory() {
            self.recall(memory);
        }
        self.checkpoint = Some(checkpoint);
        self
    }

    /// Takes over what was known. The filter may be another one by now, and the clock may have gone
    /// backwards.
    fn recall(&mut self, memory: Memory) {
        let (now, moment) = (self.now(), self.moment());
        let Course {
            lists,
            mut reads,
            ids,
            seen,
            absent,
            mistaken,
            last,
        } = memory.course;
        let mut tracks = BTreeMap::new();
        for (project, mut track) in memory.projects {
            let id = project.identity.id;
            let taken = self.config.selection.filter.takes(&project.identity, now);
            let known = track.as_mut().is_some_and(|track| track.take(taken));
            let is_open = |slot: &usize| {
                let open = [Reason::Pending, Reason::NotAsked].map(Reading::Unknown);
                open.contains(&project.values[*slot])
            };
            if taken && (!known || self.enabled.columns().iter().any(is_open)) {
                reads.entry(id).or_default();
            }
            tracks.extend(track.map(|track| (id, track)));
            self.projects.insert(id, not_after(project, now));
        }
        self.schedule.resume(lists, tracks, reads, moment);
        (self.ids, self.seen) = (ids, seen);
        (self.absent, self.mistaken) = (absent, mistaken);
        let report = last.map(|last| Report {
            ended: last.ended.min(now),
            restored: true,
            failure: Some("the first poll since the restart has not ended yet".to_owned()),
            absent: self.absent.iter().cloned().collect(),
            last_complete: last.complete.map(|complete| complete.min(now)),
            ..Report::default()
        });
        if !self.projects.is_empty() {
            self.last = Arc::new(self.snapshot(report));
        }
    }

    /// What is known now.
    pub(super) fn memory(&self) -> Memory {
        let mut reads = self.schedule.reads().clone();
        // What is still to be asked in other ways is asked for anew after a restart.
        for id in self.open.keys() {
            reads.entry(*id).or_default();
        }
        let projects = self.projects.values();
        Memory {
            at: self.now(),
            course: Course {
                lists: self.schedule.lists().to_vec(),
                reads,
                ids: self.ids.clone(),
                seen: self.seen.clone(),
                absent: self.absent.clone(),
                mistaken: self.mistaken.clone(),
                last: self.last.report.as_ref().map(|report| LastPoll {
                    ended: report.ended,
                    complete: report.last_complete,
                }),
            },
            projects: projects
                .map(|project| {
                    let track = self.schedule.track(project.identity.id);
                    (Arc::clone(project), track.cloned())
                })
                .collect(),
        }
    }

    /// Shows what an earlier process knew, and takes its file over: from now on a crash is one.
    pub(super) async fn begin(&mut self, publish: &Publish) {
        if self.last.generation > 0 {
            tell(&self.last, self.now());
            publish.send_replace(Arc::clone(&self.last));
        }
        self.keep();
        if let Some(checkpoint) = &mut self.checkpoint {
            checkpoint.settle().await;
        }
    }

    /// Keeps what is known now, if it is time to.
    pub(super) fn keep(&mut self) {
        if self.checkpoint.as_ref().is_some_and(Checkpoint::is_due) {
            let memory = self.memory();
            if let Some(checkpoint) = &mut self.checkpoint {
                checkpoint.keep(memory);
            }
        }
    }

    /// Keeps what is known at a clean end.
    pub(super) async fn end(mut self) {
        if let Some(checkpoint) = self.checkpoint.take() {
            checkpoint.end(self.memory(), self.client.spent()).await;
        }
    }
}

/// A project none of whose values was told later than now: its age would be nothing until then.
fn not_after(mut project: Arc<Owner>, now: UnixTime) -> Arc<Owner> {
    let now = stamp(now);
    let later = |reading: &Reading| matches!(reading, Reading::Known { at, .. } if *at > now);
    if project.listed > now || project.values.iter().any(later) {
        let project = Arc::make_mut(&mut project);
        project.listed = project.listed.min(now);
        for reading in &mut project.values {
            if let Reading::Known { at, .. } = reading {
                *at = (*at).min(now);
            }
        }
    }
    project
}

fn tell(snapshot: &Snapshot, now: UnixTime) {
    let ended = snapshot.report.as_ref().map(|report| report.ended);
    let age = ended.map(|ended| Duration::from_secs(now.saturating_sub(ended)));
    tracing::info!(
        projects = snapshot.projects.len(),
        age = age.map(|age| format!("{age:?}")),
        "showing what an earlier process knew"
    );
}
