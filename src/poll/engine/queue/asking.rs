//! Asks for the jobs that wait, and takes in what is answered.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::errors::{not_understood, unread};
use super::super::moment::Moment;
use super::super::poll::Poll;
use super::super::request::{Kind, Request, Rows};
use super::super::{Engine, Next, Sent};
use super::{ALL, PAGE, PROJECTS, QueueAsk, of_projects};
use crate::gitlab::{Answer, Error};
use crate::metrics::{Cadence, Grain, NotUnderstood, QueuedJob, UnixTime};

/// How often it is tried whether GitLab tells the token all jobs.
const TRIES: Duration = Duration::from_secs(60 * 60);
/// After so many pages of waiting jobs they are not counted any more.
const MOST_PAGES: usize = 100;

impl Engine {
    fn is_queue_due(&self, now: Moment) -> bool {
        let mut metrics = self.enabled.metrics.iter();
        let Some(metric) = metrics.find(|metric| metric.subject.name == "queue") else {
            return false;
        };
        match (
            self.enabled.choices.cadence_of(metric.subject),
            self.queue.asked,
        ) {
            (Cadence::Every(every), Some(asked)) => {
                now.since(asked) + self.rhythm.interval / 2 >= every
            }
            _ => true,
        }
    }

    /// Sends the requests about the queue that may be sent now. They wait for the feed, which tells
    /// whose pipelines are under way.
    pub(in crate::poll::engine) fn ask_queue(
        &mut self,
        poll: &mut Poll,
        now: Moment,
        next: &mut Next,
    ) {
        let is_free = !poll.queue.is_under_way() && !self.is_feeding(poll);
        if is_free && self.begins_queue(poll, now) {
            self.queue.asked = Some(poll.began);
            (poll.queue.pages, poll.queue.failed) = (0, false);
            poll.queue.found.clear();
            self.plan_queue(poll, now);
        }
        while self.free() > 0
            && let Some(ask) = poll.queue.asks.pop_front()
        {
            poll.queue.under_way += 1;
            let request = match &ask {
                QueueAsk::All(after) => Request::Query(ALL.to_owned(), json!({ "after": after })),
                QueueAsk::Projects(ids) => {
                    let (document, variables) = of_projects(ids);
                    Request::Query(document, variables)
                }
                QueueAsk::Rest(project, page) => Request::Rows(format!(
                    "projects/{project}/jobs?scope[]=pending&per_page={PAGE}&page={page}"
                )),
            };
            self.send(poll, now, next, request, Kind::Queue, Sent::Queue(ask));
        }
    }

    /// Whether the queue is to be asked for now: once in a poll, if it is due, and after a hint, if that
    /// takes few requests.
    fn begins_queue(&self, poll: &mut Poll, now: Moment) -> bool {
        let is_planned = std::mem::replace(&mut poll.queue.planned, true);
        let is_hinted = std::mem::take(&mut poll.queue.hinted);
        !is_planned && !poll.is_between && self.is_queue_due(poll.began)
            || is_hinted && self.is_queue_cheap(now)
    }

    fn is_queue_cheap(&self, now: Moment) -> bool {
        /// More requests wait for the next poll.
        const FEW: usize = 3;
        let most = if self.gitlab.graphql { PROJECTS } else { 1 };
        self.gitlab.graphql && self.tells_all_queued(now)
            || self.with_live_pipelines().len() <= FEW * most
    }

    /// Whether GitLab tells the token all jobs, as far as is known.
    fn tells_all_queued(&self, now: Moment) -> bool {
        match self.queue.all {
            Some((tells, at)) if tells || now.since(at) < TRIES => tells,
            _ => true,
        }
    }

    fn plan_queue(&mut self, poll: &mut Poll, now: Moment) {
        if self.gitlab.graphql && self.tells_all_queued(now) {
            return poll.queue.asks.push_back(QueueAsk::All(None));
        }
        self.plan_queue_by_project(poll);
    }

