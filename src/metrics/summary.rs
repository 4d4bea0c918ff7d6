//! What can be said of a snapshot as a whole: how old it is, what it lacks, how many series it has.

use std::collections::BTreeMap;

use super::subject::Rows;
use super::{
    Age, EnabledMetrics, Grain, Instrument, Metric, Missing, Owners, Reading, Reason, Report,
    Snapshot, SubjectPart, SubjectState, UnixTime,
};

impl Snapshot {
    /// A snapshot of these owners, with what can be said about it.
    pub fn new(
        generation: u64,
        owners: impl Into<Owners>,
        project_count: Option<u64>,
        report: impl Into<Option<Report>>,
        enabled: &EnabledMetrics,
    ) -> Snapshot {
        let mut owners = owners.into();
        owners
            .projects
            .sort_unstable_by_key(|project| project.identity.id);
        let mut snapshot = Snapshot {
            generation,
            projects: owners.projects,
            instance: owners.instance,
            groups: owners.groups,
            runners: owners.runners,
            departed: owners.departed,
            project_count,
            report: report.into(),
            ..Snapshot::default()
        };
        snapshot.ages = snapshot.count_ages(enabled);
        snapshot.missing = snapshot.count_missing(enabled);
        snapshot.dropped = snapshot.count_dropped(enabled);
        for (metric, series) in snapshot.limit(enabled) {
            let mut dropped = snapshot.dropped.iter_mut();
            match dropped.find(|(known, _)| *known == metric) {
                Some((_, rows)) => *rows += series,
                None => snapshot.dropped.push((metric, series)),
            }
        }
        snapshot.events = snapshot.count_events(enabled);
        snapshot.parts = snapshot.subject_parts(enabled);
        snapshot.states = snapshot.subject_states();
        snapshot.series = enabled.series(&snapshot);
        snapshot
    }

    fn count_ages(&self, enabled: &EnabledMetrics) -> Vec<Age> {
        let mut oldest = BTreeMap::<&'static str, UnixTime>::new();
        let mut note = |collector, at: u32| {
            let at = UnixTime::from(at);
            oldest
                .entry(collector)
                .and_modify(|known| *known = at.min(*known))
                .or_insert(at);
        };
        for project in &self.projects {
            note("projects", project.listed);
        }
        for grain in Grain::ALL {
            for owner in self.owners(grain) {
                let columns = enabled.catalogue.columns(grain).iter();
                for (placed, reading) in columns.zip(&owner.values) {
                    if let Reading::Known { at, .. } = reading {
                        note(placed.subject.name, *at);
                    }
                }
                let tables = enabled.catalogue.tables(grain).iter();
                for (placed, table) in tables.zip(&owner.tables) {
                    // How old these are is known where the feeds are read.
                    if matches!(placed.subject.rows, Rows::Feeds(_)) {
                        continue;
                    }
                    // What has no rows shows nothing that could be old.
                    if let Some(table) = table.known().filter(|table| table.rows() > 0) {
                        note(placed.subject.name, table.at);
                    }
                }
            }
        }
        let ages = oldest.into_iter();
        ages.map(|(collector, oldest)| Age { collector, oldest })
            .collect()
    }

    /// How many rows of each metric have given way to a limit.
    fn count_dropped(&self, enabled: &EnabledMetrics) -> Vec<(&'static str, u64)> {
        let metrics = enabled.metrics.iter();
        let of = |metric: &&'static Metric| {
            let dropped = metric.dropped(self);
            (dropped > 0).then_some((metric.name, dropped))
        };
        metrics.filter_map(of).collect()
    }

    /// How many ended things each subject has counted: those of its counters, if it has any.
    fn count_events(&self, enabled: &EnabledMetrics) -> Vec<(&'static str, u64)> {
        let mut events = BTreeMap::<&'static str, (u64, u64)>::new();
        for metric in enabled
            .metrics
            .iter()
            .filter(|metric| metric.counts_ended())
        {
            let (counters, histograms) = events.entry(metric.subject.name).or_default();
            match metric.instrument {
                Instrument::Histogram => *histograms += metric.ended(self),
                _ => *counters += metric.ended(self),
            }
        }
        let events = events.into_iter();
        let most = |(name, (counters, histograms)): (_, (u64, u64))| match counters {
            0 => (name, histograms),
            _ => (name, counters),
        };
        events.map(most).collect()
    }

    fn subject_parts(&self, enabled: &EnabledMetrics) -> Vec<SubjectPart> {
        let mut parts = Vec::new();
        for subject in enabled.catalogue.subjects() {
            let mut metrics = enabled.catalogue.metrics().iter();
            let own = |metric: &Metric| metric.is_of(subject);
            // The bridge does not read itself.
            if metrics.any(|metric| own(metric) && metric.is_about_gitlab()) {
                parts.push(SubjectPart::of(subject, self, enabled));
            }
        }
        parts
    }

    /// How each subject gets on, by its parts. Those that were asked say more than those that were not.
    fn subject_states(&self) -> Vec<(&'static str, SubjectState)> {
        let mut states: Vec<(&'static str, SubjectState)> = Vec::new();
        for SubjectPart { subject, .. } in &self.parts {
            if states.iter().any(|(name, _)| name == subject) {
                continue;
            }
            let of = |is_asked: bool| {
                let parts = self.parts.iter().filter(|part| part.subject == *subject);
                let parts = parts.filter(|part| part.state != SubjectState::Disabled);
                let parts = parts.filter(|part| part.is_asked == is_asked);
                parts.map(|part| part.state).reduce(SubjectState::with)
            };
            let state = of(true).or(of(false)).unwrap_or(SubjectState::Disabled);
            states.push((subject, state));
        }
        states
    }

    fn count_missing(&self, enabled: &EnabledMetrics) -> Vec<Missing> {
        let mut missing = Vec::new();
        for metric in &enabled.metrics {
            let mut counts = BTreeMap::<&'static str, (Reason, u64)>::new();
            metric.each_unknown(self, &mut |reason| {
                counts.entry(reason.name()).or_insert((reason, 0)).1 += 1;
            });
            let counts = counts.into_values();
            missing.extend(counts.map(|(reason, count)| Missing {
                metric: metric.name,
                reason,
                count,
            }));
        }
        missing.sort_by_key(|missing| missing.metric);
        missing
    }
}
