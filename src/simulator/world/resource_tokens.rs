//! The access tokens of projects and groups: robots' ways in, which are listed and never accepted here.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::World;

/// An access token of a project or a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResourceToken {
    pub id: u64,
    pub name: String,
    pub revoked: bool,
    /// The day on which it is no longer good, such as `2026-12-31`.
    pub expires_at: Option<String>,
    pub created_at: Timestamp,
}

impl ResourceToken {
    pub fn revoked(&mut self) -> &mut Self {
        self.revoked = true;
        self
    }

    /// Whether it is still good on that day.
    pub(crate) fn active(&self, today: &str) -> bool {
        !self.revoked
            && self
                .expires_at
                .as_ref()
                .is_none_or(|day| day.as_str() > today)
    }
}

/// All of them, by the ids of projects and groups.
#[derive(Clone, Debug, Default)]
pub(crate) struct ResourceTokens {
    projects: BTreeMap<u64, Vec<ResourceToken>>,
    groups: BTreeMap<u64, Vec<ResourceToken>>,
    last_id: u64,
}

impl World {
    /// Adds an access token to a project.
    pub fn project_token(
        &mut self,
        full_path: &str,
        name: &str,
        day: Option<&str>,
    ) -> &mut ResourceToken {
        let id = self.project(full_path).id;
        let token = self.new_token(name, day);
        add(self.resource_tokens.projects.entry(id).or_default(), token)
    }

    /// Adds an access token to a group.
    pub fn group_token(
        &mut self,
        full_path: &str,
        name: &str,
        day: Option<&str>,
    ) -> &mut ResourceToken {
        self.group(full_path);
        let id = self.group_id(full_path).unwrap_or_default();
        let token = self.new_token(name, day);
        add(self.resource_tokens.groups.entry(id).or_default(), token)
    }

    pub(crate) fn tokens_of_project(&self, id: u64) -> &[ResourceToken] {
        let known = self.resource_tokens.projects.get(&id);
        known.map_or(&[], Vec::as_slice)
    }

    pub(crate) fn tokens_of_group(&self, id: u64) -> &[ResourceToken] {
        let known = self.resource_tokens.groups.get(&id);
        known.map_or(&[], Vec::as_slice)
    }

    fn new_token(&mut self, name: &str, day: Option<&str>) -> ResourceToken {
        self.resource_tokens.last_id += 1;
        ResourceToken {
            // Behind those of users, which share the numbers.
            id: 1_000 + self.resource_tokens.last_id,
            name: name.to_owned(),
            revoked: false,
            expires_at: day.map(str::to_owned),
            created_at: self.now(),
        }
    }
}

fn add(tokens: &mut Vec<ResourceToken>, token: ResourceToken) -> &mut ResourceToken {
    tokens.push(token);
    let last = tokens.len() - 1;
    &mut tokens[last]
}
