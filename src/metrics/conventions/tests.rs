//! What is told by the names of the semantic conventions, and what is not.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Value as Json, json};

use crate::metrics::{
    Catalogue, Choices, Conventions, EnabledMetrics, Ended, EndedSeries, GitLabView, Grain,
    Identity, Metric, Owner, OwnerAnswer, Reading, Reason, Report, Snapshot, TableAnswer, View,
};

fn all() -> EnabledMetrics {
    let conventions = Conventions {
        addresses: [(None, "https://gitlab.example.com/git/".into())].into(),
        ..Conventions::default()
    };
    let choices = Choices {
        conventions: Some(conventions),
        ..Choices::default()
    };
    EnabledMetrics::new(Catalogue::standard(), |_| true, choices).by_conventions()
}

/// The series of a metric of the conventions, as `attributes value`, each attribute as `name=value`.
fn told(snapshot: Snapshot, name: &str) -> Vec<String> {
    let enabled = all();
    let (mut series, projects) = (Vec::new(), snapshot.projects.len());
    let view = View::from(Arc::new(snapshot));
    for metric in enabled.metrics.iter().filter(|metric| metric.name == name) {
        view.observe(
            metric,
            0..projects,
            &enabled.choices,
            &mut |attributes, value| {
                series.push(line(attributes, value));
            },
        );
    }
    series.sort();
    series
}

