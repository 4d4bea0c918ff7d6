//! Packs parts into GraphQL requests: a request costs the same whether it asks for one page of
//! projects or for several.
//!
//! The pages of a list come one after the other, so a request goes out for each anyway: what does not
//! wait for them travels along as far as there is room, and the rest together at the end. What is to
//! be asked for everything is gathered until then, or until it fills a page.

use std::time::Duration;

use super::moment::Moment;
use super::poll::{FeedQueues, GroupCheck, Poll, Purpose, Query};
use super::request::{Kind, Request};
use super::schedule::OVERLAP;
use super::walk::Position;
use super::{Engine, Next, Sent};
use crate::poll::plan::{Depth, FeedDepth, RequestPart};

/// How long others wait for a page that is under way, to travel with the next one.
const COMPANY: Duration = Duration::from_secs(10);

/// A request that is being packed.
struct Pack {
    /// What it scores.
    score: usize,
    /// How much more it may weigh.
    weight: usize,
    queries: Vec<Query>,
}

impl Pack {
    /// What a request of many kinds may score: what GitLab allows whom it does not know. Its own price is
    /// not known to the point, and there are many combinations.
    const MOST_MIXED: usize = 192;

    /// What it may score with this query in it, where GitLab allows `most`: of what is asked of idle projects
    /// the price is known.
    fn most_with(&self, query: &Query, most: usize) -> usize {
        let is_of_idle = |query: &Query| {
            matches!(
                query.part.depth,
                Depth::Recent | Depth::Glance { .. } | Depth::Feed(FeedDepth::Glance { .. }, _)
            )
        };
        match is_of_idle(query) && self.queries.iter().all(is_of_idle) {
            true => most,
            false => most.min(Self::MOST_MIXED),
        }
    }
}

/// Where a query went.
enum Placed {
    Yes,
    /// There is no room for it now.
    No(Query),
}

impl Engine {
    /// Sends the GraphQL requests that may be sent now.
    pub(super) fn ask_graphql(&mut self, poll: &mut Poll, now: Moment, next: &mut Next) {
        if !self.gitlab.graphql {
            // A hint that is lost costs only time.
            return poll.subjects.clear();
        }
        self.begin_all_named(poll, now);
        let free = self.free();
        let mut packs: Vec<Pack> = Vec::new();
        let pages = self.pack_pages(poll, &mut packs, free);
        while let Some(query) = poll.again.pop_front() {
            if let Placed::No(query) = self.place(&mut packs, free, query) {
                poll.again.push_front(query);
                break;
            }
        }
        let company = self.company(now);
        let alone = pages == 0 && company.is_none();
        self.pack_reads(poll, &mut packs, free, alone);
        self.pack_feeds(poll, &mut packs, free, alone);
        self.pack_subjects(poll, &mut packs, free, alone);
        self.pack_spare(poll, &mut packs, free, alone, now);
        self.pack_rounds(poll, &mut packs, free, alone);
        let waiting = !poll.reads.is_empty()
            || !poll.glances.is_empty()
            || !poll.follows.is_empty()
            || !poll.subjects.is_empty()
            || self.has_late_rounds(poll)
            || poll.feeds.iter().any(FeedQueues::waits);
        if waiting && packs.is_empty() && self.free() > 0 {
            next.again = next.again.or(company);
        }
        for pack in packs {
            self.send_pack(poll, now, next, pack);
        }
    }

    fn send_pack(&mut self, poll: &mut Poll, now: Moment, next: &mut Next, pack: Pack) {
        let parts: Vec<RequestPart> = pack.queries.iter().map(Query::sent).collect();
        for query in &pack.queries {
            match query.purpose {
                Purpose::Sweep(index) => {
                    (poll.lists[index].sweeping, poll.lists[index].identity_only) = (true, false);
                }
                Purpose::Recent(index) => poll.lists[index].asking_recent = true,
                _ => {}
            }
        }
        let kind = pack.queries.first().map_or(Kind::Read, Query::kind);
        let request = Request::Projects(parts, self.gitlab.plan.clone());
        self.send(poll, now, next, request, kind, Sent::Queries(pack.queries));
    }

