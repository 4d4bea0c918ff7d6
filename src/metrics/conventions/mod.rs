//! The catalogue by the names of OpenTelemetry's semantic conventions: the same subjects and values, shown by
//! other metrics. All of it follows from a column of the rows, and from rules where that says nothing.

mod names;
mod parts;
mod reference;
mod telling;
#[cfg(test)]
mod tests;

use std::sync::{Arc, Mutex, PoisonError};

pub use reference::names_by_conventions;
pub use telling::Telling;

use super::placed::Places;
use super::subject::{Convention, Instrument, Known, MetricRow};
use super::{Catalogue, Metric};

/// The version of the conventions that is followed.
pub const VERSION: &str = "1.45.0";

impl Catalogue {
    /// The catalogue by the names of the conventions. It is made once and kept for good.
    pub fn by_conventions(&'static self) -> &'static Catalogue {
        static MADE: Mutex<Vec<(&Catalogue, &Catalogue)>> = Mutex::new(Vec::new());
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = made.iter().find(|(of, _)| std::ptr::eq(*of, self)) {
            return known;
        }
        let ours = self.metrics().iter();
        let ours = ours.filter(|metric| metric.ci_exporter.is_none());
        let metrics = ours.flat_map(|metric| self.known_as(metric));
        let catalogue = Box::leak(Box::new(self.with_metrics(metrics.collect())));
        made.push((self, catalogue));
        catalogue
    }

    /// What a metric is by the conventions.
    fn known_as(&self, metric: &Metric) -> Vec<Metric> {
        let row = metric.row();
        let own = |name: &'static str| metric.told(self, row, name, None);
        let theirs = |convention: &'static Convention| {
            metric.told(self, row, convention.name, Some(convention))
        };
        match row.known {
            Known::Own => vec![own(names::metric(row).leak())],
            Known::Called(name) => vec![own(name)],
            Known::As(convention) => vec![theirs(convention)],
            Known::CalledAndAs(name, convention) => vec![own(name), theirs(convention)],
            Known::Within(_) => Vec::new(),
        }
    }
}

impl Metric {
    /// The row that it is made of.
    fn row(&self) -> &'static MetricRow {
        let mut rows = self.subject.metrics.iter();
        // Its subject has it, since it was made of that.
        rows.find(|row| row.name == self.name).expect("a row")
    }

    fn told(
        &self,
        catalogue: &Catalogue,
        row: &'static MetricRow,
        name: &'static str,
        convention: Option<&'static Convention>,
    ) -> Metric {
        let mut told = Metric {
            name,
            unit: names::unit(row),
            instrument: names::instrument(row, name),
            telling: Some(Arc::new(Telling::new(row, name, convention))),
            also: None,
            ..self.clone()
        };
        if let Some(convention) = convention {
            (told.unit, told.instrument) = (convention.unit, convention.instrument);
            told.help = convention.help;
        }
        if let Some(shows) = convention.and_then(|own| own.shows) {
            // The catalogue's test makes all of them.
            told.places = catalogue.parts(self.subject, shows).expect("columns");
            told.shows = shows;
        }
        if let Some(also) = &self.also {
            told.also = Some(Box::new(also.told(catalogue, also.row(), name, convention)));
        }
        told
    }

    /// What it is called in our own catalogue, whatever its name.
    pub fn ours(&self) -> &'static str {
        self.telling
            .as_ref()
            .map_or(self.name, |telling| telling.ours)
    }

    /// Its name, or a longer one that no other metric has, of which its name is what stands before the slash.
    pub fn unique_name(&self) -> &'static str {
        let telling = self.telling.as_ref();
        telling.map_or(self.name, |telling| telling.instrument)
    }

    /// What limits call it: as in our own catalogue, unless it has a series for each project and that has not.
    pub(super) fn limited_as(&self) -> &'static str {
        match self.names_pipelines() && self.instrument == Instrument::Histogram {
            true => self.unique_name(),
            false => self.ours(),
        }
    }

    /// Whether each of its series must name a pipeline.
    pub(super) fn names_pipelines(&self) -> bool {
        let telling = self.telling.as_ref();
        telling.is_some_and(|telling| telling.of_pipeline)
    }

    /// Which attributes besides those of its owner its series have by the names of the conventions.
    pub fn told_attributes(&self) -> Vec<&'static str> {
        if let Places::Parts(parts) = &self.places {
            return vec![parts.attribute];
        }
        let own: Vec<_> = self.attributes.iter().map(|own| own.name).collect();
        let telling = self.telling.as_ref();
        telling.map_or(own.clone(), |telling| telling.named(&own))
    }
}
