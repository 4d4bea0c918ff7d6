//! How far a poller is, for those who look at it from outside.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use crate::lock::lock;

/// How many projects the poll under way has read, and how often a poll broke off.
#[derive(Debug, Default)]
pub struct Progress {
    read: AtomicUsize,
    panics: AtomicU64,
    /// When the poll loop takes its next turn at the latest.
    turn: Mutex<Option<Instant>>,
    /// Requests since the start, by the subject that they were about.
    asked: Mutex<BTreeMap<&'static str, f64>>,
}

impl Progress {
    pub fn note_read(&self, projects: usize) {
        self.read.store(projects, Ordering::Relaxed);
    }

    pub fn note_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes that so many requests were sent, and for what share of each subject.
    pub fn note_asked(&self, shares: &[(&'static str, f64)], requests: u64) {
        let whole: f64 = shares.iter().map(|(_, share)| share).sum();
        let mut asked = lock(&self.asked);
        for (subject, share) in shares.iter().filter(|_| requests > 0) {
            *asked.entry(subject).or_default() += requests as f64 * share / whole;
        }
    }

    /// Requests since the start by subject, repeated tries too. One that was about several counts for each
    /// with its share.
    pub fn asked(&self) -> BTreeMap<&'static str, f64> {
        lock(&self.asked).clone()
    }

    /// Notes when the next turn is taken at the latest, but for what is computed meanwhile.
    pub fn expects(&self, turn: Instant) {
        *lock(&self.turn) = Some(turn);
    }

    /// Notes that there is no poll loop for now, which could take a turn.
    pub fn rests(&self) {
        *lock(&self.turn) = None;
    }

    /// Whether the poll loop has not taken a turn for long after it should have.
    pub fn hangs(&self) -> bool {
        /// What is computed of a great many projects takes seconds, of a busy processor more.
        const PATIENCE: Duration = Duration::from_secs(60);
        let turn = *lock(&self.turn);
        turn.is_some_and(|turn| turn.elapsed() > PATIENCE)
    }

    /// How often a poll broke off.
    pub fn panics(&self) -> u64 {
        self.panics.load(Ordering::Relaxed)
    }

    /// How many projects have been read.
    pub fn projects(&self) -> usize {
        self.read.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_shared_out_among_the_subjects_that_they_are_about() {
        let progress = Progress::default();
        progress.note_asked(&[("jobs", 1.0), ("test_reports", 1.0)], 3);
        progress.note_asked(&[("jobs", 1.0)], 1);
        // What was refused before it was sent cost nothing.
        progress.note_asked(&[("issues", 1.0)], 0);
        let asked = BTreeMap::from([("jobs", 2.5), ("test_reports", 1.5)]);
        assert_eq!(progress.asked(), asked);
    }
}
