//! What people copy is valid: the configurations of the bridge, and those of the tools beside it.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use gitlab_metrics_bridge::config::{Config, Flags};
use support::process::{Finished, Program};
use support::tools::{promtool, validate_collector_config};

#[test]
fn every_configuration_of_the_bridge_is_valid() {
    let names = [("VENDOR_KEY", "x"), ("GRAFANA_CLOUD", "x")];
    let environment: BTreeMap<_, _> = names
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    let mut read = 0;
    for entry in fs::read_dir(file("examples/config")).unwrap() {
        let path = entry.unwrap().path();
        let folder = tempfile::tempdir().unwrap();
        let flags = Flags {
            config: Some(with_files_that_exist(&path, folder.path())),
            ..Flags::default()
        };
        Config::load(&flags, &environment)
            .unwrap_or_else(|error| panic!("{}: {error:#}", path.display()));
        read += 1;
    }
    assert!(read > 0, "there are no examples");
}

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

/// A copy of a configuration that names a token file which is there: the bridge insists on it.
fn with_files_that_exist(path: &Path, folder: &Path) -> PathBuf {
    let token = folder.join("token");
    fs::write(&token, "glpat-example").unwrap();
    let text = fs::read_to_string(path).unwrap();
    let text = text.replace("/run/secrets/gitlab-token", token.to_str().unwrap());
    let copy = folder.join("config.yaml");
    fs::write(&copy, text).unwrap();
    copy
}
