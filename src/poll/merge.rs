//! What a sweep found becomes the next snapshot, with the last good value of what failed.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::{Found, Poller, Sweep, now, rest};
use crate::gitlab::Error;
use crate::metrics::{Project, Reading, Report, Snapshot, UnixTime, questions};

/// The name of what lists of projects belong to, in errors.
const PROJECTS: &str = "projects";

impl Poller {
    /// The next snapshot: what was found, with the last good value of what failed.
    pub(super) fn merge(&mut self, sweep: Sweep, took: Duration, requests: u64) -> Snapshot {
        let now = now();
        let failed = self.count_errors(&sweep);
        let projects = self.projects(sweep.found, &sweep.failures, now);
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
        let count = projects.len() as u64;
        let known = complete || self.last.project_count == Some(count);
        Snapshot::new(
            self.last.generation + 1,
            projects,
            known.then_some(count),
            report,
            &self.shown,
        )
    }

    /// Adds the errors of a sweep to those of all polls. Returns how many single values failed.
    fn count_errors(&mut self, sweep: &Sweep) -> u64 {
        let mut failed = 0;
        for found in &sweep.found {
            for ((_, subject), reading) in questions().iter().zip(&found.readings) {
                if let Reading::Unknown(reason) = reading
                    && !Reading::QUIET.contains(reason)
                {
                    *self.errors.entry((subject, reason)).or_default() += 1;
                    failed += 1;
                }
            }
        }
        if !sweep.absent.is_empty() {
            *self.errors.entry((PROJECTS, "not_found")).or_default() += sweep.absent.len() as u64;
        }
        for (_, error) in &sweep.failures {
            *self.errors.entry((PROJECTS, error.reason())).or_default() += 1;
        }
        failed
    }

    /// The projects of the next snapshot, by id.
    fn projects(
        &self,
        found: Vec<Found>,
        failures: &[(String, Error)],
        now: UnixTime,
    ) -> Vec<Arc<Project>> {
        let last: HashMap<u64, &Arc<Project>> = self
            .last
            .projects
            .iter()
            .map(|project| (project.identity.id, project))
            .collect();
        let mut projects = BTreeMap::new();
        for found in found {
            let id = found.identity.id;
            let project = project(found, last.get(&id).map(|project| &***project), now);
            projects.insert(id, Arc::new(project));
        }
        // A list that could not be read leaves the set of projects as it was, so that its count stays
        // true of it. What GitLab says does not exist is gone.
        if failures.iter().any(|(_, error)| !rest::is_gone(error)) {
            if self.last.project_count.is_some() {
                projects.retain(|id, _| last.contains_key(id));
            }
            for project in &self.last.projects {
                projects
                    .entry(project.identity.id)
                    .or_insert_with(|| Arc::clone(project));
            }
        }
        projects.into_values().collect()
    }
}

/// A project as it was found, with the last good value of what failed.
fn project(found: Found, last: Option<&Project>, now: UnixTime) -> Project {
    let before = last.map_or(&[][..], |project| &project.readings);
    let readings = found.readings.into_iter().enumerate();
    Project {
        identity: found.identity,
        listed: now,
        readings: readings
            .map(|(slot, reading)| reading.or_last_good(before.get(slot)))
            .collect(),
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
    let texts: Vec<_> = failures
        .iter()
        .map(|(what, error)| format!("{what}: {}", error.with_advice()))
        .collect();
    (!texts.is_empty()).then(|| texts.join("; "))
}
