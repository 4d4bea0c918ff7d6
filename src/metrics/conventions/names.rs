//! Our own names with dots, and attributes with a namespace, for what has no convention: made by rules, so that
//! a metric that is added has good ones without a word.

use crate::metrics::subject::{Instrument, MetricRow, Shows};

/// GitLab's things that names begin with, many and one, the longer ones first.
const THINGS: &[(&str, &str)] = &[
    ("access_tokens", "access_token"),
    ("merge_requests", "merge_request"),
    ("pipeline_schedules", "pipeline_schedule"),
    ("vulnerabilities", "vulnerability"),
    ("commits", "commit"),
    ("deployments", "deployment"),
    ("environments", "environment"),
    ("groups", "group"),
    ("incidents", "incident"),
    ("instances", "instance"),
    ("issues", "issue"),
    ("jobs", "job"),
    ("licenses", "license"),
    ("pipelines", "pipeline"),
    ("projects", "project"),
    ("runners", "runner"),
    ("test_reports", "test_report"),
    ("test_suites", "test_suite"),
    ("storages", "storage"),
    ("bridges", "bridge"),
];

/// Attributes that say the same of whatever has them.
const EVERYWHERE: &[(&str, &str)] = &[
    ("environment", "deployment.environment.name"),
    ("error_type", "error.type"),
    ("gitlab_instance", "gitlab.instance.name"),
    ("group_id", "gitlab.group.id"),
    ("group_path", "gitlab.group.path"),
    ("instance_url", "gitlab.instance.url"),
    ("job", "cicd.pipeline.task.name"),
    ("kind", "gitlab.ref.kind"),
    ("namespace", "gitlab.project.namespace"),
    ("project_id", "gitlab.project.id"),
    ("project_path", "gitlab.project.path"),
    ("ref", "gitlab.ref.name"),
    ("runner_id", "gitlab.runner.id"),
    ("schedule_id", "gitlab.pipeline_schedule.id"),
    ("stage", "gitlab.job.stage"),
    ("suite", "test.suite.name"),
    ("tier", "gitlab.environment.deployment_tier"),
    ("token_id", "gitlab.access_token.id"),
    ("token_name", "gitlab.access_token.name"),
    ("topics", "gitlab.project.topics"),
];

/// The name of a metric: `gitlab`, its thing and what is measured of it, with dots between them. How many
/// there are of a thing is its `count`; unit and `total` are no part of a name.
pub fn metric(row: &MetricRow) -> String {
    let stem = stem(row);
    let Some((thing, rest)) = thing(stem) else {
        return format!("gitlab.{stem}");
    };
    match rest {
        "" => format!("gitlab.{thing}.count"),
        rest => format!("gitlab.{thing}.{}", dotted(rest)),
    }
}

/// The instrument of a metric that goes by a name of ours: how many there are is a sum, and so are states.
pub fn instrument(row: &MetricRow, name: &str) -> Instrument {
    match (row.instrument, row.shows) {
        (Instrument::Gauge, Shows::StateSet(_)) => Instrument::UpDownCounter,
        (Instrument::Gauge, _) if name.ends_with(".count") => Instrument::UpDownCounter,
        (own, _) => own,
    }
}

/// Its unit: a state is counted by one.
pub fn unit(row: &MetricRow) -> &'static str {
    match row.shows {
        Shows::StateSet(_) => "1",
        _ => row.unit,
    }
}

/// The name of an attribute: that of its metric's thing, unless it says the same of everything.
pub fn attribute(row: &MetricRow, name: &str) -> String {
    let mut everywhere = EVERYWHERE.iter();
    let thing = thing(stem(row)).map(|(thing, _)| thing);
    let is_of_ref =
        |name: &str| name == "kind" && !row.attributes.iter().any(|own| own.name == "ref");
    if let Some((_, known)) = everywhere.find(|(own, _)| *own == name && !is_of_ref(name)) {
        return (*known).to_owned();
    }
    let Some(thing) = thing else {
        return format!("gitlab.{name}");
    };
    let own = name
        .strip_prefix(thing)
        .and_then(|rest| rest.strip_prefix('_'));
    format!("gitlab.{thing}.{}", own.unwrap_or(name))
}

