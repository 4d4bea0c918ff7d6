//! What is known of an owner, as a line of the state. The head of the state names the columns, so
//! that a metric may come or go: what is foreign is ignored, and what is new is still to be asked.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use serde::de::{self, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::metrics::{
    Catalogue, Column, EnabledMetrics, Ended, GivenWay, Grain, Identity, Owner, PlacedColumn,
    Reading, Reason, Table, TableReading, UnixTime,
};
use crate::poll::engine::KeptFeeds;

/// Below this every whole number is exact.
const MOST: f64 = 9_007_199_254_740_992.0;

/// The names of what is kept of an owner, in the order of its line.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Names {
    columns: Vec<String>,
    tables: Vec<TableNames>,
    ended: Vec<EndedNames>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct TableNames {
    name: String,
    labels: Vec<String>,
    values: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct EndedNames {
    name: String,
    attributes: Vec<String>,
    bounds: Vec<f64>,
}

/// Where the parts of a line belong now.
pub struct Places {
    names: Names,
    /// For each column of the catalogue its place in the line.
    columns: Vec<Option<usize>>,
    tables: Vec<Option<TablePlaces>>,
    ended: Vec<Option<usize>>,
    /// For each column and each table of the catalogue whether it is asked.
    asked_columns: Vec<bool>,
    asked_tables: Vec<bool>,
}

struct TablePlaces {
    place: usize,
    labels: Vec<usize>,
    /// A value that is new is not known of older rows.
    values: Vec<Option<usize>>,
}

/// The line of an owner.
#[derive(Serialize, Deserialize)]
pub struct OwnerLine<'a> {
    identity: Cow<'a, Identity>,
    listed: UnixTime,
    values: Vec<KeptReading>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tables: Vec<KeptTable>,
    #[serde(default, skip_serializing_if = "nothing")]
    ended: Cow<'a, [Ended]>,
    /// How far its feeds have been read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub feeds: Option<Cow<'a, KeptFeeds>>,
}

/// `null` if nobody asked, `[value, at]`, `"off"` or why it is not known.
struct KeptReading(Reading);

#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum KeptTable {
    Known {
        at: u32,
        keys: Vec<u64>,
        labels: Vec<String>,
        values: Vec<KeptReading>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        given_way: Vec<(String, u64, u64)>,
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        live: Vec<u32>,
    },
    Other(KeptReading),
}

fn nothing(ended: &[Ended]) -> bool {
    ended.is_empty()
}

impl Names {
    pub fn of(catalogue: &Catalogue, grain: Grain) -> Names {
        let names = |columns: &[&Column]| columns.iter().map(|own| own.name.to_owned()).collect();
        let columns = catalogue.columns(grain).iter();
        let tables = catalogue.tables(grain).iter();
        let ended = catalogue.ended(grain).iter();
        Names {
            columns: columns.map(PlacedColumn::full_name).collect(),
            tables: tables
                .map(|table| TableNames {
                    name: table.subject.name.to_owned(),
                    labels: names(&table.labels),
                    values: names(&table.values),
                })
                .collect(),
            ended: ended
                .map(|ended| EndedNames {
                    name: ended.name.clone(),
                    attributes: ended.attribute_names(),
                    bounds: ended.bounds().to_vec(),
                })
                .collect(),
        }
    }

    /// Where what these names stand for belongs now.
    pub fn places(self, enabled: &EnabledMetrics, grain: Grain) -> Places {
        let now = Names::of(enabled.catalogue, grain);
        let columns = now.columns.iter();
        let columns = columns.map(|name| self.columns.iter().position(|kept| kept == name));
        let tables = now.tables.iter().map(|table| self.table(table));
        // Counts with other attributes or bounds can't be gone on with.
        let ended = now.ended.iter();
        let ended = ended.map(|ended| self.ended.iter().position(|kept| kept == ended));
        let asked = |places: &BTreeSet<usize>, all: usize| {
            let all = 0..all;
            all.map(|place| places.contains(&place)).collect()
        };
        let shown = enabled.shown(grain);
        Places {
            asked_columns: asked(&shown.0, now.columns.len()),
            asked_tables: asked(&shown.1, now.tables.len()),
            columns: columns.collect(),
            tables: tables.collect(),
            ended: ended.collect(),
            names: self,
        }
    }

