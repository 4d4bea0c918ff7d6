//! Made-up projects: as many as are assumed, as active as is assumed, evenly over time and lists.

use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::ops::Range;
use std::time::Duration;

use super::assumption::Assumption;
use crate::metrics::UnixTime;
use crate::poll::engine::Moment;

pub(super) const HOUR: Duration = Duration::from_secs(3600);
/// Any will do that has decades before it.
const START: u64 = 2_000_000_000;

/// When the made-up time begins.
pub(super) fn start() -> Moment {
    Moment::from_secs(START)
}

/// The projects of all lists; their ids go on from list to list.
pub(super) struct MadeUp {
    projects: Vec<Project>,
    lists: Vec<List>,
    active: Stream,
    pipelines: Stream,
}

pub(super) struct Project {
    list: usize,
    pub(super) activity: UnixTime,
    pub(super) pipeline: UnixTime,
    pub(super) selected: bool,
    /// Whether GraphQL hides a value that REST may tell.
    pub(super) hidden: bool,
    /// Whether GraphQL does not tell if a feature is switched off or denied.
    pub(super) unclear: bool,
}

struct List {
    ids: Range<u64>,
    by_activity: BTreeSet<(Reverse<UnixTime>, u64)>,
}

/// Things that happen evenly over time, each to another project until it was everyone's turn.
struct Stream {
    projects: u64,
    /// A prime, so that neighbours in time are none by id.
    stride: u64,
    /// Seconds from one to the next; none if nothing happens.
    every: Option<f64>,
    happened: u64,
}

impl MadeUp {
    pub(super) fn new(assumption: &Assumption) -> MadeUp {
        let (mut projects, mut lists) = (Vec::new(), Vec::new());
        for (index, list) in assumption.lists.iter().enumerate() {
            let first = projects.len() as u64;
            let mut taken = 0;
            for place in 0..list.projects {
                let selected = is_chosen(place, list.selected, list.projects);
                let hidden = selected && is_chosen(taken, list.hidden, list.selected);
                let unclear = selected && is_chosen(taken, list.unclear, list.selected);
                taken += usize::from(selected);
                projects.push(Project {
                    list: index,
                    activity: 0,
                    pipeline: 0,
                    selected,
                    hidden,
                    unclear,
                });
            }
            lists.push(List {
                ids: first..projects.len() as u64,
                by_activity: BTreeSet::new(),
            });
        }
        let count = projects.len();
        let mut made_up = MadeUp {
            projects,
            lists,
            active: Stream::new(count, 2_654_435_761, assumption.active),
            pipelines: Stream::new(count, 2_246_822_519, assumption.pipelines),
        };
        for (id, at) in made_up.active.past() {
            made_up.projects[id as usize].activity = at;
        }
        for (id, at) in made_up.pipelines.past() {
            made_up.projects[id as usize].pipeline = at;
        }
        for (id, project) in made_up.projects.iter().enumerate() {
            let key = (Reverse(project.activity), id as u64);
            made_up.lists[project.list].by_activity.insert(key);
        }
        made_up
    }

    pub(super) fn project(&self, id: u64) -> &Project {
        &self.projects[id as usize]
    }

    /// The project that a list names at a place.
    pub(super) fn named(&self, list: usize, place: usize) -> u64 {
        self.lists[list].ids.start + place as u64
    }

    /// Lets everything happen until then.
    pub(super) fn pass(&mut self, until: Moment) {
        while let Some((id, at)) = self.active.next(until) {
            let project = &mut self.projects[id as usize];
            let order = &mut self.lists[project.list].by_activity;
            order.remove(&(Reverse(project.activity), id));
            project.activity = at;
            order.insert((Reverse(at), id));
        }
        while let Some((id, at)) = self.pipelines.next(until) {
            self.projects[id as usize].pipeline = at;
        }
    }

    /// A page of a list by id, and where it goes on.
    pub(super) fn page(&self, list: usize, place: u64, most: usize) -> (Vec<u64>, Option<u64>) {
        let ids = &self.lists[list].ids;
        let first = ids.start + place;
        let end = first.saturating_add(most as u64).min(ids.end);
        let next = (end < ids.end).then_some(end - ids.start);
        ((first..end).collect(), next)
    }

    /// A page of a list by activity, and where it goes on.
    pub(super) fn recent(&self, list: usize, place: u64, most: usize) -> (Vec<u64>, Option<u64>) {
        let order = &self.lists[list].by_activity;
        let page = order.iter().skip(place as usize).take(most);
        let page: Vec<_> = page.map(|(_, id)| *id).collect();
        let next = place + page.len() as u64;
        (page, (next < order.len() as u64).then_some(next))
    }
}

impl Stream {
    fn new(projects: usize, stride: u64, an_hour: f64) -> Stream {
        // GitLab moves no project's activity twice an hour.
        let an_hour = an_hour.clamp(0.0, projects as f64);
        Stream {
            projects: projects as u64,
            stride,
            every: (an_hour > 0.0).then(|| HOUR.as_secs_f64() / an_hour),
            happened: 0,
        }
    }

    /// What happened to everyone the last time before the start. Where nothing happens, that was a
    /// while ago, and at different times.
    fn past(&self) -> Vec<(u64, UnixTime)> {
        let start = START;
        let before = |ago: u64| match self.every {
            Some(every) => start.saturating_sub((ago as f64 * every).ceil() as u64),
            None => start.saturating_sub((ago + 48) * HOUR.as_secs()),
        };
        (0..self.projects)
            .map(|turn| (self.whose(turn), before(self.projects - turn)))
            .collect()
    }

    /// What happens next, if it does until then.
    fn next(&mut self, until: Moment) -> Option<(u64, UnixTime)> {
        let at = start() + Duration::from_secs_f64(self.happened as f64 * self.every?);
        if at > until || self.projects == 0 {
            return None;
        }
        let id = self.whose(self.happened % self.projects);
        self.happened += 1;
        Some((id, at.as_secs()))
    }

    fn whose(&self, turn: u64) -> u64 {
        (u128::from(turn) * u128::from(self.stride) % u128::from(self.projects)) as u64
    }
}

/// Whether a place is among those that are chosen evenly.
fn is_chosen(place: usize, chosen: usize, of: usize) -> bool {
    (place + 1) * chosen / of.max(1) > place * chosen / of.max(1)
}
