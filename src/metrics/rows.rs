//! Rows of a table that are not read from a list of their own: filled in by the names of their
//! columns, and put in place of those that give way.

use std::collections::HashSet;
use std::sync::Arc;

use super::placed::place_of;
use super::text::cut;
use super::{
    GivenWay, Job, Limit, Owner, PlacedTable, Reading, Reason, Row, Table, TableReading,
    TestReport, UnixTime, stamp,
};

/// Whose newest pipeline something belongs to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RefOf {
    pub name: Arc<str>,
    /// `branch`, `tag` or `merge_request`.
    pub kind: Arc<str>,
}

impl Owner {
    /// Puts the rows of a subject in place.
    pub fn put_table(&mut self, place: usize, rows: TableReading) {
        self.tables[place] = rows;
    }
}

impl RefOf {
    /// The ref that a row of the table of pipelines is about.
    pub fn of(table: &PlacedTable, row: &Row) -> RefOf {
        RefOf {
            name: table.label_of(row, "ref").into(),
            kind: table.label_of(row, "kind").into(),
        }
    }

    /// The ref with its kind, in a word.
    pub fn text(&self) -> String {
        format!("{} {}", self.kind, self.name)
    }

    /// The ref that is written as [`RefOf::text`] does.
    pub fn of_text(text: &str) -> Option<RefOf> {
        let (kind, name) = text.split_once(' ')?;
        Some(RefOf {
            name: name.into(),
            kind: kind.into(),
        })
    }
}

impl PlacedTable {
    /// A row of this table: what has no text is empty, and what has no value is not asked.
    pub fn row(
        &self,
        key: u64,
        label: impl Fn(&str) -> Arc<str>,
        value: impl Fn(&str) -> Option<f64>,
        now: UnixTime,
    ) -> Row {
        let read = |name: &str| match value(name) {
            Some(value) => Reading::known(value, now),
            None => Reading::Unknown(Reason::NotAsked),
        };
        Row {
            key,
            labels: self
                .labels
                .iter()
                .map(|column| cut(&label(column.name)).into())
                .collect(),
            values: self.values.iter().map(|column| read(column.name)).collect(),
        }
    }

    /// The row of a job, of the newest pipeline of a ref or only to be counted. `named` tells whether
    /// its name is kept.
    pub fn row_of_job(&self, job: &Job, of: Option<&RefOf>, named: bool, now: UnixTime) -> Row {
        let none = || Arc::from("");
        let label = |name: &str| match name {
            "ref" => of.map_or_else(none, |of| Arc::clone(&of.name)),
            "kind" => of.map_or_else(none, |of| Arc::clone(&of.kind)),
            "stage" => Arc::clone(&job.stage),
            "job" if named => Arc::clone(&job.name),
            "status" => Arc::clone(&job.status),
            "failure_reason" => job.failure_reason().into(),
            _ => none(),
        };
        let value = |name: &str| match name {
            "id" => Some(job.id as f64),
            "created" => job.created.map(|at| at as f64),
            "finished" => job.finished.map(|at| at as f64),
            "duration" => job.duration,
            "queued" => job.queued,
            _ => None,
        };
        self.row(job.id, label, value, now)
    }

    /// The rows of a test report.
    pub fn rows_of_report(
        &self,
        pipeline: u64,
        of: &RefOf,
        report: &TestReport,
        now: UnixTime,
    ) -> Vec<Row> {
        let mut rows = Vec::new();
        let wholes = [("", &report.total)].into_iter();
        let suites = report
            .suites
            .iter()
            .map(|(name, cases)| (name.as_str(), cases));
        for (suite, cases) in wholes.chain(suites) {
            let label = |status: &'static str| {
                move |name: &str| match name {
                    "ref" => Arc::clone(&of.name),
                    "kind" => Arc::clone(&of.kind),
                    "suite" => suite.into(),
                    "status" => status.into(),
                    _ => "".into(),
                }
            };
            let column = if suite.is_empty() {
                "cases"
            } else {
                "suite_cases"
            };
            for (status, count) in cases.by_status() {
                let value = |name: &str| (name == column).then_some(count as f64);
                rows.push(self.row(key(pipeline, &[suite, status]), label(status), value, now));
            }
            if suite.is_empty() {
                let value = |name: &str| cases.seconds.filter(|_| name == "duration");
                rows.push(self.row(key(pipeline, &["", ""]), label(""), value, now));
            }
        }
        rows
    }

    /// The rows of a table, with these in place of all that were told `of` the same before, which
    /// `told_of` says of a row. Of rows that would show the same series, and where there are more than the
    /// limit, those with the largest keys are kept.
    pub fn replaced(
        &self,
        last: Option<&TableReading>,
        of: &str,
        told_of: impl Fn(&Row) -> String,
        rows: Vec<Row>,
        limit: Limit,
        now: UnixTime,
    ) -> TableReading {
        let last = last.and_then(TableReading::known);
        let kept = last
            .iter()
            .flat_map(|last| (0..last.rows()).map(|row| last.row(row)));
        let mut all: Vec<Row> = kept.filter(|row| told_of(row) != of).collect();
        let told: HashSet<u64> = rows.iter().map(|row| row.key).collect();
        all.retain(|row| !told.contains(&row.key));
        all.extend(rows);
        all.sort_unstable_by_key(|row| row.key);
        all.dedup_by_key(|row| row.key);
        let doubles = self.doubles(&all);
        all.retain(|row| !doubles.contains(&row.key));
        let given_way = limit.split(&mut all);
        let given_way = given_way
            .iter()
            .map(|row| GivenWay::row(row, told_of(row).into()));
        let before = last.map_or(&[][..], |last| &last.given_way);
        TableReading::Known(Arc::new(Table {
            at: stamp(now),
            given_way: GivenWay::all(before, |own| *own.of != *of, given_way),
            ..Table::of_rows(all)
        }))
    }

    /// The text of a row's label by the name of its column.
    pub fn label_of<'a>(&self, row: &'a Row, name: &str) -> &'a str {
        let at = place_of(&self.labels, name);
        at.map_or("", |at| &row.labels[at])
    }
}

