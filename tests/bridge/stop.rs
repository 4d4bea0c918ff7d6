//! SIGTERM: the end comes within seconds, whoever hangs, and after a last export where nobody does.

use futures::future::join_all;
use gitlab_metrics_bridge::simulator::Fault;
use reqwest::StatusCode;

use crate::support::receiver::{Fault as Trouble, Receiver};
use crate::support::running::{Running, bridge_for};
use crate::{gitlab_of_two, of_project};

#[tokio::test]
async fn it_ends_while_gitlab_and_the_collector_hang() {
    // At the same time, as each takes the seconds that a last export is given.
    join_all(["grpc", "http/protobuf"].map(async |protocol| {
        let (gitlab, receiver) = (gitlab_of_two().await, Receiver::start());
        receiver.fail(Trouble::Hanging);
        let program = bridge_for(gitlab.url())
            .env("OTEL_METRICS_EXPORTER", "otlp,prometheus")
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .env("OTEL_METRIC_EXPORT_INTERVAL", "500");
        let bridge = Running::start(program).await;
        // The first poll ended, its export hangs, and now GitLab does too.
        receiver
            .wait_for(|received| !received.refused.is_empty())
            .await;
        gitlab.take_requests();
        gitlab.fault(Fault::anywhere().always().hang());
        let hanging = || {
            gitlab
                .requests()
                .iter()
                .any(|request| request.status.is_none())
        };
        while !hanging() {
            tokio::task::yield_now().await;
        }
        let finished = bridge.stop().await;
        assert_eq!(finished.code(), 0, "{protocol}: {finished:#?}");
    }))
    .await;
}

#[tokio::test]
async fn it_ends_in_the_first_poll_of_a_gitlab_that_hangs() {
    let gitlab = gitlab_of_two().await;
    gitlab.fault(Fault::anywhere().always().hang());
    let bridge = Running::start(bridge_for(gitlab.url())).await;
    let finished = bridge.stop().await;
    assert_eq!(finished.code(), 0, "{finished:#?}");
}

#[tokio::test]
async fn the_last_values_are_exported_before_the_end() {
    for (protocol, signal) in [("grpc", "TERM"), ("http/protobuf", "INT")] {
        let (gitlab, receiver) = (gitlab_of_two().await, Receiver::start());
        let program = bridge_for(gitlab.url())
            .env("OTEL_METRICS_EXPORTER", "otlp,prometheus")
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .env("OTEL_METRIC_EXPORT_INTERVAL", "3600000");
        let bridge = Running::start(program).await;
        receiver.wait_for(|received| received.ended() == 1).await;
        bridge.wait_for_readiness(StatusCode::OK).await;
        gitlab.edit(|world| {
            world.project("group/a").commits(12);
        });
        let pushed =
            |series: &crate::support::Series| series.get(&of_project("2540")) == Some(&12.0);
        bridge.wait_for_series("gitlab_commits_total", pushed).await;
        bridge.process.signal(signal);
        let finished = bridge
            .process
            .finish_within(std::time::Duration::from_secs(5))
            .await;
        assert_eq!(finished.code(), 0, "{finished:#?}");
        assert_eq!(receiver.read(|received| received.ended()), 2);
        let last = receiver.last_export();
        assert_eq!(
            last.value("gitlab_commits_total", [("project_id", "2540")]),
            Some(12.0)
        );
    }
}
