//! What is shown: the latest snapshot of every GitLab that is polled, told apart by name.

use std::ops::Range;
use std::sync::Arc;

use super::series::EmitEnded;
use super::subject::INSTANCE;
use super::{Choices, Emit, Metric, Snapshot};

/// What is shown at one moment: an immutable value like the snapshots it holds. Its projects are
/// counted through, instance by instance.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Each GitLab, in the order of the configuration.
    pub gitlabs: Vec<GitLabView>,
}

/// One GitLab in a view.
#[derive(Clone, Debug, Default)]
pub struct GitLabView {
    /// Its name, where there are several to tell apart.
    pub name: Option<Arc<str>>,
    /// What is known of it.
    pub snapshot: Arc<Snapshot>,
}

/// The view of the only GitLab there is.
impl From<Arc<Snapshot>> for View {
    fn from(snapshot: Arc<Snapshot>) -> View {
        View::of_one(None, snapshot)
    }
}

impl View {
    /// The view of one GitLab alone.
    pub fn of_one(name: Option<Arc<str>>, snapshot: Arc<Snapshot>) -> View {
        View {
            gitlabs: vec![GitLabView { name, snapshot }],
        }
    }

    /// How many projects it has.
    pub fn projects(&self) -> usize {
        let snapshots = self.gitlabs.iter().map(|gitlab| &gitlab.snapshot);
        snapshots.map(|snapshot| snapshot.projects.len()).sum()
    }

    /// How many series it has about GitLab.
    pub fn series(&self) -> u64 {
        let snapshots = self.gitlabs.iter().map(|gitlab| &gitlab.snapshot);
        snapshots.map(|snapshot| snapshot.all_series()).sum()
    }

    /// Of how many gitlabs something is known.
    pub fn known(&self) -> usize {
        let known = |gitlab: &&GitLabView| gitlab.snapshot.report.is_some();
        self.gitlabs.iter().filter(known).count()
    }

    /// What is known of an instance.
    pub fn snapshot(&self, instance: usize) -> Arc<Snapshot> {
        let gitlab = self.gitlabs.get(instance);
        gitlab
            .map(|gitlab| Arc::clone(&gitlab.snapshot))
            .unwrap_or_default()
    }

    /// The names of the GitLabs, in their order.
    pub fn names(&self) -> impl Iterator<Item = Option<&str>> {
        self.gitlabs.iter().map(|gitlab| gitlab.name.as_deref())
    }

    /// What is known of the GitLab of that name.
    pub fn named(&self, name: Option<&str>) -> Option<&GitLabView> {
        let mut gitlabs = self.gitlabs.iter();
        gitlabs.find(|gitlab| gitlab.name.as_deref() == name)
    }

    /// This view after an instance has published.
    pub fn with(&self, instance: usize, snapshot: Arc<Snapshot>) -> View {
        let mut view = self.clone();
        view.gitlabs[instance].snapshot = snapshot;
        view
    }

    /// Shows what `projects` have of a metric about GitLab, like [`Metric::observe`] for each GitLab.
    pub fn observe(
        &self,
        metric: &Metric,
        projects: Range<usize>,
        choices: &Choices,
        emit: &mut Emit<'_>,
    ) {
        let ranges = self.ranges(projects);
        for (own, GitLabView { name, snapshot }) in ranges.zip(&self.gitlabs) {
            if own.is_empty() && metric.is_per_project_by(choices) {
                continue;
            }
            let name = name.as_deref();
            let Some(telling) = &metric.telling else {
                of_gitlab(name, emit, |emit| {
                    metric.observe(snapshot, own, choices, emit);
                });
                continue;
            };
            let teller = telling.of(name, choices);
            metric.observe(snapshot, own, choices, &mut |attributes, value| {
                teller.tell(attributes, |told| emit(told, value));
            });
        }
    }

    /// Shows what has ended, if the metric counts that, like [`View::observe`].
    pub fn observe_ended(
        &self,
        metric: &Metric,
        projects: Range<usize>,
        choices: &Choices,
        emit: &mut EmitEnded<'_>,
    ) {
        let ranges = self.ranges(projects);
        for (own, GitLabView { name, snapshot }) in ranges.zip(&self.gitlabs) {
            if let Some(telling) = &metric.telling {
                let teller = telling.of(name.as_deref(), choices);
                metric.observe_ended(snapshot, own, choices, &mut |attributes, ended, since| {
                    teller.tell(attributes, |told| emit(told, ended, since));
                });
                continue;
            }
            metric.observe_ended(snapshot, own, choices, &mut |attributes, ended, since| {
                let mut named = attributes.to_vec();
                named.extend(name.iter().map(|name| (INSTANCE.name, &**name)));
                emit(&named, ended, since);
            });
        }
    }

    /// How many series `projects` have of a metric about GitLab, without building them.
    pub fn count(&self, metric: &Metric, projects: Range<usize>, choices: &Choices) -> usize {
        let ranges = self.ranges(projects).zip(&self.gitlabs);
        ranges
            .map(|(own, gitlab)| metric.count(&gitlab.snapshot, own, choices))
            .sum()
    }

