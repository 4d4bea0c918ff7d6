//! A name that does not resolve, and later does. The program runs with a list of hosts of its own.
#![cfg(target_os = "linux")] // Where a process can have one.

use std::fs;
use std::path::Path;
use std::process::Command;

use gitlab_metrics_bridge::simulator::{GitLab, World};

use crate::support::Series;
use crate::support::process::Program;
use crate::support::running::{Running, TOKEN};

const SHELL: &str = "mount --bind \"$HOSTS\" /etc/hosts && \
    mount --bind \"$SWITCH\" /etc/nsswitch.conf && exec \"$0\" \"$@\"";

/// Whether this machine lets a test do that.
fn may_mount() -> bool {
    let tried = Command::new("unshare")
        .args(["-m", "mount", "--bind", "/etc/hosts", "/etc/hosts"])
        .status();
    let may =
        tried.is_ok_and(|status| status.success()) && Path::new("/etc/nsswitch.conf").exists();
    if !may {
        println!("left out: this test may not give a process a list of hosts of its own");
    }
    may
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_does_not_resolve_is_told_and_looked_up_again() {
    if !may_mount() {
        return;
    }
    let mut world = World::new();
    world.project_with_id("group/a", 7).commits(11);
    let gitlab = GitLab::start(world).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (hosts, switch) = (folder.path().join("hosts"), folder.path().join("switch"));
    fs::write(&hosts, "127.0.0.1 localhost\n").unwrap();
    fs::write(&switch, "hosts: files\n").unwrap();
    let port = gitlab
        .url()
        .trim_end_matches('/')
        .rsplit(':')
        .next()
        .unwrap();
    let program = Program::new(Path::new("/usr/bin/env"))
        .args(["unshare", "-m", "/bin/bash", "-c", SHELL])
        .arg(env!("CARGO_BIN_EXE_gitlab-metrics-bridge"))
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("HOSTS", &hosts)
        .env("SWITCH", &switch)
        .env("GITLAB_URL", format!("http://gitlab.test:{port}"))
        .env("GITLAB_TOKEN", TOKEN);
    let mut bridge = Running::start(program).await;
    let polled = |wanted: f64| move |series: &Series| series.values().eq(&[wanted]);
    let metric = "gitlab_bridge_last_poll_success";
    bridge.wait_for_series(metric, polled(0.0)).await;
    let line = bridge.process.wait_for_line("poll incomplete").await;
    assert!(line.contains("resolve") || line.contains("name"), "{line}");
    // In its place: the process sees the file and not its name.
    fs::write(&hosts, "127.0.0.1 localhost gitlab.test\n").unwrap();
    bridge.wait_for_series(metric, polled(1.0)).await;
}
