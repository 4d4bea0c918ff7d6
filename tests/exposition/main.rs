//! The exposition as Prometheus reads it, byte for byte: the golden file changes only on purpose.
//! `UPDATE_OTEL=1 cargo test --test exposition` writes it again; read what changed.

#[path = "../simulation/mod.rs"]
mod simulation;

use std::path::PathBuf;
use std::sync::Arc;

use gitlab_metrics_bridge::export::{Introspect, Prometheus};
use gitlab_metrics_bridge::metrics::{BridgeStatus, Catalogue, Choices, EnabledMetrics, View};
use gitlab_metrics_bridge::poll::{Filter, Patterns, Rhythm};
use gitlab_metrics_bridge::simulator::{Fault, GitLab, Version, World};
use opentelemetry_sdk::Resource;
use simulation::{MINUTE, Setup};

/// A few of each kind: plain ones, forks, one without commits, some with features switched off, and
/// one that hides values from the token.
const SELECTED: [&str; 4] = [
    "research/thesis-template",
    "acme/infrastructure/**",
    "community/**",
    "erin/**",
];

/// What may be left for a later poll is left for the next one.
const RHYTHM: Rhythm = Rhythm {
    interval: MINUTE,
    glance: MINUTE,
    sweep: MINUTE,
};

fn setup(metrics: EnabledMetrics) -> Setup {
    Setup {
        filter: Filter {
            include: Patterns::new(SELECTED).unwrap(),
            ..Filter::default()
        },
        rhythm: RHYTHM,
        budget: None,
        metrics,
        ..Setup::default()
    }
}

fn demo(version: Version) -> Arc<GitLab> {
    let now = jiff::Timestamp::from_second(1_790_000_000).unwrap();
    // What would happen in the meantime is told by each API at its own pace.
    let mut world = World::demo(now).clock(Arc::new(move || now));
    world.version(version);
    Arc::new(GitLab::in_process(world))
}

/// A poll over REST reads only so many values that have a pace of their own: after these, all are read.
const POLLS: usize = 5;

/// What is shown of GitLab once all of it is read.
async fn exposition(gitlab: &Arc<GitLab>, project_path: bool) -> String {
    let mut choices = Choices::default();
    choices.project_labels.path = project_path;
    let shown = EnabledMetrics::new(Catalogue::standard(), |_| true, choices);
    let mut poller = simulation::poller(gitlab, setup(shown.clone()));
    let mut snapshot = poller.poll().await;
    for _ in 1..POLLS {
        tokio::time::sleep(MINUTE).await;
        snapshot = poller.poll().await;
    }
    let resource = Resource::builder_empty().build();
    let prometheus = Prometheus::build(&resource, shown).unwrap();
    prometheus.render(&Arc::new(View::from(snapshot))).unwrap();
    let introspect: Introspect = Arc::new(|_| BridgeStatus::default());
    let text = prometheus.exposition(&introspect, false).pieces.concat();
    String::from_utf8(text).unwrap()
}

fn assert_golden(name: &str, text: &str) {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/exposition")
        .join(name);
    if std::env::var_os("UPDATE_OTEL").is_some() {
        std::fs::write(&file, text).unwrap();
    }
    let golden = std::fs::read_to_string(&file).unwrap_or_default();
    let differs = golden
        .lines()
        .zip(text.lines())
        .find(|(left, right)| left != right);
    assert!(
        golden == text,
        "tests/exposition/{name} differs, first here: {differs:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn the_demo_world_is_shown_the_same_byte_for_byte() {
    let gitlab = demo(Version::V18_8);
    let over_graphql = exposition(&gitlab, false).await;
    assert_golden("demo.prom", &over_graphql);
    let gitlab = demo(Version::V18_8);
    gitlab.fault(
        Fault::on("/api/graphql")
            .always()
            .body(403, "text/html", "<html>blocked</html>"),
    );
    let over_rest = exposition(&gitlab, false).await;
    let told_by_both = |text: &str| {
        let is_told = |line: &&str| !ONLY_GRAPHQL.iter().any(|word| line.contains(word));
        let lines = text.lines().filter(is_told);
        lines.map(in_whole_seconds).collect::<Vec<_>>()
    };
    assert_same_lines(&told_by_both(&over_graphql), &told_by_both(&over_rest));
}

/// What REST does not tell: what a group stores; and the incidents of a project whose issues are off are
/// refused, where GraphQL counts none.
const ONLY_GRAPHQL: [&str; 2] = [
    "gitlab_group_storage_size_bytes",
    "gitlab_incidents{project_id=\"57\"",
];

/// REST tells the thousandths of how long a job took, and GraphQL leaves them out.
fn in_whole_seconds(line: &str) -> String {
    match line.rsplit_once(' ') {
        Some((series, value)) if series.contains("_duration_seconds{") => {
            let whole = value.split('.').next().unwrap_or(value);
            format!("{series} {whole}")
        }
        _ => line.to_owned(),
    }
}

/// Asserts that both tell the same, and names what only one of them tells.
#[track_caller]
fn assert_same_lines(left: &[String], right: &[String]) {
    let only = |these: &[String], others: &[String]| -> Vec<String> {
        let these = these.iter().filter(|line| !others.contains(line));
        these.cloned().collect()
    };
    let (only_left, only_right) = (only(left, right), only(right, left));
    assert!(
        left == right,
        "only over GraphQL: {only_left:#?}, only over REST: {only_right:#?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_old_gitlab_and_paths_are_shown_the_same_byte_for_byte() {
    let gitlab = demo(Version::V16_0);
    assert_golden("demo-16.0-paths.prom", &exposition(&gitlab, true).await);
}
