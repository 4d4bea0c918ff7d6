//! The rows of a subject as an answer tells them: read, bounded, and merged with what was known.

use std::collections::HashSet;
use std::sync::Arc;

use serde_json::Value as Json;

use super::subject::{Made, MadeRow, Named};
use super::text::cut;
use super::{
    Answered, Api, Column, GivenWay, Kind, NotUnderstood, PlacedTable, Reading, Reason, Rest, Row,
    Table, TableReading, UnixTime, keys, member, stamp,
};

/// What an answer tells of the rows of a subject.
#[derive(Clone, Debug)]
pub enum TableAnswer {
    Unknown(Reason),
    Off,
    Told {
        /// The newest first.
        rows: Vec<Row>,
        /// Whether there are no others.
        complete: bool,
    },
}

/// Under which alias the answer about a name stands.
pub fn named_alias(place: usize) -> String {
    format!("name{place}")
}

impl TableAnswer {
    /// Reads a connection of GraphQL; for a subject with one row, the node that has it.
    pub fn from_graphql(connection: &Json, table: &PlacedTable, now: UnixTime) -> TableAnswer {
        if let Some(made) = table.made() {
            return Self::of_made(connection, made, table, now);
        }
        if table.many.is_none() {
            return Self::of_one(connection, table, Api::Graphql, now);
        }
        if connection.is_null() {
            return TableAnswer::Unknown(Reason::Hidden);
        }
        let complete = connection["pageInfo"]["hasNextPage"] != true;
        Self::told(&connection["nodes"], table, Api::Graphql, complete, now)
    }

    /// Reads a list of REST that was asked for as many rows as are kept: a full page may go on. For a
    /// subject with one row, reads the body that has it.
    pub fn from_rest(body: &Json, table: &PlacedTable, now: UnixTime) -> TableAnswer {
        if let Some(made) = table.made() {
            return Self::of_made(body, made, table, now);
        }
        if table.many.is_none() {
            return Self::of_one(body, table, Api::Rest, now);
        }
        let told = body.as_array().map_or(0, Vec::len);
        Self::told(body, table, Api::Rest, told < table.asked_for(), now)
    }

    /// Reads what a node of GraphQL tells of names, each under an alias of its own.
    pub fn of_names(
        node: &Json,
        named: &Named,
        names: &[String],
        table: &PlacedTable,
        now: UnixTime,
    ) -> TableAnswer {
        let told = (0..names.len()).map(|place| &node[named_alias(place)]);
        Self::of_each_name(told, named, names, table, now)
    }

    /// Reads what REST tells of names, each in a document of its own.
    pub fn of_named_documents(
        documents: &[Json],
        named: &Named,
        names: &[String],
        table: &PlacedTable,
        now: UnixTime,
    ) -> TableAnswer {
        let told = documents.iter().map(|body| member(body, named.rest_at));
        Self::of_each_name(told, named, names, table, now)
    }

    fn of_each_name<'a>(
        told: impl Iterator<Item = &'a Json>,
        named: &Named,
        names: &[String],
        table: &PlacedTable,
        now: UnixTime,
    ) -> TableAnswer {
        let mut rows = Vec::new();
        for (name, told) in names.iter().zip(told) {
            if told.is_null() {
                return TableAnswer::Unknown(Reason::Hidden);
            }
            for &member in named.members {
                let Answered::Value(count) = Kind::Count.read(&told[member]) else {
                    return TableAnswer::Unknown(Reason::NotUnderstood);
                };
                rows.push((vec![name.clone(), member.to_owned()], vec![Some(count)]));
            }
        }
        Self::of_rows(rows, table, now)
    }

    /// Makes the rows of what was told: of all pages of a list, or of a document.
    pub fn of_made(told: &Json, made: &Made, table: &PlacedTable, now: UnixTime) -> TableAnswer {
        if told.is_null() {
            return TableAnswer::Unknown(Reason::Hidden);
        }
        let Some(rows) = (made.rows)(told) else {
            return TableAnswer::Unknown(Reason::NotUnderstood);
        };
        Self::of_rows(rows, table, now)
    }

    fn of_rows(rows: Vec<MadeRow>, table: &PlacedTable, now: UnixTime) -> TableAnswer {
        let rows = rows.into_iter().map(|(labels, values)| {
            debug_assert_eq!(
                (labels.len(), values.len()),
                (table.labels.len(), table.values.len())
            );
            let reading = |value: Option<f64>| match value {
                Some(value) => Reading::known(value, now),
                None => Reading::Unknown(Reason::Hidden),
            };
            Row {
                key: hash(&labels.join("\0")),
                labels: labels
                    .into_iter()
                    .map(|text| label(&Json::String(text)))
                    .collect(),
                values: values.into_iter().map(reading).collect(),
            }
        });
        TableAnswer::Told {
            rows: rows.collect(),
            complete: true,
        }
    }

    fn of_one(owner: &Json, table: &PlacedTable, api: Api, now: UnixTime) -> TableAnswer {
        if !owner.is_object() {
            return TableAnswer::Unknown(Reason::NotUnderstood);
        }
        let mut labels = table.labels.iter().map(|column| column.value(owner, api));
        if labels.len() > 0 && labels.all(Json::is_null) {
            return TableAnswer::Unknown(Reason::Hidden);
        }
        let rows = vec![Row::read(owner, 0, table, api, now)];
        let complete = true;
        TableAnswer::Told { rows, complete }
    }

    fn told(list: &Json, table: &PlacedTable, api: Api, complete: bool, now: UnixTime) -> Self {
        match rows(list, table, api, now) {
            Ok(rows) => TableAnswer::Told { rows, complete },
            Err(_) => TableAnswer::Unknown(Reason::NotUnderstood),
        }
    }

    /// What is known after it. A failure keeps the last rows; a list that goes on keeps older ones.
    pub fn after(
        self,
        last: Option<&TableReading>,
        placed: &PlacedTable,
        now: UnixTime,
    ) -> TableReading {
        let last = last.and_then(TableReading::known);
        match (self, last) {
            (TableAnswer::Off, _) => TableReading::Off,
            (TableAnswer::Unknown(reason), Some(last)) if !reason.is_fact() => {
                TableReading::Known(Arc::clone(last))
            }
            (TableAnswer::Unknown(reason), _) => TableReading::Unknown(reason),
            (TableAnswer::Told { rows, complete }, last) => {
                let table = Table::of(rows, complete, last.map(|last| &**last), placed, now);
                TableReading::Known(Arc::new(table))
            }
        }
    }
}

