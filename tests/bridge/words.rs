//! What is said to people, and to the programs that read the log: each reason in its own words.

use std::net::{Ipv4Addr, TcpListener};

use gitlab_metrics_bridge::simulator::{GitLab, World};
use serde_json::Value;

use crate::gitlab_of_two;
use crate::support::process::{Finished, bridge};
use crate::support::running::{Running, bridge_for};

#[tokio::test]
async fn each_reason_not_to_listen_is_said_in_its_own_words() {
    let gitlab = gitlab_of_two().await;
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let taken = taken.local_addr().unwrap().to_string();
    for (address, says) in [
        (
            "no-such-host.invalid:1",
            "\"no-such-host.invalid\" does not resolve to an address",
        ),
        (
            "203.0.113.9:9464",
            "\"203.0.113.9\" is not an address of this machine",
        ),
        (&taken, "is another bridge running?"),
    ] {
        for command in ["run", "check", "demo"] {
            let program = match command {
                "demo" => bridge(),
                _ => bridge_for(gitlab.url()),
            };
            let finished = program.args([command, "--listen", address]).finish().await;
            let said = finished.stdout() + &finished.stderr();
            assert_eq!(finished.code(), 1, "{command}: {said}");
            assert!(said.contains(says), "{command}: {said}");
            assert_eq!(said.contains("another bridge"), address == taken, "{said}");
            assert!(!said.contains("Open http"), "it does not listen: {said}");
        }
    }
}

#[tokio::test]
async fn a_group_or_project_that_is_not_found_is_the_first_thing_said() {
    let gitlab = gitlab_of_two().await;
    for (flag, name) in [("--group", "nosuch"), ("--project", "nosuch/one")] {
        for command in ["once", "plan"] {
            let finished = bridge_for(gitlab.url())
                .args([command, flag, name])
                .finish()
                .await;
            assert_eq!(finished.code(), 1, "{finished:#?}");
            let stderr = finished.stderr();
            let first = stderr.lines().next().unwrap().replace('\\', "");
            assert!(
                first.contains(&format!("\"{name}\" is not found")),
                "{stderr}"
            );
        }
    }
    let finished = bridge_for(gitlab.url())
        .args(["check", "--listen", "127.0.0.1:0", "--group", "gruop"])
        .finish()
        .await;
    let said = finished.stdout();
    assert!(said.contains("did you mean \"group\"?"), "{said}");
}

#[tokio::test]
async fn one_of_anything_is_not_said_as_many() {
    let mut world = World::new();
    world.project_with_id("group/a", 2540).commits(1);
    let gitlab = GitLab::start(world).await.unwrap();
    for command in ["once", "check", "plan"] {
        let program = bridge_for(gitlab.url()).args([command, "--group", "group"]);
        let finished = match command {
            "check" => program.args(["--listen", "127.0.0.1:0"]).finish().await,
            _ => program.finish().await,
        };
        let said = finished.stdout() + &finished.stderr();
        for noun in [
            "projects", "values", "requests", "groups", "runners", "problems",
        ] {
            let many = format!(" 1 {noun}");
            assert!(!said.contains(&many), "{command}: {said}");
        }
        assert!(!said.contains(".."), "{command}: {said}");
    }
}

fn last_line(finished: &Finished) -> Value {
    let stderr = finished.stderr();
    let last = stderr.lines().last().unwrap_or_default();
    serde_json::from_str(last).unwrap_or_else(|error| panic!("{error}: {stderr}"))
}

#[tokio::test]
async fn the_last_words_are_a_line_of_the_log_where_that_is_in_json() {
    let gitlab = gitlab_of_two().await;
    let json = ["--log-format", "json"];
    let failing = bridge_for(gitlab.url())
        .args(["once", "--group", "nosuch"])
        .args(json);
    let no_url = bridge()
        .arg("once")
        .args(json)
        .env("GITLAB_URL", "nonsense");
    let variable = bridge()
        .args(["once", "--interval", "soon"])
        .env("GITLAB_BRIDGE_LOG_FORMAT", "json");
    let no_flag = bridge().args(["once", "--no-such-flag"]).args(json);
    for (program, code, says) in [
        (failing, 1, "nosuch"),
        (no_url, 2, "GITLAB_URL"),
        (variable, 2, "--interval"),
        (no_flag, 2, "--no-such-flag"),
    ] {
        let finished = program.finish().await;
        assert_eq!(finished.code(), code, "{finished:#?}");
        let last = last_line(&finished);
        assert_eq!(last["level"], "error", "{last}");
        assert!(
            last["ts"].as_str().is_some_and(|ts| ts.ends_with('Z')),
            "{last}"
        );
        assert!(last["message"].as_str().unwrap().contains(says), "{last}");
        for line in finished.stderr().lines() {
            assert!(serde_json::from_str::<Value>(line).is_ok(), "{line}");
        }
    }
}

