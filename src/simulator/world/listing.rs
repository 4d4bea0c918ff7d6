//! Which projects a list holds and in which order: one answer for GraphQL and REST.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use jiff::Timestamp;

use super::World;
use super::counts::{Viewer, Visibility};
use super::index::{Activity, Ids, Index};
use super::project::Project;

/// Whether archived projects are in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Archived {
    #[default]
    Include,
    Only,
    Exclude,
}

/// What a list asks for. Everything that is not asked for is in it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Filter {
    pub(crate) membership: bool,
    pub(crate) personal: bool,
    pub(crate) archived: Archived,
    pub(crate) marked_for_deletion: Option<bool>,
    /// Neither archived nor marked for deletion, or either of them.
    pub(crate) active: Option<bool>,
    pub(crate) ids: Option<BTreeSet<u64>>,
    pub(crate) paths: Option<BTreeSet<String>>,
    pub(crate) group: Option<(String, bool)>,
    pub(crate) search: Option<String>,
    pub(crate) visibility: Option<String>,
    pub(crate) with_issues_enabled: Option<bool>,
    pub(crate) with_merge_requests_enabled: Option<bool>,
    pub(crate) active_after: Option<Timestamp>,
    pub(crate) active_before: Option<Timestamp>,
}

/// The orders in which GitLab pages with a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    IdAscending,
    IdDescending,
    ActivityDescending,
}

/// Where a page starts: behind this project, as it was when the cursor was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cursor {
    pub(crate) id: u64,
    pub(crate) last_activity_at: Timestamp,
}

impl Filter {
    pub(crate) fn admits(&self, world: &World, viewer: Viewer, project: &Project) -> bool {
        let personal = || {
            let namespace = world.namespace(project.namespace_path());
            namespace.is_some_and(|namespace| namespace.personal)
        };
        let in_group = |(group, subgroups): &(String, bool)| {
            let rest = project.full_path.strip_prefix(group.as_str());
            let rest = rest.and_then(|rest| rest.strip_prefix('/'));
            rest.is_some_and(|rest| *subgroups || !rest.contains('/'))
        };
        let matches = |text: &String| {
            let text = text.to_lowercase();
            project.full_path.to_lowercase().contains(&text)
                || project.name.to_lowercase().contains(&text)
        };
        let visibility = |word: &String| project.visibility.word() == word;
        let issues = |wanted: bool| project.features.issues == wanted;
        let merge_requests = |wanted: bool| project.features.merge_requests == wanted;

        let marked = project.marked_for_deletion_on.is_some();
        project.visible_to(viewer)
            && self
                .marked_for_deletion
                .is_none_or(|wanted| marked == wanted)
            && self
                .active
                .is_none_or(|wanted| wanted != (marked || project.archived))
            && (!self.membership || (viewer != Viewer::Anonymous && project.member))
            && (!self.personal || personal())
            && match self.archived {
                Archived::Include => true,
                Archived::Only => project.archived,
                Archived::Exclude => !project.archived,
            }
            && self
                .ids
                .as_ref()
                .is_none_or(|ids| ids.contains(&project.id))
            && self
                .paths
                .as_ref()
                .is_none_or(|paths| paths.contains(&project.full_path))
            && self.group.as_ref().is_none_or(in_group)
            && self.search.as_ref().is_none_or(matches)
            && self.visibility.as_ref().is_none_or(visibility)
            && self.with_issues_enabled.is_none_or(issues)
            && self.with_merge_requests_enabled.is_none_or(merge_requests)
            && self
                .active_after
                .is_none_or(|when| project.last_activity_at > when)
            && self
                .active_before
                .is_none_or(|when| project.last_activity_at < when)
    }

    /// How many projects there are, on whatever page.
    pub(crate) fn count(&self, world: &World, viewer: Viewer) -> usize {
        self.list(world, viewer, Order::IdAscending, None).count()
    }

    /// The projects behind the cursor, in order.
    pub(crate) fn list<'w>(
        &self,
        world: &'w World,
        viewer: Viewer,
        order: Order,
        after: Option<Cursor>,
    ) -> impl Iterator<Item = &'w Project> {
        let candidates: Box<dyn Iterator<Item = &'w Project> + 'w> = match self.named(world) {
            Some(named) => Box::new(order.sort(named, after).into_iter()),
            None => {
                let group = self.group.as_ref().map(|(group, _)| group.as_str());
                let ids = order.ids(world.index(), group, after);
                Box::new(ids.filter_map(|id| world.project_by_id(id)))
            }
        };
        // What follows in this order is older still.
        let bound = match order {
            Order::ActivityDescending => self.active_after,
            _ => None,
        };
        candidates
            .take_while(move |project| bound.is_none_or(|when| project.last_activity_at > when))
            .filter(move |project| self.admits(world, viewer, project))
    }

    /// The projects that are asked for by name, where they are.
    fn named<'w>(&self, world: &'w World) -> Option<Vec<&'w Project>> {
        let by_id = |ids: &BTreeSet<u64>| {
            let found = ids.iter().filter_map(|&id| world.project_by_id(id));
            found.collect()
        };
        let by_path = |paths: &BTreeSet<String>| {
            let found = paths.iter().filter_map(|path| world.find_project(path));
            found.collect()
        };
        let by_path = || self.paths.as_ref().map(by_path);
        self.ids.as_ref().map(by_id).or_else(by_path)
    }
}

impl Order {
    fn ids<'w>(self, index: &'w Index, group: Option<&str>, after: Option<Cursor>) -> Ids<'w> {
        let id = after.map(|after| after.id);
        match self {
            Order::IdAscending => index.ascending(group, id),
            Order::IdDescending => index.descending(group, id),
            Order::ActivityDescending => index.by_activity(group, after.map(Cursor::activity)),
        }
    }

    fn sort(self, mut projects: Vec<&Project>, after: Option<Cursor>) -> Vec<&Project> {
        projects.retain(|project| {
            after.is_none_or(|after| match self {
                Order::IdAscending => project.id > after.id,
                Order::IdDescending => project.id < after.id,
                Order::ActivityDescending => project.activity() < after.activity(),
            })
        });
        match self {
            Order::IdAscending => projects.sort_by_key(|project| project.id),
            Order::IdDescending => projects.sort_by_key(|project| Reverse(project.id)),
            Order::ActivityDescending => {
                projects.sort_by_key(|project| Reverse(project.activity()));
            }
        }
        projects
    }
}

impl Cursor {
    pub(crate) fn of(project: &Project) -> Self {
        Cursor {
            id: project.id,
            last_activity_at: project.last_activity_at,
        }
    }

    fn activity(self) -> Activity {
        (self.last_activity_at, self.id)
    }

    /// The cursor as text. GitLab wraps its own in Base64; either way it is opaque.
    pub(crate) fn text(self) -> String {
        format!(
            r#"{{"last_activity_at":"{}","id":"{}"}}"#,
            self.last_activity_at, self.id
        )
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_str(text).ok()?;
        Some(Cursor {
            id: value["id"].as_str()?.parse().ok()?,
            last_activity_at: value["last_activity_at"].as_str()?.parse().ok()?,
        })
    }
}

/// The visibility words that REST accepts.
pub(crate) fn is_visibility(word: &str) -> bool {
    let known = [
        Visibility::Private,
        Visibility::Internal,
        Visibility::Public,
    ];
    known.iter().any(|visibility| visibility.word() == word)
}
