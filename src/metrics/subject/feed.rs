//! Feeds: lists of things that change until they end, which GitLab tells by what changed since a moment.

use std::borrow::Cow;

use serde_json::Value as Json;

use crate::metrics::time::moment;
use crate::metrics::{Api, UnixTime};

/// A subject whose things live until they end. The newest of each kind is shown, and each end counted.
#[derive(Debug)]
pub struct Feeds {
    pub lists: &'static [Feed],
    /// Of things that have these labels in common only the newest is shown; none is if there are none.
    pub latest_per: &'static [&'static str],
    /// Columns that a newer row takes over from an older one, unless it tells them anew. The first of
    /// them tells by its size which one is newer.
    pub carried: &'static [&'static str],
    /// What the stages of things that live are called.
    pub stages: &'static [&'static str],
}

/// One list of a subject's things.
#[derive(Debug)]
pub struct Feed {
    /// Its name within the subject, as the state file calls it.
    pub name: &'static str,
    /// The connection in GraphQL of what changed since `$since`, without `first`.
    pub changed: &'static str,
    /// The connection of the newest things, whenever they changed; none if nothing is shown of them.
    pub newest: Option<&'static str>,
    /// The list in REST of what changed since `{since}`, the longest ago first, without `per_page`.
    pub rest_changed: &'static str,
    /// The list in REST of the newest things.
    pub rest_newest: Option<&'static str>,
    /// What REST tells of one thing, by its key, where the lists lack something.
    pub rest_one: Option<&'static str>,
    /// What REST tells of one thing by how long some lists of it are.
    pub rest_counts: Option<RestCounts>,
    /// The member that tells things apart.
    pub key: &'static str,
    /// The members of a thing that its functions read, by their names in GraphQL.
    pub asks: &'static [&'static str],
    /// Where a thing is in its life.
    pub stage: fn(&Raw<'_>) -> Stage,
    /// A thing that goes on again as it was when it had ended.
    pub before: fn(&Raw<'_>) -> Option<Json>,
    /// Whether a thing may be the newest of its kind.
    pub is_shown: fn(&Raw<'_>) -> bool,
    /// When a thing changed last, by its name in GraphQL.
    pub updated: &'static str,
    /// Whether it is asked only where `metrics.child_pipelines` is on.
    pub of_children: bool,
}

/// A column that REST tells by how long lists are, together.
#[derive(Debug)]
pub struct RestCounts {
    pub column: &'static str,
    /// The lists of a thing, by its `{key}`, without `per_page`.
    pub lists: &'static [&'static str],
}

/// A thing as an answer tells it.
#[derive(Clone, Copy)]
pub struct Raw<'a> {
    pub json: &'a Json,
    pub api: Api,
    /// The name of the feed that tells it.
    pub feed: &'static str,
}

/// Where a thing is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// It goes on, at this place among [`Feeds::stages`].
    Live(u8),
    /// It may rest for years, or is in a state that is not known here.
    Resting,
    /// It ended at this moment.
    Ended(UnixTime),
    /// It ended, and GitLab does not say when: at this moment it began.
    EndedSometime(UnixTime),
    /// It had ended at this moment, and goes on again.
    EndedBefore(UnixTime),
}

impl<'a> Raw<'a> {
    /// A member by its name in GraphQL; REST writes it with underscores.
    pub fn get(&self, name: &str) -> &'a Json {
        match self.api {
            Api::Graphql => &self.json[name],
            Api::Rest => &self.json[&*with_underscores(name)],
        }
    }

    pub fn text(&self, name: &str) -> Option<&'a str> {
        self.get(name).as_str()
    }

    pub fn time(&self, name: &str) -> Option<UnixTime> {
        moment(self.get(name))
    }
}

fn with_underscores(name: &str) -> Cow<'_, str> {
    if !name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return name.into();
    }
    let mut text = String::with_capacity(name.len() + 4);
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            text.push('_');
        }
        text.push(letter.to_ascii_lowercase());
    }
    text.into()
}
