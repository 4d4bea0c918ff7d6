//! What happens again and again, and is told in the log once in a while with its number.

use std::time::Duration;

use tokio::time::Instant;

/// What the log has not told of yet.
#[derive(Debug, Default)]
pub struct Untold {
    count: u64,
    told: Option<Instant>,
}

impl Untold {
    /// Counts one more. Returns how many the next line is about, if the last one is long enough ago.
    pub fn due(&mut self, now: Instant, every: Duration) -> Option<u64> {
        self.count += 1;
        if self.told.is_some_and(|told| now < told + every) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.count))
    }
}
