//! What the dashboards are asked about: the demo, a bridge in trouble, and a Prometheus that hears of both.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use gitlab_metrics_bridge::export::{Introspect, Prometheus as Exporter};
use gitlab_metrics_bridge::metrics::{
    BridgeStatus, Catalogue, Choices, ClusterStatus, EnabledMetrics, GitLabStatus, Leadership,
};
use gitlab_metrics_bridge::simulator::{AccessToken, Fault, GitLab, World};
use jiff::Timestamp;
use opentelemetry_sdk::Resource;
use tempfile::TempDir;

use super::expressions::rule_files;
use super::support::process::{bridge, free_ports, http_client};
use super::support::running::{Running, TOKEN};
use super::support::tools::{Collector, Prometheus};

/// The job of the demo where it is scraped.
pub const SCRAPED: &str = "scraped";
/// The job that the Collector makes of the name of the service.
pub const COLLECTED: &str = "gitlab-metrics-bridge";
/// The job of the bridge of two GitLabs, `busy` and `troubled`.
pub const TROUBLED: &str = "in-trouble";

/// The jobs that show what the demo does not: the bridge in trouble, and several replicas.
pub const EXCUSED: &str = "in-trouble|replicas";

const WEBHOOK_TOKEN: &str = "s3cret-of-the-webhooks";
const STEP: Duration = Duration::from_millis(400);

/// All of it, ended when dropped.
pub struct AtWork {
    pub prometheus: Prometheus,
    _processes: (Collector, Running, Running),
    _gitlabs: [GitLab; 2],
    _folder: TempDir,
}

impl AtWork {
    pub async fn start() -> AtWork {
        let folder = tempfile::tempdir().unwrap();
        let collector = Collector::of_our_example().await;
        let demo = demo(&collector).await;
        let gitlabs = [busy().await, troubled().await];
        let in_trouble = in_trouble(&gitlabs, folder.path()).await;
        let through = url::Url::parse(&collector.metrics_url()).unwrap();
        let ports = [
            demo.port(),
            in_trouble.port(),
            through.port().unwrap(),
            replica().await,
        ];
        let prometheus = Prometheus::start(&config(folder.path(), ports)).await;
        AtWork {
            prometheus,
            _processes: (collector, demo, in_trouble),
            _gitlabs: gitlabs,
            _folder: folder,
        }
    }
}

async fn demo(collector: &Collector) -> Running {
    let program = bridge()
        .args(["demo", "--listen", "127.0.0.1:0", "--interval", "2s"])
        .args(["--change-every", "400ms"])
        .env("GITLAB_BRIDGE_LIMITS_MEMORY", "2GiB")
        .env("OTEL_METRICS_EXPORTER", "otlp,prometheus")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", collector.http_endpoint())
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        .env("OTEL_METRIC_EXPORT_INTERVAL", "2000");
    Running::listening(program).await
}

/// A GitLab like that of the demo.
async fn busy() -> GitLab {
    let mut world = World::demo(Timestamp::now());
    world.token(
        AccessToken::new(TOKEN)
            .administrator()
            .expires_at("2099-01-01"),
    );
    world.rate_limit(1_000_000, Duration::from_secs(60));
    let gitlab = GitLab::start(world).await.unwrap();
    gitlab.live(STEP, 1);
    gitlab
}

/// A GitLab that fails at first, and that shows our token not everything.
async fn troubled() -> GitLab {
    let mut world = World::new();
    for name in ["group/one", "group/two", "group/three"] {
        world.project(name).commits(3);
    }
    let gitlab = GitLab::start(world).await.unwrap();
    gitlab.fault(Fault::anywhere().times(20).status(503));
    gitlab
}

