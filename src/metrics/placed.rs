//! The places of what subjects have: where the values, tables and rows of an owner are found.

use std::sync::Arc;

use super::subject::{
    Column, CountedWhen, Feature, Feed, Feeds, Instrument, Kind, Made, Many, MetricRow, Named,
    Part, Rows, Shows, Subject,
};
use super::{Reading, Row, Table};

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
    /// What its metrics show of a row.
    pub(super) shown: Vec<ShownOfRow>,
}

/// What a metric shows of a row, as far as it tells the series of rows apart.
#[derive(Clone, Debug)]
pub(super) struct ShownOfRow {
    /// What must be known for the row to be shown.
    pub value: Option<usize>,
    /// The attribute that has one series for each of its states.
    pub state: Option<RowAttribute>,
    /// All other attributes.
    pub attributes: Vec<RowAttribute>,
}

/// One of the lists of a subject whose things end.
#[derive(Clone, Debug)]
pub struct PlacedFeed {
    pub subject: &'static Subject,
    pub feeds: &'static Feeds,
    pub feed: &'static Feed,
    /// Its place among the feeds of its subject.
    pub index: usize,
    /// The place of its subject's table.
    pub table: usize,
    /// As in the table.
    pub labels: Vec<&'static Column>,
    pub values: Vec<&'static Column>,
}

/// Where a column of that name stands among these.
pub fn place_of(columns: &[&'static Column], name: &str) -> Option<usize> {
    columns.iter().position(|column| column.name == name)
}

/// Where a metric finds what it shows.
#[derive(Clone, Debug)]
pub(super) enum Places {
    /// Not among the values of owners.
    Elsewhere,
    /// Values of an owner, each with the attribute that tells it from the others.
    Values(Vec<ValuePlace>),
    /// A table of an owner.
    Table(TablePlace),
    /// What has ended of an owner's things.
    Ended { place: usize, table: usize },
    /// What was counted of the things that each row of a table stands for.
    Counted {
        rows: TablePlace,
        /// What of a row tells its things from others, in the order of the counted attributes.
        by: Vec<RowAttribute>,
        ended: usize,
        /// The table of the subject whose things are counted.
        of: usize,
    },
    /// How many things of a subject's feeds are at each of these stages, in a table.
    Live {
        table: usize,
        attribute: &'static str,
        stages: &'static [&'static str],
    },
    /// Sums over the rows of an owner.
    Parts(PlacedParts),
    /// Values of all owners that are summed up.
    Sum(Vec<usize>),
}

#[derive(Clone, Debug)]
pub(super) struct PlacedParts {
    /// The attribute that tells the sums apart.
    pub attribute: &'static str,
    /// None where the only row has nothing but numbers.
    pub table: Option<usize>,
    pub parts: Vec<PlacedPart>,
}

#[derive(Clone, Debug)]
pub(super) struct PlacedPart {
    pub word: &'static str,
    /// Of rows whose attributes have one of these words.
    pub of_rows: Vec<(RowAttribute, &'static [&'static str])>,
    pub plus: usize,
    pub less: Option<usize>,
}

#[derive(Clone, Debug)]
pub(super) struct ValuePlace {
    pub place: usize,
    pub attribute: Option<(&'static str, &'static str)>,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
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
    /// What must be known of a thing for it to be counted, such as when it ended; none if all are.
    pub(super) at: Option<usize>,
    /// How long it took.
    pub(super) value: Option<usize>,
    pub(super) attributes: Vec<RowAttribute>,
    pub(super) bounds: &'static [f64],
    pub(super) when: CountedWhen,
    /// Whether it is shown by the rows of a table, and by nothing else.
    pub(super) by_row: bool,
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
    /// A label, in other words.
    Reworded(usize, fn(&str) -> &str),
}

impl PlacedColumn {
    /// Its name in the state file.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.subject.name, self.column.name)
    }
}

