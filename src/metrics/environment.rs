//! An environment as GitLab tells it, with the last deployment of each status.

use std::sync::Arc;

use serde_json::Value as Json;

use super::time::moment;
use super::{Deployment, Kind, LatestDeployment, NotUnderstood, PlacedTable, Row, UnixTime};

/// How a deployment ends, in GitLab's words.
pub const DEPLOYMENT_ENDS: [&str; 3] = ["success", "failed", "canceled"];

/// What is asked of an environment over GraphQL. A status of each is an alias of its own.
pub const ENVIRONMENT_FIELDS: &str = "id name state tier \
    success: lastDeployment(status: SUCCESS) { createdAt finishedAt job { duration } } \
    failed: lastDeployment(status: FAILED) { createdAt finishedAt } \
    canceled: lastDeployment(status: CANCELED) { createdAt finishedAt }";

/// What is asked of an environment where its latest deployment is shown too, whatever became of that.
pub const DEPLOYED_FIELDS: &str = "id name state tier \
    success: lastDeployment(status: SUCCESS) { id ref tag sha createdAt finishedAt job { id duration } } \
    failed: lastDeployment(status: FAILED) { id ref tag sha createdAt finishedAt job { id duration } } \
    canceled: lastDeployment(status: CANCELED) { id ref tag sha createdAt finishedAt job { id duration } } \
    running: lastDeployment(status: RUNNING) { id ref tag sha createdAt finishedAt job { id } }";

/// An environment.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Environment {
    pub id: u64,
    pub name: Arc<str>,
    pub state: Arc<str>,
    pub tier: Arc<str>,
    /// When the last deployment of each of [`DEPLOYMENT_ENDS`] ended.
    pub ended: [Option<UnixTime>; DEPLOYMENT_ENDS.len()],
    /// How long the last successful one took, in seconds.
    pub duration: Option<f64>,
    /// The latest deployment of any status, where it was asked for and there is one.
    pub latest: Option<LatestDeployment>,
}

impl Environment {
    /// Reads an `Environment` node of GraphQL.
    ///
    /// # Errors
    /// If it is no environment with an id and a name.
    pub fn from_graphql(node: &Json) -> Result<Environment, NotUnderstood> {
        let id = node["id"].as_str().and_then(|gid| gid.rsplit('/').next());
        let own = Environment::read(id.and_then(|id| id.parse().ok()), node)?;
        let ended = DEPLOYMENT_ENDS.map(|status| moment(&node[status]["finishedAt"]));
        let ran = Kind::Seconds
            .read(&node["success"]["job"]["duration"])
            .value();
        let since_made =
            || Some(ended[0]?.saturating_sub(moment(&node["success"]["createdAt"])?) as f64);
        let has_job = node["success"]["job"].is_object();
        Ok(Environment {
            ended,
            duration: if has_job { ran } else { since_made() },
            latest: LatestDeployment::from_graphql(node),
            ..own
        })
    }

    /// Reads a row of `projects/:id/environments`, which tells no deployments.
    ///
    /// # Errors
    /// If it is no environment with an id and a name.
    pub fn from_rest(body: &Json) -> Result<Environment, NotUnderstood> {
        Environment::read(body["id"].as_u64(), body)
    }

    /// Takes in the last deployment of a status, over REST.
    pub fn take(&mut self, status: &str, deployment: &Deployment) {
        let place = DEPLOYMENT_ENDS.iter().position(|end| *end == status);
        if let Some(place) = place {
            self.ended[place] = deployment.finished;
        }
        if status == "success" {
            self.duration = deployment.duration;
        }
    }

    fn read(id: Option<u64>, of: &Json) -> Result<Environment, NotUnderstood> {
        let text = |name: &str| -> Arc<str> { of[name].as_str().unwrap_or_default().into() };
        let lower = |name: &str| -> Arc<str> { text(name).to_ascii_lowercase().into() };
        let name = text("name");
        match id {
            Some(id) if !name.is_empty() => Ok(Environment {
                id,
                name,
                state: lower("state"),
                tier: lower("tier"),
                ..Environment::default()
            }),
            _ => Err(NotUnderstood("an environment without an id or a name")),
        }
    }
}

/// An environment has a key for itself, and one for each end of deployments.
const KEYS: u64 = 4;

impl Environment {
    /// The id of the environment that a row with this key belongs to.
    pub fn id_of_row(key: u64) -> u64 {
        key / KEYS
    }
}

impl PlacedTable {
    /// The rows of an environment: one for itself, and one for each status of deployments.
    pub fn rows_of_environment(&self, environment: &Environment, now: UnixTime) -> Vec<Row> {
        let label = |status: &'static str| {
            move |name: &str| -> Arc<str> {
                match name {
                    "environment" => Arc::clone(&environment.name),
                    "tier" => Arc::clone(&environment.tier),
                    "state" => Arc::clone(&environment.state),
                    "status" => status.into(),
                    _ => "".into(),
                }
            }
        };
        let key = |place: usize| environment.id * KEYS + place as u64;
        let own = |name: &str| match name {
            "exists" => Some(1.0),
            "duration" => environment.duration,
            _ => None,
        };
        let mut rows = vec![self.row(key(0), label(""), own, now)];
        for (place, (status, ended)) in DEPLOYMENT_ENDS.iter().zip(environment.ended).enumerate() {
            if let Some(ended) = ended {
                let value = |name: &str| (name == "ended").then_some(ended as f64);
                rows.push(self.row(key(place + 1), label(status), value, now));
            }
        }
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_apis_tell_the_same_environment() {
        let node = json!({
            "id": "gid://gitlab/Environment/3", "name": "production", "state": "available", "tier": "PRODUCTION",
            "success": {
                "createdAt": "2026-11-26T10:00:00Z", "finishedAt": "2026-11-26T10:05:00Z", "job": {"duration": 42},
            },
            "failed": null, "canceled": null,
        });
        let mut over_rest = Environment::from_rest(&json!({
            "id": 3, "name": "production", "state": "available", "tier": "production",
        }))
        .unwrap();
        let deployment = Deployment::from_rest(&json!({
            "id": 9, "status": "success", "updated_at": "2026-11-26T10:05:01Z",
            "environment": {"id": 3, "name": "production"},
            "deployable": {"finished_at": "2026-11-26T10:05:00Z", "duration": 42.0},
        }));
        over_rest.take("success", &deployment.unwrap());
        let environment = Environment::from_graphql(&node).unwrap();
        assert_eq!(environment, over_rest);
        assert_eq!(environment.ended[1], None);
        assert!(Environment::from_graphql(&json!({"id": "gid://gitlab/Environment/3"})).is_err());
    }
}
