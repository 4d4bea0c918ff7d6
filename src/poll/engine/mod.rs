//! Decides when and how GitLab is asked, and learns from the answers. It is pure: no I/O, no clock,
//! nothing to wait for. Whoever drives it says what time it is, sends what it wants sent and hands in
//! what came back: the poller does so against GitLab, the forecast against made-up answers in made-up
//! time, and tests against whatever they like.
//!
//! What is seen within which time is argued in [`schedule`]; where the walk of a list ends is decided
//! in [`walk`]. Every poll ends: each request either brings something new or uses up one of a bounded
//! number of tries of one thing, and only success at that thing gives the tries back.

mod by_ids;
mod by_name;
mod deferrable;
mod deployments;
mod details;
mod due;
mod environments;
mod errors;
mod estate;
mod feeds;
mod feeds_asking;
mod feeds_rest;
mod gitlab;
mod hints;
mod learning;
mod left_out;
mod list;
mod lists;
mod lookups;
mod memory;
mod moment;
mod names;
mod notice;
mod packing;
mod paths;
mod poll;
mod probe;
mod queries;
mod queue;
mod report;
mod request;
mod rest;
mod rest_taking;
mod rest_walk;
mod restart;
mod round;
mod round_lookups;
mod rounds;
mod schedule;
mod sought;
#[cfg(test)]
mod tests;
mod track;
mod unknown;
mod values;
mod walk;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::gitlab::Error;
use crate::metrics::{Departed, EnabledMetrics, Grain, Owner, Snapshot};
use crate::poll::config::{Config, Rhythm};
use crate::poll::details_plan::DetailsPart;
use crate::poll::selection::Filter;
use errors::made_sense;
use estate::{Estate, EstateAsk};
use feeds::Feeds;
use gitlab::GitLab;
use lookups::{Lookup, Open};
use poll::{FeedQueues, Poll, Query};
use rest_walk::RestWalk;
use round::RoundState;
use schedule::Schedule;

pub use deployments::DeploymentsKnown;
pub use details::PipelinesKnown;
pub use environments::most as environments_queries;
pub use errors::{is_gone, is_timeout, not_understood, unread};
pub use feeds::KeptFeeds;
pub use gitlab::{Verdict, judge};
pub use left_out::LeftOut;
pub use list::ListProgress;
pub use memory::{Before, Course, LastPoll, Memory};
pub use moment::Moment;
pub use names::{MOST_PATHS, Names};
pub use notice::Notice;
pub use paths::{encoded, first_page};
pub use queue::most as queue_queries;
pub use request::{
    Answer, Asked, Details, FeedPage, Group, Kind, ListPage, Node, Page, PartDetails, PartError,
    PipelineDetails, Projects, Request, RequestId, RestPage, Rows,
};
pub use track::Track;
pub use walk::{Next as NextPage, Position, next_in_rest};

/// After so many different things in a row failed GitLab is taken for down, and left alone until the
/// next poll.
const STRIKES: usize = 2;

/// The decisions about one GitLab, and what is known of it.
pub struct Engine {
    rhythm: Rhythm,
    timeout: Duration,
    concurrency: usize,
    /// How many requests it may make in an hour; none if there is no limit.
    hourly_budget: Option<u32>,
    filter: Filter,
    enabled: Arc<EnabledMetrics>,
    gitlab: GitLab,
    schedule: Schedule,
    names: Names,
    /// All that is known, selected or not.
    projects: BTreeMap<u64, Arc<Owner>>,
    /// Projects with values that are still to be asked in another way.
    open: BTreeMap<u64, Open>,
    /// How far the feeds of projects have been read.
    feeds: Feeds,
    /// What is known of the GitLab itself.
    instance: Arc<Owner>,
    /// The subjects with a pace of their own, and what REST is being asked for them.
    rounds: Vec<RoundState>,
    round_lookups: BTreeMap<(usize, u64), Open>,
    /// What lies beside the projects.
    estate: Estate,
    /// The pipelines whose details are read.
    details: PipelinesKnown,
    /// What has ended of projects that are gone.
    departed: Departed,
    /// The deployments that are counted.
    deployments: DeploymentsKnown,
    queue: queue::Queue,
    environments: environments::Environments,
    /// The poll under way.
    poll: Option<Poll>,
    in_flight: BTreeMap<RequestId, InFlight>,
    requests: RequestId,
    polls: u64,
    /// How many projects this poll has read.
    progress: usize,
    /// When GitLab last gave an answer that made sense.
    last_answer: Option<Moment>,
    last: Arc<Snapshot>,
    errors: BTreeMap<(&'static str, &'static str), u64>,
    notices: Vec<Notice>,
}

