//! The catalogue as people and tools read it: text, markdown, JSON and an OpenTelemetry registry.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::json;

use super::view::INSTANCE;
use super::{Attribute, Instrument, Metric, SUBJECTS, Source, catalogue};

const SCHEMA_URL: &str = concat!(
    "https://gitlab-metrics-bridge.invalid/schemas/",
    env!("CARGO_PKG_VERSION")
);

/// A table for a terminal.
pub fn text() -> String {
    let mut text = String::new();
    for metric in catalogue() {
        let attributes = names(metric).join(", ");
        let unit = if metric.unit.is_empty() {
            "-"
        } else {
            metric.unit
        };
        let instrument = instrument(metric);
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} ({instrument}, unit {unit})", metric.name);
        if !attributes.is_empty() {
            let _ = writeln!(text, "    by {attributes}");
        }
        let _ = writeln!(text, "    {}", metric.help);
    }
    text
}

/// The catalogue for programs: an array of objects.
pub fn json() -> String {
    let metrics: Vec<_> = catalogue()
        .iter()
        .map(|metric| {
            json!({
                "name": metric.name,
                "type": instrument(metric),
                "unit": metric.unit,
                "attributes": names(metric),
                "meaning": metric.help,
                "source": source(metric),
            })
        })
        .collect();
    serde_json::Value::Array(metrics).to_string()
}

/// The metric reference: `otel/metrics.md`.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Metric reference\n\n\
         Rendered from `src/metrics` by `UPDATE_OTEL=1 cargo test`; do not edit.\n\n\
         The OTLP name is the Prometheus name. A value that is not known has no series, and \
         `gitlab_bridge_missing_series` says why. A feature that a project has switched off counts \
         nothing: it has no series and the totals go on without it.\n\n\
         If several GitLabs are polled, every series about one of them, totals included, also \
         carries `gitlab_instance`, its name in the configuration; with one there is no such \
         attribute.\n",
    );
    for subject in SUBJECTS {
        let _ = write!(page, "\n## {}\n\n", subject.name);
        page.push_str(
            "| metric | type | unit | attributes | meaning | source |\n|---|---|---|---|---|---|\n",
        );
        for metric in subject.metrics {
            let attributes = names(metric)
                .iter()
                .map(|name| format!("`{name}`"))
                .collect::<Vec<_>>();
            let unit = if metric.unit.is_empty() {
                String::new()
            } else {
                format!("`{}`", metric.unit)
            };
            let _ = writeln!(
                page,
                "| `{}` | {} | {unit} | {} | {} | {} |",
                metric.name,
                instrument(metric),
                attributes.join(", "),
                metric.help,
                source(metric),
            );
        }
    }
    page.push_str("\n## Attributes\n\n| attribute | meaning | examples |\n|---|---|---|\n");
    for attribute in attributes().values() {
        let examples = attribute
            .examples
            .iter()
            .map(|example| format!("`{example}`"));
        let examples = examples.collect::<Vec<_>>().join(", ");
        let _ = writeln!(
            page,
            "| `{}` | {} | {examples} |",
            attribute.name, attribute.meaning
        );
    }
    page
}

