//! How far a poller is, for those who look at it from outside.

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
}

impl Progress {
    pub fn note_read(&self, projects: usize) {
        self.read.store(projects, Ordering::Relaxed);
    }

    pub fn note_panic(&self) {
        self.panics.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes when the next turn is taken at the latest, but for what is computed meanwhile.
    pub fn expects(&self, turn: Instant) {
        *lock(&self.turn) = Some(turn);
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
