//! What an owner shows after a page of a feed: its newest things, how many live, and what ended.

use std::sync::{Arc, LazyLock};

use super::{Progress, Reach, Record, RefChoice};
use crate::metrics::{
    Access, Catalogue, Owner, PlacedFeed, Reason, Row, Table, TableReading, UnixTime, place_of,
};

/// So many counts of a project are kept beside those of the refs that are shown.
const MOST_COUNTS: usize = 1_000;

/// Nearly all projects have run nothing for months, and share this.
static NOTHING: LazyLock<Arc<Table>> = LazyLock::new(Arc::default);

impl Owner {
    /// Takes in a page of a feed. Returns how many things have ended that were not counted before, and how
    /// many have begun, where that is counted.
    pub fn take_feed(
        &mut self,
        progress: &mut Progress,
        page: &[Record],
        reach: Reach,
        placed: &PlacedFeed,
        catalogue: &Catalogue,
        choice: RefChoice<'_>,
    ) -> (usize, usize) {
        let begun = begun(progress, page, placed, catalogue);
        let ended = progress.take(page);
        if let Reach::From(lowest) = reach {
            progress.forget(|key| key >= lowest && !page.iter().any(|thing| thing.key() == key));
        }
        self.show_feed(progress, page, reach, placed, catalogue, choice);
        let things = ended.iter().map(|index| &page[*index].row);
        let grain = placed.subject.of;
        self.count_ended(catalogue, grain, placed.table, things, progress.since);
        let things = begun.iter().map(|index| &page[*index].row);
        self.count_of_shown(catalogue, placed, things, progress.since);
        (ended.len(), begun.len())
    }

    /// Counts things that have begun of the refs that are shown.
    fn count_of_shown<'a>(
        &mut self,
        catalogue: &Catalogue,
        placed: &PlacedFeed,
        things: impl Iterator<Item = &'a Row> + Clone,
        since: u32,
    ) {
        let Some(table) = self.tables[placed.table].known().cloned() else {
            return;
        };
        let latest_per = placed.feeds.latest_per.iter();
        let by: Vec<usize> = latest_per
            .filter_map(|name| place_of(&placed.labels, name))
            .collect();
        let same =
            |one: &[Arc<str>], other: &[Arc<str>]| by.iter().all(|at| one[*at] == other[*at]);
        let has = |ref_of: &dyn Fn(&[Arc<str>]) -> bool| {
            let mut rows = (0..table.rows()).map(|row| table.labels_of(row));
            rows.any(ref_of)
        };
        let shown = |thing: &&Row| has(&|labels| same(labels, &thing.labels));
        let grain = placed.subject.of;
        self.count_begun(catalogue, grain, placed.table, things.filter(shown), since);
        self.forget_counts(catalogue, (grain, placed.table), MOST_COUNTS, |texts| {
            has(&|labels| by.iter().all(|at| texts.contains(&labels[*at])))
        });
    }

    /// Shows what a page told. An empty list is nothing only where the token is known to see things: who
    /// may not see them is told an empty list too.
    fn show_feed(
        &mut self,
        progress: &Progress,
        page: &[Record],
        reach: Reach,
        placed: &PlacedFeed,
        catalogue: &Catalogue,
        choice: RefChoice<'_>,
    ) {
        let tables = catalogue.tables(placed.subject.of);
        let access = self.identity.access(tables[placed.table].feature());
        let known = self.tables[placed.table].known();
        if known.is_none() && page.is_empty() {
            self.tables[placed.table] = match access {
                Access::On => TableReading::Known(Arc::clone(&NOTHING)),
                _ => TableReading::Unknown(Reason::Hidden),
            };
            return;
        }
        let last = known.cloned().unwrap_or_default();
        let mut table = match placed.feed.newest {
            Some(_) => last.with_latest(page, reach, placed, choice),
            None => Table::clone(&last),
        };
        table.live = live(&last, progress, placed);
        if !table.shows_like(&last) || table.given_way != last.given_way || known.is_none() {
            self.tables[placed.table] = TableReading::Known(Arc::new(table));
        }
    }
}

/// The things of a page that have begun and were not counted before, where anything counts them.
fn begun(
    progress: &mut Progress,
    page: &[Record],
    placed: &PlacedFeed,
    catalogue: &Catalogue,
) -> Vec<usize> {
    if placed.feed.of_children || !catalogue.counts_begun(placed.subject.of, placed.table) {
        return Vec::new();
    }
    progress.begin(page, |record| {
        let created = record.value(placed, "created").filter(|_| record.is_shown);
        created.map(|at| at as UnixTime)
    })
}

/// How many things of each feed are at each stage; empty if none is at any.
fn live(last: &Table, progress: &Progress, placed: &PlacedFeed) -> Box<[u32]> {
    let stages = placed.feeds.stages.len();
    let mut live = last.live.to_vec();
    live.resize(stages * placed.feeds.lists.len(), 0);
    for stage in 0..stages {
        let place = u8::try_from(stage).unwrap_or(u8::MAX);
        live[placed.index * stages + stage] = progress.at_stage(place);
    }
    match live.iter().any(|count| *count > 0) {
        true => live.into(),
        false => Box::default(),
    }
}