/// What is to be sent now, and when to ask again if nothing is answered before.
#[derive(Debug, Default)]
pub struct Next {
    pub requests: Vec<Asked>,
    /// None if only an answer changes what is to be sent.
    pub again: Option<Moment>,
}

/// A request that was sent.
#[derive(Debug)]
struct InFlight {
    sent: Moment,
    deadline: Moment,
    what: Sent,
}

/// What a request was sent for.
#[derive(Debug)]
enum Sent {
    Probe,
    Queries(Vec<Query>),
    /// A page of the sweep of a list over REST.
    Sweep(usize, String),
    /// A page of the recent activity of a list over REST.
    Recent(usize, String),
    /// Everything about a project over REST.
    Read(u64),
    /// A project that a list names.
    Named(usize, String),
    /// The group of a list, by this key.
    Group(usize, String),
    /// A value of a project.
    Value(u64, Lookup),
    /// A page of a feed over REST, or a thing of it.
    Feed(Box<RestWalk>),
    /// What the GitLab itself has, and a value of it over REST.
    /// Something that lies beside the projects.
    Estate(EstateAsk),
    /// A value of a subject with a pace of its own, of this project.
    RoundValue(usize, u64, Lookup),
    /// Details of pipelines, over GraphQL and over REST.
    Details(Vec<DetailsPart>),
    DetailsPage(details::RestPage),
    Deployments(deployments::DeploymentsAsk),
    Queue(queue::QueueAsk),
    Environments(environments::EnvironmentsAsk),
}

impl Engine {
    /// Nothing has been asked yet.
    pub fn new(config: &Config, concurrency: usize, enabled: Arc<EnabledMetrics>) -> Engine {
        Engine {
            rhythm: config.rhythm,
            timeout: config.timeout,
            concurrency: concurrency.max(1),
            hourly_budget: Some(Self::HOURLY_BUDGET),
            filter: config.selection.filter.clone(),
            gitlab: GitLab::new(&enabled),
            schedule: Schedule::new(config.rhythm, &config.selection.sources()),
            rounds: RoundState::all(&enabled),
            estate: Estate::new(&enabled),
            round_lookups: BTreeMap::new(),
            feeds: Feeds::new(&enabled),
            enabled,
            names: Names::default(),
            projects: BTreeMap::new(),
            instance: Arc::default(),
            details: PipelinesKnown::default(),
            departed: Departed::default(),
            deployments: DeploymentsKnown::default(),
            queue: queue::Queue::default(),
            environments: environments::Environments::default(),
            open: BTreeMap::new(),
            poll: None,
            in_flight: BTreeMap::new(),
            requests: 0,
            polls: 0,
            progress: 0,
            last_answer: None,
            last: Arc::default(),
            errors: BTreeMap::new(),
            notices: Vec::new(),
        }
    }

    /// What it may ask in an hour, where nothing is said of it: what suits gitlab.com.
    const HOURLY_BUDGET: u32 = 4_500;

    /// The same with so many requests in an hour; none if there is no limit.
    #[must_use]
    pub fn with_budget(self, hourly_budget: Option<u32>) -> Engine {
        Engine {
            hourly_budget,
            ..self
        }
    }

    /// Notes whether there is memory for further projects; none if it is not limited.
    pub fn note_room(&mut self, room: Option<bool>) {
        self.schedule.left_out.note_room(room);
    }

    /// Begins a poll: all that is due is asked.
    pub fn begin(&mut self, now: Moment) {
        self.polls += 1;
        self.progress = 0;
        let mut poll = self.begin_hints(now);
        self.gitlab.plan_probe(now);
        self.schedule.plan(&mut poll, !self.gitlab.graphql);
        self.details.begin(now, !self.gitlab.graphql);
        self.begin_deployments();
        self.plan_feeds(&mut poll);
        self.plan_rounds(&mut poll);
        self.poll = Some(poll);
    }

    /// Begins a poll between two others: nothing is asked but what was hinted at.
    pub fn begin_between(&mut self, now: Moment) {
        let mut poll = self.begin_hints(now);
        poll.is_between = true;
        self.poll = Some(poll);
    }

