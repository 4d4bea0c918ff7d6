//! GraphQL answers composed from recorded REST bodies: the same facts under GraphQL's names.

use graphql_parser::query::{
    Definition, Field, OperationDefinition, Selection, SelectionSet, Value as Argument, parse_query,
};
use serde_json::{Map, Value, json};

use crate::server::Recorded;

type Fields = SelectionSet<'static, String>;
type Asked = Field<'static, String>;

/// The data of an answer: what is asked for, under the names it is asked by.
pub fn answer(recorded: &Recorded, query: &str) -> Value {
    let document = parse_query::<String>(query).unwrap().into_static();
    let Some(Definition::Operation(OperationDefinition::Query(query))) =
        document.definitions.first()
    else {
        panic!("not a query");
    };
    select(&query.selection_set, &|field| match field.name.as_str() {
        "metadata" => recorded.metadata.clone(),
        "projects" => json!({
            "nodes": [project(recorded, &nodes(field))],
            "pageInfo": {"hasNextPage": false, "endCursor": null},
        }),
        "queryComplexity" => json!({"limit": 250, "score": 100}),
        // Who asks, and what the schema has: it does not say.
        _ => Value::Null,
    })
}

fn project(recorded: &Recorded, fields: &Fields) -> Value {
    let body = &recorded.project;
    let statistics = &body["statistics"];
    select(fields, &|field| match field.name.as_str() {
        "id" => json!(format!("gid://gitlab/Project/{}", body["id"])),
        "fullPath" => body["path_with_namespace"].clone(),
        "name" | "visibility" | "archived" => body[&field.name].clone(),
        "lastActivityAt" => body["last_activity_at"].clone(),
        "isForked" => json!(body["forked_from_project"].is_object()),
        "namespace" => {
            json!({"id": format!("gid://gitlab/Namespaces::UserNamespace/{}", body["namespace"]["id"])})
        }
        "repository" => json!({"rootRef": body["default_branch"], "empty": body["empty_repo"]}),
        "mergeRequestsEnabled" => body["merge_requests_enabled"].clone(),
        "issuesEnabled" => body["issues_enabled"].clone(),
        // The token that recorded it read both.
        "userPermissions" => {
            json!({"readMergeRequest": true, "downloadCode": true, "readCommitStatus": true})
        }
        "jobsEnabled" => body["jobs_enabled"].clone(),
        "createdAt" => body["created_at"].clone(),
        "mergeRequestsAccessLevel" => level(&body["merge_requests_access_level"]),
        "issuesAccessLevel" => level(&body["issues_access_level"]),
        "markedForDeletionOn" => body["marked_for_deletion_on"].clone(),
        "starCount" => body["star_count"].clone(),
        "forksCount" => body["forks_count"].clone(),
        "statistics" if statistics.is_null() => Value::Null,
        "statistics" => select(&field.selection_set, &|field| match field.name.as_str() {
            "buildArtifactsSize" => float(&statistics["job_artifacts_size"]),
            name => float(&statistics[snake_case(name)]),
        }),
        "mergeRequests" => {
            let has = |name| field.arguments.iter().any(|(argument, _)| argument == name);
            let mut open = Recorded::of_state(&recorded.merge_requests, argument(field, "state"));
            open.retain(|one| !has("draft") || one["draft"] == true);
            open.retain(|one| !has("reviewerWildcardId") || one["reviewers"] == json!([]));
            // All of them were created months ago.
            json!({"count": open.len(), "nodes": oldest(&open)})
        }
        "issues" => {
            let open = Recorded::of_state(&recorded.issues, argument(field, "state"));
            json!({"nodes": oldest(&open)})
        }
        "issueStatusCounts" => {
            let count = |state| Recorded::count(&recorded.issues, state);
            json!({"opened": count("opened"), "closed": count("closed")})
        }
        "releases" => {
            let releases = recorded.releases.as_array().unwrap();
            json!({"count": releases.len(), "nodes": [{"releasedAt": releases[0]["released_at"]}]})
        }
        // That project has run none.
        "pipelines" => {
            json!({"count": 0, "nodes": [], "pageInfo": {"hasNextPage": false, "endCursor": null}})
        }
        other => panic!("nothing is recorded for {other}"),
    })
}

/// The one that was created first, as a list of at most one.
fn oldest(all: &[Value]) -> Value {
    let created = all
        .iter()
        .filter_map(|one| one["created_at"].as_str())
        .min();
    created.map_or(json!([]), |created| json!([{ "createdAt": created }]))
}

/// The object that a selection asks for.
fn select(fields: &Fields, value: &dyn Fn(&Asked) -> Value) -> Value {
    let mut object = Map::new();
    for selection in &fields.items {
        let Selection::Field(field) = selection else {
            panic!("a fragment");
        };
        object.insert(
            field.alias.as_ref().unwrap_or(&field.name).clone(),
            value(field),
        );
    }
    Value::Object(object)
}

fn nodes(connection: &Asked) -> Fields {
    let mut fields = connection.selection_set.items.iter();
    let nodes = fields.find_map(|selection| match selection {
        Selection::Field(field) if field.name == "nodes" => Some(field.selection_set.clone()),
        _ => None,
    });
    nodes.expect("a list is asked for its nodes")
}

fn argument<'a>(field: &'a Asked, name: &str) -> &'a str {
    let mut arguments = field.arguments.iter();
    match arguments.find(|(argument, _)| *argument == name) {
        Some((_, Argument::Enum(state))) => state,
        other => panic!("not a state: {other:?}"),
    }
}

/// Access levels are enums in GraphQL.
fn level(text: &Value) -> Value {
    json!({"stringValue": text.as_str().unwrap().to_uppercase()})
}

/// Counts of statistics are floats in GraphQL.
fn float(number: &Value) -> Value {
    number.as_f64().map_or(Value::Null, |number| json!(number))
}

fn snake_case(name: &str) -> String {
    let mut words = String::new();
    for character in name.chars() {
        if character.is_ascii_uppercase() {
            words.push('_');
        }
        words.push(character.to_ascii_lowercase());
    }
    words
}
