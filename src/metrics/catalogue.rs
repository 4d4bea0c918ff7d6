//! The catalogue: subjects put together and checked, with the place of every value.
//!
//! It is a value that is handed to what needs it, so that a test can add a subject of its own.

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write;
use std::sync::{Mutex, PoisonError};

use super::placed::{PlacedPart, PlacedParts, Places, ValuePlace};
use super::subject::{Cadence, Column, CountedWhen, Grain, MetricRow, Part, Rows, Shows, Subject};
use super::{EndedPlace, Metric, PlacedColumn, PlacedFeed, PlacedTable};

/// Everything that is measured.
#[derive(Clone, Debug)]
pub struct Catalogue {
    subjects: Vec<&'static Subject>,
    pub(super) metrics: Vec<Metric>,
    /// By grain: a column's place is that of its value in `Owner::values`.
    columns: [Vec<PlacedColumn>; GRAINS],
    /// By grain: a table's place is its place in `Owner::tables`.
    tables: [Vec<PlacedTable>; GRAINS],
    /// By grain.
    feeds: [Vec<PlacedFeed>; GRAINS],
    /// By grain: a place is that of what has ended in `Owner::ended`.
    pub(super) ended: [Vec<EndedPlace>; GRAINS],
}

const GRAINS: usize = 4;

/// Adds a metric. One that a subject shows of owners of two grains is one.
fn add(metrics: &mut Vec<Metric>, metric: Metric) {
    let is_other = |known: &&mut Metric| {
        (known.name, known.subject.name) == (metric.name, metric.subject.name)
            && known.subject.of != metric.subject.of
            && known.also.is_none()
    };
    match metrics.iter_mut().find(is_other) {
        Some(known) => known.also = Some(Box::new(metric)),
        None => metrics.push(metric),
    }
}

/// A catalogue that was made of another one, with other bounds.
struct Rebounded {
    of: &'static Catalogue,
    bounds: BTreeMap<String, Vec<f64>>,
    catalogue: &'static Catalogue,
}

impl Catalogue {
    /// A catalogue of these subjects.
    ///
    /// # Errors
    /// If a row is wrong: what is wrong with each, one a line.
    pub fn new(subjects: &[&'static Subject]) -> Result<Catalogue, String> {
        let mut columns: [Vec<PlacedColumn>; GRAINS] = Default::default();
        let mut tables: [Vec<PlacedTable>; GRAINS] = Default::default();
        let mut feeds: [Vec<PlacedFeed>; GRAINS] = Default::default();
        for &subject in subjects {
            let grain = subject.of as usize;
            match PlacedTable::of(subject) {
                Some(table) => {
                    feeds[grain].extend(table.feeds(tables[grain].len()));
                    tables[grain].push(table);
                }
                None => {
                    let placed = subject.columns.iter();
                    columns[grain].extend(placed.map(|column| PlacedColumn { subject, column }));
                }
            }
        }
        let mut catalogue = Catalogue {
            subjects: subjects.to_vec(),
            metrics: Vec::new(),
            columns,
            tables,
            feeds,
            ended: Default::default(),
        };
        let rows = subjects
            .iter()
            .flat_map(|subject| subject.metrics.iter().map(move |row| (*subject, row)));
        let mut metrics = Vec::new();
        let mut problems = String::new();
        for (subject, row) in rows {
            match catalogue.places(subject, row, subjects) {
                Ok(places) => add(&mut metrics, Metric::new(subject, row, places)),
                // Writing to a String cannot fail.
                Err(problem) => drop(writeln!(problems, "{}: {problem}", row.name)),
            }
        }
        catalogue.metrics = metrics;
        problems.push_str(&catalogue.problems());
        match problems.is_empty() {
            true => Ok(catalogue),
            false => Err(problems),
        }
    }

    /// The same, with other bounds of some histograms. It is made once for these bounds, however often the
    /// configuration is read, and kept for good.
    pub(super) fn with_bounds(
        &'static self,
        bounds: &BTreeMap<String, Vec<f64>>,
    ) -> &'static Catalogue {
        static MADE: Mutex<Vec<Rebounded>> = Mutex::new(Vec::new());
        if bounds.is_empty() {
            return self;
        }
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        let is_it = |own: &&Rebounded| std::ptr::eq(own.of, self) && own.bounds == *bounds;
        if let Some(known) = made.iter().find(is_it) {
            return known.catalogue;
        }
        let catalogue = self.rebounded(bounds);
        made.push(Rebounded {
            of: self,
            bounds: bounds.clone(),
            catalogue,
        });
        catalogue
    }