    /// Packs the next pages of the lists. Returns how many there are, packed or not.
    fn pack_pages(&mut self, poll: &mut Poll, packs: &mut Vec<Pack>, free: usize) -> usize {
        let page = self.gitlab.capacity.page();
        let mut pages = 0;
        for index in 0..self.schedule.lists.len() {
            let list = &mut self.schedule.lists[index];
            let own = &mut poll.lists[index];
            if list.is_named() || !matches!(own.group, GroupCheck::Trusted | GroupCheck::IsThere) {
                continue;
            }
            let mut queries = Vec::new();
            if own.recent && !own.asking_recent {
                queries.push(query(
                    Purpose::Recent(index),
                    list.recent_part(page),
                    list.failing,
                ));
            }
            if own.sweep && !own.sweeping && !list.over_rest {
                if matches!(list.position, Some(Position::Path(_))) {
                    list.restart(); // REST began it.
                }
                // Smaller after it failed twice.
                let page = if own.failures >= 2 {
                    (page / 4).max(1)
                } else {
                    page
                };
                let identity_only = own.identity_only;
                let alone = list.failing || identity_only || own.failures > 0;
                let query = query(Purpose::Sweep(index), list.sweep_part(page), alone);
                queries.push(Query {
                    identity_only,
                    ..query
                });
            }
            for query in queries {
                pages += 1;
                self.place(packs, free, query);
            }
        }
        pages
    }

    /// Packs the projects that are to be asked for everything, once there is a page of them or nothing
    /// else to wait for.
    fn pack_reads(&mut self, poll: &mut Poll, packs: &mut Vec<Pack>, free: usize, alone: bool) {
        let page = self.gitlab.capacity.page();
        while !poll.reads.is_empty() && (alone || poll.reads.len() >= page) {
            let ids: Vec<u64> = poll.reads.drain(..poll.reads.len().min(page)).collect();
            let query = Query::of_ids(Purpose::Read, ids, Depth::Whole);
            if let Placed::No(query) = self.place(packs, free, query) {
                return poll.put_back(query.purpose, query.ids().to_vec());
            }
        }
    }

    /// Packs what is asked of feeds, where there is room.
    fn pack_feeds(&mut self, poll: &mut Poll, packs: &mut Vec<Pack>, free: usize, alone: bool) {
        let free = if alone { free } else { packs.len() };
        for place in 0..poll.feeds.len() {
            let place = u8::try_from(place).unwrap_or(u8::MAX);
            while let Some(query) = self.next_of_feed(poll, place) {
                if let Placed::No(query) = self.place(packs, free, query) {
                    self.put_feed_back(poll, place, &query);
                    break;
                }
            }
        }
    }

    /// Packs the projects that are asked for one subject alone.
    fn pack_subjects(&self, poll: &mut Poll, packs: &mut Vec<Pack>, free: usize, alone: bool) {
        let free = if alone { free } else { packs.len() };
        let page = self.gitlab.capacity.page();
        while let Some((name, mut ids)) = poll.subjects.pop_first() {
            let few: Vec<u64> = (0..page).map_while(|_| ids.pop_first()).collect();
            let query = Query::of_ids(Purpose::Follow, few, Depth::Subject(name));
            let placed = self.place(packs, free, query);
            let full = matches!(placed, Placed::No(_));
            if let Placed::No(query) = placed {
                ids.extend(query.ids());
            }
            if !ids.is_empty() {
                poll.subjects.insert(name, ids);
            }
            if full {
                break;
            }
        }
    }

    /// Packs what travels along where there is room: first the projects that are glanced at, since
    /// that may lead to more questions.
    fn pack_spare(
        &mut self,
        poll: &mut Poll,
        packs: &mut Vec<Pack>,
        free: usize,
        alone: bool,
        now: Moment,
    ) {
        let free = if alone { free } else { packs.len() };
        for purpose in [Purpose::Glance, Purpose::Follow] {
            loop {
                let ids = self.spare(poll, purpose, now);
                if ids.is_empty() {
                    break;
                }
                let depth = match purpose {
                    Purpose::Glance => self.glance_depth(&ids),
                    _ => Depth::Activity,
                };
                let query = Query::of_ids(purpose, ids, depth);
                if let Placed::No(query) = self.place(packs, free, query) {
                    poll.put_back(purpose, query.ids().to_vec());
                    break;
                }
            }
        }
    }

    /// Packs the subjects with a pace of their own: as many projects as ride along, and those that would
    /// be late in requests of their own, which are filled up with the next ones.
    fn pack_rounds(&mut self, poll: &mut Poll, packs: &mut Vec<Pack>, free: usize, alone: bool) {
        for index in 0..poll.rounds.len() {
            if self.gitlab.plan.rounds[index].is_empty() {
                continue;
            }
            let page = self.page_of_round(index);
            loop {
                let share = poll.rounds[index].share;
                let Some(query) = self.query_of_round(poll, index, page.min(share.may)) else {
                    break;
                };
                let mut placed = self.place(packs, packs.len(), query);
                let own_request = alone && share.must > 0 && packs.len() < free;
                if own_request && let Placed::No(query) = placed {
                    let query = self.fill_up_round(poll, index, query, page);
                    placed = self.place(packs, free, query);
                }
                if let Placed::No(query) = placed {
                    self.put_round_back(poll, index, query.ids());
                    poll.rounds[index].share = share;
                    break;
                }
            }
        }
    }

