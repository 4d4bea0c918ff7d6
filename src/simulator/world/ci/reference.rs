//! Branches, tags and merge requests that pipelines run on, and the commits they have.

use std::borrow::Cow;

/// The source of child pipelines, which a list leaves out unless it is asked for.
pub(crate) const CHILD: &str = "parent_pipeline";

/// What a pipeline runs on.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reference {
    Branch(String),
    Tag(String),
    MergeRequest { iid: u64, source_branch: String },
}

impl Reference {
    /// GitLab's `ref`.
    pub fn name(&self) -> Cow<'_, str> {
        match self {
            Reference::Branch(name) | Reference::Tag(name) => name.into(),
            Reference::MergeRequest { iid, .. } => format!("refs/merge-requests/{iid}/head").into(),
        }
    }

    /// GitLab's `refPath`.
    pub fn path(&self) -> String {
        match self {
            Reference::Branch(name) => format!("refs/heads/{name}"),
            Reference::Tag(name) => format!("refs/tags/{name}"),
            Reference::MergeRequest { source_branch, .. } => format!("refs/heads/{source_branch}"),
        }
    }

    pub(crate) fn is_tag(&self) -> bool {
        matches!(self, Reference::Tag(_))
    }
}

/// A SHA for a commit of a project: the same for the same commit, and unlike others.
pub(crate) fn sha_of(project: u64, commit: u64) -> String {
    let mixed = |salt: u64| {
        let seed = project.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ commit;
        let mut random = fastrand::Rng::with_seed(seed.wrapping_add(salt));
        random.u64(..)
    };
    format!("{:016x}{:016x}{:08x}", mixed(1), mixed(2), mixed(3) as u32)
}
