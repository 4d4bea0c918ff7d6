//! What is known of one owner: a project, or the GitLab itself. It is replaced whole and shared.

use std::sync::Arc;

use super::{Identity, Reading, Reason, stamp};

/// An owner and what is known of it.
#[derive(Clone, Debug, Default)]
pub struct Owner {
    /// Who it is; the GitLab itself has none.
    pub identity: Arc<Identity>,
    /// When GitLab last listed it, in seconds since 1970.
    pub listed: u32,
    /// One for each column of the catalogue for this grain.
    pub values: Box<[Reading]>,
    /// One for each table of the catalogue for this grain.
    pub tables: Box<[TableReading]>,
}

/// The rows of a subject as they were told, or why they are not known.
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
    /// How many rows gave way because there are too many.
    pub dropped: u32,
}

impl Owner {
    /// An owner without tables.
    pub fn new(identity: Identity, listed: super::UnixTime, values: Vec<Reading>) -> Owner {
        Owner {
            identity: Arc::new(identity),
            listed: stamp(listed),
            values: values.into(),
            tables: Box::default(),
        }
    }
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
}

fn part<T>(all: &[T], rows: usize, row: usize) -> &[T] {
    let width = all.len() / rows.max(1);
    &all[row * width..(row + 1) * width]
}