    fn table(&self, now: &TableNames) -> Option<TablePlaces> {
        let mut tables = self.tables.iter();
        let has = |kept: &TableNames| now.labels.iter().all(|label| kept.labels.contains(label));
        let place = tables.position(|kept| kept.name == now.name && has(kept))?;
        let kept = &self.tables[place];
        let at = |names: &[String], name: &String| names.iter().position(|kept| kept == name);
        let labels = now.labels.iter().map(|name| at(&kept.labels, name));
        let values = now.values.iter().map(|name| at(&kept.values, name));
        Some(TablePlaces {
            place,
            labels: labels.collect::<Option<_>>()?,
            values: values.collect(),
        })
    }
}

impl<'a> OwnerLine<'a> {
    pub fn of(owner: &'a Owner) -> OwnerLine<'a> {
        OwnerLine {
            identity: Cow::Borrowed(&owner.identity),
            listed: owner.listed.into(),
            values: owner.values.iter().copied().map(KeptReading).collect(),
            tables: owner.tables.iter().map(KeptTable::of).collect(),
            ended: Cow::Borrowed(&*owner.ended),
            feeds: None,
        }
    }

    /// The owner; none if the line is not what its names say.
    pub fn owner(self, places: &Places) -> Option<Owner> {
        let names = &places.names;
        if self.values.len() > names.columns.len() || self.tables.len() > names.tables.len() {
            return None;
        }
        let kept = |at: &Option<usize>| at.and_then(|at| self.values.get(at));
        let values = places.columns.iter().enumerate().map(|(place, at)| {
            let asked = places.asked_columns[place];
            match kept(at).map_or(Reading::Unknown(Reason::NotAsked), |kept| kept.0) {
                Reading::Unknown(Reason::NotAsked) if asked => Reading::Unknown(Reason::Pending),
                _ if !asked => Reading::Unknown(Reason::NotAsked),
                known => known,
            }
        });
        let tables = places.tables.iter().enumerate().map(|(place, at)| {
            let asked = places.asked_tables[place];
            let kept = at.as_ref().filter(|_| asked);
            let kept = kept.and_then(|at| self.tables.get(at.place)?.table(at));
            kept.unwrap_or(TableReading::Unknown(match asked {
                true => Reason::Pending,
                false => Reason::NotAsked,
            }))
        });
        let ended = places.ended.iter().map(|at| {
            let kept = at.and_then(|at| self.ended.get(at));
            kept.cloned().unwrap_or_default()
        });
        let mut owner = Owner::new(Identity::default(), self.listed, values.collect());
        owner.tables = tables.collect();
        owner.ended = ended.collect();
        owner.identity = Arc::new(self.identity.into_owned());
        Some(owner)
    }
}

impl KeptTable {
    fn of(table: &TableReading) -> KeptTable {
        match table {
            TableReading::Unknown(reason) => {
                KeptTable::Other(KeptReading(Reading::Unknown(*reason)))
            }
            TableReading::Off => KeptTable::Other(KeptReading(Reading::Off)),
            TableReading::Known(table) => KeptTable::Known {
                at: table.at,
                keys: table.keys.to_vec(),
                labels: table.labels.iter().map(|label| label.to_string()).collect(),
                values: table.values.iter().copied().map(KeptReading).collect(),
                given_way: table
                    .given_way
                    .iter()
                    .map(|own| (own.of.to_string(), own.key, own.known))
                    .collect(),
                live: table.live.to_vec(),
            },
        }
    }

