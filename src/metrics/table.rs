//! The rows of a subject that an owner has, as they are known.

use std::sync::Arc;

use super::{Reading, Reason};

/// The rows of a subject as they are known, or why they are not.
#[derive(Clone, Debug)]
pub enum TableReading {
    Unknown(Reason),
    /// The project has switched the feature off: there are no rows.
    Off,
    Known(Arc<Table>),
}

/// The rows of a subject that an owner has, sorted by key.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Table {
    /// When GitLab told them, in seconds since 1970.
    pub at: u32,
    pub keys: Box<[u64]>,
    /// The labels of the first row, then those of the second.
    pub labels: Box<[Arc<str>]>,
    /// The values of the first row, then those of the second.
    pub values: Box<[Reading]>,
    /// The rows that have given way to newer ones since the list was last told to its end.
    pub given_way: Box<[GivenWay]>,
    /// How many things of each feed are at each stage; empty if none is at any.
    pub live: Box<[u32]>,
}

/// A row that gave way to newer ones because there are more than a limit allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GivenWay {
    /// Of what it told, such as a ref: what is told anew of that takes its place.
    pub of: Arc<str>,
    pub key: u64,
    /// Which of its values were known: a bit for each place.
    pub known: u64,
}

/// One row, as it was told.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    pub key: u64,
    pub labels: Vec<Arc<str>>,
    pub values: Vec<Reading>,
}

impl TableReading {
    pub fn known(&self) -> Option<&Arc<Table>> {
        match self {
            TableReading::Known(table) => Some(table),
            _ => None,
        }
    }
}

impl Table {
    /// The table of these rows, in their order.
    pub(super) fn of_rows(rows: Vec<Row>) -> Table {
        Table {
            keys: rows.iter().map(|row| row.key).collect(),
            labels: rows
                .iter()
                .flat_map(|row| row.labels.iter().cloned())
                .collect(),
            values: rows
                .iter()
                .flat_map(|row| row.values.iter().copied())
                .collect(),
            ..Table::default()
        }
    }

    pub fn rows(&self) -> usize {
        self.keys.len()
    }

    /// The values of a row.
    pub fn values_of(&self, row: usize) -> &[Reading] {
        part(&self.values, self.rows(), row)
    }

    /// The labels of a row.
    pub fn labels_of(&self, row: usize) -> &[Arc<str>] {
        part(&self.labels, self.rows(), row)
    }

    pub fn row(&self, row: usize) -> Row {
        Row {
            key: self.keys[row],
            labels: self.labels_of(row).to_vec(),
            values: self.values_of(row).to_vec(),
        }
    }

    /// The table without the rows that are gone, shown or given way; none if none is gone.
    pub fn without(
        &self,
        is_gone: impl Fn(&Row) -> bool,
        has_gone: impl Fn(&GivenWay) -> bool,
    ) -> Option<Table> {
        let mut rows: Vec<Row> = (0..self.rows()).map(|row| self.row(row)).collect();
        rows.retain(|row| !is_gone(row));
        let given_way = self.given_way.iter().filter(|own| !has_gone(own));
        let given_way: Box<[GivenWay]> = given_way.cloned().collect();
        if rows.len() == self.rows() && given_way.len() == self.given_way.len() {
            return None;
        }
        Some(Table {
            at: self.at,
            given_way,
            live: self.live.clone(),
            ..Table::of_rows(rows)
        })
    }

    /// Whether the same is shown of both: when it was told is not shown.
    pub(super) fn shows_like(&self, other: &Table) -> bool {
        let mut values = self.values.iter().zip(&other.values);
        (&self.keys, &self.labels, &self.live) == (&other.keys, &other.labels, &other.live)
            && self.values.len() == other.values.len()
            && values.all(|(one, other)| one.value() == other.value())
    }
}

fn part<T>(all: &[T], rows: usize, row: usize) -> &[T] {
    let width = all.len() / rows.max(1);
    &all[row * width..(row + 1) * width]
}
