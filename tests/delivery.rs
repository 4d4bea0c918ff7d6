//! How OTLP messages get to a receiver that fails: what is sent again and when, what is not, and what is
//! said about it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use gitlab_metrics_bridge::export::{Introspect, Otlp, OtlpConfig, Protocol};
use gitlab_metrics_bridge::metrics::{
    BridgeStatus, Catalogue, Choices, EnabledMetrics, Identity, Owner, Reading, Reason, Report,
    Snapshot, View,
};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_sdk::Resource;
use support::receiver::{Fault, Receiver};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

const PROTOCOLS: [Protocol; 2] = [Protocol::Grpc, Protocol::Http];

fn everything() -> EnabledMetrics {
    EnabledMetrics::new(Catalogue::standard(), |_| true, Choices::default())
}

fn introspect() -> Introspect {
    Arc::new(|_| BridgeStatus::default())
}

/// A view of projects with these ids, each of whose values is `value`.
fn view(ids: impl IntoIterator<Item = u64>, value: u64) -> Arc<View> {
    let columns = Catalogue::standard().project_columns().len();
    let project = |id| {
        let identity = Identity {
            id,
            path: format!("group/project-{id}").into(),
            ..Identity::default()
        };
        let values = vec![Reading::known(value as f64, 1_000); columns];
        Arc::new(Owner::new(identity, 1_000, values))
    };
    let projects: Vec<_> = ids.into_iter().map(project).collect();
    let report = Report {
        ended: 1_000,
        reached: true,
        last_complete: Some(1_000),
        ..Report::default()
    };
    let count = Some(projects.len() as u64);
    let snapshot = Snapshot::new(value, projects, count, report, &everything());
    Arc::new(View::from(Arc::new(snapshot)))
}

