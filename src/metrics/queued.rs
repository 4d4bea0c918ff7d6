//! Jobs that wait for a runner, as GitLab tells them, and how many there are by their tags.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value as Json;

use super::time::moment;
use super::{Kind, Limit, NotUnderstood, PlacedTable, Row, TableReading, UnixTime};

/// A job that waits for a runner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedJob {
    pub id: u64,
    /// Its tags, sorted and joined with commas.
    pub tags: String,
    pub since: Option<UnixTime>,
}

impl QueuedJob {
    /// Reads a node of GraphQL.
    ///
    /// # Errors
    /// If it is no job with an id.
    pub fn from_graphql(node: &Json) -> Result<QueuedJob, NotUnderstood> {
        let id = node["id"].as_str().and_then(|gid| gid.rsplit('/').next());
        let id = id
            .and_then(|id| id.parse().ok())
            .ok_or(NotUnderstood("a job without an id"))?;
        Ok(QueuedJob {
            id,
            tags: joined(&node["tags"]),
            since: moment(&node["queuedAt"]),
        })
    }

    /// Reads a body of REST, told when GitLab's clock showed `now`: it tells how long a job has waited.
    ///
    /// # Errors
    /// If it is no job with an id.
    pub fn from_rest(body: &Json, now: UnixTime) -> Result<QueuedJob, NotUnderstood> {
        let waits = Kind::Seconds.read(&body["queued_duration"]).value();
        let since = waits.map(|waits| now.saturating_sub(waits.ceil() as u64));
        Ok(QueuedJob {
            id: body["id"]
                .as_u64()
                .ok_or(NotUnderstood("a job without an id"))?,
            tags: joined(&body["tag_list"]),
            since: since.or_else(|| moment(&body["created_at"])),
        })
    }
}

fn joined(tags: &Json) -> String {
    let mut tags: Vec<&str> = tags
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Json::as_str)
        .collect();
    tags.sort_unstable();
    tags.join(",")
}

impl PlacedTable {
    /// The rows of these jobs by their tags; the fewest jobs give way where there are too many.
    pub fn of_queue(&self, jobs: &[QueuedJob], at_most: usize, now: UnixTime) -> TableReading {
        let mut by_tags: BTreeMap<&str, (u64, Option<UnixTime>)> = BTreeMap::new();
        for job in jobs {
            let (count, oldest) = by_tags.entry(&job.tags).or_default();
            *count += 1;
            *oldest = [*oldest, job.since].into_iter().flatten().min();
        }
        let mut all: Vec<_> = by_tags.into_iter().collect();
        all.sort_by_key(|(_, (count, _))| std::cmp::Reverse(*count));
        let rows = all
            .iter()
            .enumerate()
            .map(|(place, (tags, (count, oldest)))| {
                let label = |_: &str| -> Arc<str> { (*tags).into() };
                let value = |name: &str| match name {
                    "jobs" => Some(*count as f64),
                    _ => oldest.map(|at| at as f64),
                };
                // The largest keys stay where there are too many.
                self.row(u64::MAX - place as u64, label, value, now)
            });
        let rows: Vec<Row> = rows.collect();
        self.replaced(
            None,
            "",
            |_| String::new(),
            rows,
            Limit::of_rows(at_most),
            now,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Catalogue, Grain};
    use serde_json::json;

    #[test]
    fn jobs_are_counted_by_their_tags_in_any_order() {
        let mut tables = Catalogue::standard().tables(Grain::Instance).iter();
        let table = tables.find(|table| table.subject.name == "queue").unwrap();
        let job = |id: u64, tags: &[&str], at: &str| {
            let gid = format!("gid://gitlab/Ci::Build/{id}");
            QueuedJob::from_graphql(&json!({"id": gid, "tags": tags, "queuedAt": at})).unwrap()
        };
        let jobs = [
            job(1, &["linux", "docker"], "2026-11-26T10:00:09Z"),
            job(2, &["docker", "linux"], "2026-11-26T10:00:00Z"),
            job(3, &[], "2026-11-26T10:00:05Z"),
        ];
        let rows = table.of_queue(&jobs, 10, 9);
        let rows = rows.known().unwrap();
        let shown: Vec<_> = (0..rows.rows())
            .map(|row| {
                (
                    rows.labels_of(row)[0].to_string(),
                    rows.values_of(row)[0].value(),
                    rows.values_of(row)[1].value(),
                )
            })
            .collect();
        let at = |text: &str| moment(&json!(text)).map(|at| at as f64);
        assert_eq!(
            shown,
            [
                (String::new(), Some(1.0), at("2026-11-26T10:00:05Z")),
                (
                    "docker,linux".to_owned(),
                    Some(2.0),
                    at("2026-11-26T10:00:00Z")
                ),
            ]
        );
        let few = table.of_queue(&jobs, 1, 9);
        assert_eq!(
            (
                few.known().unwrap().rows(),
                few.known().unwrap().given_way.len()
            ),
            (1, 1)
        );
    }

    #[test]
    fn over_rest_how_long_a_job_has_waited_tells_since_when() {
        let body = json!({"id": 7, "tag_list": ["b", "a"], "queued_duration": 30.4});
        let job = QueuedJob::from_rest(&body, 1_000).unwrap();
        assert_eq!((job.tags.as_str(), job.since), ("a,b", Some(969)));
    }
}
