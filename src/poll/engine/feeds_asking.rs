//! The feeds of projects: which are asked when, and what their answers change.
//!
//! Every poll asks what changed of the projects in which something lives or has changed within the last
//! minutes, and glances at all others, as far as that fits a quarter of what GitLab allows; a project in
//! which a glance sees a change is asked in the same poll. A project that is new shows its newest things
//! first; all show them once in a sweep, so that deleted ones go.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use super::Engine;
use super::details::SeenPipeline;
use super::errors::feed_reason;
use super::feeds::{FeedsCourse, Kept, KeptFeeds, Owed};
use super::moment::Moment;
use super::paths::encoded;
use super::poll::{Poll, Purpose, Query};
use super::request::{FeedPage, Node, Page};
use super::rest_walk::RestWalk;
use crate::gitlab::Error;
use crate::metrics::{
    Access, Age, Cadence, Feature, Grain, Owner, PlacedFeed, Progress, Reach, Reason, Record,
    RefChoice, RefOf, Stage, TableReading, UnixTime,
};
use crate::poll::details_plan::PipelineId;
use crate::poll::plan::{Depth, FeedDepth, List};

/// Projects that are asked together have been asked within so many seconds of each other.
const APART: u64 = 600;
/// A walk of one project has no more pages in one poll: it goes on in the next.
const MOST_PAGES: u32 = 500;
/// Such a part of the budget may be spent on glances, where more is not needed to keep what is promised.
const SHARE_OF_GLANCES: f64 = 0.25;
/// How many lists of glances fit a request.
const LISTS: usize = 17;

impl Engine {
    /// Notes that so many things of a subject were counted: they are to be written down before they are
    /// shown.
    pub(super) fn note_counted(&mut self, subject: &'static str, count: usize) {
        if count > 0 {
            self.feeds.unsaved = true;
            *self.feeds.ended.entry(subject).or_default() += count as u64;
        }
    }

    /// How far the feeds of all projects have been read.
    pub(super) fn kept_feeds(&self) -> BTreeMap<u64, KeptFeeds> {
        let mut all: BTreeMap<u64, KeptFeeds> = BTreeMap::new();
        for (place, list) in &self.feeds.lists {
            let placed = &self.enabled.catalogue.feeds(Grain::Project)[usize::from(*place)];
            let name: Arc<str> = placed.full_name().into();
            for (id, kept) in &list.owners {
                let own = all.entry(*id).or_default();
                own.insert(&name, kept.progress.clone());
            }
        }
        all
    }

    /// Goes on where an earlier process ended. A feed that is not asked any more is forgotten: what ends
    /// until it is asked again is not counted.
    pub(super) fn recall_feeds(
        &mut self,
        course: &FeedsCourse,
        kept: BTreeMap<u64, KeptFeeds>,
        at: Moment,
    ) {
        self.feeds.looked = course.looked;
        let told = |ahead: i64| (at.as_secs().saturating_add_signed(ahead), at);
        self.feeds.clock.told = course.ahead.map(told);
        let feeds = self.enabled.catalogue.feeds(Grain::Project);
        let names: Vec<(u8, String)> = self
            .feeds
            .lists
            .keys()
            .map(|place| (*place, feeds[usize::from(*place)].full_name()))
            .collect();
        for (place, name) in &names {
            let owed = course.owed.get(name).into_iter().flatten();
            if let Some(list) = self.feeds.lists.get_mut(place) {
                list.owed = owed.map(|id| (*id, Owed::default())).collect();
            }
        }
        for (id, mut own) in kept {
            for (place, name) in &names {
                if let Some(progress) = own.remove(name) {
                    let swept = 0;
                    let list = self.feeds.lists.entry(*place).or_default();
                    list.owners.insert(id, Kept { progress, swept });
                }
            }
        }
    }

    /// Plans what a poll asks of the feeds.
    pub(super) fn plan_feeds(&mut self, poll: &mut Poll) {
        self.feeds.began = poll.began;
        let feeds = self.enabled.catalogue.feeds(Grain::Project);
        let places: Vec<u8> = self.feeds.lists.keys().copied().collect();
        for place in places {
            self.plan_feed(poll, place, &feeds[usize::from(place)]);
        }
    }