fn line(attributes: &[(&'static str, &str)], value: f64) -> String {
    let mut all: Vec<_> = attributes
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    all.sort();
    format!("{} {value}", all.join(","))
}

/// A project with these values of columns of merge requests; all others are unknown.
fn with_changes(values: &[(&str, Reading)]) -> Snapshot {
    let columns = Catalogue::standard().project_columns().iter();
    let readings = columns.map(|placed| {
        let mut known = values.iter();
        let known = known.find(|(name, _)| {
            placed.subject.name == "merge_requests" && placed.column.name == *name
        });
        known.map_or(Reading::Unknown(Reason::Pending), |(_, reading)| *reading)
    });
    let identity = Identity {
        id: 7,
        path: "platform/tools/bridge".into(),
        ..Identity::default()
    };
    Snapshot {
        projects: vec![Arc::new(Owner::new(identity, 1, readings.collect()))],
        ..Snapshot::default()
    }
}

/// The states of changes of a project, without what all of them have.
fn states(snapshot: Snapshot) -> BTreeMap<String, f64> {
    let of_project = "gitlab.project.id=7,vcs.change.state=";
    let told = told(snapshot, "vcs.change.count").into_iter();
    let state = |line: String| {
        let (state, rest) = line.strip_prefix(of_project)?.split_once(',')?;
        let (_, value) = rest.rsplit_once(' ')?;
        Some((state.to_owned(), value.parse().ok()?))
    };
    told.map(|line| state(line.clone()).unwrap_or_else(|| panic!("{line}")))
        .collect()
}

const fn known(value: f64) -> Reading {
    Reading::Known { value, at: 1 }
}

#[test]
fn a_series_of_a_project_names_its_repository_owner_and_provider() {
    let told = told(with_changes(&[("closed", known(2.0))]), "vcs.change.count");
    assert_eq!(
        told,
        [
            "gitlab.project.id=7,vcs.change.state=closed,vcs.owner.name=platform/tools,\
          vcs.provider.name=gitlab,vcs.repository.name=bridge,\
          vcs.repository.url.full=https://gitlab.example.com/git/platform/tools/bridge 2"
        ]
    );
}

#[test]
fn an_open_change_is_a_draft_or_not_and_never_both() {
    let all = [
        ("opened", known(5.0)),
        ("draft", known(2.0)),
        ("closed", known(3.0)),
        ("merged", known(9.0)),
        ("locked", known(0.0)),
    ];
    let expected = [
        ("closed", 3.0),
        ("locked", 0.0),
        ("merged", 9.0),
        ("open", 3.0),
        ("wip", 2.0),
    ];
    let expected = expected.map(|(state, count)| (state.to_owned(), count));
    assert_eq!(states(with_changes(&all)), BTreeMap::from(expected));
}

#[test]
fn a_sum_of_which_a_part_is_not_known_is_not_shown() {
    let opened = [("opened", known(5.0)), ("merged", known(1.0))];
    let only: Vec<_> = states(with_changes(&opened)).into_keys().collect();
    assert_eq!(only, ["merged"], "how many of them are drafts is not known");
    let draft = [("draft", known(2.0))];
    let only: Vec<_> = states(with_changes(&draft)).into_keys().collect();
    assert_eq!(only, ["wip"]);
}

#[test]
fn more_drafts_than_open_changes_are_from_another_moment_and_make_no_sum() {
    let torn = [("opened", known(1.0)), ("draft", known(2.0))];
    let only: Vec<_> = states(with_changes(&torn)).into_keys().collect();
    assert_eq!(only, ["wip"]);
}

#[test]
fn a_feature_that_is_switched_off_counts_nothing() {
    let off = ["opened", "draft", "closed", "merged", "locked"].map(|name| (name, Reading::Off));
    assert!(states(with_changes(&off)).is_empty());
}

fn runner(status: &str, paused: bool, busy: Json) -> Json {
    json!({"status": status, "runner_type": "group_type", "paused": paused, "busy": busy})
}

fn workers(runners: &[Json]) -> Vec<String> {
    let catalogue = Catalogue::standard();
    let (place, table) = catalogue.table(Grain::Instance, "runners").unwrap();
    let answer = TableAnswer::from_rest(&Json::Array(runners.to_vec()), table, 1);
    let mut found = OwnerAnswer::of_grain(Grain::Instance, Identity::default(), catalogue);
    found.take_table(place, answer);
    let snapshot = Snapshot {
        instance: Arc::new(Owner::learnt(found, None, 1)),
        ..Snapshot::default()
    };
    told(snapshot, "cicd.worker.count")
}

#[test]
fn each_runner_is_in_one_state_of_the_convention() {
    let runners = [
        runner("online", false, json!(0)),
        runner("online", false, json!(0)),
        runner("online", false, json!(1)),
        runner("online", true, json!(0)),
        runner("online", true, json!(1)),
        runner("offline", false, json!(0)),
        runner("stale", true, json!(0)),
        runner("never_contacted", false, Json::Null),
    ];
    assert_eq!(
        workers(&runners),
        [
            "cicd.worker.state=available 2",
            "cicd.worker.state=busy 2",
            "cicd.worker.state=offline 3",
            "cicd.worker.state=paused 1",
        ]
    );
}

#[test]
fn runners_that_do_not_tell_whether_they_work_are_neither_available_nor_busy() {
    let runners = [
        runner("online", false, Json::Null),
        runner("online", false, json!(1)),
        runner("offline", false, Json::Null),
    ];
    assert_eq!(
        workers(&runners),
        ["cicd.worker.state=offline 1", "cicd.worker.state=paused 0"]
    );
}

#[test]
fn a_gitlab_is_named_where_there_are_several() {
    let enabled = all();
    let metric = enabled
        .metrics
        .iter()
        .find(|own| own.name == "vcs.repository.count")
        .unwrap();
    let gitlab = |name: &str, project_count| GitLabView {
        name: Some(name.into()),
        snapshot: Arc::new(Snapshot {
            project_count,
            ..Snapshot::default()
        }),
    };
    let view = View {
        gitlabs: vec![
            gitlab("com", Some(3)),
            gitlab("internal", Some(4)),
            gitlab("new", None),
        ],
    };
    let mut series = Vec::new();
    view.observe(metric, 0..0, &enabled.choices, &mut |attributes, value| {
        series.push(line(attributes, value));
    });
    let expected = ["com", "internal"].iter().zip([3, 4]);
    let expected = expected.map(|(name, count)| {
        format!("gitlab.instance.name={name},vcs.provider.name=gitlab {count}")
    });
    assert_eq!(series, expected.collect::<Vec<_>>());
}

#[test]
fn names_are_of_a_namespace_and_one_name_is_one_metric() {
    let mut kinds = BTreeMap::new();
    for metric in &all().metrics {
        let namespaces = ["gitlab.", "vcs.", "cicd.", "process."];
        assert!(
            namespaces.iter().any(|own| metric.name.starts_with(own)),
            "{}",
            metric.name
        );
        assert!(
            metric
                .name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || b"._".contains(&byte)),
            "{}",
            metric.name
        );
        for attribute in metric.told_attributes() {
            assert!(attribute.contains('.'), "{}: {attribute}", metric.name);
        }
        let kind = (
            metric.instrument,
            metric.unit,
            metric.help,
            metric.is_whole(),
        );
        let known = *kinds.entry(metric.name).or_insert(kind);
        let is_convention = !metric.name.starts_with("gitlab.");
        assert_eq!(known, kind, "{}", metric.name);
        let same = |other: &&&'static Metric| other.name == metric.name;
        let several = all().metrics.iter().filter(same).count() > 1;
        assert!(
            is_convention || !several,
            "two of our metrics are {}",
            metric.name
        );
    }
}

#[test]
fn every_metric_of_ours_is_told_or_is_told_by_another_one() {
    let told = all();
    let ours = Catalogue::standard().metrics().iter().map(|own| own.name);
    let silent = ours.filter(|name| !told.metrics.iter().any(|own| own.ours() == *name));
    assert_eq!(
        silent.collect::<Vec<_>>(),
        ["gitlab_merge_requests_total", "gitlab_merge_requests_draft"]
    );
}

#[test]
fn a_limit_holds_where_one_series_of_ours_is_one_for_each_project_to_others() {
    let mut choices = Choices {
        conventions: Some(Conventions::default()),
        ..Choices::default()
    };
    choices.limits.series_per_metric = Some(2);
    let own = |name: &str| name == "gitlab_pipeline_run_duration_seconds";
    let enabled = EnabledMetrics::new(Catalogue::standard(), own, choices);
    let project = |id: u64| {
        let identity = Identity {
            id,
            ..Identity::default()
        };
        let mut owner = Owner::new(identity, 1, Vec::new());
        let ended = Ended {
            since: 1,
            series: Box::new([EndedSeries::default()]),
        };
        owner.ended = vec![ended; enabled.catalogue.ended(Grain::Project).len()].into();
        Arc::new(owner)
    };
    let projects = (1..=5).map(project).collect::<Vec<_>>();
    let snapshot = Snapshot::new(1, projects, Some(5), Report::default(), &enabled);
    let (told, mut shown) = (enabled.by_conventions(), Vec::new());
    let view = View::from(Arc::new(snapshot));
    view.observe_ended(
        told.metrics[0],
        0..5,
        &told.choices,
        &mut |attributes, _, _| {
            let mut own = attributes.iter();
            shown.extend(
                own.find(|(name, _)| *name == "gitlab.project.id")
                    .map(|(_, id)| (*id).to_owned()),
            );
        },
    );
    assert_eq!(shown, ["4", "5"], "the oldest give way");
}
