//! The model of data, seen from outside: subjects that a test adds are asked for, read, bounded, kept
//! and shown like those of the standard catalogue.

#[path = "client/mod.rs"]
mod client;
mod support;

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use axum::{Json, Router};

use gitlab_metrics_bridge::export::{
    Introspect, Otlp, OtlpConfig, Prometheus, Protocol, Temporality,
};
use gitlab_metrics_bridge::metrics::subject::{
    Cadence, Feed, Feeds, Many, Rows, Shows, Stage, count, counter, gauge, histogram, label,
    one_of, seconds, time,
};
use gitlab_metrics_bridge::metrics::{
    self, Api, AskedColumns, Attribute, BridgeStatus, Catalogue, Choices, EnabledMetrics, Grain,
    HistogramsBy, Identity, Owner, OwnerAnswer, Owners, PROJECT_ID, Progress, ProjectAnswer, Reach,
    Reading, Reason, Record, RefChoice, Report, Rest, Snapshot, Subject, TableAnswer, TableReading,
    View,
};
use gitlab_metrics_bridge::poll::{
    self, Capabilities, Checkpoint, Depth, List, Plan, Polled, RequestPart, Rhythm,
};
use gitlab_metrics_bridge::simulator::{Fault, GitLab, World};
use opentelemetry_sdk::Resource;
use serde_json::{Value, json};
use support::exposition::Exposition;
use support::receiver::Receiver;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Many rows: pipelines by their ref, which is any text, of which only the newest is kept.
static PIPELINES: Subject = Subject {
    name: "test_pipelines",
    of: Grain::Project,
    cadence: Cadence::WithOwner,
    rows: Rows::Many(Many {
        list: "pipelines",
        rest: "pipelines?order_by=id&sort=desc",
        key: "id",
        latest_per: &["ref"],
        at_most: 3,
    }),
    columns: &[
        label("ref", "ref", Rest::Body("ref")),
        one_of("status", STATUSES, "status", Rest::Body("status")),
        seconds("duration", "duration", Rest::Body("duration")),
    ],
    metrics: &[
        gauge(
            "gitlab_test_pipeline_duration_seconds",
            "s",
            "How long the newest pipeline of a ref took",
            &[PROJECT_ID, REF],
            Shows::Value("duration"),
        ),
        gauge(
            "gitlab_test_pipeline_status",
            "",
            "1 for the status of the newest pipeline of a ref",
            &[PROJECT_ID, REF, STATUS],
            Shows::StateSet("status"),
        ),
        gauge(
            "gitlab_test_pipeline_refs",
            "{ref}",
            "Refs that have a pipeline",
            &[PROJECT_ID],
            Shows::Rows,
        ),
    ],
};

/// What ends: each run once, into a counter and into a histogram.
static RUNS: Subject = Subject {
    name: "runs",
    of: Grain::Project,
    cadence: Cadence::EachPoll,
    rows: Rows::Feeds(Feeds {
        lists: &[Feed {
            name: "runs",
            changed: "runs(updatedAfter: $since)",
            newest: None,
            rest_changed: "runs?updated_after={since}",
            rest_newest: None,
            rest_one: None,
            rest_counts: None,
            key: "id",
            asks: &["finishedAt"],
            stage: |raw| raw.time("finishedAt").map_or(Stage::Live(0), Stage::Ended),
            before: |_| None,
            is_shown: |_| false,
            updated: "finishedAt",
            of_children: false,
        }],
        latest_per: &[],
        carried: &[],
        stages: &["running"],
    }),
    columns: &[
        one_of("status", STATUSES, "status", Rest::Body("status")),
        seconds("duration", "duration", Rest::Body("duration")),
        time("finished", "finishedAt", Rest::Body("finished_at")),
    ],
    metrics: &[
        counter(
            "gitlab_test_runs_total",
            "{run}",
            "Pipelines that have ended since counting began",
            &[PROJECT_ID, STATUS],
            Shows::Ended {
                value: None,
                at: None,
                bounds: &[],
            },
        ),
        histogram(
            "gitlab_test_run_duration_seconds",
            "s",
            "How long pipelines took that have ended since counting began",
            &[PROJECT_ID, STATUS],
            Shows::Ended {
                value: Some("duration"),
                at: None,
                bounds: &[1.0, 10.0, 60.0],
            },
        ),
    ],
};

/// The grain of the GitLab itself: one row with a label, and a number.
static INSTANCE: Subject = Subject {
    name: "test_instance",
    of: Grain::Instance,
    cadence: Cadence::HOURLY,
    rows: Rows::One,
    columns: &[
        label(
            "gitlab_version",
            "metadata.version",
            Rest::Member {
                path: "metadata",
                member: "version",
                since: (0, 0),
            },
        ),
        count(
            "users",
            "users(first: 1).count",
            Rest::Member {
                path: "metadata",
                member: "users",
                since: (0, 0),
            },
        ),
    ],
    metrics: &[
        gauge(
            "gitlab_test_instance_info",
            "",
            "Which version answers",
            &[VERSION],
            Shows::Info,
        ),
        gauge(
            "gitlab_test_users",
            "{user}",
            "Users of the GitLab",
            &[VERSION],
            Shows::Value("users"),
        ),
    ],
};

/// A single metric, as somebody would add it.
static ONE_EDIT: Subject = Subject {
    name: "one_edit",
    of: Grain::Project,
    cadence: Cadence::WithOwner,
    rows: Rows::One,
    columns: &[count(
        "watchers",
        "watcherCount",
        Rest::Body("watcher_count"),
    )],
    metrics: &[gauge(
        "gitlab_test_watchers",
        "{watcher}",
        "Watchers of the project",
        &[PROJECT_ID],
        Shows::Value("watchers"),
    )],
};

const STATUSES: &[&str] = &["running", "success", "failed"];
const REF: Attribute = Attribute {
    name: "ref",
    meaning: "The branch or tag.",
    examples: &["main"],
};
const STATUS: Attribute = Attribute {
    name: "status",
    meaning: "How a pipeline is.",
    examples: STATUSES,
};
const VERSION: Attribute = Attribute {
    name: "gitlab_version",
    meaning: "The version of the GitLab.",
    examples: &["18.8.1"],
};

/// The place of the table of the subject that was added last.
fn added(enabled: &EnabledMetrics) -> usize {
    enabled.catalogue.tables(Grain::Project).len() - 1
}

fn enabled(subject: &'static Subject) -> EnabledMetrics {
    let catalogue = Catalogue::standard_with(&[subject]).unwrap();
    EnabledMetrics::new(catalogue, |_| true, by_project())
}

