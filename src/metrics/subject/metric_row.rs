//! The rows that define metrics, and what each shows.

use super::convention::{Known, Part};
use super::{Attribute, Convention};
use crate::metrics::{BridgeStatus, Emit, GitLabStatus, Identity};

/// One metric: the only place where it is defined.
#[derive(Debug)]
pub struct MetricRow {
    /// The name, the same over OTLP and in the exposition.
    pub name: &'static str,
    /// The unit in UCUM, chosen so that no translation to Prometheus changes the name.
    pub unit: &'static str,
    /// One sentence.
    pub help: &'static str,
    pub instrument: Instrument,
    /// The attributes of its series, sorted by name.
    pub attributes: &'static [Attribute],
    pub shows: Shows,
    /// Whether it is shown without a word of the configuration.
    pub by_default: bool,
    /// Whether the name of its subject enables it.
    pub by_subject: bool,
    /// Whether it is shown without a word of the configuration where an exporter goes by the semantic
    /// conventions.
    pub by_conventions: bool,
    /// What it is called by these.
    pub known: Known,
}

impl MetricRow {
    /// Shown only where the configuration asks for it.
    #[must_use]
    pub const fn opt_in(mut self) -> MetricRow {
        self.by_default = false;
        self
    }

    /// Shown only where the configuration asks for it by its own name: it has very many series.
    #[must_use]
    pub const fn only_by_name(mut self) -> MetricRow {
        self.by_subject = false;
        self.opt_in()
    }

    /// Shown only where the configuration asks for it, or for the names of the semantic conventions: it is a
    /// part of a metric of theirs.
    #[must_use]
    pub const fn opt_in_but_by_conventions(mut self) -> MetricRow {
        self.by_conventions = true;
        self.opt_in()
    }

    /// The semantic conventions have a metric for it.
    #[must_use]
    pub const fn as_convention(mut self, convention: &'static Convention) -> MetricRow {
        self.known = match self.known {
            Known::Called(name) => Known::CalledAndAs(name, convention),
            _ => Known::As(convention),
        };
        self
    }

    /// Its own name with dots; one with a convention goes by both.
    #[must_use]
    pub const fn called(mut self, name: &'static str) -> MetricRow {
        self.known = match self.known {
            Known::As(convention) => Known::CalledAndAs(name, convention),
            _ => Known::Called(name),
        };
        self
    }

    /// This metric of the semantic conventions tells its numbers too.
    #[must_use]
    pub const fn within(mut self, convention: &'static str) -> MetricRow {
        self.known = Known::Within(convention);
        self
    }
}

/// The kind of instrument that records a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instrument {
    Gauge,
    Counter,
    Histogram,
    /// A sum that may fall. Only the semantic conventions have them.
    UpDownCounter,
}

/// What a metric shows. Columns are named as in its subject.
#[derive(Clone, Copy, Debug)]
pub enum Shows {
    /// This column of each row.
    Value(&'static str),
    /// These columns of the only row, each as a series whose attribute is the column's name.
    ByColumn {
        attribute: &'static str,
        columns: &'static [&'static str],
    },
    /// 1 for each row, whose labels are the attributes.
    Info,
    /// 1 for the word that this column has; the attribute is called like the column.
    StateSet(&'static str),
    /// How many rows an owner has.
    Rows,
    /// Sums over the rows of an owner, each as a series whose attribute has a word. A sum of which a part is
    /// not known is not shown.
    Parts {
        attribute: &'static str,
        parts: &'static [Part],
    },
    /// How many things of a subject's feeds are at each stage; the attribute names the stage.
    Live(&'static str),
    /// How many things of a feed have ended, or how long they took: each end is counted once.
    Ended {
        /// How long a thing took, for a histogram; none for a counter.
        value: Option<&'static str>,
        /// A column without which a thing is not counted here; none if all are.
        at: Option<&'static str>,
        /// The upper bounds of the histogram's buckets.
        bounds: &'static [f64],
    },
    /// Of each row, how many things of a subject were counted that have these columns in common with it.
    Counted(Counted),
    /// The sum of another metric over all owners, once every one of them is known.
    Sum(&'static str),
    /// What is known of a project once it is listed.
    Identity {
        value: fn(&Identity) -> Option<u64>,
        /// The attributes besides `project_id`.
        attributes: fn(&Identity) -> Vec<(&'static str, &str)>,
    },
    /// How many projects are selected.
    Projects,
    /// The bridge itself.
    Bridge(fn(&BridgeStatus, &mut Emit<'_>)),
    /// How the bridge gets on with one GitLab.
    GitLab(fn(&GitLabStatus, &mut Emit<'_>)),
}

/// Which things are counted for the rows of a table.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// The subject of the things.
    pub subject: &'static str,
    pub when: CountedWhen,
    /// The columns that the things and the rows have in common.
    pub by: &'static [&'static str],
}

/// At what moment of its life a thing is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedWhen {
    Begins,
    Ends,
}

pub const fn gauge(
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    attributes: &'static [Attribute],
    shows: Shows,
) -> MetricRow {
    MetricRow {
        name,
        unit,
        help,
        instrument: Instrument::Gauge,
        attributes,
        shows,
        by_default: true,
        by_subject: true,
        by_conventions: false,
        known: Known::Own,
    }
}

pub const fn histogram(
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    attributes: &'static [Attribute],
    shows: Shows,
) -> MetricRow {
    MetricRow {
        instrument: Instrument::Histogram,
        ..gauge(name, unit, help, attributes, shows)
    }
}

pub const fn counter(
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    attributes: &'static [Attribute],
    shows: Shows,
) -> MetricRow {
    MetricRow {
        instrument: Instrument::Counter,
        ..gauge(name, unit, help, attributes, shows)
    }
}
