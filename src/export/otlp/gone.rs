//! Tells receivers which series have ended: a point without a value, flagged as such, for each series that
//! the view before shows and this one does not. Without it receivers show the last value for minutes.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use axum::body::Bytes;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_sdk::Resource;

use super::config::Temporality;
use super::flagged::{Flagged, SeriesAttributes};
use super::job_attribute::JobAttribute;
use super::names::Names;
use crate::metrics::{BridgeStatus, EnabledMetrics, Metric, Owner, Snapshot, View};

/// Finds the series that have ended.
#[derive(Clone)]
pub struct Gone {
    shown: Arc<EnabledMetrics>,
    resource: Resource,
    temporality: Temporality,
    job_attribute: JobAttribute,
    names: Names,
}

/// The series of the bridge's own metrics, by the place of the metric.
pub type OwnSeries = HashSet<(usize, SeriesAttributes)>;

/// A project that is not the same in two views: its places among all projects of each, and what is known
/// of it.
struct Changed<'a> {
    before: (usize, &'a Owner),
    after: Option<(usize, &'a Owner)>,
}

impl Gone {
    pub fn new(
        shown: &EnabledMetrics,
        resource: Resource,
        temporality: Temporality,
        job_attribute: JobAttribute,
        names: Names,
    ) -> Gone {
        Gone {
            shown: Arc::new(shown.clone()),
            resource,
            temporality,
            job_attribute,
            names,
        }
    }

    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    pub fn temporality(&self) -> Temporality {
        self.temporality
    }

    /// Hands over messages that end all series about GitLab that have gone between two views, as long as
    /// `take` wants more.
    pub fn between(&self, before: &View, after: &View, take: &mut dyn FnMut(Bytes) -> bool) {
        if !before.names().eq(after.names()) {
            return self.replaced_by(self, before, after, take);
        }
        let changed = changed(before, after);
        let mut flagged = self.flagged();
        let about_gitlab = self.shown.metrics.iter();
        for metric in about_gitlab.filter(|metric| metric.is_about_gitlab()) {
            let mut note = |attributes: SeriesAttributes| match flagged.add(metric, attributes) {
                Some(full) => take(full),
                None => true,
            };
            // What can't be read of one project must not keep the others from being ended.
            let guarded = |find: &mut dyn FnMut() -> bool| {
                catch_unwind(AssertUnwindSafe(find)).unwrap_or(true)
            };
            let wants_more = match metric.is_per_project_by(&self.shown.choices) {
                true => changed.iter().all(|project| {
                    guarded(&mut || self.of_project(metric, project, before, after, &mut note))
                }),
                false => guarded(&mut || self.of_all(metric, before, after, &mut note)),
            };
            if !wants_more {
                return;
            }
        }
        flagged.finish().map(take);
    }

    /// Like [`Gone::between`], where the second view is shown under other settings.
    pub fn replaced_by(
        &self,
        now: &Gone,
        before: &View,
        after: &View,
        take: &mut dyn FnMut(Bytes) -> bool,
    ) {
        let mut flagged = self.flagged();
        let places = places(after);
        let about_gitlab = self.shown.metrics.iter();
        for metric in about_gitlab.filter(|metric| metric.is_about_gitlab()) {
            let mut note = |attributes: SeriesAttributes| match flagged.add(metric, attributes) {
                Some(full) => take(full),
                None => true,
            };
            let other = now.shown.metrics.iter();
            let same_names =
                self.resource == now.resource && self.job_attribute == now.job_attribute;
            let mut other = other.filter(|_| same_names);
            let other = other.find(|other| other.unique_name() == metric.unique_name());
            let other = other.copied();
            let mut end = |of: Range<usize>, to: Option<Range<usize>>| {
                let is = match (other, to) {
                    (Some(other), Some(to)) => now.series(other, after, to),
                    _ => HashSet::new(),
                };
                let was = self.series(metric, before, of);
                was.into_iter()
                    .filter(|own| !is.contains(own))
                    .all(&mut note)
            };
            let is_per_project = metric.is_per_project_by(&self.shown.choices);
            let stays_so = other.is_none_or(|other| other.is_per_project_by(&now.shown.choices));
            let mut find = || match is_per_project && stays_so {
                true => ids(before).enumerate().all(|(place, id)| {
                    let to = places.get(&id).map(|to| *to..*to + 1);
                    end(place..place + 1, to)
                }),
                false => end(0..before.projects(), Some(0..after.projects())),
            };
            if !catch_unwind(AssertUnwindSafe(&mut find)).unwrap_or(true) {
                return;
            }
        }
        flagged.finish().map(take);
    }

    /// Of the bridge's own series that another exporter has sent those that are shown still, and a message
    /// that ends the others.
    pub fn own_after(&self, before: &Gone, sent: OwnSeries) -> (OwnSeries, Option<Bytes>) {
        let (mut kept, mut flagged) = (OwnSeries::new(), before.flagged());
        let mut sent: Vec<_> = sent.into_iter().collect();
        sent.sort_unstable();
        for (place, attributes) in sent {
            let metric = before.shown.metrics[place];
            let mut shown = self.shown.metrics.iter();
            match shown.position(|own| own.unique_name() == metric.unique_name()) {
                Some(now) if self.resource == before.resource => {
                    kept.insert((now, attributes));
                }
                // They are few: one message holds them all.
                _ => drop(flagged.add(metric, attributes)),
            }
        }
        (kept, flagged.finish())
    }

    /// The series of the bridge's own metrics.
    pub fn own_series(&self, bridge: &BridgeStatus) -> OwnSeries {
        let mut all = OwnSeries::new();
        let metrics = self.shown.metrics.iter().enumerate();
        for (place, metric) in metrics.filter(|(_, metric)| !metric.is_about_gitlab()) {
            metric.observe_bridge(bridge, &mut |attributes, _| {
                all.insert((place, owned(attributes)));
            });
        }
        all
    }

    /// Ends those of the bridge's own series that have gone, in the message that holds the others.
    pub fn of_bridge(
        &self,
        before: &OwnSeries,
        after: &OwnSeries,
        message: &mut ExportMetricsServiceRequest,
    ) {
        let mut gone: Vec<_> = before.difference(after).collect();
        gone.sort_unstable();
        let mut flagged = self.flagged();
        for (place, attributes) in gone {
            // They are few: one message holds them all.
            let _ = flagged.add(self.shown.metrics[*place], attributes.clone());
        }
        let resources = message.resource_metrics.iter_mut();
        let mut scopes = resources.flat_map(|resource| &mut resource.scope_metrics);
        if let Some(scope) = scopes.next() {
            scope.metrics.splice(..0, flagged.into_metrics());
        }
    }

    fn flagged(&self) -> Flagged {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = u64::try_from(since.unwrap_or_default().as_nanos()).unwrap_or_default();
        let (job_attribute, names) = (self.job_attribute, self.names);
        Flagged::new(&self.resource, self.temporality, job_attribute, names, now)
    }

    fn of_project(
        &self,
        metric: &Metric,
        project: &Changed<'_>,
        before: &View,
        after: &View,
        note: &mut dyn FnMut(SeriesAttributes) -> bool,
    ) -> bool {
        let (place, owner) = project.before;
        let now = match project.after {
            Some((_, now)) if metric.owners_show_same(owner, now) => return true,
            Some((now, _)) => self.series(metric, after, now..now + 1),
            None => HashSet::new(),
        };
        let was = self.series(metric, before, place..place + 1);
        was.into_iter()
            .filter(|series| !now.contains(series))
            .all(note)
    }

    fn of_all(
        &self,
        metric: &Metric,
        before: &View,
        after: &View,
        note: &mut dyn FnMut(SeriesAttributes) -> bool,
    ) -> bool {
        // Histograms over several projects are, and what is of each project is not compared by this.
        let is_folded = metric.is_per_project();
        if !is_folded && metric.shows_same(before, 0..0, after, 0..0) {
            return true;
        }
        let now = self.series(metric, after, 0..0);
        let was = self.series(metric, before, 0..0);
        was.into_iter()
            .filter(|series| !now.contains(series))
            .all(note)
    }

    fn series(&self, metric: &Metric, view: &View, of: Range<usize>) -> HashSet<SeriesAttributes> {
        let (mut series, choices) = (HashSet::new(), &self.shown.choices);
        if metric.counts_ended() {
            view.observe_ended(metric, of, choices, &mut |attributes, _, _| {
                series.insert(owned(attributes));
            });
        } else {
            view.observe(metric, of, choices, &mut |attributes, _| {
                series.insert(owned(attributes));
            });
        }
        series
    }
}

/// Each project of a view, by the name of its GitLab and its id.
fn ids(view: &View) -> impl Iterator<Item = (Option<&str>, u64)> {
    let gitlabs = view.gitlabs.iter();
    gitlabs.flat_map(|gitlab| {
        let projects = gitlab.snapshot.projects.iter();
        projects.map(|project| (gitlab.name.as_deref(), project.identity.id))
    })
}

fn places(view: &View) -> HashMap<(Option<&str>, u64), usize> {
    ids(view)
        .enumerate()
        .map(|(place, id)| (id, place))
        .collect()
}

fn owned(attributes: &[(&'static str, &str)]) -> SeriesAttributes {
    let attributes = attributes.iter();
    let mut owned: SeriesAttributes = attributes
        .map(|(name, value)| (*name, Box::from(*value)))
        .collect();
    owned.sort_unstable();
    owned
}

/// The projects of the first view that are not the same in the other one, or not in it. Unchanged ones are
/// shared.
fn changed<'a>(before: &'a View, after: &'a View) -> Vec<Changed<'a>> {
    let mut changed = Vec::new();
    let (mut first_before, mut first_after) = (0, 0);
    for (was, now) in before.gitlabs.iter().zip(&after.gitlabs) {
        let (was, now): (&Snapshot, &Snapshot) = (&was.snapshot, &now.snapshot);
        let mut at = 0;
        for (place, owner) in was.projects.iter().enumerate() {
            let id = owner.identity.id;
            // Both are in the order of their ids.
            while now.projects.get(at).is_some_and(|now| now.identity.id < id) {
                at += 1;
            }
            let same = now.projects.get(at).filter(|now| now.identity.id == id);
            if !same.is_some_and(|now| Arc::ptr_eq(now, owner)) {
                changed.push(Changed {
                    before: (first_before + place, &**owner),
                    after: same.map(|now| (first_after + at, &**now)),
                });
            }
        }
        first_before += was.projects.len();
        first_after += now.projects.len();
    }
    changed
}
