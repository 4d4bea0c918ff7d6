//! One poll: what of the schedule is still to be asked in it.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};

use super::deployments::DeploymentsWork;
use super::details::DetailsWork;
use super::due::{Share, Taken};
use super::environments::EnvironmentsWork;
use super::moment::Moment;
use super::names::Named;
use super::queue::QueueWork;
use super::rest_walk::RestWalk;
use crate::gitlab::Error;
use crate::metrics::UnixTime;
use crate::poll::plan::{Depth, List, RequestPart};

/// One poll: what of the schedule is still to be asked in it.
#[derive(Debug)]
pub struct Poll {
    pub began: Moment,
    /// Whether it is one between two others: nothing is asked but what was hinted at.
    pub is_between: bool,
    /// When nothing more is asked. Time that is spent waiting for the budget does not count.
    pub deadline: Moment,
    /// Whether everything is asked of everyone.
    pub whole: bool,
    /// What is asked of each list.
    pub lists: Vec<ListWork>,
    /// Projects that are asked for what activity moves.
    pub follows: VecDeque<u64>,
    /// Those that were, in this poll.
    followed: HashSet<u64>,
    /// Projects that are asked for one subject alone, by its name.
    pub subjects: BTreeMap<&'static str, BTreeSet<u64>>,
    pub glances: VecDeque<u64>,
    /// The glances that were planned, with when each project was glanced at before.
    pub planned_glances: Vec<(Moment, u64)>,
    /// Projects that are asked for everything over GraphQL.
    pub reads: VecDeque<u64>,
    /// Those that were, in this poll.
    pub read: HashSet<u64>,
    /// Projects that are asked for everything over REST.
    pub rest_reads: VecDeque<u64>,
    /// Parts of requests that are asked again: alone, or for fewer projects.
    pub again: VecDeque<Query>,
    /// The sweeps of projects that are selected by name.
    pub named: HashMap<usize, Named>,
    /// Projects whose open values are still to be asked, the oldest first.
    pub open: BTreeSet<(UnixTime, u64)>,
    /// What is asked of each feed, by its place in the catalogue.
    pub feeds: Vec<FeedQueues>,
    /// Walks of feeds over REST that have a page to come.
    pub rest_walks: VecDeque<RestWalk>,
    /// How often a part about feeds broke.
    pub feed_halves: u32,
    /// Whether what lies beside the projects is asked, and how many more requests about groups.
    pub estate: bool,
    pub estate_left: usize,
    /// What is asked of subjects with a pace of their own.
    pub rounds: Vec<RoundWork>,
    /// What is asked of the details of pipelines.
    pub details: DetailsWork,
    /// What is asked of deployments.
    pub deployments: DeploymentsWork,
    pub queue: QueueWork,
    pub environments: EnvironmentsWork,
    /// What later polls may finish.
    pub deferrable: Deferrable,
    /// Nothing is asked before then: the budget or a limit of GitLab's allows nothing.
    pub wait_until: Option<Moment>,
    /// Whether nothing more is asked.
    pub stopped: bool,
    /// What failed since GitLab last answered well.
    pub failing: HashSet<String>,
    /// How often in a row GraphQL as a whole, or a part of a request, was refused.
    pub blocked: u32,
    pub refused: u32,
    /// What could not be read of lists, and why.
    pub failures: Vec<(String, Error)>,
    /// Single values that could not be read, by subject and reason.
    pub values: BTreeMap<(&'static str, &'static str), u64>,
}

/// Projects whose feed is still to be asked.
#[derive(Debug, Default)]
pub struct FeedQueues {
    /// For the newest things: at first sight, and once in a sweep.
    pub newest: VecDeque<u64>,
    /// For what changed.
    pub changed: VecDeque<u64>,
    /// Whether those for the newest things, and those for what changed, stand in the order in which they are
    /// asked.
    pub in_order: (bool, bool),
    /// Whether anything changed, those that were seen the longest ago first.
    pub glances: VecDeque<u64>,
    /// Those that are or were asked, in this poll, for what changed or is newest.
    pub asked: HashSet<u64>,
    /// The walks that have a page to come: when each began by GitLab's clock, and how many pages came.
    pub walks: BTreeMap<u64, (UnixTime, u32)>,
}

impl FeedQueues {
    /// Asks what changed in a project, once in a poll.
    pub fn ask_changed(&mut self, id: u64) {
        if self.asked.insert(id) {
            self.push_changed(id);
        }
    }

