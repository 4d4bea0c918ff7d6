//! When a project's merge requests, issues or pipelines last changed, as far back as is remembered.

use std::collections::VecDeque;

use jiff::Timestamp;

/// How many changes are remembered for each project and kind of thing.
const MOST_REMEMBERED: usize = 1_000;

/// The things that events have touched, each with the state it was left in, the latest last.
///
/// What was set and never touched has no place here: it is as old as its project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recent<S> {
    touched: VecDeque<(Timestamp, S)>,
    forgotten: Option<Timestamp>,
}

impl<S> Default for Recent<S> {
    fn default() -> Self {
        Recent {
            touched: VecDeque::new(),
            forgotten: None,
        }
    }
}

impl<S: Copy + PartialEq> Recent<S> {
    /// Remembers a new thing.
    pub(crate) fn create(&mut self, state: S, now: Timestamp) {
        self.touched.push_back((now, state));
        if self.touched.len() > MOST_REMEMBERED {
            self.forgotten = self.touched.pop_front().map(|(when, _)| when);
        }
    }

    /// Remembers that one of `before` things in state `from` changed to `to`: the one whose own last
    /// change is the oldest.
    pub(crate) fn change(&mut self, from: S, to: S, before: u64, now: Timestamp) {
        let in_state = |(_, state): &(Timestamp, S)| *state == from;
        let touched = self.touched.iter().filter(|thing| in_state(thing)).count();
        if touched as u64 >= before
            && let Some(index) = self.touched.iter().position(in_state)
        {
            self.touched.remove(index);
        }
        self.create(to, now);
    }

    /// How many of these states changed at `since` or later; `None` when that is too long ago.
    pub(crate) fn count(&self, since: Timestamp, wanted: impl Fn(S) -> bool) -> Option<u64> {
        if self.forgotten.is_some_and(|forgotten| since <= forgotten) {
            return None;
        }
        let recent = self.touched.iter().rev();
        let recent = recent.take_while(|(when, _)| *when >= since);
        Some(recent.filter(|(_, state)| wanted(*state)).count() as u64)
    }
}