/// Histograms that tell projects apart.
fn by_project() -> Choices {
    Choices {
        histograms_by: HistogramsBy::Project,
        ..Choices::default()
    }
}

/// A pipeline as GraphQL and as REST tell it.
type Pipeline = (u64, &'static str, &'static str, Option<f64>, Option<u64>);

fn time_of(at: u64) -> String {
    jiff::Timestamp::from_second(at as i64).unwrap().to_string()
}

fn node(connection: &str, pipelines: &[Pipeline], more: bool) -> Value {
    let nodes = pipelines
        .iter()
        .map(|(id, on, status, duration, finished)| {
            json!({
                "id": format!("gid://gitlab/Ci::Pipeline/{id}"), "ref": on,
                "status": status.to_uppercase(), "duration": duration,
                "finishedAt": finished.map(time_of),
            })
        });
    let page = json!({"nodes": nodes.collect::<Vec<_>>(), "pageInfo": {"hasNextPage": more}});
    json!({"id": "gid://gitlab/Project/7", "fullPath": "a/b", connection: page})
}

fn list(pipelines: &[Pipeline]) -> Value {
    let rows = pipelines
        .iter()
        .map(|(id, on, status, duration, finished)| {
            json!({
                "id": id, "ref": on, "status": status, "duration": duration,
                "finished_at": finished.map(time_of),
            })
        });
    rows.collect()
}

/// The project after an answer over GraphQL.
fn over_graphql(enabled: &EnabledMetrics, node: &Value, last: Option<&Owner>, now: u64) -> Owner {
    let plan = Plan::new(enabled, &Capabilities::default());
    let answer = ProjectAnswer::from_graphql(node, &plan.whole, &[], enabled.catalogue, now);
    Owner::updated(answer.unwrap(), last, now)
}

/// The project after an answer over REST: its body, and its only table.
fn over_rest(enabled: &EnabledMetrics, rows: &Value, last: Option<&Owner>, now: u64) -> Owner {
    let body = json!({"id": 7, "path_with_namespace": "a/b"});
    let mut answer = ProjectAnswer::from_rest(&body, enabled, now).unwrap();
    let place = added(enabled);
    assert_eq!(
        answer.failed_tables,
        [place],
        "the list is still to be asked"
    );
    let table = &enabled.catalogue.tables(Grain::Project)[place];
    answer.take_table(place, TableAnswer::from_rest(rows, table, now));
    assert_eq!(answer.failed_tables, [] as [usize; 0]);
    Owner::updated(answer, last, now)
}

fn snapshot(enabled: &EnabledMetrics, owners: impl Into<Owners>) -> Snapshot {
    Snapshot::new(1, owners, Some(1), Report::default(), enabled)
}

fn view(enabled: &EnabledMetrics, project: Owner) -> Arc<View> {
    let projects = vec![Arc::new(project)];
    Arc::new(View::from(Arc::new(snapshot(enabled, projects))))
}

/// The series of a metric, sorted, as `attribute=value,… number`.
fn series(enabled: &EnabledMetrics, view: &View, metric: &str) -> Vec<String> {
    let metric = enabled.catalogue.find(metric).unwrap();
    let mut lines = Vec::new();
    view.observe(
        metric,
        0..view.projects(),
        &enabled.choices,
        &mut |labels, value| {
            let labels = labels.iter().map(|(key, value)| format!("{key}={value}"));
            lines.push(format!("{} {value}", labels.collect::<Vec<_>>().join(",")));
        },
    );
    assert_eq!(
        view.count(metric, 0..view.projects(), &enabled.choices),
        lines.len()
    );
    lines.sort();
    lines
}

/// What both exporters show of a view.
async fn exported(enabled: &EnabledMetrics, view: &Arc<View>) -> (String, Receiver) {
    let prometheus =
        Prometheus::build(&Resource::builder_empty().build(), enabled.clone()).unwrap();
    prometheus.render(view).unwrap();
    let nothing: Introspect = Arc::new(|_| BridgeStatus::default());
    let text = prometheus.exposition(&nothing, false).pieces.concat();
    let receiver = Receiver::start();
    let target = OtlpConfig {
        protocol: Protocol::Http,
        endpoint: format!("{}/v1/metrics", receiver.endpoint())
            .parse()
            .unwrap(),
        ..OtlpConfig::default()
    };
    let otlp = target.build(Resource::builder_empty().build(), enabled.clone());
    otlp.unwrap().push(view, &nothing).await.unwrap();
    (String::from_utf8(text).unwrap(), receiver)
}

#[test]
fn many_rows_are_asked_inside_the_whole_selection() {
    let enabled = enabled(&PIPELINES);
    let plan = Plan::new(&enabled, &Capabilities::default());
    let part = RequestPart {
        list: List::Membership,
        depth: Depth::Whole,
        first: 100,
        after: None,
    };
    let (document, _) = plan.request(&[part], 0);
    let asked = "pipelines(first: 3) { nodes { id ref status duration } pageInfo { hasNextPage } }";
    assert!(document.contains(asked), "{document}");
    let table = &enabled.catalogue.tables(Grain::Project)[added(&enabled)];
    let over_rest = "pipelines?order_by=id&sort=desc&per_page=3";
    assert_eq!(table.rest_path().as_deref(), Some(over_rest));
}

#[tokio::test]
async fn many_rows_are_shown_the_same_over_both_apis_and_by_both_exporters() {
    let enabled = enabled(&PIPELINES);
    let told: &[Pipeline] = &[
        (12, "main", "running", None, None),
        (11, "ä\"\\\n", "failed", Some(1.5), None),
        (10, "main", "success", Some(9.0), None),
    ];
    let graphql = over_graphql(&enabled, &node("pipelines", told, false), None, 100);
    let rest = over_rest(&enabled, &list(told), None, 100);
    let shown = [
        (
            "gitlab_test_pipeline_duration_seconds",
            vec!["project_id=7,ref=ä\"\\  1.5"],
        ),
        (
            "gitlab_test_pipeline_status",
            vec![
                "project_id=7,ref=main,status=running 1",
                "project_id=7,ref=ä\"\\ ,status=failed 1",
            ],
        ),
        ("gitlab_test_pipeline_refs", vec!["project_id=7 2"]),
    ];
    for project in [graphql, rest] {
        let view = view(&enabled, project);
        let (text, receiver) = exported(&enabled, &view).await;
        let exposed = Exposition::parse(&text).unwrap();
        for (metric, lines) in &shown {
            assert_eq!(series(&enabled, &view, metric), *lines, "{metric}");
            let exported = receiver.last_export();
            assert_eq!(exposed.series(metric), exported.series(metric), "{metric}");
            assert_eq!(exposed.series(metric).len(), lines.len(), "{metric}");
        }
    }
}

