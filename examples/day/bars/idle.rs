//! Projects in which nothing happens: what CI costs of them, beside what only counts cost, beside the
//! least, and beside what the popular exporter of pipelines asks by its own documented loop.

use std::sync::Arc;
use std::time::Duration;

use gitlab_metrics_bridge::metrics::{Cadence, Catalogue, Choices, EnabledMetrics, Metric};
use gitlab_metrics_bridge::simulator::World;

use super::Bar;
use crate::row;
use crate::simulation::{Bridge, HOUR, MINUTE, Setup, idle, path};

/// For how long requests are counted.
const HOURS: u32 = 2;
/// In these units they are told.
const UNIT: Duration = Duration::from_secs(300);
/// So many projects a glance can ask for in one request.
const GLANCE: f64 = 1_700.0;

/// What is shown, and how much more it may cost in five minutes than counts alone.
struct Case {
    name: &'static str,
    keep: fn(&Metric) -> bool,
    most: Option<f64>,
}

/// Counts the requests for so many idle projects.
pub async fn run(projects: u64) -> Bar {
    let (most, more) = if projects <= 1_000 {
        (6.0, 8.0)
    } else {
        (40.0, 44.0)
    };
    let mut bar = Bar::new(format!(
        "{projects} idle projects with a pipeline each, for {HOURS} hours at an interval of 1m"
    ));
    let mut rows = vec![row![
        "shown",
        "requests in 5 minutes",
        "more than counts",
        "bound"
    ]];
    let mut counts = None;
    for case in cases(most, more) {
        let requests = requests(projects, case.keep).await;
        let before = *counts.get_or_insert(requests);
        let (beyond, most) = (requests - before, case.most);
        let bound = most.map_or_else(|| "-".to_owned(), |most| most.to_string());
        rows.push(row![
            case.name,
            format!("{requests:.1}"),
            format!("{beyond:.1}"),
            bound
        ]);
        bar.hold(
            most.is_none_or(|most| beyond <= most),
            format!("{} costs {beyond:.1} more", case.name),
        );
    }
    rows.extend(others(projects));
    bar.table(rows);
    bar
}

fn cases(most: f64, more: f64) -> [Case; 3] {
    [
        Case {
            name: "counts only, as before",
            keep: |metric| metric.by_default && is_asked_along(metric),
            most: None,
        },
        Case {
            name: "everything that is on by default",
            keep: |metric| metric.by_default,
            most: Some(most),
        },
        Case {
            name: "jobs and test reports as well",
            keep: |metric| {
                metric.by_default || ["jobs", "test_reports"].contains(&metric.subject.name)
            },
            most: Some(more),
        },
    ]
}

/// The least, and what another exporter asks.
fn others(projects: u64) -> Vec<Vec<String>> {
    let polls = UNIT.div_duration_f64(MINUTE);
    let least = (projects as f64 / GLANCE).ceil() * polls;
    let popular = |jobs| format!("{:.0}", popular_exporter(projects as f64, jobs));
    vec![
        row![
            "the least that sees each pipeline",
            "",
            format!("{least:.1}"),
            ""
        ],
        row!["the popular exporter", "", popular(false), ""],
        row!["the same with jobs and test reports", "", popular(true), ""],
    ]
}

/// Whether it asks for nothing that has a pace of its own.
fn is_asked_along(metric: &Metric) -> bool {
    metric.subject.cadence == Cadence::WithOwner
}

/// Requests in five minutes, once everything has been read.
async fn requests(projects: u64, keep: fn(&Metric) -> bool) -> f64 {
    let catalogue = Catalogue::standard();
    let named = |name: &str| catalogue.find(name).is_some_and(keep);
    let setup = Setup {
        metrics: EnabledMetrics::new(catalogue, named, Arc::new(Choices::default())),
        ..Setup::default()
    };
    let bridge = Bridge::settled(world(projects), setup).await;
    bridge.pass(HOUR).await;
    bridge.asked();
    bridge.pass(HOURS * HOUR).await;
    bridge.asked().len() as f64 / (HOURS * HOUR).div_duration_f64(UNIT)
}

/// Each project has run one pipeline, a day ago.
fn world(projects: u64) -> World {
    let mut world = idle(projects);
    for id in 1..=projects {
        world.events(&path(id)).run_pipeline(|plan| {
            plan.on("main")
                .job("build", "build")
                .takes(MINUTE)
                .job("test", "test")
                .takes(MINUTE)
        });
    }
    world.pass(24 * HOUR);
    world
}

/// What that exporter asks in five minutes with its intervals as they come, were its own limits lifted:
/// every 30 s for each ref its list of pipelines and the newest one, with jobs also the jobs and bridges,
/// and its test report; every 300 s the branches and tags of each project; every 1,800 s all of it again.
fn popular_exporter(projects: f64, jobs: bool) -> f64 {
    let refs = projects; // One each, where it takes all tags besides.
    let of_ref = if jobs { 5.0 } else { 2.0 };
    let pulls = UNIT.as_secs_f64() / 30.0;
    let discovery = 2.0 + 2.0 * UNIT.as_secs_f64() / 1_800.0;
    refs * of_ref * pulls + projects * discovery
}
