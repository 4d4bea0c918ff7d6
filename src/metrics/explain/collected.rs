//! The series and the absences of an answer while it is put together.

use std::collections::BTreeSet;

use super::answer::{Absent, Series};
use super::why::Why;
use crate::metrics::Identity;

/// More labels or paths of what is absent for one reason are not named.
const NAMED: usize = 10;

/// What has been found so far.
pub(super) struct Collected {
    pub series: Vec<Series>,
    pub more: u64,
    pub absent: Vec<Absent>,
    most: usize,
}

impl Collected {
    /// An answer of so many series at the most.
    pub fn new(most: usize) -> Collected {
        Collected {
            series: Vec::new(),
            more: 0,
            absent: Vec::new(),
            most,
        }
    }

    /// Whether there is room for further series.
    pub fn has_room(&self) -> bool {
        self.series.len() < self.most
    }

    /// Adds a series, or counts it where there is no room.
    pub fn show(&mut self, series: Series) {
        match self.has_room() {
            true => self.series.push(series),
            false => self.more += 1,
        }
    }

    /// Notes that series are absent, with the label that tells them from others of the same owner.
    pub fn lack(&mut self, why: Why, count: u64, label: Option<String>, of: Option<&Identity>) {
        if count == 0 {
            return;
        }
        let same = |own: &&mut Absent| {
            (own.reason, &own.why, &own.advice) == (why.reason, &why.why, &why.advice)
        };
        let place = match self.absent.iter_mut().find(same) {
            Some(known) => known,
            None => {
                self.absent.push(Absent {
                    reason: why.reason,
                    count: 0,
                    why: why.why,
                    advice: why.advice,
                    labels: BTreeSet::new(),
                    paths: BTreeSet::new(),
                });
                // It has just been pushed.
                let Some(new) = self.absent.last_mut() else {
                    return;
                };
                new
            }
        };
        place.count += count;
        add(&mut place.labels, label);
        add(
            &mut place.paths,
            of.map(|of| of.path.to_string())
                .filter(|path| !path.is_empty()),
        );
    }
}

fn add(all: &mut BTreeSet<String>, one: Option<String>) {
    if all.len() < NAMED {
        all.extend(one);
    }
}
