//! Selected projects that there is no memory for: they are neither asked again nor forgotten, so that their
//! number is known and no total is told without them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::prose::{agree, counted};

/// The projects that are left out, and whether further ones are.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct LeftOut {
    projects: BTreeMap<u64, Seen>,
    /// Whether there is room for further projects; none if memory is not limited.
    #[serde(skip)]
    room: Option<bool>,
}

/// Where one was seen last.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
struct Seen {
    /// The list, and which of its sweeps.
    sweep: Option<(usize, u32)>,
    taken: bool,
}

impl LeftOut {
    /// Notes whether there is room; none if memory is not limited.
    pub fn note_room(&mut self, room: Option<bool>) {
        self.room = room;
    }

    /// Whether there is room; none if memory is not limited.
    pub fn room(&self) -> Option<bool> {
        self.room
    }

    /// Whether further projects are left out.
    pub fn is_shut(&self) -> bool {
        self.room == Some(false)
    }

    /// Whether a project is left out for now.
    pub fn keeps_out(&self, id: u64) -> bool {
        self.is_shut() && self.projects.contains_key(&id)
    }

    /// Leaves a project out. `taken` tells whether it is selected.
    pub fn add(&mut self, id: u64, taken: bool) {
        self.projects.entry(id).or_default().taken = taken;
    }

    /// A project is read after all, or gone.
    pub fn remove(&mut self, id: u64) {
        self.projects.remove(&id);
    }

    /// A sweep of a list has shown a project.
    pub fn seen_in(&mut self, id: u64, list: usize, round: u32) {
        if let Some(seen) = self.projects.get_mut(&id) {
            seen.sweep = Some((list, round));
        }
    }

    /// A sweep of a list has ended: what it did not show is gone.
    pub fn swept(&mut self, list: usize, round: u32) {
        let is_gone = |seen: &Seen| {
            seen.sweep
                .is_some_and(|(of, last)| of == list && last < round)
        };
        self.projects.retain(|_, seen| !is_gone(seen));
    }

    /// All that are left out.
    pub fn ids(&self) -> impl Iterator<Item = u64> {
        self.projects.keys().copied()
    }

    /// How many selected ones are left out.
    pub fn count(&self) -> u64 {
        self.projects.values().filter(|seen| seen.taken).count() as u64
    }

    /// Their number, where memory is limited.
    pub fn told(&self) -> Option<u64> {
        let count = self.count();
        (self.room.is_some() || count > 0).then_some(count)
    }
}

impl fmt::Display for LeftOut {
    /// Says how many are left out, and what helps.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.count();
        write!(
            formatter,
            "limits.memory: {} {} left out; raise it, or select fewer of them",
            counted(count, "project"),
            agree(count, "is", "are")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_sweep_does_not_show_any_more_is_not_left_out_but_gone() {
        let mut left_out = LeftOut::default();
        for id in [1, 2, 3] {
            left_out.add(id, id < 3);
        }
        left_out.seen_in(1, 0, 1);
        left_out.seen_in(3, 0, 1);
        left_out.seen_in(3, 1, 1);
        left_out.swept(0, 2);
        assert_eq!(left_out.ids().collect::<Vec<_>>(), [2, 3]);
        assert_eq!(left_out.count(), 1, "one is not selected");
    }

    #[test]
    fn who_is_left_out_is_kept_out_as_long_as_there_is_no_room() {
        let mut left_out = LeftOut::default();
        left_out.add(1, true);
        assert_eq!((left_out.keeps_out(1), left_out.told()), (false, Some(1)));
        left_out.note_room(Some(false));
        assert!(left_out.keeps_out(1) && !left_out.keeps_out(2));
        left_out.note_room(Some(true));
        assert!(!left_out.keeps_out(1));
        left_out.remove(1);
        assert_eq!(left_out.told(), Some(0));
        left_out.note_room(None);
        assert_eq!(left_out.told(), None);
    }
}
