//! What CI does in made-up projects: each pipeline runs for a while, and in some projects it deploys.

use serde_json::{Value, json};

use crate::metrics::{Api, PlacedFeed, Record, UnixTime};
use crate::poll::engine::FeedPage;
use crate::poll::plan::{FeedDepth, timestamp};

/// How long a pipeline runs, in seconds.
const TAKES: u64 = 300;
/// The share of projects that deploy, in tenths.
const DEPLOYS: u64 = 3;

/// The last pipeline of a project.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pipeline {
    began: UnixTime,
    now: UnixTime,
}

impl Pipeline {
    pub(super) fn of(began: UnixTime, now: UnixTime) -> Pipeline {
        Pipeline { began, now }
    }

    /// No two of a project begin at one time.
    pub(super) fn id(self) -> u64 {
        self.began
    }

    pub(super) fn status(self) -> &'static str {
        match self.ended() {
            Some(_) => "success",
            None => "running",
        }
    }

    fn ended(self) -> Option<UnixTime> {
        Some(self.began + TAKES).filter(|ended| *ended <= self.now)
    }

    /// When its row changed last.
    pub(super) fn changed(self) -> UnixTime {
        self.ended().unwrap_or(self.began)
    }

    /// As either API tells it.
    fn told(self, api: Api) -> Value {
        let ended = self.ended().map(timestamp);
        let took = ended.as_ref().map(|_| TAKES);
        let (began, changed) = (timestamp(self.began), timestamp(self.changed()));
        match api {
            Api::Graphql => json!({
                "id": format!("gid://gitlab/Ci::Pipeline/{}", self.id()),
                "iid": self.id().to_string(), "status": self.status().to_ascii_uppercase(),
                "ref": "main", "refPath": "refs/heads/main", "source": "push",
                "createdAt": began, "startedAt": began, "finishedAt": ended, "updatedAt": changed,
                "duration": took, "totalJobs": 20,
            }),
            Api::Rest => json!({
                "id": self.id(), "iid": self.id(), "status": self.status(), "ref": "main",
                "source": "push", "tag": false, "created_at": began, "started_at": began, "finished_at": ended,
                "updated_at": changed, "duration": took,
            }),
        }
    }

    /// What a feed tells.
    pub(super) fn in_feed(self, placed: &PlacedFeed, depth: FeedDepth) -> FeedPage {
        let is_told = depth.since().is_none_or(|since| self.changed() >= since);
        let is_told = is_told && !placed.feed.of_children;
        let things = match placed.subject.name {
            _ if !is_told || matches!(depth, FeedDepth::Glance { .. }) => Vec::new(),
            "pipelines" => {
                let told = json!([self.told(Api::Graphql)]);
                Record::read_all(&told, placed, Api::Graphql, self.now).unwrap_or_default()
            }
            _ => vec![Record::resting(self.id(), self.changed())],
        };
        FeedPage {
            things,
            told: usize::from(is_told),
            next: None,
        }
    }

    /// What REST tells of a project below a path, such as `pipelines?updated_after=…`.
    pub(super) fn over_rest(self, project: u64, below: &str) -> Value {
        let (path, query) = below.split_once('?').unwrap_or((below, ""));
        let is_told = since(query).is_none_or(|since| self.changed() >= since);
        let deploys = deploys(project);
        let words: Vec<&str> = path.split('/').collect();
        match words[..] {
            ["pipelines"] if is_told => json!([self.told(Api::Rest)]),
            ["pipelines", id] if id.parse() == Ok(self.id()) => self.told(Api::Rest),
            // The first one of an environment, or its last.
            ["deployments"] if query.contains("status=") || query.contains("environment=") => {
                json!([self.deployment(1)])
            }
            ["deployments"] if deploys && is_told && self.ended().is_some() => {
                json!([self.deployment(self.id())])
            }
            ["environments", _] => json!({ "tier": "production" }),
            ["environments"] if deploys => {
                let name = query.strip_prefix("name=").unwrap_or_default();
                json!([{ "id": 1, "name": name, "tier": "production", "state": "available" }])
            }
            _ => json!([]),
        }
    }

    fn deployment(self, id: u64) -> Value {
        let ended = timestamp(self.changed());
        json!({
            "id": id, "status": "success", "created_at": timestamp(self.began), "ref": "main", "sha": "0123456789abcdef",
            "updated_at": ended, "finished_at": ended,
            "environment": { "id": 1, "name": "production" },
        })
    }
}

/// Whether a project deploys.
pub(super) fn deploys(project: u64) -> bool {
    project % 10 < DEPLOYS
}

/// Since when changes are asked for.
fn since(query: &str) -> Option<UnixTime> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    let (_, at) = pairs.find(|(name, _)| *name == "updated_after")?;
    let at: jiff::Timestamp = at.replace("%3A", ":").parse().ok()?;
    Some(at.as_second().unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_changes_when_it_begins_and_when_it_ends() {
        let changed = |now| Pipeline::of(1_000, now).changed();
        assert_eq!([changed(1_000), changed(1_299)], [1_000; 2]);
        assert_eq!([changed(1_300), changed(9_000)], [1_300; 2]);
    }

    #[test]
    fn a_list_of_changes_shows_what_changed_since() {
        let pipeline = Pipeline::of(1_000, 2_000);
        let list = |since| {
            let since = timestamp(since).replace(':', "%3A");
            pipeline.over_rest(7, &format!("pipelines?updated_after={since}&sort=asc"))
        };
        assert_eq!(list(1_300).as_array().unwrap().len(), 1);
        assert_eq!(list(1_301), json!([]));
        assert_eq!(pipeline.over_rest(7, "pipelines/1000")["status"], "success");
    }
}
