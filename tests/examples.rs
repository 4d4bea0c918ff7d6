//! What people copy is valid: the configurations of the tools beside the bridge, and the README's links.
//! The bridge's own configurations are held where they are read.

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use support::process::{Finished, Program};
use support::tools::{promtool, validate_collector_config};

#[test]
fn the_readme_links_to_files_that_exist() {
    let text = fs::read_to_string(file("README.md")).unwrap();
    let targets = text.split("](").skip(1);
    let targets = targets.map(|after| after.split([')', '#']).next().unwrap_or_default());
    for target in targets.filter(|target| !target.is_empty() && !target.contains("://")) {
        assert!(file(target).exists(), "README.md links to {target}");
    }
}

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

fn file(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
