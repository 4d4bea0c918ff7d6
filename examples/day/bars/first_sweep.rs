//! The first sweep of a large GitLab: everything is read once.

use std::time::Duration;

use gitlab_metrics_bridge::simulator::World;
use tokio::time::Instant;

use super::Bar;
use crate::row;
use crate::simulation::truth::untrue;
use crate::simulation::{Bridge, HOUR, Setup};

/// Reads everything once, under the budget that is the default.
pub async fn run(quick: bool) -> Bar {
    let (projects, most) = if quick { (5_000, 55) } else { (100_000, 1_050) };
    let mut world = World::large(projects);
    world.latency(Duration::from_millis(200), Duration::from_millis(3));
    let start = Instant::now();
    let mut bridge = Bridge::start(world, Setup::default());
    bridge
        .seen_within(HOUR, |snapshot| snapshot.project_count.is_some())
        .await;
    let took = start.elapsed().as_secs();
    let requests = bridge.asked();
    let until = |request: &&gitlab_metrics_bridge::simulator::Request| request.status.is_some();
    let requests = requests.iter().filter(until).count();

    let mut bar = Bar::new(format!("The first sweep of {projects} projects"));
    bar.table([
        row!["projects", "requests", "at most", "seconds"],
        row![projects, requests, most, took],
    ]);
    bar.hold(requests <= most, format!("{requests} requests"));
    let untrue = untrue(&bridge.gitlab, &bridge.snapshot());
    bar.hold(
        untrue.is_empty(),
        format!("{} values are not true", untrue.len()),
    );
    bar
}
