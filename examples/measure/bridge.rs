//! The bridge as a process of its own, and what can be seen of it from outside.

use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use axum::body::Bytes;
use gitlab_metrics_bridge::app::{self, Hangups, Source};
use gitlab_metrics_bridge::config::{Config, Flags};
use gitlab_metrics_bridge::simulator::{DEMO_TOKEN, GitLab};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::megabytes;

/// Says that this process is the bridge under measurement.
const IS_BRIDGE: &str = "MEASURE_IS_BRIDGE";
/// How often the bridge is asked how far it is.
const ASK_AGAIN: Duration = Duration::from_millis(50);
/// How long anything may take before something must be wrong.
pub const PATIENCE: Duration = Duration::from_secs(900);

/// Whether this process was started to be the bridge.
pub fn is_this_process() -> bool {
    std::env::var_os(IS_BRIDGE).is_some()
}

/// What `gitlab-metrics-bridge run` does.
pub async fn run() -> Result<()> {
    let config = Config::load(&Flags::default(), &std::env::vars().collect())?;
    app::start_logging(&config.log)?;
    let again = config.clone();
    let source: Source = Arc::new(move || Ok(again.clone()));
    app::run(config, source, Hangups::listen()?).await
}

/// The running bridge. Killed when dropped.
pub struct Bridge {
    process: Child,
    address: String,
    client: reqwest::Client,
}

/// What the system says of its memory.
pub struct Memory {
    /// Resident now.
    pub now: String,
    /// The most that was ever resident.
    pub most: String,
}

impl Bridge {
    /// Starts it with both exporters on, without a budget, and everything else as it is by default.
    /// Without an endpoint OTLP is off; with a state it is resumed from that.
    pub fn start(
        gitlab: &GitLab,
        endpoint: Option<&str>,
        interval: &str,
        state: Option<&Path>,
    ) -> Result<Bridge> {
        Bridge::start_on(free_port()?, gitlab, endpoint, interval, state)
    }

