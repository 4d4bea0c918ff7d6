//! The file that keeps over a restart what is known, where polling goes on, and what was spent of
//! the budget. It is written as a whole, beside the polls and never in their way.

mod carried;
mod file;
mod format;
mod owners;
mod polled;
mod state;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::{Instant, timeout};

use super::engine::Memory;
use crate::gitlab::RemainingBudget;
use crate::lock::lock;
use crate::logged::seconds;
use file::Place;
use format::Header;

pub use carried::carried;
pub use file::InUse;
pub use format::Unusable;
pub use polled::Polled;
pub use state::State;

/// How much longer than a write the time before the next one is at least: a write of 100,000 projects
/// takes a second, and is done once a minute. More often it would cost more than the polls it is for.
const REST: u32 = 60;
/// However long a write takes, a crash loses no more than this.
const LONGEST_REST: Duration = Duration::from_secs(600);
/// How long a write may hold up the start and the end.
const PATIENCE: Duration = Duration::from_secs(2);

/// Keeps what a poller knows.
pub struct Checkpoint {
    writer: Arc<Writer>,
    /// The last write.
    writing: Option<JoinHandle<()>>,
    /// Whether what is known has changed since.
    unwritten: bool,
    memory: Option<Memory>,
    remaining_budget: Option<RemainingBudget>,
}

struct Writer {
    place: Arc<Place>,
    polled: Polled,
    state: Mutex<LastWrite>,
}

struct LastWrite {
    /// Whether the last write succeeded; none before the first.
    good: Option<bool>,
    /// When the next one may begin.
    due: Instant,
}

/// What is found where a state is kept.
#[derive(Debug, PartialEq, Eq)]
pub enum Examined {
    /// Nothing yet.
    Empty,
    /// What an earlier process knew.
    Kept { projects: usize },
    /// Another process uses it.
    InUse,
    /// It can't be used, for this reason.
    Unusable(String),
}

impl Checkpoint {
    /// Reads what an earlier process left at `path`. What can't be used is set aside with a warning.
    ///
    /// # Errors
    /// If another process uses the file.
    pub fn open(path: &Path, polled: Polled, now: SystemTime) -> Result<Checkpoint, InUse> {
        let place = Place::take(path)?;
        let kept = match place.open() {
            Ok(None) => None,
            Ok(Some(file)) => Some(format::read(file, &polled)),
            Err(error) => Some(Err(Unusable::Unreadable(error))),
        };
        let (remaining_budget, memory) = match kept {
            None => (None, None),
            Some(Ok(kept)) => {
                // Only a process that ended cleanly has told what it spent.
                let remaining_budget = kept
                    .remaining_budget
                    .unwrap_or_else(|| RemainingBudget::unknown(now));
                (Some(remaining_budget), Some(kept.memory))
            }
            Some(Err(unusable)) => {
                place.set_aside(&unusable);
                (unusable.remaining_budget(now), None)
            }
        };
        Ok(Checkpoint {
            memory,
            remaining_budget,
            ..Checkpoint::at(Arc::new(place), polled)
        })
    }

    /// Looks at what is kept at `path`, and leaves everything as it is.
    ///
    /// # Errors
    /// If the file can't be written.
    pub fn examine(path: &Path, polled: &Polled) -> io::Result<Examined> {
        if Place::is_in_use(path) {
            return Ok(Examined::InUse);
        }
        let place = Place::unlocked(path);
        place.try_to_write()?;
        let Some(file) = place.open()? else {
            return Ok(Examined::Empty);
        };
        Ok(match format::read(file, polled) {
            Ok(kept) => Examined::Kept {
                projects: kept.memory.projects.len(),
            },
            Err(unusable) => Examined::Unusable(unusable.to_string()),
        })
    }

    /// What an earlier process has left of the budget; none if there was none.
    pub fn remaining_budget(&self) -> Option<RemainingBudget> {
        self.remaining_budget
    }

    /// A file for what a poller of this process knows already: what an earlier one left there is replaced.
    ///
    /// # Errors
    /// If another process uses the file.
    pub fn anew(path: &Path, polled: Polled) -> Result<Checkpoint, InUse> {
        let place = Arc::new(Place::take(path)?);
        Ok(Checkpoint::at(place, polled))
    }

    /// The same file for what is polled from now on.
    pub fn go_on(self, polled: Polled) -> Checkpoint {
        Checkpoint {
            writing: self.writing,
            ..Checkpoint::at(Arc::clone(&self.writer.place), polled)
        }
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        self.writer.place.path()
    }

    fn at(place: Arc<Place>, polled: Polled) -> Checkpoint {
        let state = LastWrite {
            good: None,
            due: Instant::now(),
        };
        Checkpoint {
            writer: Arc::new(Writer {
                place,
                polled,
                state: Mutex::new(state),
            }),
            writing: None,
            unwritten: false,
            memory: None,
            remaining_budget: None,
        }
    }

