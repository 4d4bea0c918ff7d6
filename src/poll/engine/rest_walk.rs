//! A walk through a feed of one project over REST, as far as it has come.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use super::moment::Moment;
use super::paths::encoded;
use super::request::Request;
use super::sought::{NextOfRef, Sought, Told};
use crate::metrics::{PlacedFeed, Record, UnixTime};
use crate::poll::plan::FeedDepth;

/// A walk through a feed of one project over REST.
#[derive(Debug)]
pub struct RestWalk {
    pub place: u8,
    pub id: u64,
    pub depth: FeedDepth,
    pub path: String,
    /// What the page told.
    pub things: Vec<Record>,
    /// Older things that succeeded, of refs of which the page has none.
    pub older: Vec<Record>,
    /// Things whose documents are to be asked, since they may have ended.
    pub lacking: VecDeque<u64>,
    /// What is sought of each ref of the page, by its name and whether it is a merge request.
    pub sought: BTreeMap<(Arc<str>, bool), Sought>,
    /// What is known of the things of the page.
    pub told: BTreeMap<u64, Told>,
    /// Refs of which successes are to be listed that are older than the page.
    pub successes: VecDeque<Arc<str>>,
    /// What is to be counted: the thing, and the list by its place among those of the feed.
    pub counts: VecDeque<(u64, usize)>,
    /// Where the list goes on.
    pub next: Option<String>,
    pub began: Option<(UnixTime, Moment)>,
    pub pages: u32,
}

/// What a walk asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WalkStep {
    /// A page of the list.
    Page,
    /// The document of a thing.
    Thing(u64),
    /// The things of a ref that succeeded.
    Successes(Arc<str>),
    /// How long a list of a thing is.
    Count(u64, usize),
}

impl RestWalk {
    /// A walk that has asked nothing yet.
    pub fn new(place: u8, id: u64, depth: FeedDepth, path: String) -> RestWalk {
        RestWalk {
            place,
            id,
            depth,
            path,
            things: Vec::new(),
            older: Vec::new(),
            lacking: VecDeque::new(),
            sought: BTreeMap::new(),
            told: BTreeMap::new(),
            successes: VecDeque::new(),
            counts: VecDeque::new(),
            next: None,
            began: None,
            pages: 0,
        }
    }

    /// What it asks for next; the next page if there is nothing else.
    pub fn step(&self) -> WalkStep {
        match (
            self.lacking.front(),
            self.successes.front(),
            self.counts.front(),
        ) {
            (Some(key), ..) => WalkStep::Thing(*key),
            (_, Some(name), _) => WalkStep::Successes(Arc::clone(name)),
            (_, _, Some((key, list))) => WalkStep::Count(*key, *list),
            _ => WalkStep::Page,
        }
    }

    /// Asks for whatever is still sought of refs. Of what is to be shown, these lists are counted.
    pub fn seek(&mut self, lists: usize) {
        if !self.lacking.is_empty() {
            return;
        }
        for sought in self.sought.values_mut() {
            while let Some(next) = sought.next(&self.told) {
                match next {
                    NextOfRef::Newest(key) => {
                        self.counts.extend((0..lists).map(|list| (key, list)));
                    }
                    NextOfRef::Ask(key) => {
                        self.lacking.push_back(key);
                        break;
                    }
                }
            }
        }
    }

    /// The thing, if the page or the successes of its ref have it.
    pub fn thing_mut(&mut self, key: u64) -> Option<&mut Record> {
        let all = self.things.iter_mut().chain(&mut self.older);
        // What had ended before it was begun anew is not the thing as it is.
        all.rev().find(|thing| thing.key() == key)
    }

    pub fn request(&self, placed: &PlacedFeed) -> Request {
        let below = |path: &str| format!("projects/{}/{path}", self.id);
        let of_thing = |path: &str, key: u64| below(&path.replace("{key}", &key.to_string()));
        match (self.step(), placed.feed.rest_one, &placed.feed.rest_counts) {
            (WalkStep::Thing(key), Some(path), _) => Request::Rows(of_thing(path, key)),
            (WalkStep::Count(key, list), _, Some(counts)) => {
                Request::Count(of_thing(counts.lists[list], key))
            }
            (WalkStep::Successes(name), ..) => {
                let list = placed.feed.rest_newest.unwrap_or_default();
                let name = encoded(&name);
                Request::Rows(below(&format!(
                    "{list}&status=success&ref={name}&per_page={}",
                    Self::FEW
                )))
            }
            _ => Request::Rows(self.path.clone()),
        }
    }

    /// The next page of changes: what changed when the last thing of this one did, or later. Where a whole
    /// page carries one time, the next page of the same list.
    pub fn next_page(&self, placed: &PlacedFeed, since: UnixTime, things: &[Record]) -> String {
        let times = || things.iter().map(|thing| thing.updated);
        let last = times().max().unwrap_or(since);
        let first = times().min().unwrap_or(since);
        if last > first {
            let list = since_in(placed.feed.rest_changed, last);
            return format!("projects/{}/{list}&per_page={}", self.id, Self::PAGE);
        }
        let (list, page) = self.path.split_once("&page=").unwrap_or((&self.path, "1"));
        let page: u64 = page.parse().unwrap_or(1);
        format!("{list}&page={}", page + 1)
    }

    /// How many things a page of the newest has, and how many changes one of these.
    pub const FEW: usize = 20;
    pub const PAGE: usize = 100;
}

/// A list of what changed since a moment.
pub fn since_in(list: &str, since: UnixTime) -> String {
    list.replace("{since}", &crate::poll::plan::timestamp(since))
}
