//! `otlp.names: semconv`, as a receiver that is not ours gets it: against a table of the conventions, and
//! against the numbers of a GitLab that is known.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod collector;
mod point;
mod same;
mod series;
#[path = "../support/mod.rs"]
mod support;
mod table;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use gitlab_metrics_bridge::simulator::{
    AccessToken, FailureReason, GitLab, MergeRequest, MergeRequests, RepositoryCounts, World,
};
use jiff::Timestamp;

use point::{Point, points};
use support::process::Program;
use support::received::Received;
use support::receiver::Receiver;
use support::running::{Running, TOKEN, bridge_for};
use table::{ATTRIBUTES, METRICS, WORDS};

const SCHEMA: &str = "https://opentelemetry.io/schemas/1.45.0";
const BRIDGE: &str = "platform/tools/bridge";

/// Two projects, one with a bit of everything, and runners of each state.
fn world() -> World {
    let mut world = World::new();
    world.token(AccessToken::new(TOKEN).administrator());
    let project = world.project(BRIDGE);
    project.commits(11).issues(4, 2);
    project.merge_requests(MergeRequests {
        closed: 4,
        merged: 7,
        ..MergeRequests::default()
    });
    for is_draft in [false, true, false, true, false] {
        let opened = MergeRequest::opened(Timestamp::now());
        let opened = if is_draft { opened.draft() } else { opened };
        project.add_merge_request(opened);
    }
    project.repository(RepositoryCounts {
        branches: 5,
        tags: 3,
        contributors: 6,
        ..RepositoryCounts::default()
    });
    world.project("platform/site").commits(1);
    for name in ["idle", "another"] {
        world.runner(name);
    }
    world.runner("at-work").busy(true);
    world.runner("resting").paused(true);
    world.runner("new").never_contacted();
    world
}

/// A bridge that pushes to the receiver by the names of the conventions, twice a second.
fn pushing(gitlab: &GitLab, endpoint: &str, protocol: &str) -> Program {
    bridge_for(gitlab.url())
        .env("OTEL_METRICS_EXPORTER", "otlp,prometheus")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        .env("OTEL_METRIC_EXPORT_INTERVAL", "500")
        .env("GITLAB_BRIDGE_OTLP_NAMES", "semconv")
        .env("GITLAB_BRIDGE_METRICS_ENABLED", "*")
        .env("GITLAB_BRIDGE_POLL_CI_INTERVAL", "1s")
        .arg("--all")
}

/// Lets a pipeline succeed, one fail, and one go on.
fn run_pipelines(gitlab: &GitLab) {
    let second = Duration::from_secs(1);
    gitlab.edit(|world| {
        let mut events = world.events(BRIDGE);
        events.run_pipeline(|plan| plan.job("unit", "test").takes(second));
        events.run_pipeline(|plan| {
            let job = plan.job("unit", "test").takes(second);
            job.fails(FailureReason::ScriptFailure)
        });
        events.run_pipeline(|plan| plan.job("unit", "test").takes(second * 3600));
    });
}

/// What a receiver gets of a bridge at which pipelines have run, once it has all of it.
async fn received(protocol: &str) -> (GitLab, Receiver) {
    let (gitlab, receiver) = (GitLab::start(world()).await.unwrap(), Receiver::start());
    let bridge = Running::start(pushing(&gitlab, &receiver.endpoint(), protocol)).await;
    bridge.first_scrape().await;
    run_pipelines(&gitlab);
    let is_all = |received: &Received| {
        let export = received.last_export();
        let names = METRICS.iter().filter(|own| is_ours(own.name));
        let runs = export.series("cicd.pipeline.run.duration");
        let results: BTreeSet<_> = runs
            .keys()
            .filter_map(|labels| labels.get("cicd.pipeline.result"))
            .collect();
        names.clone().all(|own| export.count(own.name) > 0) && results.len() == 2
    };
    receiver.wait_for(is_all).await;
    assert_eq!(bridge.stop().await.code(), 0);
    (gitlab, receiver)
}

/// The metrics of the conventions that the bridge has the numbers for.
fn is_ours(name: &str) -> bool {
    [
        "vcs.change.count",
        "vcs.repository.count",
        "vcs.ref.count",
        "vcs.contributor.count",
        "cicd.pipeline.run.duration",
        "cicd.pipeline.run.active",
        "cicd.pipeline.run.errors",
        "cicd.worker.count",
    ]
    .contains(&name)
}

#[tokio::test]
async fn what_goes_by_a_convention_is_what_the_convention_says() {
    for protocol in ["grpc", "http/protobuf"] {
        let (_gitlab, receiver) = received(protocol).await;
        let mut seen = BTreeSet::new();
        for point in receiver.read(points) {
            if point.is_by_convention() {
                check(&point);
                seen.insert(point.metric);
            }
        }
        let expected = METRICS
            .iter()
            .map(|own| own.name)
            .filter(|name| is_ours(name));
        assert_eq!(seen, expected.map(str::to_owned).collect());
    }
}

fn check(point: &Point) {
    let defined = METRICS.iter().find(|own| own.name == point.metric);
    let defined = defined.unwrap_or_else(|| panic!("{} is in no convention", point.metric));
    assert_eq!(
        (point.kind, &*point.unit),
        (defined.kind, defined.unit),
        "{point:?}"
    );
    for required in defined.required {
        assert!(
            point.attributes.contains_key(*required),
            "{required}: {point:?}"
        );
    }
    for (attribute, word, required) in defined.required_where {
        let is_so = point
            .attributes
            .get(*attribute)
            .is_some_and(|own| own == word);
        assert!(
            !is_so || point.attributes.contains_key(*required),
            "{required}: {point:?}"
        );
    }
    for words in WORDS {
        if let Some(word) = point.attributes.get(words.attribute) {
            let mut known = words.words.iter().chain(words.ours);
            assert!(
                known.any(|own| own == word),
                "{}: {point:?}",
                words.attribute
            );
        }
    }
}

