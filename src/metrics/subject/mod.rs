//! Of what the catalogue is made: subjects, their columns and their metrics.

mod attribute;
mod cadence;
mod column;
mod feed;
mod grain;
mod metric_row;

pub use attribute::{Attribute, PROJECT_ID};
pub(crate) use attribute::{PROJECT_PATH, STATE};
pub use cadence::Cadence;
pub use column::{
    ChangesWith, Column, Feature, Kind, Rest, bytes, count, label, one_of, ratio, seconds, time,
};
pub use feed::{Feed, Feeds, Raw, Stage};
pub use grain::Grain;
pub use metric_row::{Instrument, MetricRow, Shows, counter, gauge, histogram};

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

impl Subject {
    /// Whether its rows are read by the poller itself, of what the feed of pipelines shows.
    pub fn hangs_on_pipelines(&self) -> bool {
        self.cadence == Cadence::EachPoll && matches!(self.rows, Rows::Many(_))
    }

    pub fn column(&self, name: &str) -> Option<&'static Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}
