//! OTLP over reloads: what ends is ended, what is counted goes on, what waits is delivered.

use std::collections::BTreeSet;

use opentelemetry_proto::tonic::metrics::v1::metric::Data;

use crate::support::Series;
use crate::support::received::Received;
use crate::support::receiver::Receiver;
use crate::{Set, world};

const REQUESTS: &str = "gitlab_bridge_api_requests_total";
const STORAGE: &str = "gitlab_storage_size_bytes";

fn settings(receiver: &Receiver, temporality: &str, more: &str) -> String {
    format!(
        "poll: {{interval: 500ms}}\notlp:\n  {{endpoint: \"{}\", interval: 300ms, temporality: {temporality}}}\n{more}",
        receiver.endpoint()
    )
}

/// The points of a counter of the bridge in the order they came: start, time and value, by their attributes.
fn points(received: &Received, metric: &str) -> Vec<(String, u64, u64, f64)> {
    use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
    let metrics = received
        .requests
        .iter()
        .flat_map(|request| request.metrics());
    let mut points = Vec::new();
    for (_, own) in metrics.filter(|(_, own)| own.name == metric) {
        let Some(Data::Sum(sum)) = &own.data else {
            panic!("no counter");
        };
        for point in sum.data_points.iter().filter(|point| point.flags == 0) {
            let value = match point.value {
                Some(Value::AsInt(value)) => value as f64,
                Some(Value::AsDouble(value)) => value,
                None => panic!("no value"),
            };
            let attributes = format!("{:?}", point.attributes);
            let (start, time) = (point.start_time_unix_nano, point.time_unix_nano);
            points.push((attributes, start, time, value));
        }
    }
    points
}

#[tokio::test(flavor = "multi_thread")]
async fn series_that_go_with_a_setting_are_ended_and_counters_keep_their_start() {
    let (set, receiver) = (Set::up(world()).await, Receiver::start());
    let bridge = set.start(&settings(&receiver, "cumulative", "")).await;
    receiver
        .wait_for(|received| received.ended() > 1 && received.last_export().count(STORAGE) > 0)
        .await;
    let stored: BTreeSet<_> = receiver.last_export().series(STORAGE).into_keys().collect();
    for more in ["metrics: {disabled: [storage]}\n", ""] {
        let before = receiver.read(|received| received.ended());
        set.reload(&bridge, &settings(&receiver, "cumulative", more))
            .await;
        receiver
            .wait_for(|received| received.ended() > before + 2)
            .await;
    }
    let ended = receiver.read(|received| {
        let exports = received.exports().iter();
        exports
            .flat_map(|export| export.ended(STORAGE))
            .collect::<BTreeSet<_>>()
    });
    assert_eq!(ended, stored, "each is ended, and no other");
    assert_eq!(
        receiver.last_export().count(STORAGE),
        stored.len(),
        "they are back"
    );
    let points = receiver.read(|received| points(received, REQUESTS));
    let starts: BTreeSet<u64> = points.iter().map(|(_, start, _, _)| *start).collect();
    assert_eq!(starts.len(), 1, "{starts:?}");
    let mut last = std::collections::BTreeMap::new();
    for (attributes, _, _, value) in points {
        let before = last.insert(attributes, value).unwrap_or_default();
        assert!(value >= before, "{before} {value}");
    }
    assert_eq!(bridge.stop().await.code(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn deltas_add_up_over_reloads() {
    let (set, receiver) = (Set::up(world()).await, Receiver::start());
    let bridge = set.start(&settings(&receiver, "delta", "")).await;
    for round in 1..=6 {
        let before = receiver.read(|received| received.ended());
        let more = match round % 3 {
            0 => "resource: {attributes: {a: b}}\n",
            1 => "metrics: {disabled: [gitlab_bridge_series]}\n",
            _ => "",
        };
        set.reload(&bridge, &settings(&receiver, "delta", more))
            .await;
        receiver
            .wait_for(|received| received.ended() > before)
            .await;
    }
    let finished = bridge.stop().await;
    assert_eq!(finished.code(), 0);
    let points = receiver.read(|received| points(received, REQUESTS));
    let told: f64 = points.iter().map(|(_, _, _, value)| value).sum();
    let asked = set.gitlab.requests().len() as f64;
    // Requests of the last moment were given up with the process.
    assert!((asked - 2.0..=asked).contains(&told), "{told} of {asked}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_on_disk_is_delivered_after_a_reload() {
    let (set, mut receiver) = (Set::up(world()).await, Receiver::start());
    let state = format!("state: {{path: {}}}\n", set.path("state").display());
    let with = |more: &str| settings(&receiver, "cumulative", &format!("{state}{more}"));
    let (plain, changed) = (with(""), with("metrics: {disabled: [storage]}\n"));
    let bridge = set.start(&plain).await;
    receiver.wait_for(|received| received.ended() > 0).await;
    receiver.refuse();
    const WAITING: &str = "gitlab_bridge_export_queue_messages";
    let some = |series: &Series| series.values().any(|count| *count > 3.0);
    bridge.wait_for_series(WAITING, some).await;
    set.reload(&bridge, &changed).await;
    let none_is_lost = |series: &Series| series.values().any(|count| *count > 3.0);
    bridge.wait_for_series(WAITING, none_is_lost).await;
    receiver.listen();
    let empty = |series: &Series| series.values().all(|count| *count == 0.0);
    let shown = bridge.wait_for_series(WAITING, empty).await;
    assert!(
        shown
            .series("gitlab_bridge_export_given_up_total")
            .values()
            .all(|count| *count == 0.0)
    );
    assert_eq!(bridge.stop().await.code(), 0);
}

/// The names of gitlab-ci-pipelines-exporter are chosen and left: ours that say the same go and come back.
#[tokio::test(flavor = "multi_thread")]
async fn a_scrape_finds_other_names_after_a_reload() {
    const OURS: &str = "gitlab_pipeline_last_run_status";
    const THEIRS: &str = "gitlab_ci_pipeline_status";
    let mut world = world();
    let mut events = world.events("odd/p1");
    let id = events.run_pipeline(|plan| plan.on("main").job("unit", "test"));
    events.finish_job(id, "unit");
    let set = Set::up(world).await;
    let poll = "poll: {interval: 500ms}\n";
    let bridge = set.start(poll).await;
    let known = |series: &Series| !series.is_empty();
    bridge.wait_for_series(OURS, known).await;
    let names = "prometheus: {names: gitlab-ci-pipelines-exporter}\n";
    set.reload(&bridge, &format!("{poll}{names}")).await;
    let scrape = bridge.wait_for_series(THEIRS, known).await;
    assert!(scrape.series(OURS).is_empty());
    set.reload(&bridge, poll).await;
    let scrape = bridge.wait_for_series(OURS, known).await;
    assert!(scrape.series(THEIRS).is_empty());
}
