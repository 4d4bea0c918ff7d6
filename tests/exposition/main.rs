//! The exposition as Prometheus reads it, byte for byte: the golden file changes only on purpose.
//! `UPDATE_OTEL=1 cargo test --test exposition` writes it again; read what changed.

#[path = "../client/mod.rs"]
mod client;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use gitlab_metrics_bridge::export::{Introspect, Prometheus};
use gitlab_metrics_bridge::gitlab::Client;
use gitlab_metrics_bridge::metrics::{BridgeStatus, Catalogue, Choices, EnabledMetrics, View};
use gitlab_metrics_bridge::poll::{self, Filter, Patterns, Rhythm, Selection};
use gitlab_metrics_bridge::simulator::{Fault, GitLab, Version, World};
use opentelemetry_sdk::Resource;

fn client(gitlab: &GitLab) -> Client {
    client::config(gitlab.url(), 3).build().unwrap()
}

/// A few of each kind: plain ones, forks, one without commits, some with features switched off, and
/// one that hides values from the token.
const SELECTED: [&str; 4] = [
    "research/thesis-template",
    "acme/infrastructure/**",
    "community/**",
    "erin/**",
];

fn config() -> poll::Config {
    poll::Config {
        selection: Selection {
            filter: Filter {
                include: Patterns::new(SELECTED).unwrap(),
                ..Filter::default()
            },
            ..Selection::default()
        },
        rhythm: Rhythm {
            interval: Duration::from_secs(60),
            glance: Duration::from_secs(60),
            sweep: Duration::from_secs(60),
        },
        timeout: Duration::from_secs(60),
        ..poll::Config::default()
    }
}

async fn demo(version: Version) -> GitLab {
    let now = jiff::Timestamp::from_second(1_790_000_000).unwrap();
    let gitlab = GitLab::start(World::demo(now)).await.unwrap();
    gitlab.edit(|world| {
        world.version(version);
    });
    gitlab
}

/// A poll over REST reads only so many values that have a pace of their own: after these, all are read.
const POLLS: usize = 5;

/// What is shown of GitLab once all of it is read.
async fn exposition(gitlab: &GitLab, project_path: bool) -> String {
    let mut choices = Choices::default();
    choices.project_labels.path = project_path;
    let shown = EnabledMetrics::new(Catalogue::standard(), |_| true, choices);
    let mut poller = config().build(client(gitlab), shown.clone());
    let mut snapshot = poller.poll().await;
    for _ in 1..POLLS {
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

#[tokio::test]
async fn the_demo_world_is_shown_the_same_byte_for_byte() {
    let gitlab = demo(Version::V18_8).await;
    let over_graphql = exposition(&gitlab, false).await;
    assert_golden("demo.prom", &over_graphql);
    gitlab.fault(
        Fault::on("/api/graphql")
            .always()
            .body(403, "text/html", "<html>blocked</html>"),
    );
    let over_rest = exposition(&gitlab, false).await;
    let told_by_both = |text: &str| {
        let is_told = |line: &&str| !ONLY_GRAPHQL.iter().any(|word| line.contains(word));
        let lines = text.lines().filter(is_told);
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_same_lines(&told_by_both(&over_graphql), &told_by_both(&over_rest));
}

/// What REST does not tell within a few polls: a list of pipelines lacks how many jobs each has, and a
/// success behind the newest twenty; what the GitLab is comes with its own cadence; and the incidents of a
/// project whose issues are off are refused, where GraphQL counts none.
const ONLY_GRAPHQL: [&str; 4] = [
    "gitlab_pipeline_last_run_jobs",
    "gitlab_pipeline_last_success_timestamp_seconds",
    "gitlab_instance_info",
    "gitlab_incidents{project_id=\"57\"",
];

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

#[tokio::test]
async fn an_old_gitlab_and_paths_are_shown_the_same_byte_for_byte() {
    let gitlab = demo(Version::V16_0).await;
    assert_golden("demo-16.0-paths.prom", &exposition(&gitlab, true).await);
}
