//! What the answers of a walk over REST tell: which of its things are asked one by one, since the lists
//! tell neither when a pipeline started and ended nor whether its ref is a tag.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::Engine;
use super::rest_walk::RestWalk;
use super::sought::{Sought, Told};
use crate::metrics::{
    Api, Grain, NotUnderstood, PlacedFeed, Reading, Reason, Record, Stage, Table, UnixTime,
    place_of,
};
use crate::poll::plan::FeedDepth;

impl Engine {
    fn placed(&self, walk: &RestWalk) -> &'static PlacedFeed {
        &self.enabled.catalogue.feeds(Grain::Project)[usize::from(walk.place)]
    }

    /// Takes in the document of a thing, of which a list told less.
    pub(super) fn take_thing(
        &self,
        walk: &mut RestWalk,
        key: u64,
        thing: &Value,
        at: UnixTime,
    ) -> Result<(), NotUnderstood> {
        let placed = self.placed(walk);
        let list = Value::Array(vec![thing.clone()]);
        let mut told = Record::read_all(&list, placed, Api::Rest, at)?;
        walk.lacking.pop_front();
        let Some(last) = told.last().filter(|last| last.key() == key) else {
            return Err(NotUnderstood("the answer is another thing"));
        };
        let kind = last.label(placed, "kind").map(ToString::to_string);
        let known = Told {
            kind: kind.unwrap_or_default(),
            succeeded: has_succeeded(last, placed),
            is_shown: false,
        };
        if walk.things.iter().any(|listed| listed.key() == key) {
            walk.things.retain(|listed| listed.key() != key);
            walk.things.extend(told);
        } else {
            // It may be the last success of a ref; which thing is the newest of another, it does not tell.
            let name = last.label(placed, "ref").cloned().unwrap_or_default();
            let of_merge_request = known.kind == "merge_request";
            let sought = walk.sought.get(&(name, of_merge_request));
            let is_known = sought.is_some_and(|sought| sought.has(&known.kind));
            told.iter_mut().for_each(|thing| thing.is_shown &= is_known);
            walk.older.extend(told);
        }
        walk.told.insert(key, known);
        Ok(())
    }

    /// Reads a list: what of it is to be asked one by one, and where it goes on.
    pub(super) fn take_list(
        &self,
        walk: &mut RestWalk,
        list: &Value,
        at: UnixTime,
    ) -> Result<(), NotUnderstood> {
        let placed = self.placed(walk);
        let things = Record::read_all(list, placed, Api::Rest, at)?;
        let count = list.as_array().map_or(0, Vec::len);
        walk.next = match walk.depth {
            FeedDepth::Changed { since } if count >= RestWalk::PAGE => {
                Some(walk.next_page(placed, since, &things))
            }
            FeedDepth::Newest | FeedDepth::OfRef if count >= RestWalk::FEW => Some(String::new()),
            _ => None,
        };
        walk.things = things;
        if placed.feed.rest_one.is_none() {
            return Ok(());
        }
        let floor = self.feed_since(walk.place, walk.id);
        let may_count = |thing: &&Record| {
            !matches!(thing.stage, Stage::Live(_) | Stage::Resting) && thing.updated >= floor
        };
        walk.lacking = walk
            .things
            .iter()
            .filter(may_count)
            .map(Record::key)
            .collect();
        walk.told = self.known_of(walk, placed, floor);
        walk.sought = self.sought(walk, placed);
        // A list does not tell enough of these to show them.
        walk.things
            .iter_mut()
            .for_each(|thing| thing.is_shown = false);
        Ok(())
    }

    /// Takes in the things of a ref that succeeded, and are older than the list.
    pub(super) fn take_successes(
        &mut self,
        walk: &mut RestWalk,
        name: &Arc<str>,
        list: &Value,
        at: UnixTime,
    ) -> Result<(), NotUnderstood> {
        let placed = self.placed(walk);
        let mut things = Record::read_all(list, placed, Api::Rest, at)?;
        walk.successes.pop_front();
        things.retain(|thing| thing.is_shown && !walk.told.contains_key(&thing.key()));
        things.sort_unstable_by_key(|thing| std::cmp::Reverse(thing.key()));
        if let Some(sought) = walk.sought.get_mut(&(Arc::clone(name), false)) {
            for thing in &things {
                sought.add(thing.key(), true, None);
            }
        }
        if let Some(own) = self.feeds.lists.get_mut(&walk.place) {
            let searched = own.searched.entry(walk.id).or_default();
            searched.insert(Arc::clone(name));
        }
        Ok(())
    }

    /// Takes in how long a list of a thing is, or that this can't be told.
    pub(super) fn take_count(&self, walk: &mut RestWalk, count: Option<u64>, at: UnixTime) {
        let placed = self.placed(walk);
        let Some((key, list)) = walk.counts.pop_front() else {
            return;
        };
        let column = placed.feed.rest_counts.as_ref().map(|counts| counts.column);
        let place = column.and_then(|column| place_of(&placed.values, column));
        let last = self.shown(walk).and_then(|table| {
            let row = table.keys.binary_search(&key).ok()?;
            table.values_of(row).get(place?).copied()
        });
        let (Some(place), Some(thing)) = (place, walk.thing_mut(key)) else {
            return;
        };
        let value = &mut thing.row.values[place];
        match (count, list, value.value()) {
            (Some(count), 0, _) => *value = Reading::known(count as f64, at),
            (Some(count), _, Some(before)) => *value = Reading::known(before + count as f64, at),
            _ => {
                *value = last.unwrap_or(Reading::Unknown(Reason::Hidden));
                walk.counts.retain(|(other, _)| *other != key);
            }
        }
    }

    /// Asks for whatever is still sought: documents, then older successes, then what is counted.
    pub(super) fn seek(&self, walk: &mut RestWalk) {
        let lists = self.counted_lists(walk);
        walk.seek(lists);
        let is_full = walk.next.is_some() && walk.depth.since().is_none();
        if !walk.lacking.is_empty() || !walk.successes.is_empty() || !is_full {
            return;
        }
        let own = self.feeds.lists.get(&walk.place);
        let searched = own.and_then(|list| list.searched.get(&walk.id));
        // Each ref is asked once, also where that brought nothing.
        let is_searched = |name: &Arc<str>| searched.is_some_and(|names| names.contains(name));
        let lacking = walk
            .sought
            .iter()
            .filter(|((name, of_merge_request), sought)| {
                !of_merge_request && sought.lacks_success() && !is_searched(name)
            });
        walk.successes = lacking.map(|((name, _), _)| Arc::clone(name)).collect();
    }

    /// How many lists are counted of each thing that is shown.
    fn counted_lists(&self, walk: &RestWalk) -> usize {
        let placed = self.placed(walk);
        let Some(counts) = &placed.feed.rest_counts else {
            return 0;
        };
        let mut shown = placed.shown_by(counts.column);
        match shown.any(|metric| self.enabled.shows(metric)) {
            true => counts.lists.len(),
            false => 0,
        }
    }

    /// What is shown of the project.
    fn shown(&self, walk: &RestWalk) -> Option<&Table> {
        let project = self.projects.get(&walk.id)?;
        let table = project.tables.get(self.placed(walk).table)?;
        table.known().map(|table| &**table)
    }

    /// The things of a page that are shown and have not changed since: they need not be asked.
    fn known_of(
        &self,
        walk: &RestWalk,
        placed: &PlacedFeed,
        floor: UnixTime,
    ) -> BTreeMap<u64, Told> {
        let Some(table) = self.shown(walk) else {
            return BTreeMap::new();
        };
        let [kind, status] = ["kind", "status"].map(|name| place_of(&placed.labels, name));
        let success = place_of(&placed.values, "last_success_id");
        let counted = match self.counted_lists(walk) {
            0 => None,
            _ => place_of(&placed.values, "jobs"),
        };
        let same = walk.things.iter().filter(|thing| thing.updated < floor);
        let known = same.filter_map(|thing| {
            let row = table.keys.binary_search(&thing.key()).ok()?;
            // GitLab does not say of every thing when it changed.
            let told = thing.label(placed, "status");
            if status.is_some_and(|place| Some(&table.labels_of(row)[place]) != told) {
                return None;
            }
            let values = table.values_of(row);
            let has = |place: usize| values[place].value().is_some();
            counted.is_none_or(has).then(|| {
                let kind = table.labels_of(row)[kind?].to_string();
                let told = Told {
                    kind,
                    succeeded: success.is_some_and(has),
                    is_shown: true,
                };
                Some((thing.key(), told))
            })?
        });
        known.collect()
    }

    /// What is sought of the refs that may be shown.
    fn sought(&self, walk: &RestWalk, placed: &PlacedFeed) -> BTreeMap<(Arc<str>, bool), Sought> {
        let (refs, project) = (&self.enabled.choices.refs, self.projects.get(&walk.id));
        let default = project.and_then(|project| project.identity.default_branch.clone());
        let wanted = |name: &str, of_merge_request: bool| -> Vec<&'static str> {
            let is_branch = Some(name) == default.as_deref() || refs.takes_branch(name);
            let kinds = [
                (!of_merge_request && is_branch, "branch"),
                (!of_merge_request && refs.takes_tag(name), "tag"),
                (
                    of_merge_request && refs.takes_merge_request(name),
                    "merge_request",
                ),
            ];
            let wanted = kinds.into_iter().filter(|(is_wanted, _)| *is_wanted);
            wanted.map(|(_, kind)| kind).collect()
        };
        let own = self.feeds.lists.get(&walk.place);
        let kinds = own.and_then(|list| list.kinds.get(&walk.id));
        let mut newest: Vec<&Record> = walk.things.iter().filter(|one| one.is_shown).collect();
        newest.sort_unstable_by_key(|thing| std::cmp::Reverse(thing.key()));
        let mut all = BTreeMap::new();
        for thing in newest {
            let Some(name) = thing.label(placed, "ref") else {
                continue;
            };
            let kind = thing.label(placed, "kind");
            let of_merge_request = kind.is_some_and(|kind| **kind == *"merge_request");
            let sought = all
                .entry((Arc::clone(name), of_merge_request))
                .or_insert_with(|| Sought::new(wanted(name, of_merge_request)));
            let is_tag = kinds.and_then(|kinds| kinds.get(&thing.key()).copied());
            sought.add(thing.key(), has_succeeded(thing, placed), is_tag);
        }
        all
    }

    /// Keeps which of the newest things are of tags: that never changes.
    pub(super) fn note_kinds(&mut self, walk: &RestWalk) {
        let Some(list) = self.feeds.lists.get_mut(&walk.place) else {
            return;
        };
        if walk.depth != FeedDepth::Newest || walk.told.is_empty() {
            return;
        }
        let told = walk.told.iter().filter(|(_, told)| !told.kind.is_empty());
        let told = told.map(|(key, told)| (*key, told.kind == "tag"));
        let mut kinds: BTreeMap<u64, bool> = list.kinds.remove(&walk.id).unwrap_or_default();
        kinds.extend(told);
        while kinds.len() > 2 * RestWalk::FEW {
            kinds.pop_first();
        }
        list.kinds.insert(walk.id, kinds);
    }
}

/// Whether a thing may be the last success of its ref.
fn has_succeeded(thing: &Record, placed: &PlacedFeed) -> bool {
    thing.value(placed, "last_success_id").is_some()
}
