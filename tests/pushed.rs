//! What has ended, as a receiver of OTLP adds it up: over failed exports nothing is lost, and nothing is
//! sent twice.

mod support;

use std::collections::BTreeMap;
use std::sync::Arc;

use gitlab_metrics_bridge::export::{Compression, Introspect, OtlpConfig, Protocol, Temporality};
use gitlab_metrics_bridge::metrics::{
    BridgeStatus, Catalogue, Choices, EnabledMetrics, Ended, EndedSeries, Grain, HistogramsBy,
    Identity, Owner, Report, Snapshot, View,
};
use opentelemetry_proto::tonic::metrics::v1::{metric::Data, number_data_point::Value};
use opentelemetry_sdk::Resource;
use support::receiver::{Fault, Receiver};

const COUNTER: &str = "gitlab_merge_requests_merged_total";
const HISTOGRAM: &str = "gitlab_merge_request_time_to_merge_seconds";

/// What the bridge says of itself is a message of its own, the last one.
const OWN: &str = "gitlab_bridge_build_info";

/// So many that they take several messages.
const PROJECTS: u64 = 1_500;

fn enabled() -> EnabledMetrics {
    let choices = Choices {
        histograms_by: HistogramsBy::Project,
        ..Choices::default()
    };
    let own = |name: &str| [COUNTER, HISTOGRAM, OWN].contains(&name);
    EnabledMetrics::new(Catalogue::standard(), own, choices)
}

fn pushing(receiver: &Receiver, protocol: Protocol, temporality: Temporality) -> OtlpConfig {
    OtlpConfig {
        temporality,
        ..receiver.target(protocol)
    }
}

fn introspect() -> Introspect {
    Arc::new(|_| BridgeStatus::default())
}

/// How long the things of a project took, of which so many have ended.
fn durations(id: u64, ended: u64) -> Vec<f64> {
    let each = (0..ended).map(|one| ((id * 7 + one * 977) % 9_000) as f64);
    each.collect()
}

/// A view of projects, of each of which so many things have ended since a time.
fn view(ended: impl Fn(u64) -> u64, since: impl Fn(u64) -> u32, restored: bool) -> Arc<View> {
    let catalogue = Catalogue::standard();
    let project = |id: u64| {
        let mut all = vec![Ended::default(); catalogue.ended(Grain::Project).len()];
        for (place, all) in catalogue.ended(Grain::Project).iter().zip(&mut all) {
            let bounds = place.bounds();
            let durations = durations(id, ended(id));
            let mut buckets = vec![
                0;
                if bounds.is_empty() {
                    0
                } else {
                    bounds.len() + 1
                }
            ];
            for one in durations.iter().filter(|_| !bounds.is_empty()) {
                buckets[bounds.partition_point(|bound| bound < one)] += 1;
            }
            all.since = since(id);
            all.series = Box::new([EndedSeries {
                count: durations.len() as u64,
                sum: durations.iter().sum(),
                buckets: buckets.into(),
                ..EndedSeries::default()
            }]);
        }
        let identity = Identity {
            id,
            ..Identity::default()
        };
        let mut owner = Owner::new(identity, 1_000, Vec::new());
        owner.ended = all.into();
        Arc::new(owner)
    };
    let report = Report {
        restored,
        ..Report::default()
    };
    let projects: Vec<_> = (1..=PROJECTS).map(project).collect();
    let snapshot = Snapshot::new(1, projects, Some(PROJECTS), report, &enabled());
    Arc::new(View::from(Arc::new(snapshot)))
}

/// What a receiver knows of the series of a project.
#[derive(Clone, Debug, Default, PartialEq)]
struct Known {
    counter: u64,
    count: u64,
    sum: f64,
    buckets: Vec<u64>,
    /// When the counter and the histogram began, in nanoseconds since 1970.
    began: [u64; 2],
}

