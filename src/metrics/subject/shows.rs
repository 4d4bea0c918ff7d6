//! What metrics show, and by which instruments.

use crate::metrics::{BridgeStatus, Emit, GitLabStatus, Identity};

/// The kind of instrument that records a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Instrument {
    Gauge,
    Counter,
    Histogram,
    /// A sum that may fall. Only the semantic conventions have them.
    UpDownCounter,
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
    /// Sums over the rows of an owner, each as a series whose attribute has a word. A sum of which a part is
    /// not known is not shown.
    Parts {
        attribute: &'static str,
        parts: &'static [Part],
    },
    /// How many things of a subject's feeds are at each stage; the attribute names the stage.
    Live(&'static str),
    /// How many things of a feed have ended, or how long they took: each end is counted once.
    Ended {
        /// How long a thing took, for a histogram; none for a counter.
        value: Option<&'static str>,
        /// A column without which a thing is not counted here; none if all are.
        at: Option<&'static str>,
        /// The upper bounds of the histogram's buckets.
        bounds: &'static [f64],
    },
    /// Of each row, how many things of a subject were counted that have these columns in common with it.
    Counted(Counted),
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

/// Which things are counted for the rows of a table.
#[derive(Clone, Copy, Debug)]
pub struct Counted {
    /// The subject of the things.
    pub subject: &'static str,
    pub when: CountedWhen,
    /// The columns that the things and the rows have in common.
    pub by: &'static [&'static str],
}

/// At what moment of its life a thing is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CountedWhen {
    Begins,
    Ends,
}

/// A part of a sum: one column of each row, less another one.
#[derive(Debug)]
pub struct Part {
    /// The word of the attribute that tells the sums apart.
    pub word: &'static str,
    /// Of rows whose attributes have one of these words; of all rows without a condition.
    pub of_rows: &'static [(&'static str, &'static [&'static str])],
    pub plus: &'static str,
    pub less: Option<&'static str>,
}
