//! The rows of which the catalogue is made: subjects, their columns and their metrics.

use super::{BridgeStatus, Emit, GitLabStatus, Identity};

/// One of GitLab's things: what is asked of it, and the metrics that show it.
#[derive(Debug)]
pub struct Subject {
    /// The value of the `collector` attribute of our own metrics.
    pub name: &'static str,
    /// What it belongs to.
    pub of: Grain,
    pub rows: Rows,
    pub columns: &'static [Column],
    pub metrics: &'static [MetricRow],
}

/// What owns the rows of a subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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

/// How many rows an owner has.
#[derive(Debug)]
pub enum Rows {
    One,
    Many(Many),
}

/// A list of rows, the newest first.
#[derive(Debug)]
pub struct Many {
    /// The connection in GraphQL, with its arguments but without `first`.
    pub list: &'static str,
    /// The list in REST, without `per_page`.
    pub rest: &'static str,
    /// The member that tells rows apart, an id in both APIs.
    pub key: &'static str,
    /// Of rows that have these labels in common only the newest is kept; all rows if there are none.
    pub latest_per: &'static [&'static str],
    /// More rows are not kept. The oldest give way and are counted.
    pub at_most: u16,
}

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
/// instance is asked; `{ref}` is the default branch.
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
}

/// What a project can switch off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    MergeRequests,
    Issues,
    Releases,
}

/// One metric: the only place where it is defined.
#[derive(Debug)]
pub struct MetricRow {
    /// The name, the same over OTLP and in the exposition.
    pub name: &'static str,
    /// The unit in UCUM, chosen so that no translation to Prometheus changes the name.
    pub unit: &'static str,
    /// One sentence.
    pub help: &'static str,
    pub instrument: Instrument,
    /// The attributes of its series, sorted by name.
    pub attributes: &'static [Attribute],
    pub shows: Shows,
}

/// The kind of instrument that records a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instrument {
    Gauge,
    Counter,
    Histogram,
}

/// One attribute (label) of a metric.
#[derive(Debug)]
pub struct Attribute {
    pub name: &'static str,
    /// What it says, in a sentence.
    pub meaning: &'static str,
    /// Some values it takes; all of them where the set is closed.
    pub examples: &'static [&'static str],
}

/// What a metric shows. Columns are named as in its subject.
#[derive(Clone, Copy, Debug)]
pub enum Shows {
    /// This column of each row.
    Value(&'static str),
    /// These columns of the only row, each as a series whose attribute is the column's name.
    ByColumn {
        attribute: &'static str,
        columns: &'static [&'static str],
    },
    /// 1 for each row, whose labels are the attributes.
    Info,
    /// 1 for the word that this column has; the attribute is called like the column.
    StateSet(&'static str),
    /// How many rows an owner has.
    Rows,
    /// How many rows have ended, or how long they took: each is counted once, when the column `at` is
    /// known.
    Ended {
        /// How long a row took, for a histogram; none for a counter.
        value: Option<&'static str>,
        at: &'static str,
        /// The upper bounds of the histogram's buckets.
        bounds: &'static [f64],
    },
    /// The sum of another metric over all owners, once every one of them is known.
    Sum(&'static str),
    /// What is known of a project once it is listed.
    Identity {
        value: fn(&Identity) -> Option<u64>,
        /// The attributes besides `project_id`.
        attributes: fn(&Identity) -> Vec<(&'static str, &str)>,
    },
    /// How many projects are selected.
    Projects,
    /// The bridge itself.
    Bridge(fn(&BridgeStatus, &mut Emit<'_>)),
    /// How the bridge gets on with one GitLab.
    GitLab(fn(&GitLabStatus, &mut Emit<'_>)),
}

impl Subject {
    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }
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
        }
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

pub const fn gauge(
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    attributes: &'static [Attribute],
    shows: Shows,
) -> MetricRow {
    MetricRow {
        name,
        unit,
        help,
        instrument: Instrument::Gauge,
        attributes,
        shows,
    }
}

pub const fn histogram(
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    attributes: &'static [Attribute],
    shows: Shows,
) -> MetricRow {
    MetricRow {
        instrument: Instrument::Histogram,
        ..gauge(name, unit, help, attributes, shows)
    }
}

pub const fn counter(
    name: &'static str,
    unit: &'static str,
    help: &'static str,
    attributes: &'static [Attribute],
    shows: Shows,
) -> MetricRow {
    MetricRow {
        instrument: Instrument::Counter,
        ..gauge(name, unit, help, attributes, shows)
    }
}
