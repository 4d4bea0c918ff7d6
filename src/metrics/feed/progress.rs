//! How far a feed of one owner has been read, and what was counted of it.

use serde::{Deserialize, Serialize};

use super::Record;
use crate::metrics::subject::Stage;
use crate::metrics::{UnixTime, stamp};

/// How far back a walk looks beyond the watermark: what was written before it and seen later, and clocks
/// of one GitLab that differ.
pub const OVERLAP: u32 = 300;
/// How long after its end a thing is read once more: workers fill in its coverage and its reports.
const SETTLING: u32 = 60;

/// How far a feed of one owner has been read. There is one for each owner that is asked: 16 bytes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// What ended before is not counted. All times are GitLab's own, in seconds since 1970.
    pub since: u32,
    /// All that changed before has been read.
    pub watermark: u32,
    /// None of an owner that has shown nothing lately.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recent: Option<Box<Recent>>,
}

/// What a feed has shown lately.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Recent {
    /// What was counted, by key and end, as long as a walk may show it again.
    counted: Vec<(u64, u32)>,
    /// What was counted when it began, by key and beginning, as long as a walk may show it again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    begun: Vec<(u64, u32)>,
    /// What goes on, or has just ended.
    live: Vec<Live>,
    /// When the last change was.
    changed: u32,
}

/// A thing that goes on, or has just ended and is read once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Live {
    pub key: u64,
    /// Its place among the stages; none once it has ended.
    pub stage: Option<u8>,
    /// When it changed last.
    pub changed: u32,
}

impl Progress {
    /// Nothing has been read; what ends from then on is counted.
    pub fn beginning(since: UnixTime) -> Progress {
        let since = stamp(since);
        Progress {
            since,
            watermark: since,
            recent: None,
        }
    }

    /// Since when changes are to be asked for.
    pub fn asks_since(&self) -> UnixTime {
        let settling = |live: &&Live| live.stage.is_none();
        let settling = self.live().iter().filter(settling);
        let settling = settling.map(|live| live.changed).min();
        let since = self.watermark.saturating_sub(OVERLAP);
        since.min(settling.unwrap_or(since)).into()
    }

    /// Whether the next walk would show something that is known: it may still move, or be told late.
    pub fn is_warm(&self) -> bool {
        let floor = self.watermark.saturating_sub(OVERLAP);
        let warm = |recent: &Recent| !recent.live.is_empty() || recent.changed >= floor;
        self.recent.as_deref().is_some_and(warm)
    }

    /// What goes on, or has just ended.
    pub fn live(&self) -> &[Live] {
        self.recent.as_deref().map_or(&[], |recent| &recent.live)
    }

    /// How many things are at a stage.
    pub fn at_stage(&self, stage: u8) -> u32 {
        let at_it = self.live().iter().filter(|live| live.stage == Some(stage));
        u32::try_from(at_it.count()).unwrap_or(u32::MAX)
    }

    /// Takes in what a page told. Returns which of its things have ended and were not counted before.
    pub fn take(&mut self, page: &[Record]) -> Vec<usize> {
        let mut ended = Vec::new();
        for (index, record) in page.iter().enumerate() {
            let is_new = self.counts(record);
            if is_new {
                ended.push(index);
            }
            self.note(record, is_new);
        }
        ended
    }

    /// Takes in what a page told that began at the moments that `began` says. Returns which of its things were
    /// not counted before. To be called before [`Progress::take`] moves anything.
    pub fn begin(
        &mut self,
        page: &[Record],
        began: impl Fn(&Record) -> Option<UnixTime>,
    ) -> Vec<usize> {
        // What began before has been read by an earlier walk, which came to its end.
        let floor = self.watermark.saturating_sub(OVERLAP).max(self.since);
        let mut begun = Vec::new();
        for (index, record) in page.iter().enumerate() {
            let Some(at) = began(record).map(stamp).filter(|at| *at >= floor) else {
                continue;
            };
            let key = record.key();
            let mut known = self.recent.iter().flat_map(|recent| &recent.begun);
            if !known.any(|(known, _)| *known == key) {
                self.recent.get_or_insert_default().begun.push((key, at));
                begun.push(index);
            }
        }
        begun
    }

    /// Whether a thing has ended and is to be counted.
    fn counts(&mut self, record: &Record) -> bool {
        let (at, exact) = match record.stage {
            Stage::Ended(at) | Stage::EndedBefore(at) => (stamp(at), true),
            Stage::EndedSometime(began) => (stamp(began), false),
            Stage::Live(_) | Stage::Resting => return false,
        };
        let (key, floor) = (record.key(), self.watermark.saturating_sub(OVERLAP));
        let known = self.recent.as_deref();
        let is_over = !matches!(record.stage, Stage::EndedBefore(_));
        let ran = known.filter(|_| is_over).is_some_and(|recent| {
            let mut live = recent.live.iter();
            live.any(|live| live.key == key && live.stage.is_some())
        });
        let counted = known.is_some_and(|recent| recent.counted.contains(&(key, at)));
        // What was seen to go on has ended since, whatever clock GitLab writes its times by.
        let is_new = at >= floor && at >= self.since || ran;
        if !is_new || counted && (exact || !ran) {
            return false;
        }
        let recent = self.recent.get_or_insert_default();
        if !recent.counted.contains(&(key, at)) {
            recent.counted.push((key, at));
        }
        true
    }

    /// Notes where a thing is in its life, and whether it was counted just now.
    fn note(&mut self, record: &Record, is_new: bool) {
        let (key, changed) = (record.key(), stamp(record.updated));
        let floor = self.watermark.saturating_sub(OVERLAP);
        let before = self.live().iter().find(|live| live.key == key).copied();
        let next = match record.stage {
            Stage::EndedBefore(_) => return,
            Stage::Live(stage) => Some(Some(stage)),
            Stage::Resting => None,
            // Read once more, unless this is that.
            Stage::Ended(_) | Stage::EndedSometime(_) => match before {
                Some(before) if before.stage.is_some() => Some(None),
                Some(_) if self.watermark < changed.saturating_add(SETTLING) => Some(None),
                Some(_) => None,
                None => is_new.then_some(None),
            },
        };
        if next.is_none() && before.is_none() && changed < floor {
            return;
        }
        let recent = self.recent.get_or_insert_default();
        recent.changed = recent.changed.max(changed);
        recent.live.retain(|live| live.key != key);
        if let Some(stage) = next {
            recent.live.push(Live {
                key,
                stage,
                changed,
            });
        }
    }

    /// Notes that a walk has come to its end, which began when GitLab's clock showed `at`.
    pub fn complete(&mut self, at: UnixTime) {
        self.watermark = stamp(at).max(self.watermark);
        let floor = self.watermark.saturating_sub(OVERLAP);
        let Some(recent) = &mut self.recent else {
            return;
        };
        recent.counted.retain(|(_, ended)| *ended >= floor);
        recent.begun.retain(|(_, began)| *began >= floor);
        let has_counted = !recent.counted.is_empty() || !recent.begun.is_empty();
        if !has_counted && recent.live.is_empty() && recent.changed < floor {
            self.recent = None;
        }
    }

    /// Forgets what goes on and is not there any more.
    pub fn forget(&mut self, gone: impl Fn(u64) -> bool) {
        if let Some(recent) = &mut self.recent {
            recent.live.retain(|live| !gone(live.key));
        }
    }
}
