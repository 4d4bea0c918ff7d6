//! Which projects a list holds and in which order: one answer for GraphQL and REST.

use std::collections::BTreeSet;

use jiff::Timestamp;

use super::project::{Project, Viewer, Visibility};
use super::world::World;

/// Whether archived projects are in a list.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Archived {
    #[default]
    Include,
    Only,
    Exclude,
}

/// What a list asks for. Everything that is not asked for is in it.
#[derive(Clone, Debug, Default)]
pub(super) struct Filter {
    pub(super) membership: bool,
    pub(super) personal: bool,
    pub(super) archived: Archived,
    pub(super) ids: Option<BTreeSet<u64>>,
    pub(super) paths: Option<BTreeSet<String>>,
    pub(super) group: Option<(String, bool)>,
    pub(super) search: Option<String>,
    pub(super) visibility: Option<String>,
    pub(super) with_issues_enabled: Option<bool>,
    pub(super) with_merge_requests_enabled: Option<bool>,
    pub(super) active_after: Option<Timestamp>,
    pub(super) active_before: Option<Timestamp>,
}

/// The orders in which GitLab pages with a cursor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    IdAscending,
    IdDescending,
    ActivityDescending,
}

/// Where a page starts: behind this project, as it was when the cursor was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) id: u64,
    pub(super) last_activity_at: Timestamp,
}

impl Filter {
    pub(super) fn admits(&self, world: &World, viewer: Viewer, project: &Project) -> bool {
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

        project.visible_to(viewer)
            && (!self.membership || (viewer == Viewer::User && project.member))
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

    /// The projects behind the cursor, in order.
    pub(super) fn list<'w>(
        &self,
        world: &'w World,
        viewer: Viewer,
        order: Order,
        after: Option<Cursor>,
    ) -> impl Iterator<Item = &'w Project> {
        let id = after.map(|cursor| cursor.id);
        let candidates: Box<dyn Iterator<Item = &'w Project> + 'w> = match (&self.ids, order) {
            (Some(ids), Order::IdAscending | Order::IdDescending) => {
                let mut ids: Vec<u64> = ids.iter().copied().collect();
                if order == Order::IdDescending {
                    ids.reverse();
                    ids.retain(|&candidate| id.is_none_or(|id| candidate < id));
                } else {
                    ids.retain(|&candidate| id.is_none_or(|id| candidate > id));
                }
                Box::new(ids.into_iter().filter_map(|id| world.project_by_id(id)))
            }
            (_, Order::IdAscending) => Box::new(world.projects_after(id.unwrap_or(0))),
            (_, Order::IdDescending) => Box::new(world.projects_before(id.unwrap_or(u64::MAX))),
            (_, Order::ActivityDescending) => {
                let behind = after.map(|after| (after.last_activity_at, after.id));
                Box::new(world.projects_by_activity(behind))
            }
        };
        candidates.filter(move |project| self.admits(world, viewer, project))
    }
}

impl Cursor {
    pub(super) fn of(project: &Project) -> Self {
        Cursor {
            id: project.id,
            last_activity_at: project.last_activity_at,
        }
    }

    /// The cursor as text. GitLab wraps its own in Base64; either way it is opaque.
    pub(super) fn text(self) -> String {
        format!(
            r#"{{"last_activity_at":"{}","id":"{}"}}"#,
            self.last_activity_at, self.id
        )
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let value: serde_json::Value = serde_json::from_str(text).ok()?;
        Some(Cursor {
            id: value["id"].as_str()?.parse().ok()?,
            last_activity_at: value["last_activity_at"].as_str()?.parse().ok()?,
        })
    }
}

/// The visibility words that REST accepts.
pub(super) fn is_visibility(word: &str) -> bool {
    let known = [
        Visibility::Private,
        Visibility::Internal,
        Visibility::Public,
    ];
    known.iter().any(|visibility| visibility.word() == word)
}
