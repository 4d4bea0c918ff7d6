//! As many series as a poll brings, made up in this process to time a single step with them.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use gitlab_metrics_bridge::export::{Introspect, OtlpConfig, Prometheus, Protocol};
use gitlab_metrics_bridge::metrics::{
    BridgeStatus, Catalogue, EnabledMetrics, Identity, Owner, Reading, Report, Snapshot, View,
};
use opentelemetry_sdk::Resource;

use super::median;

/// How long it takes to collect, encode and compress them: what every scrape would cost if it were
/// done then. There is no connection in it.
pub fn rendering(projects: usize, times: usize) -> Result<Duration> {
    let prometheus = Prometheus::build(&resource(), shown())?;
    let view = view(projects);
    let mut durations = Vec::new();
    for _ in 0..times {
        let started = Instant::now();
        let rendered = prometheus.render(&view);
        rendered.map_err(|error| anyhow!("rendering: {error}"))?;
        durations.push(started.elapsed());
    }
    Ok(median(durations))
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
    EnabledMetrics::new(Catalogue::standard(), |_| true, false)
}

fn resource() -> Resource {
    Resource::builder_empty()
        .with_service_name("gitlab-metrics-bridge")
        .build()
}
