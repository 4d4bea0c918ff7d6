//! What is known, carried over to other settings within one process: as a restart with a state file would,
//! and besides that to another selection.

use std::collections::BTreeMap;

use super::format::{self, Header, Unusable};
use super::polled::Polled;
use crate::memory_limit::MemoryLimit;
use crate::metrics::Grain;
use crate::poll::engine::{ListProgress, Memory, Track};
use crate::poll::selection::Source;

/// What is known of what is polled `before`, as it is of use to who polls what is polled `now`; none if that is
/// another GitLab. Where something else is measured it takes about as long as writing and reading a state file.
///
/// # Errors
/// If it can't be carried over.
pub fn carried(memory: Memory, before: &Polled, now: &Polled) -> Result<Option<Memory>, Unusable> {
    if before.gitlab != now.gitlab {
        return Ok(None);
    }
    let mut memory = match measures_the_same(before, now) {
        true => memory,
        false => measured_anew(memory, before, now)?,
    };
    if (&before.sources, before.forks) != (&now.sources, now.forks) {
        reselect(&mut memory, before, now);
    }
    Ok(Some(memory))
}

/// Whether the same is asked of everyone: then what is known is of use as it is.
fn measures_the_same(before: &Polled, now: &Polled) -> bool {
    let (before, now) = (&before.enabled, &now.enabled);
    let is_same = |grain: &Grain| before.shown(*grain) == now.shown(*grain);
    std::ptr::eq(before.catalogue, now.catalogue) && Grain::ALL.iter().all(is_same)
}

/// What is known, as a restart with a state file would have it.
fn measured_anew(memory: Memory, before: &Polled, now: &Polled) -> Result<Memory, Unusable> {
    let as_before = Polled {
        sources: before.sources.clone(),
        forks: before.forks,
        // It is in memory already.
        memory: MemoryLimit::default(),
        ..now.clone()
    };
    let header = Header {
        remaining_budget: None,
        polled: before,
    };
    let mut written = Vec::new();
    format::write(&mut written, &header, &memory).map_err(Unusable::Unreadable)?;
    drop(memory);
    Ok(format::read(&*written, &as_before)?.memory)
}

/// Keeps what is selected still, and what may be: what no list shows is gone once all have been read.
fn reselect(memory: &mut Memory, before: &Polled, now: &Polled) {
    let place = |source: &Source| now.sources.iter().position(|own| own == source);
    let moved: Vec<Option<usize>> = before.sources.iter().map(place).collect();
    let is_new = |index: &usize| !moved.contains(&Some(*index));
    let new: Vec<usize> = (0..now.sources.len()).filter(is_new).collect();
    let mut lists: Vec<_> = now.sources.iter().cloned().map(ListProgress::new).collect();
    for (list, to) in std::mem::take(&mut memory.course.lists)
        .into_iter()
        .zip(&moved)
    {
        if let Some(to) = to {
            lists[*to] = list;
        }
    }
    memory.course.lists = lists;
    let mut reads = BTreeMap::new();
    for (id, shown_by) in std::mem::take(&mut memory.course.reads) {
        let now = shown_by.and_then(|list| moved.get(list).copied().flatten());
        if shown_by.is_none() || now.is_some() {
            reads.insert(id, now);
        }
    }
    let all = std::mem::take(&mut memory.projects);
    for (project, track) in all {
        let id = project.identity.id;
        let track = track.and_then(|track| track.moved(&moved, &new));
        let is_kept = track.is_some();
        if !is_kept {
            let catalogue = now.enabled.catalogue;
            memory.course.departed.take(&project, catalogue);
            memory.feeds.remove(&id);
            memory.course.details.forget_project(id);
            memory.course.deployments.forget_project(id);
            reads.remove(&id);
            continue;
        }
        if before.forks && !now.forks {
            // Whether it is a fork may never have been asked.
            reads.entry(id).or_insert(None);
        }
        memory.projects.push((project, track));
    }
    memory.course.reads = reads;
}

impl Track {
    /// The track where lists have other places; none if it is in none of them and no `new` one may show it.
    fn moved(&self, moved: &[Option<usize>], new: &[usize]) -> Option<Track> {
        let rounds = self.lists().filter_map(|list| {
            let to = moved.get(list).copied().flatten()?;
            Some((to, self.round_of(list)?))
        });
        let mut rounds: Vec<(usize, u32)> = rounds.collect();
        if rounds.is_empty() {
            // Until a new list has been read to its end it may be in it.
            rounds.extend(new.iter().map(|list| (*list, 0)));
        }
        (!rounds.is_empty()).then(|| self.in_lists(&rounds))
    }
}
