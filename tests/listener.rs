//! The endpoint under those who hold connections for nothing, over real sockets and with few files.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::path::Path;
use std::time::Duration;

use gitlab_metrics_bridge::simulator::{GitLab, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use support::Series;
use support::process::Program;
use support::running::{Running, TOKEN};

async fn gitlab() -> GitLab {
    let mut world = World::new();
    world.project_with_id("group/a", 7).commits(1);
    GitLab::start(world).await.unwrap()
}

/// The bridge with so many files at most.
fn bridge_with_files(most: u32, gitlab: &GitLab) -> Program {
    Program::new(Path::new("/bin/bash"))
        .args(["-c", &format!("ulimit -n {most}; exec \"$0\" \"$@\"")])
        .arg(env!("CARGO_BIN_EXE_gitlab-metrics-bridge"))
        .env("GITLAB_URL", gitlab.url())
        .env("GITLAB_TOKEN", TOKEN)
}

/// Connections that say this much and then nothing.
async fn holding(bridge: &Running, connections: usize, text: &str) -> Vec<TcpStream> {
    let mut held = Vec::new();
    for _ in 0..connections {
        let mut stream = TcpStream::connect(("127.0.0.1", bridge.port()))
            .await
            .unwrap();
        // The bridge may have closed it for the next one.
        let _ = stream.write_all(text.as_bytes()).await;
        held.push(stream);
    }
    held
}

/// Waits until the other side has closed them all.
async fn all_closed(held: Vec<TcpStream>) {
    for mut stream in held {
        let closed = async {
            let mut bytes = [0; 4096];
            while matches!(stream.read(&mut bytes).await, Ok(1..)) {}
        };
        timeout(Duration::from_secs(30), closed).await.unwrap();
    }
}

/// What a change in GitLab looks like once it is shown.
async fn shows_commits(bridge: &Running, gitlab: &GitLab, commits: u64) {
    gitlab.edit(|world| {
        world.project("group/a").commits(commits);
    });
    let shown = move |series: &Series| series.values().any(|value| *value == commits as f64);
    bridge.wait_for_series("gitlab_commits_total", shown).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn half_open_connections_beyond_the_limit_of_files_stop_nothing_and_are_closed() {
    let gitlab = gitlab().await;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let program = bridge_with_files(64, &gitlab).arg("--state").arg(&state);
    let bridge = Running::start(program).await;
    shows_commits(&bridge, &gitlab, 2).await;

    let mut held = holding(&bridge, 250, "").await;
    held.extend(holding(&bridge, 250, "GET /metrics HTTP/1.1\r\n").await);
    let written = || std::fs::metadata(&state).and_then(|state| state.modified());
    let before = written().unwrap();
    shows_commits(&bridge, &gitlab, 3).await;
    while written().unwrap() == before {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    all_closed(held).await;
    shows_commits(&bridge, &gitlab, 4).await;
    let finished = bridge.stop().await;
    let log = finished.stderr();
    assert!(!log.contains("Too many open files"), "{log}");
    let told = log.matches("all connections to our endpoint").count();
    assert!(told <= 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_that_never_read_beyond_the_limit_of_files_keep_nobody_out() {
    let gitlab = GitLab::start(World::large(2_000)).await.unwrap();
    let bridge = Running::start(bridge_with_files(64, &gitlab)).await;
    bridge.first_scrape().await;
    let _held = holding(&bridge, 180, "GET /metrics HTTP/1.1\r\nhost: a\r\n\r\n").await;
    bridge.first_scrape().await;
}

/// What may be open of a process from now on.
fn limit_files(bridge: &Running, most: usize) {
    let pid = bridge.process.id().to_string();
    let limited = std::process::Command::new("prlimit")
        .args(["--pid", &pid, &format!("--nofile={most}:20000")])
        .status();
    assert!(limited.is_ok_and(|status| status.success()), "prlimit");
}

fn refused(reason: &'static str) -> impl Fn(&Series) -> bool {
    move |series| {
        let of_it = series.iter().find(|(labels, _)| labels["reason"] == reason);
        of_it.is_some_and(|(_, count)| *count > 0.0)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_can_not_be_accepted_are_counted_and_told_once() {
    let gitlab = gitlab().await;
    let bridge = Running::start(bridge_with_files(20_000, &gitlab)).await;
    shows_commits(&bridge, &gitlab, 2).await;
    let open = std::fs::read_dir(format!("/proc/{}/fd", bridge.process.id())).unwrap();
    limit_files(&bridge, open.count().saturating_sub(2));
    let held = holding(&bridge, 5, "").await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    limit_files(&bridge, 20_000);
    drop(held);
    let metric = "gitlab_bridge_connections_refused_total";
    bridge
        .wait_for_series(metric, refused("accept_error"))
        .await;
    shows_commits(&bridge, &gitlab, 3).await;
    let finished = bridge.stop().await;
    let log = finished.stderr();
    let told = log.matches("a connection to our endpoint can't be accepted");
    assert_eq!(told.count(), 1, "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_scrapes_at_once_are_all_answered_and_polls_go_on() {
    let gitlab = GitLab::start(World::large(200)).await.unwrap();
    let bridge = Running::start(bridge_with_files(1_024, &gitlab)).await;
    let expected = bridge.first_scrape().await.series("gitlab_commits_total");
    let files = rustix::process::Rlimit {
        current: Some(4_096),
        maximum: Some(4_096),
    };
    // The test needs a descriptor for each.
    let _ = rustix::process::setrlimit(rustix::process::Resource::Nofile, files);
    let request = "GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let scrapes = (0..1_000).map(async |_| {
        let mut stream = TcpStream::connect(("127.0.0.1", bridge.port())).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        Ok::<_, std::io::Error>(answer)
    });
    let answers = timeout(support::PATIENCE, futures::future::join_all(scrapes));
    for answer in answers.await.unwrap() {
        let answer = answer.unwrap();
        assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
        let lines = answer.lines();
        let commits = lines.filter(|line| line.starts_with("gitlab_commits_total{"));
        assert_eq!(commits.count(), expected.len());
    }
    gitlab.edit(|world| {
        let now = jiff::Timestamp::now();
        let project = world.project("group-000/project-000000");
        project.commits(4_711).last_activity_at(now);
    });
    let shown = |series: &Series| series.values().any(|value| *value == 4_711.0);
    bridge.wait_for_series("gitlab_commits_total", shown).await;
}
