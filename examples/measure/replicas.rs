//! Two replicas on an engine: what a version costs in the engine and at whoever only shows it, and how soon one
//! follows the other.

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use gitlab_metrics_bridge::simulator::GitLab;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::bridge::{Bridge, PATIENCE, free_port};
use super::{Arguments, change_some, megabytes, milliseconds, row, seconds};

/// A real redis-server, without a disk. Killed when dropped.
struct Engine {
    port: u16,
    _process: Child,
}

/// What the engine says it has taken in and given out, and what it holds, in bytes.
struct Traffic {
    taken_in: u64,
    given_out: u64,
    held: u64,
}

impl Engine {
    /// None where there is no redis-server.
    async fn start() -> Result<Option<Engine>> {
        let port = free_port()?;
        let mut command = Command::new("redis-server");
        let text = port.to_string();
        command.args(["--port", &text, "--save", "", "--appendonly", "no"]);
        command.stdout(Stdio::null()).kill_on_drop(true);
        let Ok(process) = command.spawn() else {
            return Ok(None);
        };
        let connecting = async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(PATIENCE, connecting).await?;
        Ok(Some(Engine {
            port,
            _process: process,
        }))
    }

    async fn traffic(&self) -> Result<Traffic> {
        let mut connection = TcpStream::connect(("127.0.0.1", self.port)).await?;
        connection.write_all(b"INFO\r\nQUIT\r\n").await?;
        let mut text = String::new();
        connection.read_to_string(&mut text).await?;
        let value = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|value| value.trim().parse().ok())
                .with_context(|| format!("{name} is not told"))
        };
        Ok(Traffic {
            taken_in: value("total_net_input_bytes:")?,
            given_out: value("total_net_output_bytes:")?,
            held: value("used_memory:")?,
        })
    }
}

/// Measures two replicas, where there is a redis-server.
pub async fn show(gitlab: &GitLab, arguments: &Arguments) -> Result<()> {
    let Some(engine) = Engine::start().await? else {
        row("two replicas", "not measured: there is no redis-server");
        return Ok(());
    };
    let url = format!("redis://127.0.0.1:{}", engine.port);
    let interval = format!("{}s", arguments.interval.as_secs());
    let start = |name: &str| Bridge::start_replica(gitlab, &interval, &url, name);
    let leader = start("leader")?;
    until_it_leads(&leader).await?;
    let other = start("other")?;
    for replica in [&leader, &other] {
        until_it_shows(replica).await?;
    }
    let first = engine.traffic().await?;
    row(
        "engine, taken in for the first versions",
        bytes(first.taken_in),
    );
    row("engine, memory", bytes(first.held));
    show_versions(&engine, &leader, &other, arguments, "nothing changed").await?;
    change_some(gitlab, arguments.projects);
    show_versions(&engine, &leader, &other, arguments, "1 % changed").await?;
    super::show_memory("a replica that only shows", &other);

    let began = Instant::now();
    let (ended, led) = tokio::join!(leader.stop(), until_it_leads(&other));
    ended?;
    led?;
    row("another leads after SIGTERM", milliseconds(began.elapsed()));
    let third = start("third")?;
    until_it_shows(&third).await?;
    let began = Instant::now();
    other.kill().await?;
    until_it_leads(&third).await?;
    row(
        "another leads after a crash, lease of 15 s",
        seconds(began.elapsed()),
    );
    Ok(())
}

/// What the versions of one interval cost.
async fn show_versions(
    engine: &Engine,
    leader: &Bridge,
    other: &Bridge,
    arguments: &Arguments,
    what: &str,
) -> Result<()> {
    // The second poll comes early by chance.
    let before = (engine.traffic().await?, leader.cpu(), other.cpu());
    sleep(arguments.interval).await;
    let after = (engine.traffic().await?, leader.cpu(), other.cpu());
    let told = |name: &str| format!("{name} in an interval, {what}");
    row(
        &told("engine, taken in"),
        bytes(after.0.taken_in - before.0.taken_in),
    );
    row(
        &told("engine, given out to one replica"),
        bytes(after.0.given_out - before.0.given_out),
    );
    row(
        &told("processor time of the leader"),
        seconds(after.1 - before.1),
    );
    row(
        &told("processor time of the other"),
        seconds(after.2 - before.2),
    );
    Ok(())
}

async fn until_it_leads(replica: &Bridge) -> Result<()> {
    until(replica, "gitlab_bridge_leader", |leads| leads > 0.0).await
}

/// Waits for a complete version.
async fn until_it_shows(replica: &Bridge) -> Result<()> {
    replica.until_ready().await?;
    until(replica, "gitlab_bridge_version{of=\"shown\"}", |version| {
        version > 0.0
    })
    .await
}

async fn until(replica: &Bridge, series: &str, holds: impl Fn(f64) -> bool) -> Result<()> {
    let asking = async {
        while !replica.own(series).await.is_ok_and(&holds) {
            sleep(Duration::from_millis(2)).await;
        }
    };
    let waited = timeout(PATIENCE, asking).await;
    waited.with_context(|| format!("waiting for {series}"))
}

fn bytes(count: u64) -> String {
    megabytes(usize::try_from(count).unwrap_or(usize::MAX))
}
