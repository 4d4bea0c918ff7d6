//! Disks that are full or become read-only, and limits of files: nothing stops, nothing is broken on disk,
//! and what can be written again is.
#![cfg(target_os = "linux")] // Where a small disk can be mounted by a test.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use gitlab_metrics_bridge::simulator::{GitLab, World};
use reqwest::StatusCode;
use support::Series;
use support::process::Program;
use support::receiver::Receiver;
use support::running::{Running, TOKEN, bridge_for};
use tempfile::TempDir;
use tokio::time::sleep;

/// A disk of its own, as small as it is told to be. Who may not mount one can't run these tests.
struct Disk(TempDir);

impl Disk {
    fn of(kibibytes: u32) -> Option<Disk> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={kibibytes}k"), "tmpfs"])
            .arg(folder.path())
            .status();
        let mounted = mounted.is_ok_and(|status| status.success());
        if !mounted {
            println!("left out: this test may not mount a disk");
        }
        mounted.then_some(Disk(folder))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn remount(&self, how: &str) {
        let remounted = Command::new("mount")
            .args(["-o", &format!("remount,{how}")])
            .arg(self.0.path())
            .status();
        assert!(remounted.unwrap().success(), "{how}");
    }

    /// Fills it up to the last byte.
    fn fill(&self) -> PathBuf {
        let path = self.path("filler");
        let mut file = File::create(&path).unwrap();
        while file.write_all(&[7; 4096]).is_ok() {}
        path
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

async fn gitlab() -> GitLab {
    GitLab::start(World::large(300)).await.unwrap()
}

fn with_state(gitlab: &GitLab, state: &Path) -> Program {
    bridge_for(gitlab.url()).env("GITLAB_BRIDGE_STATE_PATH", state)
}

async fn state_is_written(bridge: &Running, success: f64) {
    let is = move |series: &Series| series.values().eq(&[success]);
    bridge
        .wait_for_series("gitlab_bridge_state_write_success", is)
        .await;
}

async fn changes_are_shown(bridge: &Running, gitlab: &GitLab, commits: u64) {
    gitlab.edit(|world| {
        let now = jiff::Timestamp::now();
        let project = world.project("group-000/project-000000");
        project.commits(commits).last_activity_at(now);
    });
    let shown = move |series: &Series| series.values().any(|value| *value == commits as f64);
    bridge.wait_for_series("gitlab_commits_total", shown).await;
}

/// What is on disk is taken by the next process as it is.
async fn is_taken(gitlab: &GitLab, state: &Path) {
    let bridge = Running::start(with_state(gitlab, state)).await;
    bridge.wait_for_readiness(StatusCode::OK).await;
    let finished = bridge.stop().await;
    assert_eq!(finished.code(), 0, "{finished:#?}");
    let said = finished.stderr();
    assert!(!said.contains("beginning with nothing"), "{said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_stops_nothing_and_what_was_written_before_stays_whole() {
    let Some(disk) = Disk::of(512) else { return };
    let (gitlab, state) = (gitlab().await, disk.path("state"));
    let bridge = Running::start(with_state(&gitlab, &state)).await;
    bridge.wait_for_readiness(StatusCode::OK).await;
    while fs::metadata(&state).is_err() {
        sleep(support::process::ASK_AGAIN).await;
    }
    let filler = disk.fill();
    changes_are_shown(&bridge, &gitlab, 4_711).await;
    state_is_written(&bridge, 0.0).await;
    changes_are_shown(&bridge, &gitlab, 4_712).await;
    fs::remove_file(filler).unwrap();
    changes_are_shown(&bridge, &gitlab, 4_713).await;
    state_is_written(&bridge, 1.0).await;
    let finished = bridge.stop().await;
    assert_eq!(finished.code(), 0, "{finished:#?}");
    let said = finished.stderr();
    assert_eq!(
        said.matches("can't write what is known").count(),
        1,
        "{said}"
    );
    assert!(said.contains("No space left on device"), "{said}");
    is_taken(&gitlab, &state).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_becomes_read_only_stops_nothing() {
    let Some(disk) = Disk::of(4096) else { return };
    let (gitlab, state) = (gitlab().await, disk.path("state"));
    let bridge = Running::start(with_state(&gitlab, &state)).await;
    bridge.wait_for_readiness(StatusCode::OK).await;
    bridge.process.signal("KILL"); // Nobody may hold a file open for writing.
    drop(bridge);
    disk.remount("ro");
    let bridge = Running::start(with_state(&gitlab, &state)).await;
    bridge.wait_for_readiness(StatusCode::OK).await;
    state_is_written(&bridge, 0.0).await;
    changes_are_shown(&bridge, &gitlab, 4_711).await;
    disk.remount("rw");
    changes_are_shown(&bridge, &gitlab, 4_712).await;
    state_is_written(&bridge, 1.0).await;
    assert_eq!(bridge.stop().await.code(), 0);
    is_taken(&gitlab, &state).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_wait_in_memory_while_the_disk_of_the_queue_is_full() {
    let Some(disk) = Disk::of(256) else { return };
    let (gitlab, mut receiver) = (gitlab().await, Receiver::refusing());
    disk.fill();
    let program = bridge_for(gitlab.url())
        .env("OTEL_METRICS_EXPORTER", "otlp,prometheus")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
        .env("OTEL_METRIC_EXPORT_INTERVAL", "500")
        .env(
            "GITLAB_BRIDGE_OTLP_QUEUE",
            format!("path={}", disk.0.path().display()),
        );
    let bridge = Running::start(program).await;
    let waiting = |series: &Series| series.values().any(|count| *count >= 3.0);
    bridge
        .wait_for_series("gitlab_bridge_export_queue_messages", waiting)
        .await;
    receiver.listen();
    let empty = |series: &Series| series.values().all(|count| *count == 0.0);
    let scrape = bridge
        .wait_for_series("gitlab_bridge_export_queue_messages", empty)
        .await;
    let given_up = scrape.series("gitlab_bridge_export_given_up_total");
    assert!(given_up.values().all(|count| *count == 0.0), "{given_up:?}");
    let finished = bridge.stop().await;
    let said = finished.stderr();
    assert_eq!(finished.code(), 0, "{said}");
    assert_eq!(said.matches("messages wait in memory").count(), 1, "{said}");
}

/// The system ends a process that writes more than it may, unless it asks not to be.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_of_the_size_of_files_ends_no_process() {
    let (gitlab, folder) = (gitlab().await, tempfile::tempdir().unwrap());
    let mut receiver = Receiver::refusing();
    let program = Program::new(Path::new("/bin/bash"))
        .args(["-c", "ulimit -f 4; exec \"$0\" \"$@\""])
        .arg(env!("CARGO_BIN_EXE_gitlab-metrics-bridge"))
        .env("GITLAB_URL", gitlab.url())
        .env("GITLAB_TOKEN", TOKEN)
        .env("GITLAB_BRIDGE_STATE_PATH", folder.path().join("state"))
        .env("OTEL_METRICS_EXPORTER", "otlp,prometheus")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
        .env("OTEL_METRIC_EXPORT_INTERVAL", "500");
    let bridge = Running::start(program).await;
    state_is_written(&bridge, 0.0).await;
    changes_are_shown(&bridge, &gitlab, 4_711).await;
    receiver.listen();
    receiver.wait_for(|received| received.ended() > 0).await;
    assert_eq!(bridge.stop().await.code(), 0);
}
