//! What `run` serves: the exposition, health and the status page; and what it pushes beside that.

use std::io::Read;

use flate2::read::GzDecoder;
use gitlab_metrics_bridge::simulator::Fault;
use reqwest::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{Method, StatusCode};

use crate::support::exposition::Exposition;
use crate::support::receiver::Receiver;
use crate::support::running::{Running, bridge_for};
use crate::{assert_same, by_project, gitlab_of_two, of_project};

/// Polls once and then leaves the pages as they are.
const STILL: [&str; 4] = ["--listen", "127.0.0.1:0", "--interval", "1h"];

#[tokio::test]
async fn a_scrape_is_the_same_compressed_or_not() {
    let gitlab = gitlab_of_two().await;
    let bridge = Running::listening(bridge_for(gitlab.url()).args(STILL)).await;
    bridge.first_scrape().await;

    let client = reqwest::Client::builder()
        .no_proxy()
        .no_gzip()
        .build()
        .unwrap();
    let ask = async |encoding: &str| {
        let request = client
            .get(bridge.url("/metrics"))
            .header(ACCEPT_ENCODING, encoding);
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        let header = |name| {
            response
                .headers()
                .get(name)
                .map(|value| value.to_str().unwrap().to_owned())
        };
        let (encoding, length) = (header(CONTENT_ENCODING), header(CONTENT_LENGTH));
        assert_eq!(
            header(CONTENT_TYPE).unwrap(),
            "text/plain; version=0.0.4; charset=utf-8"
        );
        let body = response.bytes().await.unwrap();
        assert_eq!(length, Some(body.len().to_string()));
        (encoding, body)
    };
    let (encoding, identity) = ask("identity").await;
    assert_eq!(encoding, None);
    let (encoding, gzip) = ask("gzip").await;
    assert_eq!(encoding.as_deref(), Some("gzip"));
    let mut text = String::new();
    GzDecoder::new(&gzip[..]).read_to_string(&mut text).unwrap();

    let timeless = |text: &str| {
        let mut exposition = Exposition::parse(text).unwrap();
        for name in ["data_age_seconds", "api_budget_remaining"] {
            let of_a_moment = exposition.families.remove(&format!("gitlab_bridge_{name}"));
            assert!(of_a_moment.is_some(), "{name}");
        }
        exposition
            .families
            .retain(|name, _| !name.starts_with("process_"));
        exposition
    };
    assert_eq!(
        timeless(&text),
        timeless(std::str::from_utf8(&identity).unwrap())
    );
}

