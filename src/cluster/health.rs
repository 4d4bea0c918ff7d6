//! How the engine does, as metrics and the status page show it.

use std::sync::Mutex;
use std::time::Duration;

use super::error::Error;
use crate::lock::lock;

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

/// What a request is for, as metrics name it.
pub(super) const REFUSABLE: [&str; 5] = ["renew", "take", "publish", "drain", "resign"];

/// What is noted of requests.
#[derive(Default)]
pub(super) struct Notes(Mutex<EngineHealth>);

impl Notes {
    pub(super) fn new() -> Notes {
        let refused = REFUSABLE.iter().map(|kind| (*kind, 0)).collect();
        Notes(Mutex::new(EngineHealth {
            refused,
            ..EngineHealth::default()
        }))
    }

    pub(super) fn health(&self) -> EngineHealth {
        lock(&self.0).clone()
    }

    /// Notes what became of a request that took so long.
    pub(super) fn note<T>(&self, answer: &Result<T, Error>, latency: Duration) {
        let mut health = lock(&self.0);
        match answer {
            Ok(_) => {
                health.is_up = true;
                health.latency = Some(latency);
                health.problem = None;
            }
            // Whoever refuses is up, but of no use until somebody sets it right.
            Err(error) => {
                health.is_up = false;
                health.problem = Some(error.to_string());
            }
        }
    }

    pub(super) fn note_refusal(&self, kind: &'static str) {
        let mut health = lock(&self.0);
        let mut refused = health.refused.iter_mut();
        if let Some((_, times)) = refused.find(|(own, _)| *own == kind) {
            *times += 1;
        }
    }
}
