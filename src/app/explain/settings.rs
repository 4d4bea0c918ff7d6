//! What an explanation must know of the configuration.

use std::sync::Arc;

use anyhow::{Context, Result};

use crate::config::{Config, Instance};
use crate::metrics::EnabledMetrics;
use crate::metrics::explain::{GitLabSettings, Pace, Settings};
use crate::poll::{Filter, Patterns, Scope, Selection};

/// What an explanation must know of a configuration.
///
/// # Errors
/// If a pattern is not valid.
pub fn settings(config: &Config, enabled: &EnabledMetrics) -> Result<Settings> {
    let disabled = config.metrics.disabled.iter().map(|name| {
        let pattern = Patterns::new([name]).context("metrics.disabled")?;
        Ok((name.clone(), pattern))
    });
    let disabled: Vec<_> = disabled.collect::<Result<_>>()?;
    Ok(Settings {
        enabled: enabled.clone(),
        switched_off_by: Arc::new(move |metric| {
            let mut disabled = disabled.iter();
            let says = disabled.find(|(name, pattern)| {
                name == metric.subject.name || pattern.matches(metric.name)
            });
            says.map(|(name, _)| format!("metrics.disabled ({name})"))
        }),
        gitlabs: config
            .instances
            .iter()
            .map(|own| of(own, config.label(own), enabled))
            .collect(),
    })
}

fn of(instance: &Instance, name: Option<&str>, enabled: &EnabledMetrics) -> GitLabSettings {
    let (rhythm, selection) = (instance.poll.rhythm, &instance.poll.selection);
    let filter = selection.filter.clone();
    GitLabSettings {
        name: name.map(str::to_owned),
        enabled: enabled.with_cadence(&instance.poll.cadence),
        pace: Pace {
            interval: rhythm.interval,
            glance: rhythm.glance,
            sweep: rhythm.sweep,
        },
        selected: selected(selection),
        filters: selection.filter.to_string(),
        left_out_by: Arc::new(move |path| left_out_by(&filter, path)),
    }
}

/// The settings that select projects.
fn selected(selection: &Selection) -> String {
    let lists = [
        ("select.groups", &selection.groups),
        ("select.projects", &selection.projects),
    ];
    let lists = lists.iter().filter(|(_, names)| !names.is_empty());
    let named: Vec<String> = lists
        .map(|(key, names)| format!("{key} ({})", names.join(", ")))
        .collect();
    match (named.is_empty(), selection.scope) {
        (false, _) => named.join(" and "),
        (true, Scope::Membership) => {
            "select.scope (membership: what the token's user is a member of)".to_owned()
        }
        (true, Scope::All) => "select.scope (all that the token may see)".to_owned(),
    }
}

/// The setting that leaves a path out, whatever else is known of its project.
fn left_out_by(filter: &Filter, path: &str) -> Option<String> {
    let named = |key: &str, patterns: &Patterns| format!("{key} ({})", patterns.texts().join(", "));
    if filter.exclude.matches(path) {
        return Some(named("select.exclude", &filter.exclude));
    }
    let is_included = filter.include.texts().is_empty() || filter.include.matches(path);
    (!is_included).then(|| named("select.include", &filter.include))
}
