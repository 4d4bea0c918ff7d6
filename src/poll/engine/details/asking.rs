//! Packs what is due into requests: by what GitLab lets a query score, and by the rows to be
//! expected, since it stops answering after 30 seconds.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::moment::Moment;
use super::super::poll::{FeedQueues, Poll};
use super::super::request::{Kind, Request};
use super::super::{Engine, Next, Sent};
use super::known::Known;
use super::{QueuedPart, Whose};
use crate::metrics::UnixTime;
use crate::poll::details_plan::{DetailsPart, Wanted};

/// What GitLab lets anonymous users score: all of it takes long enough.
const MOST_SCORE: usize = 190;
/// A request brings no more jobs than about so many.
const MOST_ROWS: usize = 5_000;
/// So many pipelines of a project are read as a list; those before them one by one.
const WINDOW: usize = 20;
/// How many pipelines of each project a list is asked for: few, or the window.
const FEW: usize = 5;
/// GitLab lists no more projects at once.
const PROJECTS: usize = 100;

/// What of a project is read as a list: the pipelines that changed since a moment.
#[derive(Debug, PartialEq)]
struct Listed {
    project: u64,
    since: UnixTime,
    pipelines: usize,
    rows: usize,
}

impl Engine {
    /// Sends the requests about details that may be sent now. They wait for the feed, so that what it
    /// shows in this poll is read by this poll.
    pub(in crate::poll::engine) fn ask_details(
        &mut self,
        poll: &mut Poll,
        now: Moment,
        next: &mut Next,
    ) {
        if !self.reads_details() || self.is_feeding(poll) {
            return;
        }
        self.queue_details(poll);
        if self.gitlab.graphql {
            let wanted = self.wanted_details();
            while self.free() > 0
                && let Some(parts) = self.pack_details(poll, wanted)
            {
                let plan = Arc::clone(&self.gitlab.plan);
                let request = Request::Details(wanted, parts.clone(), plan);
                self.send(
                    poll,
                    now,
                    next,
                    request,
                    Kind::Details,
                    Sent::Details(parts),
                );
            }
        }
        self.ask_details_over_rest(poll, now, next);
    }

    /// Whether the feed of pipelines may still show something in this poll.
    pub(in crate::poll::engine) fn is_feeding(&self, poll: &Poll) -> bool {
        let is_query = |what: &Sent| matches!(what, Sent::Queries(_) | Sent::Feed(_));
        let asks = self.in_flight.values().any(|sent| is_query(&sent.what));
        let walks = !self.gitlab.graphql && !poll.rest_walks.is_empty();
        asks || walks || poll.has_more() || poll.feeds.iter().any(FeedQueues::waits)
    }

    /// Queues what is due and was not asked in this poll.
    fn queue_details(&mut self, poll: &mut Poll) {
        let mut lists = Vec::new();
        let over_rest = !self.gitlab.graphql;
        for (project, pipelines) in self.details.due() {
            let is_taken = self.schedule.is_taken(project);
            let asked = &poll.details.asked;
            let fresh = |id: &u64| !asked.contains(&(project, *id));
            let due = pipelines
                .iter()
                .filter(|(id, known)| known.due && fresh(id));
            let due: Vec<u64> = due.map(|(id, _)| *id).collect();
            if due.is_empty() || !is_taken {
                continue;
            }
            poll.details
                .asked
                .extend(due.iter().map(|id| (project, *id)));
            if over_rest {
                let jobs = due.iter().map(|id| (project, *id));
                jobs.for_each(|of| poll.details.begin_over_rest(of, self.wanted_details()));
                continue;
            }
            let (listed, alone) = window(project, pipelines, &due);
            lists.extend(listed);
            for id in alone {
                poll.details.ask_one((project, id), &pipelines[&id], None);
            }
        }
        lists.sort_unstable_by_key(|list| std::cmp::Reverse(list.since));
        let wanted = self.wanted_details();
        let most = self.gitlab.capabilities.most_score().min(MOST_SCORE);
        poll.details.parts.extend(batches(&lists, wanted, most));
    }

    /// The parts of the next request; none if there are none.
    fn pack_details(&self, poll: &mut Poll, wanted: Wanted) -> Option<Vec<DetailsPart>> {
        let most = self.gitlab.capabilities.most_score().min(MOST_SCORE);
        let (mut score, mut rows) = (most, MOST_ROWS);
        let mut packed = Vec::new();
        while let Some(next) = poll.details.parts.front() {
            let own = wanted.score(&next.part);
            let fits = own <= score && next.rows <= rows && !next.alone;
            if !packed.is_empty() && !fits {
                break;
            }
            let next = poll.details.parts.pop_front()?;
            (score, rows) = (score.saturating_sub(own), rows.saturating_sub(next.rows));
            let alone = next.alone;
            packed.push(next.part);
            if alone {
                break;
            }
        }
        (!packed.is_empty()).then_some(packed)
    }
}

impl super::DetailsWork {
    /// Asks for one pipeline, its jobs behind a cursor.
    pub(super) fn ask_one(&mut self, (project, id): Whose, known: &Known, after: Option<String>) {
        let pipeline = known.id(id);
        self.parts.push_back(QueuedPart {
            part: DetailsPart::One {
                project,
                pipeline,
                after,
            },
            rows: known.expected(),
            alone: false,
        });
    }

