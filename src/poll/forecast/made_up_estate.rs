//! Groups and runners of a made-up GitLab, and what else is asked of it in queries of their own.

use std::time::Duration;

use serde_json::{Value, json};

use super::made_up_ci::deploys;
use crate::gitlab::Answer;
use crate::poll::engine::{ListPage, NextPage, Position};

/// How many rows a page has.
const PAGE: usize = 100;

/// What lies beside the projects.
#[derive(Clone, Copy, Debug)]
pub(super) struct Estate {
    pub(super) groups: usize,
    pub(super) runners: usize,
}

impl Estate {
    /// What is answered to a query of its own.
    pub(super) fn answer(&self, document: &str, variables: &Value, took: Duration) -> Answer {
        let name = document.strip_prefix("query ").unwrap_or_default();
        let name = name.split(['(', ' ', '{']).next().unwrap_or_default();
        let place = variables["after"].as_str().map_or(0, place);
        let data = match name {
            // Who may see none is told nothing.
            "Runners" if self.runners == 0 => json!({ "group": null, "runners": null }),
            // Who may see none is told nothing.
            "Runners" if self.runners == 0 => json!({ "group": null, "runners": null }),
            "Runners" if variables["path"].is_string() => {
                json!({ "group": { "id": gid("Group", 1), "runners": self.runners(place) } })
            }
            "Runners" => json!({ "runners": self.runners(place) }),
            "Groups" => self.told_groups(variables, place),
            "GroupsOfIds" => groups_of_ids(variables),
            "Environments" => environments(variables),
            "QueueOfProjects" => json!({ "projects": { "nodes": [] } }),
            // An administrator is told of a queue in which nothing waits.
            "Queue" => json!({
                "any": { "nodes": [{ "id": gid("Ci::Build", 1) }] },
                "pending": page(Vec::new(), None),
            }),
            _ => json!({}),
        };
        Answer {
            data,
            errors: Vec::new(),
            took,
            date: None,
        }
    }

    /// A page of a list over REST that is read to its end.
    pub(super) fn list(&self, path: &str) -> ListPage {
        let (first, place) = match path.split_once("&place=") {
            Some((first, at)) => (first, place(at)),
            None => (path, 0),
        };
        let (all, row): (usize, fn(usize) -> Value) = if first.contains("runners") {
            (self.runners, |id| runner(json!(id)))
        } else if first.contains("descendant_groups") {
            (self.groups.saturating_sub(1), |id| {
                let path = format!("group-{}", id + 1);
                json!({ "id": id + 1, "full_path": path, "visibility": "private" })
            })
        } else {
            (0, |_| Value::Null)
        };
        let end = all.min(place + PAGE);
        let next = Position::Path(format!("{first}&place={end}"));
        ListPage {
            rows: (place + 1..=end).map(row).collect(),
            next: if end < all {
                NextPage::At(next)
            } else {
                NextPage::End
            },
            total: Some(all as u64),
        }
    }

    fn runners(&self, place: usize) -> Value {
        let end = self.runners.min(place + PAGE);
        let rows = (place + 1..=end).map(|id| runner(gid("Ci::Runner", id)));
        page(rows.collect(), (end < self.runners).then_some(end))
    }

    /// Groups by their paths, or one with a page of those below it.
    fn told_groups(&self, variables: &Value, place: usize) -> Value {
        if let Some(path) = variables["path"].as_str() {
            let all = self.groups.saturating_sub(1);
            let end = all.min(place + PAGE);
            let rows = (place + 1..=end).map(|id| group(&format!("{path}/{id}"), 1_000 + id));
            let mut told = group(path, 1);
            told["descendantGroups"] = page(rows.collect(), (end < all).then_some(end));
            return json!({ "group": told });
        }
        let paths = variables.as_object().into_iter().flatten();
        let told = paths.map(|(name, path)| {
            let (alias, path) = (name.replace('p', "g"), path.as_str().unwrap_or_default());
            (alias, group(path, id_of_group(path)))
        });
        Value::Object(told.collect())
    }
}

/// A group over REST, by its path.
pub(super) fn group_over_rest(key: &str) -> Value {
    let id = id_of_group(key);
    json!({ "id": id, "full_path": key, "visibility": "private" })
}

fn id_of_group(path: &str) -> usize {
    let digits = path.rsplit(|letter: char| !letter.is_ascii_digit()).next();
    digits.and_then(|id| id.parse().ok()).unwrap_or(1)
}

fn group(path: &str, id: usize) -> Value {
    json!({ "id": gid("Group", id), "fullPath": path, "visibility": "private" })
}

fn runner(id: Value) -> Value {
    json!({ "id": id, "status": "online", "runnerType": "group_type", "paused": false })
}

/// Groups by their ids.
fn groups_of_ids(variables: &Value) -> Value {
    let ids = variables["ids"].as_array().into_iter().flatten();
    let ids = ids.filter_map(|id| id.as_str()?.rsplit('/').next()?.parse().ok());
    let nodes: Vec<Value> = ids.map(|id| group(&format!("group-{id}"), id)).collect();
    json!({ "groups": { "nodes": nodes } })
}

/// The environments of projects, of which some deploy to the first that is asked for.
fn environments(variables: &Value) -> Value {
    let ids = variables["ids"].as_array().into_iter().flatten();
    let node = |id: &Value| {
        let number = id
            .as_str()
            .and_then(|id| id.rsplit('/').next()?.parse().ok());
        match number.is_some_and(deploys) {
            true => json!({ "id": id, "environment0": deployed(variables) }),
            false => json!({ "id": id }),
        }
    };
    let nodes: Vec<Value> = ids.map(node).collect();
    json!({ "projects": { "nodes": nodes } })
}

/// An environment with a deployment of a branch.
fn deployed(variables: &Value) -> Value {
    json!({
        "id": gid("Environment", 1), "name": variables["name0"], "state": "available", "tier": "PRODUCTION",
        "success": {
            "id": gid("Deployment", 1), "ref": "main", "tag": false, "sha": "0123456789abcdef",
            "createdAt": "2026-11-26T10:00:00Z",
        },
    })
}

fn page(nodes: Vec<Value>, next: Option<usize>) -> Value {
    let cursor = next.map(|place| place.to_string());
    json!({ "nodes": nodes, "pageInfo": { "hasNextPage": next.is_some(), "endCursor": cursor } })
}

fn gid(kind: &str, id: usize) -> Value {
    format!("gid://gitlab/{kind}/{id}").into()
}

fn place(cursor: &str) -> usize {
    cursor.parse().unwrap_or_default()
}
