//! What is rendered from the rows in `src/metrics` is what stands in `otel/`.
//! `UPDATE_OTEL=1 cargo test` renders it again.

use std::fs;
use std::path::PathBuf;

use gitlab_metrics_bridge::metrics::{self, Catalogue};

#[test]
fn the_registry_and_the_reference_are_fresh() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("otel");
    let mut files = vec![(
        "metrics.md".to_owned(),
        metrics::markdown(Catalogue::standard()),
    )];
    files.push((
        "semconv.md".to_owned(),
        metrics::names_by_conventions(Catalogue::standard()),
    ));
    files.push((
        "ci-exporter-metrics.md".to_owned(),
        metrics::ci_exporter_markdown(),
    ));
    files.extend(
        metrics::registry(Catalogue::standard())
            .into_iter()
            .map(|(name, text)| (format!("registry/{name}"), text)),
    );
    for (name, text) in files {
        let file = folder.join(&name);
        if std::env::var_os("UPDATE_OTEL").is_some() {
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(&file, &text).unwrap();
        }
        let there = fs::read_to_string(&file).unwrap_or_default();
        assert!(
            there == text,
            "otel/{name} is stale: run UPDATE_OTEL=1 cargo test, and read what changed"
        );
    }
}
