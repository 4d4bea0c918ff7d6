//! What is due, and when: pure decisions over what is known, with the time handed in.
//!
//! # What is seen within which time
//!
//! GitLab tells when a project was last active, but moves that time at most once an hour, and never
//! for pipelines, stars or storage. No list of what changed can be had, so changes are found in four
//! ways, each slower and broader than the one before:
//!
//! 1. **Recent activity**, every interval. Each list of projects is walked from the last active one
//!    down to the one that was the last active at the walk before. Whoever's time of activity has
//!    moved since is asked at once for what activity moves: commits, merge requests, issues, releases.
//! 2. **Following**, every interval. A second change within the hour moves no time. So whoever was
//!    active is asked again at each interval until an hour and [`COOLING`]'s margin after its time of
//!    activity was seen to move. Nothing gets lost in between: a change before the hour is over is
//!    seen by the following, and one after it moves the time of activity again. The margin is for
//!    GitLab's own statistics, which follow a push by up to a quarter of an hour.
//! 3. **Glances**, every `ci_interval`. All projects are asked whether pipelines ran since, whether
//!    they are still there, and whether they are called and archived as before.
//! 4. **The sweep**. Page by page everything is asked of everyone, at least once in `sweep`; this is
//!    also what finds projects that the user was given access to, or lost. It bounds the age of every
//!    value, whatever the other ways may have missed.
//!
//! | change | is seen within |
//! |---|---|
//! | commits, merge requests, issues, releases; a new project | an interval |
//! | what follows a push late in GitLab's own statistics | an interval after GitLab has it |
//! | pipelines (job and pipeline artifacts), rename, transfer, archiving, deletion | `ci_interval` |
//! | deletion of a project that is followed | an interval |
//! | stars, forks, other storage, roles, features; restored projects; deleted issues of idle projects | `sweep` |
//!
//! Each time counts from the start of the poll that sees it. Where GitLab, its limits or the budget
//! allow no more, a poll takes longer than its interval, and everything gets older evenly.

mod listed;
mod turn;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::capacity::Capacity;
use super::plan::{Depth, List, Part};
use super::selection::Source;
use crate::metrics::UnixTime;
use turn::by_id;

pub use listed::{Listed, Position};
pub use turn::{Errand, Purpose, Round, Turn};

/// Time since 1970 by a clock that never goes back.
pub type Moment = Duration;

/// How long a project is followed after its time of activity moved: GitLab moves it at most once an
/// hour, and its own statistics may lag a quarter of an hour behind a push.
pub const COOLING: Duration = Duration::from_secs(75 * 60);
/// How far apart two times that GitLab tells may be out of order: transactions end when they end.
const DISORDER: u64 = 120;
/// How far back a glance looks beyond the last one.
const OVERLAP: Duration = Duration::from_secs(300);
/// How often a page of a sweep is asked for in one poll, each time with all the client's own tries.
const TRIES: u32 = 2;
/// How long a project that breaks every page is left alone at first.
const QUARANTINE: Duration = Duration::from_secs(600);

/// How often what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rhythm {
    /// From the start of one poll to the start of the next.
    pub interval: Duration,
    /// Within which time everyone is glanced at.
    pub glance: Duration,
    /// Within which time everything is asked of everyone.
    pub sweep: Duration,
}

impl Default for Rhythm {
    fn default() -> Rhythm {
        Rhythm {
            interval: Duration::from_secs(60),
            glance: Duration::from_secs(15 * 60),
            sweep: Duration::from_secs(60 * 60),
        }
    }
}

/// What is to be asked next, for all lists of one GitLab.
#[derive(Debug)]
pub struct Schedule {
    rhythm: Rhythm,
    lists: Vec<Listed>,
    tracks: BTreeMap<u64, Track>,
    /// Who is to be asked for everything out of turn, and the list that showed who is not known yet.
    reads: BTreeMap<u64, Option<usize>>,
    /// The list whose sweep goes on for free the next time.
    ride: usize,
}

