//! `check`: what would work, and for what would not, what to do about it.

use std::net::{Ipv4Addr, TcpListener};

use axum::http::StatusCode;
use gitlab_metrics_bridge::simulator::{AccessToken, Fault, GitLab, World};
use serde_json::{Value, json};

use crate::support::process::{Finished, Program, bridge, free_ports};
use crate::support::receiver::{Fault as OtlpFault, Receiver};
use crate::support::running::{Running, TOKEN, bridge_for};
use crate::{gitlab_of_two, world_of_two};

/// `check` of a GitLab, with a listener of its own.
fn check(url: &str) -> Program {
    bridge_for(url)
        .env("GITLAB_BRIDGE_ATTEMPTS", "2")
        .args(["check", "--listen", "127.0.0.1:0"])
}

/// Asserts what is said, on stdout or in the error.
#[track_caller]
fn assert_says(finished: &Finished, code: i32, parts: &[&str]) {
    assert_eq!(finished.code(), code, "{finished:#?}");
    let said = finished.stdout() + &finished.stderr();
    for part in parts {
        assert!(said.contains(part), "{part:?} is not said: {said}");
    }
    if code > 0 {
        assert!(finished.stdout().contains("FAIL"), "{said}");
    }
}

#[tokio::test]
async fn a_good_set_up_is_told_in_full() {
    let mut world = world_of_two();
    world.token(AccessToken::new(TOKEN).expires_at("2030-12-31"));
    world.remove_field("Project", "releases");
    let gitlab = GitLab::start(world).await.unwrap();
    for protocol in ["grpc", "http/protobuf"] {
        let receiver = Receiver::start();
        let finished = check(gitlab.url())
            .env("OTEL_METRICS_EXPORTER", "otlp,prometheus")
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .finish()
            .await;
        assert_says(
            &finished,
            0,
            &[
                gitlab.url(),
                "GitLab 18.8",
                "belongs to bridge",
                "read_api",
                "2030-12-31",
                "2 projects",
                "gitlab_project_releases",
                "accepts OTLP",
                &receiver.endpoint(),
            ],
        );
        assert!(!finished.stdout().contains("FAIL"), "{finished:#?}");
    }
}

#[tokio::test]
async fn no_token_is_told_with_where_to_get_one() {
    let finished = bridge()
        .args(["check", "--listen", "127.0.0.1:0"])
        .env("GITLAB_URL", "http://127.0.0.1:1")
        .finish()
        .await;
    assert_says(
        &finished,
        2,
        &["no token", "GITLAB_TOKEN", "read_api", "Access tokens"],
    );
}

#[tokio::test]
async fn a_token_that_is_no_good_is_told_with_what_is_wrong_with_it() {
    let cases = [
        (
            AccessToken::new("other-token"),
            &["GITLAB_TOKEN", "401"][..],
        ),
        (
            AccessToken::new(TOKEN).expired(),
            &["GITLAB_TOKEN", "expired"],
        ),
        (
            AccessToken::new(TOKEN).revoked(),
            &["GITLAB_TOKEN", "revoked"],
        ),
        (
            AccessToken::new(TOKEN).scopes(&["read_user"]),
            &["read_user", "read_api"],
        ),
        (
            AccessToken::new(TOKEN).scopes(&["read_repository"]),
            &["scope", "read_api"],
        ),
    ];
    for (token, parts) in cases {
        let mut world = world_of_two();
        world.token(token);
        let gitlab = GitLab::start(world).await.unwrap();
        assert_says(&check(gitlab.url()).finish().await, 1, parts);
        let once = bridge_for(gitlab.url()).arg("once").finish().await;
        assert_eq!(once.code(), 1, "{once:#?}");
    }
}

#[tokio::test]
async fn an_address_that_is_not_gitlabs_is_told_with_what_to_set() {
    let page = "<!doctype html><html><body>nothing here</body></html>";
    let not_found =
        |fault: gitlab_metrics_bridge::simulator::FaultBuilder| fault.body(404, "text/html", page);
    for fault in [
        not_found(Fault::anywhere().always()),
        Fault::anywhere().always().login_page(),
    ] {
        let gitlab = gitlab_of_two().await;
        gitlab.fault(fault);
        assert_says(
            &check(gitlab.url()).finish().await,
            1,
            &[gitlab.url(), "GITLAB_URL"],
        );
        let once = bridge_for(gitlab.url()).arg("once").finish().await;
        assert_eq!(once.code(), 1, "{once:#?}");
        assert!(once.stderr().contains("GITLAB_URL"), "{once:#?}");
    }
}

#[tokio::test]
async fn a_gitlab_that_is_not_there_is_told() {
    let [port] = free_ports();
    let url = format!("http://127.0.0.1:{port}");
    assert_says(
        &check(&url).finish().await,
        1,
        &[&url, "refuses the connection", "GITLAB_URL"],
    );
}

