//! Sums over the rows of an owner, which the semantic conventions count otherwise than GitLab does.

use crate::metrics::placed::{PlacedPart, PlacedParts};
use crate::metrics::{Owner, TableReading};

impl PlacedParts {
    /// The sums that are known of an owner, each with its word.
    pub fn of<'a>(&'a self, owner: &'a Owner) -> impl Iterator<Item = (&'static str, f64)> + 'a {
        let parts = self.parts.iter();
        parts.filter_map(move |part| Some((part.word, self.sum(part, owner)?)))
    }

    /// A sum; none if a part of it is not known, or if what is taken off is more than there is: then one of
    /// the two is from another moment.
    fn sum(&self, part: &PlacedPart, owner: &Owner) -> Option<f64> {
        let sum = match self.table {
            None => {
                let value = |place: usize| owner.values.get(place)?.value();
                value(part.plus)? - part.less.map_or(Some(0.0), value)?
            }
            Some(table) => {
                let table = owner.tables.get(table).and_then(TableReading::known)?;
                let mut sum = 0.0;
                for row in 0..table.rows() {
                    let mut conditions = part.of_rows.iter();
                    let is_part =
                        conditions.all(|(of, words)| words.contains(&of.text(table, row)));
                    if is_part {
                        let value = |place: usize| table.values_of(row)[place].value();
                        sum += value(part.plus)? - part.less.map_or(Some(0.0), value)?;
                    }
                }
                sum
            }
        };
        (sum >= 0.0).then_some(sum)
    }
}