    pub fn push_changed(&mut self, id: u64) {
        self.changed.push_back(id);
        self.in_order.1 = false;
    }

    /// Asks what changed in a project since it was asked, if it was: that answer does not have what is known
    /// to have happened now.
    pub fn ask_changed_again(&mut self, id: u64) {
        if !self.changed.contains(&id) {
            self.asked.insert(id);
            self.push_changed(id);
        }
    }

    /// Asks for the newest things of a project.
    pub fn ask_newest(&mut self, id: u64) {
        if self.asked.insert(id) {
            self.newest.push_back(id);
            self.in_order.0 = false;
        }
    }

    /// Whether something is still to be asked.
    pub fn waits(&self) -> bool {
        !self.is_empty() || !self.glances.is_empty()
    }

    fn is_empty(&self) -> bool {
        self.newest.is_empty() && self.changed.is_empty()
    }
}

/// How far a poll is with what later polls may finish.
#[derive(Debug, Default)]
pub struct Deferrable {
    /// Until when requests may be sent; none while everything is read for the first time.
    pub until: Option<Moment>,
    /// Whether one was answered.
    pub answered: bool,
    /// Whether the rest is left to the next poll.
    pub over: bool,
}

/// What one poll asks of a subject with a pace of its own.
#[derive(Debug, Default)]
pub struct RoundWork {
    pub share: Share,
    /// Projects that are being asked.
    pub open: BTreeMap<u64, Taken>,
    /// Projects that REST is asked about, and whose next question is to be found.
    pub ready: VecDeque<u64>,
    /// How many more projects REST may be asked about.
    pub rest: usize,
}

/// What one poll asks of a list.
#[derive(Debug, Default)]
pub struct ListWork {
    /// Whether the next page of its sweep is to be asked, and whether that is under way.
    pub sweep: bool,
    pub sweeping: bool,
    /// The same of its recent activity.
    pub recent: bool,
    pub asking_recent: bool,
    /// How often the next page of the sweep has failed over GraphQL.
    pub failures: u32,
    /// How often the sweep has failed over REST.
    pub rest_failures: u32,
    /// How often the next page of recent activity has failed.
    pub recent_failures: u32,
    /// Whether the next page of the sweep is asked only who is on it: the whole page was too much.
    pub identity_only: bool,
    /// Whether the group is asked for over REST: what its path is, or whether it is there.
    pub group: GroupCheck,
}

/// Whether REST is asked about a list's group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum GroupCheck {
    #[default]
    Trusted,
    ToAsk,
    Asked,
    /// REST has said that it is there: GraphQL, which does not show it, is not believed.
    IsThere,
}

/// A part of a request, and why it is asked.
#[derive(Debug)]
pub struct Query {
    pub purpose: Purpose,
    pub part: RequestPart,
    /// Whether it travels alone, since it may bring down a request that carries others.
    pub alone: bool,
    /// How often GraphQL refused it.
    pub failures: u32,
    /// Whether it is asked only who the projects are, since more was too much.
    pub identity_only: bool,
}

/// Why something is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The sweep of a list.
    Sweep(usize),
    /// The recent activity of a list.
    Recent(usize),
    /// The projects that a list names.
    Named(usize),
    /// What activity moves.
    Follow,
    /// Whether anything happened.
    Glance,
    /// Everything, out of turn.
    Read,
    /// A subject with a pace of its own.
    Round(usize),
    /// Something of a feed, by its place in the catalogue.
    Feed(u8),
}

impl Poll {
    /// A poll that asks for nothing yet.
    pub fn new(began: Moment, deadline: Moment, lists: usize) -> Poll {
        Poll {
            began,
            is_between: false,
            deadline,
            whole: false,
            lists: (0..lists).map(|_| ListWork::default()).collect(),
            follows: VecDeque::new(),
            followed: HashSet::new(),
            subjects: BTreeMap::new(),
            glances: VecDeque::new(),
            planned_glances: Vec::new(),
            reads: VecDeque::new(),
            read: HashSet::new(),
            rest_reads: VecDeque::new(),
            again: VecDeque::new(),
            named: HashMap::new(),
            open: Default::default(),
            feeds: Vec::new(),
            rest_walks: VecDeque::new(),
            feed_halves: 0,
            estate: false,
            estate_left: 0,
            rounds: Vec::new(),
            details: DetailsWork::default(),
            deployments: DeploymentsWork::default(),
            queue: QueueWork::default(),
            environments: EnvironmentsWork::default(),
            deferrable: Deferrable::default(),
            wait_until: None,
            stopped: false,
            failing: HashSet::new(),
            blocked: 0,
            refused: 0,
            failures: Vec::new(),
            values: BTreeMap::new(),
        }
    }

