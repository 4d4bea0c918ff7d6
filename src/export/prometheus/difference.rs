//! What is different between two views: the projects whose series may not be the same.

use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::entries::label;
use crate::metrics::{Choices, Metric, Owner, Reading, Snapshot, View};

/// A project that is not the same in two views, or is in only one of them.
pub struct Changed {
    gitlab: usize,
    before: Option<Arc<Owner>>,
    after: Option<Arc<Owner>>,
}

/// One of the two views.
#[derive(Clone, Copy)]
pub enum Side {
    Before,
    After,
}

/// What each project is shown with, in few bytes: the projects of each GitLab by id.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Fingerprints(Vec<GitLabFingerprints>);

/// The name of a GitLab, if it has one, and the fingerprints of its projects by id.
type GitLabFingerprints = (Option<String>, Vec<(u64, u64)>);

/// Projects by the labels of their series: their ids by the name of their GitLab, which is empty if
/// it has none.
#[derive(Debug, Default)]
pub struct Labelled(HashMap<String, HashSet<String>>);

impl Labelled {
    /// Whether none is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether an entry is of one of them.
    pub fn has(&self, entry: &[u8]) -> bool {
        let text = |name| label(entry, name).map(std::str::from_utf8);
        let gitlab = text("gitlab_instance")
            .and_then(Result::ok)
            .unwrap_or_default();
        let ids = self.0.get(gitlab);
        ids.is_some_and(|ids| matches!(text("project_id"), Some(Ok(id)) if ids.contains(id)))
    }

    fn insert(&mut self, gitlab: Option<&str>, id: u64) {
        let ids = self.0.entry(gitlab.unwrap_or_default().to_owned());
        ids.or_default().insert(id.to_string());
    }
}

/// The projects that are not the same in two views of the same GitLabs, in the order of their series.
pub fn changed(before: &View, after: &View) -> Vec<Changed> {
    let mut changed = Vec::new();
    for (gitlab, seen) in after.gitlabs.iter().enumerate() {
        let before = before.snapshot(gitlab);
        if !Arc::ptr_eq(&before, &seen.snapshot) {
            compare(gitlab, &before, &seen.snapshot, &mut changed);
        }
    }
    sort(&mut changed);
    changed
}

/// So that what is rendered a part at a time comes out in order, and is appended.
fn sort(changed: &mut [Changed]) {
    changed.sort_by_cached_key(|changed| (changed.gitlab, changed.id_text()));
}

/// Both snapshots have their projects in the order of their ids.
fn compare(gitlab: usize, before: &Snapshot, after: &Snapshot, changed: &mut Vec<Changed>) {
    let (mut left, mut right) = (
        before.projects.iter().peekable(),
        after.projects.iter().peekable(),
    );
    loop {
        let order = match (left.peek(), right.peek()) {
            (Some(left), Some(right)) => left.identity.id.cmp(&right.identity.id),
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (None, None) => return,
        };
        let before = left.next_if(|_| order.is_le());
        let after = right.next_if(|_| order.is_ge());
        if let (Some(before), Some(after)) = (before, after)
            && Arc::ptr_eq(before, after)
        {
            continue;
        }
        changed.push(Changed {
            gitlab,
            before: before.cloned(),
            after: after.cloned(),
        });
    }
}

impl Changed {
    /// Whether a metric shows the same of the project in both views.
    pub fn shows_same(&self, metric: &Metric) -> bool {
        match (&self.before, &self.after) {
            (Some(before), Some(after)) => metric.owners_show_same(before, after),
            _ => false,
        }
    }

    /// How many series of a metric the project has in that view in which it has more.
    pub fn most_series(&self, metric: &Metric, choices: &Choices) -> usize {
        let sides = [&self.before, &self.after].into_iter().flatten();
        let series = sides.map(|project| metric.count_of(project, choices));
        series.max().unwrap_or_default()
    }

