//! GitLab, broken below HTTP.

use std::net::SocketAddr;

use futures::future::join_all;
use gitlab_metrics_bridge::simulator::{AccessToken, GitLab, World};
use reqwest::StatusCode;

use crate::support::exposition::is_own;
use crate::support::front::{Front, Wire};
use crate::support::running::{Running, TOKEN, bridge_for};
use crate::support::{Series, process::bridge};
use crate::{name, wires};

async fn gitlab() -> GitLab {
    let mut world = World::new();
    world.project_with_id("group/a", 7).commits(11);
    world
        .project_with_id("group/b", 8)
        .commits(250)
        .issues(3, 1);
    GitLab::start(world).await.unwrap()
}

fn address(gitlab: &GitLab) -> SocketAddr {
    let address = gitlab.url().trim_start_matches("http://");
    address.trim_end_matches('/').parse().unwrap()
}

async fn polled(bridge: &Running, success: f64) -> crate::support::exposition::Exposition {
    let is = move |series: &Series| series.values().eq(&[success]);
    bridge
        .wait_for_series("gitlab_bridge_last_poll_success", is)
        .await
}

async fn commits(bridge: &Running, gitlab: &GitLab, commits: u64) {
    gitlab.edit(|world| {
        world.project("group/a").commits(commits);
    });
    let shown = move |series: &Series| series.values().any(|value| *value == commits as f64);
    bridge.wait_for_series("gitlab_commits_total", shown).await;
}

fn resident(bridge: &Running) -> u64 {
    let status = format!("/proc/{}/status", bridge.process.id());
    let status = std::fs::read_to_string(status).unwrap();
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM"))
        .unwrap();
    let kilobytes = line.split_whitespace().nth(1).unwrap();
    kilobytes.parse::<u64>().unwrap() * 1024
}

/// A dripping answer has no silence, and is cut by the time of the whole request.
fn quick(url: &str) -> crate::support::process::Program {
    bridge_for(url)
        .env("GITLAB_BRIDGE_REQUEST_TIMEOUT", "3s")
        .env("GITLAB_BRIDGE_POLL_TIMEOUT", "10s")
}

