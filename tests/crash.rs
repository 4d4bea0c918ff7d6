//! kill -9 at any moment: the state on disk is the old one or the new one, counters never go back, and what
//! waits for a receiver is delivered, once but for the message that was under way.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use fastrand::Rng;
use gitlab_metrics_bridge::simulator::{GitLab, World};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use support::Series;
use support::process::Program;
use support::received::Received;
use support::receiver::Receiver;
use support::running::{Running, bridge_for};
use tokio::time::sleep;

/// How often a process is killed.
const KILLS: usize = 8;

/// A seed that the output tells; `CRASH_SEED` gives the same one again.
fn seed() -> u64 {
    let seed = std::env::var("CRASH_SEED").ok();
    let seed = seed.and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("CRASH_SEED={seed}");
    seed
}

async fn gitlab() -> GitLab {
    GitLab::start(World::large(400)).await.unwrap()
}

/// Everything moves a little: ends that are counted, and numbers that are written.
fn moves(gitlab: &GitLab, round: u64) {
    gitlab.edit(|world| {
        let now = jiff::Timestamp::now();
        let project = world.project("group-000/project-000000");
        project.commits(1_000 + round).last_activity_at(now);
    });
}

fn commits(series: &Series) -> Option<f64> {
    let mut values = series
        .values()
        .copied()
        .filter(|value| (1_000.0..2_000.0).contains(value));
    values.next()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_at_any_moment_leaves_a_state_that_the_next_one_takes() {
    let (gitlab, folder) = (gitlab().await, tempfile::tempdir().unwrap());
    let state = folder.path().join("state");
    let random = &mut Rng::with_seed(seed());
    let program = || bridge_for(gitlab.url()).env("GITLAB_BRIDGE_STATE_PATH", &state);
    let mut last = 0;
    for round in 0..KILLS as u64 {
        let bridge = Running::start(program()).await;
        if round > 0 && state.exists() {
            // What is restored is shown at once, and is not older than what was read before.
            let scrape = bridge.scrape().await;
            let found = commits(&scrape.series("gitlab_commits_total"));
            assert!(found.is_none_or(|found| found >= 1_000.0), "{found:?}");
        }
        moves(&gitlab, round + 1);
        sleep(Duration::from_millis(random.u64(0..1_500))).await;
        bridge.process.signal("KILL");
        let finished = bridge.process.finish_within(Duration::from_secs(5)).await;
        let said = finished.stderr();
        for wrong in ["beginning with nothing", "panicked", "damaged"] {
            assert!(!said.contains(wrong), "round {round}: {said}");
        }
        last = round + 1;
    }
    let bridge = Running::start(program()).await;
    let is_last = |series: &Series| commits(series) == Some((1_000 + last) as f64);
    bridge
        .wait_for_series("gitlab_commits_total", is_last)
        .await;
    let finished = bridge.stop().await;
    assert_eq!(finished.code(), 0);
    assert!(!finished.stderr().contains("beginning with nothing"));
    let left = fs::read_dir(folder.path()).unwrap();
    let left = left.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let odd: Vec<_> = left
        .filter(|name| name.ends_with(".new") || name.ends_with(".set-aside"))
        .collect();
    assert!(odd.is_empty(), "{odd:?}");
}

/// How often each moment of a metric was delivered.
fn deliveries(received: &Received) -> BTreeMap<u64, usize> {
    let mut times = BTreeMap::new();
    let metrics = received
        .requests
        .iter()
        .flat_map(|request| request.metrics());
    for (_, metric) in metrics.filter(|(_, metric)| metric.name == "gitlab_commits_total") {
        if let Some(Data::Gauge(gauge)) = &metric.data {
            let first = gauge.data_points.first().map(|point| point.time_unix_nano);
            *times.entry(first.unwrap_or_default()).or_default() += 1;
        }
    }
    times
}

fn exporting(gitlab: &GitLab, receiver: &Receiver, state: &Path) -> Program {
    bridge_for(gitlab.url())
        .env("GITLAB_BRIDGE_STATE_PATH", state)
        .env("OTEL_METRICS_EXPORTER", "otlp,prometheus")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        .env("OTEL_METRIC_EXPORT_INTERVAL", "200")
}

fn messages(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.path());
    names
        .filter(|path| path.extension().is_some_and(|ending| ending == "otlp"))
        .count()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_that_is_killed_while_it_fills_and_empties_loses_nothing_and_repeats_next_to_nothing()
 {
    let mut world = World::new();
    world.project_with_id("group/a", 7).commits(11);
    let gitlab = GitLab::start(world).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let queue = folder.path().join("state.otlp-queue");
    let random = &mut Rng::with_seed(seed());
    let mut receiver = Receiver::refusing();
    let (mut waiting, mut kills) = (0, 0);
    for round in 0..KILLS {
        // It fills in one round and empties in the next.
        match round % 2 {
            0 => receiver.refuse(),
            _ => receiver.listen(),
        }
        let bridge = Running::start(exporting(&gitlab, &receiver, &state)).await;
        if round % 2 == 0 {
            let before = messages(&queue);
            assert!(
                before >= waiting,
                "round {round}: {before} of {waiting} are left"
            );
        }
        sleep(Duration::from_millis(random.u64(300..2_000))).await;
        bridge.process.signal("KILL");
        let finished = bridge.process.finish_within(Duration::from_secs(5)).await;
        let said = finished.stderr();
        assert!(
            !said.contains("damaged") && !said.contains("panicked"),
            "{said}"
        );
        kills += 1;
        waiting = messages(&queue);
    }
    receiver.listen();
    let bridge = Running::start(exporting(&gitlab, &receiver, &state)).await;
    let empty = |series: &Series| series.values().all(|count| *count == 0.0);
    bridge
        .wait_for_series("gitlab_bridge_export_queue_messages", empty)
        .await;
    let given_up = bridge
        .scrape()
        .await
        .series("gitlab_bridge_export_given_up_total");
    assert!(given_up.values().all(|count| *count == 0.0), "{given_up:?}");
    let finished = bridge.stop().await;
    assert_eq!(finished.code(), 0);
    let repeated: usize = receiver
        .read(deliveries)
        .values()
        .map(|count| count - 1)
        .sum();
    assert!(
        repeated <= kills,
        "{repeated} were delivered again after {kills} kills"
    );
}