#[tokio::test]
async fn answers_that_are_no_json_are_told() {
    for (fault, parts) in [
        (
            Fault::anywhere().always().invalid_json(),
            &["no valid JSON", "proxies"][..],
        ),
        (
            Fault::anywhere().always().truncated(),
            &["interrupted", "proxy"],
        ),
    ] {
        let gitlab = gitlab_of_two().await;
        gitlab.fault(fault);
        assert_says(&check(gitlab.url()).finish().await, 1, parts);
    }
}

#[tokio::test]
async fn an_empty_selection_is_told_and_is_no_problem() {
    let mut world = World::new();
    world.group("empty");
    let gitlab = GitLab::start(world).await.unwrap();
    let finished = check(gitlab.url())
        .args(["--group", "empty"])
        .finish()
        .await;
    assert_says(
        &finished,
        0,
        &["0 projects are selected", "nothing is selected"],
    );
}

#[tokio::test]
async fn a_group_that_does_not_exist_is_told_by_name() {
    let gitlab = gitlab_of_two().await;
    let finished = check(gitlab.url()).args(["--group", "nope"]).finish().await;
    assert_says(&finished, 1, &["\"nope\"", "Check the path"]);
}

#[tokio::test]
async fn a_port_that_is_taken_is_told_with_another_way() {
    let gitlab = gitlab_of_two().await;
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let told = |command: &str| {
        bridge_for(gitlab.url())
            .args([command, "--listen", &address])
            .finish()
    };
    assert_says(&told("check").await, 1, &[&address, "--listen"]);
    let run = told("run").await;
    assert_eq!(run.code(), 1, "{run:#?}");
    assert!(
        run.stderr().contains(&address) && run.stderr().contains("--listen"),
        "{run:#?}"
    );
}

#[tokio::test]
async fn a_collector_that_is_down_is_told_with_what_to_look_at() {
    let (gitlab, receiver) = (gitlab_of_two().await, Receiver::refusing());
    for protocol in ["grpc", "http/protobuf"] {
        let finished = check(gitlab.url())
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .env("OTEL_EXPORTER_OTLP_TIMEOUT", "500")
            .finish()
            .await;
        assert_says(
            &finished,
            1,
            &[&receiver.endpoint(), "does not accept OTLP", "4317"],
        );
    }
}

#[tokio::test]
async fn a_receiver_that_refuses_is_told_in_its_own_words_with_a_hint() {
    let gitlab = gitlab_of_two().await;
    for protocol in ["grpc", "http/protobuf"] {
        let receiver = Receiver::start();
        receiver.fail(OtlpFault::Refused(401, "who is planted-secret?".to_owned()));
        let finished = check(gitlab.url())
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .env("OTEL_EXPORTER_OTLP_HEADERS", "x-key=planted-secret")
            .finish()
            .await;
        assert_says(
            &finished,
            1,
            &["does not accept OTLP", "who is [secret]?", "otlp.headers"],
        );
        assert!(
            !format!("{finished:?}").contains("planted-secret"),
            "{finished:#?}"
        );
    }
}

/// GraphQL may call the field by an alias, so the value is changed where it stands.
fn answering_with(name: &'static str, value: Value) -> Fault {
    Fault::anywhere()
        .always()
        .tamper(move |_, answer| answer.edit_each(name, |old| *old = value.clone()))
}

#[tokio::test]
async fn a_size_that_can_not_be_is_told_as_gitlabs_and_not_as_a_missing_role() {
    let gitlab = gitlab_of_two().await;
    gitlab.fault(answering_with("repositorySize", json!(-1024)));
    let finished = check(gitlab.url()).finish().await;
    let told = "gitlab_storage_size_bytes: GitLab tells a negative size, or one that can't be, for 2 values";
    // Nor has either project a registry, which GitLab never tells more of.
    let hidden = "gitlab_storage_size_bytes: 2 values are hidden";
    assert_says(&finished, 0, &[told, hidden]);
}

#[tokio::test]
async fn a_proxy_that_answers_in_gitlabs_place_is_told_apart_from_a_wrong_token() {
    for status in [401, 403, 407, 502] {
        let gitlab = gitlab_of_two().await;
        let page = "<!doctype html><html><body>Sign in to the company's network</body></html>";
        let fault = Fault::anywhere().always();
        gitlab.fault(fault.body(status, "text/html", page));
        let finished = check(gitlab.url()).finish().await;
        assert_says(&finished, 1, &[gitlab.url()]);
        let said = finished.stdout();
        assert!(!said.contains("Check GITLAB_TOKEN"), "{status}: {said}");
        assert!(
            said.to_lowercase().contains("proxy") || status == 502,
            "{status}: {said}"
        );
    }
}

