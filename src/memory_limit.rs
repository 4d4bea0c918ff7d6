//! How much memory the process may take, and which work is refused before it takes more: the kernel would
//! end it.
//!
//! New projects stop first, while there is room for what is made of those that are known: their texts, the
//! state, answers that are read. What only lasts for a moment is refused later, once that room is used, too.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Of a hundred parts of the limit: from so many on no further project is taken in.
const GROWTH: u64 = 60;
/// From so many on work is refused that takes memory for a moment.
const MOMENTS: u64 = 85;
/// What is kept free for a project that was taken in and not shown yet: its texts, and what is told later.
const NOT_SHOWN_YET: u64 = 12 << 10;

/// The limit of this process, or none. Clones share it.
#[derive(Clone, Default)]
pub struct MemoryLimit(Option<Arc<Limited>>);

struct Limited {
    bytes: u64,
    resident: Box<Resident>,
    refused: [AtomicU64; Work::ALL.len()],
}

/// Tells how many bytes of the process are in memory now, if the system says so.
type Resident = dyn Fn() -> Option<u64> + Send + Sync;

/// Work that takes memory for a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A scrape in a form that is not kept.
    Scrape,
    /// The body of a webhook.
    Webhook,
    /// An OTLP message that can't be written to disk, and would wait in memory.
    Message,
}

impl Work {
    const ALL: [Work; 3] = [Work::Scrape, Work::Webhook, Work::Message];

    fn name(self) -> &'static str {
        match self {
            Work::Scrape => "scrape",
            Work::Webhook => "webhook",
            Work::Message => "message",
        }
    }
}

impl MemoryLimit {
    /// A limit of so many bytes. `resident` tells how many are taken.
    pub fn new(
        bytes: u64,
        resident: impl Fn() -> Option<u64> + Send + Sync + 'static,
    ) -> MemoryLimit {
        MemoryLimit(Some(Arc::new(Limited {
            bytes,
            resident: Box::new(resident),
            refused: Default::default(),
        })))
    }

    /// The limit; none if there is none.
    pub fn bytes(&self) -> Option<u64> {
        Some(self.0.as_ref()?.bytes)
    }

    /// What is taken; none without a limit, or where the system does not tell.
    pub fn taken(&self) -> Option<u64> {
        (self.0.as_ref()?.resident)()
    }

    /// Whether there is room for a further project, when so many are not shown yet.
    pub fn has_room(&self, not_shown: usize) -> bool {
        let kept = (not_shown as u64).saturating_mul(NOT_SHOWN_YET);
        !self.is_beyond(GROWTH, kept)
    }

    /// Whether such work is to be refused now; it is counted then.
    pub fn refuses(&self, work: Work) -> bool {
        let Some(limited) = &self.0 else {
            return false;
        };
        let refused = self.is_beyond(MOMENTS, 0);
        if refused {
            limited.refused[work as usize].fetch_add(1, Ordering::Relaxed);
        }
        refused
    }

    /// One of so many equal parts of the limit, and no more than what is taken without a limit.
    pub fn part(&self, of: u64, without: u64) -> u64 {
        self.bytes()
            .map_or(without, |bytes| (bytes / of).min(without))
    }

    /// How often work was refused since the start, by what it was; nothing without a limit.
    pub fn refused(&self) -> BTreeMap<&'static str, u64> {
        let limited = self.0.iter();
        let counts = limited.flat_map(|limited| Work::ALL.iter().zip(&limited.refused));
        let counts = counts.map(|(work, count)| (work.name(), count.load(Ordering::Relaxed)));
        counts.collect()
    }

    fn is_beyond(&self, parts: u64, kept: u64) -> bool {
        let Some(limited) = &self.0 else {
            return false;
        };
        let taken = (limited.resident)().unwrap_or_default();
        taken.saturating_add(kept) >= limited.bytes / 100 * parts
    }
}

/// Limits are alike that allow as much.
impl PartialEq for MemoryLimit {
    fn eq(&self, other: &MemoryLimit) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for MemoryLimit {}

/// It is no setting: the same settings look the same, whatever the machine has.
impl fmt::Debug for MemoryLimit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("MemoryLimit")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn taken(mebibytes: u64) -> MemoryLimit {
        MemoryLimit::new(100 * MIB, move || Some(mebibytes * MIB))
    }

    #[test]
    fn growth_ends_first_and_then_what_is_for_a_moment() {
        let refusals = [50, 75, 90].map(|mebibytes| {
            let limit = taken(mebibytes);
            (!limit.has_room(0), limit.refuses(Work::Webhook))
        });
        assert_eq!(refusals, [(false, false), (true, false), (true, true)]);
        // Projects that are not shown yet will take more.
        assert!(taken(50).has_room(800) && !taken(50).has_room(1_000));
    }

    #[test]
    fn what_is_refused_is_counted_by_what_it_was() {
        let limit = taken(90);
        assert!(limit.refuses(Work::Scrape) && limit.clone().refuses(Work::Scrape));
        let refused = limit.refused();
        assert_eq!(
            (refused["scrape"], refused["webhook"], refused["message"]),
            (2, 0, 0)
        );
    }

    #[test]
    fn without_a_limit_and_where_nobody_tells_nothing_is_refused() {
        for limit in [MemoryLimit::default(), MemoryLimit::new(MIB, || None)] {
            assert!(limit.has_room(0) && !limit.refuses(Work::Scrape));
        }
        assert_eq!(MemoryLimit::default().part(4, 7), 7);
        assert_eq!(taken(0).part(4, u64::MAX), 25 * MIB);
    }
}
