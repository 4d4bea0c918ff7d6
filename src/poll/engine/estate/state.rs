//! What lies beside the projects as far as it is known, and where asking for it stands.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::super::lookups::{Lookup, Open};
use super::super::moment::Moment;
use super::super::round;
use super::super::walk::{Position, Walk};
use super::runner;
use crate::metrics::{EnabledMetrics, Grain, Owner, OwnerAnswer, Round};

/// What lies beside the projects, and when it is asked next.
pub struct Estate {
    pub groups: BTreeMap<u64, Arc<Owner>>,
    pub runners: BTreeMap<u64, Arc<Owner>>,
    pub instance_rounds: Vec<InstanceRound>,
    pub group_rounds: Vec<Round>,
    pub listing_groups: Groups,
    pub listing_runners: Runners,
}

/// What was asked of the estate.
#[derive(Clone, Debug)]
pub enum EstateAsk {
    /// Subjects of the GitLab itself over GraphQL, and a value of one over REST.
    Instance(usize),
    InstanceValue(usize, Lookup),
    /// The next part of a list of groups, and a value of a group.
    Groups,
    GroupValue(u64, Lookup),
    Runners,
}

impl Estate {
    pub fn new(enabled: &EnabledMetrics) -> Estate {
        let walked = |round: &&Round| round.subject.name == SUBJECT;
        let instance = enabled.rounds(Grain::Instance);
        let runners = enabled.rounds(Grain::Instance).any(|round| walked(&round));
        let each = enabled.rounds(Grain::Runner).next().is_some();
        let every = enabled.rounds(Grain::Instance).find(walked);
        let every = every
            .or(enabled.rounds(Grain::Runner).next())
            .map(|round| round.every);
        let asks = match (each, &enabled.choices.conventions) {
            (true, _) => runner::SHOWN,
            (false, Some(_)) => runner::COUNTED_BY_WORK,
            (false, None) => runner::COUNTED,
        };
        let listing_runners = Runners {
            wanted: runners || each,
            each,
            asks,
            every: every.unwrap_or_default(),
            next: Moment::ZERO,
            walk: None,
            asking: false,
        };
        Estate {
            groups: BTreeMap::new(),
            runners: BTreeMap::new(),
            instance_rounds: instance
                .filter(|round| !walked(round))
                .cloned()
                .map(InstanceRound::new)
                .collect(),
            group_rounds: enabled.rounds(Grain::Group).cloned().collect(),
            listing_groups: Groups::default(),
            listing_runners,
        }
    }
}

/// The tables of groups.
pub struct GroupTables {
    pub all: Vec<usize>,
    /// Those that are to be asked.
    pub due: Vec<usize>,
}

impl Estate {
    /// The tables of a group, whose pace may be slower than that of the listing.
    pub fn tables_of_group(&self, id: u64, at: Moment) -> GroupTables {
        let listed = self.group_rounds.iter().map(|round| round.every).min();
        let half = listed.unwrap_or_default() / 2;
        let group = self.groups.get(&id);
        let mut tables = GroupTables {
            all: Vec::new(),
            due: Vec::new(),
        };
        for round in &self.group_rounds {
            for &place in &round.tables {
                let told = group.and_then(|group| group.tables.get(place)?.known());
                let is_due = told.is_none_or(|told| {
                    Moment::from_secs(told.at.into()) + round.every <= at + half
                });
                tables.all.push(place);
                if is_due {
                    tables.due.push(place);
                }
            }
        }
        tables
    }
}

/// A subject of the GitLab itself.
pub struct InstanceRound {
    pub round: Round,
    /// When it is asked next.
    pub next: Moment,
    pub asking: bool,
    /// What REST is being asked.
    pub open: Option<Open>,
}

impl InstanceRound {
    pub fn new(round: Round) -> InstanceRound {
        InstanceRound {
            round,
            next: Moment::ZERO,
            asking: false,
            open: None,
        }
    }

    /// Goes on after a restart.
    pub fn resume(&mut self, instance: &Owner) {
        let told = round::told(&self.round, instance);
        if told > Moment::ZERO {
            self.next = told + self.round.every;
        }
    }
}

/// Where the listing of groups stands.
#[derive(Default)]
pub struct Groups {
    pub next: Moment,
    pub listing: Option<Listing>,
    /// Whether REST lists them, since GraphQL could not the last time.
    pub over_rest: bool,
    pub asking: usize,
    /// The ids behind paths: a renamed group is still found, and many fit a request.
    pub ids: HashMap<String, u64>,
}

pub struct Listing {
    pub began: Moment,
    /// The next question, and those after it.
    pub steps: VecDeque<Step>,
    /// Whether the first is under way.
    pub under_way: bool,
    pub found: BTreeMap<u64, OwnerAnswer>,
    /// Groups that REST is asked about, and those whose next question is to be found.
    pub open: BTreeMap<u64, Open>,
    pub ready: VecDeque<u64>,
    pub failed: bool,
}

/// A question about groups.
pub enum Step {
    /// A selected group and what lies below it.
    Tree {
        key: String,
        walk: Box<Walk>,
        position: Option<Position>,
    },
    /// Over REST: the group itself, before its tree.
    Root(String),
    /// Groups by their paths, and by their ids once these are known.
    Paths(Vec<String>),
    Ids(Vec<u64>),
}

impl Groups {
    /// What was under way when a poll ended is asked again.
    pub fn requeue(&mut self) {
        if let Some(listing) = &mut self.listing {
            listing.under_way = false;
            listing.ready = listing.open.keys().copied().collect();
        }
    }

    /// Goes on after a restart.
    pub fn resume(&mut self, told: Moment, every: Duration) {
        if told > Moment::ZERO {
            self.next = told + every;
        }
    }
}

/// The subject whose rows are made of the walk.
pub const SUBJECT: &str = "runners";

/// Where the walk stands.
pub struct Runners {
    /// Whether anything is shown of runners, and whether each one is.
    pub wanted: bool,
    pub each: bool,
    /// What GraphQL is asked of each.
    pub asks: &'static str,
    pub every: Duration,
    pub next: Moment,
    pub walk: Option<RunnersWalk>,
    pub asking: bool,
}

pub struct RunnersWalk {
    pub began: Moment,
    /// The list under way: none is that of all runners.
    pub group: Option<(u64, String)>,
    pub groups: VecDeque<(u64, String)>,
    pub walk: Walk,
    pub position: Option<Position>,
    pub found: BTreeMap<u64, Value>,
    /// Whether any list was shown.
    pub shown: bool,
}

impl Runners {
    /// Goes on after a restart.
    pub fn resume(&mut self, told: Moment) {
        if told > Moment::ZERO {
            self.next = told + self.every;
        }
    }
}