/// What the accepted requests add up to, by project.
fn added_up(receiver: &Receiver) -> BTreeMap<u64, Known> {
    let mut known = BTreeMap::<u64, Known>::new();
    let requests = receiver.read(|received| received.requests.clone());
    for (_, metric) in requests.iter().flat_map(|request| request.metrics()) {
        match &metric.data {
            Some(Data::Sum(sum)) if metric.name == COUNTER => {
                for point in &sum.data_points {
                    let Some(Value::AsInt(value)) = point.value else {
                        panic!("it is no whole number: {point:?}");
                    };
                    let value = u64::try_from(value).unwrap();
                    let own = known.entry(project(&point.attributes)).or_default();
                    own.counter = if sum.aggregation_temporality == 1 {
                        own.counter + value
                    } else {
                        value
                    };
                    own.began[0] = point.start_time_unix_nano;
                }
            }
            Some(Data::Histogram(histogram)) if metric.name == HISTOGRAM => {
                for point in &histogram.data_points {
                    let own = known.entry(project(&point.attributes)).or_default();
                    if histogram.aggregation_temporality == 2 {
                        (own.count, own.sum, own.buckets) = (0, 0.0, Vec::new());
                    }
                    own.count += point.count;
                    own.sum += point.sum.unwrap();
                    own.buckets.resize(point.bucket_counts.len(), 0);
                    let told = own.buckets.iter_mut().zip(&point.bucket_counts);
                    told.for_each(|(own, told)| *own += told);
                    own.began[1] = point.start_time_unix_nano;
                }
            }
            _ => {}
        }
    }
    known
}

fn project(attributes: &[opentelemetry_proto::tonic::common::v1::KeyValue]) -> u64 {
    use opentelemetry_proto::tonic::common::v1::any_value::Value;
    let mut own = attributes.iter();
    let id = own.find(|attribute| attribute.key == "project_id").unwrap();
    match id.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(Value::StringValue(id)) => id.parse().unwrap(),
        other => panic!("{other:?}"),
    }
}

