//! Reads the arguments of GraphQL's lists of projects.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::answer::Answer;
use super::execution::Trouble;
use super::listing::{Archived, Filter, Order};
use super::plan::Step;

/// How many paths `projects(fullPaths:)` takes.
const MAX_FULL_PATHS: usize = 50;

pub(super) fn projects_filter(arguments: &Map<String, Value>) -> Result<Filter, Trouble> {
    let flag = |name: &str| arguments.get(name).and_then(Value::as_bool);
    let paths = arguments.get("fullPaths").and_then(texts);
    if paths
        .as_ref()
        .is_some_and(|paths| paths.len() > MAX_FULL_PATHS)
    {
        let message = format!("You cannot provide more than {MAX_FULL_PATHS} full_paths");
        return Err(Trouble::Field(message));
    }
    Ok(Filter {
        membership: flag("membership").unwrap_or(false),
        personal: flag("personal").unwrap_or(false),
        archived: match arguments.get("archived").and_then(Value::as_str) {
            Some("ONLY") => Archived::Only,
            Some("EXCLUDE") => Archived::Exclude,
            _ => Archived::Include,
        },
        marked_for_deletion: match (flag("aimedForDeletion"), flag("notAimedForDeletion")) {
            (Some(true), _) => Some(true),
            (_, Some(true)) => Some(false),
            _ => None,
        },
        active: flag("active"),
        ids: ids(arguments)?,
        paths: paths.map(|paths| paths.into_iter().collect()),
        search: arguments
            .get("search")
            .and_then(Value::as_str)
            .map(str::to_owned),
        with_issues_enabled: flag("withIssuesEnabled"),
        with_merge_requests_enabled: flag("withMergeRequestsEnabled"),
        ..Filter::default()
    })
}

pub(super) fn group_filter(path: &str, arguments: &Map<String, Value>) -> Result<Filter, Trouble> {
    let flag = |name: &str| arguments.get(name).and_then(Value::as_bool);
    let archived = match (flag("archivedOnly"), flag("includeArchived")) {
        (Some(true), _) => Archived::Only,
        (_, Some(false)) => Archived::Exclude,
        _ => Archived::Include,
    };
    Ok(Filter {
        archived,
        group: Some((path.to_owned(), flag("includeSubgroups").unwrap_or(false))),
        ..projects_filter(arguments)?
    })
}

/// The order of a list; `projects(sort:)` and `group.projects(sort:)` name it each in its own way.
pub(super) fn order(step: &Step<'_>) -> Result<Order, Trouble> {
    match step.text("sort") {
        None | Some("id_desc") => Ok(Order::IdDescending),
        Some("id_asc") => Ok(Order::IdAscending),
        Some("latest_activity_desc" | "ACTIVITY_DESC") => Ok(Order::ActivityDescending),
        Some(other) => {
            let message = format!("The model does not sort by '{other}'");
            Err(Trouble::Field(message))
        }
    }
}

fn ids(arguments: &Map<String, Value>) -> Result<Option<BTreeSet<u64>>, Trouble> {
    let Some(ids) = arguments.get("ids").and_then(texts) else {
        return Ok(None);
    };
    let number = |id: &String| {
        let number = id.strip_prefix("gid://gitlab/Project/")?;
        number.parse::<u64>().ok()
    };
    let parsed = ids.iter().map(|id| {
        number(id).ok_or_else(|| {
            let message = format!("\"{id}\" is not a valid GitLab ID.");
            Trouble::Request(Box::new(Answer::graphql_error(422, &message)))
        })
    });
    parsed.collect::<Result<_, _>>().map(Some)
}

fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::Array(items) => Some(
            items
                .iter()
                .map(|item| {
                    item.as_str()
                        .map_or_else(|| item.to_string(), str::to_owned)
                })
                .collect(),
        ),
        // GraphQL takes a single value for a list of one.
        Value::String(item) => Some(vec![item.clone()]),
        _ => None,
    }
}
