//! Of what the catalogue is made: subjects, their columns and their metrics.

mod attribute;
mod cadence;
mod column;
mod convention;
mod feed;
mod grain;
mod metric_row;
mod shows;

pub use attribute::{Attribute, PROJECT_ID};
pub(crate) use attribute::{INSTANCE, NAMESPACE, PROJECT_PATH, STATE, TOPICS};
pub use cadence::Cadence;
pub use column::{
    ChangesWith, Column, Feature, Kind, Rest, bytes, count, label, one_of, ratio, seconds, time,
};
pub use convention::{Convention, Known, Told};
pub use feed::{Feed, Feeds, Raw, RestCounts, Stage};
pub use grain::Grain;
pub use metric_row::{MetricRow, counter, gauge, histogram};
pub use shows::{Counted, CountedWhen, Instrument, Part, Shows};

/// One of GitLab's things: what is asked of it, and the metrics that show it.
#[derive(Debug)]
pub struct Subject {
    /// The value of the `collector` attribute of our own metrics.
    pub name: &'static str,
    /// What it belongs to.
    pub of: Grain,
    /// How often it is asked.
    pub cadence: Cadence,
    pub rows: Rows,
    pub columns: &'static [Column],
    pub metrics: &'static [MetricRow],
}

/// How many rows an owner has.
#[derive(Debug)]
pub enum Rows {
    One,
    Many(Many),
    /// Things that change until they end.
    Feeds(Feeds),
    /// Rows that are made of what is told, each told from the others by its labels.
    Made(Made),
    /// Rows for each name that the configuration chooses.
    Named(Named),
}

/// Which names of the configuration rows are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    IssueLabels,
}

/// Rows for each name that the configuration chooses, and for each of some members of what GitLab tells
/// of it. Their labels are the name and the member.
#[derive(Debug)]
pub struct Named {
    pub names: Names,
    /// The field of GraphQL, and its argument that takes the name.
    pub field: &'static str,
    pub argument: &'static str,
    /// The document of REST about a `{name}`, and where in it the members stand.
    pub rest: &'static str,
    pub rest_at: &'static str,
    pub members: &'static [&'static str],
}

/// How rows are made of what GitLab tells.
#[derive(Debug)]
pub struct Made {
    /// What GraphQL is asked for, as paths below the owner; nothing where REST alone has it.
    pub graphql: &'static [&'static str],
    /// Where below the owner that stands which the rows are made of.
    pub at: &'static str,
    /// The path of REST, without `per_page`.
    pub rest: &'static str,
    /// Whether that is a list: then it is read to its end.
    pub is_list: bool,
    /// The rows; none if it is not understood.
    pub rows: fn(&serde_json::Value) -> Option<Vec<MadeRow>>,
}

/// A row: its labels and its values, in the order of the columns.
pub type MadeRow = (Vec<String>, Vec<Option<f64>>);

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

impl Subject {
    /// Whether its rows are read by the poller itself, of what the feed of pipelines shows.
    pub fn hangs_on_pipelines(&self) -> bool {
        self.cadence == Cadence::EachPoll && matches!(self.rows, Rows::Many(_))
    }

    /// Whether GraphQL has anything of it.
    pub fn is_over_graphql(&self) -> bool {
        match &self.rows {
            Rows::Made(made) => !made.graphql.is_empty(),
            Rows::Many(many) => !many.list.is_empty(),
            Rows::Named(_) => true,
            Rows::One | Rows::Feeds(_) => self.columns.iter().any(|own| !own.graphql.is_empty()),
        }
    }

    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}