fn built(config: &OtlpConfig) -> Otlp {
    let resource = Resource::builder_empty().with_service_name("bridge");
    config.build(resource.build(), everything()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_sent_once_and_does_not_stop_the_other_messages() {
    for protocol in PROTOCOLS {
        let view = view(1..801, 7); // Two messages, and the bridge's own.
        for status in [400, 401, 403, 404, 413] {
            let receiver = Receiver::start();
            let otlp = built(&receiver.target(protocol));
            receiver.fail_after(1, Fault::Refused(status, "no, thank you".to_owned()));
            let error = otlp.push(&view, &introspect()).await.unwrap_err();
            assert!(error.contains("no, thank you"), "{protocol:?} {error}");
            assert!(error.contains("1 of "), "{protocol:?} {error}");
            receiver.read(|received| {
                assert_eq!(received.refused.len(), 1, "{protocol:?} {status}");
                assert!(received.requests.len() >= 2, "{protocol:?} {status}");
                assert_eq!(
                    received.ended(),
                    1,
                    "the bridge's own message is the last one"
                );
            });
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_is_not_sent_again_before_the_next_interval() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start();
        receiver.fail(Fault::Refused(400, "bad".to_owned()));
        let (_publish, views) = watch::channel(view([1], 7));
        let stop = CancellationToken::new();
        let otlp = built(&receiver.target(protocol));
        let pushing = tokio::spawn(otlp.run(views, introspect(), stop.clone()));
        receiver
            .wait_for(|received| received.refused.len() >= 2)
            .await;
        let refused = receiver.read(|received| received.refused.len());
        sleep(Duration::from_secs(4)).await; // Longer than the pause while a receiver is away.
        assert_eq!(receiver.read(|received| received.refused.len()), refused);
        stop.cancel();
        pushing.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_the_receiver_asks_for_is_kept() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start();
        receiver.fail_times(Fault::Throttled(4), 1);
        let mut target = receiver.target(protocol);
        target.timeout = Duration::from_secs(1); // Too short to wait within one push.
        target.interval = Duration::from_millis(500);
        let (_publish, views) = watch::channel(view([1], 7));
        let stop = CancellationToken::new();
        let started = Instant::now();
        let pushing = tokio::spawn(built(&target).run(views, introspect(), stop.clone()));
        receiver.wait_for(|received| received.ended() == 1).await;
        assert!(
            started.elapsed() >= Duration::from_secs(4),
            "{:?}",
            started.elapsed()
        );
        assert!(
            started.elapsed() < Duration::from_secs(8),
            "{:?}",
            started.elapsed()
        );
        assert_eq!(receiver.read(|received| received.refused.len()), 1);
        stop.cancel();
        pushing.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_short_wait_is_kept_within_one_push() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start();
        receiver.fail_times(Fault::Throttled(1), 1);
        let otlp = built(&receiver.target(protocol));
        let started = Instant::now();
        otlp.push(&view([1], 7), &introspect()).await.unwrap();
        assert!(started.elapsed() >= Duration::from_secs(1));
        assert_eq!(receiver.read(|received| received.refused.len()), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_the_receiver_are_told_with_a_hint_and_without_our_secrets() {
    for protocol in PROTOCOLS {
        for (status, hint) in [(401, "otlp.headers"), (413, "limit"), (404, "otlp.")] {
            let receiver = Receiver::start();
            let mut target = receiver.target(protocol);
            target.headers = vec![(
                "authorization".to_owned(),
                "Bearer planted-secret".to_owned().into(),
            )];
            let words = format!("token planted-secret\nis {}", "very ".repeat(500));
            receiver.fail(Fault::Refused(status, words));
            let error = built(&target).push(&view([1], 7), &introspect()).await;
            let error = error.unwrap_err();
            assert!(error.contains("token [secret]\\nis very very"), "{error}");
            assert!(error.contains(hint), "{error}");
            assert!(
                !error.contains('\n') && !error.contains("planted"),
                "{error}"
            );
            assert!(error.len() < 800, "{error}");
        }
    }
}

/// The ids of the projects whose series of a metric the last export ends.
fn ended(receiver: &Receiver, metric: &str) -> Vec<String> {
    let ended = receiver.last_export().ended(metric);
    let ids = ended.iter().map(|labels| labels["project_id"].clone());
    ids.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_series_that_has_gone_is_ended_by_a_flag_once() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start();
        let otlp = built(&receiver.target(protocol));
        for (ids, gone) in [
            (vec![1, 2, 3], vec![]),
            (vec![1, 3], vec!["2"]),
            (vec![1, 3, 4], vec![]),
            (vec![], vec!["1", "3", "4"]),
            (vec![2], vec![]),
        ] {
            otlp.push(&view(ids, 7), &introspect()).await.unwrap();
            for metric in ["gitlab_commits_total", "gitlab_project_info"] {
                assert_eq!(ended(&receiver, metric), gone, "{protocol:?} {metric}");
            }
            assert!(
                receiver
                    .last_export()
                    .ended("gitlab_project_count")
                    .is_empty()
            );
        }
    }
}

/// A view with one of its projects as it is edited.
fn edited(view: &View, edit: impl FnOnce(&mut Owner)) -> Arc<View> {
    let mut snapshot = Snapshot::clone(&view.snapshot(0));
    edit(Arc::make_mut(&mut snapshot.projects[0]));
    Arc::new(view.with(0, Arc::new(snapshot)))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_old_name_of_a_project_ends_before_the_new_one_begins() {
    let receiver = Receiver::start();
    let otlp = built(&receiver.target(Protocol::Http));
    let first = view([1, 2], 7);
    otlp.push(&first, &introspect()).await.unwrap();
    let renamed = edited(&first, |project| {
        Arc::make_mut(&mut project.identity).path = "group/new".into();
    });
    otlp.push(&renamed, &introspect()).await.unwrap();
    let old = receiver.last_export().ended("gitlab_project_info");
    let old: Vec<_> = old
        .iter()
        .map(|labels| labels["project_path"].as_str())
        .collect();
    assert_eq!(old, ["group/project-1"]);
    assert!(
        ended(&receiver, "gitlab_commits_total").is_empty(),
        "it has no path"
    );
    let points = receiver.read(|received| {
        let metrics = received
            .requests
            .iter()
            .flat_map(|request| request.metrics());
        let infos = metrics.filter(|(_, metric)| metric.name == "gitlab_project_info");
        infos.map(|(_, metric)| metric.clone()).collect::<Vec<_>>()
    });
    let times = points.iter().map(|metric| match &metric.data {
        Some(Data::Gauge(gauge)) => {
            let point = &gauge.data_points[0];
            (point.flags, point.value.is_none(), point.time_unix_nano)
        }
        other => panic!("{other:?}"),
    });
    let times: Vec<_> = times.collect();
    let [(0, false, one), (1, true, end), (0, false, two)] = times[..] else {
        panic!("{times:?}");
    };
    assert!(one < end && end <= two, "{times:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_became_unknown_ends_its_series() {
    let receiver = Receiver::start();
    let otlp = built(&receiver.target(Protocol::Http));
    let first = view([1, 2], 7);
    otlp.push(&first, &introspect()).await.unwrap();
    let commits = Catalogue::standard().find("gitlab_commits_total").unwrap();
    let commits = commits.columns().into_iter().next().unwrap();
    let unknown = edited(&first, |project| {
        project.values[commits] = Reading::Unknown(Reason::Hidden);
    });
    otlp.push(&unknown, &introspect()).await.unwrap();
    assert_eq!(ended(&receiver, "gitlab_commits_total"), ["1"]);
    assert!(ended(&receiver, "gitlab_project_info").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn series_that_go_while_the_receiver_is_away_are_ended_when_it_returns() {
    let mut receiver = Receiver::start();
    let otlp = built(&receiver.target(Protocol::Http));
    otlp.push(&view([1, 2, 3], 7), &introspect()).await.unwrap();
    receiver.refuse();
    for ids in [vec![1, 2], vec![1]] {
        otlp.push(&view(ids, 7), &introspect()).await.unwrap_err();
    }
    receiver.listen();
    otlp.push(&view([1], 7), &introspect()).await.unwrap();
    assert_eq!(ended(&receiver, "gitlab_commits_total"), ["2", "3"]);
    otlp.push(&view([1], 7), &introspect()).await.unwrap();
    assert!(ended(&receiver, "gitlab_commits_total").is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn however_many_series_end_at_once_each_message_passes_a_default_receiver() {
    let receiver = Receiver::start();
    let otlp = built(&receiver.target(Protocol::Grpc));
    let whole = view(1..1_501, 7);
    otlp.push(&whole, &introspect()).await.unwrap();
    otlp.push(&view([], 7), &introspect()).await.unwrap();
    let export = receiver.last_export();
    let about_gitlab = export.metrics.iter();
    let about_gitlab = about_gitlab.filter(|(name, _)| !name.starts_with("gitlab_bridge_"));
    let ended: usize = about_gitlab.map(|(_, metric)| metric.ended.len()).sum();
    // The number of projects and sums over them are still known.
    let left: usize = export
        .metrics
        .iter()
        .filter(|(name, _)| !name.starts_with("gitlab_bridge_"))
        .map(|(_, metric)| metric.series.len())
        .sum();
    assert_eq!((ended + left) as u64, whole.series());
    assert!(ended > 30_000, "{ended}");
    receiver.read(|received| {
        let sizes = received.requests.iter().map(|request| request.wire.len());
        assert!(sizes.max() < Some(4 << 20));
        assert!(received.refused.is_empty());
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_of_the_bridge_itself_that_is_over_is_ended() {
    let receiver = Receiver::start();
    let otlp = built(&receiver.target(Protocol::Http));
    let version = |version| -> Introspect {
        Arc::new(move |_| BridgeStatus {
            version,
            ..BridgeStatus::default()
        })
    };
    for (now, over) in [("1", vec![]), ("2", vec!["1"]), ("2", vec![])] {
        otlp.push(&view([1], 7), &version(now)).await.unwrap();
        let ended = receiver.last_export().ended("gitlab_bridge_build_info");
        let ended: Vec<_> = ended
            .iter()
            .map(|labels| labels["version"].as_str())
            .collect();
        assert_eq!(ended, over);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_transports_name_the_product() {
    for protocol in PROTOCOLS {
        let receiver = Receiver::start();
        let otlp = built(&receiver.target(protocol));
        otlp.push(&view([1], 7), &introspect()).await.unwrap();
        let product = concat!("gitlab-metrics-bridge/", env!("CARGO_PKG_VERSION"));
        receiver.read(|received| {
            let agents = received
                .requests
                .iter()
                .map(|request| request.header("user-agent"));
            let agents: BTreeSet<_> = agents.flatten().collect();
            assert!(!agents.is_empty());
            assert!(
                agents.iter().all(|agent| agent.starts_with(product)),
                "{agents:?}"
            );
        });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_file_that_is_none_is_refused_with_its_name_and_its_setting() {
    let certificates = support::certificates::Certificates::generate();
    let folder = tempfile::tempdir().unwrap();
    let junk = folder.path().join("junk.pem");
    let hollow = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let receiver = Receiver::refusing();
    for protocol in PROTOCOLS {
        for text in ["junk", "", hollow] {
            std::fs::write(&junk, text).unwrap();
            for setting in ["otlp.ca_file", "otlp.client_certificate", "otlp.client_key"] {
                let mut target = receiver.target(protocol);
                target.ca_file = Some(certificates.ca.clone());
                target.client_certificate = Some(certificates.client.clone());
                target.client_key = Some(certificates.client_key.clone());
                *match setting {
                    "otlp.ca_file" => &mut target.ca_file,
                    "otlp.client_certificate" => &mut target.client_certificate,
                    _ => &mut target.client_key,
                } = Some(junk.clone());
                let resource = Resource::builder_empty().build();
                let built = target.build(resource, everything());
                let error = built.err().map(|error| format!("{error:#}"));
                let error = error.unwrap_or_else(|| panic!("{setting} may be {text:?}"));
                assert!(error.contains(setting), "{error}");
                assert!(error.contains("junk.pem"), "{error}");
            }
        }
    }
}