    /// The id as series are sorted by it.
    fn id_text(&self) -> String {
        let project = self.after.as_ref().or(self.before.as_ref());
        project.map_or(String::new(), |project| project.identity.id.to_string())
    }
}

/// The view of some changed projects only, as they were or as they are.
pub fn view_of(changed: &[&Changed], side: Side, whole: &View) -> View {
    let mut view = whole.clone();
    for (gitlab, seen) in view.gitlabs.iter_mut().enumerate() {
        let here = changed.iter().filter(|changed| changed.gitlab == gitlab);
        let projects = here.filter_map(|changed| match side {
            Side::Before => changed.before.clone(),
            Side::After => changed.after.clone(),
        });
        seen.snapshot = Arc::new(Snapshot {
            projects: projects.collect(),
            ..Snapshot::default()
        });
    }
    view
}

/// All projects of a view, as if none had been there before.
pub fn all(view: &View) -> Vec<Changed> {
    let before = View {
        gitlabs: Vec::new(),
    };
    changed(&before, view)
}

impl Fingerprints {
    /// Those of a view, as it is chosen to be shown.
    pub fn of(view: &View, choices: &Choices) -> Fingerprints {
        let gitlabs = view.gitlabs.iter().map(|seen| {
            let projects = seen.snapshot.projects.iter();
            let projects =
                projects.map(|project| (project.identity.id, fingerprint(project, choices)));
            (seen.name.as_deref().map(str::to_owned), projects.collect())
        });
        Fingerprints(gitlabs.collect())
    }

    /// What is different in a view: the projects that are shown with something else or are new, and
    /// the labels of those and of the projects that are gone.
    pub fn changed(&self, view: &View, choices: &Choices) -> (Vec<Changed>, Labelled) {
        let mut before: HashMap<(Option<&str>, u64), u64> = HashMap::new();
        for (name, projects) in &self.0 {
            let projects = projects.iter();
            before.extend(projects.map(|(id, fingerprint)| ((name.as_deref(), *id), *fingerprint)));
        }
        let (mut changed, mut labelled) = (Vec::new(), Labelled::default());
        for (gitlab, seen) in view.gitlabs.iter().enumerate() {
            let name = seen.name.as_deref();
            for project in &seen.snapshot.projects {
                let id = project.identity.id;
                if before.remove(&(name, id)) != Some(fingerprint(project, choices)) {
                    labelled.insert(name, id);
                    changed.push(Changed {
                        gitlab,
                        before: None,
                        after: Some(Arc::clone(project)),
                    });
                }
            }
        }
        for (name, id) in before.into_keys() {
            labelled.insert(name, id);
        }
        sort(&mut changed);
        (changed, labelled)
    }
}

/// Of everything that a project's series can show.
fn fingerprint(project: &Owner, choices: &Choices) -> u64 {
    let mut hasher = DefaultHasher::new();
    let identity = &project.identity;
    (choices.project_labels, choices.sparse_states).hash(&mut hasher);
    identity.topics.hash(&mut hasher);
    (&identity.path, &identity.name, &identity.visibility).hash(&mut hasher);
    (identity.archived, &identity.default_branch).hash(&mut hasher);
    identity.last_activity.hash(&mut hasher);
    let hash_values = |values: &[Reading], hasher: &mut DefaultHasher| {
        for value in values {
            value.value().map(f64::to_bits).hash(hasher);
        }
    };
    hash_values(&project.values, &mut hasher);
    for table in &project.tables {
        let table = table.known();
        table.is_some().hash(&mut hasher);
        if let Some(table) = table {
            (&table.keys, &table.labels).hash(&mut hasher);
            hash_values(&table.values, &mut hasher);
        }
    }
    project.hidden.hash(&mut hasher);
    if !project.ended.is_empty() {
        // Some of it is not shown: then the project is only rendered once more.
        format!("{:?} {:?}", project.ended, choices.bounds).hash(&mut hasher);
    }
    hasher.finish()
}
