//! The bars: each simulates, measures and says where it falls short.

pub mod changes;
pub mod chaos;
pub mod first_sweep;
pub mod idle;
pub mod ledger;
pub mod steady;
pub mod tally;

use std::fmt;

/// What a simulation measured, and whether that is good enough.
pub struct Bar {
    title: String,
    /// Markdown tables: each a head and rows.
    tables: Vec<Vec<Vec<String>>>,
    /// What is not good enough; nothing, if the bar is held.
    pub missed: Vec<String>,
}

impl Bar {
    /// A bar that is held so far.
    pub fn new(title: String) -> Bar {
        Bar {
            title,
            tables: Vec::new(),
            missed: Vec::new(),
        }
    }

    /// Adds a table: its head first.
    pub fn table(&mut self, rows: impl IntoIterator<Item = Vec<String>>) {
        self.tables.push(rows.into_iter().collect());
    }

    /// Says whether what must hold does.
    pub fn hold(&mut self, holds: bool, what: impl Into<String>) {
        if !holds {
            self.missed.push(what.into());
        }
    }
}

impl fmt::Display for Bar {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(formatter, "## {}\n", self.title)?;
        for table in &self.tables {
            for (index, row) in table.iter().enumerate() {
                writeln!(formatter, "| {} |", row.join(" | "))?;
                if index == 0 {
                    writeln!(formatter, "|---{}|", "|---:".repeat(row.len() - 1))?;
                }
            }
            writeln!(formatter)?;
        }
        match self.missed.is_empty() {
            true => writeln!(formatter, "The bar is held."),
            false => writeln!(formatter, "**Missed**: {}.", self.missed.join("; ")),
        }
    }
}

/// A row of a table.
#[macro_export]
macro_rules! row {
    ($($cell:expr),* $(,)?) => { vec![$($cell.to_string()),*] };
}
