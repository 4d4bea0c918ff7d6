//! Changing settings while the bridge runs: SIGHUP and `POST /-/reload`, under load, with real processes and
//! sockets. What is promised here is what operators rely on when they reload in the middle of the day.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod counts;
mod exporting;
mod instances;
mod lifecycle;
mod load;
mod secrets;
mod storms;
#[path = "../support/mod.rs"]
mod support;
mod systemd;

use std::fs;
use std::path::PathBuf;

use gitlab_metrics_bridge::simulator::{GitLab, World};
use reqwest::{Method, StatusCode};
use tempfile::TempDir;

use support::process::{Program, bridge};
use support::running::{Running, TOKEN};

/// A bridge whose settings are in a file.
struct Set {
    gitlab: GitLab,
    folder: TempDir,
}

impl Set {
    /// For a GitLab of that world.
    async fn up(world: World) -> Set {
        Set {
            gitlab: GitLab::start(world).await.unwrap(),
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes the settings: an address and `more`, of which sections begin at the margin.
    fn write(&self, more: &str) {
        let text = format!("gitlab: {{url: {}}}\n{more}", self.gitlab.url());
        fs::write(self.path("bridge.yaml"), text).unwrap();
    }

    fn program(&self) -> Program {
        bridge()
            .env("GITLAB_TOKEN", TOKEN)
            .arg("--config")
            .arg(self.path("bridge.yaml"))
            .args(["--listen", "127.0.0.1:0", "--web.enable-lifecycle"])
    }

    /// Starts with these settings, and waits for the first values.
    async fn start(&self, more: &str) -> Running {
        self.write(more);
        let bridge = Running::listening(self.program()).await;
        bridge.first_scrape().await;
        bridge
    }

    /// Reloads with these settings, which are good.
    async fn reload(&self, bridge: &Running, more: &str) -> String {
        self.write(more);
        let (status, text) = post(bridge, "/-/reload").await;
        assert_eq!(status, StatusCode::OK, "{text}");
        text
    }
}

async fn post(bridge: &Running, path: &str) -> (StatusCode, String) {
    let answer = bridge.ask(Method::POST, path).await;
    (answer.status(), answer.text().await.unwrap())
}

/// Projects in two groups.
fn world() -> World {
    let mut world = World::new();
    for id in 1..=40 {
        let group = if id % 2 == 0 { "even" } else { "odd" };
        let project = world.project_with_id(&format!("{group}/p{id}"), id);
        project.commits(id).issues(id, 1).releases(2);
    }
    world
}
