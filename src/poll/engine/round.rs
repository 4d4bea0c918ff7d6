//! Where a subject with a pace of its own stands: which projects are due, and how much GitLab bears of it.

use std::time::Duration;

use super::due::Due;
use super::moment::Moment;
use crate::metrics::{
    EnabledMetrics, Grain, Owner, OwnerAnswer, Reading, Reason, Round, TableAnswer, TableReading,
};
use crate::poll::capacity::Capacity;

/// So many good answers in a row let a subject travel with others again.
const GOOD: u8 = 3;

/// A subject with a pace of its own.
#[derive(Debug)]
pub struct RoundState {
    pub round: Round,
    pub due: Due,
    /// How many projects a part asks for.
    pub capacity: Capacity,
    /// How many good answers are missing until it travels with others again.
    alone: u8,
}

/// When a project was asked, as far as its values tell: the oldest counts.
pub fn told(round: &Round, project: &Owner) -> Moment {
    let columns = round.columns.iter();
    let values = columns.map(|place| match project.values.get(*place) {
        Some(Reading::Known { at, .. }) => *at,
        _ => 0,
    });
    let tables = round.tables.iter();
    let tables = tables.map(|place| match project.tables.get(*place) {
        Some(TableReading::Known(table)) => table.at,
        _ => 0,
    });
    let at = values.chain(tables).min().unwrap_or_default();
    Moment::from_secs(at.into())
}

/// Whether nothing is to be had of a project: GitLab said so of all there is.
pub fn is_refused(round: &Round, project: &Owner) -> bool {
    let is_fact = |reason: &Reason| reason.is_fact() && *reason != Reason::Invalid;
    let of_values = round.columns.iter().all(|place| {
        let value = project.values.get(*place);
        matches!(value, Some(Reading::Unknown(reason)) if is_fact(reason))
    });
    let of_tables = round.tables.iter().all(|place| {
        let table = project.tables.get(*place);
        matches!(table, Some(TableReading::Unknown(reason)) if is_fact(reason))
    });
    of_values && of_tables
}

/// What came of asking an owner about a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Known,
    /// GitLab has nothing of it for the token.
    Refused,
    Failed,
}

/// What came of asking an owner about a subject: what is known now, and what was found.
pub fn outcome(round: &Round, owner: &Owner, found: &OwnerAnswer) -> Outcome {
    if is_refused(round, owner) {
        return Outcome::Refused;
    }
    match failure(round, found) {
        Some(_) => Outcome::Failed,
        None => Outcome::Known,
    }
}

/// Why something of a subject could not be read.
pub fn failure(round: &Round, found: &OwnerAnswer) -> Option<Reason> {
    let values = round.columns.iter().map(|place| &found.values[*place]);
    let values = values.filter_map(|reading| match reading {
        Reading::Unknown(reason) => Some(*reason),
        _ => None,
    });
    let tables = round.tables.iter().map(|place| &found.tables[*place]);
    let tables = tables.filter_map(|table| match table {
        TableAnswer::Unknown(reason) => Some(*reason),
        _ => None,
    });
    values.chain(tables).find(|reason| !reason.is_fact())
}

impl RoundState {
    pub fn all(enabled: &EnabledMetrics) -> Vec<RoundState> {
        let rounds = enabled.rounds(Grain::Project).cloned();
        let state = |round: Round| RoundState {
            due: Due::new(round.every),
            capacity: Capacity::new(),
            alone: 0,
            round,
        };
        rounds.map(state).collect()
    }

    pub fn is_alone(&self) -> bool {
        self.alone > 0
    }

    /// Notes how GitLab bore a request with a part of so many projects; no time if it did not.
    pub fn bore(&mut self, first: usize, took: Option<Duration>, alone: bool) {
        match took {
            Some(took) if took <= Capacity::SLOW => {
                self.alone = self.alone.saturating_sub(1);
                self.capacity.answered(first, took);
            }
            Some(took) if alone => self.capacity.answered(first, took),
            None if alone => self.capacity.failed(first),
            // Another part may be to blame: it shows once each is asked alone.
            _ => self.alone = GOOD,
        }
    }
}
