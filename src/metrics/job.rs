//! A job as GitLab tells it, over GraphQL and over REST.

use std::sync::Arc;

use serde_json::Value as Json;

use super::failure_reason::{SCRIPT_FAILURE, failure_reason};
use super::time::moment;
use super::{JobEnd, Kind, NotUnderstood, UnixTime};

/// One attempt of a job of a pipeline.
#[derive(Clone, Debug, PartialEq)]
pub struct Job {
    pub id: u64,
    pub name: Arc<str>,
    pub stage: Arc<str>,
    /// GitLab's word in small letters; later versions may have others than we know.
    pub status: Arc<str>,
    pub failure: JobFailure,
    pub created: Option<UnixTime>,
    /// When a runner took it; none before.
    pub started: Option<UnixTime>,
    /// When it ended; none while it has not, and for jobs that never ran by their own state, such as
    /// skipped ones.
    pub finished: Option<UnixTime>,
    /// How long it took, in seconds.
    pub duration: Option<f64>,
    /// How long it waited for a runner, in seconds; none before it has one.
    pub queued: Option<f64>,
    /// Whether a later attempt has taken its place.
    pub retried: bool,
}

/// Why a job failed.
#[derive(Clone, Debug, PartialEq)]
pub enum JobFailure {
    /// It has not failed.
    None,
    /// GitLab's word.
    Reason(Arc<str>),
    /// GraphQL tells a text that is not known: REST has the word.
    Untold,
}

/// What is asked of a job over GraphQL.
pub const JOB_FIELDS: &str = "id name status kind retried createdAt startedAt finishedAt duration queuedDuration \
                              failureMessage stage { name }";

impl Job {
    /// Reads a node of `Pipeline.jobs`. None for what is no build: trigger jobs, and statuses that
    /// others report.
    ///
    /// # Errors
    /// If it is no job with an id and a status.
    pub fn from_graphql(node: &Json) -> Result<Option<Job>, NotUnderstood> {
        let gid = node["id"].as_str().unwrap_or_default();
        if node["kind"] == "BRIDGE"
            || gid.contains("/Ci::Bridge/")
            || gid.contains("/GenericCommitStatus/")
        {
            return Ok(None);
        }
        let id = gid.rsplit('/').next().and_then(|id| id.parse().ok());
        let job = Job::read(id, node, "queuedDuration", &node["stage"]["name"]);
        let mut job = job.ok_or(NotUnderstood("a job without an id or a status"))?;
        job.finished = job.ended().then(|| moment(&node["finishedAt"])).flatten();
        job.retried = node["retried"] == true;
        job.created = moment(&node["createdAt"]);
        job.started = moment(&node["startedAt"]);
        job.keep_times();
        job.failure = match &*job.status {
            "failed" => match failure_reason(node["failureMessage"].as_str()) {
                Some(reason) => JobFailure::Reason(reason.into()),
                None => JobFailure::Untold,
            },
            _ => JobFailure::None,
        };
        Ok(Some(job))
    }

    /// Reads a body of `pipelines/:id/jobs`, which has builds only. Whether a later attempt has taken
    /// its place is told by [`Job::mark_retried`].
    ///
    /// # Errors
    /// If it is no job with an id and a status.
    pub fn from_rest(body: &Json) -> Result<Job, NotUnderstood> {
        let job = Job::read(body["id"].as_u64(), body, "queued_duration", &body["stage"]);
        let mut job = job.ok_or(NotUnderstood("a job without an id or a status"))?;
        job.finished = job.ended().then(|| moment(&body["finished_at"])).flatten();
        job.created = moment(&body["created_at"]);
        job.started = moment(&body["started_at"]);
        job.keep_times();
        job.failure = match (&*job.status, body["failure_reason"].as_str()) {
            ("failed", Some(reason)) => JobFailure::Reason(reason.into()),
            ("failed", None) => JobFailure::Reason(SCRIPT_FAILURE.into()),
            _ => JobFailure::None,
        };
        Ok(job)
    }

    /// Marks, among all attempts of the jobs of a pipeline, those that have a later one: over REST
    /// only the name and the larger id tell.
    pub fn mark_retried(jobs: &mut [Job]) {
        let newest = |name: &str, jobs: &[Job]| {
            let same = jobs.iter().filter(|job| *job.name == *name);
            same.map(|job| job.id).max()
        };
        let marks: Vec<bool> = jobs
            .iter()
            .map(|job| newest(&job.name, jobs) > Some(job.id))
            .collect();
        for (job, retried) in jobs.iter_mut().zip(marks) {
            job.retried = retried;
        }
    }