    fn plan_feed(&mut self, poll: &mut Poll, place: u8, placed: &PlacedFeed) {
        let now = self.feeds.clock.at(poll.began);
        let (interval, sweep) = (self.rhythm.interval, self.rhythm.sweep);
        let every = self.cadence_of_feed(placed);
        let (rest, slowly) = (!self.gitlab.graphql, every.max(self.rhythm.glance));
        // Whoever is not asked by this poll is asked by the next.
        let is_due = |watermark: u32, every: Duration| is_due(watermark, every, now, interval);
        let Some(list) = self.feeds.lists.get_mut(&place) else {
            return;
        };
        let queues = &mut poll.feeds[usize::from(place)];
        let mut idle: Vec<(u32, u64)> = Vec::new();
        for id in self.schedule.taken() {
            if rest && list.is_refused(id, poll.began) {
                continue;
            }
            let Some(kept) = list.owners.get_mut(&id) else {
                queues.ask_newest(id);
                continue;
            };
            // Over REST each project has its price.
            let is_late = rest && is_due(kept.progress.watermark, slowly);
            let is_owed = list.owed.contains_key(&id);
            if is_late || is_owed {
                queues.ask_changed(id);
            }
            if rest || is_owed {
                continue;
            }
            if kept.swept == 0 {
                kept.swept = spread(id, now, sweep);
            }
            let mut is_old = false;
            if placed.feed.newest.is_some() && is_due(kept.swept, sweep) {
                is_old = self.projects.get(&id).is_some_and(|project| {
                    shows_something(project, placed) || is_to_be_seen(project, placed)
                });
                kept.swept = crate::metrics::stamp(now).max(1);
            }
            is_old |= list.doubtful.remove(&id);
            let progress = &kept.progress;
            if !is_glanced(placed) {
                if is_due(progress.watermark, every) {
                    queues.ask_changed(id);
                }
            } else if progress.is_warm() && is_due(progress.watermark, interval) {
                queues.ask_changed(id);
                if is_old {
                    list.newest_after.insert(id);
                }
            } else if is_old {
                queues.ask_newest(id);
            } else {
                idle.push((progress.watermark, id));
            }
        }
        let promised = self.rhythm.glance.max(interval).min(every.max(interval));
        queues.glances = glances(idle, every, interval, promised, (now, self.hourly_budget)).into();
    }

    /// How often a feed is asked: one that is not glanced at costs more, and is asked less often.
    fn cadence_of_feed(&self, placed: &PlacedFeed) -> Duration {
        match self.enabled.choices.cadence_of(placed.subject) {
            Cadence::Every(every) => every,
            // A child runs while its parent does, which is asked more often.
            _ if is_glanced(placed) && !placed.feed.of_children => self.rhythm.interval,
            _ => self.rhythm.glance.max(self.rhythm.interval),
        }
    }

    /// Asks in this poll what changed in a project, and what its children did.
    fn ask_changed(&self, poll: &mut Poll, place: u8, id: u64) {
        let feeds = self.enabled.catalogue.feeds(Grain::Project);
        let own = &feeds[usize::from(place)];
        for (index, placed) in feeds.iter().enumerate() {
            let is_child = placed.feed.of_children && std::ptr::eq(placed.subject, own.subject);
            let is_asked = self
                .feeds
                .lists
                .keys()
                .any(|asked| usize::from(*asked) == index);
            if index == usize::from(place) || is_child && is_asked {
                poll.feeds[index].ask_changed(id);
            }
        }
    }

    /// Whether a project that was found in this poll is new to the feeds: its newest things are asked in
    /// the same poll.
    pub(super) fn feed_found(&self, poll: &mut Poll, id: u64) {
        for (place, list) in &self.feeds.lists {
            if let Some(queues) = poll.feeds.get_mut(usize::from(*place))
                && !list.owners.contains_key(&id)
            {
                queues.ask_newest(id);
            }
        }
    }

    /// Asks in this poll what ended in a project whose numbers have moved, of what is not glanced at: what was
    /// merged is counted when the number of the merged ones shows it.
    pub(super) fn feed_moved(&mut self, poll: &mut Poll, before: &Owner) {
        let (id, catalogue) = (before.identity.id, self.enabled.catalogue);
        let Some(project) = self.projects.get(&id).map(Arc::clone) else {
            return;
        };
        let columns = catalogue.project_columns().iter();
        let both = columns.zip(before.values.iter().zip(&project.values));
        let has_moved = |feature: Option<Feature>| {
            both.clone().any(|(placed, (before, now))| {
                let is_of_it = feature.is_none() || placed.column.feature == feature;
                // One that was not known for a while may have moved meanwhile.
                is_of_it && now.value().is_some() && !now.shows_like(before)
            })
        };
        self.ask_feeds_again(poll, id, |placed| {
            let feature = catalogue.tables(Grain::Project)[placed.table].feature();
            !is_glanced(placed) && has_moved(feature)
        });
    }

