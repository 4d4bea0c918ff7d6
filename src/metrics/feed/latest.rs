//! The newest thing of each ref, as it is shown: which refs are, and what a newer row takes over from an
//! older one.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::Record;
use crate::metrics::{GivenWay, PlacedFeed, Refs, Row, Table, UnixTime, place_of, stamp};

/// Which refs of a project are shown.
#[derive(Clone, Copy, Debug)]
pub struct RefChoice<'a> {
    /// It always is, where it is known.
    pub default_branch: Option<&'a str>,
    pub refs: &'a Refs,
    /// How many at the most, the default branch included.
    pub at_most: usize,
    /// What GitLab's clock shows.
    pub now: UnixTime,
}

/// What an answer tells beyond the things that are in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Nothing: it is told of what changed.
    Changed,
    /// That there are no others from this key on.
    From(u64),
}

/// A ref: its name, and its kind.
type Ref = (Arc<str>, Arc<str>);

/// Where the parts of a row are that decide whether it is shown.
struct Shape<'a> {
    name: usize,
    kind: usize,
    created: Option<usize>,
    carried: Vec<usize>,
    choice: RefChoice<'a>,
}

impl Table {
    /// The table after a page of a feed: the newest thing of each ref that is shown.
    #[must_use]
    pub fn with_latest(
        &self,
        page: &[Record],
        reach: Reach,
        placed: &PlacedFeed,
        choice: RefChoice<'_>,
    ) -> Table {
        let Some(shape) = Shape::of(placed, choice) else {
            return Table {
                at: stamp(choice.now),
                ..self.clone()
            };
        };
        let told = |key: u64| page.iter().any(|record| record.key() == key);
        let is_gone = |key: u64| match reach {
            Reach::Changed => false,
            Reach::From(lowest) => key >= lowest && !told(key),
        };
        let mut rows: BTreeMap<Ref, (Row, bool)> = BTreeMap::new();
        for row in (0..self.rows()).map(|row| self.row(row)) {
            let gone = is_gone(row.key);
            rows.insert(shape.name_of(&row), (row, gone));
        }
        for record in page.iter().filter(|record| record.is_shown) {
            shape.take(&mut rows, &record.row);
        }
        let mut too_old = 0;
        rows.retain(|name, (row, gone)| {
            if shape.is_too_old(name, row) {
                too_old = row.key.max(too_old);
                return false;
            }
            !*gone && shape.wants(name)
        });
        let given_way = shape.limit(&mut rows);
        let again = |own: &GivenWay| own.key > too_old && !is_gone(own.key);
        let given_way = shape.all_given_way(&self.given_way, again, &rows, given_way);
        let mut rows: Vec<Row> = rows.into_values().map(|(row, _)| row).collect();
        rows.sort_unstable_by_key(|row| row.key);
        Table {
            at: stamp(choice.now),
            keys: rows.iter().map(|row| row.key).collect(),
            labels: rows.iter().flat_map(|row| row.labels.clone()).collect(),
            values: rows.iter().flat_map(|row| row.values.clone()).collect(),
            given_way,
            live: self.live.clone(),
        }
    }
}

