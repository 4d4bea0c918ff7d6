//! Columns: one value of a row each, and every way to ask for it.

use serde_json::Value as Json;

use super::Raw;
use crate::metrics::Reason;

/// One value of a row, and every way to ask for it.
#[derive(Debug)]
pub struct Column {
    /// Its name within the subject; the state file calls it `subject.name`.
    pub name: &'static str,
    pub kind: Kind,
    /// Where GraphQL has it, as a path below the row: `mergeRequests(state: opened, first: 1).count`.
    pub graphql: &'static str,
    /// Where REST has it, used when GraphQL can't be.
    pub rest: Rest,
    /// Ways, tried in order, to learn it although the answer is null.
    pub fallbacks: &'static [Rest],
    /// What it is in a repository without a commit, if that follows.
    pub when_empty: Option<f64>,
    /// The feature that has it; a project that has switched the feature off counts nothing.
    pub feature: Option<Feature>,
    pub changes_with: ChangesWith,
    /// What GitLab means where it answers null.
    pub null_means: Reason,
    /// What makes it of a thing of a feed, where no member of it says so.
    pub computed: Option<fn(&Raw<'_>) -> Json>,
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Count,
    Bytes,
    Seconds,
    Ratio,
    /// A moment, kept as seconds since 1970.
    Time,
    /// Any text. It becomes an attribute.
    Label,
    /// One of these words, in any case. It is kept as its place among them.
    OneOf(&'static [&'static str]),
}

/// By what one can see, without asking for a value, that it may have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangesWith {
    /// What changes it counts as the project's activity: pushes, merge requests, issues, tags.
    Activity,
    /// Pipelines change it, which are no activity to GitLab.
    Pipelines,
    /// Nothing tells.
    Nothing,
}

/// One way to ask REST. Paths are relative to `projects/:id/`, or to the API's root where the
/// instance is asked; `{ref}` is the default branch, and `{ago1d}` the moment a day
/// before it is asked, which GraphQL calls `$ago1d`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rest {
    /// A member of the body of the owner or the row, as a path.
    Body(&'static str),
    /// A member of the body at a path.
    Member {
        path: &'static str,
        member: &'static str,
        /// The first GitLab version that has it.
        since: (u32, u32),
    },
    /// How many entries a paginated list has.
    Count(&'static str),
    /// A member of the first entry of a list; there is none in an empty one.
    First {
        path: &'static str,
        member: &'static str,
    },
    /// REST does not have it.
    Nowhere,
}

/// What a project can switch off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    MergeRequests,
    Issues,
    Releases,
    /// CI: pipelines and their jobs.
    Pipelines,
}

impl Column {
    const fn new(name: &'static str, kind: Kind, graphql: &'static str, rest: Rest) -> Column {
        Column {
            name,
            kind,
            graphql,
            rest,
            fallbacks: &[],
            when_empty: None,
            feature: None,
            changes_with: ChangesWith::Nothing,
            null_means: Reason::Hidden,
            computed: None,
        }
    }

    /// Made of a thing of a feed, whose members its feed asks for.
    pub const fn computed(name: &'static str, kind: Kind, compute: fn(&Raw<'_>) -> Json) -> Column {
        let mut column = Column::new(name, kind, "", Rest::Body(""));
        column.computed = Some(compute);
        column
    }

    /// Ways to learn it although the answer is null.
    pub const fn or(mut self, fallbacks: &'static [Rest]) -> Column {
        self.fallbacks = fallbacks;
        self
    }

    /// What it is in a repository without a commit.
    pub const fn when_empty(mut self, value: f64) -> Column {
        self.when_empty = Some(value);
        self
    }

    /// The feature that has it.
    pub const fn of(mut self, feature: Feature) -> Column {
        self.feature = Some(feature);
        self
    }

    /// What GitLab means where it answers null.
    pub const fn null_means(mut self, reason: Reason) -> Column {
        self.null_means = reason;
        self
    }

    pub const fn changes_with(mut self, what: ChangesWith) -> Column {
        self.changes_with = what;
        self
    }
}

pub const fn count(name: &'static str, graphql: &'static str, rest: Rest) -> Column {
    Column::new(name, Kind::Count, graphql, rest)
}

pub const fn bytes(name: &'static str, graphql: &'static str, rest: Rest) -> Column {
    Column::new(name, Kind::Bytes, graphql, rest)
}

pub const fn seconds(name: &'static str, graphql: &'static str, rest: Rest) -> Column {
    Column::new(name, Kind::Seconds, graphql, rest)
}

pub const fn ratio(name: &'static str, graphql: &'static str, rest: Rest) -> Column {
    Column::new(name, Kind::Ratio, graphql, rest)
}

pub const fn time(name: &'static str, graphql: &'static str, rest: Rest) -> Column {
    Column::new(name, Kind::Time, graphql, rest)
}

pub const fn label(name: &'static str, graphql: &'static str, rest: Rest) -> Column {
    Column::new(name, Kind::Label, graphql, rest)
}

pub const fn one_of(
    name: &'static str,
    words: &'static [&'static str],
    graphql: &'static str,
    rest: Rest,
) -> Column {
    Column::new(name, Kind::OneOf(words), graphql, rest)
}