    fn plan_queue_by_project(&mut self, poll: &mut Poll) {
        let ids = self.with_live_pipelines();
        if self.gitlab.graphql {
            let parts = ids
                .chunks(PROJECTS)
                .map(|ids| QueueAsk::Projects(ids.to_vec()));
            poll.queue.asks.extend(parts);
        } else {
            poll.queue
                .asks
                .extend(ids.into_iter().map(|id| QueueAsk::Rest(id, 1)));
        }
        if poll.queue.asks.is_empty() && poll.queue.under_way == 0 {
            self.show_queue(poll);
        }
    }

    /// Takes in what GraphQL told of the queue.
    pub(in crate::poll::engine) fn queue_answered(
        &mut self,
        poll: &mut Poll,
        ask: QueueAsk,
        answer: Result<Answer, Error>,
        now: Moment,
    ) {
        poll.queue.under_way = poll.queue.under_way.saturating_sub(1);
        let told = answer.and_then(|answer| match &ask {
            QueueAsk::All(_) if !answer.errors.is_empty() => Err(Error::Graphql {
                errors: answer.errors,
            }),
            QueueAsk::All(after) => self.take_all_queued(poll, after.is_none(), &answer.data, now),
            _ => take_queued_of(poll, &answer).map_err(unread),
        });
        self.queue_step(poll, ask, told, now);
    }

    /// Takes in a page of the jobs of a project, over REST.
    pub(in crate::poll::engine) fn queue_page_answered(
        &mut self,
        poll: &mut Poll,
        ask: QueueAsk,
        answer: Result<Rows, Error>,
        now: Moment,
    ) {
        poll.queue.under_way = poll.queue.under_way.saturating_sub(1);
        let told = answer.and_then(|told| {
            let rows = told
                .rows
                .as_array()
                .ok_or_else(|| not_understood(&"jobs that are no list"))?;
            let date: UnixTime = told.date.unwrap_or_else(|| now.as_secs());
            for row in rows {
                let job = QueuedJob::from_rest(row, date).map_err(unread)?;
                poll.queue.found.insert(job.id, job);
            }
            if let (QueueAsk::Rest(project, page), true) = (&ask, rows.len() >= PAGE) {
                poll.queue
                    .asks
                    .push_back(QueueAsk::Rest(*project, page + 1));
            }
            Ok(())
        });
        self.queue_step(poll, ask, told, now);
    }

    fn queue_step(&mut self, poll: &mut Poll, ask: QueueAsk, told: Result<(), Error>, now: Moment) {
        match told {
            Ok(()) => {}
            Err(error) if self.waits(poll, &error, now) || self.learns(&error) => {
                poll.queue.asks.push_front(ask)
            }
            Err(error) => match (ask, &error) {
                // What one may not see has no queue for one.
                (QueueAsk::Rest(..), Error::Forbidden { .. } | Error::NotFound { .. }) => {}
                (QueueAsk::Projects(ids), Error::Timeout { .. } | Error::Graphql { .. })
                    if ids.len() > 1 =>
                {
                    let (left, right) = ids.split_at(ids.len() / 2);
                    let halves = [left, right].map(|half| QueueAsk::Projects(half.to_vec()));
                    poll.queue.asks.extend(halves);
                }
                (QueueAsk::All(None), Error::Graphql { .. }) if self.queue.all.is_none() => {
                    self.queue.all = Some((false, now));
                    self.plan_queue_by_project(poll);
                }
                _ => {
                    poll.queue.failed = true;
                    self.note_down(poll, "the queue".to_owned(), &error);
                    *poll.values.entry(("queue", error.reason())).or_default() += 1;
                }
            },
        }
        let is_done = poll.queue.under_way == 0 && poll.queue.asks.is_empty();
        if is_done && !poll.queue.failed {
            self.show_queue(poll);
        }
    }

