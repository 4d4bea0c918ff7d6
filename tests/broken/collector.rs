//! The Collector, broken below HTTP and gRPC.

use futures::future::join_all;
use gitlab_metrics_bridge::simulator::{GitLab, World};
use reqwest::StatusCode;

use crate::support::certificates::Certificates;
use crate::support::front::{Front, Wire};
use crate::support::process::Program;
use crate::support::receiver::Receiver;
use crate::support::running::{Running, bridge_for};
use crate::{name, wires};

const PROTOCOLS: [&str; 2] = ["grpc", "http/protobuf"];

fn exporting(gitlab: &GitLab, endpoint: &str, protocol: &str) -> Program {
    bridge_for(gitlab.url())
        .env("OTEL_METRICS_EXPORTER", "otlp,prometheus")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
        .env("OTEL_EXPORTER_OTLP_TIMEOUT", "1000")
        .env("OTEL_METRIC_EXPORT_INTERVAL", "500")
        .env("OTEL_EXPORTER_OTLP_HEADERS", "x-tenant=tenant-secret")
}

async fn gitlab() -> GitLab {
    let mut world = World::new();
    world.project_with_id("group/a", 7).commits(11);
    GitLab::start(world).await.unwrap()
}

/// Those of all that breaks that are another thing for an export.
fn some() -> Vec<Wire> {
    let others = [
        Wire::HalfBody,
        Wire::CutChunks,
        Wire::Endless,
        Wire::Dripping,
        Wire::Closing,
    ];
    let mut wires = wires();
    wires.retain(|wire| !others.contains(wire));
    wires
}

/// Waits until exports fail, which the scrape tells.
async fn exports(bridge: &Running, success: f64) {
    let is = move |series: &crate::support::Series| {
        let mut of_otlp = series
            .iter()
            .filter(|(labels, _)| labels["exporter"] == "otlp");
        of_otlp.any(|(_, value)| *value == success)
    };
    bridge
        .wait_for_series("gitlab_bridge_last_export_success", is)
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn however_the_wire_breaks_scrapes_go_on_and_exports_once_it_is_whole() {
    let cases = PROTOCOLS
        .into_iter()
        .flat_map(|protocol| some().into_iter().map(move |wire| (protocol, wire)));
    let cases: Vec<_> = cases.collect();
    for cases in cases.chunks(6) {
        join_all(cases.iter().map(async |(protocol, wire)| {
            let name = format!("{protocol} {}", name(wire));
            let (gitlab, receiver) = (gitlab().await, Receiver::start());
            let front = Front::before(receiver.address()).await;
            let bridge = Running::start(exporting(&gitlab, &front.url(), protocol)).await;
            exports(&bridge, 1.0).await;
            front.set(wire.clone());
            let asked = front.connections();
            match wire {
                // Whatever comes behind a 200, the receiver has said that it took the message.
                Wire::Bomb(_) if *protocol != "grpc" => {
                    while front.connections() < asked + 2 {
                        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                    }
                }
                _ => exports(&bridge, 0.0).await,
            }
            let (status, _) = bridge.get("/metrics").await;
            assert_eq!(status, StatusCode::OK, "{name}");
            let had = receiver.read(|received| received.ended());
            front.set(Wire::Passing);
            receiver.wait_for(|received| received.ended() > had).await;
            exports(&bridge, 1.0).await;
            let finished = bridge.stop().await;
            assert_eq!(finished.code(), 0, "{name}: {finished:#?}");
            let said = finished.stderr();
            assert!(
                !said.contains("panicked") && !said.contains("tenant-secret"),
                "{name}: {said}"
            );
        }))
        .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_to_another_host_takes_no_header_there() {
    for protocol in PROTOCOLS {
        let (gitlab, receiver) = (gitlab().await, Receiver::start());
        let elsewhere = Front::before(receiver.address()).await;
        let front = Front::before(receiver.address()).await;
        let bridge = Running::start(exporting(&gitlab, &front.url(), protocol)).await;
        exports(&bridge, 1.0).await;
        for status in ["301 Moved Permanently", "307 Temporary Redirect"] {
            let to = format!("{}/v1/metrics", elsewhere.url());
            front.set(Wire::Saying(format!(
                "HTTP/1.1 {status}\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n"
            )));
            let asked = front.connections();
            while front.connections() < asked + 2 {
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
        exports(&bridge, 0.0).await;
        assert_eq!(
            elsewhere.connections(),
            0,
            "{protocol}: the other host was asked"
        );
        let said = bridge.stop().await.stderr();
        assert!(!said.contains("tenant-secret"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_not_trusted_is_told() {
    let gitlab = gitlab().await;
    let ours = Certificates::generate();
    let mut of_another_host = Certificates::generate();
    let issued = of_another_host.issue("elsewhere", &["collector.example.com"]);
    (of_another_host.server, of_another_host.server_key) = issued;
    for protocol in PROTOCOLS {
        for (certificates, trusted) in
            [(&ours, None), (&of_another_host, Some(&of_another_host.ca))]
        {
            let receiver = Receiver::start_tls(certificates);
            let mut program = exporting(&gitlab, &receiver.endpoint(), protocol);
            if let Some(authority) = trusted {
                program = program.env("OTEL_EXPORTER_OTLP_CERTIFICATE", authority);
            }
            let mut bridge = Running::start(program).await;
            let line = bridge.process.wait_for_line("OTLP export failed").await;
            assert!(line.contains("certificate"), "{protocol}: {line}");
            assert_eq!(receiver.read(|received| received.ended()), 0);
            let said = bridge.stop().await.stderr();
            assert!(!said.contains("tenant-secret"), "{said}");
        }
    }
}
