//! How many webhooks came, and what became of them.

use std::collections::BTreeMap;
use std::sync::Mutex;

use super::event::Event;

use crate::lock::lock;

/// What became of a webhook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It became a hint.
    Accepted,
    /// Its secret was missing or wrong.
    Unauthorized,
    /// It could not be read.
    Invalid,
}

impl Outcome {
    /// The value of the attribute `outcome`.
    pub fn name(self) -> &'static str {
        match self {
            Outcome::Accepted => "accepted",
            Outcome::Unauthorized => "unauthorized",
            Outcome::Invalid => "invalid",
        }
    }
}

/// Webhooks since the start by the names of event and outcome.
#[derive(Debug, Default)]
pub struct Counts(Mutex<BTreeMap<(&'static str, &'static str), u64>>);

impl Counts {
    pub fn note(&self, event: Event, outcome: Outcome) {
        let mut counts = lock(&self.0);
        *counts.entry((event.name(), outcome.name())).or_default() += 1;
    }

    pub fn all(&self) -> BTreeMap<(&'static str, &'static str), u64> {
        lock(&self.0).clone()
    }
}
