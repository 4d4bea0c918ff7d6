//! What is known becomes the next snapshot.

use std::fmt::Display;
use std::sync::Arc;
use std::time::Duration;

use super::{Checkpoint, Poller, Tally};
use crate::gitlab::Error;
use crate::metrics::{Owner, ProjectAnswer, Report, Snapshot, UnixTime, stamp};

/// The name of what lists of projects belong to, in errors.
const PROJECTS: &str = "projects";

impl Poller {
    /// The snapshot after a poll.
    pub(super) fn merge(&mut self, tally: Tally, took: Duration, requests: u64) -> Snapshot {
        let now = self.now();
        for (what, count) in &tally.values {
            *self.errors.entry(*what).or_default() += count;
        }
        for (_, error) in &tally.failures {
            *self.errors.entry((PROJECTS, error.reason())).or_default() += 1;
        }
        let failure = self.failure(&tally.failures).or_else(|| self.unfinished());
        let complete = failure.is_none();
        let late = took.saturating_sub(self.config.rhythm.interval);
        let reached =
            tally.failures.is_empty() || tally.failures.iter().any(|(_, error)| answered(error));
        let before = self.last.report.as_ref();
        let report = Report {
            ended: now,
            restored: false,
            took,
            late,
            requests,
            reached,
            last_answer: match reached {
                true => Some(now),
                false => before.and_then(|report| report.last_answer),
            },
            under_way: None,
            failure,
            failed: tally.values.values().sum(),
            absent: self.absent.iter().cloned().collect(),
            last_complete: match &self.last.report {
                _ if complete => Some(now),
                Some(report) => report.last_complete,
                None => None,
            },
            errors: self.errors.clone(),
            kept: self.checkpoint.as_ref().and_then(Checkpoint::is_kept),
        };
        self.snapshot(Some(report))
    }

    /// A snapshot of what is known now. The number of projects is known once every list has been read
    /// to its end, and stays so: later failures leave the set of projects as it was.
    pub(super) fn snapshot(&self, report: Option<Report>) -> Snapshot {
        let (filter, now) = (&self.config.selection.filter, self.now());
        let taken = |project: &&Arc<Owner>| filter.takes(&project.identity, now);
        let projects: Vec<_> = self.projects.values().filter(taken).cloned().collect();
        let count = projects.len() as u64;
        let known = self.schedule.is_whole() && self.mistaken.is_empty();
        Snapshot::new(
            self.last.generation + 1,
            projects,
            known.then_some(count),
            report,
            &self.enabled,
        )
    }

    /// What could not be read, and what is to be done about it.
    fn failure(&self, failures: &[(String, Error)]) -> Option<String> {
        let failed = failures.iter().map(|(what, error)| mistake(what, error));
        let texts: Vec<String> = self.mistaken.values().cloned().chain(failed).collect();
        (!texts.is_empty()).then(|| texts.join("; "))
    }

    /// Says that the first sweep goes on, if it does.
    fn unfinished(&self) -> Option<String> {
        let so_far = self.projects.len();
        (!self.schedule.is_whole())
            .then(|| format!("the first sweep goes on: {so_far} projects have been read so far"))
    }
}

/// A project as it was found, with the last good value of what failed.
pub(super) fn project(found: ProjectAnswer, last: Option<&Owner>, now: UnixTime) -> Owner {
    let mut values = found.values;
    for (place, value) in values.iter_mut().enumerate() {
        *value = value.or_last_good(last.and_then(|last| last.values.get(place)));
    }
    // The same identity is shared: nearly all of them are the same for weeks.
    let same = last.filter(|last| *last.identity == found.identity);
    Owner {
        identity: same.map_or_else(
            || Arc::new(found.identity),
            |last| Arc::clone(&last.identity),
        ),
        listed: stamp(now),
        values,
        tables: found.tables,
    }
}

/// Whether GitLab answered, if only with an error.
fn answered(error: &Error) -> bool {
    !matches!(
        error,
        Error::Network { .. }
            | Error::Timeout { .. }
            | Error::Deadline
            | Error::NotGitLab { .. }
            | Error::NotUnderstood { .. }
            | Error::NotJson { .. }
    )
}

/// What was not to be had, and what to do about it.
pub(super) fn mistake(what: &impl Display, error: &Error) -> String {
    format!("{what}: {}", error.with_advice())
}
