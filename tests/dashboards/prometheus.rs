//! The real tools: a Prometheus with all rules scrapes the demo, directly and through a Collector, and
//! every panel has data.

use std::fs;
use std::path::{Path, PathBuf};

use tokio::time::Instant;

use super::expressions::{filled_in, rule_files};
use super::source::{Board, Common};
use super::support::PATIENCE;
use super::support::process::{ASK_AGAIN, bridge};
use super::support::running::Running;
use super::support::tools::{Collector, Prometheus, promtool};
use super::{boards, otel, render};

/// A query of a panel, and where it stands.
struct Asked {
    place: String,
    query: String,
}

#[tokio::test]
#[ignore = "needs promtool"]
async fn each_alert_fires_in_one_test_and_is_silent_in_another() {
    for file in rule_files() {
        let file = file.to_str().unwrap();
        let rules = promtool(["check", "rules", file]).finish().await;
        assert_eq!(rules.code(), 0, "{rules:#?}");
    }
    for name in ["gitlab", "bridge"] {
        let file = otel(&format!("alerts/tests/{name}.yaml"));
        let file = file.to_str().unwrap();
        let tests = promtool(["test", "rules", file]).finish().await;
        assert_eq!(tests.code(), 0, "{tests:#?}");
    }
}

#[tokio::test]
#[ignore = "needs Prometheus"]
async fn every_panel_has_data_where_prometheus_scrapes_the_demo() {
    let demo = demo(&[]).await;
    let folder = tempfile::tempdir().unwrap();
    let prometheus = Prometheus::start(&config(folder.path(), demo.port(), false)).await;
    every_panel_has_data(&prometheus).await;
}

#[tokio::test]
#[ignore = "needs the Collector"]
async fn every_panel_has_data_where_the_demo_pushes_through_a_collector() {
    let collector = Collector::start().await;
    let _demo = demo(&[
        ("OTEL_METRICS_EXPORTER", "otlp,prometheus".to_owned()),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", collector.http_endpoint()),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".to_owned()),
        ("OTEL_METRIC_EXPORT_INTERVAL", "1000".to_owned()),
    ])
    .await;
    let port = url::Url::parse(&collector.metrics_url()).unwrap().port();
    let folder = tempfile::tempdir().unwrap();
    let prometheus = Prometheus::start(&config(folder.path(), port.unwrap(), true)).await;
    every_panel_has_data(&prometheus).await;
}

async fn demo(variables: &[(&str, String)]) -> Running {
    let program = bridge()
        .args(["demo", "--listen", "127.0.0.1:0", "--interval", "1s"])
        .args(["--change-every", "200ms"])
        .env("GITLAB_BRIDGE_LIMITS_MEMORY", "2GiB");
    let variables = variables.iter();
    let program = variables.fold(program, |program, (name, value)| program.env(name, value));
    Running::listening(program).await
}

/// A configuration with all rules, evaluated each second.
fn config(folder: &Path, port: u16, honor_labels: bool) -> String {
    for file in rule_files() {
        let text = fs::read_to_string(&file).unwrap();
        let often = ["1m", "5m"].iter().fold(text, |text, interval| {
            text.replace(&format!("    interval: {interval}\n"), "    interval: 1s\n")
        });
        fs::write(folder.join(file.file_name().unwrap()), often).unwrap();
    }
    let rules: PathBuf = folder.join("*.yaml");
    format!(
        "
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: ['{}']
scrape_configs:
  - job_name: gitlab-metrics-bridge
    honor_labels: {honor_labels}
    static_configs: [{{targets: ['127.0.0.1:{port}']}}]
",
        rules.display()
    )
}

/// Asks all queries again and again until each has answered something; fails with those that never
/// did, and with rules that could not be evaluated.
async fn every_panel_has_data(prometheus: &Prometheus) {
    let deadline = Instant::now() + 2 * PATIENCE;
    let mut without = queries();
    assert!(without.len() > 100, "{} queries", without.len());
    while !without.is_empty() {
        let mut still = Vec::new();
        for asked in without {
            if prometheus.query(&asked.query).await.is_empty() {
                still.push(asked);
            }
        }
        without = still;
        let places: Vec<&String> = without.iter().map(|asked| &asked.place).collect();
        assert!(Instant::now() < deadline, "without data: {places:#?}");
        tokio::time::sleep(ASK_AGAIN).await;
    }
    let rules = prometheus.get("/api/v1/rules", &[]).await;
    for group in rules["data"]["groups"].as_array().unwrap() {
        for rule in group["rules"].as_array().unwrap() {
            assert_ne!(rule["health"], "err", "{rule:#}");
        }
    }
}

/// The queries that the demo has data for.
fn queries() -> Vec<Asked> {
    let (common, boards) = boards();
    let all = boards.iter().flat_map(|board| of_board(board, &common));
    all.collect()
}

fn of_board(board: &Board, common: &Common) -> Vec<Asked> {
    let panels = board.rows.iter().flat_map(|row| &row.panels);
    let queries = panels.flat_map(|panel| {
        let with = move |query: &&_| panel.without_data(query).is_none();
        let queries = panel.queries.iter().filter(with);
        queries.map(move |query| Asked {
            place: format!("{} / {}", board.title, panel.title),
            query: filled_in(&render::spelled_out(&query.expr, common)),
        })
    });
    queries.collect()
}
