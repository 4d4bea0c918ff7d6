//! The details of pipelines, jobs and test reports: read of those that changed or run, as the feed of
//! pipelines tells them, many projects a request. Each attempt of a job is counted once.
//!
//! A pipeline is due as soon as the feed shows that its row has changed, by every poll while it is
//! active, and for five minutes after it came to rest, while GitLab's own workers fill in its test
//! report. It stays due until all of it was read: a request that fails loses nothing.

mod asking;
mod begun;
mod known;
mod noting;
mod reading;
mod rest;
mod taking;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::poll::details_plan::DetailsPart;

pub use known::PipelinesKnown;
pub use noting::SeenPipeline;

/// Of which pipeline something is: its project and its id.
pub type Whose = (u64, u64);

/// What one poll still asks of details.
#[derive(Debug, Default)]
pub struct DetailsWork {
    /// The parts to be asked, each with the rows it may bring; alone if it failed among others.
    parts: VecDeque<QueuedPart>,
    /// Pipelines that were asked in this poll, or are to be.
    asked: BTreeSet<Whose>,
    /// What has come so far of pipelines that take several requests.
    readings: BTreeMap<Whose, reading::Reading>,
    /// What is to be asked over REST, and what it is for.
    rest: VecDeque<RestPage>,
}

#[derive(Clone, Debug)]
struct QueuedPart {
    part: DetailsPart,
    rows: usize,
    alone: bool,
}

/// A page over REST.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RestPage {
    of: Whose,
    what: RestDetails,
    page: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RestDetails {
    Jobs,
    /// The failed jobs only, for the words that GraphQL does not tell.
    Failed,
    Report,
}

/// Whether a pipeline with this status may go on by itself. One that waits for somebody, such as a
/// manual one, may rest for years, and playing a job of it changes its row.
pub fn is_active(status: &str) -> bool {
    const ACTIVE: [&str; 7] = [
        "created",
        "waiting_for_resource",
        "waiting_for_callback",
        "preparing",
        "pending",
        "running",
        "canceling",
    ];
    ACTIVE.contains(&status)
}
