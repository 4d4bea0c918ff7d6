//! What becomes of OTLP exports while the receiver is away: they wait on disk and are delivered in order when
//! it is back, over restarts, and hold nothing up.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use gitlab_metrics_bridge::export::{Health, Introspect, OtlpConfig, Protocol, QueueConfig};
use gitlab_metrics_bridge::metrics::{
    BridgeStatus, Catalogue, Choices, EnabledMetrics, Identity, Owner, Reading, Report, Snapshot,
    View,
};
use opentelemetry_proto::tonic::metrics::v1::{metric::Data, number_data_point::Value};
use opentelemetry_sdk::Resource;
use support::PATIENCE;
use support::received::Received;
use support::receiver::{Fault, Receiver};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

const METRIC: &str = "gitlab_commits_total";
const PROTOCOLS: [Protocol; 2] = [Protocol::Grpc, Protocol::Http];

fn enabled() -> EnabledMetrics {
    let own = |name: &str| [METRIC, "gitlab_bridge_build_info"].contains(&name);
    EnabledMetrics::new(Catalogue::standard(), own, Choices::default())
}

/// A view of projects with these ids, each of which has so many commits.
fn view(ids: impl IntoIterator<Item = u64>, commits: u64) -> Arc<View> {
    let columns = Catalogue::standard().project_columns().len();
    let project = |id| {
        let identity = Identity {
            id,
            ..Identity::default()
        };
        let values = vec![Reading::known(commits as f64, 1_000); columns];
        Arc::new(Owner::new(identity, 1_000, values))
    };
    let projects: Vec<_> = ids.into_iter().map(project).collect();
    let count = Some(projects.len() as u64);
    let report = Report::default();
    let snapshot = Snapshot::new(commits, projects, count, report, &enabled());
    Arc::new(View::from(Arc::new(snapshot)))
}

/// A bridge's exporter at work, with a state file of its own.
struct Pushing {
    publish: watch::Sender<Arc<View>>,
    stop: CancellationToken,
    running: JoinHandle<()>,
    health: Arc<Health>,
}

impl Pushing {
    fn start(config: &OtlpConfig, state: &Path, first: Arc<View>) -> Pushing {
        let resource = Resource::builder_empty().build();
        let otlp = config.build(resource, enabled()).unwrap();
        let otlp = otlp.beside(config, Some(state));
        let introspect: Introspect = Arc::new(|_| BridgeStatus::default());
        let (publish, views) = watch::channel(first);
        let (stop, health) = (CancellationToken::new(), otlp.health());
        let running = tokio::spawn(otlp.run(views, introspect, stop.clone()));
        Pushing {
            publish,
            stop,
            running,
            health,
        }
    }

    fn queued(&self) -> u64 {
        self.health.export().queue.map_or(0, |queue| queue.messages)
    }

    /// Publishes views with these commits, each for as long as it takes to be queued: an export has two
    /// messages, and one may be under way that shows the view before.
    async fn queue(&self, commits: impl IntoIterator<Item = u64>) {
        for commits in commits {
            self.publish.send_replace(view([1], commits));
            let before = self.queued();
            for _ in 0..600 {
                if self.queued() >= before + 4 {
                    break;
                }
                sleep(Duration::from_millis(20)).await;
            }
        }
    }

    async fn stop(self) {
        self.stop.cancel();
        self.running.await.unwrap();
    }
}

fn target(receiver: &Receiver, protocol: Protocol) -> OtlpConfig {
    OtlpConfig {
        interval: Duration::from_millis(300),
        timeout: Duration::from_secs(1),
        ..receiver.target(protocol)
    }
}

/// When a value was read, and the value; none at the end of its series.
type Point = (u64, Option<i64>);

/// The points of a metric in the order in which they came: when they were read, and their values.
fn points(received: &Received) -> Vec<Point> {
    let metrics = received
        .requests
        .iter()
        .flat_map(|request| request.metrics());
    let own = metrics.filter(|(_, metric)| metric.name == METRIC);
    let points = own.flat_map(|(_, metric)| match &metric.data {
        Some(Data::Gauge(gauge)) => gauge.data_points.clone(),
        other => panic!("{other:?}"),
    });
    points
        .map(|point| {
            let value = match point.value {
                Some(Value::AsInt(value)) => Some(value),
                _ => None,
            };
            (point.time_unix_nano, value)
        })
        .collect()
}

