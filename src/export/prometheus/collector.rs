//! A registry of the official exporter and the instruments it reads.

use anyhow::{Context, Result};
use opentelemetry_prometheus::PrometheusExporter;
use opentelemetry_sdk::Resource;
use prometheus::{Encoder, Registry, TextEncoder};

use crate::export::histograms::HistogramCollector;
use crate::export::meter::{Instruments, ViewBatch};
use crate::metrics::{BridgeStatus, EnabledMetrics, SHARD_PROJECTS};

/// Renders what is put before its instruments.
pub struct Collector<T> {
    registry: Registry,
    instruments: Instruments<T>,
}

impl Collector<ViewBatch> {
    /// For every enabled metric about GitLab.
    pub fn about_gitlab(resource: &Resource, enabled: &EnabledMetrics) -> Result<Self> {
        let (registry, reader) = registry_and_reader(None)?;
        let instruments = Instruments::about_gitlab(reader, resource.clone(), enabled);
        for histogram in HistogramCollector::all(instruments.frame(), enabled) {
            let registered = registry.register(Box::new(histogram));
            registered.context("registering a histogram")?;
        }
        Ok(Collector {
            registry,
            instruments,
        })
    }
}

impl Collector<BridgeStatus> {
    /// For every enabled metric about the bridge itself.
    pub fn about_bridge(resource: &Resource, enabled: &EnabledMetrics) -> Result<Self> {
        // Without a word about the bridge the exposition holds what was asked for, and nothing else.
        let target = enabled.shows_any_of("bridge").then_some(TargetInfo);
        let (registry, reader) = registry_and_reader(target)?;
        Ok(Collector {
            registry,
            instruments: Instruments::about_bridge(reader, resource.clone(), enabled),
        })
    }

    /// For the enabled metrics that a shard says of itself.
    pub fn about_shards(resource: &Resource, enabled: &EnabledMetrics) -> Result<Self> {
        let mut own = enabled.clone();
        own.metrics.retain(|metric| metric.name == SHARD_PROJECTS);
        let (registry, reader) = registry_and_reader(None)?;
        Ok(Collector {
            registry,
            instruments: Instruments::about_bridge(reader, resource.clone(), &own),
        })
    }
}

impl<T: Default + Send + 'static> Collector<T> {
    /// Renders the series of this content.
    ///
    /// # Errors
    /// If reading one of them panicked.
    pub fn gather(&self, content: T) -> Result<Vec<u8>, String> {
        let families = self
            .instruments
            .collect(content, || self.registry.gather())?;
        let mut text = Vec::new();
        TextEncoder::new()
            .encode(&families, &mut text)
            .map_err(|error| error.to_string())?;
        Ok(text)
    }
}

/// The resource as a series, once in an exposition.
struct TargetInfo;

/// Names and units are chosen so that nothing must be added to them (see `metrics::reference`);
/// the exporter's own suffixes would double them.
fn registry_and_reader(target: Option<TargetInfo>) -> Result<(Registry, PrometheusExporter)> {
    let registry = Registry::new();
    let exporter = opentelemetry_prometheus::exporter();
    let exporter = match target {
        Some(TargetInfo) => exporter,
        None => exporter.without_target_info(),
    };
    let reader = exporter
        .with_registry(registry.clone())
        .without_units()
        .without_counter_suffixes()
        .scope_info_enabled(false)
        .build()
        .context("building the Prometheus exporter")?;
    Ok((registry, reader))
}