    fn begin_hints(&mut self, now: Moment) -> Poll {
        let mut poll = Poll::new(now, now + self.timeout, self.schedule.lists.len());
        poll.deferrable = self.deferrable(now);
        self.schedule.plan_reads(&mut poll);
        self.queue_open(&mut poll);
        let feeds = self.enabled.catalogue.feeds(Grain::Project);
        poll.feeds = feeds.iter().map(|_| FeedQueues::default()).collect();
        poll
    }

    /// What is to be sent now: no more at a time than the settings allow.
    pub fn next(&mut self, now: Moment) -> Next {
        let mut next = Next::default();
        let Some(mut poll) = self.poll.take() else {
            return next;
        };
        if self.may_ask(&mut poll, now, &mut next) {
            self.ask_probe(&mut poll, now, &mut next);
            if self.gitlab.is_ready() {
                self.ask_all(&mut poll, now, &mut next);
                // What was looked up may show that something ended.
                if self.in_flight.is_empty() && poll.feeds.iter().any(FeedQueues::waits) {
                    self.ask_all(&mut poll, now, &mut next);
                }
            }
        }
        self.poll = Some(poll);
        next
    }

    fn ask_all(&mut self, poll: &mut Poll, now: Moment, next: &mut Next) {
        self.ask_groups(poll, now, next);
        self.ask_graphql(poll, now, next);
        self.ask_rest(poll, now, next);
        self.ask_feeds_over_rest(poll, now, next);
        self.ask_deferrable(poll, now, next);
        self.ask_details(poll, now, next);
        self.ask_queue(poll, now, next);
        self.ask_environments(poll, now, next);
        self.ask_deployments(poll, now, next);
    }

    /// Takes in what came of a request.
    pub fn answered(&mut self, id: RequestId, answer: Answer, now: Moment) {
        let (Some(sent), Some(mut poll)) = (self.in_flight.remove(&id), self.poll.take()) else {
            return;
        };
        if let Some(error) = answer.error() {
            if made_sense(error) {
                self.last_answer = Some(now);
            }
        } else {
            self.last_answer = Some(now);
            poll.failing.clear();
        }
        let at = sent.sent;
        if sent.what.is_deferrable() {
            poll.deferrable.note(answer.error());
        }
        self.gitlab.answering = id;
        match (sent.what, answer) {
            (Sent::Probe, Answer::Probe(answer)) => self.probed(&mut poll, answer, now),
            (Sent::Queries(queries), Answer::Projects(answer)) => {
                let ran_out = sent.deadline < poll.deadline;
                self.queries_answered(&mut poll, queries, at, answer, ran_out, now);
            }
            (Sent::Sweep(index, path), Answer::Page(answer)) => {
                self.rest_page(&mut poll, index, path, at, answer, now);
            }
            (Sent::Recent(index, path), Answer::Page(answer)) => {
                self.rest_recent(&mut poll, index, path, at, answer, now);
            }
            (Sent::Read(id), Answer::Project(answer)) => {
                self.rest_project(&mut poll, id, at, answer, now);
            }
            (Sent::Named(index, name), Answer::Project(answer)) => {
                self.rest_named(&mut poll, index, name, at, answer, now);
            }
            (Sent::Group(index, key), Answer::Group(answer)) => {
                self.group_answered(&mut poll, index, &key, answer, now);
            }
            (Sent::Value(id, lookup), answer) => {
                self.value_answered(&mut poll, id, lookup, at, answer, now);
            }
            (Sent::Feed(walk), Answer::Rows(answer)) => {
                self.feed_rest_answered(&mut poll, *walk, at, answer, now);
            }
            (Sent::Feed(walk), Answer::Count(answer)) => {
                self.feed_rest_counted(&mut poll, *walk, at, answer, now);
            }
            (Sent::Estate(ask), answer) => self.estate_answered(&mut poll, ask, at, answer, now),
            (Sent::RoundValue(index, id, lookup), answer) => {
                self.round_value_answered(&mut poll, (index, id, lookup), at, answer, now);
            }
            (what, answer) => self.answered_of_ci(&mut poll, what, at, answer, now),
        }
        self.poll = Some(poll);
    }

