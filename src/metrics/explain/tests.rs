//! What is shown has its age and its source, and what is not shown has its reason: never neither.

use std::sync::Arc;

use super::*;
use crate::metrics::{
    Catalogue, Choices, EnabledMetrics, Ended, EndedSeries, GitLabStatus, Identity, Limits, Owner,
    Reading, Reason, Report, Snapshot, Table, TableReading, View,
};

const NOW: u64 = 1_790_000_100;
const THEN: u64 = 1_790_000_040;

fn all() -> EnabledMetrics {
    EnabledMetrics::new(Catalogue::standard(), |_| true, Choices::default())
}

fn identity(id: u64, path: &str) -> Identity {
    Identity {
        id,
        path: path.into(),
        last_activity: Some(THEN),
        ..Identity::default()
    }
}

/// An owner of whom everything is known.
fn known(grain: Grain, id: u64, path: &str) -> Owner {
    let catalogue = Catalogue::standard();
    let values = catalogue
        .columns(grain)
        .iter()
        .map(|_| Reading::known(1.0, THEN));
    let mut owner = Owner::new(identity(id, path), THEN, values.collect());
    let tables = catalogue.tables(grain).iter().map(|table| {
        let row = table.row(7, |_| "x".into(), |_| Some(1.0), THEN);
        let mut rows = Table::of_rows(vec![row]);
        rows.at = THEN as u32;
        rows.live = vec![1, 2].into();
        TableReading::Known(Arc::new(rows))
    });
    owner.tables = tables.collect::<Vec<_>>().into();
    let ended = catalogue.ended(grain).iter().map(|place| {
        let buckets = vec![1; place.bounds().len()];
        let series = EndedSeries {
            attributes: place.attribute_names().iter().map(|_| "x".into()).collect(),
            count: 3,
            sum: 6.0,
            buckets: buckets.into(),
        };
        Ended {
            since: 1_780_000_000,
            series: vec![series].into(),
        }
    });
    owner.ended = ended.collect::<Vec<_>>().into();
    owner
}

/// An owner of whom nothing is known, for one reason.
fn unknown(grain: Grain, id: u64, path: &str, reason: Reason) -> Owner {
    let catalogue = Catalogue::standard();
    let values = vec![Reading::Unknown(reason); catalogue.columns(grain).len()];
    let tables = vec![TableReading::Unknown(reason); catalogue.tables(grain).len()];
    Owner {
        tables: tables.into(),
        ..Owner::new(identity(id, path), THEN, values)
    }
}

fn snapshot(make: impl Fn(Grain, u64, &str) -> Owner, enabled: &EnabledMetrics) -> Snapshot {
    let owners = crate::metrics::Owners {
        instance: Arc::new(make(Grain::Instance, 0, "")),
        groups: vec![Arc::new(make(Grain::Group, 5, "group"))],
        projects: vec![
            Arc::new(make(Grain::Project, 1, "group/a")),
            Arc::new(make(Grain::Project, 2, "group/b")),
        ],
        runners: vec![Arc::new(make(Grain::Runner, 9, ""))],
        departed: Vec::new(),
    };
    let report = Report {
        ended: THEN,
        reached: true,
        last_complete: Some(THEN),
        ..Report::default()
    };
    Snapshot::new(1, owners, Some(2), report, enabled)
}

fn bridge(snapshot: Snapshot) -> BridgeStatus {
    let gitlab = GitLabStatus {
        url: "https://gitlab.example.com/".to_owned(),
        now: NOW,
        snapshot: Arc::new(snapshot),
        ..GitLabStatus::default()
    };
    BridgeStatus {
        version: "1",
        gitlabs: vec![gitlab],
        ..BridgeStatus::default()
    }
}

fn ask<'a>(metric: &'a str) -> Question<'a> {
    Question {
        metric,
        most: 100,
        ..Question::default()
    }
}

fn explained(
    question: &Question<'_>,
    bridge: &BridgeStatus,
    enabled: &EnabledMetrics,
) -> Explanation {
    explain(question, bridge, &Settings::of(enabled.clone(), 1)).unwrap()
}

