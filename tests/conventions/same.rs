//! The same view by our names and by those of the conventions: what has ended has the same counts, sums, buckets and
//! beginnings, in messages of each temporality.

use std::collections::BTreeMap;
use std::sync::Arc;

use gitlab_metrics_bridge::export::{Introspect, Names, OtlpConfig, Protocol, Temporality};
use gitlab_metrics_bridge::metrics::{
    BridgeStatus, Catalogue, Choices, Conventions, EnabledMetrics, Ended, EndedSeries, Grain,
    HistogramsBy, Identity, Owner, Report, Snapshot, View,
};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_sdk::Resource;

use crate::support::receiver::Receiver;

/// Ours, and what it is called by the conventions.
const PAIRS: [(&str, &str); 3] = [
    (
        "gitlab_pipeline_run_duration_seconds",
        "cicd.pipeline.run.duration",
    ),
    (
        "gitlab_pipeline_run_queued_duration_seconds",
        "cicd.pipeline.run.duration",
    ),
    ("gitlab_pipeline_runs_total", "gitlab.pipeline.runs"),
];
const SINCE: u32 = 1_000;

fn enabled() -> EnabledMetrics {
    let conventions = Conventions {
        addresses: [(None, "https://gitlab.example.com/".into())].into(),
        ..Conventions::default()
    };
    // The two that are one by the conventions have other buckets.
    let bounds = [(
        "gitlab_pipeline_run_queued_duration_seconds".to_owned(),
        vec![1.0, 60.0],
    )];
    let choices = Choices {
        histograms_by: HistogramsBy::Project,
        bounds: bounds.into(),
        conventions: Some(conventions),
        ..Choices::default()
    };
    let own = |name: &str| PAIRS.iter().any(|(ours, _)| *ours == name);
    EnabledMetrics::new(Catalogue::standard(), own, choices)
}

/// Projects of each of which `ended` pipelines have ended.
fn view(ended: u64) -> Arc<View> {
    let enabled = enabled();
    let project = |id: u64| {
        let places = enabled.catalogue.ended(Grain::Project).iter();
        let all = places.map(|place| {
            let bounds = place.bounds();
            let mut buckets = vec![
                0;
                if bounds.is_empty() {
                    0
                } else {
                    bounds.len() + 1
                }
            ];
            buckets
                .iter_mut()
                .take(1)
                .for_each(|first| *first = ended + id);
            let texts = place
                .attribute_names()
                .into_iter()
                .map(|_| Arc::from("failed"));
            let series = EndedSeries {
                attributes: texts.collect(),
                count: ended + id,
                sum: 0.5 * (ended + id) as f64,
                buckets: buckets.into(),
            };
            Ended {
                since: SINCE,
                series: Box::new([series]),
            }
        });
        let identity = Identity {
            id,
            path: format!("group/p{id}").into(),
            ..Identity::default()
        };
        let all: Vec<_> = all.collect();
        let mut owner = Owner::new(identity, SINCE.into(), Vec::new());
        owner.ended = all.into();
        Arc::new(owner)
    };
    let projects: Vec<_> = (1..=3).map(project).collect();
    let snapshot = Snapshot::new(1, projects, Some(3), Report::default(), &enabled);
    Arc::new(View::from(Arc::new(snapshot)))
}

/// What the points of some metrics say besides names: value or count, sum, bounds and buckets, and beginning.
type Numbers = BTreeMap<String, usize>;

fn numbers(receiver: &Receiver, names: &[&str]) -> Numbers {
    let mut numbers = Numbers::new();
    let requests = receiver.read(|received| received.requests.clone());
    for (_, metric) in requests.iter().flat_map(|request| request.metrics()) {
        if !names.contains(&&*metric.name) {
            continue;
        }
        let points: Vec<String> = match metric.data.as_ref().unwrap() {
            Data::Sum(sum) => {
                let points = sum.data_points.iter();
                points
                    .map(|own| format!("{:?} {}", own.value, own.start_time_unix_nano))
                    .collect()
            }
            Data::Histogram(all) => {
                let points = all.data_points.iter();
                let told = points.map(|own| {
                    format!(
                        "{} {:?} {:?} {:?} {}",
                        own.count,
                        own.sum,
                        own.explicit_bounds,
                        own.bucket_counts,
                        own.start_time_unix_nano
                    )
                });
                told.collect()
            }
            other => panic!("{other:?}"),
        };
        for point in points {
            *numbers.entry(point).or_default() += 1;
        }
    }
    numbers
}

async fn pushed(names: Names, temporality: Temporality) -> Numbers {
    let receiver = Receiver::start();
    let config = OtlpConfig {
        names,
        temporality,
        ..receiver.target(Protocol::Http)
    };
    let otlp = config
        .build(Resource::builder_empty().build(), enabled())
        .unwrap();
    let introspect: Introspect = Arc::new(|_| BridgeStatus::default());
    otlp.push(&view(4), &introspect).await.unwrap();
    let wanted: Vec<&str> = match names {
        Names::Gitlab => PAIRS.iter().map(|(ours, _)| *ours).collect(),
        Names::Semconv => PAIRS.iter().map(|(_, theirs)| *theirs).collect(),
    };
    numbers(&receiver, &wanted)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_has_ended_is_the_same_by_any_names() {
    for temporality in [Temporality::Cumulative, Temporality::Delta] {
        let ours = pushed(Names::Gitlab, temporality).await;
        assert_eq!(ours.values().sum::<usize>(), 3 * PAIRS.len(), "{ours:?}");
        let began = format!(" {SINCE}000000000");
        assert!(ours.keys().all(|point| point.ends_with(&began)), "{ours:?}");
        assert_eq!(pushed(Names::Semconv, temporality).await, ours);
    }
}