/// The metric registry in OpenTelemetry Weaver's `groups:` syntax, as (file name, content).
pub fn registry() -> Vec<(&'static str, String)> {
    let manifest = format!(
        "# Rendered from src/metrics; do not edit.\n\
         description: What gitlab-metrics-bridge measures\n\
         schema_url: {SCHEMA_URL}\n\
         stability: development\n"
    );
    let mut groups = String::from("# Rendered from src/metrics; do not edit.\ngroups:\n");
    groups.push_str(
        "  - id: registry.gitlab\n    type: attribute_group\n    display_name: GitLab\n    \
         brief: Attributes of GitLab's things and of the bridge\n    attributes:\n",
    );
    for attribute in attributes().values() {
        let _ = write!(
            groups,
            "      - id: {}\n        type: string\n        stability: development\n        brief: {}\n        examples: {}\n",
            attribute.name,
            quoted(attribute.meaning),
            json!(attribute.examples),
        );
    }
    for metric in catalogue() {
        let _ = write!(
            groups,
            "  - id: metric.{name}\n    type: metric\n    metric_name: {name}\n    instrument: {}\n    \
             unit: {}\n    stability: development\n    brief: {}\n",
            instrument(metric),
            quoted(metric.unit),
            quoted(metric.help),
            name = metric.name,
        );
        let mut attributes = names(metric)
            .iter()
            .map(|name| format!("      - {{ref: {name}, requirement_level: required}}\n"))
            .collect::<String>();
        if !matches!(metric.source, Source::Bridge(_)) {
            let _ = writeln!(
                attributes,
                "      - {{ref: {}, requirement_level: {{conditionally_required: several are polled}}}}",
                INSTANCE.name
            );
        }
        if !attributes.is_empty() {
            let _ = write!(groups, "    attributes:\n{attributes}");
        }
    }
    vec![("manifest.yaml", manifest), ("metrics.yaml", groups)]
}

/// A JSON string is a YAML string.
fn quoted(text: &str) -> String {
    json!(text).to_string()
}

fn attributes() -> BTreeMap<&'static str, &'static Attribute> {
    let all = catalogue().iter().flat_map(|metric| metric.attributes);
    let all = all.chain([&INSTANCE]);
    all.map(|attribute| (attribute.name, attribute)).collect()
}

fn names(metric: &Metric) -> Vec<&'static str> {
    metric
        .attributes
        .iter()
        .map(|attribute| attribute.name)
        .collect()
}

fn instrument(metric: &Metric) -> &'static str {
    match metric.instrument {
        Instrument::Gauge => "gauge",
        Instrument::Counter => "counter",
    }
}

fn source(metric: &Metric) -> String {
    match metric.source {
        Source::Asked(values) => {
            let mut fields: Vec<_> = values.iter().map(|value| value.question.graphql).collect();
            if fields.len() > 2 {
                fields.truncate(1);
                fields.push("…");
            }
            let fields: Vec<_> = fields.iter().map(|field| format!("`{field}`")).collect();
            format!("GraphQL `Project`: {}", fields.join(", "))
        }
        Source::Known { .. } => "the list of projects".to_owned(),
        Source::Sum(other) => format!("the sum of `{other}`, once every project is known"),
        Source::Projects => "the list of projects".to_owned(),
        Source::Bridge(_) | Source::Instance(_) => "the bridge".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_name_survives_every_translation_to_prometheus() {
        for metric in catalogue() {
            let name = metric.name;
            assert!(
                name.starts_with("gitlab_") && !name.contains("__"),
                "{name}"
            );
            assert!(
                name.bytes()
                    .all(|byte| byte.is_ascii_lowercase() || byte == b'_'),
                "{name}"
            );
            let stem = name.trim_end_matches("_total");
            let unit_is_in_the_name = match metric.unit {
                "" => true,
                "s" => stem.ends_with("_seconds"),
                "By" => stem.ends_with("_bytes"),
                annotation => annotation.starts_with('{') && annotation.ends_with('}'),
            };
            assert!(unit_is_in_the_name, "{name} has the unit {}", metric.unit);
            let counter = metric.instrument == Instrument::Counter;
            let seed = ["gitlab_commits_total", "gitlab_merge_requests_total"].contains(&name);
            assert_eq!(name.ends_with("_total"), counter || seed, "{name}");
        }
    }

    #[test]
    fn names_are_unique_and_their_attributes_sorted() {
        let mut seen = HashSet::new();
        for metric in catalogue() {
            assert!(seen.insert(metric.name), "{} twice", metric.name);
            let names = names(metric);
            assert!(names.is_sorted(), "{}: {names:?}", metric.name);
            for value in metric.values() {
                assert!(
                    value.attributes.iter().all(|(key, _)| names.contains(key)),
                    "{}",
                    metric.name
                );
            }
        }
    }
}
