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
//! | a pipeline that begins, moves or ends (see [`super::feeds_asking`]) | an interval; `ci_interval` beyond 30,000 projects, and over REST |
//! | deletion of a project that is followed | an interval |
//! | what a subject with a pace of its own tells (see [`super::due`]) | its cadence, of each owner |
//! | what GitLab refused of such a subject | an hour |
//! | stars, forks, other storage, roles, features; restored projects; deleted issues of idle projects | `sweep` |
//!
//! Each time counts from the start of the poll that sees it. Where GitLab, its limits or the budget
//! allow no more, a poll takes longer than its interval, and everything gets older evenly.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use super::left_out::LeftOut;
use super::list::ListProgress;
use super::moment::Moment;
use super::poll::Poll;
use super::track::{COOLING, QUARANTINE, Track};
use super::walk::{Position, Walk};
use crate::metrics::UnixTime;
use crate::poll::capacity::Capacity;
use crate::poll::config::Rhythm;
use crate::poll::selection::Source;

/// How far apart two times that GitLab tells may be out of order: transactions end when they end.
const DISORDER: u64 = 120;
/// How far back a glance looks beyond the last one.
pub const OVERLAP: Duration = Duration::from_secs(300);

/// What is to be asked next, for all lists of one GitLab.
#[derive(Debug)]
pub struct Schedule {
    rhythm: Rhythm,
    pub lists: Vec<ListProgress>,
    tracks: BTreeMap<u64, Track>,
    /// Projects to be asked for everything out of turn, and the list that showed one that was not
    /// known.
    reads: BTreeMap<u64, Option<usize>>,
    /// Projects that may have to be followed.
    hot: BTreeSet<u64>,
    /// Projects by when they were last glanced at, the longest ago first. Entries that are out of
    /// date are skipped.
    glanced: VecDeque<(Moment, u64)>,
    /// How many projects are selected.
    taken: usize,
    pub left_out: LeftOut,
}

impl Schedule {
    /// Nothing has been asked yet.
    pub fn new(rhythm: Rhythm, sources: &[Source]) -> Schedule {
        let lists = sources.iter().cloned().map(ListProgress::new);
        Schedule {
            rhythm,
            lists: lists.collect(),
            tracks: BTreeMap::new(),
            reads: BTreeMap::new(),
            hot: BTreeSet::new(),
            glanced: VecDeque::new(),
            taken: 0,
            left_out: LeftOut::default(),
        }
    }

    /// Whether every list was read to its end once: the set of projects is known.
    pub fn is_whole(&self) -> bool {
        self.lists.iter().all(|list| list.length.is_some())
    }

    /// When a project was asked what.
    pub fn track(&self, id: u64) -> Option<&Track> {
        self.tracks.get(&id)
    }

    /// The selected projects.
    pub fn taken(&self) -> impl Iterator<Item = u64> {
        let taken = self.tracks.iter().filter(|(_, track)| track.taken);
        taken.map(|(id, _)| *id)
    }

    /// Whether a project is selected.
    pub fn is_taken(&self, id: u64) -> bool {
        self.track(id).is_some_and(|track| track.taken)
    }

    /// Projects to be asked for everything out of turn, and the list that showed one that was not
    /// known.
    pub fn reads(&self) -> &BTreeMap<u64, Option<usize>> {
        &self.reads
    }

    /// Goes on where an earlier process ended. Its time counts; a clock that went backwards since
    /// makes nothing younger than now.
    pub fn resume(
        &mut self,
        lists: Vec<ListProgress>,
        tracks: BTreeMap<u64, Track>,
        reads: BTreeMap<u64, Option<usize>>,
        now: Moment,
    ) {
        for (list, kept) in self.lists.iter_mut().zip(lists) {
            *list = ListProgress {
                source: list.source.clone(),
                began: kept.began.min(now),
                walk: match &kept.position {
                    Some(_) => Walk::resumed(),
                    None => Walk::default(),
                },
                ..kept
            };
        }
        let longest = self.longest_quarantine();
        self.tracks = tracks;
        let mut glanced: Vec<(Moment, u64)> = Vec::with_capacity(self.tracks.len());
        for (id, track) in &mut self.tracks {
            track.not_after(now, longest);
            glanced.push((track.glanced, *id));
            if track.asked < track.hot_until {
                self.hot.insert(*id);
            }
        }
        glanced.sort_unstable();
        self.glanced = glanced.into();
        self.taken = self.tracks.values().filter(|track| track.taken).count();
        self.reads = reads;
    }

