//! The real tools: an OpenTelemetry Collector, a Prometheus and its promtool. `tests/run` builds
//! them and says where they are; a test that needs one is `#[ignore = "needs …"]`.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;
use tokio::time::Instant;
use url::Url;

use super::process::{ASK_AGAIN, Finished, Process, Program, free_ports, http_client};
use super::{Labels, PATIENCE, Series};

/// The Collector's file of received requests.
const RECEIVED: &str = "received.json";

/// A Collector that takes OTLP with default settings, and shows what it got as Prometheus text and
/// as JSON lines.
pub struct Collector {
    /// The running Collector.
    pub process: Process,
    grpc: u16,
    http: u16,
    exposition: u16,
    folder: TempDir,
}

impl Collector {
    /// Starts one on free ports and waits until it is ready.
    pub async fn start() -> Self {
        Self::showing("metric_expiration: 15m").await
    }

    /// Starts one that shows what it got with the options of `otel/collector.yaml`.
    pub async fn of_our_example() -> Self {
        Self::showing("metric_expiration: 15m, without_scope_info: true").await
    }

    async fn showing(options: &str) -> Self {
        let [grpc, http, exposition] = free_ports();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let received = folder.path().join(RECEIVED);
        let config = format!(
            "
receivers:
  otlp:
    protocols:
      grpc: {{endpoint: '127.0.0.1:{grpc}'}}
      http: {{endpoint: '127.0.0.1:{http}'}}
exporters:
  prometheus: {{endpoint: '127.0.0.1:{exposition}', {options}}}
  file: {{path: '{}', flush_interval: 100ms}}
service:
  telemetry: {{metrics: {{level: none}}}}
  pipelines:
    metrics: {{receivers: [otlp], exporters: [prometheus, file]}}
",
            received.display()
        );
        let path = folder.path().join("otelcol.yaml");
        fs::write(&path, config).expect("writing the Collector's configuration");
        let mut process = Program::new(&tool("OTELCOL"))
            .arg("--config")
            .arg(path)
            .start();
        process.wait_for_line("Everything is ready").await;
        Self {
            process,
            grpc,
            http,
            exposition,
            folder,
        }
    }

    /// The endpoint for OTLP/gRPC.
    pub fn grpc_endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.grpc)
    }

    /// The endpoint for OTLP/HTTP, without `/v1/metrics`.
    pub fn http_endpoint(&self) -> String {
        format!("http://127.0.0.1:{}", self.http)
    }

    /// Where its own exposition is.
    pub fn metrics_url(&self) -> String {
        format!("http://127.0.0.1:{}/metrics", self.exposition)
    }

    /// Waits until the requests it received meet the condition, and returns them as OTLP JSON,
    /// oldest first.
    pub async fn wait_for_received(&self, condition: impl Fn(&[Value]) -> bool) -> Vec<Value> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = fs::read_to_string(self.folder.path().join(RECEIVED)).unwrap_or_default();
            // The last line may be half written.
            let requests: Vec<Value> = text
                .lines()
                .filter_map(|line| serde_json::from_str(line).ok())
                .collect();
            if condition(&requests) {
                return requests;
            }
            assert!(
                Instant::now() < deadline,
                "the Collector has only received {requests:#?}"
            );
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }
}

/// Whether the Collector would run with this configuration, and what it says about it.
pub async fn validate_collector_config(path: &Path) -> Finished {
    Program::new(&tool("OTELCOL"))
        .arg("validate")
        .arg("--config")
        .arg(path)
        .finish()
        .await
}

/// A Prometheus that scrapes one port of this machine every second.
pub struct Prometheus {
    /// The running Prometheus.
    pub process: Process,
    port: u16,
    folder: TempDir,
}

impl Prometheus {
    /// Starts one that scrapes `/metrics` of the port, and waits until it is ready.
    pub async fn scraping(target: u16) -> Self {
        Self::start(&format!(
            "
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: gitlab-metrics-bridge
    static_configs: [{{targets: ['127.0.0.1:{target}']}}]
"
        ))
        .await
    }

    /// Starts one with a configuration, and with its OTLP receiver switched on.
    pub async fn start(config: &str) -> Self {
        let [port] = free_ports();
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("prometheus.yaml");
        fs::write(&path, config).expect("writing the configuration of Prometheus");
        let mut process = Program::new(&tool("PROMETHEUS"))
            .arg("--config.file")
            .arg(path)
            .arg("--storage.tsdb.path")
            .arg(folder.path().join("data"))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .arg("--web.enable-otlp-receiver")
            .start();
        process
            .wait_for_http(&format!("http://127.0.0.1:{port}/-/ready"))
            .await;
        Self {
            process,
            port,
            folder,
        }
    }

    /// Its OTLP endpoint over HTTP, without `/v1/metrics`.
    pub fn otlp_endpoint(&self) -> String {
        format!("http://127.0.0.1:{}/api/v1/otlp", self.port)
    }

    /// Answers an instant query: the series it selects, with their name as the label `__name__`
    /// where they have one.
    pub async fn query(&self, expression: &str) -> Series {
        let answer = self.get("/api/v1/query", &[("query", expression)]).await;
        let result = answer["data"]["result"]
            .as_array()
            .unwrap_or_else(|| panic!("{expression}: {answer}"));
        let sample = |series: &Value| {
            let labels: Labels = serde_json::from_value(series["metric"].clone()).ok()?;
            Some((labels, series["value"][1].as_str()?.parse().ok()?))
        };
        result
            .iter()
            .map(|series| sample(series).unwrap_or_else(|| panic!("not a sample: {series}")))
            .collect()
    }

    /// Asks a query again until its answer meets the condition; panics with the last answer when it
    /// never does.
    pub async fn wait_for(&self, expression: &str, condition: impl Fn(&Series) -> bool) -> Series {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let series = self.query(expression).await;
            if condition(&series) {
                return series;
            }
            assert!(
                Instant::now() < deadline,
                "Prometheus still answers {expression} with {series:?}"
            );
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }

    /// Asks its HTTP interface, and returns the JSON of the answer.
    pub async fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let url =
            Url::parse_with_params(&format!("http://127.0.0.1:{}{path}", self.port), parameters)
                .expect("a path and its parameters");
        let body = async { http_client().get(url).send().await?.text().await };
        let body = body
            .await
            .unwrap_or_else(|error| panic!("asking Prometheus for {path}: {error}"));
        serde_json::from_str(&body).unwrap_or_else(|error| panic!("{path}: {error}: {body}"))
    }
}

/// What promtool thinks of an exposition.
#[derive(Debug, PartialEq, Eq)]
pub struct Lint {
    /// 0 when it is fine, 3 when there are only remarks, 1 when it can't be read.
    pub code: i32,
    /// The remarks, one for each line.
    pub lines: Vec<String>,
}

/// Runs `promtool check metrics` on an exposition.
pub async fn check_metrics(exposition: &str) -> Lint {
    let finished = promtool(["check", "metrics"])
        .stdin(exposition)
        .finish()
        .await;
    Lint {
        code: finished.code(),
        lines: finished.output.stderr,
    }
}

/// promtool with these arguments: `check config`, `check rules`, `test rules`.
pub fn promtool<const N: usize>(arguments: [&str; N]) -> Program {
    Program::new(&tool("PROMTOOL")).args(arguments)
}

/// The path of a tool, from the variable that `tests/run` sets.
fn tool(variable: &str) -> PathBuf {
    let path = std::env::var_os(variable).unwrap_or_else(|| {
        panic!("{variable} is not set: run tests/run, or eval \"$(tests/run --tools)\" and then this test")
    });
    PathBuf::from(path)
}
