//! What the environment decides: proxies and the system's certificates. Variables belong to a
//! process, so each of these tests runs itself again with them set.

use std::env;
use std::process::Command;

use serde_json::json;

use super::*;
use crate::gitlab::{BuildError, Error, NetworkFailure};

const INSIDE: &str = "GITLAB_METRICS_BRIDGE_TEST_INSIDE";

/// What the outer test told the inner one; none in the outer one.
pub(super) fn told() -> Option<String> {
    env::var(INSIDE).ok()
}

/// Runs the named test once more, in a process with these variables.
pub(super) async fn run_inside(file: &str, test: &str, tell: &str, variables: &[(&str, &str)]) {
    let mut command = Command::new(env::current_exe().unwrap());
    command
        .args(["--exact", &format!("gitlab::tests::{file}::{test}")])
        .env(INSIDE, tell);
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command
        .env_remove("SSL_CERT_FILE")
        .env_remove("SSL_CERT_DIR");
    command.envs(variables.iter().copied());
    let output = tokio::task::spawn_blocking(move || command.output().unwrap())
        .await
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
}

#[tokio::test]
async fn the_proxy_variables_are_honoured() {
    if told().is_some() {
        // Only the proxy can answer for a host that does not exist.
        let client = client(config("http://gitlab.invalid"));
        let page = client.get("projects", soon()).await.unwrap();
        assert_eq!(page.body, json!(["by proxy"]));
        return;
    }
    let proxy = Server::start(|_, _| json(200, &json!(["by proxy"]))).await;
    let variables = [("HTTP_PROXY", proxy.url.as_str())];
    run_inside(
        "environment",
        "the_proxy_variables_are_honoured",
        "",
        &variables,
    )
    .await;
    assert_eq!(
        proxy.seen()[0].target,
        "http://gitlab.invalid/api/v4/projects"
    );
}

#[tokio::test]
async fn no_proxy_leads_past_the_proxy() {
    if let Some(url) = told() {
        let page = client(config(&url)).get("projects", soon()).await.unwrap();
        assert_eq!(page.body, json!(["directly"]));
        return;
    }
    let proxy = Server::start(|_, _| json(200, &json!(["by proxy"]))).await;
    let server = Server::start(|_, _| json(200, &json!(["directly"]))).await;
    let variables = [
        ("HTTP_PROXY", proxy.url.as_str()),
        ("NO_PROXY", "127.0.0.1"),
    ];
    run_inside(
        "environment",
        "no_proxy_leads_past_the_proxy",
        &server.url,
        &variables,
    )
    .await;
}

#[tokio::test]
async fn a_proxy_that_lets_nothing_through_is_told_as_such() {
    if told().is_some() {
        let authority = super::secure::Authority::new();
        let client = client(Config {
            ca_file: Some(authority.ca_file()),
            ..config("https://gitlab.invalid")
        });
        let error = client.get("projects", soon()).await.unwrap_err();
        let Error::Network { kind, .. } = error else {
            panic!("{error}");
        };
        assert_eq!(kind, NetworkFailure::Proxy);
        return;
    }
    let proxy = Server::start(|_, _| answer(407, &[], "")).await;
    let variables = [("HTTPS_PROXY", proxy.url.as_str())];
    run_inside(
        "environment",
        "a_proxy_that_lets_nothing_through_is_told_as_such",
        "",
        &variables,
    )
    .await;
    assert_eq!(proxy.seen()[0].method, "CONNECT");
}

#[tokio::test]
async fn without_the_systems_certificates_only_plain_http_works() {
    if let Some(url) = told() {
        client(config(&url)).get("projects", soon()).await.unwrap();
        let error = config("https://gitlab.invalid").build().err().unwrap();
        assert!(matches!(error, BuildError::Tls(_)));
        assert!(error.to_string().contains("gitlab.ca_file"));
        return;
    }
    let server = Server::start(|_, _| json(200, &json!([]))).await;
    let nothing = tempfile::NamedTempFile::new().unwrap();
    let path = nothing.path().to_str().unwrap();
    let test = "without_the_systems_certificates_only_plain_http_works";
    run_inside("environment", test, &server.url, &[("SSL_CERT_FILE", path)]).await;
}

#[tokio::test]
async fn ssl_cert_file_names_who_is_trusted() {
    if let Some(url) = told() {
        client(config(&url)).get("projects", soon()).await.unwrap();
        return;
    }
    let authority = super::secure::Authority::new();
    let url = super::secure::start(&authority, "127.0.0.1", false).await;
    let path = authority.ca_file();
    let variables = [("SSL_CERT_FILE", path.to_str().unwrap())];
    run_inside(
        "environment",
        "ssl_cert_file_names_who_is_trusted",
        &url,
        &variables,
    )
    .await;
}
