//! Standard output and standard error that can't be written: a full disk, or closed.
#![cfg(target_os = "linux")] // Where /dev/full is.

use crate::gitlab_of_two;
use crate::support::PATIENCE;
use crate::support::process::{Finished, Program, bridge_with_streams, free_ports};
use crate::support::running::{Running, TOKEN, bridge_for};

/// Commands that end, and their exit codes where nothing stands in the way.
const COMMANDS: &[(&str, i32)] = &[
    ("metrics", 0),
    ("metrics --format markdown", 0),
    ("metrics --format json", 0),
    ("schema", 0),
    ("completions bash", 0),
    ("completions zsh", 0),
    ("--help", 0),
    ("once --help", 0),
    ("--version", 0),
    ("plan --projects 1000", 0),
    ("plan --projects 1000 --format json", 0),
    ("plan", 0),
    ("check --listen 127.0.0.1:0", 0),
    ("once", 0),
    ("once --group nope", 1),
    ("check --listen 127.0.0.1:0 --group nope", 1),
    ("--no-such-flag", 2),
    ("once --interval soon", 2),
];

/// Commands that run until they are told to stop.
const SERVING: &[&str] = &["run", "demo"];

fn command(line: &str, redirection: &str, gitlab: &str) -> Program {
    bridge_with_streams(redirection)
        .env("GITLAB_URL", gitlab)
        .env("GITLAB_TOKEN", TOKEN)
        .args(line.split(' '))
}

#[track_caller]
fn assert_ended(finished: &Finished, code: i32, line: &str) {
    assert_eq!(finished.code(), code, "{line}: {finished:#?}");
    let said = finished.stderr();
    assert!(!said.contains("panicked"), "{line}: {said}");
}

#[tokio::test]
async fn output_that_a_full_disk_refuses_is_a_failure_of_every_command() {
    let gitlab = gitlab_of_two().await;
    for (line, code) in COMMANDS {
        let finished = command(line, ">/dev/full", gitlab.url()).finish().await;
        // Wrong flags and settings have nothing to print.
        assert_ended(&finished, (*code).max(1), line);
        if *code == 0 {
            let said = finished.stderr();
            let reason = "gitlab-metrics-bridge: writing to stdout: No space left on device";
            assert!(said.contains(reason), "{line}: {said}");
        }
    }
}

#[tokio::test]
async fn a_log_that_a_full_disk_refuses_or_nobody_takes_changes_no_exit_code() {
    let gitlab = gitlab_of_two().await;
    for redirection in ["2>/dev/full", "2>&-", ">&-", ">&- 2>&-"] {
        for (line, code) in COMMANDS {
            let finished = command(line, redirection, gitlab.url())
                .env("GITLAB_BRIDGE_LOG_LEVEL", "trace")
                .finish()
                .await;
            assert_ended(&finished, *code, &format!("{line} {redirection}"));
        }
    }
}

#[tokio::test]
async fn a_reader_that_has_read_enough_is_no_failure() {
    let gitlab = gitlab_of_two().await;
    for (line, code) in COMMANDS {
        // The subshell's end closes the pipe; the exit code is that of the bridge.
        let finished = command(line, "> >(exec 0<&-)", gitlab.url()).finish().await;
        assert_ended(&finished, *code, line);
    }
}

#[tokio::test]
async fn a_bridge_whose_log_nobody_takes_goes_on_serving() {
    let gitlab = gitlab_of_two().await;
    for line in SERVING {
        for redirection in [">/dev/full 2>/dev/full", ">&- 2>&-"] {
            let [port] = free_ports();
            let mut process = command(line, redirection, gitlab.url())
                .args(["--interval", "1s", "--log-level", "trace"])
                .args(["--listen", &format!("127.0.0.1:{port}")])
                .start();
            let ready = format!("http://127.0.0.1:{port}/-/ready");
            process.wait_for_http(&ready).await;
            let finished = process.terminate_within(PATIENCE).await;
            assert_eq!(finished.code(), 0, "{line} {redirection}");
        }
    }
}

#[tokio::test]
async fn metrics_are_printed_at_each_interval_whatever_else_a_platform_sets() {
    let gitlab = gitlab_of_two().await;
    let program = bridge_for(gitlab.url())
        .env("OTEL_METRICS_EXPORTER", "console,zipkin")
        .env("OTEL_METRIC_EXPORT_INTERVAL", "200")
        .env("OTEL_RESOURCE_ATTRIBUTES", "team=a,b")
        .env("OTEL_LOG_LEVEL", "Info");
    let mut bridge = Running::start(program).await;
    let line = r#"gitlab_commits_total{project_id="2540"} 11"#;
    let deadline = tokio::time::Instant::now() + PATIENCE;
    bridge.process.wait_for_line(line).await;
    let times = |bridge: &Running| {
        let printed = bridge.process.output().stdout;
        printed
            .iter()
            .filter(|printed| printed.contains(line))
            .count()
    };
    while times(&bridge) < 3 {
        assert!(tokio::time::Instant::now() < deadline, "printed once");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    let finished = bridge.stop().await;
    let said = finished.stderr();
    for left_out in ["zipkin", "OTEL_RESOURCE_ATTRIBUTES: pair 2"] {
        assert_eq!(said.matches(left_out).count(), 1, "{said}");
    }
}

#[tokio::test]
async fn where_a_token_goes_that_has_no_address_is_said_before_it_goes_there() {
    let nowhere = bridge_with_streams("")
        .env("GITLAB_TOKEN", TOKEN)
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .env("GITLAB_BRIDGE_POLL_TIMEOUT", "1s")
        .env("GITLAB_BRIDGE_ATTEMPTS", "1")
        .arg("once");
    let finished = nowhere.finish().await;
    assert_eq!(finished.code(), 1, "{finished:#?}");
    let first = finished.stderr().lines().next().unwrap().to_owned();
    assert!(
        first.contains("https://gitlab.com") && first.contains("GITLAB_URL"),
        "{first}"
    );
}
