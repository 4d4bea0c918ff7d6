//! Who is a member of a group or a project, and who of the groups above or invited.

use std::collections::BTreeMap;

use super::counts::Role;

/// A user's membership in one group or project. A user may have several, with different roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Member {
    pub user: u64,
    pub role: Role,
}

/// Members of groups and projects by the id of these. Where none were set, the token's user is the only one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    pub(super) groups: BTreeMap<u64, Vec<Member>>,
    pub(super) projects: BTreeMap<u64, Vec<Member>>,
    /// The groups whose members were invited to a project.
    pub(super) invited: BTreeMap<u64, Vec<u64>>,
}

/// The number of the token's user.
pub(crate) const TOKEN_USER: u64 = 1;

/// The members where none were set.
pub(super) const ONLY_THE_TOKENS: &[Member] = &[Member {
    user: TOKEN_USER,
    role: Role::Reporter,
}];
