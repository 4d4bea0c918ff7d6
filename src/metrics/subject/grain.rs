//! What owns the rows of a subject.

/// What owns the rows of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grain {
    /// The GitLab itself.
    Instance,
    Group,
    Project,
    Runner,
}

impl Grain {
    pub const ALL: [Grain; 4] = [Grain::Instance, Grain::Group, Grain::Project, Grain::Runner];
}
