//! What people copy is valid: the configurations of the tools beside the bridge. The bridge's own configurations are held where they are read.

mod support;

use std::path::{Path, PathBuf};

use support::process::{Finished, Program};
use support::tools::{promtool, validate_collector_config};

#[tokio::test]
#[ignore = "needs a Collector: run tests/run"]
async fn a_collector_takes_its_configuration() {
    accepted(&validate_collector_config(&file("otel/collector.yaml")).await);
}

#[tokio::test]
#[ignore = "needs a Collector: run tests/run"]
async fn a_collector_takes_the_scraping_one_on_top() {
    let tool = std::env::var_os("OTELCOL").expect("OTELCOL is set by tests/run");
    let validation = Program::new(Path::new(&tool))
        .args(["validate", "--config"])
        .arg(file("otel/collector.yaml"))
        .arg("--config")
        .arg(file("examples/collector/otelcol.yaml"));
    accepted(&validation.finish().await);
}

#[tokio::test]
#[ignore = "needs promtool: run tests/run"]
async fn prometheus_takes_its_configuration() {
    let path = file("examples/prometheus/prometheus.yml");
    let check = promtool(["check", "config"]).arg(path);
    accepted(&check.finish().await);
}

fn accepted(finished: &Finished) {
    assert_eq!(finished.code(), 0, "{}", finished.stderr());
}

fn file(path: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