    /// Takes in what came of a request about pipelines and what hangs on them.
    fn answered_of_ci(
        &mut self,
        poll: &mut Poll,
        what: Sent,
        at: Moment,
        answer: Answer,
        now: Moment,
    ) {
        match (what, answer) {
            (Sent::Details(parts), Answer::Details(answer)) => {
                self.details_answered(poll, parts, answer, now);
            }
            (Sent::DetailsPage(page), Answer::Body(answer)) => {
                self.details_page_answered(poll, page, answer, now);
            }
            (Sent::Deployments(ask), Answer::Rows(answer)) => {
                self.deployments_answered(poll, ask, answer, at, now);
            }
            (Sent::Queue(ask), Answer::Query(answer)) => {
                self.queue_answered(poll, ask, answer, now);
            }
            (Sent::Queue(ask), Answer::Rows(answer)) => {
                self.queue_page_answered(poll, ask, answer, now);
            }
            (Sent::Environments(ask), Answer::Query(answer)) => {
                self.environments_answered(poll, ask, answer, at, now);
            }
            (Sent::Environments(ask), Answer::Rows(answer)) => {
                self.environments_row_answered(poll, ask, answer, at, now);
            }
            // A driver that answers something else has not answered.
            _ => {}
        }
    }

    /// Whether something was counted since this was asked last: it is to be written down before it is
    /// shown.
    pub fn take_unsaved(&mut self) -> bool {
        std::mem::take(&mut self.feeds.unsaved)
    }

    /// Whether every list has been read to its end.
    pub fn is_whole(&self) -> bool {
        self.schedule.is_whole()
    }

    /// How many projects are known, selected or not.
    pub fn projects(&self) -> usize {
        self.projects.len()
    }

    /// Ends the poll under way and tells what is known then. `requests` is what it cost, and `kept`
    /// whether what is known could last be written.
    pub fn end(&mut self, now: Moment, requests: u64, kept: Option<bool>) -> Arc<Snapshot> {
        if let Some(poll) = self.close() {
            self.last = Arc::new(self.merge(poll, now, requests, kept));
        }
        Arc::clone(&self.last)
    }

    /// Ends the poll under way without a word of it.
    pub fn drop_poll(&mut self) {
        self.close();
    }

    /// What is known in the middle of a poll.
    pub fn so_far(&mut self, now: Moment) -> Arc<Snapshot> {
        self.last = Arc::new(self.snapshot(self.last.report.clone(), now));
        Arc::clone(&self.last)
    }

    /// Ends a poll between two others. What failed is asked by the next poll.
    pub fn end_between(&mut self, now: Moment) -> Arc<Snapshot> {
        self.close();
        self.so_far(now)
    }

    fn close(&mut self) -> Option<Poll> {
        self.in_flight.clear();
        let mut poll = self.poll.take()?;
        self.feeds_polled(&poll);
        for (index, named) in std::mem::take(&mut poll.named) {
            let source = self.schedule.lists[index].source.to_string();
            if let Some(error) = named.into_failure() {
                poll.fail(source, error);
            }
        }
        let planned = std::mem::take(&mut poll.planned_glances);
        self.schedule.put_glances_back(planned);
        // What was looked up of a project that is not done stays for the next poll.
        self.round_lookups
            .retain(|_, open| !open.answers.is_empty());
        self.close_rounds(&mut poll);
        self.close_estate();
        Some(poll)
    }

    /// The full paths of all projects that are known.
    pub fn known_paths(&self) -> Vec<String> {
        let projects = self.projects.values();
        projects
            .map(|project| project.identity.path.to_string())
            .collect()
    }

    /// What happened since this was asked last.
    pub fn take_notices(&mut self) -> Vec<Notice> {
        std::mem::take(&mut self.notices)
    }

    /// How many projects the poll under way has read.
    pub fn progress(&self) -> usize {
        self.progress
    }

    /// Whether anything may be asked now.
    fn may_ask(&mut self, poll: &mut Poll, now: Moment, next: &mut Next) -> bool {
        if poll.stopped {
            return false;
        }
        if let Some(until) = poll.wait_until.filter(|until| now < *until) {
            next.again = Some(until);
            return false;
        }
        poll.wait_until = None;
        if now >= poll.deadline {
            self.run_out_of_time(poll);
            return false;
        }
        self.in_flight.len() < self.concurrency
    }

    /// The poll's time is up. A first sweep may take more than one poll, and single values wait for
    /// the next.
    fn run_out_of_time(&mut self, poll: &mut Poll) {
        if self.schedule.is_whole() && poll.has_more() {
            poll.fail("asking all that is due".to_owned(), Error::Deadline);
        }
        poll.stop();
    }