/// When a project was asked what.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Track {
    /// Its activity, as last seen.
    activity: Option<UnixTime>,
    /// Until when it is followed.
    #[serde(with = "seconds")]
    hot_until: Moment,
    /// When it was last asked for what activity moves.
    #[serde(with = "seconds")]
    asked: Moment,
    /// When it was last asked for what pipelines move, or glanced at.
    #[serde(with = "seconds")]
    glanced: Moment,
    /// Whether it is selected.
    taken: bool,
    /// In which sweep of which list it was last seen.
    rounds: BTreeMap<usize, u64>,
    /// It breaks every page: until when it is left alone, and after how many failures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    quarantine: Option<(Moment, u32)>,
}

/// A moment in whole seconds: rounded down, so that nothing is taken for younger than it is.
mod seconds {
    use serde::{Deserialize, Deserializer, Serializer};

    use super::Moment;

    pub fn serialize<S: Serializer>(moment: &Moment, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_u64(moment.as_secs())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Moment, D::Error> {
        u64::deserialize(deserializer).map(Moment::from_secs)
    }
}

impl Schedule {
    /// Nothing has been asked yet.
    pub fn new(rhythm: Rhythm, sources: &[Source]) -> Schedule {
        let lists = sources.iter().cloned().map(Listed::new);
        Schedule {
            rhythm,
            lists: lists.collect(),
            tracks: BTreeMap::new(),
            reads: BTreeMap::new(),
            ride: 0,
        }
    }

    /// Whether every list was read to its end once: the set of projects is known.
    pub fn is_whole(&self) -> bool {
        self.lists.iter().all(|list| list.length.is_some())
    }

    /// The lists.
    pub fn lists(&self) -> &[Listed] {
        &self.lists
    }

    /// When a project was asked what.
    pub fn track(&self, id: u64) -> Option<&Track> {
        self.tracks.get(&id)
    }

    /// Who is to be asked for everything out of turn, and the list that showed who is not known yet.
    pub fn reads(&self) -> &BTreeMap<u64, Option<usize>> {
        &self.reads
    }

    /// Goes on where an earlier process ended. Its time counts; a clock that went backwards since
    /// makes nothing younger than now.
    pub fn resume(
        &mut self,
        lists: Vec<Listed>,
        tracks: BTreeMap<u64, Track>,
        reads: BTreeMap<u64, Option<usize>>,
        now: Moment,
    ) {
        for (list, kept) in self.lists.iter_mut().zip(lists) {
            *list = Listed {
                source: list.source.clone(),
                began: kept.began.min(now),
                ..kept
            };
        }
        let longest = self.rhythm.sweep.max(QUARANTINE);
        self.tracks = tracks;
        for track in self.tracks.values_mut() {
            track.asked = track.asked.min(now);
            track.glanced = track.glanced.min(now);
            track.hot_until = track.hot_until.min(now + COOLING);
            if let Some((until, _)) = &mut track.quarantine {
                *until = (*until).min(now + longest);
            }
        }
        self.reads = reads;
    }

    /// Begins a poll. Where lists are asked over REST, a page has its price in every project, and is
    /// asked for only when it is due.
    pub fn turn(&mut self, now: Moment, rest: bool) -> Turn {
        for list in &mut self.lists {
            if list.position.is_none() && list.passed == 0 && list.length.is_none() {
                list.began = now;
            }
        }
        let pace = self.pace();
        let whole = pace.is_zero() || !rest && self.is_small();
        let ride = self.ride(now, pace).filter(|_| !rest);
        let mut turn = self.pause(now);
        turn.whole = whole;
        if whole {
            turn.sweeps.fill(TRIES);
            return turn;
        }
        for (index, list) in self.lists.iter().enumerate() {
            if list.is_due(now, pace) || ride == Some(index) {
                turn.sweeps[index] = TRIES;
            }
            turn.looks[index] = list.can_be_looked_at();
        }
        turn.follows = self.followed(now).into();
        turn.glances = self.glanced(now).into();
        turn
    }

    /// The list that is swept a page further although none is due: the poll makes a request anyway.
    /// Single projects have no pages, and are not read for nothing.
    fn ride(&mut self, now: Moment, pace: Duration) -> Option<usize> {
        if self.lists.iter().any(|list| list.is_due(now, pace)) {
            return None;
        }
        let after = (1..=self.lists.len()).map(|step| (self.ride + step) % self.lists.len());
        let next = after
            .into_iter()
            .find(|index| !self.lists[*index].is_named())?;
        self.ride = next;
        Some(next)
    }

