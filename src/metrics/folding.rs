//! Rows that have ended are counted once each: into a counter, or into a histogram of how long they
//! took. Counting begins when an owner is first read, and goes on over restarts.

use std::collections::HashSet;
use std::sync::Arc;

use super::placed::RowAttribute;
use super::{
    Catalogue, Ended, EndedPlace, EndedSeries, Grain, Owner, Table, TableReading, UnixTime, stamp,
};

/// What has ended by now, for each metric that counts that.
pub(super) fn folded(
    catalogue: &Catalogue,
    grain: Grain,
    tables: &[TableReading],
    last: Option<&Owner>,
    now: UnixTime,
) -> Box<[Ended]> {
    let places = catalogue.ended(grain).iter().enumerate();
    let fold = |(index, place): (usize, &EndedPlace)| {
        let before = last.and_then(|last| last.ended.get(index));
        let known = |tables: &[TableReading]| tables.get(place.table)?.known().cloned();
        let Some(table) = known(tables) else {
            return before.cloned().unwrap_or_default();
        };
        let last = last.and_then(|last| known(&last.tables));
        match before.filter(|before| before.since > 0) {
            Some(before) => before.after(place, &table, last.as_deref()),
            None => Ended::begin(place, &table, now),
        }
    };
    places.map(fold).collect()
}

impl Ended {
    /// Begins to count: what has ended already is not counted.
    fn begin(place: &EndedPlace, table: &Table, now: UnixTime) -> Ended {
        let rows = 0..table.rows();
        let ended = rows.filter(|row| place.ended_at(table, *row).is_some());
        Ended {
            since: stamp(now),
            counted: ended.map(|row| table.keys[row]).collect(),
            series: Box::default(),
        }
    }

    /// Counts the rows that have ended since.
    fn after(&self, place: &EndedPlace, table: &Table, last: Option<&Table>) -> Ended {
        let counted: HashSet<u64> = self.counted.iter().copied().collect();
        let (mut next, mut new) = (self.clone(), Vec::new());
        for row in 0..table.rows() {
            let key = table.keys[row];
            let Some(at) = place
                .ended_at(table, row)
                .filter(|_| !counted.contains(&key))
            else {
                continue;
            };
            new.push(key);
            // A row that was seen to run has ended since, whatever clock GitLab goes by.
            let ran = last.is_some_and(|last| place.runs(last, key));
            if ran || at >= f64::from(self.since) {
                next.add(place, table, row);
            }
        }
        if !new.is_empty() {
            next.counted = remembered(&self.counted, &new, place.at_most);
        }
        next
    }

    fn add(&mut self, place: &EndedPlace, table: &Table, row: usize) {
        let value = match place.value {
            Some(at) => match table.values_of(row)[at].value() {
                Some(value) => value,
                None => return, // It has ended and taken no time that GitLab tells.
            },
            None => 0.0,
        };
        let texts = place.attributes.iter();
        let texts = texts.map(|attribute: &RowAttribute| attribute.shared(table, row));
        let attributes: Box<[Arc<str>]> = texts.collect();
        let mut all = std::mem::take(&mut self.series).into_vec();
        let at = all
            .iter()
            .position(|series| series.attributes == attributes);
        let at = at.unwrap_or_else(|| {
            all.push(EndedSeries {
                attributes,
                buckets: vec![0; place.buckets()].into(),
                ..EndedSeries::default()
            });
            all.len() - 1
        });
        all[at].record(value, place.bounds);
        self.series = all.into();
    }
}

impl EndedPlace {
    /// When a row ended; none while it runs.
    fn ended_at(&self, table: &Table, row: usize) -> Option<f64> {
        table.values_of(row)[self.at].value()
    }

    /// Whether a table has this row, and it has not ended.
    fn runs(&self, table: &Table, key: u64) -> bool {
        let row = table.keys.binary_search(&key);
        row.is_ok_and(|row| self.ended_at(table, row).is_none())
    }

    fn buckets(&self) -> usize {
        match self.bounds.len() {
            0 => 0,
            bounds => bounds + 1,
        }
    }
}

/// The newest keys: twice as many as a list tells, so that none comes back that was forgotten.
fn remembered(before: &[u64], new: &[u64], at_most: usize) -> Box<[u64]> {
    let mut keys = [before, new].concat();
    keys.sort_unstable();
    let forgotten = keys.len().saturating_sub(2 * at_most);
    keys.drain(..forgotten);
    keys.into()
}