    /// Whether the feed of pipelines is asked.
    pub(super) fn reads_pipelines(&self) -> bool {
        let feeds = self.enabled.catalogue.feeds(Grain::Project);
        let mut places = self.feeds.lists.keys();
        places.any(|place| is_glanced(&feeds[usize::from(*place)]))
    }

    /// Asks in this poll what changed in the feeds of a project, because something is said to have.
    pub(super) fn hint_feeds(&mut self, poll: &mut Poll, id: u64) {
        self.ask_feeds_again(poll, id, is_glanced);
    }

    /// Asks in this poll what changed in some feeds of a project, even if they were asked before in it; and
    /// in the next ones, until there is an answer.
    fn ask_feeds_again(&mut self, poll: &mut Poll, id: u64, which: impl Fn(&PlacedFeed) -> bool) {
        let feeds = self.enabled.catalogue.feeds(Grain::Project);
        let known = self.feeds.clock.told.map_or(0, |(date, _)| date);
        for (place, list) in &mut self.feeds.lists {
            let place = usize::from(*place);
            let is_refused = !self.gitlab.graphql && list.is_refused(id, poll.began);
            if list.owners.contains_key(&id) && !is_refused && which(&feeds[place]) {
                poll.feeds[place].ask_changed_again(id);
                list.owed.insert(id, Owed { known, timeouts: 0 });
            }
        }
    }

    /// The next query of a feed: what changed first, since that is counted.
    pub(super) fn next_of_feed(&self, poll: &mut Poll, place: u8) -> Option<Query> {
        let page = self.gitlab.capacity.page();
        let placed = &self.enabled.catalogue.feeds(Grain::Project)[usize::from(place)];
        let list = self.feeds.lists.get(&place)?;
        let queues = &mut poll.feeds[usize::from(place)];
        let since_of = |id: &u64| match list.owners.get(id) {
            Some(kept) => kept.progress.asks_since(),
            None => self.feeds.counting_since(),
        };
        let mut always = true;
        let (newest_in_order, changed_in_order) = &mut queues.in_order;
        let (queue, in_order, newest, glance) = if !queues.changed.is_empty() {
            (&mut queues.changed, changed_in_order, false, false)
        } else if !queues.newest.is_empty() {
            let newest = placed.feed.newest.is_some();
            (&mut queues.newest, newest_in_order, newest, false)
        } else {
            (&mut queues.glances, &mut always, false, true)
        };
        if !newest && !std::mem::replace(in_order, true) {
            queue.make_contiguous().sort_by_key(since_of);
        }
        // One that is far behind would make the others tell more than is wanted.
        let since = since_of(queue.front()?);
        let alike = |id: &&u64| newest || since_of(id) <= since + APART;
        let count = queue.iter().take(page).take_while(alike).count();
        let ids: Vec<u64> = queue.drain(..count).collect();
        let since = ids.iter().map(since_of).min().unwrap_or(since);
        let depth = match (newest, glance) {
            (true, _) => FeedDepth::Newest,
            (_, true) => FeedDepth::Glance { since },
            _ => FeedDepth::Changed { since },
        };
        Some(Query::of_ids(
            Purpose::Feed(place),
            ids,
            Depth::Feed(depth, place),
        ))
    }

    /// Takes back a query of a feed for which there was no room.
    pub(super) fn put_feed_back(&self, poll: &mut Poll, place: u8, query: &Query) {
        let queues = &mut poll.feeds[usize::from(place)];
        let queue = match query.part.depth {
            Depth::Feed(FeedDepth::Newest, _) => &mut queues.newest,
            Depth::Feed(FeedDepth::Glance { .. }, _) => &mut queues.glances,
            _ => &mut queues.changed,
        };
        query
            .ids()
            .iter()
            .rev()
            .for_each(|id| queue.push_front(*id));
    }

    /// Notes what an answer says of the time at GitLab.
    pub(super) fn note_date(&mut self, date: Option<UnixTime>, now: Moment) {
        self.feeds.clock.note(date, now);
    }

