//! What people copy is valid: the configurations of the tools beside the bridge, and the links of the documents.
//! The bridge's own configurations are held where they are read.

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use gitlab_metrics_bridge::metrics::Catalogue;
use support::process::{Finished, Program};
use support::tools::{promtool, validate_collector_config};

/// What a reader follows from the README.
const DOCUMENTS: &[&str] = &[
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/architecture.md",
    "docs/from-the-ci-exporter.md",
    "docs/installing.md",
    "docs/measured.md",
    "docs/operating.md",
    "docs/polling.md",
    "docs/securing.md",
    "docs/settings.md",
    "docs/simulator.md",
    "docs/threat-model.md",
    "otel/metrics.md",
];

#[test]
fn documents_link_to_files_and_headings_that_exist() {
    for document in DOCUMENTS {
        let text = fs::read_to_string(file(document)).unwrap();
        let folder = Path::new(document).parent().unwrap();
        for link in text.split("](").skip(1) {
            let link = link.split(')').next().unwrap();
            if link.contains("://") {
                continue;
            }
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let target = match path {
                "" => file(document),
                path => file(folder.join(path)),
            };
            assert!(target.exists(), "{document} links to {link}");
            if !heading.is_empty() {
                let known = headings(&fs::read_to_string(&target).unwrap());
                assert!(known.contains(heading), "{document} links to {link}");
            }
        }
    }
}

#[test]
fn the_readme_leads_to_every_document_and_is_short() {
    let readme = fs::read_to_string(file("README.md")).unwrap();
    let links = |document: &&&str| !readme.contains(&format!("]({document})"));
    let unlinked: Vec<_> = DOCUMENTS[1..].iter().filter(links).collect();
    assert!(unlinked.is_empty(), "README.md does not link {unlinked:?}");
    assert!(readme.lines().count() <= 200, "a newcomer stops reading");
    let files = fs::read_dir(file("docs")).unwrap();
    let written = files.filter(|file| {
        let path = file.as_ref().unwrap().path();
        path.extension().is_some_and(|extension| extension == "md")
    });
    let named = DOCUMENTS
        .iter()
        .filter(|document| document.starts_with("docs/"));
    assert_eq!(
        written.count(),
        named.count(),
        "a document is missing above"
    );
}

/// Who moves to the bridge copies names out of this document.
#[test]
fn the_guide_for_the_ci_exporter_names_metrics_and_settings_that_exist() {
    let guide = fs::read_to_string(file("docs/from-the-ci-exporter.md")).unwrap();
    let settings = fs::read_to_string(file("docs/settings.md")).unwrap();
    let is_word = |letter: char| letter.is_ascii_alphanumeric() || "_.".contains(letter);
    let words = guide.split(|letter: char| !is_word(letter));
    let words: BTreeSet<&str> = words.map(|word| word.trim_matches('.')).collect();
    let ours = |word: &&&str| word.starts_with("gitlab_") && !word.starts_with("gitlab_ci_");
    let metrics: Vec<_> = words.iter().filter(ours).collect();
    assert!(metrics.len() > 30, "the guide names {metrics:?}");
    for metric in metrics {
        let name = metric.trim_end_matches("_bucket");
        assert!(Catalogue::standard().find(name).is_some(), "{metric}");
    }
    let is_setting = |word: &&&str| {
        let section = word.split_once('.').map(|(section, _)| section);
        let section = section.filter(|_| !word.ends_with(".md"));
        section.is_some_and(|section| ["metrics", "poll", "state", "webhook"].contains(&section))
    };
    for setting in words.iter().filter(is_setting) {
        assert!(settings.contains(&format!("`{setting}`")), "{setting}");
    }
}

/// The headings as a link names them: in small letters, with dashes for spaces.
fn headings(text: &str) -> BTreeSet<String> {
    let lines = text.lines().filter(|line| line.starts_with('#'));
    let slug = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title
            .chars()
            .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter));
        kept.collect::<String>().replace(' ', "-")
    };
    lines.map(slug).collect()
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

fn file(path: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}
