//! Which projects are polled.

use std::fmt;
use std::time::Duration;

use globset::GlobSet;
use serde::{Deserialize, Serialize};

use super::plan::List;
use crate::metrics::{Identity, UnixTime};

/// What is selected.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Where projects are looked for.
    pub sources: Vec<Source>,
    /// Which of them are taken.
    pub filter: Filter,
}

/// A list of projects that GitLab keeps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// Everything the token's user is a member of.
    Membership,
    /// Everything the token may see.
    All,
    /// A group with its subgroups, by full path.
    Group(String),
    /// Single projects, by id or full path.
    Projects(Vec<String>),
}

/// What a project must be like to be taken.
#[derive(Clone, Debug)]
pub struct Filter {
    /// If given, the full path must match one of these.
    pub include: Option<GlobSet>,
    /// The full path must match none of these.
    pub exclude: GlobSet,
    /// Whether archived projects are taken.
    pub archived: bool,
    /// Whether forks are taken.
    pub forks: bool,
    /// Whether projects in users' own namespaces are taken.
    pub personal: bool,
    /// Leave out what has been idle for longer.
    pub inactive_for: Option<Duration>,
}

impl Source {
    /// How it is asked for over GraphQL.
    pub fn list(&self) -> List {
        match self {
            Source::Membership => List::Membership,
            Source::All => List::All,
            Source::Group(path) => List::Group(path.clone()),
            Source::Projects(names) => List::Paths(names.clone()),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Membership => {
                formatter.write_str("listing the projects the token is a member of")
            }
            Source::All => formatter.write_str("listing all projects the token may see"),
            Source::Group(path) => write!(formatter, "listing the projects of the group {path:?}"),
            Source::Projects(_) => formatter.write_str("reading the selected projects"),
        }
    }
}

impl Filter {
    /// Whether the project is taken. What GitLab does not tell of it does not speak against it.
    pub fn takes(&self, identity: &Identity, now: UnixTime) -> bool {
        let idle = identity
            .last_activity
            .map(|at| Duration::from_secs(now.saturating_sub(at)));
        let too_idle =
            matches!((idle, self.inactive_for), (Some(idle), Some(limit)) if idle > limit);
        let included = self
            .include
            .as_ref()
            .is_none_or(|globs| globs.is_match(&identity.path));
        included
            && !self.exclude.is_match(&identity.path)
            && (self.archived || identity.archived != Some(true))
            && (self.forks || identity.fork != Some(true))
            && (self.personal || identity.personal != Some(true))
            && !too_idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use globset::Glob;

    fn globs(patterns: &[&str]) -> GlobSet {
        let mut builder = GlobSet::builder();
        for pattern in patterns {
            builder.add(Glob::new(pattern).unwrap());
        }
        builder.build().unwrap()
    }

    fn everything() -> Filter {
        let exclude = globs(&[]);
        Filter {
            include: None,
            exclude,
            archived: true,
            forks: true,
            personal: true,
            inactive_for: None,
        }
    }

    fn project(path: &str) -> Identity {
        Identity {
            path: path.to_owned(),
            ..Identity::default()
        }
    }

    #[test]
    fn exclusion_beats_inclusion() {
        let filter = Filter {
            include: Some(globs(&["a/**"])),
            exclude: globs(&["a/old/*"]),
            ..everything()
        };
        assert!(filter.takes(&project("a/new/b"), 0));
        assert!(!filter.takes(&project("a/old/b"), 0));
        assert!(!filter.takes(&project("b/c"), 0));
    }

    #[test]
    fn a_switch_leaves_out_only_what_is_known_to_be_so() {
        let filter = Filter {
            archived: false,
            forks: false,
            personal: false,
            ..everything()
        };
        assert!(filter.takes(&project("a/b"), 0));
        assert!(!filter.takes(
            &Identity {
                archived: Some(true),
                ..project("a/b")
            },
            0
        ));
        assert!(!filter.takes(
            &Identity {
                fork: Some(true),
                ..project("a/b")
            },
            0
        ));
        assert!(!filter.takes(
            &Identity {
                personal: Some(true),
                ..project("a/b")
            },
            0
        ));
    }

    #[test]
    fn idle_projects_are_left_out_after_the_limit() {
        let filter = Filter {
            inactive_for: Some(Duration::from_secs(100)),
            ..everything()
        };
        let active_at = |at| Identity {
            last_activity: Some(at),
            ..project("a/b")
        };
        assert!(filter.takes(&active_at(900), 1_000));
        assert!(!filter.takes(&active_at(899), 1_000));
    }
}