    pub(super) fn take_memory(&mut self) -> Option<Memory> {
        self.memory.take()
    }

    /// Whether the last write succeeded; none before the first.
    pub(super) fn is_kept(&self) -> Option<bool> {
        lock(&self.writer.state).good
    }

    /// Notes that what is known has changed. True if it is to be written now: no write is under way, and
    /// the last one is long enough ago for what it took. Else it is written later, at [`Checkpoint::due`].
    pub(super) fn wants_now(&mut self) -> bool {
        self.unwritten = true;
        let idle = self.writing.as_ref().is_none_or(JoinHandle::is_finished);
        idle && lock(&self.writer.state).due <= Instant::now()
    }

    /// When what has changed is to be written; none if nothing has.
    pub(super) fn due(&self) -> Option<Instant> {
        /// How soon a write under way is looked after again.
        const WRITING: Duration = Duration::from_secs(1);
        let idle = self.writing.as_ref().is_none_or(JoinHandle::is_finished);
        let due = match idle {
            true => lock(&self.writer.state).due,
            false => Instant::now() + WRITING,
        };
        self.unwritten.then_some(due)
    }

    /// Begins to write what is known.
    pub(super) fn keep(&mut self, memory: Memory) {
        self.write(memory, None);
    }

    /// Writes what is known, and waits until it is on the disk. True if it is.
    pub(super) async fn keep_now(&mut self, memory: Memory) -> bool {
        /// A disk that takes longer does not hold up what is shown.
        const LONGEST: Duration = Duration::from_secs(30);
        let written = async {
            if let Some(writing) = self.writing.take() {
                // One that panicked has not written, like one that failed.
                let _ = writing.await;
            }
            self.write(memory, None);
            if let Some(writing) = &mut self.writing {
                let _ = writing.await;
            }
        };
        if timeout(LONGEST, written).await.is_err() {
            tracing::warn!(
                limit_seconds = LONGEST.as_secs(),
                "the disk is slow: counts are shown that are not written yet"
            );
            return false;
        }
        self.writing = None;
        lock(&self.writer.state).good == Some(true)
    }

    /// Waits for the write under way, though not for ever.
    pub(super) async fn settle(&mut self) {
        if let Some(writing) = &mut self.writing
            && timeout(PATIENCE, writing).await.is_ok()
        {
            self.writing = None;
        }
    }

    /// Writes the last time. Nothing is asked of GitLab any more: what is left of the budget is told.
    pub(super) async fn end(mut self, memory: Memory, remaining_budget: RemainingBudget) {
        let last = async {
            if let Some(writing) = self.writing.take() {
                // One that panicked has not written, like one that failed.
                let _ = writing.await;
            }
            self.write(memory, Some(remaining_budget));
            if let Some(writing) = self.writing.take() {
                let _ = writing.await;
            }
        };
        if timeout(PATIENCE, last).await.is_err() {
            tracing::warn!(
                limit_seconds = PATIENCE.as_secs(),
                "ended before what is known was written; the next start goes on from an older state"
            );
        }
    }

    fn write(&mut self, memory: Memory, remaining_budget: Option<RemainingBudget>) {
        let writer = Arc::clone(&self.writer);
        self.unwritten = false;
        self.writing = Some(spawn_blocking(move || {
            writer.write(&memory, remaining_budget)
        }));
    }
}

impl Writer {
    fn write(&self, memory: &Memory, remaining_budget: Option<RemainingBudget>) {
        let began = Instant::now();
        let header = Header {
            remaining_budget,
            polled: &self.polled,
        };
        let written = self
            .place
            .replace(|file| format::write(file, &header, memory));
        let took = began.elapsed();
        tracing::debug!(
            took_seconds = seconds(took),
            projects = memory.projects.len(),
            "wrote the state"
        );
        self.note(&written, took);
    }

    /// Says when writing begins to fail and when it works again, not every time.
    fn note(&self, written: &io::Result<()>, took: Duration) {
        let mut state = lock(&self.state);
        let before = state.good.replace(written.is_ok());
        state.due = Instant::now() + (took * REST).min(LONGEST_REST);
        let path = self.place.path().display();
        match written {
            Err(error) if before != Some(false) => tracing::warn!(
                %error,
                %path,
                "can't write what is known, so a restart would begin without it; make sure that the \
                 folder of state.path is there, that the bridge may write to it, and that its disk \
                 is not full"
            ),
            Ok(()) if before == Some(false) => {
                tracing::info!(%path, "what is known can be written again");
            }
            _ => {}
        }
    }
}