impl PlacedFeed {
    /// The metrics that show a column of its things.
    pub fn shown_by(&self, column: &'static str) -> impl Iterator<Item = &'static str> {
        let metrics = self.subject.metrics.iter();
        let shows = move |row: &&MetricRow| matches!(row.shows, Shows::Value(own) if own == column);
        metrics.filter(shows).map(|row| row.name)
    }

    /// Its name in the state file.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.subject.name, self.feed.name)
    }
}

impl PlacedTable {
    /// None for a subject whose only row has nothing but numbers: these are values of the owner.
    pub(super) fn of(subject: &'static Subject) -> Option<PlacedTable> {
        let is_label = |column: &&'static Column| column.kind == Kind::Label;
        let (labels, values): (Vec<_>, Vec<_>) = subject.columns.iter().partition(is_label);
        let many = match &subject.rows {
            Rows::Many(many) => Some(many),
            Rows::One if labels.is_empty() => return None,
            Rows::One | Rows::Feeds(_) | Rows::Made(_) | Rows::Named(_) => None,
        };
        let mut table = PlacedTable {
            subject,
            many,
            labels,
            values,
            shown: Vec::new(),
        };
        let metrics = subject.metrics.iter();
        table.shown = metrics.filter_map(|row| table.shown_by(row)).collect();
        Some(table)
    }

    /// What a metric shows of each row; none if it shows none, or can't.
    fn shown_by(&self, row: &MetricRow) -> Option<ShownOfRow> {
        if !matches!(
            row.shows,
            Shows::Value(_) | Shows::StateSet(_) | Shows::Info
        ) {
            return None;
        }
        let place = self.place(0, row).ok()?;
        let is_state =
            |own: &RowAttribute| matches!(row.shows, Shows::StateSet(name) if own.name == name);
        let (state, attributes): (Vec<_>, Vec<_>) =
            place.attributes.into_iter().partition(is_state);
        Some(ShownOfRow {
            value: place.value,
            state: state.first().copied(),
            attributes,
        })
    }

    /// Its feeds, if its rows are things that end.
    pub(super) fn feeds(&self, table: usize) -> Vec<PlacedFeed> {
        let Rows::Feeds(feeds) = &self.subject.rows else {
            return Vec::new();
        };
        let placed = feeds
            .lists
            .iter()
            .enumerate()
            .map(|(index, feed)| PlacedFeed {
                subject: self.subject,
                feeds,
                feed,
                index,
                table,
                labels: self.labels.clone(),
                values: self.values.clone(),
            });
        placed.collect()
    }

