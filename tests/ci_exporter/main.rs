//! The names of gitlab-ci-pipelines-exporter: what a scrape finds under them is true, its runs are counted once
//! each, and every expression of that exporter's dashboards finds data in a real Prometheus.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod counting;
mod deployed;
mod expressions;
mod prometheus;
#[path = "../simulation/mod.rs"]
mod simulation;
#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeMap;

use gitlab_metrics_bridge::metrics::{
    Catalogue, Choices, EnabledMetrics, Refs, ScrapeNames, Snapshot,
};
use simulation::Setup;

/// A bridge that shows that exporter's metrics, of all refs.
fn setup() -> Setup {
    let all = || vec!["*".to_owned()];
    let choices = Choices {
        scrape_names: ScrapeNames::CiExporter,
        refs: Refs {
            branches: all(),
            tags: all(),
            merge_requests: all(),
            ..Refs::default()
        },
        ..Choices::default()
    };
    setup_with(choices)
}

fn setup_with(choices: Choices) -> Setup {
    let catalogue = Catalogue::standard().with_names(choices.scrape_names);
    let shows = |name: &str| catalogue.find(name).is_some_and(|own| own.by_default);
    Setup {
        metrics: EnabledMetrics::new(catalogue, shows, choices),
        budget: None,
        ..Setup::default()
    }
}

/// The series of a metric, each with its attributes but for the project's id.
fn shown(setup: &Setup, snapshot: &Snapshot, metric: &str) -> BTreeMap<String, f64> {
    let metric = setup.metrics.catalogue.find(metric).unwrap();
    let mut series = BTreeMap::new();
    let all = 0..snapshot.projects.len();
    metric.observe(snapshot, all, &setup.metrics.choices, &mut |own, value| {
        let own = own.iter().filter(|(name, _)| *name != "project_id");
        let mut own: Vec<String> = own.map(|(name, text)| format!("{name}={text}")).collect();
        own.sort();
        series.insert(own.join(","), value);
    });
    series
}
