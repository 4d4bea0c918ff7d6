//! The tests, which read the recorded bodies.

use std::path::PathBuf;
use std::time::Duration;

use gitlab_metrics_bridge::gitlab::Client;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::server::{self, PROJECT, Recorded};
use crate::support::exposition::Exposition;
use crate::support::running::bridge_for;
use crate::support::{Labels, labels};

/// The folder of recorded REST bodies.
fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/gitlab/fixtures/rest")
}

/// One recorded body.
fn recorded(name: &str) -> Value {
    let text = std::fs::read_to_string(fixtures().join(name)).unwrap();
    serde_json::from_str(&text).unwrap()
}

/// The recorded project and the lists below it, as one GitLab.
fn gitlab() -> Recorded {
    Recorded {
        project: recorded("project_50817395.json"),
        merge_requests: recorded("devlake_merge_requests_recorded.json"),
        issues: recorded("devlake_issues_recorded.json"),
        releases: recorded("docshape_releases_list.json"),
        commits: recorded("devlake_mr_commits_recorded.json"),
        sequence: recorded("docshape_commit_sequence.json"),
        metadata: recorded("gogitlab_metadata.json"),
        totals: true,
        graphql: false,
    }
}

/// What `once` shows of it.
async fn shown(gitlab: Recorded) -> Exposition {
    let url = gitlab.serve().await;
    let once = bridge_for(&url)
        .arg("once")
        .env("GITLAB_BRIDGE_REQUESTS_PER_SECOND", "1000")
        .finish()
        .await;
    assert_eq!(once.code(), 0, "{once:#?}");
    Exposition::parse(&once.stdout()).unwrap()
}

#[track_caller]
fn assert_value(exposition: &Exposition, metric: &str, mut at: Labels, value: f64) {
    at.insert("project_id".to_owned(), PROJECT.to_owned());
    let series = exposition.series(metric);
    assert_eq!(
        series.get(&at),
        Some(&value),
        "{metric} {at:?} in {series:?}"
    );
}

/// All that stands in the recorded bodies, whichever way it was asked for.
#[track_caller]
fn assert_recorded(shown: &Exposition) {
    assert_eq!(shown.value("gitlab_project_count", []), Some(1.0));
    assert_eq!(shown.value("gitlab_merge_requests_total", []), Some(8.0));
    assert_value(shown, "gitlab_commits_total", labels([]), 223.0);
    assert_value(shown, "gitlab_project_stars", labels([]), 0.0);
    assert_value(shown, "gitlab_project_forks", labels([]), 0.0);
    assert_value(shown, "gitlab_project_releases", labels([]), 1.0);
    let activity = "gitlab_project_last_activity_timestamp_seconds";
    assert_value(shown, activity, labels([]), 1_713_095_677.0);
    for (state, count) in [
        ("opened", 1.0),
        ("merged", 7.0),
        ("closed", 0.0),
        ("locked", 0.0),
    ] {
        assert_value(
            shown,
            "gitlab_merge_requests",
            labels([("state", state)]),
            count,
        );
    }
    for (state, count) in [("opened", 1.0), ("closed", 7.0)] {
        assert_value(shown, "gitlab_issues", labels([("state", state)]), count);
    }
    assert_recorded_flow(shown);
    let sizes = [
        ("repository", 819_244.0),
        ("wiki", 0.0),
        ("lfs_objects", 0.0),
        ("job_artifacts", 399_083.0),
        ("pipeline_artifacts", 0.0),
        ("packages", 0.0),
        ("snippets", 0.0),
        ("uploads", 192_614.0),
    ];
    for (kind, bytes) in sizes {
        let of_kind = labels([("kind", kind)]);
        assert_value(shown, "gitlab_storage_size_bytes", of_kind, bytes);
    }
    // That GitLab did not say how large the container registry is, so neither do we.
    assert_eq!(shown.series("gitlab_storage_size_bytes").len(), sizes.len());
    let info = labels([
        ("archived", "false"),
        ("default_branch", "main"),
        ("namespace", "cluttrdev"),
        ("project_name", "gitlab-exporter"),
        ("project_path", "cluttrdev/gitlab-exporter"),
        ("visibility", "private"),
    ]);
    assert_value(shown, "gitlab_project_info", info, 1.0);
}

