//! What an answer says of a project, before it is merged with what was known.

use std::collections::BTreeSet;

use crate::gitlab::Error;
use crate::metrics::{Feature, Identity, Reading, Standing, questions};

/// A project as it was found.
#[derive(Clone)]
pub struct Found {
    /// Who it is.
    pub identity: Identity,
    /// One reading for each question.
    pub readings: Vec<Reading>,
    /// Slots that failed and may be asked in another way.
    pub failed: Vec<usize>,
}

/// What was read of a list, and why not all of it.
#[derive(Default)]
pub struct Listing {
    /// The projects.
    pub found: Vec<Found>,
    /// The ids behind names; an old path leads to a project that is called otherwise by now.
    pub resolved: Vec<(String, u64)>,
    /// Why it ended early.
    pub failure: Option<Error>,
}

impl Found {
    /// A project of which nothing was asked.
    pub fn new(identity: Identity) -> Found {
        Found {
            identity,
            readings: vec![Reading::Unknown(Reading::NOT_ASKED); questions().len()],
            failed: Vec::new(),
        }
    }

    /// Whether a value is hidden where it was asked for, and may be told elsewhere. Who may not read
    /// the repository is not told about it in another way.
    pub fn is_hidden(&self, slot: usize) -> bool {
        self.readings[slot] == Reading::Unknown(Reading::HIDDEN)
            && !questions()[slot].0.hidden.is_empty()
            && self.identity.code != Some(false)
    }

    /// The slots whose values are still to be asked in another way.
    pub fn open(&self, slots: &BTreeSet<usize>) -> Vec<usize> {
        let unclear =
            |slot: usize| self.identity.standing(questions()[slot].0.feature) == Standing::Unclear;
        let open = slots
            .iter()
            .copied()
            .filter(|slot| self.failed.contains(slot) || self.is_hidden(*slot) || unclear(*slot));
        open.collect()
    }

    /// Takes over what is known of features, where it was unclear.
    pub fn settle(&mut self, standing: &[Standing; Feature::ALL.len()], slots: &BTreeSet<usize>) {
        for (ours, settled) in self.identity.standing.iter_mut().zip(standing) {
            if *ours == Standing::Unclear {
                // On for the project, and not for us.
                *ours = if *settled == Standing::Off {
                    Standing::Off
                } else {
                    Standing::Denied
                };
            }
        }
        for &slot in slots {
            if self.identity.standing(questions()[slot].0.feature) == Standing::Off {
                self.readings[slot] = Reading::Off;
            }
        }
    }
}
