//! Which GitLab the model pretends to be: a version, an edition, and what it lost.

use std::collections::BTreeSet;
use std::fmt;

/// A GitLab version; it decides which fields, arguments and endpoints exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u16,
    minor: u16,
}

impl Version {
    /// The oldest GitLab we hold a schema of.
    pub const V16_0: Version = Version::new(16, 0);
    /// The first GitLab that redirects moved projects in REST.
    pub const V16_7: Version = Version::new(16, 7);
    /// The first GitLab that counts commits with `commits/:ref/sequence`.
    pub const V16_9: Version = Version::new(16, 9);
    /// The first GitLab that orders merge requests by their merge in REST.
    pub const V17_0: Version = Version::new(17, 0);
    /// The second schema we hold.
    pub const V18_4: Version = Version::new(18, 4);
    /// The newest schema we hold.
    pub const V18_8: Version = Version::new(18, 8);

    /// GitLab `major.minor`.
    pub const fn new(major: u16, minor: u16) -> Self {
        Version { major, minor }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (major, minor) = text.split_once('.')?;
        Some(Version::new(major.parse().ok()?, minor.parse().ok()?))
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}.0", self.major, self.minor)
    }
}

/// A version and an edition, less the fields that were taken away.
#[derive(Clone, Debug)]
pub(crate) struct Profile {
    pub(crate) version: Version,
    pub(crate) community_edition: bool,
    pub(crate) removed: BTreeSet<(String, String)>,
}

impl Profile {
    /// The version as GitLab writes it: the Enterprise Edition adds `-ee`.
    pub(crate) fn version_text(&self) -> String {
        let edition = if self.community_edition { "" } else { "-ee" };
        format!("{}{edition}", self.version)
    }
}

impl Default for Profile {
    fn default() -> Self {
        Profile {
            version: Version::V18_8,
            community_edition: false,
            removed: BTreeSet::new(),
        }
    }
}