fn folder() -> (TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    (folder, state)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waited_comes_in_order_with_its_own_times_behind_the_live_export() {
    for protocol in PROTOCOLS {
        let (_folder, state) = folder();
        let mut receiver = Receiver::refusing();
        let config = target(&receiver, protocol);
        let pushing = Pushing::start(&config, &state, view([1], 0));
        pushing.queue(1..5).await;
        pushing.publish.send_replace(view([1], 9));
        receiver.listen();
        let all = |received: &Received| {
            let points = points(received);
            (1..5).all(|value| points.iter().any(|point| point.1 == Some(value)))
        };
        receiver.wait_for(all).await;
        pushing.stop().await;
        let points = receiver.read(points);
        // The first is the one that found the receiver there again: what waited is older.
        let (waited, live): (Vec<&Point>, Vec<&Point>) =
            points.iter().partition(|point| point.0 < points[0].0);
        assert!(waited.is_sorted(), "by time and by value: {waited:?}");
        assert!(
            (1..4).all(|value| waited.iter().any(|point| point.1 == Some(value))),
            "{points:?}"
        );
        assert!(live.is_sorted(), "{points:?}");
        let mut times: Vec<_> = points.iter().map(|point| point.0).collect();
        times.sort_unstable();
        times.dedup();
        assert_eq!(times.len(), points.len(), "each came once: {points:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_delivered_by_the_process_after_a_restart() {
    let (_folder, state) = folder();
    let mut receiver = Receiver::refusing();
    let config = target(&receiver, Protocol::Http);
    let first = Pushing::start(&config, &state, view([1], 0));
    first.queue(1..4).await;
    first.stop().await;
    receiver.listen();
    let second = Pushing::start(&config, &state, view([1], 9));
    let all = |received: &Received| {
        let points = points(received);
        (1..4).all(|value| points.iter().any(|point| point.1 == Some(value)))
    };
    receiver.wait_for(all).await;
    while second.queued() > 0 {
        sleep(Duration::from_millis(20)).await;
    }
    assert!(second.health.export().queue.unwrap().given_up.is_empty());
    second.stop().await;
    let left = std::fs::read_dir(state.with_extension("otlp-queue")).unwrap();
    assert_eq!(left.count(), 1, "the lock");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backlog_does_not_hold_up_live_exports() {
    let (_folder, state) = folder();
    let mut receiver = Receiver::refusing();
    let config = target(&receiver, Protocol::Grpc);
    let pushing = Pushing::start(&config, &state, view([1], 0));
    pushing.queue(1..15).await;
    let waiting = pushing.queued();
    receiver.fail(Fault::Slow(Duration::from_millis(100)));
    pushing.publish.send_replace(view([1], 90));
    receiver.listen();
    let live = |received: &Received| {
        points(received)
            .iter()
            .filter(|point| point.1 == Some(90))
            .count()
            >= 4
    };
    receiver.wait_for(live).await;
    let left = pushing.queued();
    assert!(left > 0 && left < waiting, "{left} of {waiting} wait");
    receiver.recover();
    pushing.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_series_that_went_while_values_wait_is_ended_behind_them() {
    let (_folder, state) = folder();
    let mut receiver = Receiver::refusing();
    let config = target(&receiver, Protocol::Http);
    let pushing = Pushing::start(&config, &state, view([1], 0));
    pushing.queue(1..3).await;
    // It goes in the export that finds the receiver there again.
    pushing.publish.send_replace(view([], 3));
    receiver.listen();
    receiver
        .wait_for(|received| points(received).iter().any(|point| point.1 == Some(2)))
        .await;
    while pushing.queued() > 0 {
        sleep(Duration::from_millis(20)).await;
    }
    pushing.stop().await;
    let points = receiver.read(points);
    assert_eq!(points.last().unwrap().1, None, "{points:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_up_is_counted() {
    let (_folder, state) = folder();
    let mut receiver = Receiver::refusing();
    let mut config = target(&receiver, Protocol::Http);
    config.queue.age = Duration::from_secs(2);
    let pushing = Pushing::start(&config, &state, view([1], 0));
    sleep(Duration::from_millis(5_500)).await;
    let given_up = |reason| {
        let queue = pushing.health.export().queue.unwrap();
        queue.given_up.get(reason).copied().unwrap_or_default()
    };
    assert!(given_up("too_old") > 0);
    receiver.fail(Fault::Refused(400, "out of order".to_owned()));
    receiver.listen();
    let deadline = Instant::now() + PATIENCE;
    while given_up("refused") == 0 {
        assert!(Instant::now() < deadline, "{} wait", pushing.queued());
        sleep(Duration::from_millis(20)).await;
    }
    pushing.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_in_the_queue() {
    let (_folder, state) = folder();
    let receiver = Receiver::refusing();
    let mut config = target(&receiver, Protocol::Http);
    config.endpoint.set_query(Some("key=planted-query"));
    config.headers = vec![("x-key".to_owned(), "planted-header".to_owned().into())];
    let pushing = Pushing::start(&config, &state, view([1], 0));
    pushing.queue(1..2).await;
    pushing.stop().await;
    let mut messages = 0;
    for file in std::fs::read_dir(state.with_extension("otlp-queue")).unwrap() {
        let record = std::fs::read(file.unwrap().path()).unwrap();
        let Some(packed) = record.get(24..) else {
            continue; // The lock.
        };
        let message = zstd::decode_all(packed).unwrap();
        for bytes in [&record, &message] {
            let text = String::from_utf8_lossy(bytes);
            assert!(!text.contains("planted"), "{text}");
        }
        messages += 1;
    }
    assert!(messages >= 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_cannot_be_used_or_is_off_leaves_the_exports_as_they_are() {
    for is_off in [false, true] {
        let (folder, state) = folder();
        let receiver = Receiver::start();
        let mut config = target(&receiver, Protocol::Http);
        config.queue = QueueConfig {
            enabled: !is_off,
            path: Some(folder.path().join("file/queue")),
            ..QueueConfig::default()
        };
        std::fs::write(folder.path().join("file"), "not a folder").unwrap();
        let pushing = Pushing::start(&config, &state, view([1], 7));
        receiver.wait_for(|received| received.ended() >= 2).await;
        assert!(pushing.health.export().queue.is_none());
        pushing.stop().await;
    }
}
