//! The bridge as users have it: the built program against a model of GitLab, over real HTTP.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod check;
mod commands;
mod doctor;
mod gitlab;
mod health;
mod instances;
mod logs;
mod once;
mod otlp;
mod pages;
mod plan;
mod secrets;
mod state;
mod stop;
mod streams;
#[path = "../support/mod.rs"]
mod support;
mod words;

use gitlab_metrics_bridge::simulator::{GitLab, MergeRequests, World};

use support::exposition::{Exposition, TARGET, is_own};
use support::received::Export;
use support::{Labels, Series, labels};

/// Two projects, 2540 and 2541, with all kinds of counts.
async fn gitlab_of_two() -> GitLab {
    GitLab::start(world_of_two()).await.unwrap()
}

fn world_of_two() -> World {
    let mut world = World::new();
    let merge_requests = MergeRequests {
        opened: 2,
        closed: 1,
        merged: 7,
        locked: 1,
    };
    world
        .project_with_id("group/a", 2540)
        .commits(11)
        .issues(3, 1)
        .merge_requests(merge_requests)
        .releases(2);
    world.project_with_id("group/b", 2541).commits(250);
    world
}

/// The series of a project.
fn of_project(id: &str) -> Labels {
    labels([("project_id", id)])
}

/// The values of a metric that has only the label `project_id`, by it.
fn by_project(series: &Series) -> Vec<(&str, f64)> {
    let by_project = series
        .iter()
        .map(|(labels, value)| (labels["project_id"].as_str(), *value));
    by_project.collect()
}

/// Asserts that an export over OTLP and an exposition tell the same: all about GitLab, and of the
/// bridge itself the same metrics with the same labels.
#[track_caller]
fn assert_same(export: &Export, exposition: &Exposition) {
    let pushed: Vec<&String> = export.metrics.keys().collect();
    let shown = exposition.families.iter();
    let shown: Vec<_> = shown.filter(|(name, _)| *name != TARGET).collect();
    let names: Vec<&String> = shown.iter().map(|(name, _)| *name).collect();
    assert_eq!(pushed, names);
    for (name, family) in shown {
        let (pushed, shown) = (export.series(name), exposition.series(name));
        if is_own(name) {
            assert_eq!(label_names(&pushed), label_names(&shown), "{name}");
        } else {
            assert_eq!(pushed, shown, "{name}");
        }
        let kind = match export.metrics[name].kind {
            "sum" => "counter",
            other => other,
        };
        assert_eq!(
            (kind, family.help.as_deref()),
            (
                family.kind.as_str(),
                Some(export.metrics[name].description.as_str())
            )
        );
    }
}

fn label_names(series: &Series) -> Option<Vec<&String>> {
    let first = series.keys().next()?;
    Some(first.keys().collect())
}
