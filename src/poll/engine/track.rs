//! When a project was asked what, and when it is to be asked again.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::moment::Moment;
use crate::metrics::UnixTime;

/// How long a project is followed after its time of activity moved: GitLab moves it at most once an
/// hour, and its own statistics may lag a quarter of an hour behind a push.
pub const COOLING: Duration = Duration::from_secs(75 * 60);
/// How long a project that breaks every page is left alone at first.
pub const QUARANTINE: Duration = Duration::from_secs(600);

/// When a project was asked what. There is one for each of 100,000 projects: 72 bytes.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(from = "Written", into = "Written")]
pub struct Track {
    /// Its activity, as last seen; 0 if GitLab never told.
    activity: u32,
    /// In which sweep of which list it was last seen.
    list: u16,
    round: u32,
    /// Whether it is selected.
    pub taken: bool,
    /// Until when it is followed.
    pub hot_until: Moment,
    /// When it was last asked for what activity moves.
    pub asked: Moment,
    /// When it was last asked for what pipelines move, or glanced at.
    pub glanced: Moment,
    /// When REST was last asked for values that GraphQL hides.
    pub uncovered: Moment,
    /// It breaks every page: until when it is left alone, and after how many failures.
    quarantine: Option<Box<(Moment, u32)>>,
    /// The other lists it is in.
    #[expect(clippy::box_collection, reason = "hardly any project is in two lists")]
    others: Option<Box<BTreeMap<u16, u32>>>,
}

/// No list.
const NONE: u16 = u16::MAX;

/// A track as it is written down.
#[derive(Clone, Serialize, Deserialize)]
struct Written {
    activity: Option<UnixTime>,
    hot_until: Moment,
    asked: Moment,
    glanced: Moment,
    #[serde(default)]
    uncovered: Moment,
    taken: bool,
    rounds: BTreeMap<u16, u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quarantine: Option<(Moment, u32)>,
}

impl Track {
    /// A project that was not known before.
    pub fn new() -> Track {
        Track {
            list: NONE,
            ..Track::default()
        }
    }

    pub fn activity(&self) -> Option<UnixTime> {
        (self.activity > 0).then_some(self.activity.into())
    }

    /// Takes over when it was last active, if GitLab tells.
    pub fn note_activity(&mut self, activity: Option<UnixTime>) {
        if let Some(activity) = activity {
            self.activity = u32::try_from(activity).unwrap_or(u32::MAX).max(1);
        }
    }

    /// Whether a time of activity is another than the one that was last seen.
    pub fn is_news(&self, activity: Option<UnixTime>) -> bool {
        let bounded = |at: UnixTime| u32::try_from(at).unwrap_or(u32::MAX).max(1);
        activity.is_some_and(|at| bounded(at) != self.activity)
    }

    /// Notes whether the project is selected. True if that was known.
    pub fn take(&mut self, taken: bool) -> bool {
        std::mem::replace(&mut self.taken, taken) == taken
    }

    /// Notes that a sweep of a list, or the list's recent activity, has shown it.
    pub fn seen_in(&mut self, list: usize, round: u32) {
        let list = list as u16;
        if self.list == NONE || self.list == list {
            (self.list, self.round) = (list, round);
            return;
        }
        self.others.get_or_insert_default().insert(list, round);
    }

    /// In which sweep of a list it was last seen.
    pub fn round_of(&self, list: usize) -> Option<u32> {
        let list = list as u16;
        if self.list == list && list != NONE {
            return Some(self.round);
        }
        self.others.as_ref()?.get(&list).copied()
    }

    /// Notes that it is not in a list any more. True if it is in none now.
    pub fn left(&mut self, list: usize) -> bool {
        let list = list as u16;
        if self.list == list {
            self.list = NONE;
            let next = self.others.as_mut().and_then(|others| others.pop_first());
            if let Some(next) = next {
                (self.list, self.round) = next;
            }
        } else if let Some(others) = &mut self.others {
            others.remove(&list);
        }
        if self.others.as_ref().is_some_and(|others| others.is_empty()) {
            self.others = None;
        }
        self.list == NONE
    }