#[tokio::test]
async fn no_name_and_no_attribute_of_a_convention_is_made_up() {
    let (_gitlab, receiver) = received("grpc").await;
    let all = receiver.read(points);
    for point in &all {
        let own = ["gitlab.", "process."];
        assert!(
            point.is_by_convention() || own.iter().any(|own| point.metric.starts_with(own)),
            "{point:?}"
        );
        for attribute in point.attributes.keys() {
            assert!(attribute.contains('.'), "{attribute}: {point:?}");
            let is_theirs = attribute.starts_with("vcs.") || attribute.starts_with("cicd.");
            assert!(
                !is_theirs || ATTRIBUTES.contains(&&**attribute),
                "{attribute}: {point:?}"
            );
        }
    }
    receiver.read(|received| {
        for resource in received
            .requests
            .iter()
            .flat_map(|own| &own.resource_metrics)
        {
            assert_eq!(resource.schema_url, SCHEMA);
            for scope in &resource.scope_metrics {
                assert_eq!(scope.schema_url, SCHEMA);
                let mut names = BTreeSet::new();
                let valued = scope.metrics.iter().filter(|own| point::has_values(own));
                for metric in valued {
                    assert!(names.insert(&metric.name), "{} is there twice", metric.name);
                }
            }
        }
    });
}

/// What a series of a metric says besides who the project is, and its value.
fn words(receiver: &Receiver, metric: &str, attribute: &str) -> BTreeMap<String, f64> {
    let export = receiver.last_export();
    let series = export.series(metric).into_iter();
    let of_bridge = series.filter(|(labels, _)| {
        let url = labels.get("vcs.repository.url.full");
        url.is_none_or(|url| url.ends_with(&format!("/{BRIDGE}")))
    });
    let words = of_bridge.map(|(labels, value)| (labels[attribute].clone(), value));
    let words: Vec<_> = words.collect();
    let map: BTreeMap<_, _> = words.iter().cloned().collect();
    assert_eq!(words.len(), map.len(), "a word has two series: {words:?}");
    map
}

fn counts<const N: usize>(counts: [(&str, f64); N]) -> BTreeMap<String, f64> {
    counts.map(|(word, count)| (word.to_owned(), count)).into()
}

#[tokio::test]
async fn the_numbers_are_those_of_gitlab_each_counted_once() {
    let (gitlab, receiver) = received("http/protobuf").await;
    assert_eq!(
        words(&receiver, "vcs.change.count", "vcs.change.state"),
        counts([
            ("open", 3.0),
            ("wip", 2.0),
            ("closed", 4.0),
            ("merged", 7.0),
            ("locked", 0.0)
        ])
    );
    assert_eq!(
        words(&receiver, "vcs.ref.count", "vcs.ref.type"),
        counts([("branch", 5.0), ("tag", 3.0)])
    );
    assert_eq!(
        words(&receiver, "vcs.contributor.count", "vcs.repository.name"),
        counts([("bridge", 6.0)])
    );
    assert_eq!(
        words(&receiver, "vcs.repository.count", "vcs.provider.name"),
        counts([("gitlab", 2.0)])
    );
    assert_eq!(
        words(&receiver, "cicd.worker.count", "cicd.worker.state"),
        counts([
            ("available", 2.0),
            ("busy", 1.0),
            ("paused", 1.0),
            ("offline", 1.0)
        ])
    );
    assert_eq!(
        words(
            &receiver,
            "cicd.pipeline.run.active",
            "cicd.pipeline.run.state"
        ),
        counts([("pending", 0.0), ("executing", 1.0)])
    );
    assert_eq!(
        words(&receiver, "cicd.pipeline.run.errors", "error.type"),
        counts([("script_failure", 1.0)])
    );
    check_runs(&gitlab, &receiver);
}

/// Of the pipelines that have ended, one succeeded and one failed, and both had waited.
fn check_runs(gitlab: &GitLab, receiver: &Receiver) {
    let runs = receiver.last_export();
    let runs = runs.series("cicd.pipeline.run.duration").into_iter();
    let pending = runs.filter(|(labels, _)| labels["cicd.pipeline.run.state"] == "pending");
    assert_eq!(pending.map(|(_, count)| count).collect::<Vec<_>>(), [2.0]);
    let url = gitlab.url().trim_end_matches('/').to_owned();
    let executed = |result: &str| {
        let export = receiver.last_export();
        let runs = export.series("cicd.pipeline.run.duration").into_iter();
        let own = |(labels, _): &(support::Labels, f64)| {
            labels
                .get("cicd.pipeline.result")
                .is_some_and(|own| own == result)
        };
        let (labels, count) = runs.into_iter().find(own).unwrap();
        assert_eq!(labels["cicd.pipeline.name"], BRIDGE);
        assert_eq!(labels["vcs.repository.url.full"], format!("{url}/{BRIDGE}"));
        assert_eq!(labels["vcs.owner.name"], "platform/tools");
        count
    };
    assert_eq!([executed("success"), executed("failure")], [1.0, 1.0]);
}