    /// Takes in what a feed told of some projects.
    pub(super) fn feed_answered(
        &mut self,
        poll: &mut Poll,
        place: u8,
        query: &Query,
        at: Moment,
        page: Page,
    ) {
        let Depth::Feed(depth, _) = query.part.depth else {
            return;
        };
        let mut shown: HashSet<u64> = HashSet::with_capacity(page.nodes.len());
        // What changed after the question was asked may be missing from its answer.
        let told_at = self.feeds.clock.at(at);
        for node in page.nodes {
            let Node::Feed { id, page } = node else {
                continue;
            };
            shown.insert(id);
            if !self.is_of_interest(id) {
                continue;
            }
            match (page, depth) {
                (Err(reason), _) => self.feed_failed(poll, place, depth, id, reason),
                (Ok(page), FeedDepth::Glance { .. }) => {
                    self.feed_glanced(poll, place, id, page.told, told_at);
                }
                (Ok(page), _) => {
                    let after = query.part.after.as_deref();
                    self.feed_page(poll, place, (depth, after), id, page, (told_at, at));
                }
            }
        }
        for id in query.ids().iter().filter(|id| !shown.contains(id)) {
            self.schedule.want(poll, *id);
        }
    }

    fn feed_glanced(
        &mut self,
        poll: &mut Poll,
        place: u8,
        id: u64,
        told: usize,
        told_at: UnixTime,
    ) {
        if told > 0 {
            return self.ask_changed(poll, place, id);
        }
        if let Some(list) = self.feeds.lists.get_mut(&place)
            && let Some(kept) = list.owners.get_mut(&id)
        {
            kept.progress.complete(told_at);
        }
    }

    /// Since when the changes of a project are to be asked for.
    pub(super) fn feed_since(&self, place: u8, id: u64) -> UnixTime {
        let list = self.feeds.lists.get(&place);
        match list.and_then(|list| list.owners.get(&id)) {
            Some(kept) => kept.progress.asks_since(),
            None => self.feeds.counting_since(),
        }
    }

    /// What GitLab's clock showed at a moment.
    pub(super) fn server_time(&self, at: Moment) -> UnixTime {
        self.feeds.clock.at(at)
    }

    /// Does not ask a project before that moment.
    pub(super) fn leave_feed_alone(&mut self, place: u8, id: u64, until: Moment) {
        if let Some(list) = self.feeds.lists.get_mut(&place) {
            list.refused.insert(id, until);
        }
    }

    /// Takes in what a page told that is not the last of its walk.
    pub(super) fn feed_part(
        &mut self,
        place: u8,
        id: u64,
        things: &[Record],
        (told_at, at): (UnixTime, Moment),
    ) {
        self.take_feed(place, id, things, Reach::Changed, told_at, at);
    }

    /// Takes in a page of a feed of one project, and asks for the next.
    pub(super) fn feed_page(
        &mut self,
        poll: &mut Poll,
        place: u8,
        (depth, asked): (FeedDepth, Option<&str>),
        id: u64,
        page: FeedPage,
        (told_at, at): (UnixTime, Moment),
    ) {
        let since = depth.since().unwrap_or_default();
        let lowest = page.things.iter().map(Record::key).min();
        let reach = match (depth, &page.next) {
            (FeedDepth::Newest, None) => Reach::From(0),
            (FeedDepth::Newest, Some(_)) => Reach::From(lowest.unwrap_or_default()),
            _ => Reach::Changed,
        };
        self.take_feed(place, id, &page.things, reach, told_at, at);
        match depth {
            FeedDepth::OfRef => return,
            FeedDepth::Newest if page.next.is_some() => self.seek_default_branch(poll, place, id),
            _ => {}
        }
        let queues = &mut poll.feeds[usize::from(place)];
        let Some(list) = self.feeds.lists.get_mut(&place) else {
            return;
        };
        let is_hard = list.is_hard(id);
        let Some(kept) = list.owners.get_mut(&id) else {
            return;
        };
        if depth == FeedDepth::Newest {
            kept.swept = crate::metrics::stamp(told_at).max(1);
            if is_hard {
                kept.progress.complete(told_at);
            } else if kept.progress.is_warm() {
                queues.push_changed(id);
            }
            return;
        }
        let (began, pages) = queues.walks.entry(id).or_insert((told_at, 0));
        let began = *began;
        *pages += 1;
        if let Some(after) = page.next {
            // A page that names itself, or is empty and names a next one, would never end.
            let ends = Some(after.as_str()) == asked || page.things.is_empty();
            if ends || *pages > MOST_PAGES {
                return self.feed_failed(poll, place, depth, id, Reason::NotUnderstood);
            }
            let paged = Depth::Feed(FeedDepth::Paged { since }, place);
            let mut query = Query::of_ids(Purpose::Feed(place), vec![id], paged);
            query.part.after = Some(after);
            return poll.again.push_back(query);
        }
        queues.walks.remove(&id);
        if list.walked(id, began) {
            queues.newest.push_back(id);
        }
    }

