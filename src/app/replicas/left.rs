//! Which leases this replica has left to others, so that several GitLabs spread.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use tokio::time::Instant;

use crate::lock::lock;

/// From one lease that is left to the next.
const PAUSE: Duration = Duration::from_secs(5);
/// One that nobody else took is kept for so long.
const LONG: Duration = Duration::from_secs(600);

/// When leases were left, by the GitLab.
#[derive(Default)]
pub struct Left(Mutex<HashMap<String, Instant>>);

impl Left {
    /// Whether a lease may be left now; then it is noted. One after the other, and none twice in a short time:
    /// what comes back at once nobody else can take.
    pub fn may_leave(&self, gitlab: &str) -> bool {
        let mut left = lock(&self.0);
        let was_just = left.values().any(|at| at.elapsed() < PAUSE);
        let was_lately = left.get(gitlab).is_some_and(|at| at.elapsed() < LONG);
        let may = !was_just && !was_lately;
        if may {
            left.insert(gitlab.to_owned(), Instant::now());
        }
        may
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn leases_are_left_one_after_the_other_and_not_again_and_again() {
        let left = Left::default();
        assert!(left.may_leave("a"));
        assert!(!left.may_leave("b"), "a was left just now");
        advance(PAUSE).await;
        assert!(left.may_leave("b"));
        advance(PAUSE * 2).await;
        assert!(!left.may_leave("a"), "nobody took it");
        advance(LONG).await;
        assert!(left.may_leave("a"));
    }
}