    /// Like [`Bridge::start`], on a port of the caller's.
    pub fn start_on(
        port: u16,
        gitlab: &GitLab,
        endpoint: Option<&str>,
        interval: &str,
        state: Option<&Path>,
    ) -> Result<Bridge> {
        let mut command = command(port, gitlab, interval)?;
        match endpoint {
            Some(endpoint) => command.env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint),
            None => command.env("OTEL_METRICS_EXPORTER", "prometheus"),
        };
        if let Some(state) = state {
            command.env("GITLAB_BRIDGE_STATE_PATH", state);
        }
        Bridge::spawned(command, port)
    }

    /// One of several replicas on an engine.
    #[allow(dead_code, reason = "the soak has one process")]
    pub fn start_replica(
        gitlab: &GitLab,
        interval: &str,
        engine: &str,
        name: &str,
    ) -> Result<Bridge> {
        let port = free_port()?;
        let mut command = command(port, gitlab, interval)?;
        command
            .env("OTEL_METRICS_EXPORTER", "prometheus")
            .env("GITLAB_BRIDGE_CLUSTER_URL", engine)
            .env("GITLAB_BRIDGE_CLUSTER_REPLICA", name);
        Bridge::spawned(command, port)
    }

    fn spawned(mut command: Command, port: u16) -> Result<Bridge> {
        let process = command.spawn().context("starting the bridge")?;
        Ok(Bridge {
            process,
            address: format!("http://127.0.0.1:{port}"),
            client: reqwest::Client::builder().no_proxy().no_gzip().build()?,
        })
    }

    /// What it says of itself, where that is apart from what it says of GitLab.
    #[allow(dead_code, reason = "the soak has one process")]
    pub async fn own(&self, series: &str) -> Result<f64> {
        let answer = self.client.get(format!("{}/metrics/bridge", self.address));
        let text = answer.send().await?.error_for_status()?.bytes().await?;
        sample(&text, series)
    }

    /// Waits until it says that it is ready and shows the first poll.
    pub async fn wait_until_ready(&self) -> Result<()> {
        self.until_ready().await?;
        self.wait_until_polled(1).await
    }

    /// Waits until it says that it is ready.
    pub async fn until_ready(&self) -> Result<()> {
        let ready = format!("{}/-/ready", self.address);
        let asking = async {
            while !self.answers(&ready).await {
                sleep(ASK_AGAIN).await;
            }
        };
        let patient = timeout(PATIENCE, asking).await;
        patient.context("waiting for the first poll")
    }

    /// Waits until it shows so many polls.
    pub async fn wait_until_polled(&self, polls: u32) -> Result<()> {
        // The first text is rendered before any poll, and is empty.
        let rendered = f64::from(polls + 1);
        let series = r#"gitlab_bridge_exports_total{exporter="prometheus",outcome="success"}"#;
        let asking = async {
            loop {
                if let Ok(text) = self.scrape("identity").await
                    && sample(&text, series).is_ok_and(|count| count >= rendered)
                {
                    return;
                }
                sleep(ASK_AGAIN).await;
            }
        };
        let patient = timeout(PATIENCE, asking).await;
        patient.with_context(|| format!("waiting for {polls} polls"))
    }

    /// The exposition as it comes over the wire.
    pub async fn scrape(&self, encoding: &str) -> Result<Bytes> {
        let request = self.client.get(format!("{}/metrics", self.address));
        let answer = request.header("accept-encoding", encoding).send().await?;
        Ok(answer.error_for_status()?.bytes().await?)
    }

    /// Ends it as an operator does, and waits until it has ended.
    pub async fn stop(mut self) -> Result<()> {
        let id = self.process.id().context("it has ended already")?;
        let mut kill = Command::new("kill");
        kill.arg(id.to_string()).status().await?;
        timeout(PATIENCE, self.process.wait()).await??;
        Ok(())
    }

    /// Ends it as a crash does.
    pub async fn kill(mut self) -> Result<()> {
        Ok(self.process.kill().await?)
    }

    /// What the system calls it.
    #[allow(dead_code, reason = "the soak alone looks there")]
    pub fn id(&self) -> u32 {
        self.process.id().unwrap_or_default()
    }

    /// How long it takes from now to the first answer, and that answer: connections wait until
    /// something can be shown.
    pub async fn first_scrape(&self) -> Result<(Duration, Bytes)> {
        let started = Instant::now();
        let patient = timeout(PATIENCE, async {
            loop {
                if let Ok(text) = self.scrape("gzip").await {
                    return text;
                }
                sleep(Duration::from_millis(1)).await;
            }
        });
        let text = patient.await.context("waiting for the first answer")?;
        Ok((started.elapsed(), text))
    }

    /// The processor time it has used, where the system has `/proc`, in steps of 10 ms.
    pub fn cpu(&self) -> Duration {
        /// The kernel counts in these, whatever it is built with.
        const TICK: Duration = Duration::from_millis(10);
        let id = self.process.id().unwrap_or_default();
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let fields = stat.rsplit(')').next().unwrap_or_default();
        let fields = fields.split_whitespace().skip(11).take(2);
        let ticks: u32 = fields.filter_map(|ticks| ticks.parse::<u32>().ok()).sum();
        TICK * ticks
    }

    /// Its memory, where the system has `/proc`.
    pub fn memory(&self) -> Memory {
        let id = self.process.id().unwrap_or_default();
        let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap_or_default();
        let value = |name| {
            let line = status.lines().find_map(|line| line.strip_prefix(name))?;
            let kibibytes: usize = line.split_whitespace().nth(1)?.parse().ok()?;
            Some(megabytes(kibibytes * 1024))
        };
        let unknown = || "not known".to_owned();
        Memory {
            now: value("VmRSS").unwrap_or_else(unknown),
            most: value("VmHWM").unwrap_or_else(unknown),
        }
    }

    async fn answers(&self, url: &str) -> bool {
        let answer = self.client.get(url).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }
}

/// This program as the bridge, without an exporter yet.
fn command(port: u16, gitlab: &GitLab, interval: &str) -> Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command
        .env_clear()
        .env(IS_BRIDGE, "1")
        .env("GITLAB_URL", gitlab.url())
        .env("GITLAB_TOKEN", DEMO_TOKEN)
        .env("GITLAB_BRIDGE_POLL_INTERVAL", interval)
        // The model may be asked as fast as it answers: its latency is what is measured.
        .env("GITLAB_BRIDGE_POLL_BUDGET", "none")
        .env("GITLAB_BRIDGE_LOG_LEVEL", "warn")
        .env("OTEL_EXPORTER_PROMETHEUS_PORT", port.to_string())
        .stdin(Stdio::null())
        .kill_on_drop(true);
    Ok(command)
}

/// A port that was free just now.
pub fn free_port() -> Result<u16> {
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("finding a free port")?;
    Ok(free.local_addr()?.port())
}

/// The value of a series, named as it is written with all its attributes.
pub fn sample(exposition: &[u8], series: &str) -> Result<f64> {
    let text = std::str::from_utf8(exposition).context("reading the exposition")?;
    let mut values = text
        .lines()
        .filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let value = values
        .next()
        .with_context(|| format!("{series} is not in the exposition"))?;
    value
        .parse()
        .with_context(|| format!("{series} is {value}"))
}
