//! How the exports to one target go.

use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::time::Instant;

use crate::lock::lock;
use crate::metrics::{Export, ExportQueue};
use crate::prose::duration;

/// How the exports to one target go.
pub struct Health {
    exporter: &'static str,
    history: Mutex<History>,
}

#[derive(Default)]
struct History {
    succeeded: u64,
    failed: u64,
    /// When the first export ended, well or badly.
    first: Option<Instant>,
    last_success: Option<Instant>,
    last: Option<Result<(), String>>,
    queue: Option<ExportQueue>,
}

impl Health {
    /// Nothing exported yet.
    pub fn new(exporter: &'static str) -> Health {
        Health {
            exporter,
            history: Mutex::default(),
        }
    }

    /// Notes how an export went.
    pub fn note(&self, outcome: &Result<(), String>) {
        let (mut history, now) = (self.history(), Instant::now());
        history.first.get_or_insert(now);
        match outcome {
            Ok(()) => {
                history.succeeded += 1;
                history.last_success = Some(now);
            }
            Err(_) => history.failed += 1,
        }
        history.last = Some(outcome.clone());
    }

    /// Notes what waits for the target.
    pub fn note_queue(&self, queue: ExportQueue) {
        self.history().queue = Some(queue);
    }

    /// How the exports went, as the bridge's own metrics tell it.
    pub fn export(&self) -> Export {
        let history = self.history();
        Export {
            exporter: self.exporter,
            succeeded: history.succeeded,
            failed: history.failed,
            last: history.last.as_ref().map(Result::is_ok),
            last_success: history.last_success.map(|at| at.elapsed()),
            error: history.last.clone().and_then(Result::err),
            queue: history.queue.clone(),
        }
    }

    /// Complains when the last export failed and the last good one, or else the first that failed, is
    /// longer ago than the limit.
    pub(super) fn complaint(&self, limit: Duration) -> Option<String> {
        let history = self.history();
        let failure = history.last.as_ref()?.as_ref().err()?;
        let (since, at) = match (history.last_success, history.first) {
            (Some(at), _) => ("the last good export ended", at),
            (None, first) => ("no export has succeeded since the first one,", first?),
        };
        let age = at.elapsed();
        let (exporter, whole) = (self.exporter, Duration::from_secs(age.as_secs()));
        (age > limit).then(|| {
            format!(
                "{exporter}: {since} {} ago (limit {}): {failure}",
                duration(whole),
                duration(limit)
            )
        })
    }

    fn history(&self) -> MutexGuard<'_, History> {
        lock(&self.history)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn exports_are_late_when_the_last_good_one_is_too_long_ago() {
        const LIMIT: Duration = Duration::from_secs(180);
        let health = Health::new("otlp");
        assert_eq!(health.complaint(LIMIT), None, "nothing was exported yet");
        health.note(&Ok(()));
        advance(LIMIT * 2).await;
        assert_eq!(health.complaint(LIMIT), None, "nothing failed since");
        health.note(&Err("refused".to_owned()));
        let complaint = health.complaint(LIMIT).unwrap();
        assert!(
            complaint.contains("ended 6m ago (limit 3m): refused"),
            "{complaint}"
        );
        assert_eq!(health.export().last_success, Some(LIMIT * 2));
        health.note(&Ok(()));
        assert_eq!(health.complaint(LIMIT), None);
    }
}