    /// The table; none if it can't be told, or has not what is needed.
    fn table(&self, places: &TablePlaces) -> Option<TableReading> {
        let (at, keys, labels, values, given_way, live) = match self {
            KeptTable::Other(KeptReading(Reading::Off)) => return Some(TableReading::Off),
            KeptTable::Other(KeptReading(Reading::Unknown(Reason::NotAsked))) => return None,
            KeptTable::Other(KeptReading(Reading::Unknown(reason))) => {
                return Some(TableReading::Unknown(*reason));
            }
            KeptTable::Other(KeptReading(Reading::Known { .. })) => return None,
            KeptTable::Known {
                at,
                keys,
                labels,
                values,
                given_way,
                live,
            } => (*at, keys, labels, values, given_way, live),
        };
        let rows = keys.len().max(1);
        let (label_width, value_width) = (labels.len() / rows, values.len() / rows);
        let label = |row: usize, at: usize| labels.get(row * label_width + at);
        let value = |row: usize, at: usize| values.get(row * value_width + at);
        let (mut all_labels, mut all_values) = (Vec::new(), Vec::new());
        for row in 0..keys.len() {
            for at in &places.labels {
                all_labels.push(Arc::from(label(row, *at)?.as_str()));
            }
            for at in &places.values {
                all_values.push(match at {
                    Some(at) => value(row, *at)?.0,
                    None => Reading::Unknown(Reason::Pending),
                });
            }
        }
        keys.is_sorted().then(|| {
            TableReading::Known(Arc::new(Table {
                at,
                keys: keys.clone().into(),
                labels: all_labels.into(),
                values: all_values.into(),
                given_way: given_way.iter().map(|own| places.given_way(own)).collect(),
                live: live.as_slice().into(),
            }))
        })
    }
}

impl TablePlaces {
    /// A row that gave way, with its known values where they are by now.
    fn given_way(&self, (of, key, known): &(String, u64, u64)) -> GivenWay {
        let is_known = |at: &Option<usize>| at.is_some_and(|at| at < 64 && known & (1 << at) != 0);
        let now = self.values.iter().take(64).enumerate();
        let now = now.filter(|(_, at)| is_known(at));
        GivenWay {
            of: of.as_str().into(),
            key: *key,
            known: now.fold(0, |known, (at, _)| known | 1 << at),
        }
    }
}

impl Serialize for KeptReading {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            // Whole numbers take less without a fraction, and nearly all of them are.
            Reading::Known { value, at }
                if value.fract() == 0.0 && (0.0..MOST).contains(&value) =>
            {
                (value as u64, at).serialize(serializer)
            }
            Reading::Known { value, at } => (value, at).serialize(serializer),
            Reading::Off => serializer.serialize_str("off"),
            Reading::Unknown(Reason::NotAsked) => serializer.serialize_unit(),
            Reading::Unknown(reason) => serializer.serialize_str(reason.name()),
        }
    }
}

impl<'de> Deserialize<'de> for KeptReading {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<KeptReading, D::Error> {
        deserializer.deserialize_any(ReadingVisitor)
    }
}

struct ReadingVisitor;

impl<'de> Visitor<'de> for ReadingVisitor {
    type Value = KeptReading;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a value with its time, or why it is not known")
    }

    fn visit_unit<E: de::Error>(self) -> Result<KeptReading, E> {
        Ok(KeptReading(Reading::Unknown(Reason::NotAsked)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut parts: A) -> Result<KeptReading, A::Error> {
        let lacks = |length| de::Error::invalid_length(length, &"two numbers");
        let value = parts.next_element::<f64>()?.ok_or_else(|| lacks(0))?;
        let at = parts.next_element::<u32>()?.ok_or_else(|| lacks(1))?;
        Ok(KeptReading(Reading::Known { value, at }))
    }

    fn visit_str<E: de::Error>(self, word: &str) -> Result<KeptReading, E> {
        Ok(KeptReading(match word {
            "off" => Reading::Off,
            word => {
                let known = Reason::from_name(word);
                Reading::Unknown(known.unwrap_or(Reason::Pending))
            }
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Choices;

    #[test]
    fn a_reason_of_another_version_is_still_to_be_asked() {
        let read: KeptReading = serde_json::from_str("\"tired\"").unwrap();
        assert_eq!(read.0, Reading::Unknown(Reason::Pending));
    }

    #[test]
    fn a_column_is_found_by_its_name() {
        let enabled = EnabledMetrics::new(
            Catalogue::standard(),
            |name| name != "gitlab_project_forks",
            Choices::default(),
        );
        let names = Names {
            columns: ["projects.forks", "projects.gone", "projects.stars"]
                .map(str::to_owned)
                .into(),
            ..Names::default()
        };
        let kept = r#"{"identity":{"id":7,"path":"a/b","name":"","visibility":"","default_branch":null,"access":["on","on","on"]},"listed":1,"values":[[3,1],[4,1],[5,1]]}"#;
        let line: OwnerLine<'_> = serde_json::from_str(kept).unwrap();
        let owner = line.owner(&names.places(&enabled, Grain::Project)).unwrap();
        for (placed, value) in enabled
            .catalogue
            .project_columns()
            .iter()
            .zip(&owner.values)
        {
            let expected = match placed.full_name().as_str() {
                "projects.stars" => Reading::Known { value: 5.0, at: 1 },
                "projects.forks" => Reading::Unknown(Reason::NotAsked),
                _ => Reading::Unknown(Reason::Pending),
            };
            assert_eq!(*value, expected, "{}", placed.full_name());
        }
    }
}
