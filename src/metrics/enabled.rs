//! What the configuration lets be shown, and how.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::subject::Rows;
use super::{Cadence, Catalogue, Choices, Grain, Metric, Snapshot, Subject};

/// The metrics that are shown.
#[derive(Clone)]
pub struct EnabledMetrics {
    pub catalogue: &'static Catalogue,
    /// In the order they are shown.
    pub metrics: Vec<&'static Metric>,
    /// What of each is read, and how it is shown.
    pub choices: Arc<Choices>,
    /// By grain, the places of what must be asked along with an owner.
    columns: [BTreeSet<usize>; 4],
    tables: [BTreeSet<usize>; 4],
    /// By grain, the places of the feeds that must be asked.
    feeds: [BTreeSet<usize>; 4],
    /// The subjects that are asked at a pace of their own, in the order of the catalogue.
    rounds: Vec<Round>,
}

/// A subject that is asked at a pace of its own, and what must be asked of it.
#[derive(Clone, Debug)]
pub struct Round {
    pub subject: &'static Subject,
    /// How often each owner is asked.
    pub every: Duration,
    /// The places of its columns and of its table.
    pub columns: Vec<usize>,
    pub tables: Vec<usize>,
}

impl EnabledMetrics {
    /// The metrics of a catalogue whose name `keep` accepts, those that are opt-in too.
    pub fn new(
        catalogue: &'static Catalogue,
        keep: impl Fn(&str) -> bool,
        choices: impl Into<Arc<Choices>>,
    ) -> EnabledMetrics {
        let choices = choices.into();
        let catalogue = catalogue.with_names(choices.scrape_names);
        let catalogue = catalogue.with_bounds(&choices.bounds);
        let metrics = catalogue.metrics().iter();
        let mut enabled = EnabledMetrics {
            catalogue,
            metrics: metrics.filter(|metric| keep(metric.name)).collect(),
            choices,
            columns: Default::default(),
            tables: Default::default(),
            feeds: Default::default(),
            rounds: Vec::new(),
        };
        let mut asked = BTreeMap::<usize, (BTreeSet<usize>, BTreeSet<usize>)>::new();
        for metric in &enabled.metrics {
            let feeds = catalogue.feeds(metric.subject.of).iter().enumerate();
            let own = feeds.filter(|(_, placed)| {
                std::ptr::eq(placed.subject, metric.subject)
                    && (enabled.choices.child_pipelines || !placed.feed.of_children)
            });
            enabled.feeds[metric.subject.of as usize].extend(own.map(|(place, _)| place));
            // What a metric shows may be another subject's, such as what it sums up.
            let told = enabled.told(metric).flat_map(Metric::parts);
            for part in metric.parts().chain(told) {
                let grain = part.subject.of;
                for place in part.columns() {
                    let subject = catalogue.columns(grain)[place].subject;
                    let own = asked.entry(place_of(catalogue, subject)).or_default();
                    own.0.insert(place);
                }
                for place in part.tables() {
                    let subject = catalogue.tables(grain)[place].subject;
                    let own = asked.entry(place_of(catalogue, subject)).or_default();
                    own.1.insert(place);
                }
            }
        }
        for (subject, (columns, tables)) in asked {
            enabled.ask(catalogue.subjects()[subject], columns, tables);
        }
        enabled.ask_pipelines();
        enabled
    }