    /// What a range of all projects is in each GitLab.
    pub(super) fn ranges(&self, projects: Range<usize>) -> impl Iterator<Item = Range<usize>> {
        let counts = self.gitlabs.iter();
        let counts = counts.map(|gitlab| gitlab.snapshot.projects.len());
        counts.scan(0, move |first, count| {
            let own = |index: usize| index.saturating_sub(*first).min(count);
            let own = own(projects.start)..own(projects.end);
            *first += count;
            Some(own)
        })
    }
}

/// Adds the name of an instance, if it has one, to all series that are shown.
pub(super) fn of_gitlab(name: Option<&str>, emit: &mut Emit<'_>, show: impl FnOnce(&mut Emit<'_>)) {
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
    use crate::metrics::{Catalogue, Identity, Owner, Reading};

    fn find(metric: &str) -> &'static Metric {
        Catalogue::standard().find(metric).unwrap()
    }

    /// A GitLab whose projects have these ids, and each of their values is the id.
    fn gitlab(name: &'static str, ids: Range<u64>) -> GitLabView {
        let columns = Catalogue::standard().project_columns().len();
        let projects = ids.clone().map(|id| {
            let identity = Identity {
                id,
                ..Identity::default()
            };
            let values = vec![Reading::known(id as f64, 1); columns];
            Arc::new(Owner::new(identity, 1, values))
        });
        let snapshot = Snapshot {
            projects: projects.collect(),
            project_count: Some(ids.end - ids.start),
            ..Snapshot::default()
        };
        GitLabView {
            name: Some(name.into()),
            snapshot: Arc::new(snapshot),
        }
    }

    /// The series of a metric, as `attribute=value` and value.
    fn shown(view: &View, metric: &str, projects: Range<usize>) -> Vec<String> {
        let mut shown = Vec::new();
        view.observe(
            find(metric),
            projects,
            &Choices::default(),
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
            gitlabs: vec![gitlab("a", 1..3), gitlab("empty", 0..0), gitlab("b", 1..3)],
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
            gitlabs: vec![gitlab("a", 0..2), gitlab("b", 0..3)],
        };
        assert_eq!(
            shown(&view, "gitlab_project_count", 0..0),
            ["gitlab_instance=a 2", "gitlab_instance=b 3"]
        );
        let without = |view: &View, instance: usize| {
            let mut snapshot = Snapshot::clone(&view.gitlabs[instance].snapshot);
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
        let view = View::from(gitlab("a", 7..8).snapshot);
        assert_eq!(
            shown(&view, "gitlab_commits_total", 0..1),
            ["project_id=7 7"]
        );
    }

    fn same(metric: &str, one: &View, other: &View, projects: Range<usize>) -> bool {
        find(metric).shows_same(one, projects.clone(), other, projects)
    }

    fn edited(view: &View, edit: impl FnOnce(&mut Owner)) -> View {
        let mut snapshot = Snapshot::clone(&view.gitlabs[0].snapshot);
        edit(Arc::make_mut(&mut snapshot.projects[1]));
        view.with(0, Arc::new(snapshot))
    }

    #[test]
    fn what_shows_the_same_is_told_from_what_does_not() {
        let view = View::from(gitlab("a", 0..3).snapshot);
        let commits = find("gitlab_commits_total")
            .columns()
            .into_iter()
            .next()
            .unwrap();
        let later = edited(&view, |project| {
            project.listed = 9;
            project.values[commits] = Reading::known(1.0, 9);
        });
        assert!(same("gitlab_commits_total", &view, &later, 0..3));
        let more = edited(&view, |project| {
            project.values[commits] = Reading::known(2.0, 9);
        });
        assert!(!same("gitlab_commits_total", &view, &more, 0..3));
        assert!(
            same("gitlab_commits_total", &view, &more, 0..1),
            "another block"
        );
        assert!(same("gitlab_issues", &view, &more, 0..3), "another metric");
        let renamed = edited(&view, |project| {
            Arc::make_mut(&mut project.identity).path = "other".into();
        });
        assert!(!same("gitlab_issues", &view, &renamed, 0..3));
        assert!(!same("gitlab_project_info", &view, &renamed, 0..3));
        let active = edited(&view, |project| {
            Arc::make_mut(&mut project.identity).last_activity = Some(7);
        });
        assert!(same("gitlab_project_info", &view, &active, 0..3));
        assert!(!same(
            "gitlab_project_last_activity_timestamp_seconds",
            &view,
            &active,
            0..3
        ));
        assert!(!same("gitlab_commits_total", &view, &View::default(), 0..3));
        let named = View {
            gitlabs: vec![gitlab("b", 0..3)],
        };
        assert!(!same("gitlab_commits_total", &view, &named, 0..3));
    }

    #[test]
    fn series_are_counted_as_they_are_shown() {
        let view = View {
            gitlabs: vec![gitlab("a", 1..3), gitlab("empty", 0..0), gitlab("b", 1..3)],
        };
        let choices = Choices::default();
        for metric in Catalogue::standard().metrics() {
            for projects in [0..0, 0..1, 1..3, 0..4] {
                let mut series = 0;
                view.observe(metric, projects.clone(), &choices, &mut |_, _| series += 1);
                assert_eq!(
                    view.count(metric, projects, &choices),
                    series,
                    "{}",
                    metric.name
                );
            }
        }
    }
}