    /// Plans a poll. Where lists are asked over REST, a page has its price in every project, and is
    /// asked for only when it is due.
    pub fn plan(&mut self, poll: &mut Poll, rest: bool) {
        let now = poll.began;
        for list in &mut self.lists {
            if list.position.is_none() && list.passed == 0 && list.length.is_none() {
                list.began = now;
            }
        }
        let pace = self.pace();
        poll.whole = pace.is_zero() || !rest && self.is_small();
        for (index, list) in self.lists.iter().enumerate() {
            let own = &mut poll.lists[index];
            own.sweep = poll.whole || list.is_due(now, pace);
            own.recent = !poll.whole && list.tells_activity();
        }
        if !poll.whole {
            for id in self.followed(now) {
                poll.follow(id);
            }
            self.plan_glances(poll);
        }
    }

    /// Wants everything asked, in this poll, of the projects that are still to be read.
    pub fn plan_reads(&mut self, poll: &mut Poll) {
        let ids: Vec<u64> = self.reads.keys().copied().collect();
        ids.into_iter().for_each(|id| self.want(poll, id));
    }

    /// Lists recent activity in this poll, once more if need be.
    pub fn list_recent_again(&self, poll: &mut Poll) {
        for (own, list) in poll.lists.iter_mut().zip(&self.lists) {
            own.recent = list.tells_activity();
        }
    }

