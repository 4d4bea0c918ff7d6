//! How the engine does, as metrics and the status page show it.

use std::time::Duration;

/// How the engine did at the last request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EngineHealth {
    /// Whether the last request was answered; not before the first one.
    pub is_up: bool,
    /// How long the last answer took; none before the first one.
    pub latency: Option<Duration>,
    /// What the engine refused because another replica holds the lease, by kind, with how often.
    pub refused: Vec<(&'static str, u64)>,
    /// Why the last request failed; none if it did not. With what to do.
    pub problem: Option<String>,
}