    /// What a metric is by the names of the semantic conventions, if an exporter shows it so.
    pub(super) fn told(&self, metric: &Metric) -> impl Iterator<Item = &'static Metric> + use<> {
        let conventions = self.choices.conventions.as_ref();
        let told = conventions.map(|_| self.catalogue.by_conventions().metrics());
        let name = metric.name;
        let told = told.into_iter().flatten();
        told.filter(move |told| told.ours() == name)
    }

    /// The same metrics by the names of the semantic conventions.
    #[must_use]
    pub fn by_conventions(&self) -> EnabledMetrics {
        let mut told = self.clone();
        told.catalogue = self.catalogue.by_conventions();
        let metrics = told.catalogue.metrics().iter();
        told.metrics = metrics.filter(|metric| self.shows(metric.ours())).collect();
        let choices = Arc::make_mut(&mut told.choices);
        let conventions = choices.conventions.get_or_insert_default();
        conventions.project_labels = choices.project_labels;
        // The path names the repository.
        choices.project_labels.path = true;
        told
    }

    /// What hangs on pipelines is read of those that the feed of pipelines shows.
    fn ask_pipelines(&mut self) {
        let mut metrics = self.metrics.iter();
        let hangs = |metric: &&Metric| {
            // Lead times are told by deployments, and stand among incidents.
            metric.subject.hangs_on_pipelines()
                || metric.name == "gitlab_lead_time_for_changes_seconds"
        };
        if !metrics.any(hangs) {
            return;
        }
        let grain = Grain::Project as usize;
        let feeds = self.catalogue.feeds(Grain::Project).iter().enumerate();
        for (place, feed) in feeds.filter(|(_, placed)| placed.subject.name == "pipelines") {
            if self.choices.child_pipelines || !feed.feed.of_children {
                self.feeds[grain].insert(place);
            }
        }
    }

    /// The same metrics, with what one GitLab says of how often subjects are asked.
    #[must_use]
    pub fn with_cadence(&self, cadence: &BTreeMap<&'static str, Duration>) -> EnabledMetrics {
        let mut own = self.clone();
        Arc::make_mut(&mut own.choices).cadence.clone_from(cadence);
        for place in 0..own.rounds.len() {
            if let Some(every) = own.pace_of(own.rounds[place].subject) {
                own.rounds[place].every = every;
            }
        }
        own
    }

    /// How often each owner is asked about a subject with a pace of its own. A part that is asked less
    /// often than the rest of its subject is never asked more often than it says: it costs more.
    pub fn pace_of(&self, subject: &Subject) -> Option<Duration> {
        let (Cadence::Every(own), Cadence::Every(chosen)) =
            (subject.cadence, self.choices.cadence_of(subject))
        else {
            return None;
        };
        let parts = self.catalogue.subjects().iter();
        let parts = parts.filter(|part| part.name == subject.name && part.of == subject.of);
        let is_slower = parts.into_iter().any(|part| match part.cadence {
            Cadence::Every(other) => other < own,
            Cadence::EachPoll => true,
            Cadence::WithOwner => false,
        });
        Some(if is_slower { chosen.max(own) } else { chosen })
    }

    /// Those of the standard metrics that are shown without a word of the configuration, as far as `keep`
    /// accepts them.
    pub fn by_default(keep: impl Fn(&Metric) -> bool) -> EnabledMetrics {
        let catalogue = Catalogue::standard();
        let is_shown = |name: &str| {
            let metric = catalogue.find(name);
            metric.is_some_and(|metric| metric.by_default && keep(metric))
        };
        EnabledMetrics::new(catalogue, is_shown, Choices::default())
    }

    /// What is shown of projects without a word of the configuration.
    pub fn of_projects() -> EnabledMetrics {
        Self::by_default(|own| own.subject.of == Grain::Project || !own.is_about_gitlab())
    }

    /// What is shown of everything without a word of the configuration.
    pub fn standard() -> EnabledMetrics {
        Self::by_default(|_| true)
    }

    /// Whether a metric is shown.
    pub fn shows(&self, name: &str) -> bool {
        self.metrics.iter().any(|metric| metric.name == name)
    }

    /// Whether any metric of a subject is shown.
    pub fn shows_any_of(&self, subject: &str) -> bool {
        let mut metrics = self.metrics.iter();
        metrics.any(|metric| metric.subject.name == subject || metric.counted_of() == Some(subject))
    }

    fn ask(
        &mut self,
        subject: &'static Subject,
        columns: BTreeSet<usize>,
        tables: BTreeSet<usize>,
    ) {
        match (subject.cadence, self.pace_of(subject)) {
            (Cadence::WithOwner, _) if !matches!(subject.rows, Rows::Feeds(_)) => {
                self.columns[subject.of as usize].extend(columns);
                self.tables[subject.of as usize].extend(tables);
            }
            (Cadence::Every(_), Some(every)) => {
                let key = |of: &Subject| (of.name, of.of, of.is_over_graphql());
                let with =
                    |round: &&mut Round| round.every == every && key(round.subject) == key(subject);
                match self.rounds.iter_mut().find(with) {
                    Some(round) => {
                        round.columns.extend(columns);
                        round.tables.extend(tables);
                    }
                    None => self.rounds.push(Round {
                        subject,
                        every,
                        columns: columns.into_iter().collect(),
                        tables: tables.into_iter().collect(),
                    }),
                }
            }
            _ => {}
        }
    }

    /// What a scrape finds: the names of the other exporter, where they are chosen, in place of ours that
    /// say the same.
    #[must_use]
    pub fn scraped(&self) -> EnabledMetrics {
        let names = self.metrics.iter().filter_map(|metric| metric.ci_exporter);
        let replaced: Vec<_> = names.filter_map(|name| name.in_place_of).collect();
        self.only(|metric| !replaced.contains(&metric.name))
    }

    /// What is shown under our own names.
    #[must_use]
    pub fn under_own_names(&self) -> EnabledMetrics {
        self.only(|metric| metric.ci_exporter.is_none())
    }

    /// Those that `keep` accepts.
    #[must_use]
    pub fn only(&self, keep: impl Fn(&Metric) -> bool) -> EnabledMetrics {
        let mut fewer = self.clone();
        fewer.metrics.retain(|metric| keep(metric));
        fewer
    }

    /// The subjects of a grain that are asked at a pace of their own.
    pub fn rounds(&self, grain: Grain) -> impl Iterator<Item = &Round> {
        self.rounds
            .iter()
            .filter(move |round| round.subject.of == grain)
    }

    /// The places of the columns of projects that must be asked along with the project.
    pub fn columns(&self) -> &BTreeSet<usize> {
        self.columns_of(Grain::Project)
    }

    /// The places of the columns of a grain that must be asked along with the owner.
    pub fn columns_of(&self, grain: Grain) -> &BTreeSet<usize> {
        &self.columns[grain as usize]
    }

    /// The places of the tables of a grain that must be asked along with the owner.
    pub fn tables_of(&self, grain: Grain) -> &BTreeSet<usize> {
        &self.tables[grain as usize]
    }

    /// The places of the feeds of a grain that must be asked.
    pub fn feeds_of(&self, grain: Grain) -> &BTreeSet<usize> {
        &self.feeds[grain as usize]
    }

    /// The places of all columns and of all tables of a grain that a metric shows, however they are asked.
    pub fn shown(&self, grain: Grain) -> (BTreeSet<usize>, BTreeSet<usize>) {
        let parts = self.metrics.iter().flat_map(|metric| metric.parts());
        let of = parts.filter(|part| part.subject.of == grain);
        let feeds = self.feeds_of(grain).iter();
        let fed = feeds.map(|place| self.catalogue.feeds(grain)[*place].table);
        let tables = of.clone().flat_map(|metric| metric.tables());
        let tables = tables.chain(fed).collect();
        (of.flat_map(|metric| metric.columns()).collect(), tables)
    }

    /// How many series a snapshot has of each metric about GitLab of which it has any.
    pub fn series(&self, snapshot: &Snapshot) -> Vec<(&'static str, u64)> {
        let all = 0..snapshot.projects.len();
        let counts = self.metrics.iter().map(|metric| {
            let series = metric.count(snapshot, all.clone(), &self.choices);
            (metric.name, series as u64)
        });
        counts.filter(|(_, series)| *series > 0).collect()
    }
}

fn place_of(catalogue: &Catalogue, subject: &'static Subject) -> usize {
    let mut subjects = catalogue.subjects().iter();
    let place = subjects.position(|other| std::ptr::eq(*other, subject));
    place.unwrap_or_default()
}