    fn rebounded(&self, bounds: &BTreeMap<String, Vec<f64>>) -> &'static Catalogue {
        let mut other = self.clone();
        for metric in &mut other.metrics {
            let Some(chosen) = bounds.get(metric.name) else {
                continue;
            };
            let chosen: &'static [f64] = chosen.clone().leak();
            if let Shows::Ended { bounds, .. } = &mut metric.shows {
                *bounds = chosen;
            }
            if let Places::Ended { place, .. } = &metric.places {
                other.ended[metric.subject.of as usize][*place].bounds = chosen;
            }
        }
        Box::leak(Box::new(other))
    }

    /// The same subjects and places, shown by other metrics.
    pub(super) fn with_metrics(&self, metrics: Vec<Metric>) -> Catalogue {
        Catalogue {
            metrics,
            ..self.clone()
        }
    }

    pub fn subjects(&self) -> &[&'static Subject] {
        &self.subjects
    }

    /// Every metric, in the order it is shown.
    pub fn metrics(&self) -> &[Metric] {
        &self.metrics
    }

    pub fn find(&self, name: &str) -> Option<&Metric> {
        self.metrics.iter().find(|metric| metric.name == name)
    }

    /// The columns of subjects with one row, in the order of `Owner::values`.
    pub fn columns(&self, grain: Grain) -> &[PlacedColumn] {
        &self.columns[grain as usize]
    }

    /// The subjects with many rows, in the order of `Owner::tables`.
    pub fn tables(&self, grain: Grain) -> &[PlacedTable] {
        &self.tables[grain as usize]
    }

    /// The lists of things that end.
    pub fn feeds(&self, grain: Grain) -> &[PlacedFeed] {
        &self.feeds[grain as usize]
    }

    /// The table of a subject, and its place among those of its grain.
    pub fn table(&self, grain: Grain, subject: &str) -> Option<(usize, &PlacedTable)> {
        let mut tables = self.tables(grain).iter().enumerate();
        tables.find(|(_, table)| table.subject.name == subject)
    }

    /// What is counted when it ends, in the order of `Owner::ended`.
    pub fn ended(&self, grain: Grain) -> &[EndedPlace] {
        &self.ended[grain as usize]
    }

    /// Whether things of a table are counted when they begin.
    pub fn counts_begun(&self, grain: Grain, table: usize) -> bool {
        let mut own = self.ended(grain).iter();
        own.any(|place| place.table == table && place.when == CountedWhen::Begins)
    }

    /// The table of a subject that has a label of that name, and its place among those of its grain.
    pub fn table_with(
        &self,
        grain: Grain,
        subject: &str,
        label: &str,
    ) -> Option<(usize, &PlacedTable)> {
        let mut tables = self.tables(grain).iter().enumerate();
        tables.find(|(_, table)| table.subject.name == subject && table.has_label(label))
    }

    /// The columns of a project, in the order of its values.
    pub fn project_columns(&self) -> &[PlacedColumn] {
        self.columns(Grain::Project)
    }

    fn places(
        &mut self,
        subject: &'static Subject,
        row: &'static MetricRow,
        all: &[&'static Subject],
    ) -> Result<Places, String> {
        match row.shows {
            Shows::Identity { .. } | Shows::Projects | Shows::Bridge(_) | Shows::GitLab(_) => {
                Ok(Places::Elsewhere)
            }
            Shows::Sum(other) => {
                let of = |subject: &&'static Subject| {
                    let row = subject.metrics.iter().find(|row| row.name == other)?;
                    Some((*subject, row))
                };
                let found = all.iter().find_map(of);
                let (of, row) = found.ok_or_else(|| format!("there is no metric {other}"))?;
                let values = self.values(of, row);
                let values = values.map_err(|_| format!("{other} can't be summed up"))?;
                Ok(Places::Sum(
                    values.iter().map(|value| value.place).collect(),
                ))
            }
            Shows::Ended { .. } => {
                let placed = self.table_place(subject);
                let (index, table) = placed.ok_or("only rows of a table end")?;
                let place = table.ended(index, row)?;
                let (table, ended) = (place.table, &mut self.ended[subject.of as usize]);
                ended.push(place);
                let place = ended.len() - 1;
                Ok(Places::Ended { place, table })
            }
            Shows::Live(attribute) => {
                let placed = self.table_place(subject);
                let (table, _) = placed.ok_or("only things of a feed live")?;
                let Rows::Feeds(feeds) = &subject.rows else {
                    return Err("only things of a feed live".to_owned());
                };
                Ok(Places::Live {
                    table,
                    attribute,
                    stages: feeds.stages,
                })
            }
            Shows::Counted(_) => Err("only another exporter has such a name".to_owned()),
            Shows::Parts { .. } => self.parts(subject, row.shows),
            _ => match self.table_place(subject) {
                Some((index, table)) => table.place(index, row).map(Places::Table),
                None => self.values(subject, row).map(Places::Values),
            },
        }
    }

    /// The places of sums over the rows of a subject.
    pub(super) fn parts(&self, subject: &'static Subject, shows: Shows) -> Result<Places, String> {
        let Shows::Parts { attribute, parts } = shows else {
            return Err("these are no sums over rows".to_owned());
        };
        let table = self.table_place(subject);
        let placed = parts.iter().map(|part| match table {
            Some((_, table)) => table.part(part),
            None => self.part_of_values(subject, part),
        });
        Ok(Places::Parts(PlacedParts {
            attribute,
            table: table.map(|(place, _)| place),
            parts: placed.collect::<Result<_, _>>()?,
        }))
    }

    fn part_of_values(
        &self,
        subject: &'static Subject,
        part: &'static Part,
    ) -> Result<PlacedPart, String> {
        let place = |name| Ok::<_, String>(self.value(subject, name, None)?.place);
        Ok(PlacedPart {
            word: part.word,
            of_rows: Vec::new(),
            plus: place(part.plus)?,
            less: part.less.map(place).transpose()?,
        })
    }

    pub(super) fn table_place(&self, subject: &Subject) -> Option<(usize, &PlacedTable)> {
        let mut tables = self.tables(subject.of).iter().enumerate();
        tables.find(|(_, table)| std::ptr::eq(table.subject, subject))
    }

    fn values(
        &self,
        subject: &'static Subject,
        row: &'static MetricRow,
    ) -> Result<Vec<ValuePlace>, String> {
        let place = |name, attribute| self.value(subject, name, attribute);
        match row.shows {
            Shows::Value(column) | Shows::StateSet(column) => Ok(vec![place(column, None)?]),
            Shows::ByColumn { attribute, columns } => columns
                .iter()
                .map(|column| place(column, Some((attribute, column))))
                .collect(),
            _ => Err("a subject with one row has no rows to show".to_owned()),
        }
    }

    /// The place of a column of a subject with one row.
    fn value(
        &self,
        subject: &'static Subject,
        name: &'static str,
        attribute: Option<(&'static str, &'static str)>,
    ) -> Result<ValuePlace, String> {
        let mut columns = self.columns(subject.of).iter();
        let is_it = |placed: &PlacedColumn| {
            std::ptr::eq(placed.subject, subject) && placed.column.name == name
        };
        let place = columns.position(is_it);
        let place = place.ok_or_else(|| format!("there is no column {name}"))?;
        let kind = self.columns(subject.of)[place].column.kind;
        Ok(ValuePlace {
            place,
            attribute,
            kind,
        })
    }

    /// What is wrong with the whole of it, one a line.
    pub(super) fn problems(&self) -> String {
        let mut problems = String::new();
        let mut names = HashSet::new();
        for metric in &self.metrics {
            if !names.insert(metric.name) {
                let _ = writeln!(problems, "{}: there are two of that name", metric.name);
            }
            if let Some(problem) = metric.problem() {
                let _ = writeln!(problems, "{}: {problem}", metric.name);
            }
        }
        // Parts of a subject with a pace, a grain or rows of their own share its name.
        let (mut columns, mut tables) = (HashSet::new(), HashSet::new());
        for subject in &self.subjects {
            let name = |column: &Column| (subject.of, subject.name, column.name);
            let are_new = match self.table_place(subject) {
                None => subject
                    .columns
                    .iter()
                    .all(|column| columns.insert(name(column))),
                Some((_, table)) => {
                    let labels = table.labels.iter().map(|column| column.name);
                    tables.insert((subject.of, subject.name, labels.collect::<Vec<_>>()))
                }
            };
            if !are_new {
                let _ = writeln!(problems, "{}: a name is used twice", subject.name);
            }
            let along = subject.cadence == Cadence::WithOwner && !subject.columns.is_empty();
            if along && subject.of != Grain::Project {
                let what = "only a project is asked for all of it at once";
                let _ = writeln!(problems, "{}: {what}", subject.name);
            }
        }
        problems
    }
}
