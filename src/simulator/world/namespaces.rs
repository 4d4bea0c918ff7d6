//! Groups, and the personal namespaces of users.

use std::collections::BTreeMap;

use super::counts::{Role, Visibility};

/// A group, or the personal namespace of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Namespace {
    pub(crate) id: u64,
    pub(crate) personal: bool,
    pub(crate) hidden: bool,
    pub(crate) visibility: Visibility,
    /// What the token's user may do here.
    pub(crate) role: Role,
}

/// All of them by path. An id survives renames and is never given twice.
#[derive(Clone, Debug, Default)]
pub(crate) struct Namespaces {
    by_path: BTreeMap<String, Namespace>,
    last_id: u64,
}

impl Namespaces {
    /// Makes sure that a namespace exists, with those above it.
    pub(crate) fn declare(&mut self, full_path: &str, personal: bool) {
        let ends = full_path.match_indices('/').map(|(index, _)| index);
        for end in ends.chain([full_path.len()]) {
            if !self.by_path.contains_key(&full_path[..end]) {
                self.last_id += 1;
                let namespace = Namespace {
                    id: self.last_id,
                    personal,
                    hidden: false,
                    visibility: Visibility::Private,
                    role: Role::Reporter,
                };
                self.by_path.insert(full_path[..end].to_owned(), namespace);
            }
        }
    }

    pub(crate) fn at(&self, full_path: &str) -> Option<Namespace> {
        self.by_path.get(full_path).copied()
    }

    /// Finds a namespace by its path or, where the text is a number, by its id.
    pub(crate) fn find(&self, path_or_id: &str) -> Option<(&str, Namespace)> {
        let found = match path_or_id.parse::<u64>() {
            Ok(id) => self.by_path.iter().find(|(_, space)| space.id == id)?,
            Err(_) => self.by_path.get_key_value(path_or_id)?,
        };
        Some((found.0, *found.1))
    }

    /// All groups in the order of their paths.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&str, Namespace)> {
        let groups = self.by_path.iter().filter(|(_, space)| !space.personal);
        groups.map(|(path, space)| (path.as_str(), *space))
    }

    /// The groups below one: its own children, or all.
    pub(crate) fn below(
        &self,
        full_path: &str,
        all: bool,
    ) -> impl Iterator<Item = (&str, Namespace)> {
        let prefix = format!("{full_path}/");
        let start = prefix.clone();
        let below = self.by_path.range(start..);
        below
            .map(|(path, space)| (path.as_str(), *space))
            .take_while({
                let prefix = prefix.clone();
                move |(path, _)| path.starts_with(&prefix)
            })
            .filter(move |(path, _)| all || !path[prefix.len()..].contains('/'))
    }

    /// Moves a group and those below it.
    pub(crate) fn rename(&mut self, from: &str, to: &str) {
        if let Some((above, _)) = to.rsplit_once('/') {
            self.declare(above, false);
        }
        for old in self.within(from) {
            if let Some(group) = self.by_path.remove(&old) {
                self.by_path
                    .insert(format!("{to}{}", &old[from.len()..]), group);
            }
        }
    }

    /// Removes a group and those below it.
    pub(crate) fn remove(&mut self, full_path: &str) {
        for path in self.within(full_path) {
            self.by_path.remove(&path);
        }
    }

    /// Changes a group and those below it.
    pub(crate) fn change(&mut self, full_path: &str, change: impl Fn(&mut Namespace)) {
        for path in self.within(full_path) {
            if let Some(group) = self.by_path.get_mut(&path) {
                change(group);
            }
        }
    }

    /// The paths of a group and of those below it.
    fn within(&self, group: &str) -> Vec<String> {
        let prefix = format!("{group}/");
        let within = |path: &&String| *path == group || path.starts_with(&prefix);
        self.by_path.keys().filter(within).cloned().collect()
    }
}
