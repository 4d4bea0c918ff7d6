//! What is measured, how it is told apart and how much of it there may be.

use std::time::Duration;

use super::*;
use crate::metrics::{Choices, HistogramsBy, ProjectLabels};

fn choices(written: Written) -> Choices {
    written.config().metrics.choices
}

#[test]
fn nothing_more_is_chosen_when_nothing_is_said() {
    assert_eq!(choices(nothing()), Choices::default());
}

#[test]
fn a_mapping_in_a_section_and_its_variables_say_the_same() {
    let yaml = choices(file(
        "metrics:\n  refs:\n    branches: [\"release/*\", dev]\n    tags: [\"v*\"]\n    \
         merge_requests: [\"*\"]\n    most_recent: 5\n    max_age: 30days\n  limits: {jobs_per_project: 7, series: 100}\n",
    ));
    let variables = choices(
        variable("GITLAB_BRIDGE_METRICS_REFS_BRANCHES", "release/*, dev")
            .variable("GITLAB_BRIDGE_METRICS_REFS_TAGS", "v*")
            .variable("GITLAB_BRIDGE_METRICS_REFS_MERGE_REQUESTS", "*")
            .variable("GITLAB_BRIDGE_METRICS_REFS_MOST_RECENT", "5")
            .variable("GITLAB_BRIDGE_METRICS_REFS_MAX_AGE", "30days")
            .variable("GITLAB_BRIDGE_METRICS_LIMITS_JOBS_PER_PROJECT", "7")
            .variable("GITLAB_BRIDGE_METRICS_LIMITS_SERIES", "100"),
    );
    assert_eq!(yaml, variables);
    assert_eq!(yaml.refs.branches, ["release/*", "dev"]);
    assert_eq!(yaml.refs.max_age, Some(Duration::from_secs(30 * 24 * 3600)));
    assert_eq!(
        (yaml.limits.jobs_per_project, yaml.limits.series),
        (7, Some(100))
    );
    assert_eq!(yaml.limits.refs_per_project, 50);
}

#[test]
fn an_empty_mapping_says_nothing() {
    assert_eq!(
        choices(file("metrics:\n  refs:\n  limits: {}\n")),
        Choices::default()
    );
}

#[test]
fn an_unknown_key_of_a_mapping_is_told_from_what_was_meant() {
    assert_eq!(
        file("metrics:\n  refs: {branch: [a]}\n").error(),
        "bridge.yaml:2:10: metrics.refs has no setting \"branch\": did you mean \"branches\"?"
    );
    assert_eq!(
        file("metrics:\n  reffs: {}\n").error(),
        "bridge.yaml:2:3: metrics has no setting \"reffs\": did you mean \"refs\"?"
    );
    assert_eq!(
        file("metrics: {refs: main}\n").error(),
        "bridge.yaml:1:17: expected the settings of metrics.refs, as key: value"
    );
}

#[test]
fn metrics_are_enabled_by_name_pattern_or_subject() {
    let metrics = file("metrics: {enabled: [storage, \"gitlab_project_*\", gitlab_issues]}\n")
        .config()
        .metrics;
    assert_eq!(
        metrics.enabled,
        ["storage", "gitlab_project_*", "gitlab_issues"]
    );
    assert_eq!(
        file("metrics: {enabled: [storag]}\n").error(),
        "bridge.yaml:1:21: metrics.enabled: no metric is called \"storag\": did you mean \"storage\"?"
    );
    assert_eq!(
        file("metrics: {enabled: [storage, storage]}\n").error(),
        "bridge.yaml:1:30: metrics.enabled: \"storage\" is listed twice: remove one of them"
    );
}

#[test]
fn the_old_switch_is_a_label_of_projects() {
    let labels = |written: Written| choices(written).project_labels;
    let path = ProjectLabels {
        path: true,
        ..ProjectLabels::default()
    };
    assert_eq!(labels(file("metrics: {project_path_label: true}\n")), path);
    assert_eq!(labels(file("metrics: {project_labels: [path]}\n")), path);
    assert_eq!(
        labels(file(
            "metrics: {project_path_label: true, project_labels: [path]}\n"
        )),
        path
    );
    let all = labels(variable(
        "GITLAB_BRIDGE_METRICS_PROJECT_LABELS",
        "topics,namespace,path",
    ));
    assert!(all.path && all.namespace && all.topics);
    assert_eq!(
        file("metrics:\n  project_path_label: true\n  project_labels: [topics]\n").error(),
        "bridge.yaml:2:23: metrics.project_path_label: bridge.yaml:3:19: metrics.project_labels says otherwise: \
         list path there, and remove this one"
    );
    assert_eq!(
        file("metrics: {project_labels: [topic]}\n").error(),
        "bridge.yaml:1:28: metrics.project_labels: \"topic\" is not a label of projects: use path, namespace or topics"
    );
}

#[test]
fn histograms_tell_apart_what_is_chosen() {
    let by = |written: Written| choices(written).histograms_by;
    assert_eq!(by(nothing()), HistogramsBy::None);
    assert_eq!(
        by(file("metrics: {histograms_by: namespace}\n")),
        HistogramsBy::Namespace
    );
    assert_eq!(
        by(variable("GITLAB_BRIDGE_METRICS_HISTOGRAMS_BY", "project")),
        HistogramsBy::Project
    );
}

#[test]
fn limits_are_at_least_one() {
    assert_eq!(
        file("metrics: {limits: {refs_per_project: 0}}\n").error(),
        "bridge.yaml:1:38: metrics.limits.refs_per_project: \"0\" is not a whole number from 1 to 10000"
    );
    assert_eq!(
        file("metrics: {limits: {series: many}}\n").error(),
        "bridge.yaml:1:28: metrics.limits.series: \"many\" is not a whole number from 1 to 100000000"
    );
}

#[test]
fn a_subject_without_a_pace_of_its_own_is_given_none() {
    assert_eq!(
        file("poll: {cadence: {commits: 5m}}\n").error(),
        "bridge.yaml:1:18: poll.cadence: commits is read along with what it belongs to: poll.interval, \
         poll.ci_interval and poll.sweep say how often"
    );
    assert_eq!(
        file("poll: {cadence: {nothing: 5m}}\n").error(),
        "bridge.yaml:1:18: poll.cadence: no subject is called \"nothing\": the command `metrics` lists them"
    );
    assert_eq!(
        file("poll: {cadence: 5m}\n").error(),
        "bridge.yaml:1:17: poll.cadence: expected a mapping, such as {name: value}, found the text \"5m\""
    );
}
