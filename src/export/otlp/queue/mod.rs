//! Messages that wait for a receiver that is away: on disk, each in a file of its own, in order, bounded by
//! size and age. A file is written under another name first, so a process that is killed leaves only whole
//! ones; what a failing disk makes of them is noticed when they are read.

mod record;

use std::collections::{BTreeMap, VecDeque};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::body::Bytes;

use self::record::Unusable;
use crate::export::{Health, seconds};
use crate::lock::lock;
use crate::memory_limit::{MemoryLimit, Work};
use crate::metrics::{ExportQueue, UnixTime};

/// How messages wait for a receiver that is away.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueConfig {
    pub enabled: bool,
    /// The folder; without it the queue lies next to the state file, if there is one.
    pub path: Option<PathBuf>,
    /// How many bytes it may take on disk.
    pub size: u64,
    /// How long a message may wait.
    pub age: Duration,
    /// How much memory there is for all of the process.
    pub memory: MemoryLimit,
}

impl Default for QueueConfig {
    fn default() -> QueueConfig {
        QueueConfig {
            enabled: true,
            path: None,
            size: 256 << 20,
            age: Duration::from_secs(24 * 60 * 60),
            memory: MemoryLimit::default(),
        }
    }
}

/// How much is kept in memory while nothing can be written.
const MOST_IN_MEMORY: u64 = 16 << 20;
/// How the name of a message's file ends, and of one that is not whole yet.
const ENDING: &str = "otlp";
const UNFINISHED: &str = "new";

/// Messages that wait for one receiver.
pub struct Queue {
    folder: PathBuf,
    size: u64,
    age: Duration,
    endpoint: AtomicU64,
    memory: MemoryLimit,
    state: Mutex<State>,
    health: Arc<Health>,
    /// Held as long as we live: the folder is of one process.
    _lock: File,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Waiting>,
    bytes: u64,
    next: u64,
    given_up: BTreeMap<&'static str, u64>,
    /// Whether it has been said that nothing can be written.
    is_failing: bool,
}

/// A message that waits.
struct Waiting {
    number: u64,
    since: UnixTime,
    bytes: u64,
    /// The record itself, where it could not be written.
    record: Option<Bytes>,
}

