//! Who may see the pages, what they keep to themselves, and what a reload changes.

use std::fs;

use gitlab_metrics_bridge::simulator::GitLab;
use reqwest::{Method, StatusCode};
use serde_json::Value;

use crate::support::process::bridge;
use crate::support::running::{Running, bridge_for};
use crate::{STILL, gitlab, json, polled, world};

const PATHS: [&str; 7] = [
    "/",
    "/?q=acme",
    "/projects/27",
    "/api/v1/status",
    "/api/v1/projects?q=acme",
    "/api/v1/projects/27",
    "/docs/metrics",
];

#[tokio::test]
async fn everything_wants_the_password_of_the_web_configuration_but_health_where_that_is_open() {
    let gitlab = gitlab().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("web.yaml");
    let hash = bcrypt::hash("s3cret", 4).unwrap();
    fs::write(&file, format!("basic_auth_users: {{alice: {hash}}}\n")).unwrap();
    let program = bridge_for(gitlab.url())
        .arg("--web.config.file")
        .arg(&file)
        .env("GITLAB_BRIDGE_PROMETHEUS_OPEN_HEALTH", "true");
    let bridge = Running::listening(program.args(STILL)).await;
    for path in PATHS.iter().chain(&["/nothing", "/icon.svg"]) {
        assert_eq!(bridge.get(path).await.0, StatusCode::UNAUTHORIZED, "{path}");
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let known = client
            .get(bridge.url(path))
            .basic_auth("alice", Some("s3cret"));
        let answer = known.send().await.unwrap();
        assert_ne!(answer.status(), StatusCode::UNAUTHORIZED, "{path}");
    }
    assert_eq!(bridge.get("/-/healthy").await.0, StatusCode::OK);
}

#[tokio::test]
async fn no_secret_is_on_any_page() {
    let gitlab = GitLab::start(world()).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bridge.yaml");
    let text = format!(
        "gitlab: {{url: {}, headers: {{x-front: front-secret}}}}\n\
         otlp: {{endpoint: \"http://127.0.0.1:9/v1/metrics\", headers: {{authorization: Bearer otlp-secret}}}}\n\
         webhook: {{enabled: true}}\n",
        gitlab.url()
    );
    fs::write(&file, text).unwrap();
    let program = bridge()
        .env("GITLAB_TOKEN", "demo-token")
        .env("GITLAB_BRIDGE_WEBHOOK_TOKEN", "hook-secret")
        .arg("--config")
        .arg(&file);
    let bridge = Running::listening(program.args(STILL)).await;
    bridge.first_scrape().await;
    for path in PATHS {
        let (_, body) = bridge.get(path).await;
        for secret in ["demo-token", "front-secret", "otlp-secret", "hook-secret"] {
            assert!(!body.contains(secret), "{secret} in {path}");
        }
    }
    let settings = json(&bridge, "/api/v1/status").await["settings"].clone();
    let settings = settings.as_array().unwrap();
    let of = |key: &str| settings.iter().find(|own| own["setting"] == key).unwrap();
    assert_eq!(of("gitlab.token")["value"], "(hidden)");
    assert_eq!(of("gitlab.token")["source"], "GITLAB_TOKEN");
    assert_eq!(of("gitlab.headers")["value"], "{x-front: (hidden)}");
    let source = of("gitlab.url")["source"].as_str().unwrap();
    assert!(source.ends_with("bridge.yaml:1"), "{source}");
    assert_eq!(of("poll.sweep")["source"], Value::Null);
}

#[tokio::test]
async fn a_reload_changes_the_settings_that_are_shown_and_keeps_the_polls() {
    let gitlab = gitlab().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bridge.yaml");
    let write = |more: &str| {
        let text = format!(
            "gitlab: {{url: {}}}\npoll: {{interval: 1h}}\n{more}",
            gitlab.url()
        );
        fs::write(&file, text).unwrap();
    };
    write("");
    let program = bridge()
        .env("GITLAB_TOKEN", "demo-token")
        .arg("--config")
        .arg(&file)
        .args(["--listen", "127.0.0.1:0", "--web.enable-lifecycle"]);
    let bridge = Running::listening(program).await;
    bridge.wait_for_readiness(StatusCode::OK).await;
    crate::wait_for_status(&bridge, |status| {
        status["gitlabs"][0]["recent_polls"][0].is_object()
    })
    .await;
    write("select: {exclude: [odd/*]}\nlimits: {memory: 4GiB}\n");
    let answer = bridge.ask(Method::POST, "/-/reload").await;
    assert_eq!(answer.status(), StatusCode::OK);
    let status = json(&bridge, "/api/v1/status").await;
    let settings = status["settings"].as_array().unwrap();
    let of = |key: &str| settings.iter().find(|own| own["setting"] == key).unwrap();
    assert_eq!(of("select.exclude")["value"], "[odd/*]");
    assert_eq!(
        of("limits.memory")["value"],
        "auto",
        "it waits for a restart"
    );
    assert_eq!(of("limits.memory")["after_restart"], "4GiB");
    assert!(
        status["gitlabs"][0]["recent_polls"][0].is_object(),
        "{status:#}"
    );
}

#[tokio::test]
async fn pages_answer_while_gitlab_hangs_and_ask_it_nothing() {
    let gitlab = gitlab().await;
    let bridge = polled(&gitlab).await;
    let before =
        json(&bridge, "/api/v1/status").await["gitlabs"][0]["requests"]["since_start"].clone();
    gitlab.stop().await;
    for path in PATHS {
        assert_eq!(bridge.get(path).await.0, StatusCode::OK, "{path}");
    }
    let after =
        json(&bridge, "/api/v1/status").await["gitlabs"][0]["requests"]["since_start"].clone();
    assert_eq!(before, after);
}
