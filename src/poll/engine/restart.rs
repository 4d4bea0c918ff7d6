//! Gives out what an engine knows, and takes it over after a restart.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Engine;
use super::left_out::LeftOut;
use super::memory::{Before, Course, LastPoll, Memory};
use super::moment::Moment;
use crate::metrics::{
    EnabledMetrics, Grain, Owner, Reading, Reason, Report, Snapshot, TableReading, UnixTime, stamp,
};

impl Engine {
    /// Takes over what was known. The filter may be another one by now, and the clock may have gone
    /// backwards. Returns what is to be shown of it.
    pub fn recall(&mut self, memory: Memory, at: Moment) -> Option<Arc<Snapshot>> {
        let now = at.as_secs();
        let Course {
            lists,
            mut reads,
            names,
            details,
            deployments,
            feeds,
            left_out,
            departed,
            last,
        } = memory.course;
        self.recall_left_out(left_out, &mut reads);
        self.details = details;
        self.deployments = deployments;
        self.recall_feeds(&feeds, memory.feeds, at);
        self.departed = departed;
        let mut tracks = BTreeMap::new();
        for (project, mut track) in memory.projects {
            let id = project.identity.id;
            let taken = self.filter.takes(&project.identity, now);
            let known = track.as_mut().is_some_and(|track| track.take(taken));
            let lacks = lacks(&project, &self.enabled);
            if taken && (!known || lacks) {
                reads.entry(id).or_default();
            }
            self.read_new_columns_of_jobs(&project);
            tracks.extend(track.map(|track| (id, track)));
            self.projects.insert(id, not_after(project, now));
        }
        self.schedule.resume(lists, tracks, reads, at);
        self.resume_rounds();
        self.names = names;
        self.instance = not_after(memory.instance, now);
        self.estate.groups = by_id(memory.groups, now);
        self.estate.runners = by_id(memory.runners, now);
        self.resume_estate();
        let report = last.map(|last| Report {
            ended: last.ended.min(now),
            restored: true,
            failure: Some("the first poll since the restart has not ended yet".to_owned()),
            absent: self.names.absent.iter().cloned().collect(),
            last_complete: last.complete.map(|complete| complete.min(now)),
            ..Report::default()
        });
        if self.projects.is_empty() {
            return None;
        }
        self.last = Arc::new(self.snapshot(report, at));
        Some(Arc::clone(&self.last))
    }

    /// Takes over from an engine of this process: its counts go on, and what it showed last is shown until the
    /// first poll has ended. `before` has memory where that is of use.
    pub fn take_over(&mut self, before: Before, at: Moment) -> Arc<Snapshot> {
        self.errors = before.errors;
        self.feeds.ended = before.counted;
        let Some(memory) = before.memory else {
            return Arc::default();
        };
        self.recall(memory, at);
        let was_whole = before.last.project_count.is_some();
        let report = before.last.report.clone();
        self.last = before.last;
        self.feeds.unsaved = before.unsaved;
        self.last = Arc::new(self.snapshot_of(report, at, was_whole));
        Arc::clone(&self.last)
    }

    /// What an engine leaves to the one that goes on under other settings.
    pub fn hand_over(&mut self, now: Moment) -> Before {
        self.close();
        Before {
            memory: Some(self.memory(now)),
            last: Arc::clone(&self.last),
            errors: self.errors.clone(),
            counted: self.feeds.ended.clone(),
            unsaved: self.feeds.unsaved,
        }
    }

    /// Who was left out is read at once, if there is room now.
    fn recall_left_out(&mut self, mut left_out: LeftOut, reads: &mut BTreeMap<u64, Option<usize>>) {
        left_out.note_room(self.schedule.left_out.room());
        if !left_out.is_shut() {
            for id in left_out.ids() {
                reads.entry(id).or_default();
            }
        }
        self.schedule.left_out = left_out;
    }

    /// What is known now.
    pub fn memory(&self, now: Moment) -> Memory {
        let mut reads = self.schedule.reads().clone();
        // What is still to be asked in other ways is asked for anew after a restart.
        for id in self.open.keys() {
            reads.entry(*id).or_default();
        }
        let projects = self.projects.values();
        let feeds = self.enabled.catalogue.feeds(Grain::Project);
        Memory {
            at: now.as_secs(),
            course: Course {
                lists: self.schedule.lists.clone(),
                reads,
                names: self.names.clone(),
                details: self.details.clone(),
                deployments: self.deployments.clone(),
                feeds: self
                    .feeds
                    .course(|place| feeds[usize::from(place)].full_name()),
                left_out: self.schedule.left_out.clone(),
                departed: self.departed.clone(),
                last: self.last.report.as_ref().map(|report| LastPoll {
                    ended: report.ended,
                    complete: report.last_complete,
                }),
            },
            instance: Arc::clone(&self.instance),
            groups: self.estate.groups.values().cloned().collect(),
            runners: self.estate.runners.values().cloned().collect(),
            feeds: self.kept_feeds(),
            projects: projects
                .map(|project| {
                    let track = self.schedule.track(project.identity.id);
                    (Arc::clone(project), track.cloned())
                })
                .collect(),
        }
    }
}

/// Whether something is still to be asked that is asked along with the project.
fn lacks(project: &Owner, enabled: &EnabledMetrics) -> bool {
    let open = [Reason::Pending, Reason::NotAsked];
    let lacks_value = |place: &usize| matches!(&project.values[*place], Reading::Unknown(reason) if open.contains(reason));
    let lacks_rows = |place: &usize| matches!(&project.tables[*place], TableReading::Unknown(reason) if open.contains(reason));
    enabled.columns().iter().any(lacks_value)
        || enabled.tables_of(Grain::Project).iter().any(lacks_rows)
}

fn by_id(owners: Vec<Arc<Owner>>, now: UnixTime) -> BTreeMap<u64, Arc<Owner>> {
    let owners = owners.into_iter().map(|owner| not_after(owner, now));
    owners.map(|owner| (owner.identity.id, owner)).collect()
}

/// An owner none of whose values was told later than now: its age would be nothing until then.
fn not_after(mut owner: Arc<Owner>, now: UnixTime) -> Arc<Owner> {
    let now = stamp(now);
    let later = |reading: &Reading| matches!(reading, Reading::Known { at, .. } if *at > now);
    let later_table = |table: &TableReading| table.known().is_some_and(|table| table.at > now);
    if owner.listed > now || owner.values.iter().any(later) || owner.tables.iter().any(later_table)
    {
        let owner = Arc::make_mut(&mut owner);
        owner.listed = owner.listed.min(now);
        for reading in &mut owner.values {
            if let Reading::Known { at, .. } = reading {
                *at = (*at).min(now);
            }
        }
        for table in &mut owner.tables {
            if let TableReading::Known(table) = table {
                let table = Arc::make_mut(table);
                table.at = table.at.min(now);
            }
        }
    }
    owner
}
