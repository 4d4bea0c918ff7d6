//! As many series as a poll brings, made up in this process to time a single step with them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use gitlab_metrics_bridge::export::{Introspect, OtlpConfig, Portion, Prometheus, Protocol, Shard};
use gitlab_metrics_bridge::metrics::{
    BridgeStatus, Catalogue, Choices, EnabledMetrics, Identity, Owner, Reading, Report, Snapshot,
    View,
};
use opentelemetry_sdk::Resource;

use super::median;

/// How long it takes to render and compress all of them, and how long after one project in a hundred
/// has changed: in as many values as a push changes, and in all.
pub fn rendering(projects: usize) -> Result<[Duration; 3]> {
    let prometheus = Prometheus::build(&resource(), shown())?;
    let places = Catalogue::standard().project_columns().len() as u64;
    let first = view(projects);
    let few = changed(&first, projects / 100, 3);
    let all = changed(&few, projects / 100, places);
    let mut durations = [Duration::ZERO; 3];
    for (duration, view) in durations.iter_mut().zip([first, few, all]) {
        let started = Instant::now();
        let rendered = prometheus.render(&view);
        rendered.map_err(|error| anyhow!("rendering: {error}"))?;
        *duration = started.elapsed();
    }
    Ok(durations)
}

/// What it costs to scrape all of them in shards.
pub struct Sharded {
    /// The first scrape of this number of shards, which splits everything.
    pub first: Duration,
    /// The first one after one project in a hundred has changed in as many values as a push changes.
    pub changed: Duration,
    /// A scrape of a shard of texts that are split.
    pub kept: Duration,
    /// Bytes with gzip: of the smallest shard, of the largest, of all of them, and of the whole text.
    pub bytes: [u64; 4],
}

/// Times scrapes of shards with gzip.
pub fn sharding(projects: usize, shards: u8) -> Result<Sharded> {
    let prometheus = Prometheus::build(&resource(), shown())?;
    let introspect: Introspect = Arc::new(|_| BridgeStatus::default());
    let scrape = |number: u8| {
        let started = Instant::now();
        let shard = Shard::read(Some(&format!("shard={number}/{shards}")));
        let shard = shard.ok().flatten().context("naming a shard")?;
        let portion = Portion::Shard {
            shard,
            own_apart: true,
        };
        let exposition = prometheus.portion(portion, &introspect, true);
        let exposition = exposition.context("splitting a text")?;
        let length = exposition.length;
        drop(exposition.pieces.concat());
        Ok::<_, anyhow::Error>((started.elapsed(), length))
    };
    let view = view(projects);
    let rendered = prometheus.render(&view);
    rendered.map_err(|error| anyhow!("rendering: {error}"))?;
    let (first, _) = scrape(1)?;
    let scrapes = (1..=shards).map(scrape).collect::<Result<Vec<_>>>()?;
    let rendered = prometheus.render(&changed(&view, projects / 100, 3));
    rendered.map_err(|error| anyhow!("rendering: {error}"))?;
    let (changed, _) = scrape(1)?;
    let lengths = || scrapes.iter().map(|(_, length)| *length);
    Ok(Sharded {
        first,
        changed,
        kept: median(scrapes.iter().map(|(took, _)| *took).collect()),
        bytes: [
            lengths().min().unwrap_or_default(),
            lengths().max().unwrap_or_default(),
            lengths().sum(),
            prometheus.exposition(&introspect, true).length,
        ],
    })
}

/// The view after so many values of so many projects, taken at random, have grown.
fn changed(view: &View, projects: usize, values: u64) -> Arc<View> {
    let mut snapshot = Snapshot::clone(&view.snapshot(0));
    let mut random = fastrand::Rng::with_seed(8);
    for _ in 0..projects {
        let index = random.usize(..snapshot.projects.len());
        let project = Arc::make_mut(&mut snapshot.projects[index]);
        for reading in project.values.iter_mut().take(values as usize) {
            *reading = Reading::known(reading.value().unwrap_or_default() + 1.0, 1);
        }
    }
    Arc::new(View::from(Arc::new(snapshot)))
}

/// How long it takes to push them over HTTP to a receiver on this machine.
pub async fn pushing(projects: usize, endpoint: &str, times: usize) -> Result<Duration> {
    let target = OtlpConfig {
        protocol: Protocol::Http,
        endpoint: format!("{endpoint}/v1/metrics").parse()?,
        ..OtlpConfig::default()
    };
    let otlp = target.build(resource(), shown())?;
    let view = view(projects);
    let introspect: Introspect = Arc::new(|_| BridgeStatus::default());
    let mut durations = Vec::new();
    for _ in 0..times {
        let started = Instant::now();
        let pushed = otlp.push(&view, &introspect).await;
        pushed.map_err(|error| anyhow!("pushing: {error}"))?;
        durations.push(started.elapsed());
    }
    Ok(median(durations))
}

fn view(projects: usize) -> Arc<View> {
    let projects: Vec<_> = (0..projects as u64)
        .map(|id| Arc::new(project(id)))
        .collect();
    let count = Some(projects.len() as u64);
    let snapshot = Snapshot::new(1, projects, count, Report::default(), &shown());
    Arc::new(View::from(Arc::new(snapshot)))
}

fn project(id: u64) -> Owner {
    let places = 0..Catalogue::standard().project_columns().len() as u64;
    let values = places.map(|place| Reading::known((id * 31 + place) as f64, id));
    let identity = Identity {
        id,
        path: format!("group-{:03}/project-{id:06}", id % 300).into(),
        name: format!("project-{id:06}").into(),
        last_activity: Some(id),
        ..Identity::default()
    };
    Owner::new(identity, id, values.collect())
}

fn shown() -> EnabledMetrics {
    EnabledMetrics::new(Catalogue::standard(), |_| true, Choices::default())
}

fn resource() -> Resource {
    Resource::builder_empty()
        .with_service_name("gitlab-metrics-bridge")
        .build()
}
