//! What becomes of a part of the bridge that panics: it is said, counted and begun anew.

use std::any::Any;
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, set_hook};
use std::sync::Mutex;
use std::time::Duration;

use futures::FutureExt;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::lock::lock;
use crate::logged::seconds;

/// The pause after a first panic; it doubles with each further one.
const PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How often each part has panicked.
#[derive(Debug, Default)]
pub struct Panics(Mutex<BTreeMap<&'static str, u64>>);

impl Panics {
    /// How often, by the name of the part.
    pub fn all(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.0).clone()
    }

    /// Counts panics that happened elsewhere.
    pub fn add(&self, task: &'static str, panics: u64) {
        if panics > 0 {
            *lock(&self.0).entry(task).or_default() += panics;
        }
    }

    /// Runs a part, and begins it anew whenever it panics, until it ends by itself or is told to `end` while it
    /// does not run.
    pub async fn survived<F: Future<Output = ()>>(
        &self,
        task: &'static str,
        end: &CancellationToken,
        mut part: impl FnMut() -> F,
    ) {
        let mut pause = PAUSE;
        loop {
            match AssertUnwindSafe(part()).catch_unwind().await {
                Ok(()) => return,
                Err(panic) => self.note(task, panic.as_ref(), pause),
            }
            tokio::select! { () = sleep(pause) => {}, () = end.cancelled() => return }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn note(&self, task: &'static str, panic: &(dyn Any + Send), pause: Duration) {
        tracing::error!(
            task,
            panic = reason(panic),
            pause_seconds = seconds(pause),
            "a part of the bridge failed and is started again: please report this"
        );
        let mut all = lock(&self.0);
        *all.entry(task).or_default() += 1;
    }
}

/// What a panic says of itself.
fn reason(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it says nothing")
}

/// Logs where something panics like everything else is logged.
pub fn log_panics() {
    set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string);
        let place = place.unwrap_or_default();
        tracing::error!(place, panic = reason(panic.payload()), "a panic");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tokio::time::Instant;

    #[tokio::test(start_paused = true)]
    async fn a_part_that_panics_is_counted_and_begun_anew_after_longer_and_longer_pauses() {
        let (panics, begun, start) = (Panics::default(), AtomicU32::new(0), Instant::now());
        let part = || async {
            let times = begun.fetch_add(1, Ordering::Relaxed);
            assert!(times >= 3, "broken {times} times");
        };
        let end = CancellationToken::new();
        panics.survived("poll", &end, part).await;
        assert_eq!(panics.all(), BTreeMap::from([("poll", 3)]));
        assert_eq!(start.elapsed().as_secs(), 1 + 2 + 4);
    }
}