    /// The lists it is in.
    pub fn lists(&self) -> impl Iterator<Item = usize> {
        let first = (self.list != NONE).then_some(self.list);
        let others = self.others.iter().flat_map(|others| others.keys().copied());
        first.into_iter().chain(others).map(usize::from)
    }

    /// The same track in these lists, last seen in these sweeps of them.
    pub fn in_lists(&self, rounds: &[(usize, u32)]) -> Track {
        let mut track = Track {
            list: NONE,
            round: 0,
            others: None,
            ..self.clone()
        };
        for (list, round) in rounds {
            track.seen_in(*list, *round);
        }
        track
    }

    /// Whether GraphQL is not asked about it now.
    pub fn is_quarantined(&self, now: Moment) -> bool {
        self.quarantine.as_ref().is_some_and(|own| own.0 > now)
    }

    /// Leaves it alone, twice as long as the last time. Returns for how long.
    pub fn quarantine(&mut self, now: Moment, longest: Duration) -> Duration {
        let failures = self.quarantine.as_ref().map_or(0, |own| own.1) + 1;
        let pause = QUARANTINE.saturating_mul(1 << failures.min(16) >> 1);
        let pause = pause.min(longest);
        self.quarantine = Some(Box::new((now + pause, failures)));
        pause
    }

    pub fn end_quarantine(&mut self) {
        self.quarantine = None;
    }

    /// A clock that went backwards since it was written makes nothing younger than now.
    pub fn not_after(&mut self, now: Moment, longest: Duration) {
        self.asked = self.asked.min(now);
        self.glanced = self.glanced.min(now);
        self.uncovered = self.uncovered.min(now);
        self.hot_until = self.hot_until.min(now + COOLING);
        if let Some(own) = &mut self.quarantine {
            own.0 = own.0.min(now + longest);
        }
    }
}

impl From<Track> for Written {
    fn from(track: Track) -> Written {
        let rounds = track
            .lists()
            .filter_map(|list| Some((list as u16, track.round_of(list)?)));
        Written {
            activity: track.activity(),
            hot_until: track.hot_until,
            asked: track.asked,
            glanced: track.glanced,
            uncovered: track.uncovered,
            taken: track.taken,
            rounds: rounds.collect(),
            quarantine: track.quarantine.as_deref().copied(),
        }
    }
}

impl From<Written> for Track {
    fn from(written: Written) -> Track {
        let mut track = Track {
            hot_until: written.hot_until,
            asked: written.asked,
            glanced: written.glanced,
            uncovered: written.uncovered,
            taken: written.taken,
            quarantine: written.quarantine.map(Box::new),
            ..Track::new()
        };
        track.note_activity(written.activity);
        for (list, round) in written.rounds {
            track.seen_in(list.into(), round);
        }
        track
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_small() {
        assert!(size_of::<Track>() <= 72, "{}", size_of::<Track>());
    }

    #[test]
    fn it_knows_the_lists_it_is_in() {
        let mut track = Track::new();
        for (list, round) in [(1, 7), (0, 3), (4, 5), (1, 8)] {
            track.seen_in(list, round);
        }
        assert_eq!(
            [0, 1, 2, 4].map(|list| track.round_of(list)),
            [Some(3), Some(8), None, Some(5)]
        );
        assert!(!track.left(1) && !track.left(0));
        assert_eq!(track.lists().collect::<Vec<_>>(), [4]);
        assert!(track.left(4));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let mut track = Track::new();
        track.note_activity(Some(1_790_000_000));
        track.seen_in(2, 1);
        track.seen_in(0, 9);
        track.quarantine(Moment::from_secs(5), Duration::from_secs(900));
        let written = serde_json::to_string(&track).unwrap();
        let read: Track = serde_json::from_str(&written).unwrap();
        assert_eq!(serde_json::to_string(&read).unwrap(), written);
    }
}
