//! The page of one project: every value with its labels, unit, age and source, and why the others are absent.

use maud::{Markup, html};

use super::layout::{Root, foreign, page, table, time};
use super::project::{Lack, Metric, NoProject, Project, Shown};
use super::words::{bytes, counted, grouped, span};
use crate::metrics::explain::Value;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The page of a project.
pub fn project(root: &Root, project: &Project) -> Markup {
    let known: Vec<&Metric> = project
        .metrics
        .iter()
        .filter(|own| !own.series.is_empty())
        .collect();
    let absent: Vec<(&Metric, &Lack)> = project
        .metrics
        .iter()
        .flat_map(|own| own.absent.iter().map(move |lack| (own, lack)))
        .collect();
    page(
        root,
        &project.path,
        VERSION,
        html! {
            h1 { (foreign(&project.path)) }
            (identity(project))
            h2 { "Values" }
            @if known.is_empty() { p { "Nothing is known of it yet." } } @else { (values(&known)) }
            @if !absent.is_empty() {
                h2 { "What is absent" }
                (absences(&absent))
            }
            @if !project.disabled.is_empty() {
                h2 { "Not switched on" }
                p { "Metrics of projects that metrics.enabled can switch on: " }
                p { @for (place, name) in project.disabled.iter().enumerate() { @if place > 0 { ", " } code { (name) } } }
            }
        },
    )
}

/// The page where there is no such project.
pub fn none(root: &Root, none: &NoProject) -> Markup {
    page(
        root,
        "No such project",
        VERSION,
        html! {
            h1 { "No such project" }
            p { (foreign(&none.error)) }
            @if !none.did_you_mean.is_empty() {
                p { "Did you mean:" }
                ul { @for path in &none.did_you_mean { li { (foreign(path)) } } }
            }
            p { a href=(root.to("")) { "Search for projects" } }
        },
    )
}

fn identity(project: &Project) -> Markup {
    html! {
        dl {
            div { dt { "Id" } dd { (project.id) } }
            @if let Some(name) = &project.gitlab { div { dt { "GitLab" } dd { (foreign(name)) } } }
            div { dt { "Name" } dd { (foreign(&project.name)) } }
            div { dt { "In GitLab" } dd { a href=(project.url) rel="noreferrer" { (foreign(&project.url)) } } }
            @if let Some(visibility) = &project.visibility { div { dt { "Visibility" } dd { (foreign(visibility)) } } }
            @if project.archived == Some(true) { div { dt { "Archived" } dd { "yes" } } }
            @if let Some(branch) = &project.default_branch { div { dt { "Default branch" } dd { (foreign(branch)) } } }
            @if let Some(at) = project.last_activity { div { dt { "Last activity" } dd { (time(at)) } } }
            div { dt { "Last listed by GitLab" } dd { (time(project.listed)) } }
        }
    }
}

fn values(metrics: &[&Metric]) -> Markup {
    let head = html! {
        th scope="col" { "Metric" }
        th scope="col" { "Labels" }
        th.number scope="col" { "Value" }
        th scope="col" { "Unit" }
        th.number scope="col" { "Age" }
        th scope="col" { "Where it comes from" }
    };
    table(
        "values",
        "What is known of the project, by metric",
        head,
        html! {
            @for metric in metrics {
                @for (place, series) in metric.series.iter().enumerate() { (row(metric, series, place == 0)) }
                @if metric.more_series > 0 {
                    tr { td colspan="6" { (grouped(metric.more_series)) " more series of " code { (metric.metric) } " are not listed." } }
                }
            }
        },
    )
}

fn row(metric: &Metric, series: &Shown, is_first: bool) -> Markup {
    html! {
        tr {
            th scope="row" {
                code { (metric.metric) }
                @if is_first { p.soft { (metric.meaning) "." } }
            }
            td { (labels(series)) }
            td.number { (value(metric, &series.value)) }
            td { (unit(metric.unit)) }
            td.number {
                @match series.age_seconds {
                    Some(age) => (span(age as f64)),
                    None => "–"
                }
            }
            td.wide {
                @if is_first {
                    p { (metric.subject) ": " (metric.read) }
                    @for asked in &metric.asked_as { p { code { (asked) } } }
                } @else { span.soft { "as above" } }
            }
        }
    }
}

/// The labels that tell a series from others of the project.
fn labels(series: &Shown) -> Markup {
    let own = series.labels.iter();
    let own = own.filter(|(name, _)| !["project_id", "gitlab_instance"].contains(*name));
    html! {
        ul {
            @for (name, value) in own { li { (name) "=" (foreign(value)) } }
        }
    }
}

fn unit(unit: &str) -> &str {
    match unit {
        "" => "–",
        "By" => "bytes",
        "s" => "seconds",
        "1" => "ratio",
        unit => unit.trim_matches(['{', '}']),
    }
}

fn value(metric: &Metric, value: &Value) -> Markup {
    match value {
        Value::Number(number) => html! { data value=(number) { (shown(metric, *number)) } },
        Value::Histogram { count, sum, .. } => html! {
            (counted(*count, "time"))
            @if *count > 0 { ", " (span(sum / *count as f64)) " each" }
        },
    }
}

fn shown(metric: &Metric, number: f64) -> Markup {
    html! {
        @match metric.unit {
            "By" => (bytes(number)),
            "s" if metric.metric.contains("timestamp") => (time(super::clock::Time(number as u64))),
            "s" => (span(number)),
            "1" => { (format!("{:.1}", number * 100.0)) " %" }
            _ if number.fract() == 0.0 && number >= 0.0 => (grouped(number as u64)),
            _ => (number)
        }
    }
}

fn absences(absent: &[(&Metric, &Lack)]) -> Markup {
    let head = html! {
        th scope="col" { "Metric" }
        th.number scope="col" { "Series" }
        th scope="col" { "Why" }
        th scope="col" { "What helps" }
    };
    table(
        "absent",
        "What is not known of the project",
        head,
        html! {
            @for (metric, lack) in absent {
                tr {
                    th scope="row" { code { (metric.metric) } }
                    td.number { (grouped(lack.series)) }
                    td.wide { (foreign(&lack.why)) " (" code { (lack.reason) } ")" }
                    td.wide { (foreign(lack.advice.as_deref().unwrap_or("–"))) }
                }
            }
        },
    )
}
