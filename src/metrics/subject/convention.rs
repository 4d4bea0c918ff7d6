//! What a metric is called by OpenTelemetry's semantic conventions: a column of its row.

use super::shows::{Instrument, Shows};

/// How a metric goes by the names of the conventions.
#[derive(Clone, Copy, Debug)]
pub enum Known {
    /// By our own name with dots, made by a rule: there is no convention for it.
    Own,
    /// By this name of ours: the rule makes no good one.
    Called(&'static str),
    /// By a convention.
    As(&'static Convention),
    /// By our own name, since it tells more, and by a convention beside it.
    CalledAndAs(&'static str, &'static Convention),
    /// Not at all: this metric of the conventions tells its numbers too.
    Within(&'static str),
}

/// A metric of the semantic conventions.
#[derive(Debug)]
pub struct Convention {
    pub name: &'static str,
    pub instrument: Instrument,
    pub unit: &'static str,
    /// One sentence: the convention's own.
    pub help: &'static str,
    /// What it shows, where that is not what the metric shows itself.
    pub shows: Option<Shows>,
    /// What becomes of the attributes. Those that are not named here keep our name, with a namespace.
    pub attributes: &'static [Told],
}

/// What becomes of an attribute.
#[derive(Clone, Copy, Debug)]
pub enum Told {
    /// It has this value on every series.
    Always(&'static str, &'static str),
    /// Our attribute goes by another name, and some of its words by others. A word that is not named
    /// stays as it is.
    Named {
        of: &'static str,
        name: &'static str,
        words: &'static [(&'static str, &'static str)],
    },
    /// Like `Named`, and has this value on a series that lacks ours.
    NamedOr {
        of: &'static str,
        name: &'static str,
        otherwise: &'static str,
    },
    /// It has this value on the series whose attribute of ours has this word.
    Where {
        of: &'static str,
        word: &'static str,
        name: &'static str,
        value: &'static str,
    },
    /// Series whose attribute of ours has another word are left out. The attribute itself says nothing more.
    Only(&'static str, &'static str),
}