    /// Whether it ran to one of its ends. A skipped or manual job is in a state, and has no end.
    pub fn ended(&self) -> bool {
        matches!(&*self.status, "success" | "failed" | "canceled")
    }

    /// What counting needs to know of it.
    pub fn end(&self) -> JobEnd {
        JobEnd {
            id: self.id,
            at: self.finished,
        }
    }

    /// What counting needs to know of its beginning. One that ended without a runner began then.
    pub fn beginning(&self) -> JobEnd {
        JobEnd {
            id: self.id,
            at: self.started.or(self.finished),
        }
    }

    /// GitLab's word for why it failed; empty where it did not.
    pub fn failure_reason(&self) -> &str {
        match &self.failure {
            JobFailure::None => "",
            JobFailure::Reason(reason) => reason,
            JobFailure::Untold => "other",
        }
    }

    fn read(id: Option<u64>, of: &Json, queued: &str, stage: &Json) -> Option<Job> {
        Some(Job {
            id: id?,
            name: of["name"].as_str().unwrap_or_default().into(),
            stage: stage.as_str().unwrap_or_default().into(),
            status: of["status"].as_str()?.to_ascii_lowercase().into(),
            failure: JobFailure::None,
            created: None,
            started: None,
            finished: None,
            duration: Kind::Seconds.read(&of["duration"]).value(),
            queued: Kind::Seconds.read(&of[queued]).value(),
            retried: false,
        })
    }

    /// GitLab lets both times grow while they go on: they are told once they stand.
    fn keep_times(&mut self) {
        if self.started.is_none() {
            (self.queued, self.duration) = (None, None);
        }
        if self.finished.is_none() {
            self.duration = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_apis_tell_the_same_job() {
        let node = json!({
            "id": "gid://gitlab/Ci::Build/7", "name": "unit", "status": "FAILED", "kind": "BUILD", "retried": false,
            "createdAt": "2026-11-26T09:59:58Z", "startedAt": "2026-11-26T10:00:03Z",
            "finishedAt": "2026-11-26T10:01:03Z", "duration": 60, "queuedDuration": 3.0,
            "failureMessage": "There has been an API failure, please try again", "stage": {"name": "test"},
        });
        let body = json!({
            "id": 7, "name": "unit", "status": "failed", "stage": "test", "created_at": "2026-11-26T09:59:58.7Z",
            "started_at": "2026-11-26T10:00:03.1Z",
            "finished_at": "2026-11-26T10:01:03.9Z", "duration": 60, "queued_duration": 3,
            "failure_reason": "api_failure",
        });
        assert_eq!(
            Job::from_graphql(&node).unwrap(),
            Some(Job::from_rest(&body).unwrap())
        );
    }

    #[test]
    fn what_goes_on_has_no_times_and_a_trigger_is_no_build() {
        let waits = json!({
            "id": "gid://gitlab/Ci::Build/7", "name": "unit", "status": "PENDING", "startedAt": null,
            "duration": null, "queuedDuration": 9.5, "stage": {"name": "test"},
        });
        let job = Job::from_graphql(&waits).unwrap().unwrap();
        assert_eq!((job.queued, job.duration, job.finished), (None, None, None));
        let skipped = json!({
            "id": "gid://gitlab/Ci::Build/7", "name": "unit", "status": "SKIPPED",
            "finishedAt": "2026-11-26T10:01:03Z", "stage": {"name": "test"},
        });
        assert_eq!(Job::from_graphql(&skipped).unwrap().unwrap().finished, None);
        let bridge =
            json!({"id": "gid://gitlab/Ci::Bridge/8", "status": "SUCCESS", "kind": "BRIDGE"});
        assert_eq!(Job::from_graphql(&bridge).unwrap(), None);
        assert!(Job::from_graphql(&json!({"id": "gid://gitlab/Ci::Build/7"})).is_err());
    }

    #[test]
    fn over_rest_a_later_attempt_of_the_same_name_tells_a_retried_job() {
        let job = |id: u64, name: &str| {
            Job::from_rest(&json!({"id": id, "name": name, "status": "success"})).unwrap()
        };
        let mut jobs = [job(3, "unit"), job(2, "lint"), job(1, "unit")];
        Job::mark_retried(&mut jobs);
        assert_eq!(jobs.map(|job| job.retried), [false, false, true]);
    }
}
