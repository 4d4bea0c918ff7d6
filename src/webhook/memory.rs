//! The memory of bodies that are still coming, of all senders together. It is taken as bytes come, never
//! for what a sender only announces; when it is used up, the body that has been coming for longest
//! gives way: GitLab sends a body at once, and those who hold memory for nothing don't.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;

use crate::lock::lock;

/// The memory of all bodies.
pub struct Memory(Mutex<Bodies>);

struct Bodies {
    free: usize,
    next: u64,
    /// By the order in which they began to come.
    coming: BTreeMap<u64, Coming>,
}

struct Coming {
    held: usize,
    /// Whether its sender has shown that it knows the secret.
    known: bool,
    complete: bool,
    gives_way: Arc<Notify>,
}

/// The part of one body; free again when it is dropped.
pub struct Share<'a> {
    memory: &'a Memory,
    number: u64,
    gives_way: Arc<Notify>,
}

impl Memory {
    pub fn new(bytes: usize) -> Memory {
        Memory(Mutex::new(Bodies {
            free: bytes,
            next: 0,
            coming: BTreeMap::new(),
        }))
    }

    /// For a body that begins to come. Bodies of senders that are `known` stay for longer.
    pub fn share(&self, known: bool) -> Share<'_> {
        let gives_way = Arc::new(Notify::new());
        let mut bodies = self.bodies();
        let number = bodies.next;
        bodies.next += 1;
        let coming = Coming {
            held: 0,
            known,
            complete: false,
            gives_way: Arc::clone(&gives_way),
        };
        bodies.coming.insert(number, coming);
        drop(bodies);
        Share {
            memory: self,
            number,
            gives_way,
        }
    }

    fn bodies(&self) -> MutexGuard<'_, Bodies> {
        lock(&self.0)
    }
}

impl Bodies {
    /// Takes what the body holds away from it.
    fn release(&mut self, number: u64) {
        if let Some(coming) = self.coming.remove(&number) {
            self.free += coming.held;
            coming.gives_way.notify_one();
        }
    }

    /// The body to give way for another one: of an unknown sender before a known one's, then the oldest.
    fn least(&self, asking: u64) -> Option<u64> {
        let holding = self
            .coming
            .iter()
            .filter(|(number, coming)| **number == asking || (coming.held > 0 && !coming.complete));
        let least = holding.min_by_key(|(number, coming)| (coming.known, **number));
        least.map(|(number, _)| *number)
    }
}

impl Share<'_> {
    /// Takes so many bytes more; false if this body has to give way.
    #[must_use]
    pub fn take(&self, bytes: usize) -> bool {
        let mut bodies = self.memory.bodies();
        if !bodies.coming.contains_key(&self.number) {
            return false; // It has given way.
        }
        while bodies.free < bytes {
            match bodies.least(self.number) {
                Some(number) if number != self.number => bodies.release(number),
                _ => return false,
            }
        }
        let Some(coming) = bodies.coming.get_mut(&self.number) else {
            return false;
        };
        coming.held += bytes;
        bodies.free -= bytes;
        true
    }

    /// The body has come as a whole, and does not give way any more.
    pub fn complete(&self) {
        if let Some(coming) = self.memory.bodies().coming.get_mut(&self.number) {
            coming.complete = true;
        }
    }

    /// Ends when the body has to give way.
    pub async fn gives_way(&self) {
        self.gives_way.notified().await;
    }
}

impl Drop for Share<'_> {
    fn drop(&mut self) {
        self.memory.bodies().release(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_body_of_an_unknown_sender_gives_way_first() {
        let memory = Memory::new(100);
        let shares = [true, false, false].map(|known| memory.share(known));
        let [known, oldest, newer] = &shares;
        assert!(known.take(30) && oldest.take(30) && newer.take(30));
        let next = memory.share(false);
        assert!(next.take(40));
        assert!(!oldest.take(1), "it has given way");
        assert!(newer.take(0) && known.take(0));
        assert!(next.take(30));
        assert!(!newer.take(1), "it has given way");
        assert!(!next.take(1), "a known sender does not give way for it");
        assert!(known.take(1) && !next.take(1));
    }

    #[test]
    fn a_complete_body_does_not_give_way_and_what_is_dropped_is_free() {
        let memory = Memory::new(10);
        let complete = memory.share(false);
        assert!(complete.take(10));
        complete.complete();
        let next = memory.share(false);
        assert!(!next.take(1));
        drop(complete);
        assert!(next.take(10));
        drop(next);
        assert_eq!(memory.bodies().free, 10);
    }

    #[test]
    fn a_body_that_holds_nothing_yet_is_left_alone() {
        let memory = Memory::new(10);
        let (silent, other) = (memory.share(false), memory.share(false));
        assert!(other.take(10) && memory.share(false).take(10));
        assert!(!other.take(1) && silent.take(1));
    }
}
