//! More series than a limit allows: the oldest give way, both exporters show the same, and what is not
//! shown is counted.

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;

use gitlab_metrics_bridge::export::{Introspect, OtlpConfig, Prometheus, Protocol};
use gitlab_metrics_bridge::metrics::{
    BridgeStatus, Catalogue, Choices, EnabledMetrics, Identity, Limits, Owner, Reading, Report,
    Snapshot, View,
};
use opentelemetry_sdk::Resource;
use support::exposition::Exposition;
use support::receiver::Receiver;

/// Metrics with several series for each project, with one, and with one in all.
const METRICS: [&str; 3] = [
    "gitlab_commits_total",
    "gitlab_issues",
    "gitlab_project_count",
];

fn enabled(per_metric: Option<u64>, overall: Option<u64>) -> EnabledMetrics {
    let limits = Limits {
        series_per_metric: per_metric,
        series: overall,
        ..Limits::default()
    };
    let choices = Choices {
        limits,
        ..Choices::default()
    };
    let own = |name: &str| METRICS.contains(&name);
    EnabledMetrics::new(Catalogue::standard(), own, choices)
}

fn view(enabled: &EnabledMetrics, ids: &[u64], value: u64) -> Arc<View> {
    let project = |id: &u64| {
        let columns = Catalogue::standard().project_columns().len();
        let identity = Identity {
            id: *id,
            path: format!("group/project-{id}").into(),
            ..Identity::default()
        };
        let values = vec![Reading::known((value + id) as f64, 1_000); columns];
        Arc::new(Owner::new(identity, 1_000, values))
    };
    let projects: Vec<_> = ids.iter().map(project).collect();
    let count = Some(ids.len() as u64);
    let snapshot = Snapshot::new(value, projects, count, Report::default(), enabled);
    Arc::new(View::from(Arc::new(snapshot)))
}

fn ids(series: &support::Series) -> BTreeSet<u64> {
    let ids = series.keys().map(|labels| labels["project_id"].parse());
    ids.collect::<Result<_, _>>().unwrap()
}

fn introspect() -> Introspect {
    Arc::new(|_| BridgeStatus::default())
}

/// The series of a metric, as both exporters show them.
struct Shown {
    prometheus: Prometheus,
    enabled: EnabledMetrics,
}

impl Shown {
    async fn both(&self, view: &Arc<View>, metric: &str) -> support::Series {
        self.prometheus.render(view).unwrap();
        let text = self.prometheus.exposition(&introspect(), false);
        let text = text.pieces.concat();
        let scraped = Exposition::parse(std::str::from_utf8(&text).unwrap()).unwrap();
        let receiver = Receiver::start();
        let target = OtlpConfig {
            protocol: Protocol::Http,
            endpoint: format!("{}/v1/metrics", receiver.endpoint())
                .parse()
                .unwrap(),
            ..OtlpConfig::default()
        };
        let resource = Resource::builder_empty().build();
        let otlp = target.build(resource, self.enabled.clone()).unwrap();
        otlp.push(view, &introspect()).await.unwrap();
        let pushed = receiver.last_export();
        for name in METRICS {
            assert_eq!(scraped.series(name), pushed.series(name), "{name}");
        }
        assert_eq!(
            METRICS
                .iter()
                .map(|name| pushed.count(name) as u64)
                .sum::<u64>(),
            view.series()
        );
        pushed.series(metric)
    }
}

fn shown(per_metric: Option<u64>, overall: Option<u64>) -> Shown {
    let enabled = enabled(per_metric, overall);
    let resource = Resource::builder_empty().build();
    Shown {
        prometheus: Prometheus::build(&resource, enabled.clone()).unwrap(),
        enabled,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_each_metric_the_oldest_give_way_whatever_comes_and_goes() {
    let shown = shown(Some(4), None);
    for (at, (now, expected)) in [
        (vec![1, 2, 3], vec![1, 2, 3]),
        (vec![1, 2, 3, 4, 5, 6], vec![3, 4, 5, 6]),
        (vec![1, 2, 3, 4, 5, 6], vec![3, 4, 5, 6]),
        (vec![1, 2, 3, 4, 5, 6, 7], vec![4, 5, 6, 7]),
        (vec![1, 2, 3, 5, 7], vec![2, 3, 5, 7]),
        (vec![1, 7], vec![1, 7]),
    ]
    .into_iter()
    .enumerate()
    {
        // Every other time no value has changed, only who is shown.
        let view = view(&shown.enabled, &now, at as u64 / 2);
        let commits = shown.both(&view, "gitlab_commits_total").await;
        assert_eq!(ids(&commits), expected.iter().copied().collect());
        let dropped = &view.gitlabs[0].snapshot.dropped;
        let dropped = dropped
            .iter()
            .find(|(name, _)| *name == "gitlab_commits_total");
        let expected = (now.len() as u64).saturating_sub(4);
        assert_eq!(dropped.map_or(0, |(_, series)| *series), expected);
        assert_eq!(
            shown.both(&view, "gitlab_project_count").await.len(),
            1,
            "it is one series"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn overall_the_last_metrics_give_way_and_each_series_is_shown_or_counted() {
    let ids: Vec<_> = (1..=5).collect();
    let all = view(&enabled(None, None), &ids, 1).series();
    for most in 1..=all + 1 {
        let shown = shown(None, Some(most));
        let view = view(&shown.enabled, &ids, 1);
        let commits = shown.both(&view, "gitlab_commits_total").await;
        let first = shown.enabled.metrics[0].name;
        let dropped = &view.gitlabs[0].snapshot.dropped;
        let sum: u64 = dropped.iter().map(|(_, series)| series).sum();
        assert!(view.series() <= most, "{most}");
        assert_eq!(view.series() + sum, all, "{most}");
        if first == "gitlab_commits_total" {
            assert_eq!(commits.len() as u64, most.min(5));
        }
    }
}
