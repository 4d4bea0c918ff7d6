//! Measures the bridge on many projects: what it asks, how long it takes and what it holds.
//!
//! `cargo run --release --example measure -- --projects 10000 --latency 200ms`
//!
//! GitLab is the model of the demo, in this process, made slow. The bridge is a process of its own
//! (this program again), so that its memory is its own. Everything between them is real HTTP.

mod bridge;
mod receiver;
mod series;

use std::fmt::Display;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use gitlab_metrics_bridge::simulator::{GitLab, World};

use bridge::Bridge;
use receiver::Receiver;

/// How often something in this process is timed: it takes long enough to be steady.
const REPETITIONS: usize = 5;

/// Measures the bridge against a model GitLab.
#[derive(Parser)]
struct Arguments {
    /// How many projects GitLab has
    #[arg(long, default_value_t = 10_000)]
    projects: usize,
    /// How long GitLab takes for each request
    #[arg(long, default_value = "200ms", value_parser = humantime::parse_duration)]
    latency: Duration,
    /// How long it takes besides for each project in an answer
    #[arg(long, default_value = "3ms", value_parser = humantime::parse_duration)]
    latency_per_project: Duration,
    /// How many scrapes are timed
    #[arg(long, default_value_t = 50)]
    scrapes: usize,
}

fn main() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new().context("starting the runtime")?;
    match bridge::is_this_process() {
        true => runtime.block_on(bridge::run()),
        false => runtime.block_on(measure(&Arguments::parse())),
    }
}

async fn measure(arguments: &Arguments) -> Result<()> {
    let mut world = World::large(arguments.projects);
    world.latency(arguments.latency, arguments.latency_per_project);
    let gitlab = GitLab::start(world)
        .await
        .context("starting the model GitLab")?;
    let receiver = Receiver::start().await?;
    println!(
        "{} projects; GitLab takes {:?} for a request and {:?} for each project in its answer\n",
        arguments.projects, arguments.latency, arguments.latency_per_project
    );
    println!("| what | measured |\n|---|---|");

    // One poll, so that nothing else happens while scrapes are timed.
    let bridge = Bridge::start(&gitlab, &receiver, "1h")?;
    bridge.wait_until_ready().await?;
    show_poll(&gitlab, &bridge).await?;
    show_export(&receiver, arguments.projects).await?;
    show_scrapes(&bridge, arguments).await?;
    let memory = bridge.memory();
    row("memory of the bridge after one poll (VmRSS)", memory.now);
    row("the most until then (VmHWM)", memory.most);
    drop(bridge);

    // Two snapshots are alive while the next replaces the last.
    let bridge = Bridge::start(&gitlab, &receiver, "1s")?;
    bridge.wait_until_polled(3).await?;
    let memory = bridge.memory();
    row("memory of the bridge after three polls (VmRSS)", memory.now);
    row("the most until then (VmHWM)", memory.most);
    drop(bridge);
    gitlab.stop().await;
    Ok(())
}

/// What the first poll asked, as GitLab saw it.
async fn show_poll(gitlab: &GitLab, bridge: &Bridge) -> Result<()> {
    let asked = gitlab.take_requests();
    let graphql = |path: &str| path.contains("/api/graphql");
    let of_graphql = asked
        .iter()
        .filter(|request| graphql(&request.path))
        .count();
    let text = bridge.scrape("identity").await?;
    let took = bridge::sample(&text, "gitlab_bridge_poll_duration_seconds")?;
    row("first poll, GraphQL requests", of_graphql);
    row("first poll, REST requests", asked.len() - of_graphql);
    row("first poll, wall time", format!("{took:.1} s"));
    let series = bridge::sample(&text, "gitlab_bridge_series")?;
    row("series about GitLab", series);
    Ok(())
}

async fn show_export(receiver: &Receiver, projects: usize) -> Result<()> {
    let export = receiver.first_export().await?;
    row("OTLP export, requests", export.requests);
    row("OTLP export, data points", export.points);
    row(
        "OTLP export, size without compression",
        megabytes(export.bytes),
    );
    row("OTLP export, largest request", megabytes(export.largest));
    let counting = Receiver::start().await?;
    let took = series::pushing(projects, &counting.endpoint, REPETITIONS).await?;
    row("OTLP export, wall time", milliseconds(took));
    Ok(())
}

/// Scrapes beside what they would cost if each rendered its own text.
async fn show_scrapes(bridge: &Bridge, arguments: &Arguments) -> Result<()> {
    let (plain, gzip) = (
        bridge.scrape("identity").await?,
        bridge.scrape("gzip").await?,
    );
    row("exposition, size", megabytes(plain.len()));
    row("exposition, size with gzip", megabytes(gzip.len()));
    for (encoding, what) in [("identity", "scrape"), ("gzip", "scrape with gzip")] {
        let mut times = Vec::new();
        for _ in 0..arguments.scrapes.max(1) {
            let started = Instant::now();
            bridge.scrape(encoding).await?;
            times.push(started.elapsed());
        }
        row(
            &format!("{what}, median of {}", times.len()),
            milliseconds(median(times)),
        );
    }
    let rendering = series::rendering(arguments.projects, REPETITIONS)?;
    row(
        "rendering and compressing as many series",
        milliseconds(rendering),
    );
    Ok(())
}

/// The middle one of some durations.
fn median(mut durations: Vec<Duration>) -> Duration {
    durations.sort_unstable();
    durations[durations.len() / 2]
}

fn row(what: &str, value: impl Display) {
    println!("| {what} | {value} |");
}

fn megabytes(bytes: usize) -> String {
    format!("{:.2} MB", bytes as f64 / 1e6)
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}
