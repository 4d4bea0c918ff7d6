//! The commands that need no GitLab.

use serde_json::Value;

use crate::gitlab_of_two;
use crate::support::Series;
use crate::support::process::bridge;
use crate::support::running::{Running, bridge_for};

#[tokio::test]
async fn the_catalogue_is_printed_as_text_markdown_and_json() {
    let print = async |arguments: &[&str]| {
        let finished = bridge().arg("metrics").args(arguments).finish().await;
        assert_eq!((finished.code(), finished.stderr().as_str()), (0, ""));
        finished.stdout()
    };
    let (text, markdown) = (print(&[]).await, print(&["--format", "markdown"]).await);
    let json: Value = serde_json::from_str(&print(&["--format", "json"]).await).unwrap();
    assert_eq!(text, print(&["--format", "text"]).await);
    let metrics = json.as_array().or(json["metrics"].as_array()).unwrap();
    assert!(metrics.len() > 10);
    for metric in metrics {
        let name = metric["name"].as_str().unwrap();
        assert!(text.contains(name) && markdown.contains(name), "{name}");
    }
}

#[tokio::test]
async fn completions_and_help_name_the_commands() {
    for arguments in [&["completions", "bash"][..], &["--help"]] {
        let finished = bridge().args(arguments).finish().await;
        assert_eq!(finished.code(), 0, "{finished:#?}");
        for command in [
            "run",
            "once",
            "check",
            "plan",
            "health",
            "demo",
            "metrics",
            "completions",
        ] {
            assert!(
                finished.stdout().contains(command),
                "{arguments:?} lacks {command}"
            );
        }
    }
}

#[tokio::test]
async fn the_demo_needs_nothing_and_its_counts_move() {
    let program = bridge()
        .args(["demo", "--projects", "1000", "--change-every", "100ms"])
        .args(["--listen", "127.0.0.1:0", "--interval", "1s"]);
    let demo = Running::listening(program).await;
    let known = |series: &Series| series.len() == 1000;
    let scrape = demo.wait_for_series("gitlab_commits_total", known).await;
    let commits = scrape.series("gitlab_commits_total");
    demo.wait_for_series("gitlab_commits_total", |now| *now != commits)
        .await;
    let stderr = demo.process.output().stderr.join("\n");
    assert!(
        stderr.contains("model of GitLab runs at http://127.0.0.1:"),
        "{stderr}"
    );
    assert!(stderr.contains("/metrics"), "{stderr}");
    assert_eq!(demo.stop().await.code(), 0);
}

#[tokio::test]
async fn help_and_version_are_words_as_well_as_flags() {
    let said = async |arguments: &[&str]| {
        let finished = bridge().args(arguments).finish().await;
        assert_eq!((finished.code(), finished.stderr().as_str()), (0, ""));
        finished.stdout()
    };
    assert_eq!(said(&["help"]).await, said(&["--help"]).await);
    assert_eq!(
        said(&["help", "once"]).await,
        said(&["once", "--help"]).await
    );
    assert_eq!(said(&["version"]).await, said(&["--version"]).await);
    assert!(said(&["version"]).await.contains(env!("CARGO_PKG_VERSION")));
}

#[tokio::test]
async fn a_port_alone_is_enough_to_listen_on() {
    let gitlab = gitlab_of_two().await;
    for (arguments, host) in [
        (&["--port", "0"][..], "127.0.0.1:"),
        (&["--listen", ":0"], "0.0.0.0:"),
        (&["--listen", "[::1]:9", "--port", "0"], "[::1]:"),
    ] {
        let program = bridge_for(gitlab.url()).args(arguments);
        let bridge = Running::listening(program).await;
        let started = bridge.process.output().stderr.join("\n");
        assert!(started.contains(&format!("listen={host}")), "{started}");
        bridge.stop().await;
    }
}
