//! The groups and projects that are meant: by full path, id or name, with what was probably meant.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use serde_json::Value;
use tokio::time::Instant;
use url::form_urlencoded::byte_serialize;

use super::questions::say;
use crate::gitlab::{Client, Error};
use crate::metrics::{nearest, nearest_path};

/// How long GitLab may take for one answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// What the full path is called in GitLab's answers.
const GROUP: &str = "full_path";
const PROJECT: &str = "path_with_namespace";
/// More groups are not offered.
const OFFERED: usize = 10;

/// The full path of the group that is meant.
///
/// # Errors
/// If there is none, or several are called so; says which.
pub async fn find(client: &Client, asked: &str) -> Result<String> {
    let asked = asked.trim().trim_matches('/');
    let encoded: String = byte_serialize(asked.as_bytes()).collect();
    let encoded = encoded.replace('+', "%20");
    let one = client
        .get(&format!("groups/{encoded}?with_projects=false"), deadline())
        .await;
    match one {
        Ok(document) => match document.body[GROUP].as_str() {
            Some(path) => return Ok(path.to_owned()),
            None => bail!("the group {asked} has no full path in GitLab's answer"),
        },
        Err(Error::NotFound { .. }) => {}
        Err(error) => return Err(told(client, &error)),
    }
    // GitLab searches names, and the last part of paths.
    let name = asked.rsplit('/').next().unwrap_or(asked);
    let name: String = byte_serialize(name.as_bytes()).collect();
    let found = paths(client, &format!("groups?per_page=100&search={name}"), GROUP).await?;
    match &found[..] {
        [path] if !asked.contains('/') => {
            say(&format!("{asked} is the group {path}."));
            Ok(path.clone())
        }
        [] => {
            let all = paths(client, "groups?per_page=100", GROUP).await?;
            Err(none(asked, &all))
        }
        several => Err(several_of(asked, several)),
    }
}

/// The full path of a project, by its id or full path.
///
/// # Errors
/// If the token's user sees none; says which was probably meant.
pub async fn find_project(client: &Client, asked: &str) -> Result<String> {
    let encoded: String = byte_serialize(asked.as_bytes()).collect();
    match client.get(&format!("projects/{encoded}"), deadline()).await {
        Ok(document) => match document.body[PROJECT].as_str() {
            Some(path) => Ok(path.to_owned()),
            None => bail!("the project {asked} has no full path in GitLab's answer"),
        },
        Err(Error::NotFound { .. }) => {
            let name = asked.rsplit('/').next().unwrap_or(asked);
            let name: String = byte_serialize(name.as_bytes()).collect();
            let list = format!("projects?simple=true&per_page=100&search={name}");
            let found = paths(client, &list, PROJECT).await?;
            let hint = match nearest(asked, found.iter().map(String::as_str)) {
                Some(near) => format!("did you mean {near}?"),
                None => "name it by its full path or its id".to_owned(),
            };
            Err(anyhow!(
                "GitLab has no project {asked} that the token's user may see: {hint}"
            ))
        }
        Err(error) => Err(told(client, &error)),
    }
}

fn deadline() -> Instant {
    Instant::now() + PATIENCE
}

fn told(client: &Client, error: &Error) -> anyhow::Error {
    anyhow!("{}: {}", client.url(), error.with_advice())
}

/// The full paths on a list.
async fn paths(client: &Client, list: &str, member: &str) -> Result<Vec<String>> {
    let answer = client.get(list, deadline()).await;
    let answer = answer.map_err(|error| told(client, &error))?;
    let all = answer.body.as_array().into_iter().flatten();
    let paths = all.filter_map(|one: &Value| one[member].as_str());
    Ok(paths.map(str::to_owned).collect())
}

fn none(asked: &str, all: &[String]) -> anyhow::Error {
    let names: Vec<&str> = all.iter().map(String::as_str).collect();
    let hint = match nearest_path(asked, &names) {
        Some(near) => format!("did you mean {near}?"),
        None if all.is_empty() => "the token's user sees no group at all".to_owned(),
        None => format!("the token's user sees {}", offered(all)),
    };
    anyhow!("GitLab has no group {asked} that the token's user may see: {hint}")
}

fn several_of(asked: &str, several: &[String]) -> anyhow::Error {
    match several {
        [one] => anyhow!("GitLab has no group {asked}: did you mean {one}?"),
        several => anyhow!(
            "which group {asked} is meant? Write the full path of one of {}",
            offered(several)
        ),
    }
}

fn offered(paths: &[String]) -> String {
    let shown: Vec<&str> = paths.iter().take(OFFERED).map(String::as_str).collect();
    match paths.len() > OFFERED {
        true => format!("{}, and others", shown.join(", ")),
        false => shown.join(", "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_probably_meant_is_told_by_path_or_by_the_last_part_of_it() {
        let all = ["platform", "platform/website", "tools/ci"].map(str::to_owned);
        for (asked, says) in [
            ("platfrom", "did you mean platform?"),
            ("websiet", "did you mean platform/website?"),
            (
                "qqqqqqq",
                "the token's user sees platform, platform/website, tools/ci",
            ),
        ] {
            let error = none(asked, &all).to_string();
            assert!(error.ends_with(says), "{error}");
        }
    }
}
