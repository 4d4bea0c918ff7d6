//! A metric: its row in a subject, and the places of what it shows.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::conventions::Telling;
use super::placed::Places;
use super::subject::{
    Attribute, Column, Grain, Instrument, Kind, MetricRow, Rest, Rows, Shows, Subject,
};

/// A metric in its catalogue: its row, and the places of what it shows.
#[derive(Clone, Debug)]
pub struct Metric {
    pub name: &'static str,
    pub unit: &'static str,
    pub help: &'static str,
    pub instrument: Instrument,
    pub attributes: &'static [Attribute],
    pub subject: &'static Subject,
    /// Whether it is shown without a word of the configuration.
    pub by_default: bool,
    /// Whether the name of its subject enables it.
    pub by_subject: bool,
    /// Whether it is shown without a word where an exporter goes by the semantic conventions.
    pub by_conventions: bool,
    pub(super) shows: Shows,
    pub(super) places: Places,
    /// What owners of another grain have of it.
    pub(super) also: Option<Box<Metric>>,
    /// None if the name is ours.
    pub(super) ci_exporter: Option<OtherName>,
    /// How its series are told, if that is by the names of the semantic conventions.
    pub(super) telling: Option<Arc<Telling>>,
}

/// What there is to know of a metric under another exporter's name.
#[derive(Clone, Copy, Debug)]
pub(super) struct OtherName {
    /// The metric of ours that says the same.
    pub in_place_of: Option<&'static str>,
}

impl Metric {
    pub(super) fn new(
        subject: &'static Subject,
        row: &'static MetricRow,
        places: Places,
    ) -> Metric {
        Metric {
            name: row.name,
            unit: row.unit,
            help: row.help,
            instrument: row.instrument,
            attributes: row.attributes,
            subject,
            by_default: row.by_default,
            by_subject: row.by_subject,
            by_conventions: row.by_conventions,
            shows: row.shows,
            places,
            also: None,
            ci_exporter: None,
            telling: None,
        }
    }

    /// What owners of each grain have of it.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Metric> + Clone {
        std::iter::once(self).chain(self.also.as_deref())
    }

    /// Whether it shows something of a subject.
    pub(super) fn is_of(&self, subject: &Subject) -> bool {
        self.parts().any(|part| std::ptr::eq(part.subject, subject))
    }

    /// True for what is measured of GitLab, false for the bridge's own metrics.
    pub fn is_about_gitlab(&self) -> bool {
        !matches!(self.shows, Shows::Bridge(_) | Shows::GitLab(_))
    }

    /// True if there is a series for each project.
    pub fn is_per_project(&self) -> bool {
        self.subject.of == Grain::Project
            && self.also.is_none()
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
            (Places::Ended { .. }, _) => self.instrument == Instrument::Counter,
            (Places::Elsewhere, _) => self.is_about_gitlab(),
            _ => true,
        }
    }

    /// The places of the columns that must be asked for it, among those of its subject's grain.
    pub fn columns(&self) -> BTreeSet<usize> {
        match &self.places {
            Places::Values(values) => values.iter().map(|value| value.place).collect(),
            Places::Sum(places) => places.iter().copied().collect(),
            Places::Parts(own) if own.table.is_none() => {
                let parts = own.parts.iter();
                parts
                    .flat_map(|part| [Some(part.plus), part.less])
                    .flatten()
                    .collect()
            }
            Places::Parts(_)
            | Places::Table(_)
            | Places::Ended { .. }
            | Places::Counted { .. }
            | Places::Live { .. }
            | Places::Elsewhere => BTreeSet::new(),
        }
    }

    /// The place of the table that must be asked for it, among those of its subject's grain.
    pub fn table(&self) -> Option<usize> {
        match &self.places {
            Places::Table(place) | Places::Counted { rows: place, .. } => Some(place.table),
            Places::Ended { table, .. } | Places::Live { table, .. } => Some(*table),
            Places::Parts(own) => own.table,
            _ => None,
        }
    }

    /// The places of all tables that must be asked for it: also of what it counts.
    pub(super) fn tables(&self) -> impl Iterator<Item = usize> + use<> {
        let counted = match &self.places {
            Places::Counted { of, .. } => Some(*of),
            _ => None,
        };
        self.table().into_iter().chain(counted)
    }

    /// The subject whose things it counts for the rows of another.
    pub(super) fn counted_of(&self) -> Option<&'static str> {
        match self.shows {
            Shows::Counted(counted) => Some(counted.subject),
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

    /// Whether it counts rows that have ended, which goes on over restarts.
    pub fn counts_ended(&self) -> bool {
        matches!(self.places, Places::Ended { .. })
    }

    /// Whether GitLab is asked for its values.
    pub fn is_asked(&self) -> bool {
        matches!(
            self.places,
            Places::Values(_)
                | Places::Table(_)
                | Places::Parts(_)
                | Places::Ended { .. }
                | Places::Counted { .. }
                | Places::Live { .. }
        )
    }

    /// How it is asked for: the paths of its columns, over GraphQL where that has them.
    pub fn asked_as(&self) -> Vec<&'static str> {
        if let (true, Rows::Many(many)) = (self.is_asked(), &self.subject.rows) {
            return vec![many.list];
        }
        if let (true, Rows::Named(named)) = (self.is_asked(), &self.subject.rows) {
            return vec![named.field];
        }
        if let (true, Rows::Made(made)) = (self.is_asked(), &self.subject.rows) {
            return match made.graphql.is_empty() {
                true => vec![made.rest],
                false => made.graphql.to_vec(),
            };
        }
        if let (true, Rows::Feeds(feeds)) = (self.is_asked(), &self.subject.rows) {
            return feeds.lists.iter().map(|feed| feed.changed).collect();
        }
        let path = |column: &&'static Column| match (column.graphql, column.rest) {
            ("", Rest::Member { path, .. } | Rest::Count(path)) => Some(path),
            ("", _) => None,
            (path, _) => Some(path),
        };
        self.own_columns().iter().filter_map(path).collect()
    }

    /// The columns that it shows itself, in the order of its places.
    pub(super) fn own_columns(&self) -> Vec<&'static Column> {
        let named = |name: &str| self.subject.column(name);
        match (self.shows, &self.places) {
            (_, Places::Elsewhere | Places::Sum(_)) => Vec::new(),
            (Shows::Value(name) | Shows::StateSet(name), _) => named(name).into_iter().collect(),
            (Shows::ByColumn { columns, .. }, _) => {
                columns.iter().filter_map(|name| named(name)).collect()
            }
            (Shows::Info, _) => {
                let own = self.attributes.iter();
                own.filter_map(|attribute| named(attribute.name)).collect()
            }
            _ => Vec::new(),
        }
    }

    /// What is wrong with its row.
    pub(super) fn problem(&self) -> Option<String> {
        let is_word = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
        // What every client of Prometheus tells of its process has names of its own.
        let is_ours = self.name.starts_with("gitlab_") || self.name.starts_with("process_");
        if !is_ours || self.name.contains("__") || !self.name.bytes().all(is_word) {
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
