//! That exporter's dashboards, as a real Prometheus answers them: it scrapes a bridge that has its names.

use std::time::Duration;

use gitlab_metrics_bridge::simulator::{GitLab, World};
use jiff::Timestamp;
use tokio::time::Instant;

use super::expressions::{WITHOUT_A_METRIC, all};
use super::support::PATIENCE;
use super::support::process::{ASK_AGAIN, bridge};
use super::support::running::{Running, bridge_for};
use super::support::tools::Prometheus;

const NAMES: (&str, &str) = (
    "GITLAB_BRIDGE_PROMETHEUS_NAMES",
    "gitlab-ci-pipelines-exporter",
);

async fn scraping(port: u16) -> Prometheus {
    let config = format!(
        "
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: bridge
    static_configs: [{{targets: ['127.0.0.1:{port}']}}]
"
    );
    Prometheus::start(&config).await
}

/// The demo has pipelines, jobs and environments of all kinds, and goes on while it is asked.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Prometheus"]
async fn every_expression_of_the_exporters_dashboards_has_data() {
    let demo = bridge()
        .args(["demo", "--listen", "127.0.0.1:0", "--interval", "2s"])
        .args(["--change-every", "400ms"])
        .env(NAMES.0, NAMES.1)
        .env("GITLAB_BRIDGE_METRICS_REFS_BRANCHES", "*")
        .env("GITLAB_BRIDGE_METRICS_REFS_TAGS", "*")
        .env("GITLAB_BRIDGE_METRICS_REFS_MERGE_REQUESTS", "*");
    let demo = Running::listening(demo).await;
    let prometheus = scraping(demo.port()).await;
    let mut without = all("");
    assert!(without.len() > 45, "{} expressions", without.len());
    let deadline = Instant::now() + 2 * PATIENCE;
    loop {
        let mut still = Vec::new();
        for expression in without {
            if prometheus.query(&expression.query).await.is_empty() {
                still.push(expression);
            }
        }
        without = still;
        if without.is_empty() {
            break;
        }
        let places: Vec<_> = without.iter().map(|own| (&own.place, &own.query)).collect();
        assert!(Instant::now() < deadline, "without data: {places:#?}");
        tokio::time::sleep(ASK_AGAIN * 10).await;
    }
    let none = prometheus.query(WITHOUT_A_METRIC).await;
    assert!(
        none.is_empty(),
        "the exporter has no such metric, and the dashboard asks for it"
    );
    // Ours that have no counterpart are there beside them, and those that have one are not.
    assert!(
        !prometheus
            .query("gitlab_pipeline_runs_total")
            .await
            .is_empty()
    );
    assert!(
        prometheus
            .query("gitlab_pipeline_last_run_status")
            .await
            .is_empty()
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Prometheus"]
async fn the_increase_of_runs_is_what_ran() {
    const RUNS: u64 = 4;
    let mut world = World::at(Timestamp::now());
    world.project("group/a").commits(1);
    let run = |world: &mut World| {
        let mut events = world.events("group/a");
        let id = events.run_pipeline(|plan| plan.on("main").job("unit", "test"));
        events.finish_job(id, "unit");
    };
    run(&mut world);
    let gitlab = GitLab::start(world).await.unwrap();
    // What began in the second in which counting begins would be counted.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let program = bridge_for(gitlab.url()).env(NAMES.0, NAMES.1);
    let running = Running::start(program).await;
    let prometheus = scraping(running.port()).await;
    let counted = "gitlab_ci_pipeline_run_count{project=\"group/a\",ref=\"main\"}";
    let until = async |query: &str, wanted: f64| {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let value = prometheus.query(query).await.into_values().next();
            if value == Some(wanted) {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "{query}: {value:?}, not {wanted}"
            );
            tokio::time::sleep(ASK_AGAIN).await;
        }
    };
    until(counted, 0.0).await;
    for _ in 0..RUNS {
        gitlab.edit(run);
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    until(counted, RUNS as f64).await;
    until(&format!("round(increase({counted}[10m]))"), RUNS as f64).await;
    let jobs =
        "gitlab_ci_pipeline_job_run_count{job_name=\"unit\",project=\"group/a\",ref=\"main\"}";
    until(
        &format!("max_over_time({jobs}[10m]) - min_over_time({jobs}[10m])"),
        RUNS as f64,
    )
    .await;
}