    /// Whether something is still to be asked.
    pub fn has_more(&self) -> bool {
        !self.parts.is_empty() || !self.rest.is_empty()
    }
}

/// Which pipelines of a project are read as a list, and which one by one. A list goes back to the
/// oldest due one that has no more than a window of others after it.
fn window(
    project: u64,
    pipelines: &BTreeMap<u64, Known>,
    due: &[u64],
) -> (Option<Listed>, Vec<u64>) {
    let later = |since: UnixTime| {
        pipelines
            .values()
            .filter(move |known| known.changed >= since)
    };
    let fits = |id: &&u64| later(pipelines[*id].changed).count() <= WINDOW;
    let (listed, alone): (Vec<&u64>, Vec<&u64>) = due.iter().partition(fits);
    let since = listed.iter().map(|id| pipelines[*id].changed).min();
    let listed = since.map(|since| Listed {
        project,
        since,
        pipelines: later(since).count(),
        rows: later(since).map(Known::expected).sum(),
    });
    (listed, alone.into_iter().copied().collect())
}

/// Lists of several projects each: those whose pipelines changed last first, so that no project tells
/// more than it needs to.
fn batches(lists: &[Listed], wanted: Wanted, most_score: usize) -> Vec<QueuedPart> {
    let mut batches: Vec<QueuedPart> = Vec::new();
    let mut open: Option<(Vec<u64>, UnixTime, usize, usize)> = None;
    let part = |(projects, since, first, rows): (Vec<u64>, UnixTime, usize, usize)| QueuedPart {
        part: DetailsPart::Changed {
            projects,
            since,
            first,
        },
        rows,
        alone: false,
    };
    for list in lists {
        let first = if list.pipelines <= FEW { FEW } else { WINDOW };
        let joined = open.take().map(|(mut projects, since, most, rows)| {
            projects.push(list.project);
            (
                projects,
                since.min(list.since),
                most.max(first),
                rows + list.rows,
            )
        });
        let next = joined.unwrap_or_else(|| (vec![list.project], list.since, first, list.rows));
        let queued = part(next.clone());
        let fits = next.0.len() <= PROJECTS
            && next.3 <= MOST_ROWS
            && wanted.score(&queued.part) <= most_score;
        if fits || next.0.len() == 1 {
            open = Some(next);
            continue;
        }
        let (mut projects, ..) = next;
        projects.pop();
        batches.push(closed(lists, projects, &part));
        open = Some((vec![list.project], list.since, first, list.rows));
    }
    batches.extend(open.map(part));
    batches
}

/// The part of these projects, without one that did not fit any more.
fn closed(
    lists: &[Listed],
    projects: Vec<u64>,
    part: &impl Fn((Vec<u64>, UnixTime, usize, usize)) -> QueuedPart,
) -> QueuedPart {
    let own = || lists.iter().filter(|list| projects.contains(&list.project));
    let since = own().map(|list| list.since).min().unwrap_or_default();
    let many = own().any(|list| list.pipelines > FEW);
    let rows = own().map(|list| list.rows).sum();
    part((
        projects.clone(),
        since,
        if many { WINDOW } else { FEW },
        rows,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(changed: UnixTime, rows: u32) -> Known {
        Known {
            changed,
            rows,
            due: true,
            ..Known::default()
        }
    }

    #[test]
    fn a_pipeline_that_runs_since_long_is_read_alone() {
        let mut pipelines: BTreeMap<u64, Known> =
            (2..40).map(|id| (id, known(1_000 + id, 5))).collect();
        pipelines.insert(1, known(10, 7));
        let (listed, alone) = window(9, &pipelines, &[1, 38, 39]);
        let expected = Listed {
            project: 9,
            since: 1_038,
            pipelines: 2,
            rows: 10,
        };
        assert_eq!((listed, alone), (Some(expected), vec![1]));
    }

    #[test]
    fn a_request_holds_as_many_projects_as_rows_and_score_allow() {
        let wanted = Wanted {
            jobs: true,
            tests: true,
            ..Wanted::default()
        };
        let list = |project: u64, rows| Listed {
            project,
            since: 1_000 - project,
            pipelines: 1,
            rows,
        };
        let lists: Vec<Listed> = (0..250).map(|project| list(project, 20)).collect();
        let batches = super::batches(&lists, wanted, 240);
        let of = |queued: &QueuedPart| match &queued.part {
            DetailsPart::Changed {
                projects, since, ..
            } => (projects.len(), *since),
            DetailsPart::One { .. } => unreachable!(),
        };
        let all: Vec<_> = batches.iter().map(of).collect();
        assert_eq!(all, [(100, 901), (100, 801), (50, 751)]);
        let heavy: Vec<Listed> = (0..10).map(|project| list(project, 2_000)).collect();
        let batches = super::batches(&heavy, wanted, 240);
        assert!(batches.iter().all(|queued| queued.rows <= MOST_ROWS));
        assert_eq!(batches.len(), 5);
    }
}
