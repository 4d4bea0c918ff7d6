//! Whether exports work, and whether what is shown is fresh enough to be called ready.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::metrics::{Export, Report, UnixTime, View};

/// How the exports to one target go.
pub struct Health(Mutex<State>);

struct State {
    export: Export,
    /// When the first export ended, well or badly.
    first: Option<UnixTime>,
    failure: Option<String>,
}

/// How old things may be before the bridge is not ready any more.
#[derive(Clone, Debug)]
pub struct Freshness {
    /// The intervals of polls, instance by instance.
    pub polls: Vec<Duration>,
    /// The interval of OTLP exports; zero without OTLP.
    pub export: Duration,
}

impl Freshness {
    /// How many intervals may pass without a success.
    const INTERVALS: u32 = 3;
    /// What counts as an interval of exports at least: times are kept in whole seconds.
    const SHORTEST: Duration = Duration::from_secs(1);

    /// Says why the bridge is not ready; none if it is.
    pub fn complaint(&self, now: UnixTime, view: &View, exports: &[&Health]) -> Option<String> {
        let complaints = self
            .polls
            .iter()
            .enumerate()
            .filter_map(|(index, &interval)| {
                let seen = view.instances.get(index);
                let report = seen.and_then(|seen| seen.snapshot.report.as_ref());
                let complaint = Self::of_polls(now, report, interval)?;
                Some(match seen.and_then(|seen| seen.name.as_ref()) {
                    Some(name) => format!("{name}: {complaint}"),
                    None => complaint,
                })
            });
        let complaints: Vec<_> = complaints.collect();
        if !complaints.is_empty() {
            return Some(complaints.join("; "));
        }
        let limit = self.export.max(Self::SHORTEST) * Self::INTERVALS;
        exports
            .iter()
            .find_map(|health| health.complaint(now, limit))
    }

    /// Says what is wrong with the polls of one GitLab.
    fn of_polls(now: UnixTime, report: Option<&Report>, interval: Duration) -> Option<String> {
        let Some(report) = report else {
            return Some("the first poll has not ended yet".to_owned());
        };
        let failure = report.failure.as_deref().unwrap_or("polls have stopped");
        let Some(complete) = report.last_complete else {
            return Some(format!("no poll has been complete yet: {failure}"));
        };
        // A poll may take longer than the interval; the next follows at once then.
        let limit = interval.max(report.took) * Self::INTERVALS;
        let age = Duration::from_secs(now.saturating_sub(complete));
        (age > limit).then(|| {
            format!("the last complete poll ended {age:?} ago (limit {limit:?}): {failure}")
        })
    }
}

impl Health {
    /// Nothing exported yet.
    pub fn new(exporter: &'static str) -> Health {
        let export = Export {
            exporter,
            succeeded: 0,
            failed: 0,
            last: None,
            last_success: None,
        };
        Health(Mutex::new(State {
            export,
            first: None,
            failure: None,
        }))
    }

    /// Notes how an export went.
    pub fn note(&self, outcome: &Result<(), String>) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.first.get_or_insert_with(now);
        state.export.last = Some(outcome.is_ok());
        state.failure = outcome.as_ref().err().cloned();
        match outcome {
            Ok(()) => {
                state.export.succeeded += 1;
                state.export.last_success = Some(now());
            }
            Err(_) => state.export.failed += 1,
        }
    }

    /// How the exports went.
    pub fn export(&self) -> Export {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .export
            .clone()
    }

    /// Exports are late when the last good one, or else the first that failed, is too long ago.
    fn complaint(&self, now: UnixTime, limit: Duration) -> Option<String> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failure = state.failure.as_deref()?;
        let (since, at) = match (state.export.last_success, state.first) {
            (Some(at), _) => ("the last good export ended", at),
            (None, first) => ("no export has succeeded since the first one,", first?),
        };
        let age = Duration::from_secs(now.saturating_sub(at));
        let exporter = state.export.exporter;
        (age > limit)
            .then(|| format!("{exporter}: {since} {age:?} ago (limit {limit:?}): {failure}"))
    }
}

/// The time of day.
pub fn now() -> UnixTime {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
}
