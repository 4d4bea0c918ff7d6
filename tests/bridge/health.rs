//! Health while GitLab is down: it is told in time, also while a poll is stuck, and does not heal by
//! itself.

use std::time::Duration;

use gitlab_metrics_bridge::simulator::Fault;
use reqwest::StatusCode;
use tokio::time::{Instant, sleep};

use crate::gitlab_of_two;
use crate::support::process::bridge;
use crate::support::running::{Running, bridge_for};

const INTERVAL: Duration = Duration::from_secs(2);

/// What the bridge says while GitLab is down, so many intervals after its last answer.
async fn assert_told_in_time(bridge: &Running, down: Instant) {
    let one = |name| async move { bridge.scrape().await.value(name, []) };
    let url = bridge.scrape().await.series("gitlab_bridge_up");
    let (labels, _) = url.first_key_value().expect("up is shown");
    let mut unready = None;
    while down.elapsed() < INTERVAL * 7 {
        sleep(Duration::from_millis(200)).await;
        let intervals = down.elapsed().as_secs_f64() / INTERVAL.as_secs_f64();
        let (status, text) = bridge.get("/-/ready").await;
        let up = bridge.scrape().await.series("gitlab_bridge_up")[labels];
        let success = one("gitlab_bridge_last_poll_success").await;
        if status == StatusCode::SERVICE_UNAVAILABLE {
            unready.get_or_insert(intervals);
        }
        if intervals > 2.2 {
            assert_eq!(
                (up, success),
                (0.0, Some(0.0)),
                "after {intervals} intervals"
            );
        }
        // Ages are in whole seconds, and so a second late at most.
        assert!(unready.is_some() || intervals < 3.8, "after {intervals}");
        let healed = unready.is_some() && status == StatusCode::OK;
        assert!(!healed, "ready again after {intervals}: {text}");
    }
    assert!(unready > Some(1.5), "unready after {unready:?}");
}

#[tokio::test]
async fn a_gitlab_that_is_down_is_told_in_time_and_until_it_is_back() {
    for fault in [
        Fault::anywhere().always().hang(),
        Fault::anywhere().always().status(502),
    ] {
        let gitlab = gitlab_of_two().await;
        let arguments = ["--listen", "127.0.0.1:0", "--interval", "2s"];
        let bridge = Running::listening(bridge_for(gitlab.url()).args(arguments)).await;
        bridge.wait_for_readiness(StatusCode::OK).await;
        gitlab.fault(fault);
        assert_told_in_time(&bridge, Instant::now()).await;
        gitlab.clear_faults();
        bridge.wait_for_readiness(StatusCode::OK).await;
        assert_eq!(bridge.stop().await.code(), 0);
    }
}

/// A container holds no other program that could ask.
#[tokio::test]
async fn the_program_tells_whether_the_bridge_of_its_configuration_is_well() {
    let gitlab = gitlab_of_two().await;
    let running = Running::start(bridge_for(gitlab.url())).await;
    let port = running.port().to_string();
    let asked = async |host: &str| {
        let program = bridge()
            .arg("health")
            .env("OTEL_EXPORTER_PROMETHEUS_HOST", host);
        program
            .env("OTEL_EXPORTER_PROMETHEUS_PORT", &port)
            .finish()
            .await
    };
    for host in ["127.0.0.1", "0.0.0.0"] {
        let well = asked(host).await;
        assert_eq!((well.code(), well.stdout().as_str()), (0, ""), "{well:#?}");
    }
    let elsewhere = running.url("/-/reload");
    let refused = bridge()
        .args(["health", "--url", &elsewhere])
        .finish()
        .await;
    assert_eq!(refused.code(), 1);
    assert!(refused.stderr().contains(&elsewhere), "{refused:#?}");
    running.stop().await;
    let gone = asked("127.0.0.1").await;
    assert_eq!(gone.code(), 1);
    assert!(
        gone.stderr().contains("asking http://127.0.0.1:"),
        "{gone:#?}"
    );
}
