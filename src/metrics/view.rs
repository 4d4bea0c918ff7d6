//! What is shown: the latest snapshot of every GitLab that is polled, told apart by name.

use std::ops::Range;
use std::sync::Arc;

use super::{Attribute, Emit, Metric, Snapshot};

/// The name of a GitLab on its series. Not `instance`: that is Prometheus' word for its target.
pub(super) const INSTANCE: Attribute = Attribute {
    name: "gitlab_instance",
    meaning: "The name of the GitLab in the configuration; only if several are polled.",
    examples: &["com", "internal"],
};

/// What is shown at one moment: an immutable value like the snapshots it holds. Its projects are
/// counted through, instance by instance.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Each GitLab, in the order of the configuration.
    pub instances: Vec<Seen>,
}

/// One GitLab in a view.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Its name, where there are several to tell apart.
    pub name: Option<Arc<str>>,
    /// What is known of it.
    pub snapshot: Arc<Snapshot>,
}

/// The view of the only GitLab there is.
impl From<Arc<Snapshot>> for View {
    fn from(snapshot: Arc<Snapshot>) -> View {
        let name = None;
        View {
            instances: vec![Seen { name, snapshot }],
        }
    }
}

impl View {
    /// How many projects it has.
    pub fn projects(&self) -> usize {
        let snapshots = self.instances.iter().map(|seen| &seen.snapshot);
        snapshots.map(|snapshot| snapshot.projects.len()).sum()
    }

    /// How many series it has about GitLab.
    pub fn series(&self) -> u64 {
        let snapshots = self.instances.iter().map(|seen| &seen.snapshot);
        snapshots.map(|snapshot| snapshot.series).sum()
    }

    /// Of how many instances something is known.
    pub fn known(&self) -> usize {
        let known = |seen: &&Seen| seen.snapshot.report.is_some();
        self.instances.iter().filter(known).count()
    }

    /// What is known of an instance.
    pub fn snapshot(&self, instance: usize) -> Arc<Snapshot> {
        let seen = self.instances.get(instance);
        seen.map(|seen| Arc::clone(&seen.snapshot))
            .unwrap_or_default()
    }

    /// This view after an instance has published.
    pub fn with(&self, instance: usize, snapshot: Arc<Snapshot>) -> View {
        let mut view = self.clone();
        view.instances[instance].snapshot = snapshot;
        view
    }

    /// Shows what `projects` have of a metric about GitLab, like [`Metric::observe`] for each
    /// instance.
    pub fn observe(
        &self,
        metric: &Metric,
        projects: Range<usize>,
        project_path: bool,
        emit: &mut Emit<'_>,
    ) {
        let mut first = 0;
        for Seen { name, snapshot } in &self.instances {
            let count = snapshot.projects.len();
            let own = |index: usize| index.saturating_sub(first).min(count);
            let own = own(projects.start)..own(projects.end);
            first += count;
            if own.is_empty() && metric.is_per_project() {
                continue;
            }
            of_instance(name.as_deref(), emit, |emit| {
                metric.observe(snapshot, own, project_path, emit);
            });
        }
    }
}

/// Adds the name of an instance, if it has one, to all series that are shown.
pub(super) fn of_instance(
    name: Option<&str>,
    emit: &mut Emit<'_>,
    show: impl FnOnce(&mut Emit<'_>),
) {
    let Some(name) = name else {
        return show(emit);
    };
    show(&mut |attributes, value| {
        let mut named = Vec::with_capacity(attributes.len() + 1);
        named.extend_from_slice(attributes);
        named.push((INSTANCE.name, name));
        emit(&named, value);
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Identity, Project, Reading, find, questions};

    /// A GitLab whose projects have these ids.
    fn seen(name: &'static str, ids: Range<u64>) -> Seen {
        let projects = ids.clone().map(|id| {
            Arc::new(Project {
                identity: Identity {
                    id,
                    id_text: id.to_string(),
                    ..Identity::default()
                },
                listed: 1,
                readings: vec![Reading::Known { value: id, at: 1 }; questions().len()],
            })
        });
        let snapshot = Snapshot {
            projects: projects.collect(),
            project_count: Some(ids.end - ids.start),
            ..Snapshot::default()
        };
        Seen {
            name: Some(name.into()),
            snapshot: Arc::new(snapshot),
        }
    }

    /// The series of a metric, as `attribute=value` and value.
    fn shown(view: &View, metric: &str, projects: Range<usize>) -> Vec<String> {
        let mut shown = Vec::new();
        view.observe(
            find(metric).unwrap(),
            projects,
            false,
            &mut |attributes, value| {
                let attributes = attributes
                    .iter()
                    .map(|(key, value)| format!("{key}={value}"));
                let attributes = attributes.collect::<Vec<_>>().join(",");
                shown.push(format!("{attributes} {value}"));
            },
        );
        shown
    }

    #[test]
    fn projects_are_counted_through_and_named_after_their_instance() {
        let view = View {
            instances: vec![seen("a", 1..3), seen("empty", 0..0), seen("b", 1..3)],
        };
        assert_eq!(view.projects(), 4);
        assert_eq!(
            shown(&view, "gitlab_commits_total", 1..3),
            [
                "project_id=2,gitlab_instance=a 2",
                "project_id=1,gitlab_instance=b 1"
            ]
        );
        let each = [0..1, 1..2, 2..3, 3..4].map(|one| shown(&view, "gitlab_commits_total", one));
        assert_eq!(each.concat(), shown(&view, "gitlab_commits_total", 0..4));
    }

    #[test]
    fn each_instance_has_its_own_totals_whatever_the_range() {
        let view = View {
            instances: vec![seen("a", 0..2), seen("b", 0..3)],
        };
        assert_eq!(
            shown(&view, "gitlab_project_count", 0..0),
            ["gitlab_instance=a 2", "gitlab_instance=b 3"]
        );
        let without = |view: &View, instance: usize| {
            let mut snapshot = Snapshot::clone(&view.instances[instance].snapshot);
            snapshot.project_count = None;
            view.with(instance, Arc::new(snapshot))
        };
        assert_eq!(
            shown(&without(&view, 0), "gitlab_project_count", 0..0),
            ["gitlab_instance=b 3"]
        );
    }

    #[test]
    fn the_only_instance_has_no_name() {
        let view = View::from(seen("a", 7..8).snapshot);
        assert_eq!(
            shown(&view, "gitlab_commits_total", 0..1),
            ["project_id=7 7"]
        );
    }
}
