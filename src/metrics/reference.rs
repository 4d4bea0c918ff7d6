//! The catalogue as people and tools read it: text, markdown, JSON and an OpenTelemetry registry.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use serde_json::json;

use super::subject::{INSTANCE, Rows, Shows};
use super::subject_state::needs;
use super::{Attribute, Cadence, Catalogue, Grain, Instrument, Metric, Subject};

/// A table has no room for more fields of GitLab.
const SHOWN: usize = 2;

const SCHEMA_URL: &str = concat!(
    "https://gitlab-metrics-bridge.invalid/schemas/",
    env!("CARGO_PKG_VERSION")
);

/// A table for a terminal.
pub fn text(catalogue: &Catalogue) -> String {
    let mut text = String::new();
    for metric in catalogue.metrics() {
        let attributes = attribute_names(metric).join(", ");
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
pub fn json(catalogue: &Catalogue) -> String {
    let metrics: Vec<_> = catalogue
        .metrics()
        .iter()
        .map(|metric| {
            json!({
                "name": metric.name,
                "type": instrument(metric),
                "unit": metric.unit,
                "attributes": attribute_names(metric),
                "default": default(metric),
                "meaning": metric.help,
                "source": source(metric, SHOWN),
            })
        })
        .collect();
    serde_json::Value::Array(metrics).to_string()
}

/// The metric reference: `otel/metrics.md`.
pub fn markdown(catalogue: &Catalogue) -> String {
    let mut page = String::from(
        "# Metric reference\n\n\
         Rendered from `src/metrics` by `UPDATE_OTEL=1 cargo test`; do not edit.\n\n\
         The OTLP name is the Prometheus name, unless `otlp.names` says otherwise: \
         [semconv.md](semconv.md) lists the names of the semantic conventions. A value that is not known has no series, and \
         `gitlab_bridge_missing_series` says why. A feature that a project has switched off counts \
         nothing: it has no series and the totals go on without it.\n\n\
         If several GitLabs are polled, every series about one of them, totals included, also \
         carries `gitlab_instance`, its name in the configuration; with one there is no such \
         attribute.\n\n\
         Metrics that are opt-in are neither asked for nor shown unless `metrics.enabled` has their \
         name, a pattern, or their subject; those that are opt-in by name want their name or a \
         pattern. What histograms of projects tell apart, `metrics.histograms_by` says. \
         `metrics.project_labels` adds `project_path`, `namespace` and `topics` to every series of a \
         project.\n",
    );
    let subjects = catalogue.subjects().iter();
    let names = subjects.map(|subject| subject.name);
    let mut told = std::collections::HashSet::new();
    for name in names.filter(|name| told.insert(*name)) {
        let _ = write!(page, "\n## {name}\n\n");
        for sentence in cadences(catalogue, name) {
            let _ = write!(page, "{sentence}\n\n");
        }
        write_metrics(&mut page, catalogue, name);
    }
    page.push_str("\n## Attributes\n\n| attribute | meaning | examples |\n|---|---|---|\n");
    for attribute in attributes(catalogue).values() {
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

/// The table of the metrics of a subject.
fn write_metrics(page: &mut String, catalogue: &Catalogue, subject: &str) {
    page.push_str(
        "| metric | type | unit | attributes | default | meaning | source |\n\
         |---|---|---|---|---|---|---|\n",
    );
    let metrics = catalogue.metrics().iter();
    for metric in metrics.filter(|metric| metric.subject.name == subject) {
        let attributes = attribute_names(metric)
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
            "| `{}` | {} | {unit} | {} | {} | {} | {} |",
            metric.name,
            instrument(metric),
            attributes.join(", "),
            default(metric),
            metric.help,
            source(metric, SHOWN),
        );
    }
}

/// Whether a metric is shown without a word of the configuration.
fn default(metric: &Metric) -> &'static str {
    match (metric.by_default, metric.by_subject) {
        (false, _) if metric.by_conventions => "opt-in; on with otlp.names: semconv",
        (true, _) => "on",
        (false, true) => "opt-in",
        (false, false) => "opt-in by name",
    }
}

/// How often the parts of a subject are read, each sentence once.
fn cadences(catalogue: &Catalogue, name: &str) -> BTreeSet<String> {
    let parts = catalogue.subjects().iter();
    let parts = parts.filter(|subject| subject.name == name);
    parts.map(|subject| cadence(subject)).collect()
}

/// How often a subject is read, in a sentence.
fn cadence(subject: &Subject) -> String {
    let needs = needs(subject.name).map(|needs| format!(" It needs {needs}."));
    let how_often = match subject.cadence {
        _ if subject.name == "bridge" => return "What the bridge knows of itself.".to_owned(),
        Cadence::WithOwner => "Read with the project it belongs to.".to_owned(),
        Cadence::EachPoll => "Looked at by every poll.".to_owned(),
        Cadence::Every(time) => {
            let minutes = time.as_secs() / 60;
            let time = match (minutes % 60, minutes / 60) {
                (0, 24) => "day".to_owned(),
                (0, 1) => "hour".to_owned(),
                (0, hours) => format!("{hours} hours"),
                _ => format!("{minutes} minutes"),
            };
            format!(
                "Read once in {} {time}.",
                if time.starts_with(char::is_numeric) {
                    ""
                } else {
                    "a"
                }
            )
            .replace("a hour", "an hour")
            .replace("in  ", "in ")
        }
    };
    how_often + &needs.unwrap_or_default()
}

/// The metric registry in OpenTelemetry Weaver's `groups:` syntax, as (file name, content).
pub fn registry(catalogue: &Catalogue) -> Vec<(&'static str, String)> {
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
    for attribute in attributes(catalogue).values() {
        let _ = write!(
            groups,
            "      - id: {}\n        type: string\n        stability: development\n        brief: {}\n        examples: {}\n",
            attribute.name,
            quoted(attribute.meaning),
            json!(attribute.examples),
        );
    }
    for metric in catalogue.metrics() {
        let _ = write!(
            groups,
            "  - id: metric.{name}\n    type: metric\n    metric_name: {name}\n    instrument: {}\n    \
             unit: {}\n    stability: development\n    brief: {}\n",
            instrument(metric),
            quoted(metric.unit),
            quoted(metric.help),
            name = metric.name,
        );
        let mut attributes = attribute_names(metric)
            .iter()
            .map(|name| format!("      - {{ref: {name}, requirement_level: required}}\n"))
            .collect::<String>();
        if !matches!(metric.shows, Shows::Bridge(_)) {
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

fn attributes(catalogue: &Catalogue) -> BTreeMap<&'static str, &'static Attribute> {
    let all = catalogue
        .metrics()
        .iter()
        .flat_map(|metric| metric.attributes);
    let all = all.chain([&INSTANCE]);
    all.map(|attribute| (attribute.name, attribute)).collect()
}

fn attribute_names(metric: &Metric) -> Vec<&'static str> {
    metric
        .attributes
        .iter()
        .map(|attribute| attribute.name)
        .collect()
}

pub(in crate::metrics) fn instrument(metric: &Metric) -> &'static str {
    match metric.instrument {
        Instrument::Gauge => "gauge",
        Instrument::Counter => "counter",
        Instrument::Histogram => "histogram",
        Instrument::UpDownCounter => "updowncounter",
    }
}

/// Where its values come from. Of more than `most` fields only the first is named.
pub(super) fn source(metric: &Metric, most: usize) -> String {
    source_of(metric, metric.asked_as(), most)
}

/// Where its values come from, of which these fields are asked for.
pub(super) fn source_of(metric: &Metric, mut fields: Vec<&'static str>, most: usize) -> String {
    match metric.shows {
        Shows::Identity { .. } | Shows::Projects => return "the list of projects".to_owned(),
        Shows::Sum(other) => return format!("the sum of `{other}`, once every project is known"),
        Shows::Bridge(_) | Shows::GitLab(_) => return "the bridge".to_owned(),
        _ => {}
    }
    if fields.len() > most {
        fields.truncate(1);
        fields.push("…");
    }
    let fields: Vec<_> = fields.iter().map(|field| format!("`{field}`")).collect();
    if fields.is_empty() {
        return "GraphQL and REST".to_owned();
    }
    if !metric.subject.is_over_graphql() && !matches!(metric.subject.rows, Rows::Feeds(_)) {
        return format!("REST: {}", fields.join(", "));
    }
    let below = match metric.subject.of {
        Grain::Instance => "Query",
        Grain::Group => "Group",
        Grain::Project => "Project",
        Grain::Runner => "CiRunner",
    };
    format!("GraphQL `{below}`: {}", fields.join(", "))
}
