//! `docs/getting-started.md`, followed command by command against a model of GitLab.

use std::path::Path;
use std::time::Duration;

use gitlab_metrics_bridge::simulator::{GitLab, World};
use tokio::time::sleep;

use super::text;
use crate::support::process::{Process, Program, free_ports, http_client};
use crate::support::running::TOKEN;

/// What builds the program, which the test has been given.
const INSTALLATION: &str = "cargo install --locked --path .";

/// What stops a program, in words outside the blocks.
const INTERRUPT: &str = "Stop it with Ctrl-C";

/// The lines of all blocks that are for a shell, in their order, and where a program is to be stopped.
fn steps(document: &str) -> Vec<&str> {
    let mut is_block = false;
    let mut steps = Vec::new();
    for line in document.lines() {
        match line {
            "```sh" => is_block = true,
            "```" => is_block = false,
            line if is_block || line.starts_with(INTERRUPT) => steps.push(line),
            _ => {}
        }
    }
    steps
}

/// Whether a command runs until it is stopped.
fn stays(command: &str) -> bool {
    command == "gitlab-metrics-bridge demo" || command.starts_with("gitlab-metrics-bridge --config")
}

/// A reader at a terminal.
struct Reader {
    folder: tempfile::TempDir,
    gitlab: String,
    port: u16,
    /// What has been exported so far.
    exported: Vec<String>,
}

impl Reader {
    /// A command as this reader types it, with an address and a port of the test's own.
    fn program(&self, command: &str) -> Program {
        let program = Path::new(env!("CARGO_BIN_EXE_gitlab-metrics-bridge"));
        let programs = program.parent().unwrap().display();
        let script = [&self.exported.join("\n"), command].join("\n");
        let script = script.replace("https://gitlab.example.com", &self.gitlab);
        let script = script.replace(":9464", &format!(":{}", self.port));
        Program::new(Path::new("/bin/bash"))
            .args(["-euo", "pipefail", "-c", &script])
            .env("PATH", format!("{programs}:/usr/local/bin:/usr/bin:/bin"))
            .env("OTEL_EXPORTER_PROMETHEUS_PORT", self.port.to_string())
            .current_dir(self.folder.path())
    }

    async fn starts(&self, command: &str) -> Process {
        let process = self.program(&format!("exec {command}")).start();
        let ready = format!("http://127.0.0.1:{}/-/ready", self.port);
        for _ in 0..600 {
            let answer = http_client().get(&ready).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return process;
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("{command} is not ready: {:#?}", process.output());
    }
}

#[tokio::test]
async fn every_command_of_getting_started_works() {
    let mut world = World::new();
    world.project("platform/api").commits(11);
    world.project("platform/tools/cli").commits(250);
    let gitlab = GitLab::start(world).await.unwrap();
    let [port] = free_ports();
    let mut reader = Reader {
        folder: tempfile::tempdir().unwrap(),
        gitlab: gitlab.url().trim_end_matches('/').to_owned(),
        port,
        exported: Vec::new(),
    };
    let document = text(Path::new("docs/getting-started.md"));
    let steps = steps(&document);
    assert_eq!(steps.first(), Some(&INSTALLATION));
    assert!(steps.len() >= 12, "{steps:?}");
    let mut running: Option<Process> = None;
    for command in &steps[1..] {
        if command.starts_with(INTERRUPT) {
            let before = running.take().expect("something runs");
            before.signal("INT");
            let ended = before.finish_within(Duration::from_secs(20)).await;
            assert_eq!(ended.code(), 0, "{ended:#?}");
        } else if command.starts_with("export ") {
            reader.exported.push((*command).to_owned());
        } else if stays(command) {
            assert!(running.is_none(), "two bridges at one port");
            running = Some(reader.starts(command).await);
        } else {
            // The token is pasted, and the answers that are offered are taken by Enter.
            let answers = match command.contains("cat >") {
                true => format!("{TOKEN}\n"),
                false => "\n".repeat(9),
            };
            let typed = reader.program(command).stdin(&answers);
            let finished = typed.finish().await;
            assert_eq!(finished.code(), 0, "{command}: {finished:#?}");
            if command.contains("/metrics") {
                assert!(finished.stdout().contains("gitlab_"), "{finished:#?}");
            }
        }
    }
    assert!(running.is_some(), "nothing runs in the end");
}
