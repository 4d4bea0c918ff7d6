//! The bridge inside another service: over real sockets, as `examples/embed.rs` does it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use gitlab_metrics_bridge::Embedded;
use gitlab_metrics_bridge::config::{Config, Environment, Flags};
use gitlab_metrics_bridge::simulator::{GitLab, World};
use reqwest::StatusCode;
use support::exposition::Exposition;
use support::process::http_client;
use support::running::TOKEN;
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

const PATIENCE: Duration = Duration::from_secs(20);

async fn gitlab() -> GitLab {
    let mut world = World::new();
    world.project_with_id("group/a", 7).commits(11);
    world.project_with_id("group/b", 8).commits(250);
    GitLab::start(world).await.unwrap()
}

fn config(gitlab: &GitLab, more: &[(&str, &str)]) -> Config {
    let own = [("GITLAB_URL", gitlab.url()), ("GITLAB_TOKEN", TOKEN)];
    let environment: Environment = own.iter().chain(more).copied().collect();
    Config::load(&Flags::default(), &environment).unwrap()
}

/// A service with a page of its own and the bridge below `/gitlab`. Returns its address.
async fn service(bridge: &Embedded) -> String {
    let routes = Router::new()
        .route("/", get(|| async { "The service's own page." }))
        .nest("/gitlab", bridge.routes().await);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async { axum::serve(listener, routes).await });
    format!("http://{address}")
}

async fn read(url: &str) -> (StatusCode, String) {
    let answer = http_client().get(url).send().await.unwrap();
    (answer.status(), answer.text().await.unwrap())
}

async fn when_ready(service: &str) {
    let ready = async {
        while read(&format!("{service}/gitlab/-/ready")).await.0 != StatusCode::OK {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, ready).await.unwrap();
}

async fn scraped(service: &str) -> Exposition {
    let (_, text) = read(&format!("{service}/gitlab/metrics")).await;
    Exposition::parse(&text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_serves_the_bridge_beside_its_own_pages_and_stops_it() {
    let gitlab = gitlab().await;
    let bridge = Embedded::start(config(&gitlab, &[])).await.unwrap();
    let service = service(&bridge).await;
    when_ready(&service).await;
    assert_eq!(read(&service).await.1, "The service's own page.");
    let shown = scraped(&service).await;
    assert_eq!(
        shown.value("gitlab_commits_total", [("project_id", "8")]),
        Some(250.0)
    );
    // The process is the service's: nothing that a request can reach changes it.
    let reload = format!("{service}/gitlab/-/reload");
    let answer = http_client().post(reload).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::FORBIDDEN);
    timeout(PATIENCE, bridge.stop()).await.unwrap();
    let asked = gitlab.requests().len();
    sleep(Duration::from_millis(300)).await;
    assert_eq!(gitlab.requests().len(), asked, "it polls after its end");
}

#[tokio::test(flavor = "multi_thread")]
async fn another_configuration_takes_effect_and_a_wrong_one_does_not() {
    let gitlab = gitlab().await;
    let mut bridge = Embedded::start(config(&gitlab, &[])).await.unwrap();
    when_ready(&service(&bridge).await).await;
    let one = config(&gitlab, &[("GITLAB_BRIDGE_EXCLUDE", "group/b")]);
    let changes = bridge.reload(one).await.unwrap();
    assert_eq!(changes.settings, ["select.exclude"]);
    let service = service(&bridge).await;
    let left = async {
        while scraped(&service).await.series("gitlab_commits_total").len() != 1 {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, left).await.unwrap();
    let missing = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://127.0.0.1:4318"),
        ("OTEL_EXPORTER_OTLP_CERTIFICATE", "Cargo.toml"),
    ];
    let wrong = config(&gitlab, &missing);
    assert!(
        bridge.reload(wrong).await.is_err(),
        "that is no certificate"
    );
    assert_eq!(read(&format!("{service}/gitlab/-/ready")).await.0, 200);
    bridge.stop().await;
}

#[tokio::test]
async fn without_a_token_nothing_starts_and_the_message_says_what_to_do() {
    let gitlab = gitlab().await;
    let environment = [("GITLAB_URL", gitlab.url())].into_iter().collect();
    let config = Config::load(&Flags::default(), &environment).unwrap();
    let Err(error) = Embedded::start(config).await else {
        panic!("it started");
    };
    assert!(format!("{error:#}").contains("GITLAB_TOKEN"), "{error:#}");
}
