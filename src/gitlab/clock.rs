//! Bridge time: what the wall clock showed at the start, and what has passed since by a clock that
//! never jumps. It is an argument, so that a test can choose it.
//!
//! Everything that is kept is stamped in bridge time, so an age is right whatever happens to the
//! wall clock. Where a moment is shown to people, it is the wall clock's now minus that age.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

/// Tells bridge time, and the time on the wall.
#[derive(Clone)]
pub struct Clock {
    now: Tell,
    wall: Tell,
}

type Tell = Arc<dyn Fn() -> SystemTime + Send + Sync>;

impl Clock {
    /// Begins at what the system's clock shows now.
    #[must_use]
    pub fn system() -> Clock {
        Clock::starting_at(SystemTime::now)
    }

    /// Begins at what this wall clock shows now, and goes on evenly by tokio's clock.
    pub fn starting_at(wall: impl Fn() -> SystemTime + Send + Sync + 'static) -> Clock {
        let (start, started) = (wall(), Instant::now());
        Clock {
            now: Arc::new(move || start + started.elapsed()),
            wall: Arc::new(wall),
        }
    }

    /// A clock that always tells what this function does.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Clock {
        let now: Tell = Arc::new(now);
        Clock {
            wall: Arc::clone(&now),
            now,
        }
    }

    /// Bridge time: only its differences mean something.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        (self.now)()
    }

    /// What the wall clock shows; it may jump.
    #[must_use]
    pub fn wall(&self) -> SystemTime {
        (self.wall)()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::{Duration, UNIX_EPOCH};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn bridge_time_goes_on_evenly_while_the_wall_clock_jumps() {
        const START: u64 = 1_790_000_000;
        const DAY: u64 = 86_400;
        let shown = Arc::new(AtomicU64::new(START));
        let wall = Arc::clone(&shown);
        let clock = Clock::starting_at(move || {
            UNIX_EPOCH + Duration::from_secs(wall.load(Ordering::Relaxed))
        });
        for (passed, jumped_to) in [(10, START - DAY), (20, START + DAY), (30, 0)] {
            tokio::time::advance(Duration::from_secs(10)).await;
            shown.store(jumped_to, Ordering::Relaxed);
            assert_eq!(
                clock.now(),
                UNIX_EPOCH + Duration::from_secs(START + passed)
            );
            assert_eq!(clock.wall(), UNIX_EPOCH + Duration::from_secs(jumped_to));
        }
    }
}