/// A bridge that keeps a state, takes webhooks, reaches a limit, and has no receiver for what it pushes.
async fn in_trouble(gitlabs: &[GitLab; 2], folder: &Path) -> Running {
    let token_file = folder.join("token");
    fs::write(&token_file, TOKEN).unwrap();
    let instance = |gitlab: &GitLab| {
        format!(
            "{{gitlab: {{url: '{}', token_file: '{}'}}}}",
            gitlab.url(),
            token_file.display()
        )
    };
    let [nobody] = free_ports();
    let text = format!(
        "
instances:
  busy: {}
  troubled: {}
poll: {{interval: 2s}}
state: {{path: '{}'}}
metrics: {{enabled: ['*'], issue_labels: [bug, urgent], limits: {{jobs_per_project: 2}}}}
otlp: {{endpoint: 'http://127.0.0.1:{nobody}', interval: 2s, queue: {{size: 1MiB, age: 1h}}}}
webhook: {{enabled: true}}
",
        instance(&gitlabs[0]),
        instance(&gitlabs[1]),
        folder.join("state").display(),
    );
    let config = folder.join("bridge.yml");
    fs::write(&config, text).unwrap();
    let program = bridge()
        .args(["--listen", "127.0.0.1:0", "--config"])
        .arg(&config)
        .env("GITLAB_BRIDGE_LIMITS_MEMORY", "2GiB")
        .env("OTEL_METRICS_EXPORTER", "otlp,prometheus")
        .env("GITLAB_BRIDGE_WEBHOOK_TOKEN", WEBHOOK_TOKEN);
    let running = Running::listening(program).await;
    let hook = http_client().post(running.url("/webhook/busy"));
    let hook = hook
        .header("X-Gitlab-Event", "Push Hook")
        .header("X-Gitlab-Token", WEBHOOK_TOKEN);
    let hook = hook.body(r#"{"object_kind":"push","project_id":1}"#);
    assert!(hook.send().await.unwrap().status().is_success());
    running
}

/// One of several replicas, as it says of itself: their engine is not needed to see whether panels show it.
async fn replica() -> u16 {
    let enabled = EnabledMetrics::new(Catalogue::standard(), |_| true, Choices::default());
    let prometheus = Exporter::build(&Resource::builder_empty().build(), enabled).unwrap();
    let status: Introspect = Arc::new(|_| BridgeStatus {
        gitlabs: vec![GitLabStatus {
            leadership: Some(Leadership {
                is_ours: true,
                token: Some(1),
                shown: Some(41),
                published: Some(42),
                ..Leadership::default()
            }),
            ..GitLabStatus::default()
        }],
        cluster: Some(ClusterStatus {
            engine_up: Some(true),
            engine_took: Some(Duration::from_millis(1)),
            refused_writes: [("version", 0)].into(),
            ..ClusterStatus::default()
        }),
        ..BridgeStatus::default()
    });
    let text = prometheus.exposition(&status, false).pieces.concat();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let told = move || {
        let text = text.clone();
        async move { ([("content-type", "text/plain; version=0.0.4")], text) }
    };
    let routes = Router::new().route("/metrics", get(told));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    port
}

/// A configuration with all rules, evaluated often.
fn config(folder: &Path, [demo, in_trouble, collector, replica]: [u16; 4]) -> String {
    for file in rule_files() {
        let text = fs::read_to_string(&file).unwrap();
        let often = ["1m", "5m"].iter().fold(text, |text, interval| {
            text.replace(&format!("    interval: {interval}\n"), "    interval: 3s\n")
        });
        fs::write(folder.join(file.file_name().unwrap()), often).unwrap();
    }
    format!(
        "
global: {{scrape_interval: 3s, scrape_timeout: 3s, evaluation_interval: 3s}}
rule_files: ['{}/*.yaml']
scrape_configs:
  - job_name: {SCRAPED}
    static_configs: [{{targets: ['127.0.0.1:{demo}']}}]
  - job_name: {TROUBLED}
    static_configs: [{{targets: ['127.0.0.1:{in_trouble}']}}]
  - job_name: replicas
    static_configs: [{{targets: ['127.0.0.1:{replica}']}}]
  - job_name: collector
    honor_labels: true
    static_configs: [{{targets: ['127.0.0.1:{collector}']}}]
",
        folder.display()
    )
}