    /// Begins a poll between two others: nothing is due in it but what is wanted.
    pub fn pause(&self, now: Moment) -> Turn {
        Turn {
            began: now,
            whole: false,
            sweeps: vec![0; self.lists.len()],
            looks: vec![false; self.lists.len()],
            follows: VecDeque::new(),
            glances: VecDeque::new(),
            halves: VecDeque::new(),
            read: BTreeSet::new(),
            stopped: false,
        }
    }

    /// Looks at recent activity in this poll, once more if need be.
    pub fn look_again(&self, turn: &mut Turn) {
        for (look, list) in turn.looks.iter_mut().zip(&self.lists) {
            *look = list.can_be_looked_at();
        }
    }

    /// The next round of a poll; an empty one when it is done.
    ///
    /// The pages of a list come one after the other, so a request goes out for each anyway: what does
    /// not wait for them travels along as far as there is room, and the rest together at the end.
    /// What is to be asked for everything is gathered until then, or until it fills a page.
    pub fn round(&mut self, turn: &mut Turn, page: usize) -> Round {
        if turn.stopped {
            return Round::default();
        }
        let mut now: Vec<Errand> = Vec::new();
        for (index, list) in self.lists.iter_mut().enumerate() {
            if turn.looks[index] {
                now.push(list.look_errand(index, page));
            }
            if turn.sweeps[index] > 0 {
                now.push(list.sweep_errand(index, page));
            }
        }
        now.extend(turn.halves.drain(..));
        let last = now.is_empty();
        let wanted = self.reads.keys().copied();
        let wanted = wanted.filter(|id| !self.is_quarantined(*id, turn.began));
        let reads: Vec<u64> = wanted.filter(|id| !turn.read.contains(id)).collect();
        if last || reads.len() >= page {
            turn.read.extend(&reads);
            now.extend(by_id(&reads, page, Purpose::Read, |_| Depth::Whole));
        }
        // What has been asked for everything meanwhile need not be asked for less.
        let (tracks, began) = (&self.tracks, turn.began);
        turn.follows
            .retain(|id| tracks.get(id).is_some_and(|track| track.asked < began));
        turn.glances
            .retain(|id| tracks.get(id).is_some_and(|track| track.glanced < began));
        let glances: Vec<u64> = turn.glances.drain(..).collect();
        let mut known = BTreeSet::new();
        let follows = turn.follows.drain(..).filter(|id| known.insert(*id));
        let follows: Vec<u64> = follows.collect();
        // First who is to be glanced at: that may lead to more questions.
        let mut spare = by_id(&glances, page, Purpose::Glance, |ids| {
            let last = ids
                .iter()
                .filter_map(|id| tracks.get(id))
                .map(|track| track.glanced);
            let since = last.min().unwrap_or_default().saturating_sub(OVERLAP);
            Depth::Glance {
                since: since.as_secs(),
            }
        });
        spare.extend(by_id(&follows, page, Purpose::Follow, |_| Depth::Activity));
        if last {
            now.append(&mut spare);
        }
        Round { now, spare }
    }

    /// Notes a page of a sweep, asked at `at`: who was on it, and where the list goes on. Returns who
    /// is gone, once the list has been read to its end.
    pub fn swept(
        &mut self,
        turn: &mut Turn,
        index: usize,
        at: Moment,
        ids: &[u64],
        next: Option<Position>,
    ) -> Vec<u64> {
        let pace = self.pace();
        let list = &mut self.lists[index];
        let round = list.round;
        for id in ids {
            if let Some(track) = self.tracks.get_mut(id) {
                track.rounds.insert(index, round);
            }
        }
        list.passed += ids.len();
        (list.lost, list.sick) = (false, false);
        if next.is_some() {
            list.position = next;
            let goes_on = turn.whole || list.is_due(turn.began, pace);
            turn.sweeps[index] = if goes_on { TRIES } else { 0 };
            return Vec::new();
        }
        turn.sweeps[index] = 0;
        let first = list.length.is_none();
        list.length = Some(list.passed);
        list.round += 1;
        list.passed = 0;
        list.position = None;
        let began = std::mem::replace(&mut list.began, at.max(turn.began));
        if first {
            // What was active while the list was walked is to be looked at again.
            let took = turn.began.max(at).saturating_sub(began).as_secs();
            let latest = self
                .tracks
                .values()
                .filter_map(|track| track.activity)
                .max();
            list.watermark = latest.map(|latest| latest.saturating_sub(took + DISORDER));
        }
        self.drop_from(index, |seen| seen < round)
    }

