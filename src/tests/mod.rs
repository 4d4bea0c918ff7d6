//! What the unit tests of several parts share: fuzz targets, and the reader of expositions that the
//! integration tests have, which shares no code with what it reads.
#![allow(dead_code, reason = "the reader is not used as a whole")]

use std::collections::BTreeMap;

#[path = "../../tests/support/exposition.rs"]
pub mod exposition;
pub mod fuzz;

/// The labels of a series.
pub type Labels = BTreeMap<String, String>;
/// The series of one metric, and their values.
pub type Series = BTreeMap<Labels, f64>;

pub fn labels<const N: usize>(pairs: [(&str, &str); N]) -> Labels {
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}
