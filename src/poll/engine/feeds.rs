//! Where the feeds of all projects stand: how far each has been read, and what GitLab's clock shows.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::moment::Moment;
use crate::metrics::{EnabledMetrics, Grain, Progress, UnixTime};

/// Where the feeds of all projects stand.
#[derive(Debug, Default)]
pub struct Feeds {
    /// By place in the catalogue; none of those that are not asked.
    pub lists: BTreeMap<u8, FeedList>,
    pub clock: ServerClock,
    /// When the last poll began, by GitLab's clock: what is found later was not there before.
    pub looked: Option<UnixTime>,
    /// When this poll began.
    pub began: Moment,
    /// Whether something was counted that is not yet written down.
    pub unsaved: bool,
    /// How many things have ended since the start, by subject.
    pub ended: BTreeMap<&'static str, u64>,
}

/// Where a feed stands.
#[derive(Debug, Default)]
pub struct FeedList {
    /// The projects that have been seen once.
    pub owners: BTreeMap<u64, Kept>,
    /// Projects that are asked for their newest things once their walk has come to its end.
    pub newest_after: HashSet<u64>,
    /// Projects that are asked for their newest things by the next poll, since another branch is the
    /// default one.
    pub doubtful: HashSet<u64>,
    /// Projects in which something is known to have changed since they were asked, and when that was known by
    /// GitLab's clock: they are asked until they have answered, over failures and restarts.
    pub owed: BTreeMap<u64, Owed>,
    /// The default branches that were looked for by name: they have run nothing, or nothing lately.
    pub sought: BTreeMap<u64, String>,
    /// Projects whose list of changes took GitLab too long, and how often in a row.
    pub hard: BTreeMap<u64, u8>,
    /// Which of the newest things of a project are of tags, as far as REST has told.
    pub kinds: BTreeMap<u64, BTreeMap<u64, bool>>,
    /// The refs of a project of which REST was asked for an older success.
    pub searched: BTreeMap<u64, BTreeSet<Arc<str>>>,
    /// Projects that may not be asked over REST, and when they are tried again.
    pub refused: BTreeMap<u64, Moment>,
}

/// Something that is known to have changed, and is to be asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Owed {
    /// When it was known, by GitLab's clock.
    pub known: UnixTime,
    /// How often GitLab took too long to tell.
    pub timeouts: u8,
}

#[derive(Debug)]
pub struct Kept {
    pub progress: Progress,
    /// When its newest things were told last.
    pub swept: u32,
}

/// GitLab's clock, as its answers tell it.
#[derive(Debug, Default)]
pub struct ServerClock {
    /// What the last answer said, and when it came by ours.
    pub told: Option<(UnixTime, Moment)>,
}

/// How far the feeds of a project have been read, by name: one for each of 100,000 projects.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KeptFeeds(Vec<(Arc<str>, Progress)>);

/// What is kept of feeds over a restart besides what each project has.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct FeedsCourse {
    /// When the last poll began, by GitLab's clock.
    pub looked: Option<UnixTime>,
    /// By how many seconds GitLab's clock was ahead of ours.
    #[serde(default)]
    pub ahead: Option<i64>,
    /// The projects that are still to be asked, by feed.
    #[serde(default)]
    pub owed: BTreeMap<String, Vec<u64>>,
}

/// A clock that is off by more is not believed.
const MOST_AHEAD: Duration = Duration::from_secs(600);
/// Without a word of GitLab's about the time, its clock may be so far behind ours.
const MARGIN: Duration = Duration::from_secs(120);

impl KeptFeeds {
    pub fn insert(&mut self, name: &Arc<str>, progress: Progress) {
        self.0.reserve_exact(1);
        self.0.push((Arc::clone(name), progress));
    }

    pub fn remove(&mut self, name: &str) -> Option<Progress> {
        let at = self.0.iter().position(|(own, _)| **own == *name)?;
        Some(self.0.swap_remove(at).1)
    }
}

impl Serialize for KeptFeeds {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_map(self.0.iter().map(|(name, progress)| (&**name, progress)))
    }
}