/// Reads a list of rows, the newest first. A null is a row that the token may not see.
fn rows(
    list: &Json,
    table: &PlacedTable,
    api: Api,
    now: UnixTime,
) -> Result<Vec<Row>, NotUnderstood> {
    let list = list
        .as_array()
        .ok_or(NotUnderstood("rows that are no list"))?;
    let key = table.many.map_or("id", |many| many.key);
    let mut rows = Vec::with_capacity(list.len());
    for row in list.iter().filter(|row| !row.is_null()) {
        let id = member_of(row, key, api);
        let key = row.is_object().then(|| key_of(id)).flatten();
        let key = key.ok_or(NotUnderstood("a row without a key"))?;
        rows.push(Row::read(row, key, table, api, now));
    }
    Ok(rows)
}

impl Row {
    fn read(row: &Json, key: u64, table: &PlacedTable, api: Api, now: UnixTime) -> Row {
        let labels = table.labels.iter();
        let values = table.values.iter();
        Row {
            key,
            labels: labels.map(|column| label(column.value(row, api))).collect(),
            values: values
                .map(|column| match column.kind.read(column.value(row, api)) {
                    Answered::Value(value) => Reading::known(value, now),
                    Answered::Invalid => Reading::Unknown(Reason::Invalid),
                    Answered::Null | Answered::Nothing | Answered::Failed(_) => {
                        Reading::Unknown(Reason::Hidden)
                    }
                })
                .collect(),
        }
    }
}

impl Column {
    fn value<'a>(&self, row: &'a Json, api: Api) -> &'a Json {
        match (api, self.rest) {
            (Api::Graphql, _) => member_of(row, self.graphql, api),
            (Api::Rest, Rest::Body(path) | Rest::Member { member: path, .. }) => {
                member_of(row, path, api)
            }
            (Api::Rest, Rest::Count(_) | Rest::First { .. } | Rest::Nowhere) => &Json::Null,
        }
    }
}

pub(super) fn member_of<'a>(row: &'a Json, path: &str, api: Api) -> &'a Json {
    match api {
        Api::Graphql => keys(path)
            .iter()
            .fold(row, |value, key| &value[key.as_str()]),
        Api::Rest => member(row, path),
    }
}

/// What tells a row from others: the number at the end of a global id, or a number made of a name.
pub(super) fn key_of(id: &Json) -> Option<u64> {
    if let Some(number) = id.as_u64() {
        return Some(number);
    }
    let text = id.as_str().filter(|text| !text.is_empty())?;
    let number = text.rsplit('/').next().and_then(|last| last.parse().ok());
    Some(number.unwrap_or_else(|| hash(text)))
}

/// FNV-1a: the same in every version of this program, as the state file needs it.
fn hash(text: &str) -> u64 {
    let bytes = text.bytes().map(u64::from);
    bytes.fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ byte).wrapping_mul(0x0100_0000_01b3)
    })
}

