//! What a sweep found becomes the next snapshot, with the last good value of what failed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::{Poller, Sweep, now, rest};
use crate::gitlab::Error;
use crate::metrics::{Project, Reading, Report, Snapshot, questions};

/// The name of what lists of projects belong to, in errors.
const PROJECTS: &str = "projects";

impl Poller {
    /// The next snapshot: what was found, with the last good value of what failed.
    pub(super) fn merge(&mut self, sweep: Sweep, took: Duration, requests: u64) -> Snapshot {
        let now = now();
        let last: HashMap<u64, &Arc<Project>> = self
            .last
            .projects
            .iter()
            .map(|project| (project.identity.id, project))
            .collect();
        let mut failed = 0;
        let mut projects = BTreeMap::new();
        for found in sweep.found {
            for ((_, subject), reading) in questions().iter().zip(&found.readings) {
                if let Reading::Unknown(reason) = reading
                    && !Reading::QUIET.contains(reason)
                {
                    *self.errors.entry((subject, reason)).or_default() += 1;
                    failed += 1;
                }
            }
            let id = found.identity.id;
            let before = last
                .get(&id)
                .map(|project| project.readings.as_slice())
                .unwrap_or_default();
            let readings = found.readings.into_iter().enumerate();
            let readings = readings
                .map(|(slot, reading)| reading.or_last_good(before.get(slot)))
                .collect();
            projects.insert(
                id,
                Arc::new(Project {
                    identity: found.identity,
                    listed: now,
                    readings,
                }),
            );
        }
        // A list that could not be read leaves the set of projects as it was, so that its count stays
        // true of it. What GitLab says does not exist is gone.
        if sweep
            .failures
            .iter()
            .any(|(_, error)| !rest::is_gone(error))
        {
            if self.last.project_count.is_some() {
                projects.retain(|id, _| last.contains_key(id));
            }
            for project in &self.last.projects {
                projects
                    .entry(project.identity.id)
                    .or_insert_with(|| Arc::clone(project));
            }
        }
        if !sweep.absent.is_empty() {
            *self.errors.entry((PROJECTS, "not_found")).or_default() += sweep.absent.len() as u64;
        }
        for (_, error) in &sweep.failures {
            *self.errors.entry((PROJECTS, error.reason())).or_default() += 1;
        }
        let complete = sweep.failures.is_empty();
        let report = Report {
            ended: now,
            took,
            requests,
            reached: complete || sweep.failures.iter().any(|(_, error)| answered(error)),
            failure: failure(&sweep.failures),
            failed,
            absent: sweep.absent,
            last_complete: match &self.last.report {
                _ if complete => Some(now),
                Some(report) => report.last_complete,
                None => None,
            },
            errors: self.errors.clone(),
        };
        let projects: Vec<_> = projects.into_values().collect();
        let known = complete || (self.last.project_count == Some(projects.len() as u64));
        let project_count = known.then_some(projects.len() as u64);
        Snapshot::new(
            self.last.generation + 1,
            projects,
            project_count,
            report,
            &self.shown,
        )
    }
}

/// Whether GitLab answered, if only with an error.
fn answered(error: &Error) -> bool {
    !matches!(
        error,
        Error::Network { .. } | Error::Timeout { .. } | Error::Deadline | Error::NotJson { .. }
    )
}

fn failure(failures: &[(String, Error)]) -> Option<String> {
    let texts = failures.iter().map(|(what, error)| {
        let advice = error
            .advice()
            .map(|advice| format!(". {advice}"))
            .unwrap_or_default();
        format!("{what}: {error}{advice}")
    });
    Some(texts.collect::<Vec<_>>().join("; ")).filter(|text| !text.is_empty())
}