    /// Notes that a list does not exist, or can't be seen. One that was there before is asked for again
    /// by its next sweep, one that never was by every poll. Returns who is gone with it.
    pub fn lost(&mut self, turn: &mut Turn, index: usize, was_there: bool) -> Vec<u64> {
        turn.sweeps[index] = 0;
        turn.looks[index] = false;
        self.restart(index);
        let list = &mut self.lists[index];
        list.length = was_there.then_some(0);
        list.lost = true;
        list.began = turn.began;
        self.drop_from(index, |_| true)
    }

    /// Notes that a page of a sweep could not be read: nothing moves, and it is asked for once more
    /// in this poll, or not any more if this returns false. A position that GitLab does not know any
    /// more begins anew.
    pub fn sweep_failed(&mut self, turn: &mut Turn, index: usize, forgotten: bool) -> bool {
        turn.sweeps[index] = turn.sweeps[index].saturating_sub(1);
        self.lists[index].sick = true;
        if forgotten {
            self.restart(index);
        }
        turn.sweeps[index] > 0
    }

    /// Begins the sweep of a list anew.
    pub fn restart(&mut self, index: usize) {
        let list = &mut self.lists[index];
        list.position = None;
        list.passed = 0;
    }

    /// Sweeps a list from its beginning, since it may not be there any more.
    pub fn doubt(&mut self, turn: &mut Turn, index: usize) {
        turn.looks[index] = false;
        turn.sweeps[index] = TRIES;
        self.restart(index);
    }

    /// Notes a page of recent activity: projects, and when they were last active.
    pub fn looked(
        &mut self,
        turn: &mut Turn,
        index: usize,
        at: Moment,
        nodes: &[(u64, Option<UnixTime>)],
        next: Option<String>,
    ) {
        let mut moved = 0;
        for &(id, activity) in nodes {
            moved += usize::from(self.noticed(turn, id, activity, at, Some(index)));
            let round = self.lists[index].round;
            if let Some(track) = self.tracks.get_mut(&id) {
                // It is in the list, even if the sweep under way has passed its place.
                track.rounds.insert(index, round);
            }
        }
        let list = &mut self.lists[index];
        list.sick = false;
        // A project from the future must not hide the present.
        let now = at.as_secs() + DISORDER;
        let times = nodes
            .iter()
            .filter_map(|(_, activity)| activity.map(|time| time.min(now)));
        let (latest, last) = (times.clone().max(), times.min());
        let latest = list.look.take().map(|(_, latest)| latest).max(latest);
        list.found += moved;
        let disorder = list.risen.map_or(0, |_| DISORDER);
        let floor = list.watermark.map(|at| at.saturating_sub(disorder));
        match next {
            Some(next) if last > floor && last.is_some() => {
                list.look = Some((next, latest.unwrap_or_default()));
            }
            _ => {
                if latest > list.watermark {
                    (list.watermark, list.risen) = (latest, Some(at));
                }
                let still = |risen: &Moment| at.saturating_sub(*risen).as_secs() <= DISORDER;
                list.risen = list.risen.filter(still);
                turn.looks[index] = false;
            }
        }
    }

    /// Tries again to list by activity where that was refused: GitLab may be another by now.
    pub fn try_all(&mut self) {
        self.lists.iter_mut().for_each(|list| list.unsorted = false);
    }

    /// Notes that recent activity could not be looked at; and not before the next
    /// [`Schedule::try_all`], if this GitLab can't sort so.
    pub fn look_failed(&mut self, turn: &mut Turn, index: usize, for_ever: bool) {
        turn.looks[index] = false;
        let list = &mut self.lists[index];
        list.look = None;
        list.unsorted |= for_ever;
        list.sick = true;
    }

