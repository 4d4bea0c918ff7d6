//! What a configuration chooses, beyond what it says in so many words.

use std::path::Path;

use anyhow::{Context, Result};
use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;

use super::misconfigured::misconfigured;
use crate::config::{self, Config};
use crate::export::{Otlp, OtlpConfig, Web};
use crate::metrics::{Catalogue, EnabledMetrics, Metric, ScrapeNames};
use crate::poll::Patterns;

/// Refuses a configuration without a token, before anything is started.
///
/// # Errors
/// If a GitLab has none.
pub fn require_tokens(config: &Config) -> Result<()> {
    let mut gitlabs = config.instances.iter().map(|instance| &instance.gitlab);
    Ok(gitlabs.try_for_each(|gitlab| gitlab.token().map(drop))?)
}

/// The metrics that the configuration leaves on or enables.
///
/// # Errors
/// If a pattern is not valid.
pub fn enabled_metrics(config: &Config) -> Result<EnabledMetrics> {
    let config::Metrics {
        enabled,
        disabled,
        choices,
    } = &config.metrics;
    let patterns = |names: &[String], key| {
        let patterns = Patterns::new(names).context(key);
        patterns.map_err(misconfigured)
    };
    let on = patterns(enabled, "metrics.enabled")?;
    let off = patterns(disabled, "metrics.disabled")?;
    let mut choices = choices.clone();
    if !config.export.prometheus {
        choices.scrape_names = ScrapeNames::GitLab;
    }
    let catalogue = Catalogue::standard().with_names(choices.scrape_names);
    // Nobody would be shown what a scrape finds under another name, if nothing is pushed.
    let pushes = config.export.otlp.is_some();
    let by_subject =
        |names: &[String], metric: &Metric| names.iter().any(|name| name == metric.subject.name);
    let by_conventions = choices.conventions.is_some();
    let is_shown = |metric: &Metric| {
        let is_on = metric.by_default
            || metric.by_conventions && by_conventions
            || on.matches(metric.name)
            || metric.by_subject && by_subject(enabled, metric);
        let is_off = off.matches(metric.name) || by_subject(disabled, metric);
        is_on && !is_off && (pushes || !catalogue.has_another_name_for(metric.name))
    };
    let keep = |name: &str| catalogue.find(name).is_some_and(is_shown);
    Ok(EnabledMetrics::new(catalogue, keep, choices))
}

/// The web configuration of the listeners, if there is one.
///
/// # Errors
/// If it is not valid.
pub fn web(config: &Config) -> Result<Option<Web>> {
    Web::build(&config.export).map_err(misconfigured)
}

/// A resource as another instance of the service.
pub fn as_instance(resource: &Resource, instance: &str) -> Resource {
    let attributes = resource.iter();
    let attributes = attributes.map(|(key, value)| KeyValue::new(key.clone(), value.clone()));
    Resource::builder_empty()
        .with_attributes(attributes)
        .with_attribute(KeyValue::new("service.instance.id", instance.to_owned()))
        .build()
}

/// The OTLP exporter, without a queue.
///
/// # Errors
/// If a file can't be read or a header is not valid.
pub fn otlp(otlp: &OtlpConfig, resource: Resource, enabled: EnabledMetrics) -> Result<Otlp> {
    otlp.build(resource, enabled).map_err(misconfigured)
}

/// The state file of the first GitLab that has one: what the exporters keep lies next to it.
pub fn state_file(config: &Config) -> Option<&Path> {
    let mut instances = config.instances.iter();
    instances.find_map(|instance| instance.poll.state.as_deref())
}

/// The settings that matter, for the log. The address is told as it was bound.
pub fn summary(config: &Config) -> String {
    let settings = config.summary().into_iter();
    let settings = settings.filter(|(key, _)| *key != "listen");
    let settings: Vec<_> = settings
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    settings.join(" ")
}