/// The only absence of a project's commits.
fn lack(snapshot: Snapshot, project: &str) -> Absent {
    let question = Question {
        project: Some(project),
        ..ask("commits")
    };
    let told = explained(&question, &bridge(snapshot), &all());
    let [absent] = &told.gitlabs[0].absent[..] else {
        panic!("{told:#?}");
    };
    absent.clone()
}

#[test]
fn what_is_shown_is_told_with_the_same_labels_and_values_and_its_age() {
    for by in [
        crate::metrics::HistogramsBy::None,
        crate::metrics::HistogramsBy::Project,
    ] {
        let choices = Choices {
            histograms_by: by,
            ..Choices::default()
        };
        let enabled = EnabledMetrics::new(Catalogue::standard(), |_| true, choices);
        let snapshot = snapshot(known, &enabled);
        let view = View::from(Arc::new(snapshot.clone()));
        let bridge = bridge(snapshot);
        for metric in enabled
            .metrics
            .iter()
            .filter(|metric| metric.is_about_gitlab())
        {
            let mut shown = Vec::new();
            let mut note = |labels: &[(&'static str, &str)]| {
                let mut labels: Vec<_> = labels
                    .iter()
                    .map(|(name, text)| (*name, (*text).to_owned()))
                    .collect();
                labels.sort();
                shown.push(labels);
            };
            view.observe(metric, 0..2, &enabled.choices, &mut |labels, _| {
                note(labels)
            });
            if metric.instrument == crate::metrics::Instrument::Histogram {
                view.observe_ended(metric, 0..2, &enabled.choices, &mut |labels, _, _| {
                    note(labels)
                });
            }
            let told = explained(&ask(metric.name), &bridge, &enabled);
            let of = &told.gitlabs[0];
            let labels = of
                .series
                .iter()
                .map(|own| own.labels.clone().into_iter().collect::<Vec<_>>());
            assert_eq!(labels.collect::<Vec<_>>(), shown, "{}", metric.name);
            assert!(!of.series.is_empty(), "{}: {of:#?}", metric.name);
            for series in &of.series {
                let is_dated =
                    series.age_seconds == Some(60) || series.since == Some(1_780_000_000);
                assert!(is_dated, "{}: {series:?}", metric.name);
            }
        }
    }
}

#[test]
fn whatever_is_absent_has_a_reason_in_a_sentence() {
    let enabled = all();
    for reason in Reason::ALL {
        let bridge = bridge(snapshot(
            |grain, id, path| unknown(grain, id, path, reason),
            &enabled,
        ));
        for metric in Catalogue::standard().metrics() {
            let told = explained(&ask(metric.name), &bridge, &enabled);
            let of = &told.gitlabs[0];
            let is_told = !of.series.is_empty() || !of.absent.is_empty();
            assert!(is_told, "{} {reason:?}", metric.name);
            for absent in &of.absent {
                assert!(
                    absent.why.len() > 10 && !absent.why.ends_with('.'),
                    "{absent:?}"
                );
                assert!(absent.count > 0, "{absent:?}");
            }
            let text = told.to_string();
            assert!(text.contains(metric.name) && !text.contains(".."), "{text}");
        }
    }
}

/// What is said of some reasons: the word, a part of the sentence, and of what helps.
const REASONS: [(Reason, &str, &str, &str); 10] = [
    (Reason::Hidden, "hidden", "hides it", "Reporter"),
    (
        Reason::Forbidden,
        "forbidden",
        "forbids the token",
        "Reporter",
    ),
    (
        Reason::Unsupported,
        "unsupported",
        "statistics.commitCount",
        "newer GitLab",
    ),
    (
        Reason::Pending,
        "pending",
        "not been read yet",
        "wait for it",
    ),
    (
        Reason::NotAsked,
        "pending",
        "not been read yet",
        "wait for it",
    ),
    (
        Reason::Unauthorized,
        "unauthorized",
        "does not accept the token",
        "read_api",
    ),
    (
        Reason::RateLimited,
        "rate_limited",
        "rate limit",
        "requests_per_second",
    ),
    (Reason::Budget, "budget", "poll.budget", "raise poll.budget"),
    (
        Reason::Timeout,
        "timeout",
        "too long",
        "log of failed requests",
    ),
    (
        Reason::NotGitlab,
        "not_gitlab",
        "proxy",
        "let the bridge through",
    ),
];

#[test]
fn each_reason_is_told_with_what_helps() {
    let enabled = all();
    for (reason, word, says, helps) in REASONS {
        let absent = lack(
            snapshot(|grain, id, path| unknown(grain, id, path, reason), &enabled),
            "1",
        );
        assert_eq!(absent.reason, word);
        assert!(absent.why.contains(says), "{absent:?}");
        assert!(
            absent.advice.as_ref().unwrap().contains(helps),
            "{absent:?}"
        );
    }
}

#[test]
fn a_metric_is_found_by_short_forms_of_its_name() {
    let catalogue = Catalogue::standard();
    for (asked, found) in [
        ("gitlab_commits_total", "gitlab_commits_total"),
        ("commits", "gitlab_commits_total"),
        ("gitlab_commits", "gitlab_commits_total"),
        ("Commits_Total", "gitlab_commits_total"),
        ("merge_requests", "gitlab_merge_requests"),
        ("merge-requests-total", "gitlab_merge_requests_total"),
        ("storage_size", "gitlab_storage_size_bytes"),
        (
            "pipeline_last_run_duration",
            "gitlab_pipeline_last_run_duration_seconds",
        ),
        (
            "gitlab_pipeline_run_duration_seconds_bucket",
            "gitlab_pipeline_run_duration_seconds",
        ),
    ] {
        assert_eq!(
            finding::metric(catalogue, asked).unwrap().name,
            found,
            "{asked}"
        );
    }
    for metric in catalogue.metrics() {
        assert_eq!(
            finding::metric(catalogue, metric.name).unwrap().name,
            metric.name
        );
    }
    for (asked, meant) in [
        ("gitlab_comits_total", "gitlab_commits_total"),
        ("comits", "gitlab_commits_total"),
        ("runs_total", "gitlab_pipeline_runs_total"),
        ("releases", "gitlab_project_releases"),
    ] {
        let error = finding::metric(catalogue, asked).unwrap_err();
        assert!(
            error.did_you_mean.iter().any(|own| own == meant),
            "{asked}: {error:?}"
        );
    }
    let nothing = finding::metric(catalogue, "qqqqqqqqqqqqqqqqqqqq").unwrap_err();
    assert!(
        nothing.error.contains("the command metrics lists"),
        "{nothing}"
    );
    finding::metric(catalogue, "").unwrap_err();
}

#[test]
fn a_project_is_asked_for_by_id_or_path_and_one_that_is_not_read_says_why() {
    let enabled = all();
    let of = |asked| {
        let question = Question {
            project: Some(asked),
            ..ask("commits")
        };
        let told = explained(&question, &bridge(snapshot(known, &enabled)), &enabled);
        let series = &told.gitlabs[0].series;
        series
            .iter()
            .map(|own| own.labels["project_id"].clone())
            .collect::<Vec<_>>()
    };
    for asked in ["2", "group/b", "GROUP/B", "/group/b/", "group/b.git"] {
        assert_eq!(of(asked), ["2"], "{asked}");
    }
    let absent = lack(snapshot(known, &enabled), "gruop/b");
    assert_eq!(absent.reason, "not_selected");
    assert!(absent.why.contains("did you mean group/b?"), "{absent:?}");
    let mut gone = snapshot(known, &enabled);
    gone.report.as_mut().unwrap().absent = vec!["group/c".to_owned()];
    assert_eq!(lack(gone, "group/c").reason, "gone");
    assert_eq!(lack(Snapshot::default(), "group/c").reason, "not_polled");
}

#[test]
fn a_group_is_known_by_the_projects_in_it_though_no_group_is_read() {
    let enabled = all();
    let mut snapshot = snapshot(known, &enabled);
    snapshot.groups.clear();
    let bridge = bridge(snapshot);
    let of = |asked| {
        let question = Question {
            group: Some(asked),
            ..ask("commits")
        };
        explained(&question, &bridge, &enabled)
    };
    assert_eq!(of("Group").gitlabs[0].series.len(), 2);
    let absent = &of("gruop").gitlabs[0].absent[0];
    assert!(absent.why.contains("did you mean group?"), "{absent:?}");
}

#[test]
fn a_project_that_a_setting_leaves_out_is_told_with_that_setting() {
    let enabled = all();
    let mut settings = Settings::of(enabled.clone(), 1);
    settings.gitlabs[0].left_out_by = Arc::new(|path: &str| {
        path.starts_with("sandbox")
            .then(|| "select.exclude (sandbox/**)".to_owned())
    });
    let question = Question {
        project: Some("sandbox/x"),
        ..ask("commits")
    };
    let told = explain(&question, &bridge(snapshot(known, &enabled)), &settings).unwrap();
    let absent = &told.gitlabs[0].absent[0];
    assert_eq!(
        absent.why,
        "select.exclude (sandbox/**) leaves sandbox/x out"
    );
}

#[test]
fn of_several_gitlabs_each_is_told_or_the_one_that_is_asked_about() {
    let enabled = all();
    let mut bridge = bridge(snapshot(known, &enabled));
    let mut settings = Settings::of(enabled.clone(), 2);
    bridge.gitlabs.push(bridge.gitlabs[0].clone());
    for (place, name) in ["com", "internal"].into_iter().enumerate() {
        bridge.gitlabs[place].name = Some(name.into());
        // However the settings come to be in another order.
        settings.gitlabs[1 - place].name = Some(name.to_owned());
    }
    let of = |instance| {
        let question = Question {
            instance,
            ..ask("project_count")
        };
        explain(&question, &bridge, &settings)
    };
    assert_eq!(of(None).unwrap().gitlabs.len(), 2);
    let one = of(Some("internal")).unwrap().gitlabs;
    assert_eq!(one[0].series[0].labels["gitlab_instance"], "internal");
    assert_eq!(one.len(), 1);
    let error = of(Some("intern")).unwrap_err();
    assert_eq!(error.did_you_mean, ["com", "internal"]);
}

#[test]
fn a_metric_that_is_off_names_the_setting_that_switches_it_on() {
    let enabled = EnabledMetrics::standard();
    let bridge = bridge(snapshot(known, &enabled));
    for (metric, helps) in [
        (
            "gitlab_jobs_total",
            "add gitlab_jobs_total, or jobs for all metrics of that subject, to metrics.enabled",
        ),
        (
            "gitlab_job_last_run_status",
            "add gitlab_job_last_run_status to metrics.enabled",
        ),
    ] {
        let told = explained(&ask(metric), &bridge, &enabled);
        assert!(!told.enabled);
        let absent = &told.gitlabs[0].absent[0];
        assert_eq!(
            (absent.reason, absent.advice.as_deref()),
            ("disabled", Some(helps))
        );
    }
    let mut settings = Settings::of(
        EnabledMetrics::by_default(|own| own.name != "gitlab_issues"),
        1,
    );
    settings.switched_off_by = Arc::new(|_| Some("metrics.disabled (gitlab_iss*)".to_owned()));
    let told = explain(&ask("issues"), &bridge, &settings).unwrap();
    assert_eq!(
        told.gitlabs[0].absent[0].why,
        "metrics.disabled (gitlab_iss*) switches it off"
    );
}

#[test]
fn what_a_limit_keeps_out_is_told_with_the_limit() {
    let limits = Limits {
        series_per_metric: Some(1),
        ..Limits::default()
    };
    let choices = Choices {
        limits,
        ..Choices::default()
    };
    let enabled = EnabledMetrics::new(Catalogue::standard(), |_| true, choices);
    let told = explained(
        &ask("commits"),
        &bridge(snapshot(known, &enabled)),
        &enabled,
    );
    let of = &told.gitlabs[0];
    assert_eq!((of.series.len(), of.absent[0].reason), (1, "limited"));
    assert!(
        of.absent[0]
            .why
            .contains("metrics.limits.series_per_metric (1)"),
        "{of:?}"
    );
    assert!(of.absent[0].paths.contains("group/a"), "{of:?}");
}

#[test]
fn an_answer_has_no_more_series_than_it_may_and_counts_the_others() {
    let enabled = all();
    let question = Question {
        most: 1,
        ..ask("gitlab_issues")
    };
    let told = explained(&question, &bridge(snapshot(known, &enabled)), &enabled);
    let of = &told.gitlabs[0];
    assert_eq!((of.series.len(), of.more_series), (1, 3));
}

#[test]
fn a_sum_that_is_not_known_says_which_projects_are_behind_it() {
    let enabled = all();
    let half = |grain, id, path: &str| match id {
        2 => unknown(grain, id, path, Reason::Hidden),
        _ => known(grain, id, path),
    };
    let told = explained(
        &ask("merge_requests_total"),
        &bridge(snapshot(half, &enabled)),
        &enabled,
    );
    let absent = &told.gitlabs[0].absent[0];
    assert_eq!((absent.reason, absent.count), ("hidden", 1));
    assert!(absent.paths.contains("group/b"), "{absent:?}");
}

#[test]
fn all_values_of_a_project_are_told_in_the_order_of_the_reference() {
    let enabled = EnabledMetrics::standard();
    let bridge = bridge(snapshot(known, &enabled));
    let settings = Settings::of(enabled.clone(), 1);
    let told = project_values("group/b", None, &bridge, &settings, 50).unwrap();
    assert_eq!(told.project.id, 2);
    let names: Vec<_> = told.metrics.iter().map(|own| own.metric).collect();
    assert!(
        names.contains(&"gitlab_commits_total") && names.contains(&"gitlab_project_info"),
        "{names:?}"
    );
    assert!(
        told.metrics
            .iter()
            .all(|own| !own.series.is_empty() || !own.absent.is_empty())
    );
    assert!(
        told.disabled.contains(&"gitlab_jobs_total"),
        "{:?}",
        told.disabled
    );
    let error = project_values("gruop/b", None, &bridge, &settings, 50).unwrap_err();
    assert!(
        error.did_you_mean.contains(&"group/b".to_owned()),
        "{error:?}"
    );
}

#[test]
fn a_project_among_very_many_is_found_by_a_name_that_is_nearly_right() {
    let projects = (1..=20_000).map(|id| {
        let identity = identity(id, &format!("group/project-{id}"));
        Arc::new(Owner::new(identity, THEN, Vec::new()))
    });
    let snapshot = Snapshot {
        projects: projects.collect(),
        report: Some(Report::default()),
        ..Snapshot::default()
    };
    let absent = lack(snapshot, "grop/project-19999");
    assert!(
        absent.why.contains("did you mean group/project-19999"),
        "{absent:?}"
    );
}

#[test]
fn whole_numbers_are_written_as_such_and_the_shape_stays() {
    let enabled = all();
    let told = explained(
        &ask("commits"),
        &bridge(snapshot(known, &enabled)),
        &enabled,
    );
    let json = serde_json::to_value(&told).unwrap();
    let members: Vec<_> = json.as_object().unwrap().keys().cloned().collect();
    assert_eq!(
        members,
        [
            "attributes",
            "enabled",
            "gitlabs",
            "meaning",
            "metric",
            "of",
            "source",
            "subject",
            "type",
            "unit"
        ]
    );
    let gitlab = &json["gitlabs"][0];
    assert_eq!(
        gitlab["series"][0],
        serde_json::json!({
            "labels": {"project_id": "1"}, "path": "group/a", "value": 1, "read_at": THEN, "age_seconds": 60,
        })
    );
    for member in [
        "instance",
        "url",
        "read",
        "last_poll",
        "project",
        "group",
        "more_series",
        "absent",
        "notes",
    ] {
        assert!(gitlab.get(member).is_some(), "{member}");
    }
}
