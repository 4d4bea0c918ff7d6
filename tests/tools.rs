//! The bridge and the real tools: a Prometheus that scrapes it, a promtool that judges it and a
//! Collector that receives from it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;

use gitlab_metrics_bridge::simulator::{GitLab, World};
use reqwest::StatusCode;
use support::exposition::{Exposition, Family, TARGET, is_own};
use support::process::Program;
use support::running::{Running, bridge_for};
use support::tools::{Collector, Prometheus, check_metrics, promtool};
use support::{Labels, Series, labels};

const PROTOCOLS: [&str; 2] = ["grpc", "http/protobuf"];

async fn demo() -> GitLab {
    let now = jiff::Timestamp::from_second(1_790_000_000).unwrap();
    GitLab::start(World::demo(now)).await.unwrap()
}

#[tokio::test]
#[ignore = "needs Prometheus"]
async fn prometheus_scrapes_the_bridge_and_answers_with_the_counts_of_gitlab() {
    let gitlab = demo().await;
    let bridge = Running::start(bridge_for(gitlab.url())).await;
    bridge.wait_for_readiness(StatusCode::OK).await;
    let prometheus = Prometheus::scraping(bridge.port()).await;

    let up = |series: &Series| series.values().eq(&[1.0]);
    prometheus.wait_for("up", up).await;
    let single = async |query: &str| {
        let answer = prometheus
            .wait_for(query, |series| !series.is_empty())
            .await;
        assert_eq!(answer.len(), 1, "{query}: {answer:?}");
        answer.into_values().next().unwrap()
    };
    let (projects, commits) = gitlab.read(|world| {
        let commits = world.projects().map(|project| project.commits).sum::<u64>();
        (world.projects().count(), commits)
    });
    assert_eq!(single("gitlab_project_count").await, projects as f64);
    assert_eq!(single("sum(gitlab_commits_total)").await, commits as f64);
    assert_eq!(single("count(gitlab_project_info)").await, projects as f64);
    assert_eq!(
        single("sum(gitlab_merge_requests_total) == bool sum(gitlab_merge_requests)").await,
        1.0
    );
    let by_path = "gitlab_commits_total * on(project_id) group_left(project_path) gitlab_project_info\
                   {project_path=\"acme/web/storefront\"}";
    let storefront =
        gitlab.read(|world| world.find_project("acme/web/storefront").unwrap().commits);
    assert_eq!(single(by_path).await, storefront as f64);
}

#[tokio::test]
#[ignore = "needs promtool"]
async fn promtool_remarks_on_the_three_contract_names_and_nothing_else() {
    let once = bridge_for(demo().await.url()).arg("once").finish().await;
    let lint = check_metrics(&once.stdout()).await;
    assert_eq!(
        lint.lines,
        [
            "gitlab_commits_total non-counter metrics should not have \"_total\" suffix",
            "gitlab_merge_requests_total non-counter metrics should not have \"_total\" suffix",
            "gitlab_project_count non-histogram and non-summary metrics should not have \"_count\" suffix",
        ]
    );
}

#[tokio::test]
#[ignore = "needs promtool"]
async fn the_recording_rules_of_doras_four_keys_make_of_known_events_what_they_are() {
    let rules = promtool(["check", "rules", "otel/prometheus/dora.yaml"]);
    let rules = rules.finish().await;
    assert_eq!(rules.code(), 0, "{rules:#?}");
    let tests = promtool(["test", "rules", "tests/tools/dora.yaml"]);
    let tests = tests.finish().await;
    assert_eq!(tests.code(), 0, "{tests:#?}");
}

