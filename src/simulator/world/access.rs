//! Who gets into groups and projects: their members, and robots with access tokens.

use super::World;
use super::counts::Role;
use super::members::{Member, ONLY_THE_TOKENS, TOKEN_USER};
use super::project::Project;
use super::resource_tokens::ResourceToken;

impl World {
    /// Makes users with these numbers direct members of a group. User 1 is the token's.
    pub fn group_members(
        &mut self,
        full_path: &str,
        role: Role,
        users: impl IntoIterator<Item = u64>,
    ) {
        self.group(full_path);
        let id = self.group_id(full_path).unwrap_or_default();
        let members = self.members.groups.entry(id).or_default();
        members.extend(users.into_iter().map(|user| Member { user, role }));
    }

    /// Makes users direct members of a project.
    pub fn project_members(
        &mut self,
        full_path: &str,
        role: Role,
        users: impl IntoIterator<Item = u64>,
    ) {
        let id = self.project(full_path).id;
        let members = self.members.projects.entry(id).or_default();
        members.extend(users.into_iter().map(|user| Member { user, role }));
    }

    /// Invites the members of a group to a project.
    pub fn invite_group(&mut self, full_path: &str, group: &str) {
        self.group(group);
        let group = self.group_id(group).unwrap_or_default();
        let id = self.project(full_path).id;
        self.members.invited.entry(id).or_default().push(group);
    }

    pub(crate) fn direct_group_members(&self, id: u64) -> &[Member] {
        let known = self.members.groups.get(&id);
        known.map_or(ONLY_THE_TOKENS, Vec::as_slice)
    }

    pub(crate) fn direct_project_members(&self, project: &Project) -> &[Member] {
        let known = self.members.projects.get(&project.id);
        known.map_or(&[], Vec::as_slice)
    }

    /// Direct and inherited memberships of a group, several for a user who has several.
    pub(crate) fn all_group_members(&self, full_path: &str) -> Vec<Member> {
        let ends = full_path.match_indices('/').map(|(end, _)| end);
        let groups = ends.chain([full_path.len()]);
        let groups = groups.filter_map(|end| self.namespace(&full_path[..end]));
        let groups = groups.filter(|group| !group.personal);
        let all = groups.flat_map(|group| self.direct_group_members(group.id));
        all.copied().collect()
    }

    /// Direct, inherited and invited memberships of a project, several for a user who has several.
    pub(crate) fn all_project_members(&self, project: &Project) -> Vec<Member> {
        let mut all = self.direct_project_members(project).to_vec();
        let personal = || {
            let namespace = self.namespace(project.namespace_path());
            namespace.is_some_and(|namespace| namespace.personal)
        };
        if all.is_empty() && personal() {
            all.push(ONLY_THE_TOKENS[0]);
        }
        all.extend(self.all_group_members(project.namespace_path()));
        let invited = self.members.invited.get(&project.id);
        for group in invited.into_iter().flatten() {
            all.extend(self.direct_group_members(*group));
        }
        all.sort_by_key(|member| member.user);
        all
    }

    /// How many users there are, as far as they are members of anything.
    pub(crate) fn users(&self) -> u64 {
        let groups = self.members.groups.values();
        let members = groups.chain(self.members.projects.values()).flatten();
        let mut users: Vec<u64> = members.map(|member| member.user).collect();
        users.push(TOKEN_USER);
        users.sort_unstable();
        users.dedup();
        users.len() as u64
    }
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
