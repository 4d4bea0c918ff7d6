//! A walk through a feed of one project over REST, as far as it has come.

use std::collections::VecDeque;

use super::moment::Moment;
use super::request::Request;
use crate::metrics::{PlacedFeed, Record, UnixTime};
use crate::poll::plan::FeedDepth;

/// A walk through a feed of one project over REST.
#[derive(Debug)]
pub struct RestWalk {
    pub place: u8,
    pub id: u64,
    pub depth: FeedDepth,
    pub path: String,
    /// What the page told, without what is still to be asked one by one.
    pub things: Vec<Record>,
    /// Things whose documents are to be asked.
    pub lacking: VecDeque<u64>,
    /// Where the list goes on.
    pub next: Option<String>,
    pub began: Option<(UnixTime, Moment)>,
    pub pages: u32,
}

impl RestWalk {
    pub fn request(&self, placed: &PlacedFeed) -> Request {
        let one = self.lacking.front().zip(placed.feed.rest_one);
        Request::Rows(match one {
            Some((key, path)) => {
                let path = path.replace("{key}", &key.to_string());
                format!("projects/{}/{path}", self.id)
            }
            None => self.path.clone(),
        })
    }
}
