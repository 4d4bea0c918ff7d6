//! The rows that define metrics.

use super::attribute::Attribute;
use super::convention::{Convention, Known};
use super::shows::{Instrument, Shows};

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