impl<'de> Deserialize<'de> for KeptFeeds {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<KeptFeeds, D::Error> {
        let kept = BTreeMap::<String, Progress>::deserialize(from)?.into_iter();
        let kept = kept.map(|(name, progress)| (name.into(), progress));
        Ok(KeptFeeds(kept.collect()))
    }
}

impl FeedList {
    /// Notes that a list of changes took too long. The newest things are taken for all that changed once
    /// several polls have failed: an old thing that changed is not among them.
    pub fn note_hard(&mut self, id: u64) {
        let times = self.hard.entry(id).or_default();
        *times = times.saturating_add(1);
    }

    /// Notes that a project has told all that changed before that time. Whether it is to tell its newest things
    /// now.
    pub fn walked(&mut self, id: u64, began: UnixTime) -> bool {
        if let Some(kept) = self.owners.get_mut(&id) {
            kept.progress.complete(began);
        }
        self.hard.remove(&id);
        if self.owed.get(&id).is_some_and(|owed| began > owed.known) {
            self.owed.remove(&id);
        }
        self.newest_after.remove(&id)
    }

    /// Notes that what a project owes took GitLab too long to tell. After several tries it is asked for when its
    /// turn comes.
    pub fn note_slow_debt(&mut self, id: u64) {
        const TRIES: u8 = 5;
        if let Some(owed) = self.owed.get_mut(&id) {
            owed.timeouts += 1;
            if owed.timeouts >= TRIES {
                self.owed.remove(&id);
            }
        }
    }

    /// Whether a project's list of changes is given up.
    pub fn is_hard(&self, id: u64) -> bool {
        const TRIES: u8 = 3;
        self.hard.get(&id).is_some_and(|times| *times >= TRIES)
    }

    /// Whether REST has refused a project not long ago.
    pub fn is_refused(&self, id: u64, now: Moment) -> bool {
        self.refused.get(&id).is_some_and(|until| now < *until)
    }
}

impl ServerClock {
    /// Notes what an answer says, which came at `at`.
    pub fn note(&mut self, date: Option<UnixTime>, at: Moment) {
        let latest = (at + MOST_AHEAD).as_secs();
        if let Some(date) = date {
            self.told = Some((date.min(latest), at));
        }
    }

    /// What GitLab's clock shows at a moment.
    pub fn at(&self, moment: Moment) -> UnixTime {
        match self.told {
            Some((date, at)) if moment >= at => date + moment.since(at).as_secs(),
            Some((date, at)) => date.saturating_sub(at.since(moment).as_secs()),
            None => (moment - MARGIN).as_secs(),
        }
    }
}

impl Feeds {
    pub fn new(enabled: &EnabledMetrics) -> Feeds {
        let places = enabled.feeds_of(Grain::Project).iter();
        let places = places.filter_map(|place| u8::try_from(*place).ok());
        Feeds {
            lists: places.map(|place| (place, FeedList::default())).collect(),
            ..Feeds::default()
        }
    }

    /// Forgets a project.
    pub fn forget(&mut self, id: u64) {
        for list in self.lists.values_mut() {
            list.owners.remove(&id);
            list.hard.remove(&id);
            list.doubtful.remove(&id);
            list.owed.remove(&id);
            list.sought.remove(&id);
            list.kinds.remove(&id);
            list.searched.remove(&id);
            list.refused.remove(&id);
        }
    }

    /// What is kept over a restart. `name` tells how a feed is called.
    pub fn course(&self, name: impl Fn(u8) -> String) -> FeedsCourse {
        let ahead =
            |(date, at): (UnixTime, Moment)| date.cast_signed() - at.as_secs().cast_signed();
        let owing = self.lists.iter().filter(|(_, list)| !list.owed.is_empty());
        let owed = owing.map(|(place, list)| (name(*place), list.owed.keys().copied().collect()));
        FeedsCourse {
            looked: self.looked,
            ahead: self.clock.told.map(ahead),
            owed: owed.collect(),
        }
    }

    /// Since when what ends is counted in a project that is seen for the first time.
    pub fn counting_since(&self) -> UnixTime {
        self.looked.unwrap_or_else(|| self.clock.at(self.began))
    }
}