#[track_caller]
fn assert_adds_up(receiver: &Receiver, ended: impl Fn(u64) -> u64, of: &str) {
    let catalogue = Catalogue::standard();
    let bounds = catalogue.find(HISTOGRAM).unwrap().bounds();
    let known = added_up(receiver);
    for id in 1..=PROJECTS {
        let nothing = Known::default();
        let own = known.get(&id).unwrap_or(&nothing);
        let durations = durations(id, ended(id));
        let mut buckets = vec![0; bounds.len() + 1];
        for one in &durations {
            buckets[bounds.partition_point(|bound| bound < one)] += 1;
        }
        assert_eq!(own.counter, ended(id), "{of}: project {id}");
        assert_eq!(own.count, ended(id), "{of}: project {id}");
        let sum: f64 = durations.iter().sum();
        assert!(
            (own.sum - sum).abs() < 1e-6 * sum.max(1.0),
            "{of}: project {id}: {} {sum}",
            own.sum
        );
        if ended(id) > 0 {
            assert_eq!(own.buckets, buckets, "{of}: project {id}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_lost_with_a_failed_export_is_carried_to_the_next() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        for temporality in [Temporality::Delta, Temporality::Cumulative] {
            // Which of the messages of the second push fails.
            for failing in 0..2 {
                let of = format!("{protocol:?}, {temporality:?}, message {failing}");
                let receiver = Receiver::start();
                let otlp = pushing(&receiver, protocol, temporality)
                    .build(Resource::builder_empty().build(), enabled())
                    .unwrap();
                let first = |id: u64| id % 3;
                let second = |id: u64| id % 3 + u64::from(id.is_multiple_of(2));
                let third = |id: u64| second(id) + id % 5;
                let since = |_| 1_000;
                let push = async |ended: &dyn Fn(u64) -> u64| {
                    otlp.push(&view(ended, since, false), &introspect()).await
                };
                push(&first).await.unwrap();
                assert_adds_up(&receiver, first, &of);
                receiver.fail_after(failing, Fault::Unauthenticated);
                push(&second).await.unwrap_err();
                receiver.fail_after(0, Fault::Unauthenticated);
                push(&third).await.unwrap_err();
                push(&third).await.unwrap();
                assert_adds_up(&receiver, third, &of);
                push(&third).await.unwrap();
                assert_adds_up(&receiver, third, &of);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn deltas_that_waited_on_disk_are_delivered_once_also_by_the_process_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let (ends, since) = ([|id: u64| id % 3, |id| id % 3 + 1, |id| id % 3 + 4], |_| {
        1_000
    });
    let mut receiver = Receiver::start();
    let mut target = pushing(&receiver, Protocol::Grpc, Temporality::Delta);
    target.interval = std::time::Duration::from_millis(200);
    let built = || {
        let otlp = target.build(Resource::builder_empty().build(), enabled());
        otlp.unwrap().beside(&target, Some(&state))
    };
    let first = built();
    first
        .push(&view(ends[0], since, false), &introspect())
        .await
        .unwrap();
    receiver.refuse();
    for ended in &ends[1..] {
        let failed = first.push(&view(ended, since, false), &introspect()).await;
        failed.unwrap_err();
    }
    drop(first);
    receiver.listen();
    let second = built();
    let health = second.health();
    let (_publish, views) = tokio::sync::watch::channel(view(ends[2], since, true));
    let stop = tokio_util::sync::CancellationToken::new();
    let running = tokio::spawn(second.run(views, introspect(), stop.clone()));
    while health.export().queue.unwrap().messages > 0 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    stop.cancel();
    running.await.unwrap();
    assert_adds_up(&receiver, ends[2], "after the restart");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_process_has_counted_is_not_sent_as_a_delta_though_the_first_export_fails()
{
    let receiver = Receiver::start();
    let otlp = pushing(&receiver, Protocol::Http, Temporality::Delta)
        .build(Resource::builder_empty().build(), enabled())
        .unwrap();
    let push = async |ended: fn(u64) -> u64, restored| {
        let view = view(ended, |_| 1_000, restored);
        otlp.push(&view, &introspect()).await
    };
    receiver.fail_after(0, Fault::Unauthenticated);
    push(|_| 5, true).await.unwrap_err();
    push(|_| 7, false).await.unwrap();
    assert_adds_up_buckets_aside(&receiver, 2);
}

#[track_caller]
fn assert_adds_up_buckets_aside(receiver: &Receiver, ended: u64) {
    let known = added_up(receiver);
    assert_eq!(known.len() as u64, PROJECTS);
    for own in known.values() {
        assert_eq!((own.counter, own.count), (ended, ended));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn cumulative_series_begin_when_counting_began_and_anew_after_lost_state() {
    for (protocol, compression) in [
        (Protocol::Grpc, None),
        (Protocol::Grpc, Some(Compression::Gzip)),
        (Protocol::Http, None),
        (Protocol::Http, Some(Compression::Gzip)),
    ] {
        let receiver = Receiver::start();
        for (first, ended) in [(1_000, 5), (5_000, 2)] {
            let mut target = pushing(&receiver, protocol, Temporality::Cumulative);
            target.compression = compression;
            target.headers = vec![("x-api-key".to_owned(), "50% of=secret".to_owned().into())];
            let otlp = target
                .build(Resource::builder_empty().build(), enabled())
                .unwrap();
            let since = |id: u64| first + u32::try_from(id).unwrap();
            let view = view(|_| ended, since, false);
            otlp.push(&view, &introspect()).await.unwrap();
            assert_adds_up(&receiver, |_| ended, "one push");
            for (id, known) in added_up(&receiver) {
                let began = u64::from(since(id)) * 1_000_000_000;
                assert_eq!(known.began, [began; 2], "{protocol:?} {compression:?}");
            }
        }
        for request in receiver.read(|received| received.requests.clone()) {
            assert_eq!(request.header("x-api-key"), Some("50% of=secret"));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_histogram_of_all_projects_begins_with_the_first_of_them() {
    let own = |name: &str| name == HISTOGRAM;
    let folded = EnabledMetrics::new(Catalogue::standard(), own, Choices::default());
    let receiver = Receiver::start();
    let otlp = pushing(&receiver, Protocol::Http, Temporality::Cumulative)
        .build(Resource::builder_empty().build(), folded)
        .unwrap();
    let since = |id: u64| 9_000 - u32::try_from(id).unwrap();
    let view = view(|_| 1, since, false);
    otlp.push(&view, &introspect()).await.unwrap();
    let points = points_of_histogram(&receiver);
    let began = u64::from(since(PROJECTS)) * 1_000_000_000;
    assert_eq!(
        points
            .iter()
            .map(|point| (point.0, point.2))
            .collect::<Vec<_>>(),
        [(began, PROJECTS)]
    );
}

/// When each point of the histogram began, when it ended, and its count.
fn points_of_histogram(receiver: &Receiver) -> Vec<(u64, u64, u64)> {
    let mut points = Vec::new();
    let requests = receiver.read(|received| received.requests.clone());
    for (_, metric) in requests.iter().flat_map(|request| request.metrics()) {
        if let Some(Data::Histogram(histogram)) = &metric.data {
            let own = histogram.data_points.iter();
            points.extend(own.map(|point| {
                (
                    point.start_time_unix_nano,
                    point.time_unix_nano,
                    point.count,
                )
            }));
        }
    }
    points
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delta_begins_where_the_one_before_was_delivered() {
    let own = |name: &str| name == HISTOGRAM;
    let folded = EnabledMetrics::new(Catalogue::standard(), own, Choices::default());
    let receiver = Receiver::start();
    let otlp = pushing(&receiver, Protocol::Grpc, Temporality::Delta)
        .build(Resource::builder_empty().build(), folded)
        .unwrap();
    let push = async |ended: u64| {
        let view = view(|_| ended, |_| 1_000, false);
        otlp.push(&view, &introspect()).await
    };
    push(1).await.unwrap();
    receiver.fail_after(0, Fault::Unauthenticated);
    push(2).await.unwrap_err();
    push(4).await.unwrap();
    let points = points_of_histogram(&receiver);
    let [first, second] = points[..] else {
        panic!("{points:?}");
    };
    assert_eq!((first.0, first.2), (1_000_000_000_000, PROJECTS));
    assert_eq!((second.0, second.2), (first.1, 3 * PROJECTS));
}

#[tokio::test]
async fn what_may_not_be_pushed_any_more_is_dropped_after_it_was_collected() {
    let receiver = Receiver::start();
    let target = pushing(&receiver, Protocol::Http, Temporality::Cumulative);
    let asked = Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    // So often it may.
    let times = |most: usize| {
        let counted = Arc::clone(&counted);
        move || counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst) < most
    };
    let build = || target.build(Resource::builder_empty().build(), enabled());
    let view = view(|_| 3, |_| 1_700_000_000, false);
    let never = build().unwrap().only_while(Arc::new(times(0)));
    let _ = never.push(&view, &introspect()).await;
    assert_eq!(receiver.read(|received| received.requests.len()), 0);
    asked.store(0, std::sync::atomic::Ordering::SeqCst);
    let whole = build().unwrap();
    whole.push(&view, &introspect()).await.unwrap();
    let all = receiver.read(|received| received.requests.len());
    assert!(all > 1, "{all}");
    let part = build().unwrap().only_while(Arc::new(times(2)));
    let _ = part.push(&view, &introspect()).await;
    let sent = receiver.read(|received| received.requests.len()) - all;
    assert!(sent < all, "{sent} of {all}");
}
