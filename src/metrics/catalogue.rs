//! The catalogue: subjects put together and checked, with the place of every value.
//!
//! It is a value that is handed to what needs it, so that a test can add a subject of its own.

use std::collections::{BTreeSet, HashSet};
use std::fmt::Write;
use std::sync::LazyLock;

use super::subject::{
    Attribute, Column, Feature, Grain, Instrument, Kind, Many, MetricRow, Rows, Shows, Subject,
};
use super::{bridge, commits, issues, merge_requests, projects, releases, storage};

/// What this program measures, in the order it is shown.
const STANDARD: &[&Subject] = &[
    &commits::SUBJECT,
    &merge_requests::SUBJECT,
    &projects::SUBJECT,
    &issues::SUBJECT,
    &releases::SUBJECT,
    &storage::SUBJECT,
    &bridge::SUBJECT,
];

/// Everything that is measured.
#[derive(Debug)]
pub struct Catalogue {
    subjects: Vec<&'static Subject>,
    metrics: Vec<Metric>,
    /// By grain: a column's place is that of its value in `Owner::values`.
    columns: [Vec<PlacedColumn>; GRAINS],
    /// By grain: a table's place is its place in `Owner::tables`.
    tables: [Vec<PlacedTable>; GRAINS],
    /// By grain: a place is that of what has ended in `Owner::ended`.
    ended: [Vec<EndedPlace>; GRAINS],
}

const GRAINS: usize = 4;

/// A column of a subject with one row.
#[derive(Clone, Copy, Debug)]
pub struct PlacedColumn {
    pub subject: &'static Subject,
    pub column: &'static Column,
}

/// A subject whose rows are kept in a table.
#[derive(Clone, Debug)]
pub struct PlacedTable {
    pub subject: &'static Subject,
    /// None if there is only one row.
    pub many: Option<&'static Many>,
    /// The columns that are kept as texts, in the order of a row's labels.
    pub labels: Vec<&'static Column>,
    /// All others, in the order of a row's values.
    pub values: Vec<&'static Column>,
}

/// A metric in its catalogue: its row, and the places of what it shows.
#[derive(Debug)]
pub struct Metric {
    pub name: &'static str,
    pub unit: &'static str,
    pub help: &'static str,
    pub instrument: Instrument,
    pub attributes: &'static [Attribute],
    pub subject: &'static Subject,
    pub(super) shows: Shows,
    pub(super) places: Places,
}

/// Where a metric finds what it shows.
#[derive(Debug)]
pub(super) enum Places {
    /// Not among the values of owners.
    Elsewhere,
    /// Values of an owner, each with the attribute that tells it from the others.
    Values(Vec<ValuePlace>),
    /// A table of an owner.
    Table(TablePlace),
    /// What has ended of an owner's rows.
    Ended(usize),
    /// Values of all owners that are summed up.
    Sum(Vec<usize>),
}

#[derive(Debug)]
pub(super) struct ValuePlace {
    pub place: usize,
    pub attribute: Option<(&'static str, &'static str)>,
    pub kind: Kind,
}

#[derive(Debug)]
pub(super) struct TablePlace {
    pub table: usize,
    /// The value that is shown of each row; none where the row itself is.
    pub value: Option<usize>,
    pub attributes: Vec<RowAttribute>,
}

/// What a metric counts of the rows that have ended.
#[derive(Clone, Debug)]
pub struct EndedPlace {
    /// `subject.metric`, as the state file calls it.
    pub name: String,
    pub(super) table: usize,
    /// When a row ended.
    pub(super) at: usize,
    /// How long it took.
    pub(super) value: Option<usize>,
    pub(super) attributes: Vec<RowAttribute>,
    pub(super) bounds: &'static [f64],
    pub(super) at_most: usize,
}

/// An attribute that a row has.
#[derive(Clone, Copy, Debug)]
pub(super) struct RowAttribute {
    pub name: &'static str,
    pub from: RowText,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum RowText {
    Label(usize),
    Word(usize, &'static [&'static str]),
}

