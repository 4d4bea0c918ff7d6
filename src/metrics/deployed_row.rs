//! The row of an environment with its latest deployment.

use std::sync::Arc;

use super::{Behind, Environment, LatestDeployment, PlacedTable, Row, UnixTime};

impl PlacedTable {
    /// The row of an environment with its latest deployment, and how far that is behind, where it is known.
    pub fn row_of_deployed(
        &self,
        environment: &Environment,
        behind: Option<&Behind>,
        now: UnixTime,
    ) -> Row {
        let none = || Arc::from("");
        let latest = environment.latest.as_ref();
        let of_latest = |text: fn(&LatestDeployment) -> Arc<str>| latest.map_or_else(none, text);
        let label = |name: &str| -> Arc<str> {
            match name {
                "environment" => Arc::clone(&environment.name),
                "environment_id" => environment.id.to_string().into(),
                "available" => (*environment.state == *"available").to_string().into(),
                "ref" => of_latest(|own| Arc::clone(&own.of)),
                "kind" => of_latest(|own| own.kind.into()),
                "status" => of_latest(|own| Arc::clone(&own.status)),
                "current_commit_short_id" => of_latest(LatestDeployment::short),
                "latest_commit_short_id" => match (behind.map(|own| &own.newest), latest) {
                    (Some(Some((newest, _))), _) => Arc::clone(newest),
                    (_, Some(latest)) if latest.stands_still().is_some() => latest.short(),
                    _ => none(),
                },
                _ => none(),
            }
        };
        let value = |name: &str| match name {
            "job_id" => latest?.job_id.map(|id| id as f64),
            "created" => latest?.created.map(|at| at as f64),
            "duration" => latest?.duration,
            "behind_commits" => behind?.commits.map(|commits| commits as f64),
            "behind" => {
                let newest = match (&behind?.newest, latest?.stands_still()) {
                    (Some((_, made)), _) => *made,
                    (None, Some(_)) => 0,
                    (None, None) => return None,
                };
                Some(newest.saturating_sub(latest?.created?) as f64)
            }
            _ => None,
        };
        self.row(environment.id, label, value, now)
    }
}
