//! Deployments as GitLab's REST tells them, and which of them have been counted.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::time::moment;
use super::{Kind, NotUnderstood, UnixTime};

/// A deployment.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Deployment {
    pub id: u64,
    /// GitLab's word: `success`, `failed`, `canceled`, or one of a deployment that goes on.
    pub status: Box<str>,
    pub environment: u64,
    pub environment_name: Box<str>,
    /// As GitLab writes it: the next page is asked for from it on.
    pub updated: Box<str>,
    /// When it ended; none while it goes on.
    pub finished: Option<UnixTime>,
    /// How long its job ran, in seconds; for one without a job, how long it took since it was made.
    pub duration: Option<f64>,
}

impl Deployment {
    /// Reads a body of `projects/:id/deployments`.
    ///
    /// # Errors
    /// If it is no deployment with an id, a status, an environment and the time of its last change.
    pub fn from_rest(body: &Json) -> Result<Deployment, NotUnderstood> {
        let read = || {
            let status = body["status"].as_str()?;
            let updated = body["updated_at"].as_str()?;
            let job = &body["deployable"];
            let ended = matches!(status, "success" | "failed" | "canceled");
            let times = [
                &body["finished_at"],
                &job["finished_at"],
                &body["updated_at"],
            ];
            let finished = times.into_iter().find_map(moment).filter(|_| ended);
            let ran = Kind::Seconds.read(&job["duration"]).value();
            let since_made = || Some(finished?.saturating_sub(moment(&body["created_at"])?) as f64);
            Some(Deployment {
                id: body["id"].as_u64()?,
                status: status.into(),
                environment: body["environment"]["id"].as_u64()?,
                environment_name: body["environment"]["name"].as_str()?.into(),
                updated: updated.into(),
                finished,
                duration: if job.is_object() { ran } else { since_made() },
            })
        };
        read().ok_or(NotUnderstood(
            "a deployment that lacks its id, status or environment",
        ))
    }

    /// When it was last changed.
    pub fn changed(&self) -> Option<UnixTime> {
        moment(&Json::from(&*self.updated))
    }
}

/// How far the deployments of a project have been read, and which of them were counted.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CountedDeployments {
    /// What ended before is not counted. All times are GitLab's own.
    pub since: UnixTime,
    /// All that changed before has been read.
    pub watermark: UnixTime,
    /// What was counted, by id and status, as long as a walk may show it again.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    counted: BTreeSet<(UnixTime, u64, Box<str>)>,
    /// Deployments that had not ended when they were last read.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    open: BTreeSet<u64>,
}

/// How far back a walk looks beyond the watermark: GitLab's own workers end a deployment a while after
/// its job.
const OVERLAP: UnixTime = 300;
/// No more deployments that go on are remembered; one that is blocked may rest for ever.
const MOST_OPEN: usize = 100;

impl CountedDeployments {
    pub fn beginning(since: UnixTime) -> CountedDeployments {
        CountedDeployments {
            since,
            watermark: since,
            ..CountedDeployments::default()
        }
    }

    /// Since when changes are to be asked for.
    pub fn asks_since(&self) -> UnixTime {
        self.watermark.saturating_sub(OVERLAP)
    }

    /// Takes in a deployment. True if it has ended and was not counted before.
    pub fn take(&mut self, deployment: &Deployment) -> bool {
        let Some(at) = deployment.finished else {
            self.open.insert(deployment.id);
            if self.open.len() > MOST_OPEN {
                self.open.pop_first();
            }
            return false;
        };
        let floor = self.asks_since().max(self.since);
        // What was seen to go on has ended since, whatever clock GitLab writes its times by.
        let ran = self.open.remove(&deployment.id);
        let mut counted = self.counted.iter();
        let known =
            counted.any(|(_, id, status)| *id == deployment.id && **status == *deployment.status);
        if known || !ran && at < floor {
            return false;
        }
        let status = deployment.status.clone();
        self.counted.insert((at.max(floor), deployment.id, status))
    }

