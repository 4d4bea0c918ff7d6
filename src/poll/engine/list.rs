//! How far one list has been read: its sweep, whose pages are spread over time, and its recent
//! activity.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::moment::Moment;
use super::walk::{Position, Walk};
use crate::metrics::UnixTime;
use crate::poll::capacity::Capacity;
use crate::poll::plan::{Depth, List, RequestPart};
use crate::poll::selection::Source;

/// How far one list has been read.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListProgress {
    #[serde(skip, default = "nowhere")]
    pub source: Source,
    /// The id and the path of the group that it is the list of, once GitLab has told them: the path
    /// may change, the id does not.
    #[serde(default)]
    pub group: Option<(u64, String)>,
    /// The number of the sweep under way.
    pub round: u32,
    /// When it began.
    pub began: Moment,
    /// Where it goes on; none at the beginning.
    pub position: Option<Position>,
    /// How many projects it has passed.
    pub passed: usize,
    /// How many projects the last whole one passed; none before the first was whole.
    pub length: Option<usize>,
    /// How many projects GitLab did not show in the last whole one.
    #[serde(default)]
    pub redacted: usize,
    /// The latest activity that the last walk through recent activity saw.
    pub watermark: Option<UnixTime>,
    /// When that was first seen; none once it is too long ago for older activity to show up late.
    pub risen: Option<Moment>,
    /// The pages that the sweep has seen.
    #[serde(skip, default = "Walk::resumed")]
    pub walk: Walk,
    /// The walk through recent activity, while it is under way.
    #[serde(skip)]
    pub recent: Option<Recent>,
    /// How many projects the last one found moved: the size of the next one's first page.
    #[serde(skip)]
    pub moved: usize,
    /// Whether this GitLab can't list it by activity.
    #[serde(skip)]
    pub unsorted: bool,
    /// Whether it could not be asked the last time: then it does not travel with others.
    #[serde(skip)]
    pub failing: bool,
    /// Whether GraphQL can't walk it, so that REST lists it until this sweep ends.
    #[serde(skip)]
    pub over_rest: bool,
    /// Whether its sweep was begun anew since GraphQL could not go on.
    #[serde(skip)]
    pub begun_anew: bool,
    /// Whether it was there and is not any more.
    pub lost: bool,
}

/// A walk through recent activity that goes on.
#[derive(Clone, Debug, Default)]
pub struct Recent {
    pub position: Option<Position>,
    /// The latest activity it saw.
    pub latest: Option<UnixTime>,
    pub walk: Walk,
}

impl ListProgress {
    /// A list of which nothing was asked.
    pub fn new(source: Source) -> ListProgress {
        ListProgress {
            source,
            group: None,
            round: 1,
            began: Moment::ZERO,
            position: None,
            passed: 0,
            length: None,
            redacted: 0,
            watermark: None,
            risen: None,
            walk: Walk::default(),
            recent: None,
            moved: 0,
            unsorted: false,
            failing: false,
            over_rest: false,
            begun_anew: false,
            lost: false,
        }
    }

    /// Whether it shows who was active, and was read to its end.
    pub fn tells_activity(&self) -> bool {
        self.length.is_some() && !self.lost && !self.is_silent()
    }

    /// Whether nothing shows who of it was active.
    pub fn is_silent(&self) -> bool {
        self.unsorted || self.is_named()
    }

    pub fn is_named(&self) -> bool {
        matches!(self.source, Source::Projects(_))
    }

    /// Whether it is the list of a group whose path is not known: it was selected by its id.
    pub fn lacks_path(&self) -> bool {
        self.group.is_none() && self.group_name().is_some_and(is_numeric)
    }

    /// The group as it was selected.
    pub fn group_name(&self) -> Option<&str> {
        match &self.source {
            Source::Group(name) => Some(name),
            _ => None,
        }
    }

    /// How REST is asked for its group: by the id, which no rename changes, once it is known.
    pub fn group_key(&self) -> Option<String> {
        match &self.group {
            Some((id, _)) => Some(id.to_string()),
            None => self.group_name().map(str::to_owned),
        }
    }

    /// How it is asked for over GraphQL.
    fn over_graphql(&self) -> List {
        match (&self.source, &self.group) {
            (Source::Group(_), Some((_, path))) => List::Group(path.clone()),
            (source, _) => source.list(),
        }
    }

    /// How it is asked for over REST.
    pub fn over_rest(&self) -> Source {
        match self.group_key() {
            Some(key) => Source::Group(key),
            None => self.source.clone(),
        }
    }

    /// Whether the next page of the sweep is due.
    pub fn is_due(&self, now: Moment, pace: Duration) -> bool {
        let Some(length) = self.length else {
            return true;
        };
        let elapsed = now.since(self.began);
        let grown = self.passed > 0 && self.passed >= length;
        grown || elapsed >= pace || self.behind(now, pace) >= Capacity::PAGE
    }

    /// How many projects the sweep should have passed by now beyond those that it has: its pages are
    /// spread evenly over its time.
    fn behind(&self, now: Moment, pace: Duration) -> usize {
        let length = self.length.unwrap_or_default();
        let elapsed = now.since(self.began).as_secs_f64();
        let share = (elapsed / pace.as_secs_f64().max(f64::MIN_POSITIVE)).min(1.0);
        ((length as f64 * share) as usize).saturating_sub(self.passed)
    }

    /// Begins the sweep from the first page.
    pub fn restart(&mut self) {
        self.position = None;
        self.passed = 0;
        self.walk = Walk::default();
    }

    /// The next page of the sweep, of at most `page` projects.
    pub fn sweep_part(&self, page: usize) -> RequestPart {
        /// More than are known to come, so that a few new ones do not take a page of their own.
        const MORE: usize = 10;
        let first = match self.length {
            Some(length) => (length.saturating_sub(self.passed) + MORE).clamp(MORE, page.max(MORE)),
            None => page,
        };
        self.part(Depth::Whole, first.min(page), self.position.as_ref())
    }

    /// The next page of the list by activity.
    pub fn recent_part(&self, page: usize) -> RequestPart {
        /// The fewest that are worth a request.
        const FEW: usize = 20;
        let first = match &self.recent {
            None => (self.moved * 2).clamp(FEW, page.max(FEW)),
            Some(_) => page.max(FEW),
        };
        let position = self
            .recent
            .as_ref()
            .and_then(|recent| recent.position.as_ref());
        self.part(Depth::Recent, first, position)
    }

    fn part(&self, depth: Depth, first: usize, position: Option<&Position>) -> RequestPart {
        let after = match position {
            Some(Position::Cursor(cursor)) => Some(cursor.clone()),
            _ => None,
        };
        RequestPart {
            list: self.over_graphql(),
            depth,
            first,
            after,
        }
    }
}

/// Whether a group or project was selected by its id.
pub fn is_numeric(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit())
}

fn nowhere() -> Source {
    Source::All
}