    /// Notes when a project was last active. True if that is news: it is followed then.
    pub fn noticed(
        &mut self,
        turn: &mut Turn,
        id: u64,
        activity: Option<UnixTime>,
        at: Moment,
        list: Option<usize>,
    ) -> bool {
        let Some(track) = self.tracks.get_mut(&id) else {
            self.reads.insert(id, list);
            return true;
        };
        if activity.is_none() || track.activity == activity {
            return false;
        }
        track.activity = activity;
        track.hot_until = at + COOLING;
        if track.taken && track.quarantine.is_none_or(|(until, _)| until <= at) {
            turn.follows.push_back(id);
        } else {
            // It may be selected by now, where idle ones are left out; or it breaks requests.
            self.want(id);
        }
        true
    }

    /// Notes that everything was asked of a project at `at`.
    pub fn read(&mut self, id: u64, activity: Option<UnixTime>, taken: bool, at: Moment) {
        let shown_by = self.reads.remove(&id).flatten();
        let new = !self.tracks.contains_key(&id);
        let track = self.tracks.entry(id).or_default();
        if new {
            let since = Duration::from_secs(activity.unwrap_or_default());
            track.hot_until = (since + COOLING).min(at + COOLING);
        } else if track.activity != activity && activity.is_some() {
            track.hot_until = at + COOLING;
        }
        track.activity = activity.or(track.activity);
        (track.taken, track.asked, track.glanced) = (taken, at, at);
        if let Some(list) =
            shown_by.and_then(|index| self.lists.get(index).map(|list| (index, list.round)))
        {
            track.rounds.insert(list.0, list.1);
        }
    }

    /// Notes that a project is known by name only, and breaks what else is asked: everything about it
    /// is asked alone, and not by GraphQL before its time in quarantine is over.
    pub fn broke(&mut self, id: u64, at: Moment) {
        let longest = self.rhythm.sweep.max(QUARANTINE);
        if let Some(track) = self.tracks.get_mut(&id) {
            let failures = track.quarantine.map_or(0, |(_, failures)| failures) + 1;
            let pause = QUARANTINE
                .saturating_mul(1 << failures.min(16) >> 1)
                .min(longest);
            track.quarantine = Some((at + pause, failures));
            tracing::warn!(
                project_id = id,
                pause = ?pause,
                "this project breaks every GraphQL request it is in; its values are asked for one by one"
            );
        }
    }

    /// Notes that GraphQL answered everything about a project.
    pub fn sound(&mut self, id: u64) {
        if let Some(track) = self.tracks.get_mut(&id) {
            track.quarantine = None;
        }
    }

    /// Who is to be asked for everything and is in quarantine: not by GraphQL, then.
    pub fn set_apart(&self, turn: &mut Turn) -> Vec<u64> {
        let wanted = self.reads.keys().copied();
        let apart = wanted.filter(|id| self.is_quarantined(*id, turn.began));
        apart.filter(|id| turn.read.insert(*id)).collect()
    }

    /// Whether GraphQL is not asked about a project now.
    pub fn is_quarantined(&self, id: u64, now: Moment) -> bool {
        let track = self.tracks.get(&id);
        track.is_some_and(|track| track.quarantine.is_some_and(|(until, _)| until > now))
    }

    /// Notes that a project was asked for what activity moves.
    pub fn followed_up(&mut self, id: u64, at: Moment) {
        if let Some(track) = self.tracks.get_mut(&id) {
            track.asked = at;
        }
    }

    /// Notes that a project was glanced at.
    pub fn glanced_at(&mut self, id: u64, at: Moment) {
        if let Some(track) = self.tracks.get_mut(&id) {
            track.glanced = at;
        }
    }

    /// Wants everything about a project asked soon.
    pub fn want(&mut self, id: u64) {
        self.reads.entry(id).or_default();
    }

    /// Wants everything about a project asked once more in this poll.
    pub fn want_again(&mut self, turn: &mut Turn, id: u64) {
        turn.read.remove(&id);
        self.want(id);
    }

    /// Forgets a project.
    pub fn forget(&mut self, id: u64) {
        self.tracks.remove(&id);
        self.reads.remove(&id);
    }

    /// A part that was too much goes again, by halves.
    pub fn halve(&self, turn: &mut Turn, errand: &Errand) {
        let List::Ids(ids) = &errand.part.list else {
            return;
        };
        let (left, right) = ids.split_at(ids.len() / 2);
        for half in [left, right].into_iter().filter(|half| !half.is_empty()) {
            turn.halves.push_back(Errand {
                alone: true,
                purpose: errand.purpose,
                part: Part {
                    list: List::Ids(half.to_vec()),
                    first: half.len(),
                    ..errand.part.clone()
                },
            });
        }
    }