#[tokio::test(flavor = "multi_thread")]
async fn however_the_wire_breaks_values_and_memory_stay_and_polls_go_on_once_it_is_whole() {
    join_all(wires().into_iter().map(async |wire| {
        let name = name(&wire);
        let gitlab = gitlab().await;
        let front = Front::before(address(&gitlab)).await;
        let bridge = Running::start(quick(&front.url())).await;
        let before = polled(&bridge, 1.0).await;
        let memory = resident(&bridge);
        front.set(wire);
        let during = polled(&bridge, 0.0).await;
        for family in before.families.keys().filter(|family| !is_own(family)) {
            assert_eq!(
                during.series(family),
                before.series(family),
                "{family}, {name}"
            );
        }
        let grown = resident(&bridge).saturating_sub(memory);
        assert!(grown < 64 << 20, "{name}: {grown} bytes more");
        front.set(Wire::Passing);
        commits(&bridge, &gitlab, 12).await;
        polled(&bridge, 1.0).await;
        let finished = bridge.stop().await;
        assert_eq!(finished.code(), 0, "{name}: {finished:#?}");
        assert!(!finished.stderr().contains("panicked"), "{name}");
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_that_is_down_or_broken_at_the_start_is_waited_for_and_no_value_is_made_up() {
    for wire in [None, Some(Wire::Silent), Some(Wire::Noise)] {
        let gitlab = gitlab().await;
        let (at, socket) = Front::closed();
        let mut closed = Some(socket);
        let mut front = None;
        if let Some(wire) = &wire {
            let open = Front::open(closed.take().unwrap(), address(&gitlab));
            open.set(wire.clone());
            front = Some(open);
        }
        let bridge = Running::start(quick(&format!("http://{at}"))).await;
        let scrape = polled(&bridge, 0.0).await;
        assert!(scrape.series("gitlab_commits_total").is_empty());
        assert!(scrape.series("gitlab_project_count").is_empty());
        assert_eq!(bridge.get("/-/healthy").await.0, StatusCode::OK);
        let (status, why) = bridge.get("/-/ready").await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{why}");
        match (&front, closed) {
            (Some(front), _) => front.set(Wire::Passing),
            (None, Some(socket)) => front = Some(Front::open(socket, address(&gitlab))),
            (None, None) => unreachable!("it is closed or open"),
        }
        bridge.wait_for_readiness(StatusCode::OK).await;
        assert!(front.unwrap().connections() > 0);
    }
}

/// What a redirect brings to another host, and how often.
#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_another_host_takes_neither_token_nor_headers_there() {
    let gitlab = gitlab().await;
    let elsewhere = Front::before(address(&gitlab)).await;
    let front = Front::before(address(&gitlab)).await;
    let program = quick(&front.url()).env("GITLAB_BRIDGE_HEADERS", "x-front-key=front-secret");
    let bridge = Running::start(program).await;
    polled(&bridge, 1.0).await;
    for status in [
        "301 Moved Permanently",
        "302 Found",
        "307 Temporary Redirect",
        "308 Permanent Redirect",
    ] {
        for to in [elsewhere.url(), format!("//{}", elsewhere.address)] {
            let head = format!("HTTP/1.1 {status}\r\nlocation: {to}/api/v4/projects\r\n");
            front.set(Wire::Saying(format!("{head}content-length: 0\r\n\r\n")));
            let asked = front.connections();
            while front.connections() < asked + 2 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
    }
    polled(&bridge, 0.0).await;
    assert_eq!(elsewhere.connections(), 0, "the other host was asked");
    front.set(Wire::Passing);
    polled(&bridge, 1.0).await;
    let finished = bridge.stop().await;
    let said = finished.stderr();
    assert!(said.contains("redirects to"), "{said}");
    assert!(
        !said.contains(TOKEN) && !said.contains("front-secret"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_circle_of_redirects_ends_and_is_told() {
    let gitlab = gitlab().await;
    let front = Front::before(address(&gitlab)).await;
    let bridge = Running::start(quick(&front.url())).await;
    polled(&bridge, 1.0).await;
    let to = format!("{}/api/v4/projects", front.url());
    front.set(Wire::Saying(format!(
        "HTTP/1.1 302 Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"
    )));
    let before = front.connections();
    polled(&bridge, 0.0).await;
    let asked = front.connections() - before;
    assert!(asked < 100, "{asked} requests in a circle");
    front.set(Wire::Passing);
    polled(&bridge, 1.0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_expires_while_it_is_used_is_told_and_a_new_one_is_taken() {
    let mut world = World::new();
    world.project_with_id("group/a", 7).commits(1);
    world.token(AccessToken::new("short-lived"));
    let gitlab = GitLab::start(world).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "short-lived\n").unwrap();
    let program = bridge()
        .env("GITLAB_URL", gitlab.url())
        .env("GITLAB_TOKEN_FILE", &file);
    let mut bridge = Running::start(program).await;
    polled(&bridge, 1.0).await;
    gitlab.edit(|world| {
        world.token(AccessToken::new("short-lived").expired());
        world.token(AccessToken::new("next"));
    });
    let during = polled(&bridge, 0.0).await;
    assert!(!during.series("gitlab_commits_total").is_empty());
    bridge.process.wait_for_line("expired").await;
    // A file is replaced by another one, as Kubernetes and cautious scripts do.
    let next = folder.path().join("token.new");
    std::fs::write(&next, "next\n").unwrap();
    std::fs::rename(&next, &file).unwrap();
    commits(&bridge, &gitlab, 2).await;
    let said = bridge.stop().await.stderr();
    assert!(!said.contains("short-lived"), "{said}");
}