    /// Asks for the newest pipelines of the default branch, where it is not among the newest of all.
    fn seek_default_branch(&mut self, poll: &mut Poll, place: u8, id: u64) {
        let placed = &self.enabled.catalogue.feeds(Grain::Project)[usize::from(place)];
        let (Some(list), Some(project)) =
            (self.feeds.lists.get_mut(&place), self.projects.get(&id))
        else {
            return;
        };
        let Some(branch) = project.identity.default_branch.as_deref() else {
            return;
        };
        let table = project
            .tables
            .get(placed.table)
            .and_then(TableReading::known);
        let is_it = |row: usize, table: &crate::metrics::Table| {
            let labels = table.labels_of(row);
            labels.iter().any(|label| &**label == branch)
                && labels.iter().any(|label| &**label == "branch")
        };
        let is_shown = table.is_some_and(|table| (0..table.rows()).any(|row| is_it(row, table)));
        let was_sought = list.sought.get(&id).is_some_and(|sought| sought == branch);
        if is_shown || was_sought {
            return;
        }
        list.sought.insert(id, branch.to_owned());
        if !self.gitlab.graphql {
            let Some(list) = placed.feed.rest_newest else {
                return;
            };
            let (branch, first) = (encoded(branch), RestWalk::FEW);
            let path = format!("projects/{id}/{list}&ref={branch}&per_page={first}");
            let walk = RestWalk::new(place, id, FeedDepth::OfRef, path);
            return poll.rest_walks.push_back(walk);
        }
        let depth = Depth::Feed(FeedDepth::OfRef, place);
        let mut query = Query::of_ids(Purpose::Feed(place), vec![id], depth);
        query.part.after = Some(branch.to_owned());
        poll.again.push_back(query);
    }

    /// Looks for the default branch of a project by name once more: the last try failed.
    pub(super) fn seek_again(&mut self, place: u8, id: u64) {
        if let Some(list) = self.feeds.lists.get_mut(&place) {
            list.sought.remove(&id);
        }
    }

    /// Notes that another branch of a project is the default one.
    pub(super) fn default_branch_changed(&mut self, id: u64) {
        for list in self.feeds.lists.values_mut() {
            list.doubtful.insert(id);
        }
    }

    /// Takes in what a page told of a project.
    pub(super) fn take_feed(
        &mut self,
        place: u8,
        id: u64,
        things: &[Record],
        reach: Reach,
        told_at: UnixTime,
        at: Moment,
    ) {
        let since = self.feeds.counting_since();
        let (Some(list), Some(project)) =
            (self.feeds.lists.get_mut(&place), self.projects.get(&id))
        else {
            return;
        };
        let kept = list.owners.entry(id).or_insert_with(|| Kept {
            progress: Progress::beginning(since),
            swept: 0,
        });
        let catalogue = self.enabled.catalogue;
        let placed = &catalogue.feeds(Grain::Project)[usize::from(place)];
        let choices = &self.enabled.choices;
        let mut next = Owner::clone(project);
        let choice = RefChoice {
            default_branch: project.identity.default_branch.as_deref(),
            refs: &choices.refs,
            at_most: choices.limits.refs_per_project as usize,
            now: told_at,
        };
        let from = u64::from(
            kept.progress
                .watermark
                .saturating_sub(crate::metrics::OVERLAP),
        );
        let began = u64::from(kept.progress.since);
        let (counted, begun) =
            next.take_feed(&mut kept.progress, things, reach, placed, catalogue, choice);
        self.feeds.unsaved |= begun > 0;
        if counted > 0 {
            self.feeds.unsaved = true;
            let ended = self.feeds.ended.entry(placed.subject.name).or_default();
            *ended += counted as u64;
        }
        let pipelines = placed.subject.name == "pipelines";
        let seen = match pipelines {
            true => seen_pipelines(things, placed, &next),
            false => Vec::new(),
        };
        self.projects.insert(id, Arc::new(next));
        if pipelines {
            // What ended before the project was counted is not counted either.
            self.note_pipelines(id, &seen, from.max(began), (told_at, at));
            let (moved, rested) = (!things.is_empty(), counted > 0);
            self.note_deployments(id, moved, rested, told_at, at);
            self.note_environments(id, rested);
            if moved || matches!(reach, Reach::From(_)) {
                self.forget_refs(id);
            }
        }
    }

