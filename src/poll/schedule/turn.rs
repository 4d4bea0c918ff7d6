//! One poll: what of the schedule is still to be asked in it, and the errands it is asked by.

use std::collections::{BTreeSet, VecDeque};

use super::Moment;
use crate::poll::plan::{Depth, List, Part};

/// One poll: what of the schedule is still to be asked in it.
#[derive(Debug)]
pub struct Turn {
    pub(super) began: Moment,
    /// Whether everything is asked of everyone.
    pub(super) whole: bool,
    /// Of each list: how often its sweep may still fail, or 0 if it is not asked any more.
    pub(super) sweeps: Vec<u32>,
    pub(super) looks: Vec<bool>,
    pub(super) follows: VecDeque<u64>,
    pub(super) glances: VecDeque<u64>,
    /// Parts of lists that were too much, to be asked by halves.
    pub(super) halves: VecDeque<Errand>,
    /// Who was asked for everything.
    pub(super) read: BTreeSet<u64>,
    /// Whether nothing more is asked.
    pub(super) stopped: bool,
}

/// What is asked next in a poll.
#[derive(Debug, Default)]
pub struct Round {
    /// What goes now.
    pub now: Vec<Errand>,
    /// What goes where there is room.
    pub spare: Vec<Errand>,
}

/// What one part of a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Errand {
    /// Why it is asked.
    pub purpose: Purpose,
    /// What is asked.
    pub part: Part,
    /// Whether it travels alone, since it may bring down a request that carries others.
    pub alone: bool,
}

/// Why something is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// The sweep of a list.
    Sweep(usize),
    /// The recent activity of a list.
    Look(usize),
    /// What activity moves.
    Follow,
    /// Whether anything happened.
    Glance,
    /// Everything, out of turn.
    Read,
}

impl Turn {
    /// Takes back errands that could not be run yet.
    pub fn put_back(&mut self, errands: Vec<Errand>) {
        let again =
            |errand: &Errand| !matches!(errand.purpose, Purpose::Sweep(_) | Purpose::Look(_));
        // Sweeps and looks are still where they were.
        self.halves.extend(errands.into_iter().filter(again));
    }

    /// Takes back errands for which there was no room, in their order.
    pub fn keep(&mut self, spare: Vec<Errand>) {
        for errand in spare {
            if let List::Ids(ids) = errand.part.list {
                match errand.purpose {
                    Purpose::Glance => self.glances.extend(ids),
                    _ => self.follows.extend(ids),
                }
            }
        }
    }

    /// Stops asking: what is left stays due.
    pub fn stop(&mut self) {
        self.stopped = true;
    }
}

/// Errands about projects by id, a page each.
pub(super) fn by_id(
    ids: &[u64],
    page: usize,
    purpose: Purpose,
    depth: impl Fn(&[u64]) -> Depth,
) -> Vec<Errand> {
    let pages = ids.chunks(page.max(1)).map(|ids| Errand {
        purpose,
        part: Part {
            list: List::Ids(ids.to_vec()),
            depth: depth(ids),
            first: ids.len(),
            after: None,
        },
        alone: false,
    });
    pages.collect()
}