#[tokio::test]
#[ignore = "needs the Collector"]
async fn what_runs_into_a_collector_is_what_prometheus_would_scrape() {
    let gitlab = demo().await;
    for protocol in PROTOCOLS {
        let mut collector = Collector::start().await;
        let program = pushing(bridge_for(gitlab.url()), protocol, &collector);
        let bridge = Running::start(program.env("OTEL_METRIC_EXPORT_INTERVAL", "500")).await;
        bridge.first_scrape().await;
        // A second export knows of the first one.
        let exported = [("exporter", "otlp"), ("outcome", "success")];
        let second = |series: &Series| {
            series
                .get(&labels(exported))
                .is_some_and(|count| *count > 1.0)
        };
        bridge
            .wait_for_series("gitlab_bridge_exports_total", second)
            .await;
        let shown = shown(&mut collector).await;
        assert_same(&shown, &bridge.scrape().await);
        assert_eq!(bridge.stop().await.code(), 0);
    }
}

#[tokio::test]
#[ignore = "needs the Collector"]
async fn what_once_pushes_into_a_collector_is_what_it_prints() {
    let gitlab = demo().await;
    for protocol in PROTOCOLS {
        let mut collector = Collector::start().await;
        let once = pushing(bridge_for(gitlab.url()), protocol, &collector);
        let once = once.arg("once").finish().await;
        assert_eq!(once.code(), 0, "{once:#?}");
        assert_same(
            &shown(&mut collector).await,
            &Exposition::parse(&once.stdout()).unwrap(),
        );
    }
}

#[tokio::test]
#[ignore = "needs the Collector"]
async fn more_than_a_hundred_and_twenty_thousand_points_arrive_at_a_collector_as_it_comes() {
    let gitlab = GitLab::start(World::large(6_000)).await.unwrap();
    for protocol in PROTOCOLS {
        let mut collector = Collector::start().await;
        let once = pushing(bridge_for(gitlab.url()), protocol, &collector)
            .env("GITLAB_BRIDGE_REQUESTS_PER_SECOND", "1000");
        let once = once.arg("once").finish().await;
        assert_eq!(once.code(), 0, "{}", once.stderr());
        let printed = Exposition::parse(&once.stdout()).unwrap();
        let points: usize = series(&printed).map(|series| series.len()).sum();
        assert!(points > 120_000, "{points}");
        assert_same(&shown(&mut collector).await, &printed);
    }
}

fn pushing(program: Program, protocol: &str, collector: &Collector) -> Program {
    let endpoint = match protocol {
        "grpc" => collector.grpc_endpoint(),
        _ => collector.http_endpoint(),
    };
    program
        .env("OTEL_METRICS_EXPORTER", "otlp,prometheus")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint)
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
}

/// What the Collector shows once it has received a whole export: its last request is the bridge's
/// own.
async fn shown(collector: &mut Collector) -> Exposition {
    let url = collector.metrics_url();
    let whole = |body: &str| body.contains("gitlab_bridge_build_info{");
    let body = collector.process.wait_for_body(&url, whole).await;
    Exposition::parse(&body).unwrap()
}

fn series(exposition: &Exposition) -> impl Iterator<Item = &Series> {
    exposition
        .families
        .values()
        .flat_map(|family| family.samples.values())
}

/// Asserts that both have the same series: all that is said of GitLab with the same values, and of
/// the bridge itself, which goes on living, with the same names of labels.
#[track_caller]
fn assert_same(collector: &Exposition, bridge: &Exposition) {
    let mut received: BTreeMap<&str, &Family> = collector
        .families
        .iter()
        .map(|(name, family)| (name.as_str(), family))
        .collect();
    received.remove(TARGET);
    let names: Vec<&str> = received.keys().copied().collect();
    let own = bridge.families.keys().map(String::as_str);
    let own: Vec<&str> = own.filter(|name| *name != TARGET).collect();
    assert_eq!(names, own);
    for (name, family) in received {
        let ours = &bridge.families[name];
        assert_eq!(
            (&family.kind, &family.help),
            (&ours.kind, &ours.help),
            "{name}"
        );
        let (theirs, ours) = (stripped(&collector.series(name)), bridge.series(name));
        if is_own(name) {
            assert_eq!(label_names(&theirs), label_names(&ours), "{name}");
        } else {
            assert!(
                theirs == ours,
                "{name} has {} series there and {} here, such as {:?} and {:?}",
                theirs.len(),
                ours.len(),
                theirs
                    .iter()
                    .find(|(labels, value)| ours.get(*labels) != Some(value)),
                ours.iter()
                    .find(|(labels, value)| theirs.get(*labels) != Some(value)),
            );
        }
    }
}