    /// Notes that a walk has come to its end, which began when GitLab's clock showed `at`.
    pub fn complete(&mut self, at: UnixTime) {
        self.watermark = self.watermark.max(at);
        let floor = self.asks_since();
        self.counted.retain(|(ended, ..)| *ended >= floor);
    }

    /// Whether a deployment goes on, as far as is known.
    pub fn has_open(&self) -> bool {
        !self.open.is_empty()
    }
}

/// When the merge requests of a list were merged, over REST.
///
/// # Errors
/// If it is no list.
pub fn merged_at(list: &Json) -> Result<Vec<UnixTime>, NotUnderstood> {
    let list = list
        .as_array()
        .ok_or(NotUnderstood("merge requests that are no list"))?;
    Ok(list
        .iter()
        .filter_map(|merge_request| moment(&merge_request["merged_at"]))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment(id: u64, status: &str, finished: UnixTime) -> Deployment {
        let ended = ["success", "failed", "canceled"].contains(&status);
        Deployment {
            id,
            status: status.into(),
            environment: 1,
            environment_name: "production".into(),
            updated: "2026-11-26T10:00:00.5Z".into(),
            finished: ended.then_some(finished),
            duration: None,
        }
    }

    #[test]
    fn a_deployment_ends_when_its_job_does() {
        let mut body = json!({
            "id": 7, "status": "success", "created_at": "2026-11-26T10:00:00Z", "updated_at": "2026-11-26T10:05:03.4Z",
            "environment": {"id": 3, "name": "production"},
            "deployable": {"finished_at": "2026-11-26T10:05:00.9Z", "duration": 42.5},
        });
        let read = Deployment::from_rest(&body).unwrap();
        let at = |text: &str| moment(&json!(text));
        assert_eq!(read.finished, at("2026-11-26T10:05:00Z"));
        assert_eq!(read.duration, Some(42.5));
        body["deployable"] = json!(null);
        let by_api = Deployment::from_rest(&body).unwrap();
        assert_eq!(by_api.finished, at("2026-11-26T10:05:03Z"));
        assert_eq!(by_api.duration, Some(303.0));
        body["status"] = json!("running");
        assert_eq!(Deployment::from_rest(&body).unwrap().finished, None);
        body["environment"] = json!(null);
        assert!(Deployment::from_rest(&body).is_err());
    }

    #[test]
    fn each_end_is_counted_once_and_an_old_one_not_at_all() {
        let mut counted = CountedDeployments::beginning(1_000);
        assert!(
            !counted.take(&deployment(1, "success", 999)),
            "before counting began"
        );
        assert!(counted.take(&deployment(2, "failed", 1_100)));
        assert!(
            !counted.take(&deployment(2, "failed", 1_100)),
            "the overlap shows it again"
        );
        assert!(
            counted.take(&deployment(2, "success", 1_150)),
            "it ended again, and otherwise"
        );
        counted.complete(2_000);
        assert!(
            !counted.take(&deployment(2, "success", 1_150)),
            "somebody touched an old one"
        );
        assert!(!counted.take(&deployment(3, "running", 0)));
        counted.complete(9_000);
        assert!(
            counted.take(&deployment(3, "success", 2_100)),
            "it was seen to run"
        );
        assert!(!counted.take(&deployment(3, "success", 2_100)));
    }

    #[test]
    fn a_walk_that_failed_is_repeated_from_where_it_began() {
        let mut counted = CountedDeployments::beginning(1_000);
        assert!(counted.take(&deployment(1, "success", 1_200)));
        assert_eq!(counted.asks_since(), 700);
        let kept = serde_json::to_string(&counted).unwrap();
        let mut counted: CountedDeployments = serde_json::from_str(&kept).unwrap();
        assert!(!counted.take(&deployment(1, "success", 1_200)));
        counted.complete(1_300);
        assert_eq!(counted.asks_since(), 1_000);
    }
}
