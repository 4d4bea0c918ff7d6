//! When the next export is made.

use std::time::Duration;

use tokio::time::Instant;

/// The pause after the receiver was first away; it doubles up to the interval.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// When the next export is made.
pub struct Rhythm {
    interval: Duration,
    pause: Duration,
    /// When an export is due.
    pub due: Instant,
    /// When one is made: sooner while the receiver is away, to see whether it is there again, or later if it
    /// wants to be left alone.
    pub next: Instant,
}

impl Rhythm {
    pub fn begin(interval: Duration) -> Rhythm {
        let due = Instant::now() + interval;
        Rhythm {
            interval,
            pause: FIRST_PAUSE,
            due,
            next: due,
        }
    }

    /// An export that was started then has ended. `closed_until` is when a receiver that is away wants to be
    /// asked again; what is due meanwhile is only made if it is kept.
    pub fn went(
        &mut self,
        started: Instant,
        was_due: bool,
        is_away: bool,
        closed_until: Option<Instant>,
        is_kept: bool,
    ) {
        if was_due || !is_away {
            self.due = started + self.interval;
        }
        self.next = self.due;
        if !is_away {
            self.pause = FIRST_PAUSE;
            return;
        }
        let pause = self.pause.mul_f64(0.75 + fastrand::f64() / 2.0);
        self.pause = (self.pause * 2).min(self.interval);
        let again = closed_until.unwrap_or_else(|| Instant::now() + pause);
        self.next = match (closed_until, is_kept) {
            (Some(until), false) => until,
            _ => again.min(self.due),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_receiver_that_is_away_is_asked_after_growing_pauses_up_to_the_interval() {
        let mut rhythm = Rhythm::begin(60 * SECOND);
        let now = Instant::now();
        let mut pauses = Vec::new();
        for _ in 0..8 {
            rhythm.went(now, true, true, None, false);
            pauses.push(rhythm.next - now);
        }
        for (pause, about) in pauses.iter().zip([2, 4, 8, 16, 32, 60, 60, 60]) {
            let (least, most) = (
                about * SECOND * 3 / 4,
                (about * SECOND * 5 / 4).min(60 * SECOND),
            );
            assert!((least..=most).contains(pause), "{pauses:?}");
        }
        rhythm.went(now, false, false, None, false);
        assert_eq!(rhythm.next - now, 60 * SECOND);
        rhythm.went(now, true, true, None, false);
        assert!(rhythm.next - now <= 3 * SECOND, "it begins anew");
    }

    #[tokio::test(start_paused = true)]
    async fn a_wait_is_kept_and_what_is_due_meanwhile_is_made_only_for_the_queue() {
        let now = Instant::now();
        for (wait, is_kept, next) in [
            (120, false, 120),
            (120, true, 60),
            (5, false, 5),
            (5, true, 5),
        ] {
            let mut rhythm = Rhythm::begin(60 * SECOND);
            rhythm.went(now, true, true, Some(now + wait * SECOND), is_kept);
            assert_eq!(rhythm.next - now, next * SECOND);
        }
    }
}