/// How merge requests, issues and releases get on.
fn assert_recorded_flow(shown: &Exposition) {
    let flow = [
        ("gitlab_merge_requests_draft", 0.0),
        ("gitlab_merge_requests_without_reviewer", 1.0),
        (
            "gitlab_merge_request_oldest_open_timestamp_seconds",
            1_586_376_548.0,
        ),
        (
            "gitlab_issue_oldest_open_timestamp_seconds",
            1_565_185_960.0,
        ),
        (
            "gitlab_project_last_release_timestamp_seconds",
            1_546_480_579.0,
        ),
        ("gitlab_project_created_timestamp_seconds", 1_695_986_003.0),
    ];
    for (metric, value) in flow {
        assert_value(shown, metric, labels([]), value);
    }
    for age in ["1d", "7d", "30d"] {
        let older = labels([("older_than", age)]);
        assert_value(shown, "gitlab_merge_requests_open_by_age", older, 1.0);
    }
}

#[tokio::test]
#[ignore = "needs ../shared: bodies recorded from GitLab"]
async fn a_recorded_project_comes_out_right_over_rest() {
    assert_recorded(&shown(gitlab()).await);
}

#[tokio::test]
#[ignore = "needs ../shared: bodies recorded from GitLab"]
async fn a_recorded_project_comes_out_right_over_graphql() {
    let mut gitlab = gitlab();
    gitlab.graphql = true;
    assert_recorded(&shown(gitlab).await);
}

#[tokio::test]
#[ignore = "needs ../shared: bodies recorded from GitLab"]
async fn lists_without_totals_are_counted_to_their_end() {
    let mut gitlab = gitlab();
    gitlab.totals = false;
    assert_recorded(&shown(gitlab).await);
}

#[tokio::test]
#[ignore = "needs ../shared: bodies recorded from GitLab"]
async fn commits_are_counted_in_the_repository_where_statistics_are_hidden() {
    for (version, commits) in [("16.0.0-ee", 10.0), ("18.8.0-ee", 632.0)] {
        let mut gitlab = gitlab();
        // As in the body that a guest gets.
        gitlab.project.as_object_mut().unwrap().remove("statistics");
        gitlab.metadata["version"] = json!(version);
        gitlab.graphql = true;
        let shown = shown(gitlab).await;
        assert_value(&shown, "gitlab_commits_total", labels([]), commits);
        assert_eq!(shown.series("gitlab_storage_size_bytes").len(), 0);
    }
}

fn client(url: &str) -> Client {
    crate::client::config(url, 1).build().unwrap()
}

#[tokio::test]
#[ignore = "needs ../shared: bodies recorded from GitLab"]
async fn every_recorded_body_can_be_read_and_every_list_counted() {
    let mut read = 0;
    for entry in std::fs::read_dir(fixtures()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let body = recorded(&name);
        let deadline = Instant::now() + Duration::from_secs(30);
        for totals in [true, false] {
            let client = client(&server::serve_body(body.clone(), totals).await);
            match body.as_array() {
                Some(list) => {
                    let counted = client.count("body?state=any", deadline).await.unwrap();
                    assert_eq!(counted, list.len() as u64, "{name}");
                }
                None => assert_eq!(
                    client.get("body", deadline).await.unwrap().body,
                    body,
                    "{name}"
                ),
            }
        }
        read += 1;
    }
    assert!(read > 20, "{read}");
}

#[tokio::test]
#[ignore = "needs ../shared: bodies recorded from GitLab"]
async fn every_error_of_gitlab_is_told_for_what_it_is() {
    let errors = recorded("docshape_errors.json");
    for (name, error) in errors.as_object().unwrap() {
        let status = StatusCode::from_u16(error["status"].as_u64().unwrap() as u16).unwrap();
        let client = client(&server::serve_error(status, error).await);
        let deadline = Instant::now() + Duration::from_secs(2);
        let reason = match name.starts_with("graphql") {
            true => match client
                .graphql("query Any { id }", json!({}), deadline)
                .await
            {
                Err(error) => error.reason(),
                Ok(answer) => {
                    assert!(!answer.errors.is_empty() && !answer.errors[0].path.is_empty());
                    "partial"
                }
            },
            false => client.get("any", deadline).await.unwrap_err().reason(),
        };
        let expected = match name.as_str() {
            "graphql_503_db_timeout" => "timeout",
            "graphql_200_complexity" | "graphql_200_unknown_field" => "graphql",
            "graphql_200_partial_field_timeout" | "graphql_200_partial_limit" => "partial",
            _ => match status.as_u16() {
                401 => "unauthorized",
                403 => "forbidden",
                404 => "not_found",
                429 => "rate_limited",
                500.. => "server_error",
                _ => "refused",
            },
        };
        assert_eq!(reason, expected, "{name}");
    }
}
