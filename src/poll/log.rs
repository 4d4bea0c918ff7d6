//! What the log says of a poll: what changed, what it cost and how long it took.

use std::cmp::Ordering;
use std::sync::Arc;
use std::time::Duration;

use super::selection::Filter;
use crate::logged::seconds;
use crate::metrics::{Owner, Snapshot, UnixTime};

/// Says what a restart begins with.
pub fn restored(snapshot: &Snapshot, now: UnixTime) {
    let ended = snapshot.report.as_ref().map(|report| report.ended);
    let age = ended.map(|ended| Duration::from_secs(now.saturating_sub(ended)));
    tracing::info!(
        projects = snapshot.projects.len(),
        age_seconds = age.map(seconds),
        "showing what an earlier process knew"
    );
}

/// Logs how `snapshot` came to be after `last`.
pub fn poll(last: &Snapshot, snapshot: &Snapshot) {
    let Some(report) = &snapshot.report else {
        return;
    };
    let Changes {
        appeared,
        vanished,
        changed,
    } = changes(last, snapshot);
    let projects = snapshot.projects.len();
    let (requests, took_seconds) = (report.requests, seconds(report.took));
    let before = last.report.as_ref();
    let absent_before = before.map(|report| report.absent.as_slice());
    let absent_is_news = report.absent.as_slice() != absent_before.unwrap_or_default();
    filtered_out(last, snapshot);
    match &report.failure {
        None => {
            if absent_is_news && !report.absent.is_empty() {
                let absent = report.absent.join(", ");
                tracing::warn!(
                    absent,
                    "selected projects are gone, or may not be seen by the token any more"
                );
            }
            tracing::info!(
                projects,
                appeared,
                vanished,
                changed,
                failed = report.failed,
                requests,
                took_seconds,
                "poll done"
            );
        }
        Some(failure) => {
            // A lasting failure is said once.
            let is_news = before.and_then(|before| before.failure.as_ref()) != Some(failure);
            let message = match is_news {
                true => "poll incomplete; what was known is kept",
                false => "poll incomplete for the same reason as the one before",
            };
            tracing::warn!(
                projects,
                appeared,
                vanished,
                changed,
                failed = report.failed,
                requests,
                took_seconds,
                failure = is_news.then_some(failure.as_str()),
                "{message}"
            );
        }
    }
}

/// Says which patterns fit no project, once all are known for the first time: they are probably mistyped.
pub fn unused_patterns(filter: &Filter, paths: &[String]) {
    let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
    for (setting, unused) in filter.unused_patterns(&paths) {
        let patterns = unused.join(", ");
        tracing::warn!(
            setting,
            patterns,
            "patterns fit no project: a * stays within one level, ** crosses levels"
        );
    }
}

/// Says when the filters begin to leave out every project.
fn filtered_out(last: &Snapshot, snapshot: &Snapshot) {
    let all = |of: &Snapshot| {
        let filtered_out = of.report.as_ref().map(|report| report.filtered_out);
        filtered_out.filter(|filtered_out| *filtered_out > 0 && of.projects.is_empty())
    };
    if let (Some(filtered_out), None) = (all(snapshot), all(last)) {
        tracing::warn!(
            filtered_out,
            "every project that GitLab lists is left out by the filters of select"
        );
    }
}

/// What is different in a snapshot: projects, and values of those that stayed.
struct Changes {
    appeared: usize,
    vanished: usize,
    changed: usize,
}

/// Compares two snapshots. Projects are sorted by id, and shared as long as nothing was asked of them.
fn changes(last: &Snapshot, snapshot: &Snapshot) -> Changes {
    let mut changes = Changes {
        appeared: 0,
        vanished: 0,
        changed: 0,
    };
    let (mut before, mut now) = (
        last.projects.iter().peekable(),
        snapshot.projects.iter().peekable(),
    );
    loop {
        let order = match (before.peek(), now.peek()) {
            (None, None) => return changes,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(before), Some(now)) => before.identity.id.cmp(&now.identity.id),
        };
        match order {
            Ordering::Less => changes.vanished += usize::from(before.next().is_some()),
            Ordering::Greater => changes.appeared += usize::from(now.next().is_some()),
            Ordering::Equal => {
                if let (Some(before), Some(now)) = (before.next(), now.next()) {
                    changes.changed += changed(before, now);
                }
            }
        }
    }
}

/// How many values of a project changed.
fn changed(before: &Arc<Owner>, now: &Arc<Owner>) -> usize {
    if Arc::ptr_eq(before, now) {
        return 0;
    }
    let readings = now.values.iter().zip(before.values.iter());
    readings
        .filter(|(now, before)| now.value() != before.value())
        .count()
}
