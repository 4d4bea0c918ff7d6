//! A real Collector takes what goes by the names of the conventions, and shows the same numbers.

use gitlab_metrics_bridge::simulator::GitLab;

use crate::support::exposition::Exposition;
use crate::support::running::Running;
use crate::support::tools::Collector;
use crate::{BRIDGE, pushing, run_pipelines, world};

#[tokio::test]
#[ignore = "needs the Collector"]
async fn a_collector_takes_the_names_of_the_conventions() {
    let gitlab = GitLab::start(world()).await.unwrap();
    let mut collector = Collector::start().await;
    let program = pushing(&gitlab, &collector.grpc_endpoint(), "grpc");
    let bridge = Running::start(program).await;
    bridge.first_scrape().await;
    run_pipelines(&gitlab);
    let url = collector.metrics_url();
    let is_all = |body: &str| {
        let runs = body.contains("cicd_pipeline_run_duration_seconds_count{");
        runs && body.contains("vcs_contributor_count{") && body.contains("cicd_worker_count{")
    };
    let body = collector.process.wait_for_body(&url, is_all).await;
    let shown = Exposition::parse(&body).unwrap();
    for (family, kind) in [
        ("vcs_change_count", "gauge"),
        ("vcs_repository_count", "gauge"),
        ("cicd_pipeline_run_active", "gauge"),
        ("cicd_pipeline_run_duration_seconds", "histogram"),
        ("cicd_worker_count", "gauge"),
    ] {
        assert_eq!(shown.families[family].kind, kind, "{family}");
    }
    let open = shown
        .series("vcs_change_count")
        .into_iter()
        .find(|(labels, _)| {
            labels["vcs_change_state"] == "open"
                && labels["vcs_repository_url_full"].ends_with(BRIDGE)
        });
    assert_eq!(open.unwrap().1, 3.0);
    assert_eq!(bridge.stop().await.code(), 0);
}
