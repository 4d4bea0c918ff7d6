//! The variables of OpenTelemetry, as far as the receiver can tell.

use gitlab_metrics_bridge::simulator::GitLab;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;

use crate::gitlab_of_two;
use crate::support::Series;
use crate::support::certificates::Certificates;
use crate::support::process::{Program, free_ports};
use crate::support::received::Transport;
use crate::support::receiver::{Fault, Receiver};
use crate::support::running::{Running, bridge_for};

const PROTOCOLS: [(&str, Transport); 2] = [
    ("grpc", Transport::Grpc),
    ("http/protobuf", Transport::Http),
];

fn once(gitlab: &GitLab, receiver: &Receiver, protocol: &str) -> Program {
    bridge_for(gitlab.url())
        .arg("once")
        .env("OTEL_METRICS_EXPORTER", "otlp")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        .env("OTEL_EXPORTER_OTLP_TIMEOUT", "5000")
}

#[tokio::test]
async fn the_instance_id_is_the_same_after_a_restart() {
    let gitlab = gitlab_of_two().await;
    let [port] = free_ports();
    let mut ids = Vec::new();
    for _ in 0..2 {
        let receiver = Receiver::start();
        let program = bridge_for(gitlab.url())
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint());
        let bridge = Running::listening(program).await;
        receiver.wait_for(|received| received.ended() > 0).await;
        assert_eq!(bridge.stop().await.code(), 0);
        let resource = receiver.last_export().resource.clone();
        assert_eq!(resource["service.name"], "gitlab-metrics-bridge");
        assert_eq!(resource["service.version"], env!("CARGO_PKG_VERSION"));
        ids.push(resource["service.instance.id"].clone());
    }
    assert!(!ids[0].is_empty());
    assert_eq!(ids[0], ids[1]);
}

#[tokio::test]
async fn the_name_and_the_attributes_of_the_resource_arrive() {
    let (gitlab, receiver) = (gitlab_of_two().await, Receiver::start());
    let finished = once(&gitlab, &receiver, "http/protobuf")
        .env("OTEL_SERVICE_NAME", "mine")
        .env(
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.name=theirs,service.instance.id=i-1,deployment.environment.name=a%2Cb",
        )
        .finish()
        .await;
    assert_eq!(finished.code(), 0, "{finished:#?}");
    let resource = receiver.last_export().resource.clone();
    assert_eq!(resource["service.name"], "mine");
    assert_eq!(resource["service.instance.id"], "i-1");
    assert_eq!(resource["deployment.environment.name"], "a,b");
}