    /// A feed of one project failed. A list of changes that takes too long has no index to go by; the
    /// newest things always have.
    pub(super) fn feed_failed(
        &mut self,
        poll: &mut Poll,
        place: u8,
        depth: FeedDepth,
        id: u64,
        reason: Reason,
    ) {
        let placed = &self.enabled.catalogue.feeds(Grain::Project)[usize::from(place)];
        let Some(list) = self.feeds.lists.get_mut(&place) else {
            return;
        };
        let queues = &mut poll.feeds[usize::from(place)];
        queues.walks.remove(&id);
        if depth == FeedDepth::OfRef {
            list.sought.remove(&id);
        }
        if reason == Reason::Timeout {
            list.note_slow_debt(id);
        }
        if reason == Reason::Hidden {
            list.owed.remove(&id);
            let known = list.owners.get_mut(&id);
            if let Some(kept) = known {
                kept.swept = crate::metrics::stamp(self.feeds.clock.at(poll.began)).max(1);
            }
            return;
        }
        let failed = (placed.subject.name, reason.name());
        *poll.values.entry(failed).or_default() += 1;
        let may_fall_back = reason == Reason::Timeout && placed.feed.newest.is_some();
        if may_fall_back && depth.since().is_some() {
            list.note_hard(id);
            if list.is_hard(id) {
                queues.newest.push_back(id);
            }
        }
    }

    /// GitLab broke at a part about feeds. One project may be to blame: it is found by halves, as long as
    /// GitLab answers anything else.
    pub(super) fn feed_broken(&mut self, poll: &mut Poll, query: Query, error: &Error) {
        /// So often in one poll.
        const MOST: u32 = 40;
        self.note_down(poll, "asking what changed in projects".to_owned(), error);
        poll.feed_halves += 1;
        let answers = self.last_answer >= Some(poll.began);
        if answers && poll.feed_halves <= MOST {
            self.feed_refused(poll, query, feed_reason(Some(error)));
        }
    }

    /// A part about feeds was too much for GitLab, or refused: less may do. What one project alone can't
    /// be asked is left to the next poll.
    pub(super) fn feed_refused(&mut self, poll: &mut Poll, query: Query, reason: Reason) {
        let Purpose::Feed(place) = query.purpose else {
            return;
        };
        if query.names() > 1 {
            return poll.again.extend(query.halves());
        }
        let Depth::Feed(depth, _) = query.part.depth else {
            return;
        };
        if let List::Ids(ids) = &query.part.list {
            for id in ids {
                self.feed_failed(poll, place, depth, *id, reason);
            }
        }
    }

    /// Notes that a poll has ended: what the next finds is new since this one began.
    pub(super) fn feeds_polled(&mut self, poll: &Poll) {
        let asked = poll.feeds.iter().all(|queues| queues.newest.is_empty());
        // Between two polls nobody looks for projects that are new.
        if asked && !poll.is_between && self.schedule.is_whole() {
            self.feeds.looked = Some(self.feeds.clock.at(poll.began));
        }
    }

    /// How old what the feeds tell is, by subject.
    pub(super) fn feed_ages(&self, now: Moment) -> Vec<Age> {
        let mut ages: BTreeMap<&'static str, UnixTime> = BTreeMap::new();
        // After a restart nothing has been told yet: then the clocks are taken to be alike.
        let shown = match self.feeds.clock.told {
            Some(_) => self.feeds.clock.at(now),
            None => now.as_secs(),
        };
        let shift = |at: u32| {
            let ago = shown.saturating_sub(at.into());
            now.as_secs().saturating_sub(ago)
        };
        for (place, list) in &self.feeds.lists {
            let placed = &self.enabled.catalogue.feeds(Grain::Project)[usize::from(*place)];
            let own = list.owners.iter();
            let own = own.filter(|(id, _)| self.schedule.is_taken(**id));
            if let Some(oldest) = own.map(|(_, kept)| kept.progress.watermark).min() {
                let oldest = shift(oldest);
                let age = ages.entry(placed.subject.name).or_insert(oldest);
                *age = oldest.min(*age);
            }
        }
        let ages = ages.into_iter();
        ages.map(|(collector, oldest)| Age { collector, oldest })
            .collect()
    }
}