/// A key made of an id and texts (FNV-1a), below 2^63 and the same in every version of this program.
/// Rows of a later pipeline have no larger keys: such tables give way as it comes.
fn key(id: u64, texts: &[&str]) -> u64 {
    let ends = texts.iter().flat_map(|text| text.bytes().chain([0]));
    let bytes = id.to_le_bytes().into_iter().chain(ends);
    let hash = bytes
        .map(u64::from)
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ byte).wrapping_mul(0x0100_0000_01b3)
        });
    hash >> 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Catalogue, Grain};

    fn table(name: &str) -> &'static PlacedTable {
        let mut tables = Catalogue::standard().tables(Grain::Project).iter();
        tables.find(|table| table.subject.name == name).unwrap()
    }

    fn job(id: u64, name: &str) -> Job {
        let body = serde_json::json!({
            "id": id, "name": name, "stage": "test", "status": "failed", "failure_reason": "script_failure",
            "started_at": "2026-11-26T10:00:00Z", "finished_at": "2026-11-26T10:01:00Z", "duration": 60.0,
        });
        Job::from_rest(&body).unwrap()
    }

    fn of(name: &str) -> RefOf {
        RefOf {
            name: name.into(),
            kind: "branch".into(),
        }
    }

    #[test]
    fn the_jobs_of_a_newer_pipeline_take_the_place_of_the_older_ones_of_the_same_ref() {
        let table = table("jobs");
        let rows = |of: &RefOf, ids: &[u64]| -> Vec<Row> {
            let jobs = ids.iter().map(|id| job(*id, &format!("job{id}")));
            jobs.map(|job| table.row_of_job(&job, Some(of), true, 9))
                .collect()
        };
        let told_of = |row: &Row| RefOf::of(table, row).text();
        let replaced = |last: Option<&TableReading>, name: &str, ids: &[u64], most| {
            let (of, limit) = (of(name), Limit::of_rows(most));
            table.replaced(last, &of.text(), told_of, rows(&of, ids), limit, 9)
        };
        let first = replaced(None, "main", &[1, 2], 200);
        let both = replaced(Some(&first), "dev", &[3, 4], 200);
        let next = replaced(Some(&both), "main", &[5], 200);
        assert_eq!(*next.known().unwrap().keys, [3, 4, 5]);
    }

    #[test]
    fn every_job_that_a_limit_keeps_out_is_counted_until_its_ref_is_told_anew() {
        let table = table("jobs");
        let told_of = |row: &Row| RefOf::of(table, row).text();
        let mut last = None;
        for (name, ids, kept, given_way) in [
            ("main", 1..=4, vec![2, 3, 4], 1),
            ("dev", 11..=12, vec![4, 11, 12], 3),
            ("dev", 11..=12, vec![4, 11, 12], 3),
            ("main", 21..=21, vec![11, 12, 21], 0),
        ] {
            let of = of(name);
            let rows = ids.map(|id| {
                let job = job(id, &format!("job{id}"));
                table.row_of_job(&job, Some(&of), true, 9)
            });
            let (rows, limit) = (rows.collect(), Limit::of_rows(3));
            let next = table.replaced(last.as_ref(), &of.text(), told_of, rows, limit, 9);
            let known = next.known().unwrap();
            assert_eq!(known.keys.to_vec(), kept, "{name}");
            assert_eq!(known.given_way.len(), given_way, "{name}");
            last = Some(next);
        }
    }

    #[test]
    fn a_long_name_is_cut_between_two_characters() {
        let table = table("jobs");
        let row = table.row_of_job(&job(1, &"ö".repeat(300)), None, true, 9);
        assert_eq!(table.label_of(&row, "job").chars().count(), 200);
    }
}
