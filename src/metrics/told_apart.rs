//! Rows that would show the same series are one: GitLab tells two jobs of one name in a pipeline, and
//! names that are alike as far as they are kept.

use std::collections::HashSet;

use super::placed::ShownOfRow;
use super::{PlacedTable, Row};

impl PlacedTable {
    /// The keys of the rows that give way to another with a larger key, because a metric would show
    /// both as the same series.
    pub(super) fn doubles(&self, rows: &[Row]) -> HashSet<u64> {
        let mut doubles = HashSet::new();
        if rows.len() < 2 {
            return doubles;
        }
        let mut newest_first: Vec<&Row> = rows.iter().collect();
        newest_first.sort_by_key(|row| std::cmp::Reverse(row.key));
        let mut taken: HashSet<(usize, Vec<&str>)> = HashSet::new();
        for row in newest_first {
            let shown = self.shown.iter().enumerate();
            let series: Vec<_> = shown
                .filter_map(|(metric, shown)| Some((metric, shown.series_of(row)?)))
                .collect();
            if series.iter().any(|series| taken.contains(series)) {
                doubles.insert(row.key);
            } else {
                taken.extend(series);
            }
        }
        doubles
    }
}

impl ShownOfRow {
    /// What tells the series of a row from those of others; none if the metric shows nothing of it.
    fn series_of<'a>(&self, row: &'a Row) -> Option<Vec<&'a str>> {
        let is_known = self.value.is_none_or(|at| row.values[at].value().is_some());
        let has_state = self
            .state
            .is_none_or(|state| !state.text_of(row).is_empty());
        let texts = self.attributes.iter().map(|own| own.text_of(row));
        (is_known && has_state).then(|| texts.collect())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::metrics::{
        Catalogue, Choices, Grain, Identity, Limit, Owner, Reach, Record, RefChoice, Refs,
        Snapshot, Stage, Table, TableAnswer, TableReading,
    };

    /// Three rows that nothing tells apart but their keys. Their texts
    /// begin alike and differ where they are not kept any more.
    fn alike(table: &PlacedTable, text: &str) -> Vec<Row> {
        let row = |key: u64| {
            let label = |_: &str| Arc::from(format!("{text}{}{key}", "x".repeat(200)));
            table.row(key, label, |_| Some(0.0), 9)
        };
        [2, 3, 1].map(row).to_vec()
    }

    /// The series of all metrics of a table, each with its value.
    fn series(grain: Grain, place: usize, rows: TableReading) -> Vec<(String, f64)> {
        let catalogue = Catalogue::standard();
        let identity = Identity {
            id: 7,
            ..Identity::default()
        };
        let mut owner = Owner::new(identity, 0, Vec::new());
        owner.put_table(place, rows);
        let owner = Arc::new(owner);
        let mut snapshot = Snapshot::default();
        match grain {
            Grain::Project => snapshot.projects = vec![owner],
            Grain::Group => snapshot.groups = vec![owner],
            Grain::Runner => snapshot.runners = vec![owner],
            Grain::Instance => snapshot.instance = owner,
        }
        let mut series = Vec::new();
        for metric in catalogue.metrics() {
            if metric.subject.of != grain || metric.table() != Some(place) {
                continue;
            }
            let (before, all) = (series.len(), 0..snapshot.projects.len());
            metric.observe(
                &snapshot,
                all.clone(),
                &Choices::default(),
                &mut |own, value| {
                    let mut own = own.to_vec();
                    own.sort_unstable();
                    series.push((format!("{} {own:?}", metric.name), value));
                },
            );
            let count = metric.count(&snapshot, all, &Choices::default());
            assert_eq!(count, series.len() - before, "{}", metric.name);
        }
        series
    }

    #[track_caller]
    fn assert_told_apart(name: &str, grain: Grain, place: usize, rows: TableReading) {
        let series = series(grain, place, rows);
        let own: HashSet<&String> = series.iter().map(|(own, _)| own).collect();
        assert_eq!(own.len(), series.len(), "{name}: {series:#?}");
    }

    /// However the rows of a subject come, and whatever is the same of them.
    #[test]
    fn of_rows_that_would_be_the_same_series_the_one_with_the_largest_key_is_shown() {
        let catalogue = Catalogue::standard();
        let mut checked = 0;
        for grain in [Grain::Project, Grain::Group, Grain::Runner, Grain::Instance] {
            for (place, table) in catalogue.tables(grain).iter().enumerate() {
                let name = table.subject.name;
                for text in ["", "a"] {
                    let told = TableAnswer::Told {
                        rows: alike(table, text),
                        complete: true,
                    };
                    assert_told_apart(name, grain, place, told.after(None, table, 9));
                    let rows = {
                        let (rows, limit) = (alike(table, text), Limit::of_rows(100));
                        table.replaced(None, "", |_| String::new(), rows, limit, 9)
                    };
                    let kept = rows.known().map(|rows| rows.keys.to_vec());
                    if !table.shown.is_empty() {
                        assert_eq!(kept, Some(vec![3]), "{name}");
                        checked += 1;
                    }
                    assert_told_apart(name, grain, place, rows);
                }
            }
            for feed in catalogue.feeds(grain) {
                let record = |row: Row| Record {
                    stage: Stage::Resting,
                    updated: 9,
                    is_shown: true,
                    row,
                };
                let table = &catalogue.tables(grain)[feed.table];
                let page: Vec<Record> = alike(table, "a").into_iter().map(record).collect();
                let refs = Refs::default();
                let choice = RefChoice {
                    default_branch: None,
                    refs: &refs,
                    at_most: 100,
                    now: 9,
                };
                let shown = Table::default().with_latest(&page, Reach::From(0), feed, choice);
                let rows = TableReading::Known(Arc::new(shown));
                assert_told_apart(feed.subject.name, grain, feed.table, rows);
            }
        }
        assert!(checked > 10, "{checked} tables");
    }

    #[test]
    fn two_jobs_of_one_name_are_one_however_they_end() {
        let mut tables = Catalogue::standard().tables(Grain::Project).iter();
        let table = tables.find(|table| table.subject.name == "jobs").unwrap();
        let job = |key: u64, name: &'static str, status: &'static str| {
            let label = move |column: &str| -> Arc<str> {
                match column {
                    "status" => status.into(),
                    "job" => name.into(),
                    _ => "x".into(),
                }
            };
            table.row(key, label, |_| None, 9)
        };
        let rows = [
            job(1, "lint", "success"),
            job(4, "unit", "failed"),
            job(9, "lint", "failed"),
            job(2, "lint", ""),
        ];
        let table = table.replaced(
            None,
            "",
            |_| String::new(),
            rows.to_vec(),
            Limit::of_rows(100),
            9,
        );
        assert_eq!(*table.known().unwrap().keys, [2, 4, 9]);
    }

    #[test]
    fn a_state_that_is_not_told_is_not_shown() {
        let mut tables = Catalogue::standard()
            .tables(Grain::Project)
            .iter()
            .enumerate();
        let (place, table) = tables
            .find(|(_, table)| table.subject.name == "jobs")
            .unwrap();
        let label = |column: &str| Arc::from(if column == "status" { "" } else { "x" });
        let rows = vec![table.row(1, label, |_| None, 9)];
        let rows = table.replaced(None, "", |_| String::new(), rows, Limit::of_rows(100), 9);
        assert_eq!(series(Grain::Project, place, rows), []);
    }
}
