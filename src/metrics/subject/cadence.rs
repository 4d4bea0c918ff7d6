//! How often a subject is asked.

use std::time::Duration;

/// How often a subject is asked, where the configuration does not say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cadence {
    /// Along with everything else that is asked of a project.
    WithOwner,
    /// By every poll.
    EachPoll,
    /// Of every owner once in this time.
    Every(Duration),
}

impl Cadence {
    pub const FIVE_MINUTES: Cadence = Cadence::Every(Duration::from_secs(5 * 60));
    pub const HOURLY: Cadence = Cadence::Every(Duration::from_secs(60 * 60));
    pub const DAILY: Cadence = Cadence::Every(Duration::from_secs(24 * 60 * 60));
}
