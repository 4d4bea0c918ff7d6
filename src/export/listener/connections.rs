//! The open connections, up to a limit. When it is reached, the one that is worth least is closed for
//! the next.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::activity::Activity;

use crate::lock::lock;

/// All open connections of a listener.
#[derive(Default)]
pub struct Connections {
    open: Mutex<Open>,
    ended: Notify,
}

#[derive(Default)]
struct Open {
    next: u64,
    all: HashMap<u64, (Arc<Activity>, Arc<Leave>)>,
}

/// A place among the connections; free again when it is dropped.
pub struct Connection {
    /// What the connection does.
    pub activity: Arc<Activity>,
    /// Whether it has to leave.
    pub leave: Arc<Leave>,
    number: u64,
    connections: Arc<Connections>,
}

/// Says to a connection that it has to leave for another one, or at once.
#[derive(Default)]
pub struct Leave {
    asked: AtomicBool,
    told: Notify,
    /// It ends, whatever it does.
    pub cut: CancellationToken,
}

impl Leave {
    fn ask(&self) {
        self.asked.store(true, Ordering::Relaxed);
        self.told.notify_one();
    }

    fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed)
    }

    /// Ends when it is asked.
    pub async fn asked(&self) {
        self.told.notified().await;
    }

    /// It works after all, and another one may be asked.
    pub fn stays(&self) {
        self.asked.store(false, Ordering::Relaxed);
    }
}

impl Connections {
    /// A place for one more, unless there are so many already.
    pub fn join(self: &Arc<Self>, most: usize, now: Instant) -> Option<Connection> {
        let mut open = self.open();
        if open.all.len() >= most {
            return None;
        }
        let activity = Arc::new(Activity::opened(now));
        let leave = Arc::<Leave>::default();
        let number = open.next;
        open.next += 1;
        open.all
            .insert(number, (Arc::clone(&activity), Arc::clone(&leave)));
        Some(Connection {
            activity,
            leave,
            number,
            connections: Arc::clone(self),
        })
    }

    /// Asks the connection to leave that is worth least, and of those the longest so; false if none may be
    /// asked. Its place is free once it has ended.
    pub fn make_room(&self, now: Instant) -> bool {
        let open = self.open();
        if open.all.values().any(|(_, leave)| leave.is_asked()) {
            return true;
        }
        let worths = open.all.values();
        let worths = worths.filter_map(|(activity, leave)| Some((activity.worth(now)?, leave)));
        let least = worths.min_by_key(|(worth, _)| *worth);
        if let Some((_, leave)) = least {
            leave.ask();
        }
        least.is_some()
    }

    /// Cuts every connection.
    pub fn cut_all(&self) {
        self.open()
            .all
            .values()
            .for_each(|(_, leave)| leave.cut.cancel());
    }

    /// Ends when a connection does.
    pub async fn one_ended(&self) {
        self.ended.notified().await;
    }

    /// Ends when no connection is left.
    pub async fn all_ended(&self) {
        loop {
            let one_ended = self.ended.notified();
            if self.open().all.is_empty() {
                return;
            }
            one_ended.await;
        }
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        lock(&self.open)
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.connections.open().all.remove(&self.number);
        self.connections.ended.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use hyper::Version;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_longest_idle_leaves_for_the_next_and_nobody_who_works() {
        let start = Instant::now();
        let connections = Arc::<Connections>::default();
        let join = |seconds| connections.join(3, start + Duration::from_secs(seconds));
        let (works, silent, idle) = (join(0).unwrap(), join(1).unwrap(), join(2).unwrap());
        for (seconds, one) in [&works, &silent, &idle].into_iter().enumerate() {
            let at = start + Duration::from_secs(seconds as u64);
            one.activity.attended(at);
        }
        let begun = works.activity.begin(Version::HTTP_11, start);
        begun.received();
        drop(idle.activity.begin(Version::HTTP_11, start));
        let now = start + Duration::from_secs(10);
        works.activity.wrote(now);

        assert!(connections.make_room(now) && silent.leave.is_asked());
        // It has not ended yet: nobody else has to.
        assert!(connections.make_room(now) && !idle.leave.is_asked());
        assert!(connections.join(3, now).is_none());
        drop(silent);
        let fourth = connections.join(3, now).unwrap();

        assert!(connections.make_room(now) && idle.leave.is_asked());
        drop(idle);
        assert!(!connections.make_room(now));
        assert!(!works.leave.is_asked() && !fourth.leave.is_asked());
    }

    #[tokio::test(start_paused = true)]
    async fn a_place_is_free_again_after_a_connection() {
        let start = Instant::now();
        let connections = Arc::<Connections>::default();
        let first = connections.join(1, start).unwrap();
        assert!(connections.join(1, start).is_none());
        drop(first);
        assert!(connections.join(1, start).is_some());
    }
}
