//! Which projects are polled.

use std::fmt;
use std::time::Duration;

use globset::{GlobBuilder, GlobSet};
use serde::{Deserialize, Serialize};

use super::plan::List;
use crate::metrics::{Identity, UnixTime};
use crate::prose::duration;

/// Which projects are selected.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Groups by full path or id, with their subgroups.
    pub groups: Vec<String>,
    /// Single projects, by id or full path.
    pub projects: Vec<String>,
    /// What is taken where neither groups nor projects are named.
    pub scope: Scope,
    pub filter: Filter,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// Everything the token's user is a member of.
    #[default]
    Membership,
    /// Everything the token may see.
    All,
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
    /// If there are any, the full path must match one of these.
    pub include: Patterns,
    /// The full path must match none of these.
    pub exclude: Patterns,
    /// Whether archived projects are taken.
    pub archived: bool,
    /// Whether forks are taken.
    pub forks: bool,
    /// Whether projects in users' own namespaces are taken.
    pub personal: bool,
    /// Whether projects that are marked for deletion are taken.
    pub pending_deletion: bool,
    /// Leave out what has been idle for longer.
    pub inactive_for: Option<Duration>,
}

/// Patterns for full paths: `*` stays within one level of a path, `**` crosses them.
#[derive(Clone, Default)]
pub struct Patterns {
    texts: Vec<String>,
    globs: GlobSet,
}

impl Patterns {
    /// # Errors
    /// For the first that is not a pattern.
    pub fn new<Text: Into<String>>(
        patterns: impl IntoIterator<Item = Text>,
    ) -> Result<Patterns, globset::Error> {
        let texts: Vec<String> = patterns.into_iter().map(Into::into).collect();
        let mut globs = GlobSet::builder();
        for text in &texts {
            globs.add(GlobBuilder::new(text).literal_separator(true).build()?);
        }
        let globs = globs.build()?;
        Ok(Patterns { texts, globs })
    }

    /// The patterns as they are written.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// The patterns that fit none of these paths.
    pub fn unused(&self, paths: &[&str]) -> Vec<&str> {
        let mut used = vec![false; self.texts.len()];
        for path in paths {
            for at in self.globs.matches(path) {
                used[at] = true;
            }
        }
        let texts = self.texts.iter().zip(used);
        texts
            .filter(|(_, used)| !used)
            .map(|(text, _)| text.as_str())
            .collect()
    }

    pub fn matches(&self, path: &str) -> bool {
        self.globs.is_match(path)
    }
}

impl fmt::Debug for Patterns {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.texts.fmt(formatter)
    }
}

impl Selection {
    /// The lists of projects in which the selected ones are.
    pub fn sources(&self) -> Vec<Source> {
        let mut sources: Vec<Source> = self.groups.iter().cloned().map(Source::Group).collect();
        if !self.projects.is_empty() {
            sources.push(Source::Projects(self.projects.clone()));
        }
        if sources.is_empty() {
            sources.push(match self.scope {
                Scope::Membership => Source::Membership,
                Scope::All => Source::All,
            });
        }
        sources
    }
}

/// Everything in these lists.
impl From<&[Source]> for Selection {
    fn from(sources: &[Source]) -> Selection {
        let mut selection = Selection::default();
        for source in sources.iter().cloned() {
            match source {
                Source::Membership => selection.scope = Scope::Membership,
                Source::All => selection.scope = Scope::All,
                Source::Group(path) => selection.groups.push(path),
                Source::Projects(names) => selection.projects.extend(names),
            }
        }
        selection
    }
}

/// Takes everything.
impl Default for Filter {
    fn default() -> Filter {
        Filter {
            include: Patterns::default(),
            exclude: Patterns::default(),
            archived: true,
            forks: true,
            personal: true,
            pending_deletion: true,
            inactive_for: None,
        }
    }
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

/// Names the settings that leave projects out.
impl fmt::Display for Filter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let patterns = |name: &str, patterns: &Patterns| {
            let texts = patterns.texts.join(", ");
            (!texts.is_empty()).then(|| format!("select.{name} ({texts})"))
        };
        let switch = |name: &str, takes: bool| (!takes).then(|| format!("select.{name} (false)"));
        let inactive = self.inactive_for.map(|limit| {
            let limit = duration(limit);
            format!("select.inactive_for ({limit})")
        });
        let settings = [
            patterns("include", &self.include),
            patterns("exclude", &self.exclude),
            switch("archived", self.archived),
            switch("forks", self.forks),
            switch("personal", self.personal),
            switch("pending_deletion", self.pending_deletion),
            inactive,
        ];
        let settings: Vec<String> = settings.into_iter().flatten().collect();
        formatter.write_str(&settings.join(", "))
    }
}

impl Filter {
    /// The settings with patterns that fit none of these paths, each with those. None if there are no paths.
    pub fn unused_patterns(&self, paths: &[&str]) -> Vec<(&'static str, Vec<&str>)> {
        let settings = [
            ("select.include", &self.include),
            ("select.exclude", &self.exclude),
        ];
        let unused = settings.map(|(setting, patterns)| (setting, patterns.unused(paths)));
        let unused = unused.into_iter().filter(|_| !paths.is_empty());
        unused.filter(|(_, unused)| !unused.is_empty()).collect()
    }

    /// Whether the project is taken. What GitLab does not tell of it does not speak against it.
    pub fn takes(&self, identity: &Identity, now: UnixTime) -> bool {
        let idle = identity
            .last_activity
            .map(|at| Duration::from_secs(now.saturating_sub(at)));
        let too_idle =
            matches!((idle, self.inactive_for), (Some(idle), Some(limit)) if idle > limit);
        let included = self.include.texts.is_empty() || self.include.matches(&identity.path);
        included
            && !self.exclude.matches(&identity.path)
            && (self.archived || identity.archived != Some(true))
            && (self.forks || identity.fork != Some(true))
            && (self.personal || identity.personal != Some(true))
            && (self.pending_deletion || identity.pending_deletion != Some(true))
            && !too_idle
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn project(path: &str) -> Identity {
        Identity {
            path: path.into(),
            ..Identity::default()
        }
    }

    #[test]
    fn exclusion_beats_inclusion() {
        let filter = Filter {
            include: Patterns::new(["a/**"]).unwrap(),
            exclude: Patterns::new(["a/old/*"]).unwrap(),
            ..Filter::default()
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
            ..Filter::default()
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
            ..Filter::default()
        };
        let active_at = |at| Identity {
            last_activity: Some(at),
            ..project("a/b")
        };
        assert!(filter.takes(&active_at(900), 1_000));
        assert!(!filter.takes(&active_at(899), 1_000));
    }
}
