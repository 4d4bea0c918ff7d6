//! An owner after an answer: what it told, and the last good value of what it did not.

use std::sync::Arc;

use super::subject::Rows;
use super::{Owner, OwnerAnswer, TableReading, UnixTime, stamp};

impl Owner {
    /// The owner after an answer, with the last good value of what failed. Feeds tell their things
    /// elsewhere.
    pub fn updated(answer: OwnerAnswer, last: Option<&Owner>, now: UnixTime) -> Owner {
        let (catalogue, grain) = (answer.catalogue, answer.grain);
        let mut values = answer.values;
        for (place, value) in values.iter_mut().enumerate() {
            *value = value.or_last_good(last.and_then(|last| last.values.get(place)));
        }
        let tables = catalogue.tables(grain).iter().zip(answer.tables);
        let tables = tables.enumerate().map(|(place, (placed, told))| {
            let last = last.and_then(|last| last.tables.get(place));
            match (&placed.subject.rows, last) {
                (Rows::Feeds(_), Some(last)) => last.clone(),
                _ => told.after(last, placed, now),
            }
        });
        let tables: Box<[TableReading]> = tables.collect();
        // The same identity is shared: nearly all of them are the same for weeks.
        let same = last.filter(|last| *last.identity == answer.identity);
        Owner {
            identity: match same {
                Some(last) => Arc::clone(&last.identity),
                None => Arc::new(answer.identity),
            },
            listed: stamp(now),
            values,
            ended: last.map(|last| last.ended.clone()).unwrap_or_default(),
            tables,
        }
    }

    /// Takes in the tables of an answer at these places.
    pub fn take_tables(&mut self, answer: &OwnerAnswer, places: &[usize], now: UnixTime) {
        if places.is_empty() {
            return;
        }
        let (catalogue, grain) = (answer.catalogue, answer.grain);
        let last = self.clone();
        for &place in places {
            let told = answer.tables[place].clone();
            let placed = &catalogue.tables(grain)[place];
            self.tables[place] = told.after(last.tables.get(place), placed, now);
        }
    }
}