#[test]
fn the_oldest_rows_give_way_and_are_counted() {
    let enabled = enabled(&PIPELINES);
    let on = |id, on| (id, on, "success", Some(1.0), None);
    let first: &[Pipeline] = &[on(3, "c"), on(2, "b"), on(1, "a")];
    let then: &[Pipeline] = &[on(9, "c"), on(8, "d"), on(7, "e")];
    let project = over_graphql(&enabled, &node("pipelines", first, true), None, 100);
    let project = over_graphql(
        &enabled,
        &node("pipelines", then, true),
        Some(&project),
        200,
    );
    let table = project.tables[added(&enabled)].known().unwrap();
    assert_eq!(
        (&*table.keys, table.given_way.len()),
        (&[7, 8, 9][..], 2),
        "the refs a and b"
    );
    let one: &[Pipeline] = &[on(9, "c")];
    let project = over_graphql(
        &enabled,
        &node("pipelines", one, false),
        Some(&project),
        300,
    );
    let table = project.tables[added(&enabled)].known().unwrap();
    assert_eq!(
        (&*table.keys, table.given_way.len()),
        (&[9][..], 0),
        "the list was told to its end"
    );
}

#[test]
fn rows_that_are_not_understood_leave_the_last_ones() {
    let enabled = enabled(&PIPELINES);
    let told: &[Pipeline] = &[(1, "main", "success", Some(1.0), None)];
    let project = over_graphql(&enabled, &node("pipelines", told, false), None, 100);
    for odd in [
        json!({"nodes": 1}),
        json!({}),
        json!([]),
        json!({"nodes": [{}]}),
        json!({"nodes": [1, 2]}),
        json!({"nodes": [{"id": null}]}),
    ] {
        let mut node = node("pipelines", &[], false);
        node["pipelines"] = odd.clone();
        let next = over_graphql(&enabled, &node, Some(&project), 200);
        let table = next.tables[added(&enabled)].known().unwrap();
        assert_eq!((&*table.keys, table.at), (&[1][..], 100), "{odd}");
        let new = over_graphql(&enabled, &node, None, 200);
        let is_odd = |reason: &Reason| *reason == Reason::NotUnderstood;
        assert!(
            matches!(&new.tables[added(&enabled)], TableReading::Unknown(reason) if is_odd(reason)),
            "{odd}"
        );
    }
    for odd in [
        json!({}),
        json!({"message": "maintenance"}),
        json!([3]),
        json!(null),
    ] {
        let next = over_rest_failing(&enabled, &odd, &project);
        assert_eq!(
            next.tables[added(&enabled)].known().unwrap().at,
            100,
            "{odd}"
        );
    }
}

fn over_rest_failing(enabled: &EnabledMetrics, rows: &Value, last: &Owner) -> Owner {
    let body = json!({"id": 7, "path_with_namespace": "a/b"});
    let mut answer = ProjectAnswer::from_rest(&body, enabled, 200).unwrap();
    let place = added(enabled);
    let table = &enabled.catalogue.tables(Grain::Project)[place];
    answer.take_table(place, TableAnswer::from_rest(rows, table, 200));
    assert_eq!(answer.failed_tables, [place], "it may be asked again");
    Owner::updated(answer, Some(last), 200)
}

#[test]
fn a_label_is_cut_and_a_value_that_can_not_be_true_is_invalid() {
    let enabled = enabled(&PIPELINES);
    let long: &'static str = Box::leak("ä".repeat(300).into_boxed_str());
    let told: &[Pipeline] = &[
        (2, long, "success", Some(-1.0), None),
        (1, "main", "odd", Some(1.0), None),
    ];
    let project = over_graphql(&enabled, &node("pipelines", told, false), None, 100);
    let view = view(&enabled, project);
    let status = series(&enabled, &view, "gitlab_test_pipeline_status");
    let cut = format!("project_id=7,ref={},status=success 1", "ä".repeat(200));
    assert_eq!(status, [cut]);
    let missing = &view.gitlabs[0].snapshot.missing;
    let invalid = missing
        .iter()
        .filter(|missing| missing.reason == Reason::Invalid);
    let invalid: Vec<_> = invalid
        .map(|missing| (missing.metric, missing.count))
        .collect();
    let expected = [
        ("gitlab_test_pipeline_duration_seconds", 1),
        ("gitlab_test_pipeline_status", 1),
    ];
    assert_eq!(invalid, expected);
}

/// Lets a project take what the last feed tells at these moments.
fn take_all(
    enabled: &EnabledMetrics,
    project: &mut Owner,
    told: &[(u64, &[Pipeline])],
    read: impl Fn(&[Pipeline]) -> Vec<Record>,
) {
    let catalogue = enabled.catalogue;
    let feed = catalogue.feeds(Grain::Project).last().unwrap();
    let mut progress = Progress::beginning(1_000);
    for (now, pipelines) in told {
        let choice = RefChoice {
            default_branch: None,
            refs: &enabled.choices.refs,
            at_most: 1,
            now: *now,
        };
        let (page, reach) = (read(pipelines), Reach::Changed);
        project.take_feed(&mut progress, &page, reach, feed, catalogue, choice);
        progress.complete(*now);
    }
}