#[tokio::test]
async fn patterns_that_leave_everything_out_are_a_problem() {
    let gitlab = gitlab_of_two().await;
    let finished = check(gitlab.url())
        .args(["--include", "grup/*"])
        .finish()
        .await;
    assert_says(
        &finished,
        1,
        &[
            "all 2 projects",
            "select.include (grup/*)",
            "** crosses levels",
        ],
    );
    let once = bridge_for(gitlab.url()).args(["once", "--include", "grup/*"]);
    let told = once.finish().await.stderr();
    assert!(told.contains("left out by the filters of select"), "{told}");
}

#[tokio::test]
async fn what_it_finds_is_a_document_for_programs() {
    let gitlab = gitlab_of_two().await;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let report = async |program: Program, code| {
        let finished = program.args(["--format", "json"]).finish().await;
        assert_eq!(finished.code(), code, "{finished:#?}");
        serde_json::from_str::<Value>(&finished.stdout()).unwrap()
    };
    let found = |report: &Value, check: &str| {
        let findings = report["findings"].as_array().unwrap().iter();
        let found = findings.filter(|finding| finding["check"] == check);
        found.cloned().collect::<Vec<_>>()
    };
    let well = check(gitlab.url()).args(["--state", state.to_str().unwrap()]);
    let well = report(well, 0).await;
    assert_eq!((&well["ok"], &well["problems"]), (&json!(true), &json!(0)));
    assert_eq!(found(&well, "projects")[0]["selected"], 2);
    let poll = &found(&well, "poll")[0];
    assert!(poll["requests"].as_u64() > Some(0), "{poll}");
    assert!(poll["took_seconds"].is_f64(), "{poll}");
    assert_eq!(found(&well, "gitlab")[0]["version"], "18.8.0-ee");
    assert_eq!(found(&well, "state")[0]["level"], "ok");
    for finding in well["findings"].as_array().unwrap() {
        assert!(
            finding["text"].is_string() && finding["level"].is_string(),
            "{finding}"
        );
    }
    gitlab.fault(Fault::anywhere().always().status(503));
    let ill = report(check(gitlab.url()), 1).await;
    assert_eq!((&ill["ok"], &ill["problems"]), (&json!(false), &json!(1)));
    assert_eq!(found(&ill, "gitlab")[0]["level"], "problem");
}

#[tokio::test]
async fn a_state_is_looked_at_and_left_as_it_is() {
    let gitlab = gitlab_of_two().await;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let looked_at = async |path: &std::path::Path, code, parts: &[&str]| {
        let finished = check(gitlab.url()).args(["--state", path.to_str().unwrap()]);
        assert_says(&finished.finish().await, code, parts);
    };
    looked_at(&state, 0, &["nothing is kept in it yet"]).await;
    let empty = std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(empty, 0, "something was left behind");
    let nowhere = folder.path().join("no/such/folder/state");
    looked_at(&nowhere, 1, &["can't be written", "Create its folder"]).await;
    std::fs::write(&state, "no state").unwrap();
    looked_at(&state, 0, &["note", "would be set aside"]).await;
    assert_eq!(std::fs::read(&state).unwrap(), b"no state");
    std::fs::remove_file(&state).unwrap();
    let running = bridge_for(gitlab.url()).args(["--state", state.to_str().unwrap()]);
    let running = Running::start(running).await;
    running.wait_for_readiness(StatusCode::OK).await;
    looked_at(&state, 0, &["in use by a bridge that runs"]).await;
    running.stop().await;
    looked_at(&state, 0, &["keeps 2 projects"]).await;
}

#[tokio::test]
async fn all_commands_end_alike() {
    let gitlab = gitlab_of_two().await;
    let junk = tempfile::NamedTempFile::new().unwrap();
    let junk = junk.path().to_str().unwrap();
    for (setting, value, code) in [
        ("GITLAB_TOKEN", "", 2),
        ("GITLAB_TOKEN_FILE", "/no/such/file", 2),
        ("GITLAB_BRIDGE_CA_FILE", junk, 2),
        ("GITLAB_BRIDGE_METRICS_ENABLED", "[", 2),
        ("GITLAB_BRIDGE_INTERVAL", "soon", 2),
        ("GITLAB_URL", "http://127.0.0.1:1", 1),
        ("GITLAB_BRIDGE_GROUPS", "nope", 1),
    ] {
        for command in ["once", "check", "plan", "run"] {
            // What can't be reached is polled again for as long as it runs.
            if command == "run" && code == 1 {
                continue;
            }
            let program = bridge_for(gitlab.url()).args([command, "--listen", "127.0.0.1:0"]);
            let program = program
                .env("GITLAB_BRIDGE_ATTEMPTS", "1")
                .env(setting, value);
            let finished = program.finish().await;
            assert_eq!(finished.code(), code, "{command} {setting}: {finished:#?}");
        }
    }
}
