//! Feeds over REST, where GraphQL can't be asked: a list for each project, and a document for each thing
//! of which the list lacks something that is needed. Less often than over GraphQL, since each project has
//! its price.

use std::time::Duration;

use super::errors::{feed_reason, is_forbidden};
use super::moment::Moment;
use super::poll::Poll;
use super::request::{FeedPage, Kind, Rows};
use super::rest_walk::{RestWalk, WalkStep, since_in};
use super::sought::Told;
use super::{Engine, Next, Sent};
use crate::gitlab::Error;
use crate::metrics::Grain;
use crate::poll::plan::FeedDepth;

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
                Some(list) => (FeedDepth::Newest, list.to_owned(), RestWalk::FEW),
                None => {
                    let list = since_in(placed.feed.rest_changed, since);
                    (FeedDepth::Changed { since }, list, RestWalk::PAGE)
                }
            };
            let path = format!("projects/{id}/{list}&per_page={first}");
            return Some(RestWalk::new(place, id, depth, path));
        }
        None
    }

    /// Takes in a page of a walk, or something of one of its things.
    pub(super) fn feed_rest_answered(
        &mut self,
        poll: &mut Poll,
        mut walk: RestWalk,
        at: Moment,
        answer: Result<Rows, Error>,
        now: Moment,
    ) {
        let step = walk.step();
        let rows = match (answer, &step) {
            (Ok(rows), _) => rows,
            (Err(error), _) if self.waits(poll, &error, now) => {
                return poll.rest_walks.push_front(walk);
            }
            // It was deleted after it was listed.
            (Err(Error::NotFound { .. }), WalkStep::Thing(key)) => {
                let key = *key;
                walk.lacking.pop_front();
                walk.told.insert(key, Told::default());
                walk.things.retain(|thing| thing.key() != key);
                return self.go_on(poll, walk);
            }
            (Err(error), _) => return self.feed_rest_failed(poll, &walk, &error),
        };
        self.note_date(rows.date, now);
        let told_at = self.server_time(at);
        walk.began.get_or_insert((told_at, at));
        let taken = match step {
            WalkStep::Thing(key) => self.take_thing(&mut walk, key, &rows.rows, told_at),
            WalkStep::Successes(name) => self.take_successes(&mut walk, &name, &rows.rows, told_at),
            WalkStep::Page | WalkStep::Count(..) => self.take_list(&mut walk, &rows.rows, told_at),
        };
        if taken.is_err() {
            let error = Error::not_understood("the answer is no list of things");
            return self.feed_rest_failed(poll, &walk, &error);
        }
        self.go_on(poll, walk);
    }

    /// Takes in how long a list of a thing is. Where that can't be told, what was known of it stays.
    pub(super) fn feed_rest_counted(
        &mut self,
        poll: &mut Poll,
        mut walk: RestWalk,
        at: Moment,
        answer: Result<u64, Error>,
        now: Moment,
    ) {
        let count = match answer {
            Ok(count) => Some(count),
            Err(error) if self.waits(poll, &error, now) => {
                return poll.rest_walks.push_front(walk);
            }
            Err(error) => {
                if !is_forbidden(&error) {
                    self.note_down(poll, "counting the jobs of a pipeline".to_owned(), &error);
                }
                None
            }
        };
        let told_at = self.server_time(at);
        self.take_count(&mut walk, count, told_at);
        self.go_on(poll, walk);
    }

    /// Asks for what the page lacks, and takes it in once it is whole.
    fn go_on(&mut self, poll: &mut Poll, mut walk: RestWalk) {
        self.seek(&mut walk);
        match walk.step() {
            WalkStep::Page => self.end_of_page(poll, walk),
            _ => poll.rest_walks.push_back(walk),
        }
    }

    fn end_of_page(&mut self, poll: &mut Poll, mut walk: RestWalk) {
        let Some((told_at, at)) = walk.began else {
            return;
        };
        let things = std::mem::take(&mut walk.things);
        let older = std::mem::take(&mut walk.older);
        self.note_kinds(&walk);
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
                (walk.path, walk.next) = (path, None);
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
                if !older.is_empty() {
                    self.feed_part(walk.place, walk.id, &older, (told_at, at));
                }
            }
        }
    }

    fn feed_rest_failed(&mut self, poll: &mut Poll, walk: &RestWalk, error: &Error) {
        let reason = feed_reason(Some(error));
        if walk.depth == FeedDepth::OfRef {
            self.seek_again(walk.place, walk.id);
        }
        if is_forbidden(error) {
            self.leave_feed_alone(walk.place, walk.id, poll.began + RETRY);
            return;
        }
        self.note_down(poll, "asking what changed in projects".to_owned(), error);
        self.feed_failed(poll, walk.place, walk.depth, walk.id, reason);
    }
}
