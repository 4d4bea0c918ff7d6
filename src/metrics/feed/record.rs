//! A thing of a feed, as an answer tells it.

use std::borrow::Cow;
use std::sync::Arc;

use serde_json::Value as Json;

use crate::metrics::place_of;
use crate::metrics::subject::{Column, Feed, Raw, Stage};
use crate::metrics::table_answer::{key_of, label, member_of};
use crate::metrics::{
    Answered, Api, NotUnderstood, PlacedFeed, Reading, Reason, Rest, Row, UnixTime,
};

/// A thing of a feed, as an answer tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Record {
    pub stage: Stage,
    /// When it changed last; when it ended or began, if GitLab does not say.
    pub updated: UnixTime,
    /// Whether it may be the newest of its kind.
    pub is_shown: bool,
    pub row: Row,
}

impl Record {
    /// Reads a list of things. A null is one that the token may not see.
    ///
    /// # Errors
    /// If it is no list, or a thing has no key.
    pub fn read_all(
        list: &Json,
        feed: &PlacedFeed,
        api: Api,
        now: UnixTime,
    ) -> Result<Vec<Record>, NotUnderstood> {
        let list = list
            .as_array()
            .ok_or(NotUnderstood("things that are no list"))?;
        let mut records = Vec::with_capacity(list.len());
        for thing in list.iter().filter(|thing| !thing.is_null()) {
            records.extend(Record::before(thing, feed, api, now)?);
            records.push(Record::read(thing, feed, api, now)?);
        }
        Ok(records)
    }

    /// A thing that goes on again, as it was when it had ended.
    fn before(
        thing: &Json,
        placed: &PlacedFeed,
        api: Api,
        now: UnixTime,
    ) -> Result<Option<Record>, NotUnderstood> {
        let raw = Raw {
            json: thing,
            api,
            feed: placed.feed.name,
        };
        let Some(before) = (placed.feed.before)(&raw) else {
            return Ok(None);
        };
        let mut record = Record::read(&before, placed, api, now)?;
        if let Stage::Ended(at) = record.stage {
            record.stage = Stage::EndedBefore(at);
        }
        record.is_shown = false;
        Ok(Some(record))
    }

    /// Reads one thing.
    ///
    /// # Errors
    /// If it has no key.
    pub fn read(
        thing: &Json,
        placed: &PlacedFeed,
        api: Api,
        now: UnixTime,
    ) -> Result<Record, NotUnderstood> {
        let feed: &'static Feed = placed.feed;
        let key = thing
            .is_object()
            .then(|| key_of(&thing[feed.key]))
            .flatten();
        let key = key.ok_or(NotUnderstood("a thing without a key"))?;
        let raw = Raw {
            json: thing,
            api,
            feed: feed.name,
        };
        let stage = (feed.stage)(&raw);
        let other = match stage {
            Stage::Ended(at) | Stage::EndedSometime(at) | Stage::EndedBefore(at) => at,
            Stage::Live(_) | Stage::Resting => raw.time("createdAt").unwrap_or_default(),
        };
        let labels = placed.labels.iter();
        let values = placed.values.iter();
        Ok(Record {
            stage,
            updated: raw.time(feed.updated).unwrap_or(other),
            is_shown: (feed.is_shown)(&raw),
            row: Row {
                key,
                labels: labels.map(|column| label(&told(column, &raw))).collect(),
                values: values
                    .map(|column| reading(column, &told(column, &raw), now))
                    .collect(),
            },
        })
    }

    /// A thing that nothing is known of but when it changed.
    pub fn resting(key: u64, updated: UnixTime) -> Record {
        Record {
            stage: Stage::Resting,
            updated,
            is_shown: false,
            row: Row {
                key,
                labels: Vec::new(),
                values: Vec::new(),
            },
        }
    }

    pub fn key(&self) -> u64 {
        self.row.key
    }

    /// A label of it, such as the ref.
    pub fn label(&self, placed: &PlacedFeed, name: &str) -> Option<&Arc<str>> {
        self.row.labels.get(place_of(&placed.labels, name)?)
    }

    /// A value of it, such as the number of its jobs.
    pub fn value(&self, placed: &PlacedFeed, name: &str) -> Option<f64> {
        let at = place_of(&placed.values, name)?;
        self.row.values.get(at)?.value()
    }
}

fn told<'a>(column: &Column, raw: &Raw<'a>) -> Cow<'a, Json> {
    if let Some(compute) = column.computed {
        return Cow::Owned(compute(raw));
    }
    Cow::Borrowed(match (raw.api, column.rest) {
        (Api::Graphql, _) => member_of(raw.json, column.graphql, raw.api),
        (Api::Rest, Rest::Body(path) | Rest::Member { member: path, .. }) => {
            member_of(raw.json, path, raw.api)
        }
        (Api::Rest, _) => &Json::Null,
    })
}

fn reading(column: &Column, value: &Json, now: UnixTime) -> Reading {
    match column.kind.read(value) {
        Answered::Value(value) => Reading::known(value, now),
        Answered::Invalid => Reading::Unknown(Reason::Invalid),
        Answered::Null | Answered::Nothing | Answered::Failed(_) => {
            Reading::Unknown(Reason::Hidden)
        }
    }
}
