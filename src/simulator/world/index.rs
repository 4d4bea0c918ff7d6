//! The orders in which projects are listed, kept for each group while projects come, go and change.

use std::collections::{BTreeSet, HashMap};
use std::ops::Bound;

use jiff::Timestamp;

/// What the activity order sorts by; the id decides a tie.
pub(crate) type Activity = (Timestamp, u64);

/// The projects of every group, with those of the groups below it, in two orders.
#[derive(Clone, Debug, Default)]
pub(crate) struct Index {
    everywhere: Orders,
    groups: HashMap<String, Orders>,
}

#[derive(Clone, Debug, Default)]
struct Orders {
    by_id: BTreeSet<u64>,
    by_activity: BTreeSet<Activity>,
}

impl Index {
    pub(crate) fn add(&mut self, full_path: &str, activity: Activity) {
        self.everywhere.add(activity);
        for group in groups_of(full_path) {
            match self.groups.get_mut(group) {
                Some(orders) => orders.add(activity),
                None => self
                    .groups
                    .entry(group.to_owned())
                    .or_default()
                    .add(activity),
            }
        }
    }

    pub(crate) fn remove(&mut self, full_path: &str, activity: Activity) {
        self.everywhere.remove(activity);
        for group in groups_of(full_path) {
            if let Some(orders) = self.groups.get_mut(group) {
                orders.remove(activity);
                if orders.by_id.is_empty() {
                    self.groups.remove(group);
                }
            }
        }
    }

    /// The projects behind an id, in the order of ids.
    pub(crate) fn ascending(&self, group: Option<&str>, behind: Option<u64>) -> Ids<'_> {
        let start = behind.map_or(Bound::Unbounded, Bound::Excluded);
        let Some(orders) = self.orders(group) else {
            return none();
        };
        Box::new(orders.by_id.range((start, Bound::Unbounded)).copied())
    }

    /// The projects behind an id, the newest first.
    pub(crate) fn descending(&self, group: Option<&str>, behind: Option<u64>) -> Ids<'_> {
        let end = behind.map_or(Bound::Unbounded, Bound::Excluded);
        let Some(orders) = self.orders(group) else {
            return none();
        };
        Box::new(orders.by_id.range((Bound::Unbounded, end)).rev().copied())
    }

    /// The projects behind an activity, the latest first, the newer project first in a tie.
    pub(crate) fn by_activity(&self, group: Option<&str>, behind: Option<Activity>) -> Ids<'_> {
        let end = behind.map_or(Bound::Unbounded, Bound::Excluded);
        let Some(orders) = self.orders(group) else {
            return none();
        };
        let range = orders.by_activity.range((Bound::Unbounded, end));
        Box::new(range.rev().map(|(_, id)| *id))
    }

    fn orders(&self, group: Option<&str>) -> Option<&Orders> {
        match group {
            None => Some(&self.everywhere),
            Some(group) => self.groups.get(group),
        }
    }
}

/// Ids of projects, one after the other.
pub(crate) type Ids<'i> = Box<dyn Iterator<Item = u64> + 'i>;

fn none<'i>() -> Ids<'i> {
    Box::new(std::iter::empty())
}

impl Orders {
    fn add(&mut self, activity: Activity) {
        self.by_id.insert(activity.1);
        self.by_activity.insert(activity);
    }

    fn remove(&mut self, activity: Activity) {
        self.by_id.remove(&activity.1);
        self.by_activity.remove(&activity);
    }
}

/// `a` and `a/b` for `a/b/project`.
fn groups_of(full_path: &str) -> impl Iterator<Item = &str> {
    let ends = full_path.match_indices('/');
    ends.map(|(end, _)| &full_path[..end])
}
