//! Things that have ended are counted once each: into a counter, or into a histogram of how long they
//! took. Which have ended, and were not counted before, their feed knows.

use std::sync::Arc;

use super::subject::CountedWhen;
use super::{Catalogue, Ended, EndedPlace, EndedSeries, Grain, Owner, Row};

impl Owner {
    /// Counts things of a subject that have ended, each as a row of its table at that place. Counting
    /// began at `since`, in seconds since 1970.
    pub fn count_ended<'a>(
        &mut self,
        catalogue: &Catalogue,
        grain: Grain,
        table: usize,
        things: impl Iterator<Item = &'a Row> + Clone,
        since: u32,
    ) {
        self.count(catalogue, grain, table, things, since, CountedWhen::Ends);
    }

    /// Counts things of a subject that have begun, like [`Owner::count_ended`].
    pub fn count_begun<'a>(
        &mut self,
        catalogue: &Catalogue,
        grain: Grain,
        table: usize,
        things: impl Iterator<Item = &'a Row> + Clone,
        since: u32,
    ) {
        self.count(catalogue, grain, table, things, since, CountedWhen::Begins);
    }

    /// Forgets what was counted for rows of another table, where that is more than `beyond`: all but what `keep`
    /// says of the texts that tell the counts apart.
    pub fn forget_counts(
        &mut self,
        catalogue: &Catalogue,
        (grain, table): (Grain, usize),
        beyond: usize,
        keep: impl Fn(&[Arc<str>]) -> bool,
    ) {
        let places = catalogue.ended(grain).iter().enumerate();
        for (index, _) in places.filter(|(_, place)| place.by_row && place.table == table) {
            let known = &self.ended[index].series;
            if known.len() > beyond && !known.iter().all(|own| keep(&own.attributes)) {
                let mut kept = known.to_vec();
                kept.retain(|own| keep(&own.attributes));
                self.ended[index].series = kept.into();
            }
        }
    }

    fn count<'a>(
        &mut self,
        catalogue: &Catalogue,
        grain: Grain,
        table: usize,
        things: impl Iterator<Item = &'a Row> + Clone,
        since: u32,
        when: CountedWhen,
    ) {
        let places = catalogue.ended(grain);
        if things.clone().next().is_none() {
            return;
        }
        let own = places.iter().enumerate();
        for (index, place) in own.filter(|(_, place)| place.table == table && place.when == when) {
            let ended = &mut self.ended[index];
            if ended.since == 0 {
                ended.since = since;
            }
            for thing in things.clone() {
                ended.add(place, thing);
            }
        }
    }
}

impl Ended {
    fn add(&mut self, place: &EndedPlace, thing: &Row) {
        let known = |at: usize| thing.values[at].value();
        if place.at.is_some_and(|at| known(at).is_none()) {
            return;
        }
        let value = match place.value.map(known) {
            Some(Some(value)) => value,
            Some(None) => return, // It has ended and taken no time that GitLab tells.
            None => 0.0,
        };
        let texts = place.attributes.iter();
        let attributes: Box<[Arc<str>]> = texts.map(|own| own.shared(thing)).collect();
        let mut series = self.series.iter_mut();
        if let Some(known) = series.find(|series| series.attributes == attributes) {
            return known.record(value, place.bounds);
        }
        let mut new = EndedSeries {
            attributes,
            buckets: vec![0; place.buckets()].into(),
            ..EndedSeries::default()
        };
        new.record(value, place.bounds);
        let mut all = std::mem::take(&mut self.series).into_vec();
        all.push(new);
        self.series = all.into();
    }
}

impl EndedPlace {
    pub(super) fn buckets(&self) -> usize {
        match self.bounds.len() {
            0 => 0,
            bounds => bounds + 1,
        }
    }
}
