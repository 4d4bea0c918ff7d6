//! What a snapshot shows of a metric, and what the model's ledger says that its counters should show.

use std::collections::BTreeMap;
use std::sync::Arc;

use gitlab_metrics_bridge::metrics::{Catalogue, Choices, Snapshot, View};
use gitlab_metrics_bridge::simulator::GitLab;
use jiff::Timestamp;

/// The counter of pipelines that ended.
pub const RUNS: &str = "gitlab_pipeline_runs_total";

/// The series of a metric, as attributes and number.
pub fn series(snapshot: &Arc<Snapshot>, metric: &str) -> BTreeMap<String, f64> {
    let view = View::from(Arc::clone(snapshot));
    let metric = Catalogue::standard().find(metric);
    let metric = metric.expect("a metric of the catalogue");
    let (mut all, projects) = (BTreeMap::new(), 0..view.projects());
    let mut note = |labels: &[(&'static str, &str)], value: f64| {
        let labels = labels.iter().map(|(key, value)| format!("{key}={value}"));
        let mut labels: Vec<String> = labels.collect();
        labels.sort();
        all.insert(labels.join(","), value);
    };
    view.observe(metric, projects, &Choices::default(), &mut note);
    all
}

/// The pipelines that ended, as they are shown.
pub fn runs(snapshot: &Arc<Snapshot>) -> BTreeMap<String, f64> {
    series(snapshot, RUNS)
}

/// What the series of a project's pipelines with a status is called here.
pub fn run_series(project: impl std::fmt::Display, status: &str) -> String {
    format!("project_id={project},status={status}")
}

/// What the ledger says ended since then, as the series would have it. Children are not counted.
pub fn ledger(gitlab: &GitLab, since: Timestamp) -> BTreeMap<String, f64> {
    gitlab.read(|world| {
        let mut all = BTreeMap::new();
        let ledger = world.ledger();
        for entry in ledger.pipelines().since(since).without("child").iter() {
            let name = run_series(entry.project, entry.status);
            *all.entry(name).or_default() += 1.0;
        }
        all
    })
}
