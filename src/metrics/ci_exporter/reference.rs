//! The rows as people read them: `otel/ci-exporter-metrics.md`.

use std::fmt::Write;

use super::super::reference::instrument;
use crate::metrics::{Catalogue, ScrapeNames};

/// The table of all metrics under that exporter's names.
pub fn markdown() -> String {
    let mut page = String::from(
        "# Metrics under the names of gitlab-ci-pipelines-exporter\n\n\
         Rendered from `src/metrics/ci_exporter` by `UPDATE_OTEL=1 cargo test`; do not edit.\n\n\
         A scrape finds them with `prometheus.names: gitlab-ci-pipelines-exporter`, each in place of the metric of ours \
         that says the same. If several GitLabs are polled, each series also carries `gitlab_instance`.\n\n\
         | metric | kind | attributes | what it says | in place of |\n|---|---|---|---|---|\n",
    );
    let catalogue = Catalogue::standard().with_names(ScrapeNames::CiExporter);
    for metric in catalogue.metrics() {
        let Some(name) = metric.ci_exporter else {
            continue;
        };
        let attributes = metric.attributes.iter();
        let attributes: Vec<String> = attributes.map(|own| format!("`{}`", own.name)).collect();
        let ours = name.in_place_of.map(|ours| format!("`{ours}`"));
        // Writing to a String cannot fail.
        let _ = writeln!(
            page,
            "| `{}` | {} | {} | {} | {} |",
            metric.name,
            instrument(metric),
            attributes.join(", "),
            metric.help,
            ours.unwrap_or_else(|| "—".to_owned()),
        );
    }
    page
}
