//! How the pauses between tries grow.

use std::time::Duration;

#[derive(Debug, Clone, Copy)]
pub(super) struct Backoff {
    pub(super) first: Duration,
    pub(super) longest: Duration,
}

impl Default for Backoff {
    /// Half a second outlasts a restarted worker, half a minute a restarted GitLab's first errors.
    fn default() -> Backoff {
        Backoff {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(30),
        }
    }
}

impl Backoff {
    /// The pause after the given failure, counted from one: doubled each time, and shortened by
    /// up to a half at random, so that bridges that failed together do not return together.
    pub(super) fn pause(&self, failure: u32, random: f64) -> Duration {
        let doubled = 2_u32.saturating_pow(failure.saturating_sub(1));
        let full = self.first.saturating_mul(doubled).min(self.longest);
        full.mul_f64(1.0 - random / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(10),
    };

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses = [1, 2, 3, 4, 5, 40].map(|failure| BACKOFF.pause(failure, 0.0).as_secs());
        assert_eq!(pauses, [1, 2, 4, 8, 10, 10]);
    }

    #[test]
    fn chance_shortens_a_pause_by_up_to_a_half() {
        assert_eq!(BACKOFF.pause(2, 0.5), Duration::from_millis(1500));
        assert_eq!(BACKOFF.pause(2, 1.0), Duration::from_secs(1));
    }
}
