//! Signals that come too early, too often, or twice.

use std::time::Duration;

use gitlab_metrics_bridge::simulator::Fault;
use reqwest::StatusCode;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::support::running::{Running, bridge_for};
use crate::{Set, world};

#[tokio::test]
async fn a_hundred_hangups_lose_nothing_and_ask_nothing() {
    let set = Set::up(world()).await;
    let mut bridge = set.start("poll: {interval: 1h}\n").await;
    set.gitlab.take_requests();
    for _ in 0..100 {
        bridge.process.signal("HUP");
    }
    bridge.process.wait_for_line("no setting has changed").await;
    let shown = bridge.scrape().await;
    assert_eq!(shown.value("gitlab_project_count", []), Some(40.0));
    bridge.wait_for_readiness(StatusCode::OK).await;
    assert_eq!(
        set.gitlab.requests().len(),
        0,
        "what has not changed goes on"
    );
    assert_eq!(bridge.stop().await.code(), 0);
}

#[tokio::test]
async fn a_hangup_during_the_start_or_the_first_poll_kills_nothing() {
    let set = Set::up(world()).await;
    set.gitlab.fault(Fault::anywhere().always().hang());
    set.write("poll: {interval: 1s}\n");
    let mut process = set.program().start();
    // Before that it is the system that starts the program.
    tokio::time::sleep(Duration::from_millis(300)).await;
    for _ in 0..5 {
        process.signal("HUP");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    process.wait_for_line("no setting has changed").await;
    set.gitlab.clear_faults();
    let finished = process.terminate_within(Duration::from_secs(5)).await;
    assert_eq!(finished.code(), 0, "{finished:#?}");
}

#[tokio::test]
async fn a_hangup_kills_no_command_that_has_nothing_to_reload() {
    let set = Set::up(world()).await;
    for command in ["once", "check"] {
        set.gitlab
            .fault(Fault::anywhere().times(1).delay(Duration::from_secs(1)));
        let program = bridge_for(set.gitlab.url()).arg(command);
        let process = program.args(["--listen", "127.0.0.1:0"]).start();
        tokio::time::sleep(Duration::from_millis(500)).await;
        process.signal("HUP");
        let finished = process.finish_within(crate::support::PATIENCE).await;
        assert_eq!(finished.code(), 0, "{command}: {finished:#?}");
    }
}

#[tokio::test]
async fn a_second_signal_to_stop_ends_at_once() {
    let set = Set::up(world()).await;
    let bridge = set.start("poll: {interval: 1s}\n").await;
    // A scrape whose answer is read too slowly holds up the end.
    let address = bridge.url("").replace("http://", "");
    let mut slow = tokio::net::TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\n")
        .await
        .unwrap();
    bridge.process.signal("TERM");
    tokio::time::sleep(Duration::from_millis(200)).await;
    let began = tokio::time::Instant::now();
    bridge.process.signal("TERM");
    let finished = bridge.process.finish_within(Duration::from_secs(5)).await;
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(finished.code(), 1, "{finished:#?}");
}

#[tokio::test]
async fn a_scrape_that_is_open_ends_before_the_process_does() {
    let set = Set::up(world()).await;
    let bridge = set.start("poll: {interval: 1s}\n").await;
    let address = bridge.url("").replace("http://", "");
    let mut open = tokio::net::TcpStream::connect(address).await.unwrap();
    open.write_all(b"GET /metrics HTTP/1.1\r\nHost: a\r\n")
        .await
        .unwrap();
    tokio::time::sleep(Duration::from_millis(200)).await;
    bridge.process.signal("TERM");
    tokio::time::sleep(Duration::from_millis(300)).await;
    open.write_all(b"Connection: close\r\n\r\n").await.unwrap();
    let mut answer = Vec::new();
    open.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer:.200}");
    assert!(answer.contains("gitlab_project_count 40"));
    let finished = bridge.process.finish_within(Duration::from_secs(5)).await;
    assert_eq!(finished.code(), 0, "{finished:#?}");
}

#[tokio::test]
async fn the_demo_reloads_too() {
    let set = Set::up(world()).await;
    std::fs::write(set.path("bridge.yaml"), "log: {level: info}\n").unwrap();
    let program = crate::support::process::bridge().arg("demo");
    let program = program.arg("--config").arg(set.path("bridge.yaml"));
    let mut bridge = Running::listening(program.args(["--listen", "127.0.0.1:0"])).await;
    bridge.first_scrape().await;
    std::fs::write(set.path("bridge.yaml"), "metrics: {disabled: [storage]}\n").unwrap();
    bridge.process.signal("HUP");
    let line = bridge.process.wait_for_line("reloaded").await;
    assert!(
        line.contains("changed=log.level,metrics.disabled"),
        "{line}"
    );
    let gone = |series: &crate::support::Series| series.is_empty();
    bridge
        .wait_for_series("gitlab_storage_size_bytes", gone)
        .await;
    assert_eq!(bridge.stop().await.code(), 0);
}
