//! Who is a member of a group or a project, and who of the groups above or invited.

use std::collections::BTreeMap;

use super::World;
use super::counts::Role;
use super::project::Project;

/// A user's membership in one group or project. A user may have several, with different roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    pub user: u64,
    pub role: Role,
}

/// Members of groups and projects by the id of these. Where none were set, the token's user is the only one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    groups: BTreeMap<u64, Vec<Member>>,
    projects: BTreeMap<u64, Vec<Member>>,
    /// The groups whose members were invited to a project.
    invited: BTreeMap<u64, Vec<u64>>,
}

/// The number of the token's user.
pub(crate) const TOKEN_USER: u64 = 1;

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

const ONLY_THE_TOKENS: &[Member] = &[Member {
    user: TOKEN_USER,
    role: Role::Reporter,
}];
