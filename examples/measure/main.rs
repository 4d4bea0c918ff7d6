//! Measures the bridge on many projects: what it asks, how long it takes and what it holds.
//!
//! `cargo run --release --example measure -- --projects 10000 --latency 200ms`
//!
//! GitLab is the model of the demo, in this process, made slow. The bridge is a process of its own
//! (this program again), so that its memory is its own. Everything between them is real HTTP.

mod bridge;
mod receiver;
mod replicas;
mod series;

use std::fmt::Display;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use gitlab_metrics_bridge::simulator::{GitLab, World};

use tokio::time::sleep;

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
    #[arg(long, default_value = "0s", value_parser = humantime::parse_duration)]
    latency: Duration,
    /// How long it takes besides for each project in an answer
    #[arg(long, default_value = "0s", value_parser = humantime::parse_duration)]
    latency_per_project: Duration,
    /// Measures nothing but two replicas on an engine
    #[arg(long)]
    only_replicas: bool,
    /// How many scrapes are timed
    #[arg(long, default_value_t = 50)]
    scrapes: usize,
    /// The interval of polls while their cost is measured: longer than any of them takes
    #[arg(long, default_value = "20s", value_parser = humantime::parse_duration)]
    interval: Duration,
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

    if arguments.only_replicas {
        return replicas::show(&gitlab, arguments).await;
    }
    // One poll, so that nothing else happens while scrapes are timed.
    let bridge = Bridge::start(&gitlab, Some(&receiver.endpoint), "1h", None)?;
    bridge.wait_until_ready().await?;
    show_poll(&gitlab, &bridge).await?;
    show_export(&receiver, arguments.projects).await?;
    show_scrapes(&bridge, arguments).await?;
    show_memory("both exporters, one poll", &bridge);
    drop(bridge);

    show_polls(&gitlab, arguments).await?;
    show_restart(&gitlab).await?;
    replicas::show(&gitlab, arguments).await?;
    show_rendering(arguments.projects)?;
    show_shards(arguments.projects)?;
    gitlab.stop().await;
    Ok(())
}

fn show_memory(when: &str, bridge: &Bridge) {
    let memory = bridge.memory();
    row(&format!("memory, {when} (VmRSS)"), memory.now);
    row(&format!("memory, {when}, at peak (VmHWM)"), memory.most);
}

/// What polls cost that find nothing changed, and one that finds one project in a hundred changed.
async fn show_polls(gitlab: &GitLab, arguments: &Arguments) -> Result<()> {
    const IDLE: u32 = 3;
    let interval = format!("{}s", arguments.interval.as_secs());
    let bridge = Bridge::start(gitlab, None, &interval, None)?;
    bridge.wait_until_ready().await?;
    row("first poll, processor time", seconds(bridge.cpu()));
    // The second poll comes early by chance. Nobody scrapes meanwhile.
    sleep(arguments.interval * 2).await;
    let before = bridge.cpu();
    sleep(arguments.interval * IDLE).await;
    let idle = (bridge.cpu() - before) / IDLE;
    row("idle poll, processor time", seconds(idle));
    change_some(gitlab, arguments.projects);
    let before = bridge.cpu();
    sleep(arguments.interval).await;
    let changed = bridge.cpu() - before;
    row("poll after 1 % changed, processor time", seconds(changed));
    show_memory("polling for a while", &bridge);
    Ok(())
}

/// Changes one project in a hundred.
fn change_some(gitlab: &GitLab, projects: usize) {
    gitlab.edit(|world| {
        for index in (0..projects).step_by(100) {
            let index = (index * 7919 + 13) % projects;
            let path = format!("group-{:03}/project-{index:06}", index % 300);
            world.events(&path).push(3);
        }
    });
}

/// How soon a new process shows what the one before it knew.
async fn show_restart(gitlab: &GitLab) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let state = folder.path().join("state");
    let bridge = Bridge::start(gitlab, None, "1h", Some(&state))?;
    bridge.wait_until_ready().await?;
    let whole = bridge.scrape("gzip").await?.len();
    bridge.stop().await?;
    let bridge = Bridge::start(gitlab, None, "1h", Some(&state))?;
    let (took, text) = bridge.first_scrape().await?;
    row("restart with a state to the first scrape", seconds(took));
    let share = 100 * text.len() / whole.max(1);
    row(
        "that scrape beside the last one before",
        format!("{share} %"),
    );
    show_memory("after a restart", &bridge);
    Ok(())
}

/// What rendering costs alone, in this process.
fn show_rendering(projects: usize) -> Result<()> {
    let [all, few, many] = series::rendering(projects)?;
    let share = |part: Duration| format!("{:.1} %", 100.0 * part.as_secs_f64() / all.as_secs_f64());
    row("rendering everything, wall time", seconds(all));
    row("rendering after 1 % changed in 3 values", share(few));
    row("rendering after 1 % changed in all values", share(many));
    Ok(())
}

/// What scrapes of shards cost, in this process.
fn show_shards(projects: usize) -> Result<()> {
    for shards in [4, 16] {
        let series::Sharded {
            first,
            changed,
            kept,
            bytes,
        } = series::sharding(projects, shards)?;
        let named = |what: &str| format!("{shards} shards: {what}");
        let [least, most, all, whole] = bytes.map(|bytes| bytes as f64);
        let of_whole = |part: f64| format!("{:.1} %", 100.0 * part / whole);
        row(&named("splitting everything"), seconds(first));
        row(&named("after 1 % changed in 3 values"), seconds(changed));
        row(&named("a scrape with gzip"), milliseconds(kept));
        let sizes = format!("{} to {}", of_whole(least), of_whole(most));
        row(&named("size of one, of the whole"), sizes);
        row(&named("size of all, of the whole"), of_whole(all));
    }
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

fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

fn milliseconds(duration: Duration) -> String {
    format!("{:.1} ms", duration.as_secs_f64() * 1e3)
}
