//! Feeds over REST, where GraphQL can't be asked: a list for each project, and a document for each thing
//! of which the list lacks something that is needed. Less often than over GraphQL, since each project has
//! its price.

use std::collections::{HashSet, VecDeque};
use std::time::Duration;

use serde_json::Value;

use super::errors::{feed_reason, is_forbidden};
use super::moment::Moment;
use super::poll::Poll;
use super::request::{FeedPage, Kind, Rows};
use super::rest_walk::RestWalk;
use super::{Engine, Next, Sent};
use crate::gitlab::Error;
use crate::metrics::{Api, Grain, NotUnderstood, PlacedFeed, Record, Stage, UnixTime};
use crate::poll::plan::FeedDepth;

/// How many things a page of changes has, and one of the newest.
const PAGE: usize = 100;
const FEW: usize = 20;
/// A walk of one project has no more pages in one poll.
const MOST_PAGES: u32 = 200;
/// What may not be read is tried again so much later.
const RETRY: Duration = Duration::from_secs(3600);

impl Engine {
    /// Sends the requests about feeds over REST that may be sent now.
    pub(super) fn ask_feeds_over_rest(&mut self, poll: &mut Poll, now: Moment, next: &mut Next) {
        if self.gitlab.graphql {
            return;
        }
        while self.free() > 0
            && let Some(walk) = poll.rest_walks.pop_front().or_else(|| self.next_walk(poll))
        {
            let placed = &self.enabled.catalogue.feeds(Grain::Project)[usize::from(walk.place)];
            let request = walk.request(placed);
            self.send(
                poll,
                now,
                next,
                request,
                Kind::Feed,
                Sent::Feed(Box::new(walk)),
            );
        }
    }

    /// Begins the next walk that is due.
    fn next_walk(&mut self, poll: &mut Poll) -> Option<RestWalk> {
        let feeds = self.enabled.catalogue.feeds(Grain::Project);
        for (index, placed) in feeds.iter().enumerate() {
            let place = u8::try_from(index).ok()?;
            let queues = poll.feeds.get_mut(index)?;
            let newest = queues.changed.is_empty();
            let id = queues
                .changed
                .pop_front()
                .or_else(|| queues.newest.pop_front());
            let Some(id) = id else {
                continue;
            };
            let since = self.feed_since(place, id);
            let list = placed.feed.rest_newest.filter(|_| newest);
            let (depth, list, first) = match list {
                Some(list) => (FeedDepth::Newest, list.to_owned(), FEW),
                None => {
                    let list = since_in(placed.feed.rest_changed, since);
                    (FeedDepth::Changed { since }, list, PAGE)
                }
            };
            return Some(RestWalk {
                place,
                id,
                depth,
                path: format!("projects/{id}/{list}&per_page={first}"),
                things: Vec::new(),
                lacking: VecDeque::new(),
                next: None,
                began: None,
                pages: 0,
            });
        }
        None
    }

    /// Takes in a page of a walk, or one of its things.
    pub(super) fn feed_rest_answered(
        &mut self,
        poll: &mut Poll,
        mut walk: RestWalk,
        at: Moment,
        answer: Result<Rows, Error>,
        now: Moment,
    ) {
        let rows = match answer {
            Ok(rows) => rows,
            Err(error) if self.waits(poll, &error, now) => {
                return poll.rest_walks.push_front(walk);
            }
            Err(error) => return self.feed_rest_failed(poll, &walk, &error),
        };
        self.note_date(rows.date, now);
        let told_at = self.server_time(at);
        walk.began.get_or_insert((told_at, at));
        let taken = match walk.lacking.pop_front() {
            Some(_) => self.take_thing(&mut walk, &rows.rows, told_at),
            None => self.take_list(&mut walk, &rows.rows, told_at),
        };
        if taken.is_err() {
            let error = Error::not_understood("the answer is no list of things");
            return self.feed_rest_failed(poll, &walk, &error);
        }
        match walk.lacking.is_empty() {
            true => self.end_of_page(poll, walk),
            false => poll.rest_walks.push_back(walk),
        }
    }

    fn take_thing(
        &self,
        walk: &mut RestWalk,
        thing: &Value,
        at: UnixTime,
    ) -> Result<(), NotUnderstood> {
        let placed = &self.enabled.catalogue.feeds(Grain::Project)[usize::from(walk.place)];
        let list = Value::Array(vec![thing.clone()]);
        walk.things
            .extend(Record::read_all(&list, placed, Api::Rest, at)?);
        Ok(())
    }

