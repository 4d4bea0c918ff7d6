//! Whether the groups and projects that the configuration names are there, with what was probably meant.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use url::form_urlencoded::byte_serialize;

use super::findings::{Findings, problem};
use crate::gitlab::{Client, Error};
use crate::metrics::nearest_path;
use crate::poll::{Selection, group_not_found, project_not_found};

/// How long GitLab may take for one answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// More names than this are not asked for one by one: the poll tells of them too.
const MOST: usize = 20;

/// Tells of each name that is not there; returns what the poll will say of them.
pub async fn check_names(
    client: &Client,
    selection: &Selection,
    findings: &mut Findings,
) -> Vec<String> {
    let mut said = Vec::new();
    for name in selection.groups.iter().take(MOST) {
        if is_missing(
            client,
            &format!("groups/{}?with_projects=false", encoded(name)),
        )
        .await
        {
            let near = meant(client, "groups?per_page=100", "full_path", name).await;
            said.push(tell(group_not_found(name), near, "group", name, findings));
        }
    }
    for name in selection.projects.iter().take(MOST) {
        if is_missing(client, &format!("projects/{}", encoded(name))).await {
            let list = "projects?per_page=100&membership=true&simple=true";
            let near = meant(client, list, "path_with_namespace", name).await;
            said.push(tell(
                project_not_found(name),
                near,
                "project",
                name,
                findings,
            ));
        }
    }
    said
}

fn tell(
    text: String,
    near: Option<String>,
    kind: &'static str,
    name: &str,
    findings: &mut Findings,
) -> String {
    let (found, advice) = text.split_once(". ").unwrap_or((&text, ""));
    let found = match &near {
        Some(near) => format!("{found}: did you mean {near:?}?"),
        None => found.to_owned(),
    };
    let finding = problem("selection", found).advising(advice);
    findings.tell(finding.with(kind, name).with("did_you_mean", near));
    text
}

/// Whether GitLab itself says that there is nothing of that name.
async fn is_missing(client: &Client, path: &str) -> bool {
    let answer = client.get(path, Instant::now() + PATIENCE).await;
    matches!(answer, Err(Error::NotFound { .. }))
}

/// The name on a list that is nearly this one, as a whole or in its last part.
async fn meant(client: &Client, list: &str, key: &str, name: &str) -> Option<String> {
    let answer = client.get(list, Instant::now() + PATIENCE).await.ok()?;
    let all = answer.body.as_array()?.iter();
    let paths: Vec<&str> = all.filter_map(|one: &Value| one[key].as_str()).collect();
    nearest_path(name, &paths).map(str::to_owned)
}

fn encoded(name: &str) -> String {
    let encoded: String = byte_serialize(name.as_bytes()).collect();
    encoded.replace('+', "%20")
}