    /// Asks for what activity moves in a project, once in a poll.
    pub fn follow(&mut self, id: u64) {
        if self.followed.insert(id) {
            self.follows.push_back(id);
        }
    }

    /// Glances at a project that was last glanced at then.
    pub fn glance(&mut self, before: Moment, id: u64) {
        self.planned_glances.push((before, id));
        self.glances.push_back(id);
    }

    /// Asks for everything about a project, once in a poll.
    pub fn read(&mut self, id: u64) {
        if self.read.insert(id) {
            self.reads.push_back(id);
        }
    }

    /// Takes back projects for which there was no room, in their order.
    pub fn put_back(&mut self, purpose: Purpose, ids: Vec<u64>) {
        let queue = match purpose {
            Purpose::Glance => &mut self.glances,
            Purpose::Follow => &mut self.follows,
            _ => &mut self.reads,
        };
        ids.into_iter().rev().for_each(|id| queue.push_front(id));
    }

    /// Stops asking: what is left stays due.
    pub fn stop(&mut self) {
        self.stopped = true;
    }

    /// Notes a failure. Two tries of one thing are one failure.
    pub fn fail(&mut self, what: String, error: Error) {
        self.failures.retain(|(known, _)| *known != what);
        self.failures.push((what, error));
    }

    /// Whether something other than single values is still to be asked.
    pub fn has_more(&self) -> bool {
        self.lists.iter().any(|list| list.sweep || list.recent)
            || !self.follows.is_empty()
            || !self.glances.is_empty()
            || !self.subjects.is_empty()
            || !self.reads.is_empty()
            || !self.rest_reads.is_empty()
            || !self.again.is_empty()
            || !self.named.is_empty()
            || self.feeds.iter().any(|feed| !feed.is_empty())
    }
}

impl Deferrable {
    pub fn may_ask(&self, now: Moment) -> bool {
        let in_time = self.until.is_none_or(|until| now < until);
        !self.over && (in_time || !self.answered)
    }

    /// Notes what came of a request.
    pub fn note(&mut self, error: Option<&Error>) {
        self.answered |= !matches!(error, Some(Error::Budget { .. }));
    }
}

impl Query {
    /// Some projects by their ids.
    pub fn of_ids(purpose: Purpose, ids: Vec<u64>, depth: Depth) -> Query {
        Query {
            purpose,
            part: RequestPart {
                first: ids.len(),
                list: List::Ids(ids),
                depth,
                after: None,
            },
            alone: false,
            failures: 0,
            identity_only: false,
        }
    }

    /// The ids it asks for.
    pub fn ids(&self) -> &[u64] {
        match &self.part.list {
            List::Ids(ids) => ids,
            _ => &[],
        }
    }

    /// How many projects it names.
    pub fn names(&self) -> usize {
        match &self.part.list {
            List::Ids(ids) => ids.len(),
            List::Paths(paths) => paths.len(),
            _ => 0,
        }
    }

    /// The part as it is sent.
    pub fn sent(&self) -> RequestPart {
        let depth = match self.identity_only {
            true => Depth::Identity,
            false => self.part.depth,
        };
        RequestPart {
            depth,
            ..self.part.clone()
        }
    }

    /// Two queries for half of the projects each.
    pub fn halves(self) -> [Query; 2] {
        let half = |list, first| Query {
            purpose: self.purpose,
            part: RequestPart {
                list,
                first,
                ..self.part.clone()
            },
            alone: true,
            failures: self.failures,
            identity_only: false,
        };
        match &self.part.list {
            List::Paths(paths) => {
                let (left, right) = paths.split_at(paths.len() / 2);
                [left, right].map(|half_of| half(List::Paths(half_of.to_vec()), half_of.len()))
            }
            _ => {
                let (left, right) = self.ids().split_at(self.ids().len() / 2);
                [left, right].map(|half_of| half(List::Ids(half_of.to_vec()), half_of.len()))
            }
        }
    }
}