impl Catalogue {
    /// What this program measures.
    pub fn standard() -> &'static Catalogue {
        static CATALOGUE: LazyLock<Catalogue> =
            LazyLock::new(|| Catalogue::new(STANDARD).expect("a test builds it"));
        &CATALOGUE
    }

    /// The standard catalogue and more, for tests.
    ///
    /// # Errors
    /// See [`Catalogue::new`].
    pub fn standard_with(more: &[&'static Subject]) -> Result<&'static Catalogue, String> {
        let subjects = [STANDARD, more].concat();
        Ok(Box::leak(Box::new(Catalogue::new(&subjects)?)))
    }

    /// A catalogue of these subjects.
    ///
    /// # Errors
    /// If a row is wrong: what is wrong with each, one a line.
    pub fn new(subjects: &[&'static Subject]) -> Result<Catalogue, String> {
        let mut columns: [Vec<PlacedColumn>; GRAINS] = Default::default();
        let mut tables: [Vec<PlacedTable>; GRAINS] = Default::default();
        for &subject in subjects {
            let grain = subject.of as usize;
            match PlacedTable::of(subject) {
                Some(table) => tables[grain].push(table),
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
            ended: Default::default(),
        };
        let rows = subjects
            .iter()
            .flat_map(|subject| subject.metrics.iter().map(move |row| (*subject, row)));
        let mut metrics = Vec::new();
        let mut problems = String::new();
        for (subject, row) in rows {
            match catalogue.places(subject, row, subjects) {
                Ok(places) => metrics.push(Metric::new(subject, row, places)),
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

    /// What is counted when it ends, in the order of `Owner::ended`.
    pub fn ended(&self, grain: Grain) -> &[EndedPlace] {
        &self.ended[grain as usize]
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
                let ended = &mut self.ended[subject.of as usize];
                ended.push(place);
                Ok(Places::Ended(ended.len() - 1))
            }
            _ => match self.table_place(subject) {
                Some((index, table)) => table.place(index, row).map(Places::Table),
                None => self.values(subject, row).map(Places::Values),
            },
        }
    }

    fn table_place(&self, subject: &Subject) -> Option<(usize, &PlacedTable)> {
        let mut tables = self.tables(subject.of).iter().enumerate();
        tables.find(|(_, table)| std::ptr::eq(table.subject, subject))
    }

    fn values(
        &self,
        subject: &'static Subject,
        row: &'static MetricRow,
    ) -> Result<Vec<ValuePlace>, String> {
        let place = |name: &'static str, attribute| {
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
        };
        match row.shows {
            Shows::Value(column) | Shows::StateSet(column) => Ok(vec![place(column, None)?]),
            Shows::ByColumn { attribute, columns } => columns
                .iter()
                .map(|column| place(column, Some((attribute, column))))
                .collect(),
            _ => Err("a subject with one row has no rows to show".to_owned()),
        }
    }

    /// What is wrong with the whole of it, one a line.
    fn problems(&self) -> String {
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
        let mut subjects = HashSet::new();
        for subject in &self.subjects {
            let mut columns = HashSet::new();
            let is_new = subjects.insert(subject.name);
            if !is_new
                || !subject
                    .columns
                    .iter()
                    .all(|column| columns.insert(column.name))
            {
                let _ = writeln!(problems, "{}: a name is used twice", subject.name);
            }
        }
        problems
    }
}

impl PlacedColumn {
    /// Its name in the state file.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.subject.name, self.column.name)
    }
}

impl EndedPlace {
    /// The names of its attributes, without the owner's.
    pub fn attribute_names(&self) -> Vec<String> {
        let own = self.attributes.iter();
        own.map(|attribute| attribute.name.to_owned()).collect()
    }

    /// The upper bounds of its buckets, if it is a histogram.
    pub fn bounds(&self) -> &'static [f64] {
        self.bounds
    }
}

impl PlacedTable {
    /// None for a subject whose only row has nothing but numbers: these are values of the owner.
    fn of(subject: &'static Subject) -> Option<PlacedTable> {
        let is_label = |column: &&'static Column| column.kind == Kind::Label;
        let (labels, values): (Vec<_>, Vec<_>) = subject.columns.iter().partition(is_label);
        let many = match &subject.rows {
            Rows::Many(many) => Some(many),
            Rows::One if labels.is_empty() => return None,
            Rows::One => None,
        };
        Some(PlacedTable {
            subject,
            many,
            labels,
            values,
        })
    }

    /// The feature that has the rows.
    pub fn feature(&self) -> Option<Feature> {
        self.subject
            .columns
            .iter()
            .find_map(|column| column.feature)
    }

    fn place(&self, table: usize, row: &MetricRow) -> Result<TablePlace, String> {
        let value = |name: &str| {
            let at = self.values.iter().position(|column| column.name == name);
            at.ok_or_else(|| format!("there is no column {name} with a value"))
        };
        let mut place = TablePlace {
            table,
            value: None,
            attributes: Vec::new(),
        };
        match row.shows {
            Shows::Value(column) | Shows::StateSet(column) => place.value = Some(value(column)?),
            Shows::Info | Shows::Rows => {}
            _ => return Err("a table can't be shown like that".to_owned()),
        }
        if matches!(row.shows, Shows::Rows) {
            return Ok(place);
        }
        for attribute in row
            .attributes
            .iter()
            .filter(|attribute| !is_identity(attribute))
        {
            place.attributes.push(self.attribute(attribute.name)?);
        }
        self.tells_rows_apart(row).then_some(place).ok_or_else(|| {
            let labels = self.many.map(|many| many.latest_per).unwrap_or_default();
            format!("its attributes {labels:?} are needed to tell rows apart")
        })
    }

    fn ended(&self, table: usize, row: &MetricRow) -> Result<EndedPlace, String> {
        let Shows::Ended { value, at, bounds } = row.shows else {
            return Err("nothing ends here".to_owned());
        };
        let place = |name: &str| {
            let at = self.values.iter().position(|column| column.name == name);
            at.ok_or_else(|| format!("there is no column {name} with a value"))
        };
        let own = row
            .attributes
            .iter()
            .filter(|attribute| !is_identity(attribute));
        let is_histogram = row.instrument == Instrument::Histogram;
        if is_histogram == bounds.is_empty() || is_histogram != value.is_some() {
            return Err("a histogram has a value and bounds, and a counter has none".to_owned());
        }
        if !bounds.is_sorted() || row.instrument == Instrument::Gauge {
            return Err(
                "what has ended is a counter, or a histogram with sorted bounds".to_owned(),
            );
        }
        Ok(EndedPlace {
            name: format!("{}.{}", self.subject.name, row.name),
            table,
            at: place(at)?,
            value: value.map(place).transpose()?,
            attributes: own
                .map(|attribute| self.attribute(attribute.name))
                .collect::<Result<_, _>>()?,
            bounds,
            at_most: self.many.map_or(1, |many| many.at_most.into()),
        })
    }

    fn attribute(&self, name: &'static str) -> Result<RowAttribute, String> {
        if let Some(at) = self.labels.iter().position(|column| column.name == name) {
            let from = RowText::Label(at);
            return Ok(RowAttribute { name, from });
        }
        let word = |(at, column): (usize, &&'static Column)| match column.kind {
            Kind::OneOf(words) if column.name == name => Some(RowText::Word(at, words)),
            _ => None,
        };
        let from = self.values.iter().enumerate().find_map(word);
        let from = from.ok_or_else(|| format!("no label is called {name}"))?;
        Ok(RowAttribute { name, from })
    }

    /// Two rows with the same attributes would be one series.
    fn tells_rows_apart(&self, row: &MetricRow) -> bool {
        let has = |label: &&str| {
            row.attributes
                .iter()
                .any(|attribute| attribute.name == *label)
        };
        self.many.is_none_or(|many| {
            has(&many.key) || (!many.latest_per.is_empty() && many.latest_per.iter().all(has))
        })
    }
}

/// Whether an attribute says whose row it is.
pub(super) fn is_identity(attribute: &Attribute) -> bool {
    ["project_id", "group_id", "runner_id"].contains(&attribute.name)
}

impl Metric {
    fn new(subject: &'static Subject, row: &'static MetricRow, places: Places) -> Metric {
        Metric {
            name: row.name,
            unit: row.unit,
            help: row.help,
            instrument: row.instrument,
            attributes: row.attributes,
            subject,
            shows: row.shows,
            places,
        }
    }

    /// True for what is measured of GitLab, false for the bridge's own metrics.
    pub fn is_about_gitlab(&self) -> bool {
        !matches!(self.shows, Shows::Bridge(_) | Shows::GitLab(_))
    }

    /// True if there is a series for each project.
    pub fn is_per_project(&self) -> bool {
        self.subject.of == Grain::Project
            && self.is_about_gitlab()
            && !matches!(self.shows, Shows::Sum(_) | Shows::Projects)
    }

    /// Whether its values are whole numbers, which OTLP tells from others.
    pub fn is_whole(&self) -> bool {
        let is_whole = |kind: &Kind| !matches!(kind, Kind::Seconds | Kind::Ratio);
        match (&self.places, self.shows) {
            (Places::Values(values), _) => values.iter().all(|value| is_whole(&value.kind)),
            (Places::Table(_), Shows::Value(name)) => self
                .subject
                .column(name)
                .is_none_or(|column| is_whole(&column.kind)),
            (Places::Ended(_), _) => self.instrument == Instrument::Counter,
            (Places::Elsewhere, _) => self.is_about_gitlab(),
            _ => true,
        }
    }

    /// The places of the columns that must be asked for it, among those of its subject's grain.
    pub fn columns(&self) -> BTreeSet<usize> {
        match &self.places {
            Places::Values(values) => values.iter().map(|value| value.place).collect(),
            Places::Sum(places) => places.iter().copied().collect(),
            Places::Table(_) | Places::Ended(_) | Places::Elsewhere => BTreeSet::new(),
        }
    }

    /// The place of the table that must be asked for it, among those of its subject's grain.
    pub fn table(&self, catalogue: &Catalogue) -> Option<usize> {
        match &self.places {
            Places::Table(place) => Some(place.table),
            Places::Ended(place) => Some(catalogue.ended(self.subject.of)[*place].table),
            _ => None,
        }
    }

    /// The upper bounds of its buckets, if it is a histogram.
    pub fn bounds(&self) -> &'static [f64] {
        match self.shows {
            Shows::Ended { bounds, .. } => bounds,
            _ => &[],
        }
    }

    /// How many series an owner has at the most.
    pub fn most_series(&self) -> usize {
        match &self.places {
            Places::Values(values) => values.len(),
            Places::Table(_) if matches!(self.shows, Shows::Rows) => 1,
            Places::Table(_) | Places::Ended(_) => match &self.subject.rows {
                Rows::One => 1,
                Rows::Many(many) => many.at_most.into(),
            },
            Places::Elsewhere | Places::Sum(_) => 1,
        }
    }

    /// Whether GitLab is asked for its values.
    pub fn is_asked(&self) -> bool {
        matches!(
            self.places,
            Places::Values(_) | Places::Table(_) | Places::Ended(_)
        )
    }

    /// How GraphQL is asked for it: the paths of its columns.
    pub fn asked_as(&self) -> Vec<&'static str> {
        if let (true, Rows::Many(many)) = (self.is_asked(), &self.subject.rows) {
            return vec![many.list];
        }
        let named = |name: &str| self.subject.column(name).map(|column| column.graphql);
        match (self.shows, &self.places) {
            (_, Places::Elsewhere | Places::Sum(_)) => Vec::new(),
            (Shows::Value(name) | Shows::StateSet(name), _) => named(name).into_iter().collect(),
            (Shows::ByColumn { columns, .. }, _) => {
                columns.iter().filter_map(|name| named(name)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// What is wrong with its row.
    fn problem(&self) -> Option<String> {
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        if !self.name.starts_with("gitlab_")
            || self.name.contains("__")
            || !self.name.bytes().all(is_word)
        {
            return Some("the name does not survive a translation to Prometheus".to_owned());
        }
        let stem = self.name.trim_end_matches("_total");
        let is_told = match self.unit {
            "" => true,
            "s" => stem.ends_with("_seconds"),
            "By" => stem.ends_with("_bytes"),
            "1" => stem.ends_with("_ratio"),
            annotation => annotation.starts_with('{') && annotation.ends_with('}'),
        };
        if !is_told {
            return Some(format!("the unit {} is not in the name", self.unit));
        }
        if !self
            .attributes
            .iter()
            .map(|attribute| attribute.name)
            .is_sorted()
        {
            return Some("its attributes are not sorted".to_owned());
        }
        let named = |name: &str| {
            self.attributes
                .iter()
                .any(|attribute| attribute.name == name)
        };
        match self.shows {
            Shows::ByColumn { attribute, .. } if !named(attribute) => {
                Some(format!("it does not list its attribute {attribute}"))
            }
            Shows::StateSet(column) if !named(column) => {
                Some(format!("it does not list its attribute {column}"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_standard_catalogue_is_right() {
        assert_eq!(Catalogue::new(STANDARD).err(), None);
    }

    #[test]
    fn only_counters_and_the_two_seed_metrics_are_called_total() {
        for metric in Catalogue::standard().metrics() {
            let counter = metric.instrument == Instrument::Counter;
            let seed =
                ["gitlab_commits_total", "gitlab_merge_requests_total"].contains(&metric.name);
            assert_eq!(
                metric.name.ends_with("_total"),
                counter || seed,
                "{}",
                metric.name
            );
        }
    }
}
