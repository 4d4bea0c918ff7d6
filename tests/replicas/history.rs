//! What was seen of a group of replicas from outside, as plain data. Nothing here judges.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment: the time since 1970.
pub type Moment = Duration;

/// A time with a begin and an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub begin: Moment,
    pub end: Moment,
}

/// A process of a replica: the number of the replica, and of its start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Life {
    pub replica: usize,
    pub start: usize,
}

/// What one answer of `/metrics` showed.
#[derive(Clone, Debug, Default)]
pub struct Scrape {
    /// When it was answered.
    pub at: Moment,
    pub life: Life,
    /// Numbers that GitLab always changes together.
    pub pulse: Vec<f64>,
    /// All series of counters and histograms.
    pub counters: BTreeMap<String, f64>,
    /// The digest of what is told of GitLab.
    pub text: u64,
}

/// A replica that should have answered, and did not.
#[derive(Clone, Debug)]
pub struct Gap {
    pub span: Span,
    pub life: Life,
    pub why: String,
}

/// The newest version in the engine, from when it was first seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub at: Moment,
    pub token: u64,
    pub version: u64,
}

/// Who held the lease, from when that was first seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    pub at: Moment,
    pub token: u64,
    pub replica: String,
}

/// A point that was pushed.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    pub series: String,
    /// When the receiver got it.
    pub arrived: u64,
    pub time: u64,
    /// When counting began, where it counts.
    pub start: Option<u64>,
    pub value: f64,
}

/// All that was seen.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub scrapes: Vec<Scrape>,
    pub gaps: Vec<Gap>,
    pub heads: Vec<Head>,
    pub holders: Vec<Holder>,
    /// When GitLab was asked.
    pub requests: Vec<Moment>,
    /// What was pushed for the group, in the order of its arrival.
    pub points: Vec<Point>,
    /// When the engine could not be asked by anybody.
    pub away: Vec<Span>,
    /// When an engine began that knew less than the one before it: empty, or an old copy.
    pub forgot: Vec<Moment>,
    /// When a replica was held, cut off or gone, so that no answer says anything.
    pub excused: Vec<(usize, Span)>,
}

/// The time now.
pub fn now() -> Moment {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap_or_default()
}

impl Span {
    pub fn meets(&self, other: &Span) -> bool {
        self.begin <= other.end && other.begin <= self.end
    }
}
