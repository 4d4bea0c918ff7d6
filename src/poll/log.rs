//! One line a poll: what changed, what it cost and how long it took.

use std::collections::HashMap;

use crate::metrics::{Owner, Snapshot};

/// Logs how `snapshot` came to be after `last`.
pub fn log(last: &Snapshot, snapshot: &Snapshot) {
    let Some(report) = &snapshot.report else {
        return;
    };
    let Changes {
        appeared,
        vanished,
        changed,
    } = changes(last, snapshot);
    let projects = snapshot.projects.len();
    let (requests, took) = (report.requests, format!("{:.2?}", report.took));
    let absent_before = last
        .report
        .as_ref()
        .map(|report| report.absent.as_slice())
        .unwrap_or_default();
    if report.absent != absent_before && !report.absent.is_empty() {
        let absent = report.absent.join(", ");
        tracing::warn!(
            absent,
            "selected groups or projects are gone, or may not be seen by the token any more"
        );
    }
    match &report.failure {
        None => tracing::info!(
            projects,
            appeared,
            vanished,
            changed,
            failed = report.failed,
            requests,
            took,
            "poll done"
        ),
        Some(failure) => tracing::warn!(
            projects,
            appeared,
            vanished,
            changed,
            failed = report.failed,
            requests,
            took,
            failure,
            "poll incomplete; what was known is kept"
        ),
    }
}

/// What is different in a snapshot: projects, and values of those that stayed.
struct Changes {
    appeared: usize,
    vanished: usize,
    changed: usize,
}

fn changes(last: &Snapshot, snapshot: &Snapshot) -> Changes {
    let before: HashMap<u64, &Owner> = last
        .projects
        .iter()
        .map(|project| (project.identity.id, project.as_ref()))
        .collect();
    let (mut appeared, mut changed, mut kept) = (0, 0, 0);
    for project in &snapshot.projects {
        match before.get(&project.identity.id) {
            None => appeared += 1,
            Some(before) => {
                kept += 1;
                changed += project
                    .values
                    .iter()
                    .zip(&before.values)
                    .filter(|(a, b)| a.value() != b.value())
                    .count();
            }
        }
    }
    Changes {
        appeared,
        vanished: before.len() - kept,
        changed,
    }
}