    /// Notes a page of a sweep, asked at `at`: the projects on it, and where the list goes on. Returns
    /// the projects that are gone, once the list has been read to its end.
    pub fn swept(
        &mut self,
        poll: &mut Poll,
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
                track.seen_in(index, round);
            }
            self.left_out.seen_in(*id, index, round);
        }
        list.passed += ids.len();
        (list.lost, list.failing) = (false, false);
        if next.is_some() {
            list.position = next;
            poll.lists[index].sweep = poll.whole || list.is_due(poll.began, pace);
            return Vec::new();
        }
        poll.lists[index].sweep = false;
        let first = list.length.is_none();
        list.length = Some(list.passed);
        list.redacted = list.walk.redacted();
        list.round += 1;
        list.restart();
        (list.over_rest, list.begun_anew) = (false, false);
        let began = std::mem::replace(&mut list.began, at.max(poll.began));
        if first {
            // What was active while the list was walked is listed again.
            let took = poll.began.max(at).since(began).as_secs();
            let latest = self.tracks.values().filter_map(Track::activity).max();
            list.watermark = latest.map(|latest| latest.saturating_sub(took + DISORDER));
        }
        self.left_out.swept(index, round);
        self.drop_from(index, |seen| seen < round)
    }

    /// Notes that a list does not exist, or can't be seen. One that was there before is asked for again
    /// by its next sweep, one that never was by every poll. Returns the projects that are gone with it.
    pub fn lost(&mut self, poll: &mut Poll, index: usize, was_there: bool) -> Vec<u64> {
        (poll.lists[index].sweep, poll.lists[index].recent) = (false, false);
        let list = &mut self.lists[index];
        list.restart();
        list.length = was_there.then_some(0);
        list.lost = true;
        list.began = poll.began;
        self.drop_from(index, |_| true)
    }

    /// Sweeps a list from its beginning, since it may not be there any more.
    pub fn doubt(&mut self, poll: &mut Poll, index: usize) {
        poll.lists[index].recent = false;
        poll.lists[index].sweep = true;
        self.lists[index].restart();
    }

    /// Notes a page of recent activity: projects, and when they were last active. `next` is where the
    /// list goes on.
    pub fn recent_page(
        &mut self,
        poll: &mut Poll,
        index: usize,
        at: Moment,
        nodes: &[(u64, Option<UnixTime>)],
        next: Option<Position>,
    ) {
        let mut moved = 0;
        for &(id, activity) in nodes {
            moved += usize::from(self.noticed(poll, id, activity, at, Some(index)));
            let round = self.lists[index].round;
            if let Some(track) = self.tracks.get_mut(&id) {
                // It is in the list, even if the sweep under way has passed its place.
                track.seen_in(index, round);
            }
        }
        let list = &mut self.lists[index];
        list.failing = false;
        // A project from the future must not hide the present.
        let now = at.as_secs() + DISORDER;
        let times = nodes
            .iter()
            .filter_map(|(_, activity)| activity.map(|time| time.min(now)));
        let (latest, last) = (times.clone().max(), times.min());
        let mut recent = list.recent.take().unwrap_or_default();
        if recent.position.is_none() {
            list.moved = 0;
        }
        recent.latest = recent.latest.max(latest);
        list.moved += moved;
        let disorder = list.risen.map_or(0, |_| DISORDER);
        let floor = list.watermark.map(|at| at.saturating_sub(disorder));
        match next {
            Some(next) if last > floor && last.is_some() => {
                recent.position = Some(next);
                list.recent = Some(recent);
            }
            _ => {
                if recent.latest > list.watermark {
                    (list.watermark, list.risen) = (recent.latest, Some(at));
                }
                let still = |risen: &Moment| at.since(*risen).as_secs() <= DISORDER;
                list.risen = list.risen.filter(still);
                poll.lists[index].recent = false;
            }
        }
    }

    /// Tries again to list by activity where that was refused: GitLab may be another by now.
    pub fn try_all(&mut self) {
        self.lists.iter_mut().for_each(|list| list.unsorted = false);
    }

    /// Notes that recent activity could not be listed; and not before the next
    /// [`Schedule::try_all`], if this GitLab can't sort so.
    pub fn recent_failed(&mut self, poll: &mut Poll, index: usize, for_ever: bool) {
        poll.lists[index].recent = false;
        let list = &mut self.lists[index];
        list.recent = None;
        list.unsorted |= for_ever;
        list.failing = true;
    }

    /// Notes when a project was last active. True if that is news: it is followed then.
    pub fn noticed(
        &mut self,
        poll: &mut Poll,
        id: u64,
        activity: Option<UnixTime>,
        at: Moment,
        list: Option<usize>,
    ) -> bool {
        let Some(track) = self.tracks.get_mut(&id) else {
            if self.left_out.keeps_out(id) {
                return false;
            }
            self.reads.insert(id, list);
            poll.read(id);
            return true;
        };
        if !track.is_news(activity) {
            return false;
        }
        track.note_activity(activity);
        track.hot_until = at + COOLING;
        self.hot.insert(id);
        if track.taken && !track.is_quarantined(at) {
            poll.follow(id);
        } else {
            // It may be selected by now, where idle ones are left out; or it breaks requests.
            self.want(poll, id);
        }
        true
    }

    /// Notes that everything was asked of a project at `at`.
    pub fn read(&mut self, id: u64, activity: Option<UnixTime>, taken: bool, at: Moment) {
        let shown_by = self.reads.remove(&id).flatten();
        let mut new = false;
        let track = self.tracks.entry(id).or_insert_with(|| {
            new = true;
            Track::new()
        });
        if new {
            let since = Moment::from_secs(activity.unwrap_or_default());
            track.hot_until = (since + COOLING).min(at + COOLING);
        } else if track.is_news(activity) {
            track.hot_until = at + COOLING;
        }
        if at < track.hot_until {
            self.hot.insert(id);
        }
        track.note_activity(activity);
        let was_taken = std::mem::replace(&mut track.taken, taken);
        self.taken = self.taken + usize::from(taken) - usize::from(was_taken);
        track.asked = at;
        track.glanced = at;
        self.glanced.push_back((at, id));
        if let Some(list) = shown_by.filter(|index| *index < self.lists.len()) {
            track.seen_in(list, self.lists[list].round);
        }
    }

    /// Notes that a project is known by name only, and breaks what else is asked: everything about it
    /// is asked alone, and not by GraphQL before its time in quarantine is over. Returns how long that
    /// is.
    pub fn broke(&mut self, id: u64, at: Moment) -> Option<Duration> {
        let longest = self.longest_quarantine();
        let track = self.tracks.get_mut(&id)?;
        Some(track.quarantine(at, longest))
    }

    /// Notes that GraphQL answered everything about a project.
    pub fn sound(&mut self, id: u64) {
        if let Some(track) = self.tracks.get_mut(&id) {
            track.end_quarantine();
        }
    }

    /// Whether GraphQL is not asked about a project now.
    pub fn is_quarantined(&self, id: u64, now: Moment) -> bool {
        self.tracks
            .get(&id)
            .is_some_and(|track| track.is_quarantined(now))
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
            self.glanced.push_back((at, id));
        }
    }

    /// Notes that REST was asked for what GraphQL hides of a project. The first sweep asks for all of
    /// them at once; after that they are spread over its time.
    pub fn uncovered(&mut self, id: u64, at: Moment) {
        let spread = f64::from(id.wrapping_mul(2_654_435_761) as u32) / f64::from(u32::MAX);
        let early = self.pace().mul_f64(spread);
        if let Some(track) = self.tracks.get_mut(&id) {
            let first = track.uncovered == Moment::ZERO;
            track.uncovered = if first { at - early } else { at };
        }
    }

    /// Whether REST is to be asked again for what GraphQL hides of a project: once in a sweep. Where each
    /// poll reads all projects it is done when it is due; else the next page that shows the project may be
    /// a sweep away.
    pub fn is_uncovering_due(&self, id: u64, now: Moment) -> bool {
        let due = match self.is_small() {
            true => self.pace(),
            false => self.pace() / 2,
        };
        let track = self.tracks.get(&id);
        track.is_none_or(|track| now.since(track.uncovered) >= due)
    }

    /// Whether a project is followed at a moment.
    pub fn is_hot(&self, id: u64, now: Moment) -> bool {
        self.tracks
            .get(&id)
            .is_some_and(|track| now < track.hot_until)
    }

    /// Wants everything about a project asked soon: in this poll, unless it was asked for already. One
    /// that breaks every GraphQL request is asked over REST.
    pub fn want(&mut self, poll: &mut Poll, id: u64) {
        if self.left_out.keeps_out(id) {
            return self.settle(id);
        }
        self.owe(id);
        match self.is_quarantined(id, poll.began) {
            true if poll.read.insert(id) => poll.rest_reads.push_back(id),
            true => {}
            false => poll.read(id),
        }
    }

    /// Wants everything about a project asked once more in this poll.
    pub fn want_again(&mut self, poll: &mut Poll, id: u64) {
        poll.read.remove(&id);
        self.want(poll, id);
    }

    /// Wants everything about a project asked by the next poll, if not by this one.
    pub fn owe(&mut self, id: u64) {
        if self.left_out.keeps_out(id) {
            return;
        }
        self.reads.entry(id).or_default();
    }

    /// Does not want it any more.
    pub fn settle(&mut self, id: u64) {
        self.reads.remove(&id);
    }

    /// Leaves a project out, as there is no memory for it.
    pub fn leave_out(&mut self, id: u64, taken: bool) {
        let shown_by = self.reads.remove(&id).flatten();
        self.left_out.add(id, taken);
        if let Some(list) = shown_by.filter(|index| *index < self.lists.len()) {
            self.left_out.seen_in(id, list, self.lists[list].round);
        }
    }

    /// Forgets a project.
    pub fn forget(&mut self, id: u64) {
        self.left_out.remove(id);
        if self.tracks.remove(&id).is_some_and(|track| track.taken) {
            self.taken -= 1;
        }
        self.reads.remove(&id);
        self.hot.remove(&id);
    }

    /// The projects that are followed and have not been asked since they were last hot, the longest
    /// unasked first.
    fn followed(&mut self, now: Moment) -> Vec<u64> {
        let tracks = &self.tracks;
        let mut due: Vec<(Moment, u64)> = Vec::new();
        self.hot.retain(|id| {
            let Some(track) = tracks.get(id).filter(|track| track.asked < track.hot_until) else {
                return false;
            };
            if track.taken && !track.is_quarantined(now) && track.asked < now {
                due.push((track.asked, *id));
            }
            true
        });
        due.sort_unstable();
        due.into_iter().map(|(_, id)| id).collect()
    }

    /// Plans the glances of a poll, the longest unseen projects first: those that would have waited too
    /// long by the next poll, and so many others that it is about as many in each; and each time those
    /// that no list shows when active, such as those that were selected by name.
    fn plan_glances(&mut self, poll: &mut Poll) {
        let Rhythm {
            interval,
            glance,
            sweep,
        } = self.rhythm;
        let silent = self.silent(poll.began);
        let listed = self.taken.saturating_sub(silent.len());
        // What the sweep sees need not be glanced at.
        let times = interval.div_duration_f64(glance) - interval.div_duration_f64(sweep);
        let even = (listed as f64 * times.clamp(0.0, 1.0)).ceil() as usize;
        let mut count = 0;
        while let Some(&(at, id)) = self.glanced.front() {
            let track = self.tracks.get(&id);
            let current = track.is_some_and(|track| track.glanced == at && track.taken);
            if current && !silent.contains(&id) {
                let waits_too_long = at + glance < poll.began + interval;
                if at >= poll.began || count >= even && !waits_too_long {
                    break;
                }
                count += 1;
                poll.glance(at, id);
            }
            self.glanced.pop_front();
        }
        for id in silent {
            poll.glance(Moment::ZERO, id);
        }
    }

    /// Takes back the glances of a poll that were not made: they are the first of the next.
    pub fn put_glances_back(&mut self, planned: Vec<(Moment, u64)>) {
        for (at, id) in planned.into_iter().rev() {
            if self
                .tracks
                .get(&id)
                .is_some_and(|track| track.glanced == at)
            {
                self.glanced.push_front((at, id));
            }
        }
    }

    /// The selected projects that no list shows when active. There are few, or GitLab can't sort its
    /// lists; elsewhere nobody is looked up.
    fn silent(&self, now: Moment) -> BTreeSet<u64> {
        if !self.lists.iter().any(ListProgress::is_silent) {
            return BTreeSet::new();
        }
        let is_silent = |track: &Track| {
            let mut lists = track.lists().peekable();
            lists.peek().is_some()
                && lists.all(|list| self.lists.get(list).is_some_and(ListProgress::is_silent))
        };
        let silent = self
            .tracks
            .iter()
            .filter(|(_, track)| track.taken && track.glanced < now && is_silent(track));
        silent.map(|(id, _)| *id).collect()
    }

    /// Removes projects from a list where it has not seen them; returns those that are in none now.
    fn drop_from(&mut self, index: usize, unseen: impl Fn(u32) -> bool) -> Vec<u64> {
        let mut gone = Vec::new();
        for (id, track) in &mut self.tracks {
            if track.round_of(index).is_some_and(&unseen) && track.left(index) {
                gone.push(*id);
            }
        }
        gone
    }

    /// In which time a sweep is made, so that with the rest of an interval, and with what a poll takes that waits
    /// for slow projects, no value is older.
    fn pace(&self) -> Duration {
        let Rhythm {
            interval, sweep, ..
        } = self.rhythm;
        sweep.saturating_sub(interval + interval.min(sweep / 20))
    }

    fn longest_quarantine(&self) -> Duration {
        self.rhythm.sweep.max(QUARANTINE)
    }

    /// Whether everything fits one page: then that is the one request of each interval.
    fn is_small(&self) -> bool {
        let lengths: Option<Vec<usize>> = self.lists.iter().map(|list| list.length).collect();
        lengths.is_some_and(|lengths| lengths.iter().sum::<usize>() <= Capacity::PAGE)
    }
}
