//! How the bridge talks to GitLab over many polls.

use std::collections::BTreeSet;

use futures::future::join_all;
use gitlab_metrics_bridge::simulator::{AccessToken, Fault, GitLab, TokenHeader};
use reqwest::StatusCode;

use crate::support::Series;
use crate::support::exposition::is_own;
use crate::support::process::bridge;
use crate::support::running::{Running, bridge_for};
use crate::{gitlab_of_two, of_project, world_of_two};

#[tokio::test]
async fn one_connection_is_kept_and_every_request_carries_the_token() {
    let gitlab = gitlab_of_two().await;
    // Requests that go out together need a connection each.
    let program = bridge_for(gitlab.url()).env("GITLAB_BRIDGE_CONCURRENCY", "1");
    let bridge = Running::start(program).await;
    for commits in [11, 12, 13] {
        gitlab.edit(|world| {
            world.project("group/a").commits(commits);
        });
        let seen = |series: &Series| series.get(&of_project("2540")) == Some(&(commits as f64));
        bridge.wait_for_series("gitlab_commits_total", seen).await;
    }
    let requests = gitlab.requests();
    assert!(
        requests.len() >= 4,
        "a probe and three polls: {requests:#?}"
    );
    let ports: BTreeSet<u16> = requests.iter().map(|request| request.peer_port).collect();
    assert_eq!(ports.len(), 1, "{requests:#?}");
    let agent = format!("gitlab-metrics-bridge/{}", env!("CARGO_PKG_VERSION"));
    for request in requests {
        assert_eq!(request.token, Some(TokenHeader::Bearer));
        let sent = request.user_agent.unwrap_or_default();
        assert!(sent.starts_with(&agent), "{sent}");
        assert!(request.accept_encoding.unwrap_or_default().contains("gzip"));
    }
}

#[tokio::test]
async fn a_new_token_in_its_file_is_used_with_the_next_poll() {
    let mut world = world_of_two();
    world.token(AccessToken::new("first-token"));
    let gitlab = GitLab::start(world).await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "first-token\n").unwrap();
    let program = bridge()
        .env("GITLAB_URL", gitlab.url())
        .env("GITLAB_TOKEN_FILE", file.path());
    let bridge = Running::start(program).await;
    bridge.wait_for_readiness(StatusCode::OK).await;

    gitlab.edit(|world| {
        world.token(AccessToken::new("first-token").revoked());
        world.token(AccessToken::new("second-token"));
        world.project("group/a").commits(12);
    });
    let failed = |series: &Series| series.values().eq(&[0.0]);
    bridge
        .wait_for_series("gitlab_bridge_last_poll_success", failed)
        .await;
    std::fs::write(file.path(), "second-token\n").unwrap();
    let seen = |series: &Series| series.get(&of_project("2540")) == Some(&12.0);
    bridge.wait_for_series("gitlab_commits_total", seen).await;
}

#[tokio::test]
async fn a_gitlab_below_a_path_is_asked_below_it() {
    for slash in ["", "/"] {
        let gitlab = GitLab::start(world_of_two().sub_path("/gitlab"))
            .await
            .unwrap();
        let url = format!("{}{slash}", gitlab.url());
        let once = bridge_for(&url).arg("once").finish().await;
        assert_eq!(once.code(), 0, "{once:#?}");
        let paths: Vec<String> = gitlab
            .requests()
            .into_iter()
            .map(|request| request.path)
            .collect();
        assert!(
            paths.iter().all(|path| path.starts_with("/gitlab/api/")),
            "{paths:?}"
        );
    }
}

#[tokio::test]
async fn whatever_answers_in_place_of_gitlab_no_value_is_lost() {
    let page = "<!doctype html><html><body>nothing here</body></html>";
    let always = || Fault::on("/").always();
    let faults = [
        always().body(404, "text/html", page),
        always().login_page(),
        always().invalid_json(),
        always().truncated(),
        always().reset(),
        always().status(401),
        always().status(403),
        always().status(503),
    ];
    join_all(faults.map(async |fault| {
        let said = format!("{fault:?}");
        let gitlab = gitlab_of_two().await;
        let bridge = Running::start(bridge_for(gitlab.url())).await;
        let polled = |wanted: f64| {
            let is = move |series: &Series| series.values().eq(&[wanted]);
            bridge.wait_for_series("gitlab_bridge_last_poll_success", is)
        };
        let before = bridge.first_scrape().await;
        gitlab.fault(fault);
        let after = polled(0.0).await;
        for name in before.families.keys().filter(|name| !is_own(name)) {
            assert_eq!(after.series(name), before.series(name), "{name}, {said}");
        }
        gitlab.clear_faults();
        polled(1.0).await;
    }))
    .await;
}

#[tokio::test]
async fn a_removed_group_takes_its_series_with_it() {
    let gitlab = gitlab_of_two().await;
    let bridge = Running::start(bridge_for(gitlab.url()).args(["--group", "group"])).await;
    let two = |series: &Series| series.len() == 2;
    bridge.wait_for_series("gitlab_commits_total", two).await;
    gitlab.edit(|world| world.remove_group("group"));
    bridge
        .wait_for_series("gitlab_commits_total", Series::is_empty)
        .await;
    let (_, landing) = bridge.get("/").await;
    assert!(landing.contains("0 projects"), "{landing}");
}