    /// How its rows are made, if they are.
    pub(super) fn made(&self) -> Option<&'static Made> {
        match &self.subject.rows {
            Rows::Made(made) => Some(made),
            _ => None,
        }
    }

    /// Which names its rows are for, if they are for names.
    pub fn named(&self) -> Option<&'static Named> {
        match &self.subject.rows {
            Rows::Named(named) => Some(named),
            _ => None,
        }
    }

    /// More rows are not kept.
    pub(super) fn at_most(&self) -> usize {
        /// GitLab tells no more words than that of anything that is counted by one.
        const MADE: usize = 1_000;
        match (self.many, self.made()) {
            (Some(many), _) => many.at_most.into(),
            (None, Some(_)) => MADE,
            (None, None) if self.named().is_some() => MADE,
            (None, None) => 1,
        }
    }

    /// The labels that tell its rows apart, besides their key.
    fn latest_labels(&self) -> &'static [&'static str] {
        match &self.subject.rows {
            Rows::Many(many) => many.latest_per,
            Rows::Feeds(feeds) => feeds.latest_per,
            Rows::One | Rows::Made(_) | Rows::Named(_) => &[],
        }
    }

    /// The feature that has the rows.
    pub fn feature(&self) -> Option<Feature> {
        self.subject
            .columns
            .iter()
            .find_map(|column| column.feature)
    }

    pub(super) fn place(&self, table: usize, row: &MetricRow) -> Result<TablePlace, String> {
        let mut place = TablePlace {
            table,
            value: None,
            attributes: Vec::new(),
        };
        match row.shows {
            // A state that may be any word is a label, and the row has it.
            Shows::StateSet(column) if self.has_label(column) => {}
            Shows::Value(column) | Shows::StateSet(column) => {
                place.value = Some(self.value_place(column)?)
            }
            Shows::Info | Shows::Rows => {}
            _ => return Err("a table can't be shown like that".to_owned()),
        }
        if matches!(row.shows, Shows::Rows) {
            return Ok(place);
        }
        for attribute in row
            .attributes
            .iter()
            .filter(|attribute| !attribute.is_identity() || self.has_label(attribute.name))
        {
            place.attributes.push(self.attribute(attribute.name)?);
        }
        self.tells_rows_apart(row).then_some(place).ok_or_else(|| {
            let labels = self.latest_labels();
            format!("its attributes {labels:?} are needed to tell rows apart")
        })
    }

    pub(super) fn ended(&self, table: usize, row: &MetricRow) -> Result<EndedPlace, String> {
        let Shows::Ended { value, at, bounds } = row.shows else {
            return Err("nothing ends here".to_owned());
        };
        let place = |name: &str| self.value_place(name);
        let own = row
            .attributes
            .iter()
            .filter(|attribute| !attribute.is_identity());
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
            at: at.map(place).transpose()?,
            value: value.map(place).transpose()?,
            attributes: own
                .map(|attribute| self.attribute(attribute.name))
                .collect::<Result<_, _>>()?,
            bounds,
            when: CountedWhen::Ends,
            by_row: false,
        })
    }

    /// A part of a sum over its rows.
    pub(super) fn part(&self, part: &'static Part) -> Result<PlacedPart, String> {
        let of_rows = part.of_rows.iter();
        let of_rows = of_rows.map(|(name, words)| Ok((self.attribute(name)?, *words)));
        Ok(PlacedPart {
            word: part.word,
            of_rows: of_rows.collect::<Result<_, String>>()?,
            plus: self.value_place(part.plus)?,
            less: part.less.map(|name| self.value_place(name)).transpose()?,
        })
    }

    pub(super) fn value_place(&self, name: &str) -> Result<usize, String> {
        let at = place_of(&self.values, name);
        at.ok_or_else(|| format!("there is no column {name} with a value"))
    }

    pub(super) fn has_label(&self, name: &str) -> bool {
        place_of(&self.labels, name).is_some()
    }

    pub(super) fn attribute(&self, name: &'static str) -> Result<RowAttribute, String> {
        if let Some(at) = place_of(&self.labels, name) {
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
        let latest_per = self.latest_labels();
        let by_labels = !latest_per.is_empty() && latest_per.iter().all(has);
        match &self.subject.rows {
            Rows::One | Rows::Made(_) | Rows::Named(_) => true,
            Rows::Many(many) => has(&many.key) || by_labels,
            Rows::Feeds(_) => by_labels,
        }
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

impl RowAttribute {
    /// The text, to be kept.
    pub(super) fn shared(&self, row: &Row) -> Arc<str> {
        match self.from {
            RowText::Label(at) => Arc::clone(&row.labels[at]),
            RowText::Word(..) | RowText::Reworded(..) => self.text_of(row).into(),
        }
    }

    pub(super) fn text_of<'a>(&self, row: &'a Row) -> &'a str {
        self.among(&row.labels, &row.values)
    }

    pub(super) fn text<'a>(&self, table: &'a Table, row: usize) -> &'a str {
        self.among(table.labels_of(row), table.values_of(row))
    }

    fn among<'a>(&self, labels: &'a [Arc<str>], values: &[Reading]) -> &'a str {
        match self.from {
            RowText::Label(at) => &labels[at],
            RowText::Reworded(at, reworded) => reworded(&labels[at]),
            RowText::Word(at, words) => {
                let place = values[at].value();
                let word = place.and_then(|place| words.get(place as usize));
                word.copied().unwrap_or_default()
            }
        }
    }
}