    /// Everything about these projects is asked by halves: somebody among them breaks a page.
    pub fn suspect(&mut self, turn: &mut Turn, ids: &[u64], now: Moment) {
        let (left, right) = ids.split_at(ids.len() / 2);
        for half in [left, right] {
            let free: Vec<u64> = half
                .iter()
                .copied()
                .filter(|id| !self.is_quarantined(*id, now))
                .collect();
            turn.read.extend(&free);
            // Until they have been asked, the next poll owes it to them, too.
            free.iter().for_each(|id| self.want(*id));
            let errands = by_id(&free, free.len().max(1), Purpose::Read, |_| Depth::Whole);
            turn.halves.extend(errands.into_iter().map(|errand| Errand {
                alone: true,
                ..errand
            }));
        }
    }

    /// Who is followed and has not been asked since it was last hot, the longest unasked first.
    fn followed(&self, now: Moment) -> Vec<u64> {
        let hot = |(_, track): &(&u64, &Track)| {
            let free = track.quarantine.is_none_or(|(until, _)| until <= now);
            track.taken && free && track.asked < track.hot_until && track.asked < now
        };
        self.oldest(hot, |track| track.asked)
    }

    /// Who is to be glanced at in this poll, the longest unseen first: whoever would have waited too
    /// long by the next one, and so many others that it is about as many in each poll; and each time
    /// whom no list shows when it was active, such as those that were selected by name.
    fn glanced(&self, now: Moment) -> Vec<u64> {
        let Rhythm {
            interval,
            glance,
            sweep,
        } = self.rhythm;
        let silent = |track: &Track| {
            let mut lists = track
                .rounds
                .keys()
                .filter_map(|index| self.lists.get(*index));
            !track.rounds.is_empty() && lists.all(Listed::is_silent)
        };
        let mut ids = self.oldest(
            |(_, track)| track.taken && track.glanced < now,
            |track| track.glanced,
        );
        let listed = ids.iter().filter(|id| !silent(&self.tracks[id])).count();
        // What the sweep sees need not be glanced at.
        let times = interval.div_duration_f64(glance) - interval.div_duration_f64(sweep);
        let mut even = (listed as f64 * times.clamp(0.0, 1.0)).ceil() as usize;
        ids.retain(|id| {
            let track = &self.tracks[id];
            if silent(track) {
                return true;
            }
            let spread = even > 0;
            even = even.saturating_sub(1);
            spread || track.glanced + glance < now + interval
        });
        ids
    }

    fn oldest(
        &self,
        which: impl Fn(&(&u64, &Track)) -> bool,
        key: impl Fn(&Track) -> Moment,
    ) -> Vec<u64> {
        let which = self.tracks.iter().filter(which);
        let mut keyed: Vec<(Moment, u64)> = which.map(|(id, track)| (key(track), *id)).collect();
        keyed.sort_unstable();
        keyed.into_iter().map(|(_, id)| id).collect()
    }

    /// Removes projects from a list where it has not seen them; returns those that are in none now.
    fn drop_from(&mut self, index: usize, unseen: impl Fn(u64) -> bool) -> Vec<u64> {
        let mut gone = Vec::new();
        for (id, track) in &mut self.tracks {
            if track.rounds.get(&index).is_some_and(|seen| unseen(*seen)) {
                track.rounds.remove(&index);
                if track.rounds.is_empty() {
                    gone.push(*id);
                }
            }
        }
        gone
    }

    /// In which time a sweep is made, so that with the rest of an interval no value is older.
    fn pace(&self) -> Duration {
        self.rhythm.sweep.saturating_sub(self.rhythm.interval)
    }

    /// Whether everything fits one page: then that is the one request of each interval.
    fn is_small(&self) -> bool {
        let lengths: Option<Vec<usize>> = self.lists.iter().map(|list| list.length).collect();
        lengths.is_some_and(|lengths| lengths.iter().sum::<usize>() <= Capacity::PAGE)
    }
}

impl Track {
    /// Notes whether the project is selected. True if that was known.
    pub fn take(&mut self, taken: bool) -> bool {
        std::mem::replace(&mut self.taken, taken) == taken
    }
}
