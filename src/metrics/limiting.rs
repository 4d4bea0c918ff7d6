//! More series than the limits allow: which give way.
//!
//! They give way owner by owner, the oldest first: those are the ones with the lowest ids. So the same
//! ones are shown from poll to poll. What is not told apart by owner is cut from its end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::{EnabledMetrics, Grain, Metric, Owner, Snapshot};

/// The metrics that each owner is not shown with, by grain and place.
type Hidden = BTreeMap<(usize, usize), BTreeSet<&'static str>>;

impl Owner {
    /// Whether the series that it has of a metric give way to others.
    pub fn hides(&self, metric: &str) -> bool {
        let hidden = self.hidden.as_ref();
        hidden.is_some_and(|hidden| hidden.contains(metric))
    }
}

impl Snapshot {
    /// Hides what the limits leave no room for, and says how many series of each metric that are.
    pub(super) fn limit(&mut self, enabled: &EnabledMetrics) -> Vec<(&'static str, u64)> {
        let limits = enabled.choices.limits;
        if limits.series.is_none() && limits.series_per_metric.is_none() {
            return Vec::new();
        }
        let per_metric = limits.series_per_metric.unwrap_or(u64::MAX);
        let mut room = limits.series.unwrap_or(u64::MAX);
        let (mut hidden, mut dropped) = (Hidden::new(), Vec::new());
        for metric in &enabled.metrics {
            let all = 0..self.projects.len();
            let series = metric.count(self, all, &enabled.choices) as u64;
            let most = room.min(per_metric);
            let shown = if series <= most {
                series
            } else if metric.is_by_owner(&enabled.choices) {
                self.hide_oldest(metric, most, enabled, &mut hidden)
            } else {
                self.at_most.insert(metric.name, most as usize);
                most
            };
            for told in enabled.told(metric) {
                // What is one series for all projects to us may be one for each to others.
                let is_split = told.limited_as() != metric.name;
                if is_split
                    && told.count(self, 0..self.projects.len(), &enabled.choices) as u64 > most
                {
                    self.hide_oldest(told, most, enabled, &mut hidden);
                }
            }
            room -= shown;
            if shown < series {
                dropped.push((metric.name, series - shown));
            }
        }
        self.hide(&hidden);
        dropped
    }

    /// Notes the owners for whose series of a metric there is no room, and says how many are shown.
    fn hide_oldest(
        &self,
        metric: &Metric,
        most: u64,
        enabled: &EnabledMetrics,
        hidden: &mut Hidden,
    ) -> u64 {
        let mut shown = 0;
        for part in metric.parts() {
            let grain = part.subject.of;
            for (place, owner) in self.owners(grain).iter().enumerate().rev() {
                let series = part.count_of(owner, &enabled.choices) as u64;
                if shown + series <= most {
                    shown += series;
                } else {
                    let own = hidden.entry((grain as usize, place)).or_default();
                    own.insert(metric.limited_as());
                }
            }
        }
        shown
    }

    /// Most owners hide the same.
    fn hide(&mut self, hidden: &Hidden) {
        let mut shared = BTreeMap::<&BTreeSet<_>, Arc<BTreeSet<_>>>::new();
        for grain in Grain::ALL {
            let owners = match grain {
                Grain::Instance => std::slice::from_mut(&mut self.instance),
                Grain::Group => &mut self.groups,
                Grain::Project => &mut self.projects,
                Grain::Runner => &mut self.runners,
            };
            for (place, owner) in owners.iter_mut().enumerate() {
                if let Some(own) = hidden.get(&(grain as usize, place)) {
                    let known = shared.entry(own).or_insert_with(|| Arc::new(own.clone()));
                    Arc::make_mut(owner).hidden = Some(Arc::clone(known));
                }
            }
        }
    }
}