impl<'a> Shape<'a> {
    /// None for a feed of which nothing is shown.
    fn of(placed: &PlacedFeed, choice: RefChoice<'a>) -> Option<Shape<'a>> {
        let label = |name: &str| place_of(&placed.labels, name);
        let value = |name: &str| place_of(&placed.values, name);
        let [name, kind] = placed.feeds.latest_per else {
            return None;
        };
        let carried = placed.feeds.carried.iter();
        Some(Shape {
            name: label(name)?,
            kind: label(kind)?,
            created: value("created"),
            carried: carried.filter_map(|name| value(name)).collect(),
            choice,
        })
    }

    fn name_of(&self, row: &Row) -> Ref {
        let label = |at: usize| Arc::clone(&row.labels[at]);
        (label(self.name), label(self.kind))
    }

    /// Takes in a row: the newest of a ref is shown, with the newest of what is carried on.
    fn take(&self, rows: &mut BTreeMap<Ref, (Row, bool)>, told: &Row) {
        let name = self.name_of(told);
        let Some((known, gone)) = rows.get_mut(&name) else {
            rows.insert(name, (told.clone(), false));
            return;
        };
        let told_is_shown = told.key >= known.key || *gone;
        let (mut next, other) = match told_is_shown {
            true => (told.clone(), &*known),
            false => (known.clone(), told),
        };
        let newness = |row: &Row| self.carried.first().and_then(|at| row.values[*at].value());
        // Of the same thing, what was told last is right.
        let other_is_newer = match newness(other).partial_cmp(&newness(&next)) {
            Some(std::cmp::Ordering::Greater) => true,
            Some(std::cmp::Ordering::Equal) => !told_is_shown,
            _ => false,
        };
        if other_is_newer {
            for at in &self.carried {
                next.values[*at] = other.values[*at];
            }
        }
        *known = next;
        if told_is_shown {
            *gone = false;
        }
    }

    fn is_default(&self, (name, kind): &Ref) -> bool {
        &**kind == "branch" && Some(&**name) == self.choice.default_branch
    }

    /// Whether a ref is chosen.
    fn wants(&self, name: &Ref) -> bool {
        let refs = self.choice.refs;
        self.is_default(name)
            || match &*name.1 {
                "branch" => refs.takes_branch(&name.0),
                "tag" => refs.takes_tag(&name.0),
                _ => refs.takes_merge_request(&name.0),
            }
    }

    /// Whether a ref is chosen that is written as [`text`] does.
    fn wants_text(&self, text: &str) -> bool {
        let parts = text.split_once(' ');
        parts.is_some_and(|(kind, name)| self.wants(&(name.into(), kind.into())))
    }

    /// Whether the newest thing of a ref is too old to be shown.
    fn is_too_old(&self, name: &Ref, row: &Row) -> bool {
        let refs = self.choice.refs;
        let created = self.created.and_then(|at| row.values[at].value());
        match (refs.max_age, created) {
            (Some(age), Some(created)) if !self.is_default(name) => {
                created + age.as_secs_f64() < self.choice.now as f64
            }
            _ => false,
        }
    }

    /// Drops the refs with the oldest things where there are too many. Returns those that gave way to the
    /// limit.
    fn limit(&self, rows: &mut BTreeMap<Ref, (Row, bool)>) -> Vec<GivenWay> {
        let mut others: Vec<(u64, Ref)> = rows
            .iter()
            .filter(|(name, _)| !self.is_default(name))
            .map(|(name, (row, _))| (row.key, name.clone()))
            .collect();
        others.sort_unstable_by_key(|(key, _)| std::cmp::Reverse(*key));
        if let Some(most) = self.choice.refs.most_recent {
            let mut of_kind: BTreeMap<Arc<str>, u32> = BTreeMap::new();
            others.retain(|(_, name)| {
                let count = of_kind.entry(Arc::clone(&name.1)).or_default();
                *count += 1;
                let kept = *count <= most;
                if !kept {
                    rows.remove(name);
                }
                kept
            });
        }
        let room = self
            .choice
            .at_most
            .saturating_sub(rows.len() - others.len());
        let too_many = others.split_off(room.min(others.len()));
        let mut given_way = Vec::new();
        for (_, name) in &too_many {
            if let Some((row, _)) = rows.remove(name) {
                given_way.push(GivenWay::row(&row, text(name).into()));
            }
        }
        given_way
    }
}

impl Shape<'_> {
    /// All refs that have given way: those of before that are still there, and the new ones.
    fn all_given_way(
        &self,
        before: &[GivenWay],
        is_there: impl Fn(&GivenWay) -> bool,
        shown: &BTreeMap<Ref, (Row, bool)>,
        new: Vec<GivenWay>,
    ) -> Box<[GivenWay]> {
        let mut told: HashSet<String> = shown.keys().map(text).collect();
        told.extend(new.iter().map(|own| own.of.to_string()));
        let stays =
            |own: &GivenWay| is_there(own) && !told.contains(&*own.of) && self.wants_text(&own.of);
        let all = GivenWay::all(before, stays, new);
        // Where there is room for all, the limit has been raised since.
        match shown.len() + all.len() > self.choice.at_most {
            true => all,
            false => Box::default(),
        }
    }
}

/// A ref with its kind, in a word.
fn text((name, kind): &Ref) -> String {
    format!("{kind} {name}")
}