/// Without the labels that the Collector adds to say where a series came from.
fn stripped(series: &Series) -> Series {
    let added =
        |label: &str| matches!(label, "job" | "instance") || label.starts_with("otel_scope_");
    let strip = |labels: &Labels| -> Labels {
        let kept = labels.iter().filter(|(label, _)| !added(label));
        kept.map(|(label, value)| (label.clone(), value.clone()))
            .collect()
    };
    series
        .iter()
        .map(|(labels, value)| (strip(labels), *value))
        .collect()
}

fn label_names(series: &Series) -> Option<Vec<&String>> {
    let first = series.keys().next()?;
    Some(first.keys().collect())
}

/// Renames the project and waits until `/metrics` shows that.
async fn rename(gitlab: &GitLab, bridge: &Running) {
    gitlab.edit(|world| world.rename_project("group/one", "group/other"));
    let renamed = |series: &Series| {
        let mut paths = series.keys().map(|labels| labels["project_path"].as_str());
        paths.any(|path| path == "group/other")
    };
    bridge.wait_for_series("gitlab_project_info", renamed).await;
}

async fn gitlab_of_one() -> GitLab {
    let mut world = World::new();
    world.project("group/one").commits(11);
    GitLab::start(world).await.unwrap()
}

#[tokio::test]
#[ignore = "needs the Collector"]
async fn a_collector_drops_the_series_of_the_old_path_at_once() {
    for protocol in PROTOCOLS {
        let gitlab = gitlab_of_one().await;
        let mut collector = Collector::start().await;
        let program = pushing(bridge_for(gitlab.url()), protocol, &collector)
            .env("GITLAB_BRIDGE_POLL_CI_INTERVAL", "1s")
            .env("OTEL_METRIC_EXPORT_INTERVAL", "500");
        let bridge = Running::start(program).await;
        let url = collector.metrics_url();
        let old = |body: &str| body.contains("project_path=\"group/one\"");
        let new = |body: &str| body.contains("project_path=\"group/other\"");
        collector.process.wait_for_body(&url, old).await;
        rename(&gitlab, &bridge).await;
        let body = collector.process.wait_for_body(&url, new).await;
        assert!(!old(&body), "{body}");
        assert_eq!(bridge.stop().await.code(), 0);
    }
}

#[tokio::test]
#[ignore = "needs Prometheus"]
async fn a_rename_breaks_no_join_in_a_prometheus_that_receives_otlp() {
    let gitlab = gitlab_of_one().await;
    let prometheus = Prometheus::start("global: {scrape_interval: 1s}").await;
    let program = bridge_for(gitlab.url())
        .env("GITLAB_BRIDGE_POLL_CI_INTERVAL", "1s")
        .env("OTEL_METRICS_EXPORTER", "otlp,prometheus")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", prometheus.otlp_endpoint())
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
        .env("OTEL_METRIC_EXPORT_INTERVAL", "500");
    let bridge = Running::start(program).await;
    let joined =
        "gitlab_commits_total * on (project_id) group_left (project_path) gitlab_project_info";
    let path = |series: &Series, path: &str| {
        let paths: Vec<_> = series
            .keys()
            .map(|labels| labels["project_path"].as_str())
            .collect();
        paths == [path]
    };
    prometheus
        .wait_for(joined, |series| path(series, "group/one"))
        .await;
    rename(&gitlab, &bridge).await;
    // Each of these queries would fail with "duplicate series" if both paths were there.
    prometheus
        .wait_for(joined, |series| path(series, "group/other"))
        .await;
    assert_eq!(prometheus.query("gitlab_project_info").await.len(), 1);
    assert_eq!(bridge.stop().await.code(), 0);
}