    /// Takes in a page of all jobs. Who is told of no job at all, whatever its status, is not told of any.
    fn take_all_queued(
        &mut self,
        poll: &mut Poll,
        is_first: bool,
        data: &Value,
        now: Moment,
    ) -> Result<(), Error> {
        let nodes = data["any"]["nodes"].as_array().map_or(0, Vec::len);
        if is_first {
            self.queue.all = Some((nodes > 0, now));
        }
        if nodes == 0 {
            poll.queue.found.clear();
            self.plan_queue_by_project(poll);
            return Ok(());
        }
        let pending = &data["pending"];
        let jobs = pending["nodes"]
            .as_array()
            .ok_or_else(|| not_understood(&"jobs that are no list"))?;
        for job in jobs.iter().filter(|job| !job.is_null()) {
            let job = QueuedJob::from_graphql(job).map_err(unread)?;
            poll.queue.found.insert(job.id, job);
        }
        poll.queue.pages += 1;
        let page = &pending["pageInfo"];
        match (page["hasNextPage"] == true, page["endCursor"].as_str()) {
            (false, _) => Ok(()),
            (true, Some(cursor)) if poll.queue.pages < MOST_PAGES => {
                poll.queue
                    .asks
                    .push_back(QueueAsk::All(Some(cursor.to_owned())));
                Ok(())
            }
            _ => Err(not_understood(&"a list of waiting jobs without an end")),
        }
    }

    /// The projects with a pipeline under way.
    fn with_live_pipelines(&self) -> Vec<u64> {
        let Some((place, _)) = self.project_table("pipelines") else {
            return Vec::new();
        };
        let taken = self.projects.iter();
        let taken = taken.filter(|(id, _)| self.schedule.is_taken(**id));
        let live = taken.filter(|(_, owner)| {
            let table = owner.tables.get(place).and_then(|table| table.known());
            table.is_some_and(|table| table.live.iter().any(|count| *count > 0))
        });
        live.map(|(id, _)| *id).collect()
    }

    fn show_queue(&mut self, poll: &mut Poll) {
        let catalogue = self.enabled.catalogue;
        let Some((place, table)) = catalogue.table(Grain::Instance, "queue") else {
            return;
        };
        let jobs: Vec<QueuedJob> = std::mem::take(&mut poll.queue.found)
            .into_values()
            .collect();
        let at_most = table.many.map_or(1, |many| many.at_most.into());
        let rows = table.of_queue(&jobs, at_most, poll.began.as_secs());
        std::sync::Arc::make_mut(&mut self.instance).put_table(place, rows);
    }
}

/// Takes in the jobs of projects. Where there are more than were told, REST is asked for all of them.
fn take_queued_of(poll: &mut Poll, answer: &Answer) -> Result<(), NotUnderstood> {
    let nodes = answer.data["projects"]["nodes"].as_array();
    let nodes = nodes.ok_or(NotUnderstood("no list of projects where one was asked for"))?;
    for node in nodes.iter().filter(|node| !node.is_null()) {
        let lists = ["waiting", "running", "waitingChildren", "runningChildren"];
        let lists: Vec<&Value> = lists.iter().map(|alias| &node[*alias]).collect();
        let mut is_all = answer.errors.is_empty();
        for list in lists {
            is_all &= list["pageInfo"]["hasNextPage"] != true;
            for pipeline in list["nodes"].as_array().into_iter().flatten() {
                is_all &= pipeline["jobs"]["pageInfo"]["hasNextPage"] != true;
                for job in pipeline["jobs"]["nodes"].as_array().into_iter().flatten() {
                    let job = QueuedJob::from_graphql(job)?;
                    poll.queue.found.insert(job.id, job);
                }
            }
        }
        if let (false, Some(id)) = (is_all, crate::metrics::Identity::id_from_graphql(node)) {
            poll.queue.asks.push_back(QueueAsk::Rest(id, 1));
        }
    }
    Ok(())
}