    /// Reads a list: what of it is to be asked one by one, and where it goes on.
    fn take_list(
        &self,
        walk: &mut RestWalk,
        list: &Value,
        at: UnixTime,
    ) -> Result<(), NotUnderstood> {
        let placed = &self.enabled.catalogue.feeds(Grain::Project)[usize::from(walk.place)];
        let things = Record::read_all(list, placed, Api::Rest, at)?;
        let count = list.as_array().map_or(0, Vec::len);
        walk.next = None;
        if let FeedDepth::Changed { since } = walk.depth
            && count >= PAGE
        {
            walk.next = Some(next_page(walk, placed, since, &things));
        }
        if walk.depth == FeedDepth::Newest && count >= FEW {
            walk.next = Some(String::new());
        }
        if placed.feed.rest_one.is_none() {
            walk.things = things;
            return Ok(());
        }
        let needed = self.needed(walk, placed, &things);
        walk.lacking = things
            .iter()
            .map(Record::key)
            .filter(|key| needed.contains(key))
            .collect();
        walk.things = things
            .into_iter()
            .filter(|one| !needed.contains(&one.key()))
            .collect();
        // A list does not tell enough of these to show them.
        walk.things
            .iter_mut()
            .for_each(|thing| thing.is_shown = false);
        Ok(())
    }

    /// The things whose documents are needed: those that may be shown, and those that may be counted.
    fn needed(&self, walk: &RestWalk, placed: &PlacedFeed, things: &[Record]) -> HashSet<u64> {
        let (refs, project) = (&self.enabled.choices.refs, self.projects.get(&walk.id));
        let default = project.and_then(|project| project.identity.default_branch.clone());
        let floor = self.feed_since(walk.place, walk.id);
        let mut names: HashSet<&str> = HashSet::new();
        let mut needed = HashSet::new();
        let mut newest: Vec<&Record> = things.iter().collect();
        newest.sort_unstable_by_key(|thing| std::cmp::Reverse(thing.key()));
        for thing in newest {
            let name = thing.label(placed, "ref").map_or("", AsRef::as_ref);
            let is_wanted = Some(name) == default.as_deref()
                || refs.takes_branch(name)
                || refs.takes_tag(name)
                || refs.takes_merge_request(name);
            let is_newest = thing.is_shown && is_wanted && names.insert(name);
            let has_ended = !matches!(thing.stage, Stage::Live(_) | Stage::Resting);
            if is_newest || has_ended && thing.updated >= floor {
                needed.insert(thing.key());
            }
        }
        needed
    }

    fn end_of_page(&mut self, poll: &mut Poll, mut walk: RestWalk) {
        let Some((told_at, at)) = walk.began else {
            return;
        };
        let things = std::mem::take(&mut walk.things);
        let told = things.len();
        let next = walk.next.clone();
        // Pages of changes follow each other by their times, so this walk asks for the next itself.
        let page = FeedPage {
            things,
            told,
            next: next.clone().filter(|_| walk.depth == FeedDepth::Newest),
        };
        match (walk.depth, next) {
            (FeedDepth::Changed { .. }, Some(path)) => {
                walk.pages += 1;
                if path == walk.path || walk.pages > MOST_PAGES {
                    let error = Error::not_understood("the page names itself as the next");
                    return self.feed_rest_failed(poll, &walk, &error);
                }
                self.feed_part(walk.place, walk.id, &page.things, (told_at, at));
                walk.path = path;
                poll.rest_walks.push_back(walk);
            }
            (depth, _) => {
                self.feed_page(
                    poll,
                    walk.place,
                    (depth, None),
                    walk.id,
                    page,
                    (told_at, at),
                );
            }
        }
    }

    fn feed_rest_failed(&mut self, poll: &mut Poll, walk: &RestWalk, error: &Error) {
        let reason = feed_reason(Some(error));
        if is_forbidden(error) {
            self.leave_feed_alone(walk.place, walk.id, poll.began + RETRY);
            return;
        }
        self.note_down(poll, "asking what changed in projects".to_owned(), error);
        self.feed_failed(poll, walk.place, walk.depth, walk.id, reason);
    }
}

/// The next page of changes: what changed when the last thing of this one did, or later. Where a whole page
/// carries one time, the next page of the same list.
fn next_page(walk: &RestWalk, placed: &PlacedFeed, since: UnixTime, things: &[Record]) -> String {
    let last = things
        .iter()
        .map(|thing| thing.updated)
        .max()
        .unwrap_or(since);
    let first = things
        .iter()
        .map(|thing| thing.updated)
        .min()
        .unwrap_or(since);
    if last > first {
        let list = since_in(placed.feed.rest_changed, last);
        return format!("projects/{}/{list}&per_page={PAGE}", walk.id);
    }
    let (list, page) = walk.path.split_once("&page=").unwrap_or((&walk.path, "1"));
    let page: u64 = page.parse().unwrap_or(1);
    format!("{list}&page={}", page + 1)
}

fn since_in(list: &str, since: UnixTime) -> String {
    list.replace("{since}", &crate::poll::plan::timestamp(since))
}