    /// How many more requests may be under way.
    fn free(&self) -> usize {
        self.concurrency.saturating_sub(self.in_flight.len())
    }

    fn send(
        &mut self,
        poll: &Poll,
        now: Moment,
        next: &mut Next,
        request: Request,
        kind: Kind,
        what: Sent,
    ) {
        /// How long one request may take with all its tries: a slow one must not hold up the others.
        const PATIENCE: Duration = Duration::from_secs(60);
        /// REST can't be asked for less.
        const PATIENCE_OF_REST: Duration = Duration::from_secs(120);
        let request = match request {
            Request::Query(document, variables) => {
                Request::Query(self.gitlab.plan.fields.pruned(&document), variables)
            }
            request => request,
        };
        let patience = match request {
            Request::Projects(..) | Request::Details(..) | Request::Query(..) => PATIENCE,
            _ => PATIENCE_OF_REST,
        };
        let latest = self.deadline_of(poll, &what, now);
        let deadline = poll.deadline.min(now + patience).min(latest);
        self.requests += 1;
        let id = self.requests;
        let sent = now;
        let subject = self.subject_of(&what);
        self.in_flight.insert(
            id,
            InFlight {
                sent,
                deadline,
                what,
            },
        );
        next.requests.push(Asked {
            id,
            request,
            deadline,
            kind,
            subject,
        });
    }

    /// The subject that a request of its own is about.
    fn subject_of(&self, what: &Sent) -> Option<&'static str> {
        let feeds = || self.enabled.catalogue.feeds(Grain::Project);
        let of_instance = |index: usize| self.estate.instance_rounds[index].round.subject.name;
        match what {
            Sent::Feed(walk) => Some(feeds()[usize::from(walk.place)].subject.name),
            Sent::RoundValue(index, ..) => Some(self.rounds[*index].round.subject.name),
            Sent::Estate(EstateAsk::Instance(index) | EstateAsk::InstanceValue(index, _)) => {
                Some(of_instance(*index))
            }
            Sent::Estate(EstateAsk::Groups | EstateAsk::GroupValue(..)) => Some("groups"),
            Sent::Estate(EstateAsk::Runners) => Some("runners"),
            Sent::DetailsPage(page) => Some(page.subject()),
            Sent::Deployments(ask) => Some(ask.subject()),
            Sent::Queue(_) => Some("queue"),
            Sent::Environments(_) => Some("environments"),
            _ => None,
        }
    }

    /// Waits where a limit allows nothing for a while. True if that is what the error says.
    fn waits(&mut self, poll: &mut Poll, error: &Error, now: Moment) -> bool {
        let wait = match error {
            Error::Budget { wait, .. } if self.defers(poll, now + *wait) => return true,
            Error::Budget { wait, .. } => {
                // Our own limit takes no time from the poll.
                poll.deadline = poll.deadline.max(now) + *wait;
                *wait
            }
            Error::RateLimited { wait, .. } if now + *wait < poll.deadline => *wait,
            _ => return false,
        };
        self.notices.push(Notice::Waiting { wait });
        poll.wait_until = poll.wait_until.max(Some(now + wait));
        true
    }

    /// Notes a failure; after some different ones in a row, or one that others would share, nothing
    /// more is asked.
    fn strike(&mut self, poll: &mut Poll, what: String, error: Error) {
        if matches!(error, Error::Deadline) {
            return self.run_out_of_time(poll);
        }
        poll.failing.insert(what.clone());
        let shared = matches!(
            error,
            Error::Unauthorized { .. } | Error::RateLimited { .. }
        );
        if shared || poll.failing.len() >= STRIKES {
            poll.stop();
        }
        poll.fail(what, error);
    }

    /// Notes that something failed, as far as that shows that GitLab is down. A token that is refused for
    /// one thing is refused for all only if the lists say so, too.
    fn note_down(&mut self, poll: &mut Poll, what: String, error: &Error) {
        match error {
            Error::Deadline => self.run_out_of_time(poll),
            Error::RateLimited { .. } => poll.stop(),
            Error::Unauthorized { .. }
            | Error::Network { .. }
            | Error::Timeout { .. }
            | Error::Server { .. } => {
                poll.failing.insert(what);
                if poll.failing.len() >= STRIKES {
                    poll.stop();
                }
            }
            _ => {}
        }
    }
}
