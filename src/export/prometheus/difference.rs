//! What is different between two views: the projects whose series may not be the same.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::metrics::{Metric, Owner, Snapshot, View};

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

/// The projects that are not the same in two views of the same GitLabs, in the order of their series.
pub fn changed(before: &View, after: &View) -> Vec<Changed> {
    let mut changed = Vec::new();
    for (gitlab, seen) in after.gitlabs.iter().enumerate() {
        let before = before.snapshot(gitlab);
        if !Arc::ptr_eq(&before, &seen.snapshot) {
            compare(gitlab, &before, &seen.snapshot, &mut changed);
        }
    }
    // So that what is rendered a part at a time comes out in order, and is appended.
    changed.sort_by_cached_key(|changed| (changed.gitlab, changed.id_text()));
    changed
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
