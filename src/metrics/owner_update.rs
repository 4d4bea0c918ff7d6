//! An owner after an answer: what it told, and the last good value of what it did not.

use std::sync::Arc;

use super::{
    ByPlace, Cadence, Catalogue, Grain, Owner, OwnerAnswer, TableReading, UnixTime, stamp,
};

impl Owner {
    /// The owner after an answer, with the last good value of what failed. Subjects with a pace of their
    /// own, such as feeds, stay as they are.
    pub fn updated(answer: OwnerAnswer, last: Option<&Owner>, now: UnixTime) -> Owner {
        let (catalogue, grain) = (answer.catalogue, answer.grain);
        let mut values = answer.values;
        for (place, value) in values.iter_mut().enumerate() {
            let last = last.and_then(|last| last.values.get(place));
            let along = catalogue.columns(grain)[place].subject.cadence == Cadence::WithOwner;
            *value = match last {
                Some(last) if !along => *last,
                last => value.or_last_good(last),
            };
        }
        let tables = catalogue.tables(grain).iter().zip(answer.tables);
        let tables = tables.enumerate().map(|(place, (placed, told))| {
            let last = last.and_then(|last| last.tables.get(place));
            let along = placed.subject.cadence == Cadence::WithOwner;
            match last {
                Some(last) if !along => last.clone(),
                last => told.after(last, placed, now),
            }
        });
        let tables: ByPlace<TableReading> = tables.collect();
        // The same identity is shared: nearly all of them are the same for weeks.
        let same = last.filter(|last| *last.identity == answer.identity);
        Owner {
            hidden: None,
            identity: match same {
                Some(last) => Arc::clone(&last.identity),
                None => Arc::new(answer.identity),
            },
            listed: stamp(now),
            values: values.into(),
            ended: last.map(|last| last.ended.clone()).unwrap_or_default(),
            tables,
        }
    }

    /// Makes room for what its grain has, where nothing was known of it.
    pub fn fit(&mut self, catalogue: &'static Catalogue, grain: Grain) {
        self.values.grow(catalogue.columns(grain).len());
        self.tables.grow(catalogue.tables(grain).len());
    }

    /// The owner after an answer about all of it, whatever its pace is.
    pub fn learnt(answer: OwnerAnswer, last: Option<&Owner>, now: UnixTime) -> Owner {
        let columns: Vec<usize> = (0..answer.values.len()).collect();
        let tables: Vec<usize> = (0..answer.tables.len()).collect();
        let mut owner = Owner::updated(answer.clone(), last, now);
        owner.take(&answer, &columns, &tables, now);
        owner
    }

    /// Takes in what an answer says at these places, with the last good value of what failed. Everything
    /// else stays as it is.
    pub fn take(
        &mut self,
        answer: &OwnerAnswer,
        columns: &[usize],
        tables: &[usize],
        now: UnixTime,
    ) {
        for &place in columns {
            let last = self.values[place];
            self.values[place] = answer.values[place].or_last_good(Some(&last));
        }
        self.take_tables(answer, tables, now);
    }

    /// Takes in the tables of an answer at these places.
    pub fn take_tables(&mut self, answer: &OwnerAnswer, places: &[usize], now: UnixTime) {
        if places.is_empty() {
            return;
        }
        let (catalogue, grain) = (answer.catalogue, answer.grain);
        let last = self.clone();
        for &place in places {
            let told = answer.tables[place].clone();
            let placed = &catalogue.tables(grain)[place];
            self.tables[place] = told.after(last.tables.get(place), placed, now);
        }
    }
}
