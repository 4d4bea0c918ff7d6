//! What the configuration lets be shown, and how.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::subject::Rows;
use super::{Catalogue, Choices, Grain, Metric, Snapshot};

/// The metrics that are shown.
#[derive(Clone)]
pub struct EnabledMetrics {
    pub catalogue: &'static Catalogue,
    /// In the order they are shown.
    pub metrics: Vec<&'static Metric>,
    /// What of each is read, and how it is shown.
    pub choices: Arc<Choices>,
    /// By grain, the places of what must be asked.
    columns: [BTreeSet<usize>; 4],
    tables: [BTreeSet<usize>; 4],
    /// By grain, the places of tables that are shown, whoever is asked for them.
    shown_tables: [BTreeSet<usize>; 4],
    /// By grain, the places of the feeds that must be asked.
    feeds: [BTreeSet<usize>; 4],
}

impl EnabledMetrics {
    /// The metrics of a catalogue whose name `keep` accepts, those that are opt-in too.
    pub fn new(
        catalogue: &'static Catalogue,
        keep: impl Fn(&str) -> bool,
        choices: impl Into<Arc<Choices>>,
    ) -> EnabledMetrics {
        let metrics = catalogue.metrics().iter();
        let mut enabled = EnabledMetrics {
            catalogue,
            metrics: metrics.filter(|metric| keep(metric.name)).collect(),
            choices: choices.into(),
            columns: Default::default(),
            tables: Default::default(),
            shown_tables: Default::default(),
            feeds: Default::default(),
        };
        for metric in &enabled.metrics {
            let grain = metric.subject.of as usize;
            enabled.columns[grain].extend(metric.columns());
            enabled.shown_tables[grain].extend(metric.table());
            if !matches!(metric.subject.rows, Rows::Feeds(_)) {
                enabled.tables[grain].extend(metric.table());
            }
            let feeds = catalogue.feeds(metric.subject.of).iter().enumerate();
            let own = feeds.filter(|(_, placed)| {
                std::ptr::eq(placed.subject, metric.subject)
                    && (enabled.choices.child_pipelines || !placed.feed.of_children)
            });
            enabled.feeds[grain].extend(own.map(|(place, _)| place));
        }
        enabled
    }

    /// The same metrics, with what one GitLab says of how often subjects are asked.
    #[must_use]
    pub fn with_cadence(&self, cadence: &BTreeMap<&'static str, Duration>) -> EnabledMetrics {
        let mut own = self.clone();
        Arc::make_mut(&mut own.choices).cadence.clone_from(cadence);
        own
    }

    /// Those that `keep` accepts.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&Metric) -> bool) -> EnabledMetrics {
        let mut fewer = self.clone();
        fewer.metrics.retain(|metric| keep(metric));
        fewer
    }

    /// The places of the columns of projects that must be asked.
    pub fn columns(&self) -> &BTreeSet<usize> {
        self.columns_of(Grain::Project)
    }

    /// The places of the columns of a grain that must be asked.
    pub fn columns_of(&self, grain: Grain) -> &BTreeSet<usize> {
        &self.columns[grain as usize]
    }

    /// The places of the tables of a grain that must be asked.
    pub fn tables_of(&self, grain: Grain) -> &BTreeSet<usize> {
        &self.tables[grain as usize]
    }

    /// The places of the tables of a grain that are shown, those of feeds too.
    pub fn shown_tables_of(&self, grain: Grain) -> &BTreeSet<usize> {
        &self.shown_tables[grain as usize]
    }

    /// The places of the feeds of a grain that must be asked.
    pub fn feeds_of(&self, grain: Grain) -> &BTreeSet<usize> {
        &self.feeds[grain as usize]
    }

    /// How many series a snapshot has about GitLab.
    pub fn series(&self, snapshot: &Snapshot) -> u64 {
        let all = 0..snapshot.projects.len();
        let counts = self.metrics.iter();
        counts
            .map(|metric| metric.count(snapshot, all.clone()) as u64)
            .sum()
    }
}