#[tokio::test]
async fn every_page_answers_and_head_has_no_body() {
    let gitlab = gitlab_of_two().await;
    let bridge = Running::listening(bridge_for(gitlab.url()).args(STILL)).await;
    assert_eq!(
        bridge.wait_for_readiness(StatusCode::OK).await,
        "gitlab-metrics-bridge is ready.\n"
    );
    let (status, body) = bridge.get("/-/healthy").await;
    assert_eq!(
        (status, body.as_str()),
        (StatusCode::OK, "gitlab-metrics-bridge is healthy.\n")
    );
    let (status, body) = bridge.get("/").await;
    assert_eq!(status, StatusCode::OK);
    for part in ["href=\"metrics\"", gitlab.url(), "2 projects", "ready"] {
        assert!(body.contains(part), "{part} is not in {body}");
    }
    assert_eq!(bridge.get("/nothing").await.0, StatusCode::NOT_FOUND);
    for path in ["/metrics", "/", "/-/healthy", "/-/ready"] {
        let head = bridge.ask(Method::HEAD, path).await;
        assert_eq!(head.status(), StatusCode::OK, "{path}");
        assert_eq!(head.text().await.unwrap(), "");
        let post = bridge.ask(Method::POST, path).await;
        assert_eq!(post.status(), StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
}

#[tokio::test]
async fn without_the_prometheus_exporter_health_is_served_all_the_same() {
    let (gitlab, receiver) = (gitlab_of_two().await, Receiver::start());
    let program = bridge_for(gitlab.url())
        .args(STILL)
        .env("OTEL_METRICS_EXPORTER", "otlp")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint());
    let bridge = Running::listening(program).await;
    bridge.wait_for_readiness(StatusCode::OK).await;
    let (status, body) = bridge.get("/metrics").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(body.contains("--exporter prometheus"), "{body}");
}

#[tokio::test]
async fn it_is_ready_after_the_first_complete_poll_and_not_while_polls_fail_for_too_long() {
    let gitlab = gitlab_of_two().await;
    gitlab.fault(Fault::anywhere().always().hang());
    let bridge = Running::start(bridge_for(gitlab.url())).await;
    let (status, body) = bridge.get("/-/ready").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(body.contains("first poll has not ended"), "{body}");
    assert_eq!(bridge.get("/-/healthy").await.0, StatusCode::OK);
    assert_eq!(
        bridge.scrape().await.series("gitlab_project_count").len(),
        0
    );

    gitlab.clear_faults();
    bridge.wait_for_readiness(StatusCode::OK).await;

    gitlab.fault(Fault::on("/api").always().status(500));
    let reason = bridge
        .wait_for_readiness(StatusCode::SERVICE_UNAVAILABLE)
        .await;
    assert!(
        reason.contains("last complete poll") && reason.contains("500"),
        "{reason}"
    );
    let (_, landing) = bridge.get("/").await;
    assert!(
        landing.contains("not ready") && landing.contains("500"),
        "{landing}"
    );
    let scrape = bridge.scrape().await;
    assert_eq!(
        scrape.value("gitlab_bridge_last_poll_success", []),
        Some(0.0)
    );
    assert_eq!(
        by_project(&scrape.series("gitlab_commits_total")),
        [("2540", 11.0), ("2541", 250.0)]
    );

    gitlab.clear_faults();
    bridge.wait_for_readiness(StatusCode::OK).await;
}

#[tokio::test]
async fn it_is_not_ready_while_exports_fail_for_too_long() {
    let (gitlab, receiver) = (gitlab_of_two().await, Receiver::start());
    let program = bridge_for(gitlab.url())
        .env("OTEL_METRICS_EXPORTER", "otlp,prometheus")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
        .env("OTEL_EXPORTER_OTLP_TIMEOUT", "200")
        .env("OTEL_METRIC_EXPORT_INTERVAL", "500");
    let bridge = Running::start(program).await;
    receiver.wait_for(|received| received.ended() > 0).await;
    bridge.wait_for_readiness(StatusCode::OK).await;
    receiver.fail(crate::support::receiver::Fault::Unauthenticated);
    let reason = bridge
        .wait_for_readiness(StatusCode::SERVICE_UNAVAILABLE)
        .await;
    assert!(reason.contains("otlp: the last good export"), "{reason}");
    receiver.recover();
    bridge.wait_for_readiness(StatusCode::OK).await;
}

#[tokio::test]
async fn both_exporters_give_the_same_and_a_removed_project_is_gone_from_both() {
    let (gitlab, receiver) = (gitlab_of_two().await, Receiver::start());
    let program = bridge_for(gitlab.url())
        .env("OTEL_METRICS_EXPORTER", "otlp,prometheus")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
        .env("OTEL_METRIC_EXPORT_INTERVAL", "500");
    let bridge = Running::start(program).await;
    bridge.first_scrape().await;
    // The second export has seen the first one: from then on both know of the same things.
    receiver.wait_for(|received| received.ended() > 1).await;
    let last_ended = || receiver.read(|received| received.exports()[received.ended() - 1].clone());
    assert_same(&last_ended(), &bridge.scrape().await);

    gitlab.edit(|world| {
        world.remove_project("group/a");
        world.project_with_id("group/c", 2542).commits(5);
    });
    let gone = |series: &crate::support::Series| !series.contains_key(&of_project("2540"));
    let scrape = bridge.wait_for_series("gitlab_commits_total", gone).await;
    let everywhere = |ids: Vec<&str>| ids.iter().all(|id| *id != "2540");
    for (name, family) in &scrape.families {
        for series in family.samples.values() {
            let ids = series
                .keys()
                .filter_map(|labels| labels.get("project_id"))
                .map(String::as_str);
            assert!(everywhere(ids.collect()), "{name} still has it");
        }
    }
    assert_eq!(
        by_project(&scrape.series("gitlab_commits_total")),
        [("2541", 250.0), ("2542", 5.0)]
    );
    let ended = receiver.read(|received| received.ended());
    receiver
        .wait_for(|received| received.ended() > ended + 1)
        .await;
    assert_same(&last_ended(), &bridge.scrape().await);
}