#[tokio::test]
async fn headers_and_compression_are_honoured() {
    let gitlab = gitlab_of_two().await;
    for (protocol, transport) in PROTOCOLS {
        let receiver = Receiver::start();
        let finished = once(&gitlab, &receiver, protocol)
            .env(
                "OTEL_EXPORTER_OTLP_HEADERS",
                "Authorization=Basic%20YTpi,x-tenant=one",
            )
            .env("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
            .finish()
            .await;
        assert_eq!(finished.code(), 0, "{finished:#?}");
        receiver.read(|received| {
            assert!(!received.requests.is_empty());
            for request in &received.requests {
                assert_eq!(request.transport, transport);
                assert_eq!(request.header("authorization"), Some("Basic YTpi"));
                assert_eq!(request.header("x-tenant"), Some("one"));
                let encoding = request
                    .header("content-encoding")
                    .or(request.header("grpc-encoding"));
                assert_eq!(encoding, Some("gzip"), "{protocol}");
            }
        });
    }
}

#[tokio::test]
async fn tls_is_trusted_by_its_authority_alone() {
    let gitlab = gitlab_of_two().await;
    let certificates = Certificates::generate();
    for (protocol, transport) in PROTOCOLS {
        let receiver = Receiver::start_tls(&certificates);
        let stranger = once(&gitlab, &receiver, protocol).finish().await;
        assert_eq!(stranger.code(), 1, "{protocol}: {stranger:#?}");
        let trusting = once(&gitlab, &receiver, protocol)
            .env("OTEL_EXPORTER_OTLP_CERTIFICATE", &certificates.ca)
            .finish()
            .await;
        assert_eq!(trusting.code(), 0, "{protocol}: {trusting:#?}");
        receiver.read(|received| {
            assert_eq!(received.ended(), 1);
            assert!(
                received
                    .requests
                    .iter()
                    .all(|request| request.transport == transport)
            );
        });
    }
}

#[tokio::test]
async fn mutual_tls_shows_the_clients_certificate() {
    let gitlab = gitlab_of_two().await;
    let certificates = Certificates::generate();
    for (protocol, _) in PROTOCOLS {
        let receiver = Receiver::start_mutual_tls(&certificates);
        let trusting = || {
            once(&gitlab, &receiver, protocol)
                .env("OTEL_EXPORTER_OTLP_CERTIFICATE", &certificates.ca)
        };
        let nameless = trusting().finish().await;
        assert_eq!(nameless.code(), 1, "{protocol}: {nameless:#?}");
        let known = trusting()
            .env(
                "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE",
                &certificates.client,
            )
            .env("OTEL_EXPORTER_OTLP_CLIENT_KEY", &certificates.client_key)
            .finish()
            .await;
        assert_eq!(known.code(), 0, "{protocol}: {known:#?}");
        assert_eq!(receiver.read(|received| received.ended()), 1, "{protocol}");
    }
}

#[tokio::test]
async fn a_failure_is_one_line_of_the_log_with_the_receivers_words() {
    let gitlab = gitlab_of_two().await;
    for (protocol, _) in PROTOCOLS {
        for fault in [
            Fault::Refused(400, "tenant unknown".to_owned()),
            Fault::Unavailable,
            Fault::PartialSuccess(7),
        ] {
            let receiver = Receiver::start();
            receiver.fail_times(fault.clone(), 20);
            let bridge = bridge_for(gitlab.url())
                .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
                .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
                .env("OTEL_EXPORTER_OTLP_TIMEOUT", "500");
            let mut bridge = Running::start(bridge).await;
            let line = bridge.process.wait_for_line("OTLP export").await;
            assert!(line.contains("OTLP export failed"), "{line}");
            match fault {
                Fault::Refused(..) => assert!(line.contains("tenant unknown"), "{line}"),
                Fault::PartialSuccess(_) => {
                    assert!(
                        line.contains("rejected 7 points: rejected by the test"),
                        "{line}"
                    );
                }
                _ => assert!(line.contains("navailable"), "{line}"),
            }
            receiver.recover();
            let finished = bridge.stop().await;
            let warned = finished.output.stderr.iter();
            let warned: Vec<_> = warned.filter(|line| line.contains("level=warn")).collect();
            assert_eq!(warned.len(), 1, "{protocol} {fault:?}: {warned:#?}");
        }
    }
}

#[tokio::test]
async fn a_certificate_file_that_is_none_ends_the_start() {
    let gitlab = gitlab_of_two().await;
    let folder = tempfile::tempdir().unwrap();
    let junk = folder.path().join("junk.pem");
    std::fs::write(&junk, "junk").unwrap();
    for (protocol, _) in PROTOCOLS {
        for command in ["run", "once", "check"] {
            let finished = bridge_for(gitlab.url())
                .args([command, "--listen", "127.0.0.1:0"])
                .env("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
                .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
                .env("OTEL_EXPORTER_OTLP_CERTIFICATE", &junk)
                .finish()
                .await;
            assert_eq!(finished.code(), 2, "{command}: {finished:#?}");
            let said = finished.stdout() + &finished.stderr();
            for word in ["otlp.ca_file", "junk.pem", "no certificate"] {
                assert!(said.contains(word), "{command}: {finished:#?}");
            }
        }
    }
}

/// When the commits of a project were read, in the order in which they came.
fn times(received: &crate::support::received::Received) -> Vec<u64> {
    let metrics = received
        .requests
        .iter()
        .flat_map(|request| request.metrics());
    let commits = metrics.filter(|(_, metric)| metric.name == "gitlab_commits_total");
    let times = commits.filter_map(|(_, metric)| match &metric.data {
        Some(Data::Gauge(gauge)) => Some(gauge.data_points[0].time_unix_nano),
        _ => None,
    });
    times.collect()
}

#[tokio::test]
async fn what_waits_for_a_receiver_survives_a_kill() {
    let gitlab = gitlab_of_two().await;
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    for (protocol, _) in PROTOCOLS {
        let mut receiver = Receiver::refusing();
        let program = || {
            bridge_for(gitlab.url())
                .env("GITLAB_BRIDGE_STATE_PATH", &state)
                .env("OTEL_METRICS_EXPORTER", "otlp,prometheus")
                .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
                .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
                .env("OTEL_METRIC_EXPORT_INTERVAL", "300")
        };
        let bridge = Running::start(program()).await;
        let waiting = |series: &Series| series.values().any(|count| *count >= 6.0);
        bridge
            .wait_for_series("gitlab_bridge_export_queue_messages", waiting)
            .await;
        let killed = now();
        bridge.process.signal("KILL");
        bridge
            .process
            .finish_within(std::time::Duration::from_secs(5))
            .await;
        let bridge = Running::start(program()).await;
        receiver.listen();
        receiver
            .wait_for(|received| {
                times(received)
                    .iter()
                    .filter(|time| **time < killed)
                    .count()
                    >= 2
            })
            .await;
        let empty = |series: &Series| series.values().all(|count| *count == 0.0);
        let scrape = bridge
            .wait_for_series("gitlab_bridge_export_queue_messages", empty)
            .await;
        // What waited for the receiver of the other protocol is not sent to this one.
        let given_up = scrape.series("gitlab_bridge_export_given_up_total");
        let reasons = given_up.keys().map(|labels| labels["reason"].as_str());
        assert!(
            reasons.into_iter().all(|reason| reason == "other_endpoint"),
            "{given_up:?}"
        );
        assert_eq!(bridge.stop().await.code(), 0);
        let before: Vec<_> = receiver
            .read(times)
            .into_iter()
            .filter(|time| *time < killed)
            .collect();
        assert!(before.is_sorted(), "{before:?}");
    }
}

fn now() -> u64 {
    let since = std::time::UNIX_EPOCH.elapsed().unwrap();
    u64::try_from(since.as_nanos()).unwrap()
}