    fn has_late_rounds(&self, poll: &Poll) -> bool {
        let rounds = poll.rounds.iter().zip(&self.gitlab.plan.rounds);
        let mut late = rounds.filter(|(work, asked)| work.share.must > 0 && !asked.is_empty());
        late.next().is_some()
    }

    /// The next projects to be glanced at or followed. What has been asked for everything meanwhile
    /// need not be asked for less, and what breaks every request is left to the sweep.
    fn spare(&mut self, poll: &mut Poll, purpose: Purpose, now: Moment) -> Vec<u64> {
        let (page, began) = (self.gitlab.capacity.page(), poll.began);
        let queue = match purpose {
            Purpose::Glance => &mut poll.glances,
            _ => &mut poll.follows,
        };
        let mut ids = Vec::new();
        while ids.len() < page
            && let Some(id) = queue.pop_front()
        {
            let Some(track) = self.schedule.track(id) else {
                continue;
            };
            let is_due = match purpose {
                Purpose::Glance => track.glanced < began,
                _ => track.asked < began,
            };
            match track.is_quarantined(now) {
                true => self.schedule.glanced_at(id, now),
                false if is_due => ids.push(id),
                false => {}
            }
        }
        ids
    }

    fn glance_depth(&self, ids: &[u64]) -> Depth {
        let tracks = ids.iter().filter_map(|id| self.schedule.track(*id));
        let last = tracks.map(|track| track.glanced).min().unwrap_or_default();
        Depth::Glance {
            since: (last - OVERLAP).as_secs(),
        }
    }

    /// Puts a query into the first request that has room for it, or begins one while there may be
    /// more.
    fn place(&self, packs: &mut Vec<Pack>, free: usize, query: Query) -> Placed {
        let (sent, plan) = (query.sent(), &self.gitlab.plan);
        let (score, weight) = (plan.score(&sent), plan.weight(&sent));
        let most = self.gitlab.capabilities.most_score();
        let room = packs.iter_mut().filter(|_| !query.alone).find(|pack| {
            pack.score + score <= pack.most_with(&query, most) && pack.weight >= weight
        });
        if let Some(pack) = room {
            pack.score += score;
            pack.weight -= weight;
            pack.queries.push(query);
            return Placed::Yes;
        }
        if packs.len() >= free {
            return Placed::No(query);
        }
        let size = match query.alone {
            true => 0,
            false => self.gitlab.capacity.size(),
        };
        packs.push(Pack {
            score,
            weight: size.saturating_sub(weight),
            queries: vec![query],
        });
        Placed::Yes
    }

    /// Until when others wait for the pages that are under way; none if there are none, or they take
    /// too long.
    fn company(&self, now: Moment) -> Option<Moment> {
        let carries = |query: &Query| {
            matches!(query.purpose, Purpose::Sweep(_) | Purpose::Recent(_)) && !query.alone
        };
        let pages = self.in_flight.values().filter(|sent| match &sent.what {
            Sent::Queries(queries) => queries.iter().any(carries),
            _ => false,
        });
        let until = pages.map(|sent| sent.sent + COMPANY).max();
        until.filter(|until| *until > now)
    }

    fn begin_all_named(&mut self, poll: &mut Poll, now: Moment) {
        for index in 0..self.schedule.lists.len() {
            let is_due = poll.lists[index].sweep && !poll.lists[index].sweeping;
            if is_due && self.schedule.lists[index].is_named() {
                poll.lists[index].sweeping = true;
                self.begin_named(poll, index, now);
            }
        }
    }

    /// Begins the sweeps of projects by name where only REST can be asked.
    pub(super) fn begin_named_over_rest(&mut self, poll: &mut Poll, now: Moment) {
        self.begin_all_named(poll, now);
    }
}

impl Query {
    fn kind(&self) -> Kind {
        match self.part.depth {
            Depth::Feed(FeedDepth::Glance { .. }, _) => Kind::FeedGlance,
            _ => self.purpose.kind(),
        }
    }
}

impl Purpose {
    fn kind(self) -> Kind {
        match self {
            Purpose::Sweep(_) | Purpose::Named(_) => Kind::Sweep,
            Purpose::Recent(_) => Kind::Recent,
            Purpose::Follow => Kind::Follow,
            Purpose::Glance => Kind::Glance,
            Purpose::Read => Kind::Read,
            Purpose::Round(_) => Kind::Round,
            Purpose::Feed(_) => Kind::Feed,
        }
    }
}

fn query(purpose: Purpose, part: RequestPart, alone: bool) -> Query {
    Query {
        purpose,
        part,
        alone,
        failures: 0,
        identity_only: false,
    }
}