impl Queue {
    /// Opens the queue in a folder, with what an earlier process has left there.
    ///
    /// # Errors
    /// If the folder can't be used, or another process does.
    pub fn open(
        folder: PathBuf,
        config: &QueueConfig,
        shown_endpoint: &str,
        health: Arc<Health>,
    ) -> io::Result<Queue> {
        fs::create_dir_all(&folder)?;
        let lock = File::create(folder.join("lock"))?;
        lock.try_lock()?;
        let mut state = State::default();
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == UNFINISHED) {
                let _ = fs::remove_file(&path); // It is overwritten otherwise.
            }
            state.waiting.extend(found(&path));
        }
        let all = state.waiting.make_contiguous();
        all.sort_unstable_by_key(|waiting| waiting.number);
        state.bytes = all.iter().map(|waiting| waiting.bytes).sum();
        state.next = all.last().map_or(0, |last| last.number + 1);
        let queue = Queue {
            folder,
            size: config.size,
            age: config.age,
            endpoint: AtomicU64::new(record::endpoint(shown_endpoint)),
            memory: config.memory.clone(),
            state: Mutex::new(state),
            health,
            _lock: lock,
        };
        queue.tell(&queue.state());
        Ok(queue)
    }

    /// Keeps messages for this endpoint from now on.
    pub fn is_for(&self, shown_endpoint: &str) {
        let endpoint = record::endpoint(shown_endpoint);
        self.endpoint.store(endpoint, Ordering::Relaxed);
    }

    fn endpoint(&self) -> u64 {
        self.endpoint.load(Ordering::Relaxed)
    }

    /// How many messages wait.
    pub fn len(&self) -> usize {
        self.state().waiting.len()
    }

    /// Takes in a message; the oldest ones give way. False if there is no room at all.
    pub fn add(&self, message: &[u8], now: UnixTime) -> bool {
        let Ok(record) = record::written(message, self.endpoint()) else {
            return false;
        };
        let mut state = self.state();
        let mut waiting = Waiting {
            number: state.next,
            since: now,
            bytes: record.len() as u64,
            record: None,
        };
        if waiting.bytes > self.size {
            state.give_up("over_size");
            self.tell(&state);
            return false;
        }
        state.next += 1;
        let written = self.write(&waiting, &record);
        match &written {
            Ok(()) if state.is_failing => {
                state.is_failing = false;
                tracing::info!(folder = %self.folder.display(), "the OTLP queue is written to disk again");
            }
            Err(error) if !state.is_failing => {
                state.is_failing = true;
                tracing::warn!(
                    %error,
                    folder = %self.folder.display(),
                    "the OTLP queue can't be written to disk, so messages wait in memory"
                );
            }
            _ => {}
        }
        if written.is_err() {
            waiting.record = Some(record.into());
        }
        state.bytes += waiting.bytes;
        state.waiting.push_back(waiting);
        self.keep_bounds(&mut state, now);
        self.tell(&state);
        true
    }

    /// The message that has waited longest, with its number. What can't be used is given up.
    pub fn first(&self, now: UnixTime) -> Option<(u64, Bytes)> {
        let mut state = self.state();
        self.keep_bounds(&mut state, now);
        let mut found = None;
        while let (None, Some(first)) = (&found, state.waiting.front()) {
            let read = match &first.record {
                Some(record) => Ok(record.clone()),
                None => fs::read(self.file(first)).map(Bytes::from),
            };
            let record = match read {
                Ok(record) => record,
                Err(error) if error.kind() == io::ErrorKind::NotFound => Bytes::new(),
                // Perhaps it can be read later.
                Err(_) => break,
            };
            match record::read(&record, self.endpoint()) {
                Ok(message) => found = Some((first.number, message)),
                Err(Unusable::Damaged) => self.give_up_first(&mut state, "damaged"),
                Err(Unusable::OtherEndpoint) => self.give_up_first(&mut state, "other_endpoint"),
            }
        }
        self.tell(&state);
        found
    }

    /// A message was delivered.
    pub fn delivered(&self, number: u64) {
        let mut state = self.state();
        if state
            .waiting
            .front()
            .is_some_and(|first| first.number == number)
        {
            self.remove_first(&mut state);
        }
        self.tell(&state);
    }

    /// A message was refused, and is not sent again.
    pub fn refused(&self, number: u64) {
        let mut state = self.state();
        if state
            .waiting
            .front()
            .is_some_and(|first| first.number == number)
        {
            self.give_up_first(&mut state, "refused");
        }
        self.tell(&state);
    }

    fn keep_bounds(&self, state: &mut State, now: UnixTime) {
        let oldest = now.saturating_sub(self.age.as_secs());
        while state
            .waiting
            .front()
            .is_some_and(|first| first.since < oldest)
        {
            self.give_up_first(state, "too_old");
        }
        while state.bytes > self.size {
            self.give_up_first(state, "over_size");
        }
        self.keep_memory(state);
    }

    /// Memory is scarcer than the disk.
    fn keep_memory(&self, state: &mut State) {
        /// Of the limit of memory, the part of what waits.
        const PART: u64 = 32;
        let in_memory = state
            .waiting
            .iter()
            .filter(|waiting| waiting.record.is_some());
        let mut in_memory: u64 = in_memory.map(|waiting| waiting.bytes).sum();
        let most = match in_memory > 0 && self.memory.refuses(Work::Message) {
            true => 0,
            false => self.memory.part(PART, MOST_IN_MEMORY),
        };
        while in_memory > most {
            let first = state.waiting.front().filter(|first| first.record.is_some());
            in_memory -= first.map_or(0, |first| first.bytes);
            self.give_up_first(state, "over_size");
        }
    }

    fn give_up_first(&self, state: &mut State, why: &'static str) {
        if state.waiting.is_empty() {
            return;
        }
        if !state.given_up.contains_key(why) {
            tracing::warn!(
                reason = why,
                "a message in the OTLP queue was given up; gitlab_bridge_export_given_up_total counts them"
            );
        }
        self.remove_first(state);
        state.give_up(why);
    }

    fn remove_first(&self, state: &mut State) {
        if let Some(first) = state.waiting.pop_front() {
            state.bytes -= first.bytes;
            if first.record.is_none() {
                // It is sent once more after a restart, if the disk lets nothing be removed.
                let _ = fs::remove_file(self.file(&first));
            }
        }
    }

    fn write(&self, waiting: &Waiting, record: &[u8]) -> io::Result<()> {
        let file = self.file(waiting);
        let unfinished = file.with_extension(UNFINISHED);
        let written = fs::write(&unfinished, record).and_then(|()| fs::rename(&unfinished, &file));
        if written.is_err() {
            let _ = fs::remove_file(&unfinished); // A full disk needs the room.
        }
        written
    }

    /// Its number comes first, so that a listing is in order.
    fn file(&self, waiting: &Waiting) -> PathBuf {
        let Waiting { number, since, .. } = waiting;
        self.folder.join(format!("{number:016x}-{since}.{ENDING}"))
    }

    fn tell(&self, state: &State) {
        self.health.note_queue(ExportQueue {
            messages: state.waiting.len() as u64,
            bytes: state.bytes,
            given_up: state.given_up.clone(),
        });
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    fn give_up(&mut self, why: &'static str) {
        *self.given_up.entry(why).or_default() += 1;
    }
}

/// The message in a file, by its name; none if it is something else.
fn found(path: &Path) -> Option<Waiting> {
    let name = path
        .file_name()?
        .to_str()?
        .strip_suffix(&format!(".{ENDING}"))?;
    let (number, since) = name.split_once('-')?;
    Some(Waiting {
        number: u64::from_str_radix(number, 16)
            .ok()
            // What is so large is none of ours, and leaves no room for those that follow.
            .filter(|number| *number < u64::MAX >> 1)?,
        since: since.parse().ok()?,
        bytes: fs::metadata(path).ok()?.len(),
        record: None,
    })
}

/// Now, as messages are stamped.
pub fn now() -> UnixTime {
    seconds(std::time::SystemTime::now())
}

#[cfg(test)]
mod tests;
