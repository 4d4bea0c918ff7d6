//! What the OpenTelemetry crates do to many series, changing series and broken callbacks, on both
//! exporters: nothing is lost, capped, mixed or left behind.

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use gitlab_metrics_bridge::export::{Introspect, Otlp, Prometheus, Protocol, Target, Temporality};
use gitlab_metrics_bridge::metrics::{
    Bridge, Identity, Project, Reading, Report, Shown, Snapshot, questions,
};
use opentelemetry_sdk::Resource;
use support::exposition::Exposition;
use support::receiver::Receiver;

fn everything() -> Shown {
    Shown::new(|_| true, false)
}

fn resource() -> Resource {
    Resource::builder_empty()
        .with_service_name("gitlab-metrics-bridge")
        .build()
}

/// A snapshot of these projects in which every question has the answer `value(id, slot)`.
fn snapshot(
    generation: u64,
    ids: impl IntoIterator<Item = u64>,
    value: impl Fn(u64, usize) -> u64,
) -> Arc<Snapshot> {
    let project = |id: u64| {
        let readings = 0..questions().len();
        let readings = readings
            .map(|slot| Reading::Known {
                value: value(id, slot),
                at: 1_000,
            })
            .collect();
        let identity = Identity {
            id,
            id_text: id.to_string(),
            path: format!("group/subgroup/project-{id}"),
            name: format!("Project {id}"),
            last_activity: Some(id),
            ..Identity::default()
        };
        Arc::new(Project {
            identity,
            listed: 1_000,
            readings,
        })
    };
    let projects: Vec<_> = ids.into_iter().map(project).collect();
    let report = Report {
        ended: 1_000,
        took: Duration::from_secs(1),
        requests: 1,
        reached: true,
        failure: None,
        failed: 0,
        last_complete: Some(1_000),
        errors: Default::default(),
    };
    let count = Some(projects.len() as u64);
    Arc::new(Snapshot::new(
        generation,
        projects,
        count,
        report,
        &everything(),
    ))
}

fn rendered(prometheus: &Prometheus) -> Exposition {
    let exposition = prometheus.exposition(Bridge::default(), false);
    let text = exposition.pieces.concat();
    Exposition::parse(std::str::from_utf8(&text).unwrap()).unwrap()
}

fn introspect() -> Introspect {
    Arc::new(Bridge::default)
}

fn target(receiver: &Receiver, protocol: Protocol) -> Target {
    let path = if protocol == Protocol::Http {
        "v1/metrics"
    } else {
        ""
    };
    Target {
        protocol,
        endpoint: format!("{}/{path}", receiver.endpoint()).parse().unwrap(),
        headers: Vec::new(),
        compression: None,
        timeout: Duration::from_secs(10),
        ca_file: None,
        identity: None,
        interval: Duration::from_secs(60),
        temporality: Temporality::Cumulative,
    }
}

fn ids(series: &support::Series) -> BTreeSet<u64> {
    series
        .keys()
        .map(|labels| labels["project_id"].parse().unwrap())
        .collect()
}

#[test]
fn the_seed_metrics_come_out_byte_for_byte() {
    let shown = Shown::new(
        |name| {
            [
                "gitlab_commits_total",
                "gitlab_merge_requests_total",
                "gitlab_project_count",
            ]
            .contains(&name)
        },
        false,
    );
    let prometheus = Prometheus::build(&resource(), shown.clone()).unwrap();
    let mut snapshot = Snapshot::clone(&snapshot(
        1,
        [2540],
        |_, slot| if slot == 0 { 11 } else { 0 },
    ));
    snapshot.series = shown.series(&snapshot);
    prometheus.render(&Arc::new(snapshot)).unwrap();
    let text = prometheus
        .exposition(Bridge::default(), false)
        .pieces
        .concat();
    assert_eq!(
        String::from_utf8(text).unwrap(),
        "# HELP gitlab_commits_total Total number of commits\n\
         # TYPE gitlab_commits_total gauge\n\
         gitlab_commits_total{project_id=\"2540\"} 11\n\
         # HELP gitlab_merge_requests_total Total number of merge requests\n\
         # TYPE gitlab_merge_requests_total gauge\n\
         gitlab_merge_requests_total 0\n\
         # HELP gitlab_project_count Total number of projects\n\
         # TYPE gitlab_project_count gauge\n\
         gitlab_project_count 1\n"
    );
}

#[test]
fn thousands_of_projects_come_out_whole_and_again_when_all_ids_change() {
    let prometheus = Prometheus::build(&resource(), everything()).unwrap();
    for (generation, ids_now) in [(1, 1..5_001), (2, 10_001..15_001), (3, 20_001..50_001)] {
        prometheus
            .render(&snapshot(generation, ids_now.clone(), |id, _| id))
            .unwrap();
        let exposition = rendered(&prometheus);
        let commits = exposition.series("gitlab_commits_total");
        assert_eq!(ids(&commits), ids_now.clone().collect());
        assert!(
            commits
                .iter()
                .all(|(labels, value)| labels["project_id"] == value.to_string())
        );
        assert_eq!(
            exposition.series("gitlab_storage_size_bytes").len(),
            9 * ids_now.count()
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_projects_arrive_whole_over_otlp_and_again_when_all_ids_change() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let receiver = Receiver::start();
        let otlp = Otlp::build(&target(&receiver, protocol), resource(), everything()).unwrap();
        for (generation, ids_now) in [(1, 1..5_001), (2, 10_001..15_001)] {
            otlp.push(
                &snapshot(generation, ids_now.clone(), |id, _| id),
                &introspect(),
            )
            .await
            .unwrap();
            let commits = receiver.last_export().series("gitlab_commits_total");
            assert_eq!(ids(&commits), ids_now.collect(), "{protocol:?}");
            assert!(
                commits
                    .iter()
                    .all(|(labels, value)| labels["project_id"] == value.to_string())
            );
        }
    }
}