/// A label as it is shown. Several words become one, sorted, with commas between them.
pub(super) fn label(value: &Json) -> Arc<str> {
    let text = match value {
        Json::String(text) => text.clone(),
        Json::Bool(_) | Json::Number(_) => value.to_string(),
        Json::Array(words) => {
            let mut words: Vec<_> = words.iter().filter_map(Json::as_str).collect();
            words.sort_unstable();
            words.join(",")
        }
        Json::Null | Json::Object(_) => String::new(),
    };
    cut(&text).into()
}

impl PlacedTable {
    /// How many rows are asked for: GitLab gives no more at once.
    pub fn asked_for(&self) -> usize {
        const PAGE: usize = 100;
        self.many
            .map_or(1, |many| usize::from(many.at_most).min(PAGE))
    }

    /// Whether GraphQL has the rows.
    pub fn is_over_graphql(&self) -> bool {
        if self.named().is_some() {
            return true;
        }
        match (self.many, self.made()) {
            (Some(many), _) => !many.list.is_empty(),
            (None, Some(made)) => !made.graphql.is_empty(),
            (None, None) => self
                .values
                .iter()
                .chain(&self.labels)
                .any(|own| !own.graphql.is_empty()),
        }
    }

    /// Whether REST is asked for all pages of the list.
    pub fn is_read_to_the_end(&self) -> bool {
        self.made().is_some_and(|made| made.is_list)
    }

    /// The connection of GraphQL as it is asked.
    pub fn connection(&self) -> Option<String> {
        let (list, first) = (self.many?.list, self.asked_for());
        Some(match list.strip_suffix(')') {
            Some(list) => format!("{list}, first: {first})"),
            None => format!("{list}(first: {first})"),
        })
    }

    /// The path of REST that has the rows, below the owner's; none if they stand in its own body.
    pub fn rest_path(&self) -> Option<String> {
        if self.named().is_some() {
            // Each name has one of its own.
            return None;
        }
        if let Some(made) = self.made() {
            let separator = if made.rest.contains('?') { '&' } else { '?' };
            let path = format!("{}{separator}per_page=100", made.rest);
            return (!made.rest.is_empty()).then_some(path);
        }
        let Some(many) = self.many else {
            let mut columns = self.labels.iter().chain(&self.values);
            return columns.find_map(|column| match column.rest {
                Rest::Member { path, .. } => Some(path.to_owned()),
                _ => None,
            });
        };
        let (path, first) = (many.rest, self.asked_for());
        let separator = if path.contains('?') { '&' } else { '?' };
        Some(format!("{path}{separator}per_page={first}"))
    }

    /// Where the labels stand of which only the newest row is kept.
    fn latest_per(&self) -> Vec<usize> {
        let labels = self.many.map(|many| many.latest_per).unwrap_or_default();
        let place = |label: &&str| {
            let mut columns = self.labels.iter();
            columns.position(|column| column.name == *label)
        };
        labels.iter().filter_map(place).collect()
    }
}

impl Table {
    /// The table of these rows, and of older ones of the last table where the list goes on.
    fn of(
        mut rows: Vec<Row>,
        complete: bool,
        last: Option<&Table>,
        placed: &PlacedTable,
        now: UnixTime,
    ) -> Table {
        let told: HashSet<u64> = rows.iter().map(|row| row.key).collect();
        let mut before: &[GivenWay] = &[];
        if let Some(last) = last.filter(|_| !complete) {
            before = &last.given_way;
            let older = (0..last.rows()).rev().map(|row| last.row(row));
            rows.extend(older.filter(|row| !told.contains(&row.key)));
        }
        // The first of several is the newest.
        let (mut seen, mut keys, latest_per) =
            (HashSet::new(), HashSet::new(), placed.latest_per());
        rows.retain(|row| {
            let labels: Vec<_> = latest_per
                .iter()
                .map(|at| row.labels[*at].clone())
                .collect();
            keys.insert(row.key) && (latest_per.is_empty() || seen.insert(labels))
        });
        let doubles = placed.doubles(&rows);
        rows.retain(|row| !doubles.contains(&row.key));
        let at_most = placed.at_most();
        let given_way = rows.split_off(at_most.min(rows.len()));
        let given_way = given_way.iter().map(|row| GivenWay::row(row, "".into()));
        let given_way = GivenWay::all(before, |own| !told.contains(&own.key), given_way);
        rows.sort_unstable_by_key(|row| row.key);
        Table {
            at: stamp(now),
            keys: rows.iter().map(|row| row.key).collect(),
            labels: rows
                .iter()
                .flat_map(|row| row.labels.iter().cloned())
                .collect(),
            values: rows
                .iter()
                .flat_map(|row| row.values.iter().copied())
                .collect(),
            given_way,
            live: Box::default(),
        }
    }
}
