//! Where the walks of one list are: its sweep, whose pages are spread over time, and the looks at
//! its recent activity.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::turn::{Errand, Purpose};
use super::{Moment, seconds};
use crate::metrics::UnixTime;
use crate::poll::capacity::Capacity;
use crate::poll::plan::{Depth, Part};
use crate::poll::selection::Source;

/// Where the walks of one list are.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listed {
    #[serde(skip, default = "nowhere")]
    pub(super) source: Source,
    /// The number of the sweep under way.
    pub(super) round: u64,
    /// When it began.
    #[serde(with = "seconds")]
    pub(super) began: Moment,
    /// Where it goes on; none at the beginning.
    pub(super) position: Option<Position>,
    /// How many projects it has passed.
    pub(super) passed: usize,
    /// How many projects the last whole one passed; none before the first was whole.
    pub(super) length: Option<usize>,
    /// The latest activity that the last look at recent activity saw.
    pub(super) watermark: Option<UnixTime>,
    /// When that was first seen; none once it is too long ago for older activity to show up late.
    pub(super) risen: Option<Moment>,
    /// The look under way: where it goes on, and the latest activity it saw.
    #[serde(skip)]
    pub(super) look: Option<(String, UnixTime)>,
    /// The last look and how many projects it found moved: the size of the next one's first page.
    #[serde(skip)]
    pub(super) found: usize,
    /// Whether this GitLab can't list it by activity.
    #[serde(skip)]
    pub(super) unsorted: bool,
    /// Whether it could not be asked the last time: then it does not hold up others.
    #[serde(skip)]
    pub(super) sick: bool,
    /// Whether it was there and is not any more.
    pub(super) lost: bool,
}

/// Where a walk goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Position {
    /// Behind a cursor of GraphQL.
    Cursor(String),
    /// At a path of REST.
    Path(String),
}

impl Listed {
    /// A list of which nothing was asked.
    pub(super) fn new(source: Source) -> Listed {
        Listed {
            source,
            round: 1,
            began: Moment::ZERO,
            position: None,
            passed: 0,
            length: None,
            watermark: None,
            risen: None,
            look: None,
            found: 0,
            unsorted: false,
            sick: false,
            lost: false,
        }
    }

    /// The list.
    pub fn source(&self) -> &Source {
        &self.source
    }

    /// Where its sweep goes on.
    pub fn position(&self) -> Option<&Position> {
        self.position.as_ref()
    }

    /// Whether it shows who was active, and was read to its end.
    pub(super) fn can_be_looked_at(&self) -> bool {
        self.length.is_some() && !self.lost && !self.is_silent()
    }

    /// Whether nothing shows who of it was active.
    pub(super) fn is_silent(&self) -> bool {
        self.unsorted || self.is_named()
    }

    pub(super) fn is_named(&self) -> bool {
        matches!(self.source, Source::Projects(_))
    }

    /// Whether the next page of the sweep is due.
    pub(super) fn is_due(&self, now: Moment, pace: Duration) -> bool {
        let Some(length) = self.length else {
            return true;
        };
        let elapsed = now.saturating_sub(self.began);
        let grown = self.passed > 0 && self.passed >= length;
        grown || elapsed >= pace || self.behind(now, pace) >= Capacity::PAGE
    }

    /// How many projects the sweep should have passed by now beyond those that it has: its pages are
    /// spread evenly over its time.
    fn behind(&self, now: Moment, pace: Duration) -> usize {
        let length = self.length.unwrap_or_default();
        let elapsed = now.saturating_sub(self.began).as_secs_f64();
        let share = (elapsed / pace.as_secs_f64().max(f64::MIN_POSITIVE)).min(1.0);
        ((length as f64 * share) as usize).saturating_sub(self.passed)
    }

    pub(super) fn sweep_errand(&self, index: usize, page: usize) -> Errand {
        /// More than are known to come, so that a few new ones do not take a page of their own.
        const MORE: usize = 10;
        let first = match self.length {
            Some(length) => (length.saturating_sub(self.passed) + MORE).clamp(MORE, page.max(MORE)),
            None => page,
        };
        let after = match &self.position {
            Some(Position::Cursor(cursor)) => Some(cursor.clone()),
            _ => None,
        };
        self.errand(Purpose::Sweep(index), Depth::Whole, first.min(page), after)
    }

    pub(super) fn look_errand(&mut self, index: usize, page: usize) -> Errand {
        /// The fewest that are worth a look.
        const FEW: usize = 20;
        let after = self.look.as_ref().map(|(after, _)| after.clone());
        let first = match after {
            None => (std::mem::take(&mut self.found) * 2).clamp(FEW, page.max(FEW)),
            Some(_) => page.max(FEW),
        };
        self.errand(Purpose::Look(index), Depth::Recent, first, after)
    }

    fn errand(
        &self,
        purpose: Purpose,
        depth: Depth,
        first: usize,
        after: Option<String>,
    ) -> Errand {
        Errand {
            purpose,
            part: Part {
                list: self.source.list(),
                depth,
                first,
                after,
            },
            alone: self.sick,
        }
    }
}

fn nowhere() -> Source {
    Source::All
}