#[tokio::test]
async fn each_end_is_counted_once_and_exactly() {
    let enabled = enabled(&RUNS);
    let before: &[Pipeline] = &[
        (3, "", "running", None, None),
        (2, "", "running", None, None),
        (1, "", "success", Some(5.0), Some(900)),
    ];
    // The clock that GitLab writes by is behind: what was seen to run has ended since all the same.
    let after: &[Pipeline] = &[
        (4, "", "success", Some(100.25), Some(1_150)),
        (3, "", "success", Some(0.5), Some(499)),
        (2, "", "failed", Some(10.0), Some(1_160)),
        (1, "", "success", Some(5.0), Some(900)),
    ];
    for api in [Api::Graphql, Api::Rest] {
        let feed = enabled.catalogue.feeds(Grain::Project).last().unwrap();
        let read = |pipelines: &[Pipeline]| {
            let things = match api {
                Api::Graphql => node("runs", pipelines, false)["runs"]["nodes"].clone(),
                Api::Rest => list(pipelines),
            };
            Record::read_all(&things, feed, api, 1).unwrap()
        };
        let mut project = Owner::default();
        Arc::make_mut(&mut project.identity).id = 7;
        take_all(
            &enabled,
            &mut project,
            &[(1_050, before), (1_200, after), (1_300, after)],
            read,
        );
        let view = view(&enabled, project);
        assert_eq!(
            series(&enabled, &view, "gitlab_test_runs_total"),
            [
                "project_id=7,status=failed 1",
                "project_id=7,status=success 2"
            ],
            "{api:?}"
        );
        let (text, receiver) = exported(&enabled, &view).await;
        let name = "gitlab_test_run_duration_seconds";
        for line in [
            format!("# TYPE {name} histogram"),
            format!("{name}_bucket{{project_id=\"7\",status=\"success\",le=\"1\"}} 1"),
            format!("{name}_bucket{{project_id=\"7\",status=\"success\",le=\"60\"}} 1"),
            format!("{name}_bucket{{project_id=\"7\",status=\"success\",le=\"+Inf\"}} 2"),
            format!("{name}_sum{{project_id=\"7\",status=\"success\"}} 100.75"),
            format!("{name}_count{{project_id=\"7\",status=\"success\"}} 2"),
            format!("{name}_bucket{{project_id=\"7\",status=\"failed\",le=\"10\"}} 1"),
            "# TYPE gitlab_test_runs_total counter".to_owned(),
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
        assert_histogram(&receiver, name);
    }
}

/// Two series, with the buckets, sums and counts that were told.
fn assert_histogram(receiver: &Receiver, name: &str) {
    use opentelemetry_proto::tonic::metrics::v1::metric::Data;
    let requests = receiver.read(|received| received.requests.clone());
    let metrics = requests
        .iter()
        .flat_map(|request| &request.resource_metrics)
        .flat_map(|resource| &resource.scope_metrics)
        .flat_map(|scope| &scope.metrics);
    let mut points = Vec::new();
    for metric in metrics.filter(|metric| metric.name == name) {
        let Some(Data::Histogram(histogram)) = &metric.data else {
            panic!("{name} is no histogram");
        };
        assert_eq!(histogram.aggregation_temporality, 2, "cumulative");
        for point in &histogram.data_points {
            assert_eq!(point.explicit_bounds, [1.0, 10.0, 60.0]);
            assert_eq!((point.min, point.max), (None, None), "nobody knows");
            points.push((point.bucket_counts.clone(), point.sum, point.count));
        }
    }
    points.sort_by_key(|(_, _, count)| *count);
    let expected = [
        (vec![0, 1, 0, 0], Some(10.0), 1),
        (vec![1, 0, 0, 1], Some(100.75), 2),
    ];
    assert_eq!(points, expected);
}

#[tokio::test]
async fn the_gitlab_itself_has_rows_of_its_own() {
    let enabled = enabled(&INSTANCE);
    let mut rounds = enabled.rounds(Grain::Instance);
    let round = rounds
        .find(|round| round.subject.name == INSTANCE.name)
        .unwrap();
    let asked = AskedColumns::of_round(round, &enabled, |_| true);
    assert_eq!(
        asked.instance_query(),
        "query Instance { metadata { version } users(first: 1) { count } queryComplexity { score } }"
    );
    let data = json!({"metadata": {"version": "18.8.1"}, "users": {"count": 12}});
    let untold = OwnerAnswer::of_grain(Grain::Instance, Identity::default(), enabled.catalogue);
    let (mut graphql, mut rest) = (untold.clone(), untold.clone());
    let (values, tables) = asked.told(&data, Grain::Instance, &[], enabled.catalogue, 100);
    graphql.fill(&values, tables, 100);
    let place = enabled.catalogue.tables(Grain::Instance).len() - 1;
    let table = &enabled.catalogue.tables(Grain::Instance)[place];
    assert_eq!(table.rest_path().as_deref(), Some("metadata"));
    let body = json!({"version": "18.8.1", "users": 12});
    rest.take_table(place, TableAnswer::from_rest(&body, table, 100));
    for answer in [graphql, rest] {
        let owners = Owners {
            instance: Arc::new(Owner::learnt(answer, None, 100)),
            ..Owners::default()
        };
        let view = Arc::new(View::from(Arc::new(snapshot(&enabled, owners))));
        for (metric, line) in [
            ("gitlab_test_instance_info", "gitlab_version=18.8.1 1"),
            ("gitlab_test_users", "gitlab_version=18.8.1 12"),
        ] {
            assert_eq!(series(&enabled, &view, metric), [line]);
            let (text, receiver) = exported(&enabled, &view).await;
            let exposed = Exposition::parse(&text).unwrap();
            assert_eq!(
                exposed.series(metric),
                receiver.last_export().series(metric)
            );
            assert_eq!(exposed.series(metric).len(), 1);
        }
    }
    let mut odd = untold;
    let (values, tables) = asked.told(&json!([]), Grain::Instance, &[], enabled.catalogue, 100);
    odd.fill(&values, tables, 100);
    assert!(
        matches!(odd.tables[place], TableAnswer::Unknown(_)),
        "not understood is not gone"
    );
}

#[tokio::test]
async fn a_metric_is_one_edit() {
    let (with, name) = (enabled(&ONE_EDIT), "gitlab_test_watchers");
    let without = EnabledMetrics::new(with.catalogue, |metric| metric != name, Choices::default());
    // The reference and the registry.
    let reference = metrics::markdown(with.catalogue);
    let row = "| `gitlab_test_watchers` | gauge | `{watcher}` | `project_id` | on | Watchers of the project | GraphQL `Project`: `watcherCount` |";
    assert!(reference.contains(row), "{reference}");
    let registry = metrics::registry(with.catalogue);
    assert!(registry.iter().any(|(_, text)| text.contains(name)));
    assert!(
        metrics::json(with.catalogue).contains(name)
            && metrics::text(with.catalogue).contains(name)
    );
    // The switch and the document.
    let document = |enabled: &EnabledMetrics| {
        let part = RequestPart {
            list: List::All,
            depth: Depth::Whole,
            first: 1,
            after: None,
        };
        Plan::new(enabled, &Capabilities::default())
            .request(&[part], 0)
            .0
    };
    assert!(document(&with).contains("watcherCount"));
    assert!(!document(&without).contains("watcherCount"));
    // The value, over both APIs, in both exporters.
    let node = json!({"id": "gid://gitlab/Project/7", "fullPath": "a/b", "watcherCount": 4});
    let body = json!({"id": 7, "path_with_namespace": "a/b", "watcher_count": 4});
    let rest = ProjectAnswer::from_rest(&body, &with, 100).unwrap();
    for project in [
        over_graphql(&with, &node, None, 100),
        Owner::updated(rest, None, 100),
    ] {
        let (text, receiver) = exported(&with, &view(&with, project.clone())).await;
        let line = "\ngitlab_test_watchers{project_id=\"7\"} 4\n";
        assert!(text.contains(line), "{text}");
        assert_eq!(receiver.last_export().series(name).len(), 1);
        let (text, receiver) = exported(&without, &view(&without, project)).await;
        assert!(!text.contains(name));
        assert_eq!(receiver.last_export().series(name).len(), 0);
    }
}

/// Only a project is asked for all of it at once.
static ALONG_WITH_NOTHING: Subject = Subject {
    name: "along_with_nothing",
    of: Grain::Instance,
    cadence: Cadence::WithOwner,
    rows: Rows::One,
    columns: &[label("version", "metadata.version", Rest::Body("version"))],
    metrics: &[],
};

#[test]
fn a_catalogue_refuses_rows_that_are_wrong() {
    static TWICE: Subject = Subject {
        name: "twice",
        of: Grain::Project,
        cadence: Cadence::WithOwner,
        rows: Rows::One,
        columns: &[],
        metrics: &[
            gauge(
                "gitlab_commits_total",
                "{commit}",
                "A second one",
                &[],
                Shows::Projects,
            ),
            gauge("gitlab_odd__name", "", "Not a name", &[], Shows::Projects),
            gauge("gitlab_seconds", "By", "Not the unit", &[], Shows::Projects),
            gauge(
                "gitlab_gone",
                "",
                "No such column",
                &[],
                Shows::Value("gone"),
            ),
        ],
    };
    static MIXED_UP: Subject = Subject {
        name: "mixed_up",
        of: Grain::Project,
        cadence: Cadence::WithOwner,
        rows: Rows::Many(Many {
            list: "rows",
            rest: "rows",
            key: "id",
            latest_per: &["ref"],
            at_most: 3,
        }),
        columns: &[label("ref", "ref", Rest::Body("ref"))],
        metrics: &[gauge(
            "gitlab_mixed_up",
            "",
            "Two rows would be one series",
            &[PROJECT_ID],
            Shows::Info,
        )],
    };
    let problems = Catalogue::standard_with(&[&TWICE, &MIXED_UP, &ALONG_WITH_NOTHING]).unwrap_err();
    for problem in [
        "gitlab_commits_total: there are two of that name",
        "gitlab_odd__name: the name does not survive",
        "gitlab_seconds: the unit By is not in the name",
        "gitlab_gone: there is no column gone",
        "along_with_nothing: only a project is asked for all of it at once",
        "gitlab_mixed_up: its attributes [\"ref\"] are needed to tell rows apart",
    ] {
        assert!(problems.contains(problem), "{problem}\n{problems}");
    }
}

#[test]
fn a_reading_of_a_new_column_is_unknown_and_not_zero() {
    let enabled = enabled(&ONE_EDIT);
    let node = json!({"id": "gid://gitlab/Project/7", "fullPath": "a/b"});
    let project = over_graphql(&enabled, &node, None, 100);
    let values = enabled
        .catalogue
        .project_columns()
        .iter()
        .zip(&project.values);
    for (placed, value) in values {
        assert_eq!(value.value(), None, "{}", placed.full_name());
        assert_ne!(*value, Reading::known(0.0, 100));
    }
}

/// A GitLab that knows one project, its pipelines and its own version, over both APIs or over REST.
async fn gitlab(graphql: bool, connection: &'static str, pipelines: &'static [Pipeline]) -> String {
    let answer = move |uri: Uri, body: String| async move {
        let path = uri.path();
        let project = json!({"id": 7, "path_with_namespace": "a/b", "statistics": {}});
        match path {
            "/api/graphql" if graphql => {
                Json(answered(&body, connection, pipelines)).into_response()
            }
            "/api/graphql" => (StatusCode::FORBIDDEN, Html("<html>blocked</html>")).into_response(),
            "/api/v4/projects" => Json(json!([project])).into_response(),
            "/api/v4/projects/7" => Json(project).into_response(),
            "/api/v4/projects/7/pipelines" => Json(list(pipelines)).into_response(),
            "/api/v4/metadata" => Json(json!({"version": "18.8.1", "users": 12})).into_response(),
            _ => not_found(),
        }
    };
    let router = Router::new().fallback(answer);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(axum::serve(listener, router).into_future());
    format!("http://{address}")
}

fn not_found() -> Response {
    let message = json!({"message": "404 Not Found"});
    (StatusCode::NOT_FOUND, Json(message)).into_response()
}

fn answered(query: &str, connection: &str, pipelines: &[Pipeline]) -> Value {
    if query.contains("query Instance") {
        return json!({"data": {"metadata": {"version": "18.8.1"}, "users": {"count": 12}}});
    }
    if !query.contains("query Projects") {
        return json!({"data": {"metadata": {"version": "18.8.1"}}});
    }
    let page = json!({
        "nodes": [node(connection, pipelines, false)],
        "pageInfo": {"hasNextPage": false, "endCursor": null},
    });
    json!({"data": {"part0": page, "part1": page, "part2": page}})
}

fn every_minute() -> poll::Config {
    every(Duration::from_secs(60))
}

fn every(interval: Duration) -> poll::Config {
    poll::Config {
        rhythm: Rhythm {
            interval,
            glance: interval,
            sweep: interval,
        },
        timeout: Duration::from_secs(60),
        ..poll::Config::default()
    }
}

/// Runs a process until a snapshot of a poll is as wanted, and ends it.
async fn run(
    url: &str,
    folder: &tempfile::TempDir,
    enabled: &EnabledMetrics,
    wanted: impl Fn(&Snapshot) -> bool,
) -> Arc<Snapshot> {
    let mut process = Process::start(url, folder, enabled, &every_minute());
    let found = process.wait_for(wanted).await;
    process.stop().await;
    found
}

/// A poller that runs, as in a process.
struct Process {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    stop: CancellationToken,
    running: JoinHandle<()>,
}

impl Process {
    fn start(
        url: &str,
        folder: &tempfile::TempDir,
        enabled: &EnabledMetrics,
        config: &poll::Config,
    ) -> Process {
        let client = client::config(url, 1);
        let polled = Polled::new(&client.address().unwrap(), config, enabled);
        let state = folder.path().join("state");
        let checkpoint = Checkpoint::open(&state, polled, SystemTime::now()).unwrap();
        let poller = config
            .clone()
            .build(client.build().unwrap(), enabled.clone());
        let (publish, snapshots) = watch::channel(Arc::default());
        let stop = CancellationToken::new();
        let running = tokio::spawn(poller.resume(checkpoint).run(publish, stop.clone()));
        Process {
            snapshots,
            stop,
            running,
        }
    }

    /// The first snapshot that is as wanted, once something is known.
    async fn wait_for(&mut self, wanted: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let is_it = |snapshot: &Arc<Snapshot>| snapshot.report.is_some() && wanted(snapshot);
        let found = self.snapshots.wait_for(is_it);
        let found = tokio::time::timeout(Duration::from_secs(30), found).await;
        Arc::clone(&found.expect("it came in time").unwrap())
    }

    async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

#[tokio::test]
async fn a_metric_that_is_added_keeps_the_state_and_is_asked_at_once() {
    const TOLD: &[Pipeline] = &[(12, "main", "success", Some(9.0), None)];
    let url = gitlab(true, "pipelines", TOLD).await;
    let folder = tempfile::tempdir().unwrap();
    let catalogue = Catalogue::standard_with(&[&PIPELINES, &ONE_EDIT]).unwrap();
    let few = |name: &str| name == "gitlab_project_count" || name == "gitlab_test_watchers";
    let few = EnabledMetrics::new(catalogue, few, Choices::default());
    run(&url, &folder, &few, |_| true).await;
    let more =
        |name: &str| name.starts_with("gitlab_test_pipeline") || name == "gitlab_project_count";
    let more = EnabledMetrics::new(catalogue, more, Choices::default());
    let restored = run(&url, &folder, &more, |_| true).await;
    assert!(restored.report.as_ref().unwrap().restored);
    assert_eq!(restored.project_count, Some(1), "what was known is known");
    let pending = TableReading::Unknown(Reason::Pending);
    let table = &restored.projects[0].tables[added(&more)];
    assert_eq!(format!("{table:?}"), format!("{pending:?}"));
    let polled = |snapshot: &Snapshot| !snapshot.report.as_ref().unwrap().restored;
    let view = View::from(run(&url, &folder, &more, polled).await);
    let rows = series(&more, &view, "gitlab_test_pipeline_refs");
    assert_eq!(
        rows,
        ["project_id=7 1"],
        "the first poll asks for what is new"
    );
}

#[tokio::test]
async fn the_poller_asks_for_rows_and_for_the_gitlab_itself_and_keeps_them_over_a_restart() {
    const TOLD: &[Pipeline] = &[
        (12, "main", "success", Some(9.0), None),
        (11, "dev", "failed", Some(1.5), None),
    ];
    let catalogue = Catalogue::standard_with(&[&PIPELINES, &INSTANCE]).unwrap();
    let own = |name: &str| name.starts_with("gitlab_test") || name == "gitlab_project_count";
    let enabled = EnabledMetrics::new(catalogue, own, by_project());
    let shown = [
        (
            "gitlab_test_pipeline_duration_seconds",
            vec!["project_id=7,ref=dev 1.5", "project_id=7,ref=main 9"],
        ),
        ("gitlab_test_users", vec!["gitlab_version=18.8.1 12"]),
        ("gitlab_project_count", vec![" 1"]),
    ];
    for graphql in [true, false] {
        let url = gitlab(graphql, "pipelines", TOLD).await;
        let folder = tempfile::tempdir().unwrap();
        for restored in [false, true] {
            let first = run(&url, &folder, &enabled, |_| true).await;
            let report = first.report.clone().unwrap();
            assert_eq!(report.restored, restored, "graphql: {graphql}");
            let view = View::from(first);
            for (metric, lines) in &shown {
                let seen = series(&enabled, &view, metric);
                assert_eq!(seen, *lines, "{metric}, graphql: {graphql} {report:?}");
            }
        }
    }
}

/// Deployments, which the simulator does not have: they are put where it answers with pipelines, and over REST
/// with environments.
static DEPLOYMENTS: Subject = Subject {
    name: "test_deployments",
    of: Grain::Project,
    cadence: Cadence::EachPoll,
    rows: Rows::Feeds(Feeds {
        lists: &[Feed {
            name: "deployments",
            changed: "pipelines(updatedAfter: $since)",
            newest: None,
            rest_changed: "environments?updated_after={since}",
            rest_newest: None,
            rest_one: None,
            rest_counts: None,
            key: "id",
            asks: &["finishedAt"],
            stage: |raw| raw.time("finishedAt").map_or(Stage::Live(0), Stage::Ended),
            before: |_| None,
            is_shown: |_| false,
            updated: "finishedAt",
            of_children: false,
        }],
        latest_per: &[],
        carried: &[],
        stages: &["running"],
    }),
    columns: &[
        seconds("duration", "duration", Rest::Body("duration")),
        time("finished", "finishedAt", Rest::Body("finished_at")),
    ],
    metrics: &[
        counter(
            "gitlab_test_deployments_total",
            "{deployment}",
            "Deployments that have ended since counting began",
            &[PROJECT_ID],
            Shows::Ended {
                value: None,
                at: None,
                bounds: &[],
            },
        ),
        histogram(
            "gitlab_test_deployment_duration_seconds",
            "s",
            "How long deployments took that have ended since counting began",
            &[PROJECT_ID],
            Shows::Ended {
                value: Some("duration"),
                at: None,
                bounds: &[10.0, 60.0],
            },
        ),
    ],
};

/// Its id, how long it took, and whether it has ended.
type Deployment = (u64, f64, bool);

/// The rows as both APIs tell them.
fn deployments(told: &[Deployment], finished: &str) -> Value {
    let rows = told.iter().map(|(id, duration, has_ended)| {
        // The first had ended long before anybody looked.
        let year = if *id == 1 { 2001 } else { 2099 };
        let at = has_ended.then(|| format!("{year}-01-01T00:00:00Z"));
        json!({"id": id, "duration": duration, finished: at})
    });
    rows.collect()
}

/// A simulator with one project, whose deployments are what stands in the list.
async fn deploying(graphql: bool, list: &Arc<Mutex<Vec<Deployment>>>) -> GitLab {
    let mut world = World::new();
    world.project_with_id("a/b", 7).commits(1);
    let gitlab = GitLab::start(world).await.unwrap();
    let told = Arc::clone(list);
    gitlab.fault(if graphql {
        let projects = Fault::operation("Projects").always();
        projects.tamper(move |_, answer| {
            let nodes = deployments(&told.lock().unwrap(), "finishedAt");
            let page = json!({"nodes": nodes, "pageInfo": {"hasNextPage": false}});
            answer.edit_each("pipelines", |pipelines| *pipelines = page.clone());
        })
    } else {
        gitlab.fault(Fault::on("/api/graphql").always().status(403));
        let environments = Fault::on("/api/v4/projects/7/environments").always();
        environments.tamper(move |_, answer| {
            let rows = deployments(&told.lock().unwrap(), "finished_at");
            answer.edit_json(|body| *body = rows);
        })
    });
    gitlab
}

/// What is counted in a snapshot: how many, and how long all of them took.
fn counted(snapshot: &Snapshot) -> (u64, f64) {
    let histogram = snapshot.projects.first().and_then(|own| own.ended.last());
    let series = histogram.and_then(|ended| ended.series.first());
    series.map_or((0, 0.0), |series| (series.count, series.sum))
}

/// The points of both metrics in the last export, as numbers of what has ended.
fn pushed(receiver: &Receiver, seen: &mut usize) -> (u64, u64) {
    use opentelemetry_proto::tonic::metrics::v1::{metric::Data, number_data_point::Value};
    let requests = receiver.read(|received| received.requests.clone());
    let new = &requests[*seen..];
    *seen = requests.len();
    let metrics = new.iter().flat_map(|request| &request.resource_metrics);
    let scopes = metrics.flat_map(|resource| &resource.scope_metrics);
    let (mut count, mut histogram) = (0, 0);
    for metric in scopes.flat_map(|scope| &scope.metrics) {
        match &metric.data {
            Some(Data::Sum(sum)) if metric.name == "gitlab_test_deployments_total" => {
                for point in &sum.data_points {
                    let Some(Value::AsInt(value)) = point.value else {
                        panic!("it is no whole number: {point:?}");
                    };
                    count += u64::try_from(value).unwrap();
                }
            }
            Some(Data::Histogram(told))
                if metric.name == "gitlab_test_deployment_duration_seconds" =>
            {
                histogram += told
                    .data_points
                    .iter()
                    .map(|point| point.count)
                    .sum::<u64>();
            }
            _ => {}
        }
    }
    (count, histogram)
}

fn pushing(receiver: &Receiver, enabled: &EnabledMetrics, temporality: Temporality) -> Otlp {
    let endpoint = format!("{}/v1/metrics", receiver.endpoint());
    let target = OtlpConfig {
        protocol: Protocol::Http,
        endpoint: endpoint.parse().unwrap(),
        temporality,
        ..OtlpConfig::default()
    };
    let otlp = target.build(Resource::builder_empty().build(), enabled.clone());
    otlp.unwrap()
}

#[tokio::test]
async fn what_has_ended_is_counted_by_a_poller_and_goes_on_over_a_restart() {
    let own = |name: &str| name.starts_with("gitlab_test") || name == "gitlab_project_count";
    let catalogue = Catalogue::standard_with(&[&DEPLOYMENTS]).unwrap();
    let enabled = EnabledMetrics::new(catalogue, own, by_project());
    let often = every(Duration::from_millis(200));
    for graphql in [true, false] {
        let list = Arc::new(Mutex::new(vec![(1, 5.0, true), (2, 30.0, false)]));
        let gitlab = deploying(graphql, &list).await;
        let folder = tempfile::tempdir().unwrap();
        let start = || Process::start(gitlab.url(), &folder, &enabled, &often);
        let is_read = |snapshot: &Snapshot| {
            let project = snapshot.projects.first();
            project.is_some_and(|project| project.tables[added(&enabled)].known().is_some())
        };
        let mut first = start();
        let before = first.wait_for(is_read).await;
        assert_eq!(counted(&before), (0, 0.0), "it had ended before");
        *list.lock().unwrap() = vec![(1, 5.0, true), (2, 30.0, true)];
        first.wait_for(|now| counted(now) == (1, 30.0)).await;
        first.stop().await;
        // One ends while nobody looks.
        list.lock().unwrap().push((3, 70.0, true));
        let mut second = start();
        let restored = second.wait_for(|_| true).await;
        assert!(restored.report.as_ref().unwrap().restored);
        assert_eq!(counted(&restored), (1, 30.0), "graphql: {graphql}");
        let both = second.wait_for(|now| counted(now).0 > 1).await;
        let later = both.generation + 3;
        let later = second.wait_for(|now| now.generation >= later).await;
        second.stop().await;
        assert_eq!(counted(&later), (2, 100.0), "graphql: {graphql}");
        let histogram = &later.projects[0].ended.last().unwrap().series[0];
        assert_eq!(*histogram.buckets, [0, 1, 1], "graphql: {graphql}");
        let (text, receiver) = exported(&enabled, &Arc::new(View::from(later))).await;
        let shown = "gitlab_test_deployment_duration_seconds_sum{project_id=\"7\"} 100\n";
        assert!(text.contains(shown), "{text}");
        assert!(text.contains("gitlab_test_deployments_total{project_id=\"7\"} 2\n"));
        assert_eq!(pushed(&receiver, &mut 0), (2, 2));
    }
}

#[tokio::test]
async fn what_was_counted_before_a_restart_is_not_sent_once_more_as_a_delta() {
    let enabled = enabled(&DEPLOYMENTS);
    let catalogue = enabled.catalogue;
    let feed = catalogue.feeds(Grain::Project).last().unwrap();
    let (mut project, mut progress) = (Owner::default(), Progress::beginning(100));
    Arc::make_mut(&mut project.identity).id = 7;
    let mut take = |rows: &[Deployment]| {
        let choice = RefChoice {
            default_branch: None,
            refs: &enabled.choices.refs,
            at_most: 1,
            now: 100,
        };
        let told = deployments(rows, "finishedAt");
        let page = Record::read_all(&told, feed, Api::Graphql, 100).unwrap();
        let reach = Reach::Changed;
        project.take_feed(&mut progress, &page, reach, feed, catalogue, choice);
        project.clone()
    };
    let one = take(&[(2, 5.0, true)]);
    let two = take(&[(2, 5.0, true), (3, 6.0, true)]);
    let nothing: Introspect = Arc::new(|_| BridgeStatus::default());
    for (temporality, expected) in [
        // The process that counted the first has sent it.
        (Temporality::Delta, [(0, 0), (1, 1), (0, 0)]),
        (Temporality::Cumulative, [(1, 1), (2, 2), (2, 2)]),
    ] {
        let receiver = Receiver::start();
        let otlp = pushing(&receiver, &enabled, temporality);
        let mut seen = 0;
        for (at, (project, expected)) in [&one, &two, &two].into_iter().zip(expected).enumerate() {
            let restored = Report {
                restored: at == 0,
                ..Report::default()
            };
            let view = view(&enabled, project.clone());
            let mut snapshot = Snapshot::clone(&view.snapshot(0));
            snapshot.report = Some(restored);
            let view = Arc::new(view.with(0, Arc::new(snapshot)));
            otlp.push(&view, &nothing).await.unwrap();
            assert_eq!(pushed(&receiver, &mut seen), expected, "{temporality:?}");
        }
    }
}

#[test]
fn the_reference_says_what_rows_of_each_kind_are() {
    let catalogue = Catalogue::standard_with(&[&PIPELINES, &INSTANCE, &DEPLOYMENTS]).unwrap();
    let reference = metrics::markdown(catalogue);
    for row in [
        "| `gitlab_test_pipeline_duration_seconds` | gauge | `s` | `project_id`, `ref` | on | How long the newest pipeline of a ref took | GraphQL `Project`: `pipelines` |",
        "| `gitlab_test_pipeline_status` | gauge |  | `project_id`, `ref`, `status` | on | 1 for the status of the newest pipeline of a ref | GraphQL `Project`: `pipelines` |",
        "| `gitlab_test_pipeline_refs` | gauge | `{ref}` | `project_id` | on | Refs that have a pipeline | GraphQL `Project`: `pipelines` |",
        "| `gitlab_test_instance_info` | gauge |  | `gitlab_version` | on | Which version answers | GraphQL `Query`: `metadata.version` |",
        "| `gitlab_test_users` | gauge | `{user}` | `gitlab_version` | on | Users of the GitLab | GraphQL `Query`: `users(first: 1).count` |",
        "| `gitlab_test_deployments_total` | counter | `{deployment}` | `project_id` | on | Deployments that have ended since counting began | GraphQL `Project`: `pipelines(updatedAfter: $since)` |",
        "| `gitlab_test_deployment_duration_seconds` | histogram | `s` | `project_id` | on | How long deployments took that have ended since counting began | GraphQL `Project`: `pipelines(updatedAfter: $since)` |",
    ] {
        let table: Vec<_> = reference
            .lines()
            .filter(|line| line.contains("gitlab_test"))
            .collect();
        assert!(table.contains(&row), "{row}\n{}", table.join("\n"));
    }
}

#[test]
fn the_registry_says_what_rows_of_each_kind_are() {
    let catalogue = Catalogue::standard_with(&[&PIPELINES, &INSTANCE, &DEPLOYMENTS]).unwrap();
    let registry = metrics::registry(catalogue);
    let (_, groups) = registry
        .iter()
        .find(|(file, _)| *file == "metrics.yaml")
        .unwrap();
    for (name, instrument, unit, attributes) in [
        (
            "gitlab_test_pipeline_status",
            "gauge",
            "",
            &["project_id", "ref", "status"][..],
        ),
        ("gitlab_test_users", "gauge", "{user}", &["gitlab_version"]),
        (
            "gitlab_test_deployments_total",
            "counter",
            "{deployment}",
            &["project_id"],
        ),
        (
            "gitlab_test_deployment_duration_seconds",
            "histogram",
            "s",
            &["project_id"],
        ),
    ] {
        let start = groups.find(&format!("  - id: metric.{name}\n")).unwrap();
        let group = groups[start + 4..].split("\n  - ").next().unwrap();
        for line in [
            format!("metric_name: {name}"),
            format!("instrument: {instrument}"),
            format!("unit: {unit:?}"),
        ] {
            assert!(
                group.lines().any(|told| told.trim() == line),
                "{line}\n{group}"
            );
        }
        for attribute in attributes {
            let required = format!("- {{ref: {attribute}, requirement_level: required}}");
            assert!(group.contains(&required), "{required}\n{group}");
        }
        assert_eq!(
            group.matches("requirement_level: required").count(),
            attributes.len()
        );
    }
}

#[test]
fn a_histogram_of_all_projects_keeps_what_a_project_that_is_gone_counted() {
    let catalogue = Catalogue::standard_with(&[&DEPLOYMENTS]).unwrap();
    let name = "gitlab_test_deployment_duration_seconds";
    let at = catalogue
        .ended(Grain::Project)
        .iter()
        .position(|place| place.name.ends_with(name));
    let at = at.unwrap();
    let project = |path: &str, count: u64| {
        let mut ended = vec![metrics::Ended::default(); catalogue.ended(Grain::Project).len()];
        ended[at].series = Box::new([metrics::EndedSeries {
            count,
            sum: count as f64,
            buckets: vec![count; catalogue.ended(Grain::Project)[at].bounds().len() + 1].into(),
            ..metrics::EndedSeries::default()
        }]);
        let mut owner = Owner::new(
            metrics::Identity {
                id: count,
                path: path.into(),
                ..metrics::Identity::default()
            },
            1,
            Vec::new(),
        );
        owner.ended = ended.into();
        owner
    };
    let gone = project("b/two", 5);
    let mut departed = metrics::Departed::default();
    departed.take(&gone, catalogue);
    let kept = serde_json::to_string(&departed).unwrap();
    let departed: metrics::Departed = serde_json::from_str(&kept).unwrap();
    let snapshot = Snapshot {
        projects: vec![
            Arc::new(project("a/one", 2)),
            Arc::new(project("b/three", 3)),
        ],
        departed: departed.owners(catalogue).collect(),
        ..Snapshot::default()
    };
    let view = View::from(Arc::new(snapshot));
    let shown = |by| shown_by(&view, catalogue.find(name).unwrap(), by);
    assert_eq!(shown(HistogramsBy::None), [" 10"]);
    assert_eq!(
        shown(HistogramsBy::Namespace),
        ["namespace=a 2", "namespace=b 8"]
    );
    assert_eq!(
        shown(HistogramsBy::Project),
        ["project_id=2 2", "project_id=3 3"]
    );
}

/// The counts of a histogram of two projects, told apart as it is chosen.
fn shown_by(view: &View, metric: &metrics::Metric, by: HistogramsBy) -> Vec<String> {
    let choices = Choices {
        histograms_by: by,
        ..Choices::default()
    };
    let mut shown = Vec::new();
    view.observe_ended(metric, 0..2, &choices, &mut |labels, ended, _| {
        let labels: Vec<_> = labels
            .iter()
            .map(|(key, value)| format!("{key}={value}"))
            .collect();
        shown.push(format!("{} {}", labels.join(","), ended.count));
    });
    assert_eq!(view.count(metric, 0..2, &choices), shown.len());
    shown
}
