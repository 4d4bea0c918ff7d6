//! Rows that gave way to newer ones because there are more than a limit allows: what must be known of
//! them to count the series that are not shown.

use std::sync::Arc;

use super::{GivenWay, Row};

/// No more of them are remembered of a table: where there are more, they are counted too low.
const MOST: usize = 1_000;

/// How many rows there may be.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    pub most: usize,
    /// What is counted of a row by its key: rows that have this in common are one.
    pub counts: fn(u64) -> u64,
}

impl Limit {
    /// So many rows.
    pub fn of_rows(most: usize) -> Limit {
        Limit {
            most,
            counts: |key| key,
        }
    }

    /// Splits off the rows that give way, of rows that are sorted by key: the oldest.
    pub(super) fn split(self, rows: &mut Vec<Row>) -> Vec<Row> {
        let mut counted = 0;
        let mut last = None;
        let kept = rows.iter().rev().take_while(|row| {
            let own = Some((self.counts)(row.key));
            counted += usize::from(own != last);
            last = own;
            counted <= self.most
        });
        let given_way = rows.len() - kept.count();
        rows.drain(..given_way).collect()
    }
}

impl GivenWay {
    pub(super) fn row(row: &Row, of: Arc<str>) -> GivenWay {
        let bits = row.values.iter().take(64).enumerate();
        let known = bits.filter(|(_, value)| value.value().is_some());
        GivenWay {
            of,
            key: row.key,
            known: known.fold(0, |known, (at, _)| known | 1 << at),
        }
    }

    /// Whether the value at a place was known; at no place, the row itself was.
    pub(super) fn had(&self, place: Option<usize>) -> bool {
        place.is_none_or(|at| at < 64 && self.known & (1 << at) != 0)
    }

    /// All that have given way: those that `stays` holds for of the ones before, and the new ones.
    pub(super) fn all(
        before: &[GivenWay],
        stays: impl Fn(&GivenWay) -> bool,
        new: impl IntoIterator<Item = GivenWay>,
    ) -> Box<[GivenWay]> {
        let before = before.iter().filter(|own| stays(own)).cloned();
        let mut all: Vec<GivenWay> = new.into_iter().chain(before).collect();
        all.sort_by_key(|own| std::cmp::Reverse(own.key));
        all.dedup_by_key(|own| own.key);
        all.truncate(MOST);
        all.into()
    }
}
