//! Connections that could not be taken: told once, and again with their number while it goes on.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

use crate::untold::Untold;

/// What is told of goes on until nothing more of it happens for this long.
const TELL_EVERY: Duration = Duration::from_secs(10 * 60);

/// Connections that could not be taken, or not at once.
#[derive(Default)]
pub struct Refusals {
    failed: Untold,
    waited: Untold,
}

impl Refusals {
    /// The system gives no connection.
    pub fn note(&mut self, error: &io::Error, now: Instant) {
        if let Some(failures) = self.failed.due(now, TELL_EVERY) {
            tracing::warn!(
                %error,
                failures,
                "a connection to our endpoint can't be accepted; raise the limit of open files if this lasts"
            );
        }
    }

    /// A connection waits until one of the others ends.
    pub fn full(&mut self, most: usize, now: Instant) {
        if let Some(waits) = self.waited.due(now, TELL_EVERY) {
            tracing::warn!(
                most,
                waits,
                "all connections to our endpoint are in use; further ones wait"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_on_is_told_once_in_a_while_with_its_number() {
        let (mut untold, start) = (Untold::default(), Instant::now());
        let due: Vec<_> = [0, 1, 599, 600, 601]
            .map(|seconds| untold.due(start + Duration::from_secs(seconds), TELL_EVERY))
            .into();
        assert_eq!(due, [Some(1), None, None, Some(3), None]);
    }
}