#[tokio::test]
async fn the_demo_tells_where_it_listens_and_refuses_what_it_would_ignore() {
    let program = bridge().args(["demo", "--projects", "3", "--listen", "127.0.0.1:0"]);
    let mut demo = Running::listening(program).await;
    let line = demo.process.wait_for_line("Open http://").await;
    assert!(line.contains(&format!(":{}/", demo.port())), "{line}");
    demo.stop().await;
    for (flag, value) in [
        ("--gitlab-url", "http://127.0.0.1:1"),
        ("--state", "/tmp/state"),
    ] {
        let finished = bridge().args(["demo", flag, value]).finish().await;
        assert_eq!(finished.code(), 2, "{finished:#?}");
        assert!(
            finished.stderr().contains(&format!("{flag}: demo ")),
            "{finished:#?}"
        );
    }
}

#[tokio::test]
async fn a_configuration_comes_through_standard_input_once() {
    let gitlab = gitlab_of_two().await;
    let config = format!(
        "gitlab: {{url: \"{}\"}}\nselect: {{groups: [${{GROUP}}]}}\n",
        gitlab.url()
    );
    let program = bridge()
        .args(["run", "--config", "-"])
        .env("GITLAB_TOKEN", crate::support::running::TOKEN)
        .env("GROUP", "group")
        .stdin(&config);
    let mut bridge = Running::start(program).await;
    bridge.first_scrape().await;
    bridge.process.signal("HUP");
    let refused = bridge.process.wait_for_line("the old one goes on").await;
    assert!(
        refused.contains("standard input was read at the start"),
        "{refused}"
    );
    assert_eq!(
        bridge.scrape().await.series("gitlab_project_count").len(),
        1
    );
    assert_eq!(bridge.stop().await.code(), 0);
}

#[tokio::test]
async fn colours_are_for_terminals_alone() {
    let gitlab = gitlab_of_two().await;
    let check = || bridge_for(gitlab.url()).args(["check", "--listen", "127.0.0.1:0"]);
    let said = |finished: Finished| finished.stdout() + &finished.stderr();
    let plain = said(check().finish().await);
    let none = said(
        check()
            .env("CLICOLOR_FORCE", "1")
            .env("NO_COLOR", "1")
            .finish()
            .await,
    );
    assert!(
        !plain.contains('\u{1b}') && !none.contains('\u{1b}'),
        "{plain}"
    );
    let coloured = said(check().env("CLICOLOR_FORCE", "1").finish().await);
    assert!(coloured.contains("\u{1b}[32mok"), "{coloured}");
}

#[tokio::test]
async fn who_waits_for_a_receiver_is_told_so() {
    let gitlab = gitlab_of_two().await;
    // It takes connections and says nothing.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let endpoint = format!("http://{}", silent.local_addr().unwrap());
    for command in ["once", "check"] {
        let mut waiting = bridge_for(gitlab.url())
            .args([command, "--otlp-endpoint", &endpoint])
            .start();
        waiting.wait_for_line("waiting for the OTLP receiver").await;
    }
}

#[tokio::test]
async fn manual_pages_are_one_for_each_command() {
    let page = bridge().arg("man").finish().await;
    assert_eq!(page.code(), 0, "{page:#?}");
    assert!(
        page.stdout().contains(".TH gitlab-metrics-bridge 1"),
        "{}",
        page.stdout()
    );
    let folder = tempfile::tempdir().unwrap();
    let written = bridge()
        .args(["man", "--output"])
        .arg(folder.path())
        .finish()
        .await;
    assert_eq!((written.code(), written.stdout()), (0, String::new()));
    for command in [
        "",
        "-run",
        "-once",
        "-check",
        "-plan",
        "-health",
        "-demo",
        "-completions",
    ] {
        let file = folder
            .path()
            .join(format!("gitlab-metrics-bridge{command}.1"));
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(
            text.contains(".SH OPTIONS") || text.contains(".SH SYNOPSIS"),
            "{text}"
        );
    }
}