/// The name without `gitlab`, unit and `total`.
fn stem(row: &MetricRow) -> &'static str {
    let stem = row.name.strip_prefix("gitlab_").unwrap_or(row.name);
    let stem = stem.strip_suffix("_total").unwrap_or(stem);
    let unit = match row.unit {
        "s" => "_seconds",
        "By" => "_bytes",
        "1" => "_ratio",
        _ => "",
    };
    stem.strip_suffix(unit).unwrap_or(stem)
}

/// The thing that a name begins with, and what follows.
fn thing(stem: &'static str) -> Option<(&'static str, &'static str)> {
    let after = |name: &str| {
        let rest = stem.strip_prefix(name)?;
        match rest {
            "" => Some(rest),
            rest => rest.strip_prefix('_'),
        }
    };
    THINGS.iter().find_map(|(many, one)| {
        let rest = after(many).or_else(|| after(one).filter(|rest| !rest.is_empty()))?;
        Some((*one, rest))
    })
}

/// `last_run_duration` is the duration of the last run, and a timestamp is one of what stands before it.
fn dotted(rest: &str) -> String {
    let rest = match rest.strip_suffix("_timestamp") {
        Some(of) => format!("{of}.timestamp"),
        None => rest.to_owned(),
    };
    let Some(of_last) = rest.strip_prefix("last_run_") else {
        return rest.replace("last_deployment_", "last_deployment.");
    };
    format!("last_run.{of_last}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Catalogue;

    fn row(name: &str) -> &'static MetricRow {
        let subjects = Catalogue::standard().subjects().iter();
        let mut rows = subjects.flat_map(|subject| subject.metrics);
        rows.find(|row| row.name == name).unwrap()
    }

    #[test]
    fn names_are_made_of_the_thing_and_of_what_is_measured_of_it() {
        for (ours, theirs) in [
            ("gitlab_commits_total", "gitlab.commit.count"),
            ("gitlab_issues", "gitlab.issue.count"),
            ("gitlab_issues_by_label", "gitlab.issue.by_label"),
            ("gitlab_project_stars", "gitlab.project.stars"),
            ("gitlab_project_info", "gitlab.project.info"),
            ("gitlab_storage_size_bytes", "gitlab.storage.size"),
            (
                "gitlab_pipeline_last_run_duration_seconds",
                "gitlab.pipeline.last_run.duration",
            ),
            (
                "gitlab_merge_request_oldest_open_timestamp_seconds",
                "gitlab.merge_request.oldest_open.timestamp",
            ),
            (
                "gitlab_environment_last_deployment_timestamp_seconds",
                "gitlab.environment.last_deployment.timestamp",
            ),
            ("gitlab_vulnerabilities", "gitlab.vulnerability.count"),
            (
                "gitlab_lead_time_for_changes_seconds",
                "gitlab.lead_time_for_changes",
            ),
            (
                "gitlab_bridge_api_requests_total",
                "gitlab.bridge.api_requests",
            ),
        ] {
            assert_eq!(metric(row(ours)), theirs);
        }
    }

    #[test]
    fn attributes_have_the_namespace_of_their_thing() {
        for (ours, attributes) in [
            (
                "gitlab_issues",
                &[
                    ("project_id", "gitlab.project.id"),
                    ("state", "gitlab.issue.state"),
                ][..],
            ),
            (
                "gitlab_pipeline_last_run_status",
                &[
                    ("kind", "gitlab.ref.kind"),
                    ("status", "gitlab.pipeline.status"),
                ],
            ),
            (
                "gitlab_storage_size_bytes",
                &[("kind", "gitlab.storage.kind")],
            ),
            ("gitlab_runners", &[("runner_type", "gitlab.runner.type")]),
            (
                "gitlab_bridge_poll_errors_total",
                &[("error_type", "error.type")],
            ),
        ] {
            for (name, theirs) in attributes {
                assert_eq!(attribute(row(ours), name), *theirs, "{ours}");
            }
        }
    }

    #[test]
    fn what_is_counted_is_a_sum_and_what_is_measured_is_not() {
        for (name, kind) in [
            ("gitlab_issues", Instrument::UpDownCounter),
            ("gitlab_pipeline_last_run_status", Instrument::UpDownCounter),
            ("gitlab_merge_requests_open_by_age", Instrument::Gauge),
            ("gitlab_bridge_api_budget_remaining", Instrument::Gauge),
            ("gitlab_pipeline_runs_total", Instrument::Counter),
        ] {
            assert_eq!(instrument(row(name), &metric(row(name))), kind, "{name}");
        }
    }
}
