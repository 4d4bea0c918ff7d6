//! A group, and the one that a REST address names by its id or path.

use crate::simulator::answer::Answer;
use crate::simulator::rest::request::RestRequest;
use crate::simulator::world::counts::{Role, Viewer};
use crate::simulator::world::namespaces::Namespace;

/// The types `Group` and `Namespace`.
#[derive(Clone, Copy)]
pub(super) struct Group<'w> {
    pub(super) path: &'w str,
    pub(super) namespace: Namespace,
}

impl<'w> Group<'w> {
    pub(super) fn of(path: &'w str, namespace: Namespace) -> Self {
        Group { path, namespace }
    }

    pub(super) fn id(self) -> u64 {
        self.namespace.id
    }

    /// What the viewer may do in it.
    pub(super) fn role_of(self, viewer: Viewer) -> Role {
        match viewer {
            Viewer::Anonymous => Role::None,
            Viewer::User => self.namespace.role,
            Viewer::Administrator => Role::Owner,
        }
    }

    pub(super) fn name(self) -> &'w str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }

    pub(super) fn is_top(self) -> bool {
        !self.path.contains('/')
    }

    pub(super) fn global_id(self) -> String {
        let kind = match self.namespace.personal {
            true => "Namespaces::UserNamespace",
            false => "Group",
        };
        format!("gid://gitlab/{kind}/{}", self.namespace.id)
    }
}

pub(super) fn find<'w>(request: &RestRequest<'w>) -> Result<Group<'w>, Answer> {
    let found = request
        .world
        .visible_group(request.named(0), request.viewer);
    let group = found.map(|(path, group)| Group::of(path, group));
    group.ok_or_else(|| Answer::message(404, "404 Group Not Found"))
}
