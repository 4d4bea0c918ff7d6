//! The groups of a world: how they come, move, hide and go, and who may know of them.

use super::World;
use super::counts::{Role, Sizes, Viewer, Visibility};
use super::namespaces::Namespace;

impl World {
    /// Makes sure that a group exists, with the groups above it.
    pub fn group(&mut self, full_path: &str) {
        self.namespaces.declare(full_path, false);
    }

    /// GitLab's number for a group; it survives renames.
    pub fn group_id(&self, full_path: &str) -> Option<u64> {
        self.namespace(full_path).map(|group| group.id)
    }

    /// Removes a group with all that is in it.
    pub fn remove_group(&mut self, full_path: &str) {
        for path in self.paths_below(full_path) {
            self.remove_project(&path);
        }
        self.namespaces.remove(full_path);
    }

    /// Moves a group with all that is in it. Ids stay; the old paths of projects redirect, those of
    /// groups do not, as in GitLab's API.
    pub fn rename_group(&mut self, from: &str, to: &str) {
        self.namespaces.rename(from, to);
        for old in self.paths_below(from) {
            let new = format!("{to}{}", &old[from.len()..]);
            self.rename_project(&old, &new);
        }
    }

    /// Lets the token's user see a group and all that is in it no more.
    pub fn hide_group(&mut self, full_path: &str) {
        self.set_group_hidden(full_path, true);
    }

    /// Shows a hidden group again.
    pub fn show_group(&mut self, full_path: &str) {
        self.set_group_hidden(full_path, false);
    }

    /// Sets what the token's user may do in a group and in those below it. Roles in projects are their own.
    pub fn group_role(&mut self, full_path: &str, role: Role) {
        self.group(full_path);
        self.namespaces.change(full_path, |group| group.role = role);
    }

    /// Sets who may see a group and those below it; private, when nothing is said.
    pub fn group_visibility(&mut self, full_path: &str, visibility: Visibility) {
        self.group(full_path);
        self.namespaces
            .change(full_path, |group| group.visibility = visibility);
    }

    /// The groups below one that the viewer may know of: its own children, or all.
    pub(crate) fn visible_groups_below(
        &self,
        full_path: &str,
        all: bool,
        viewer: Viewer,
    ) -> impl Iterator<Item = (&str, Namespace)> {
        let below = self.namespaces.below(full_path, all);
        below.filter(move |(path, group)| self.shows_group(path, *group, viewer))
    }

    /// The bytes of all projects of a group and of those below it.
    pub(crate) fn group_sizes(&self, full_path: &str) -> Sizes {
        let ids = self.index.ascending(Some(full_path), None);
        let projects = ids.filter_map(|id| self.project_by_id(id));
        projects.fold(Sizes::default(), |sum, project| sum.plus(&project.sizes))
    }

    fn set_group_hidden(&mut self, full_path: &str, hidden: bool) {
        self.namespaces
            .change(full_path, |group| group.hidden = hidden);
        for path in self.paths_below(full_path) {
            let id = self.paths[&path];
            if let Some(project) = self.projects.get_mut(&id) {
                project.in_hidden_group = hidden;
            }
        }
    }

    pub(crate) fn namespace(&self, full_path: &str) -> Option<Namespace> {
        self.namespaces.at(full_path)
    }

    /// A group by path or id, if the viewer may know of it.
    pub(crate) fn visible_group(&self, wanted: &str, viewer: Viewer) -> Option<(&str, Namespace)> {
        let (path, group) = self.namespaces.find(wanted)?;
        self.shows_group(path, group, viewer)
            .then_some((path, group))
    }

    /// The groups that the viewer may know of, in the order of their paths.
    pub(crate) fn visible_groups(&self, viewer: Viewer) -> impl Iterator<Item = (&str, Namespace)> {
        let groups = self.namespaces.groups();
        groups.filter(move |(path, group)| self.shows_group(path, *group, viewer))
    }

    /// A group whose every project is invisible is invisible too; an empty one is not.
    fn shows_group(&self, path: &str, group: Namespace, viewer: Viewer) -> bool {
        let mut inside = self.index.ascending(Some(path), None).peekable();
        let empty = inside.peek().is_none();
        let visible = inside
            .filter_map(|id| self.project_by_id(id))
            .any(|project| project.visible_to(viewer));
        let hidden = group.hidden && viewer != Viewer::Administrator;
        !group.personal && !hidden && (empty || visible)
    }
}