/// Pipelines as far as their jobs and reports go.
fn seen_pipelines(things: &[Record], placed: &PlacedFeed, project: &Owner) -> Vec<SeenPipeline> {
    let table = project
        .tables
        .get(placed.table)
        .and_then(TableReading::known);
    let is_newest = |key: &u64| table.is_some_and(|table| table.keys.binary_search(key).is_ok());
    let told = things
        .iter()
        .filter(|thing| !matches!(thing.stage, Stage::EndedBefore(_)));
    let ref_of = |thing: &Record| {
        let label = |name: &str| thing.label(placed, name).cloned();
        Some(RefOf {
            name: label("ref")?,
            kind: label("kind")?,
        })
    };
    let seen = told.map(|thing| {
        let number = |name: &str| thing.value(placed, name).map(|value| value as u64);
        SeenPipeline {
            id: PipelineId {
                id: thing.key(),
                iid: number("iid").unwrap_or_default(),
            },
            changed: thing.updated,
            jobs: number("jobs").map(|jobs| jobs as u32),
            active: matches!(thing.stage, Stage::Live(_)),
            child: placed.feed.of_children,
            newest: is_newest(&thing.key()),
            of: thing.is_shown.then(|| ref_of(thing)).flatten(),
        }
    });
    seen.collect()
}

/// Whether what was told then is to be asked again, by this poll rather than by the next.
fn is_due(told: u32, every: Duration, now: UnixTime, interval: Duration) -> bool {
    u64::from(told) + every.as_secs() <= now + interval.as_secs() / 2
}

/// The projects to glance at: all, if they are not too many; else those that were seen the longest ago.
fn glances(
    mut idle: Vec<(u32, u64)>,
    every: Duration,
    interval: Duration,
    promised: Duration,
    (now, hourly_budget): (UnixTime, Option<u32>),
) -> Vec<u64> {
    let share = SHARE_OF_GLANCES * interval.as_secs_f64() / 3600.0;
    let requests = hourly_budget.map_or(f64::INFINITY, |budget| f64::from(budget) * share);
    let most = (requests * (LISTS * 100) as f64) as usize;
    let even = |time: Duration| {
        let part = interval.as_secs_f64() / time.as_secs_f64().max(interval.as_secs_f64());
        (idle.len() as f64 * part).ceil() as usize
    };
    let (wanted, needed) = (even(every), even(promised));
    let count = wanted.min(most).max(needed);
    idle.sort_unstable();
    let late =
        |watermark: u32| u64::from(watermark) + promised.as_secs() < now + interval.as_secs();
    let due = idle.iter().enumerate();
    let due = due.take_while(|(index, (watermark, _))| *index < count || late(*watermark));
    due.map(|(_, (_, id))| *id).collect()
}

/// When a project is taken to have shown its newest things after a restart: spread over a sweep.
fn spread(id: u64, now: UnixTime, sweep: Duration) -> u32 {
    let share = id.wrapping_mul(2_654_435_761) % sweep.as_secs().max(1);
    crate::metrics::stamp(now.saturating_sub(share)).max(1)
}

/// Whether a glance is asked before what changed: where that is cheaper.
fn is_glanced(placed: &PlacedFeed) -> bool {
    placed.feed.newest.is_some() || placed.feed.of_children
}

/// Whether a project shows a thing of a feed, which may be deleted.
fn shows_something(project: &Owner, placed: &PlacedFeed) -> bool {
    let table = project.tables[placed.table].known();
    table.is_some_and(|table| table.rows() > 0 || !table.live.is_empty())
}

/// Whether a project showed nothing because the token might not see it, and by now it may.
fn is_to_be_seen(project: &Owner, placed: &PlacedFeed) -> bool {
    let shows = matches!(
        project.tables[placed.table],
        TableReading::Unknown(Reason::Hidden | Reason::Pending | Reason::NotAsked)
    );
    shows && project.identity.access(Some(Feature::Pipelines)) == Access::On
}
