//! What the OpenTelemetry crates do to many series, changing series and broken callbacks, on both
//! exporters: nothing is lost, capped, mixed or left behind.

mod support;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use gitlab_metrics_bridge::export::{Compression, Introspect, OtlpConfig, Prometheus, Protocol};
use gitlab_metrics_bridge::metrics::subject::{Cadence, Rows, Shows, gauge};
use gitlab_metrics_bridge::metrics::{
    BridgeStatus, Catalogue, Choices, EnabledMetrics, GitLabView, Grain, Identity, Owner, Reading,
    Report, Snapshot, Subject, View,
};
use opentelemetry_sdk::Resource;
use support::certificates::Certificates;
use support::exposition::Exposition;
use support::receiver::{Fault, Receiver};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

fn everything() -> EnabledMetrics {
    EnabledMetrics::new(Catalogue::standard(), |_| true, Choices::default())
}

fn resource() -> Resource {
    Resource::builder_empty()
        .with_service_name("gitlab-metrics-bridge")
        .build()
}

/// The view of a GitLab with these projects, in which every question has the answer
/// `value(id, slot)`.
fn view(
    generation: u64,
    ids: impl IntoIterator<Item = u64>,
    value: impl Fn(u64, usize) -> u64,
) -> Arc<View> {
    let project = |id: u64| {
        let places = 0..Catalogue::standard().project_columns().len();
        let values = places.map(|place| Reading::known(value(id, place) as f64, 1_000));
        let identity = Identity {
            id,
            path: format!("group/subgroup/project-{id}").into(),
            name: format!("Project {id}").into(),
            last_activity: Some(id),
            ..Identity::default()
        };
        Arc::new(Owner::new(identity, 1_000, values.collect()))
    };
    let projects: Vec<_> = ids.into_iter().map(project).collect();
    let report = Report {
        ended: 1_000,
        took: Duration::from_secs(1),
        late: Duration::ZERO,
        requests: 1,
        reached: true,
        last_complete: Some(1_000),
        ..Report::default()
    };
    let count = Some(projects.len() as u64);
    let snapshot = Snapshot::new(generation, projects, count, report, &everything());
    Arc::new(View::from(Arc::new(snapshot)))
}

fn rendered(prometheus: &Prometheus) -> Exposition {
    let exposition = prometheus.exposition(&introspect(), false);
    let text = exposition.pieces.concat();
    Exposition::parse(std::str::from_utf8(&text).unwrap()).unwrap()
}

fn introspect() -> Introspect {
    Arc::new(|_| BridgeStatus::default())
}

fn ids(series: &support::Series) -> BTreeSet<u64> {
    series
        .keys()
        .map(|labels| labels["project_id"].parse().unwrap())
        .collect()
}

#[test]
fn the_seed_metrics_come_out_byte_for_byte() {
    let shown = EnabledMetrics::new(
        Catalogue::standard(),
        |name| {
            [
                "gitlab_commits_total",
                "gitlab_merge_requests_total",
                "gitlab_project_count",
            ]
            .contains(&name)
        },
        Choices::default(),
    );
    let prometheus = Prometheus::build(&resource(), shown.clone()).unwrap();
    let view = view(1, [2540], |_, slot| if slot == 0 { 11 } else { 0 });
    let mut snapshot = Snapshot::clone(&view.snapshot(0));
    snapshot.series = shown.series(&snapshot);
    prometheus
        .render(&Arc::new(view.with(0, Arc::new(snapshot))))
        .unwrap();
    let text = prometheus.exposition(&introspect(), false).pieces.concat();
    assert_eq!(
        String::from_utf8(text).unwrap(),
        "# HELP gitlab_commits_total Total number of commits\n\
         # TYPE gitlab_commits_total gauge\n\
         gitlab_commits_total{project_id=\"2540\"} 11\n\
         # HELP gitlab_merge_requests_total Total number of merge requests\n\
         # TYPE gitlab_merge_requests_total gauge\n\
         gitlab_merge_requests_total 0\n\
         # HELP gitlab_project_count Total number of projects\n\
         # TYPE gitlab_project_count gauge\n\
         gitlab_project_count 1\n"
    );
}

#[test]
fn thousands_of_projects_come_out_whole_and_again_when_all_ids_change() {
    let prometheus = Prometheus::build(&resource(), everything()).unwrap();
    for (generation, ids_now) in [(1, 1..5_001), (2, 10_001..15_001), (3, 20_001..20_010)] {
        prometheus
            .render(&view(generation, ids_now.clone(), |id, _| id))
            .unwrap();
        let exposition = rendered(&prometheus);
        let commits = exposition.series("gitlab_commits_total");
        assert_eq!(ids(&commits), ids_now.clone().collect());
        assert!(
            commits
                .iter()
                .all(|(labels, value)| labels["project_id"] == value.to_string())
        );
        assert_eq!(
            exposition.series("gitlab_storage_size_bytes").len(),
            9 * ids_now.count()
        );
    }
}

fn text(prometheus: &Prometheus, gzip: bool) -> Vec<u8> {
    let exposition = prometheus.exposition(&introspect(), gzip);
    let length = exposition.length;
    let bytes = exposition.pieces.concat();
    assert_eq!(length, bytes.len() as u64);
    if !gzip {
        return bytes;
    }
    let mut text = Vec::new();
    // Not the multi-member decoder: not every client reads past the first member.
    let mut decoder = flate2::read::GzDecoder::new(&*bytes);
    std::io::Read::read_to_end(&mut decoder, &mut text).unwrap();
    text
}

#[test]
fn a_text_that_is_kept_up_to_date_is_the_text_that_is_rendered_at_once() {
    let kept = Prometheus::build(&resource(), everything()).unwrap();
    let mut random = fastrand::Rng::with_seed(8);
    let mut ids: BTreeSet<u64> = (1..3_000).collect();
    let mut epochs = std::collections::BTreeMap::<u64, u64>::new();
    for generation in 1..12 {
        // Once everything vanishes, once nothing changes, mostly a few of all kinds do.
        for _ in 0..[30, 1, 0, 400][generation % 4] {
            ids.remove(&random.u64(1..3_000));
            ids.insert(random.u64(1..6_000));
            epochs.insert(random.u64(1..6_000), random.u64(1..9));
        }
        if generation == 7 {
            ids.clear();
        }
        let epoch = |id| epochs.get(&id).copied().unwrap_or_default();
        let view = view(generation as u64, ids.iter().copied(), |id, slot| {
            if slot as u64 % 4 == 1 { epoch(id) } else { id }
        });
        kept.render(&view).unwrap();
        let at_once = Prometheus::build(&resource(), everything()).unwrap();
        at_once.render(&view).unwrap();
        let expected = text(&at_once, false);
        assert!(text(&kept, false) == expected, "generation {generation}");
        assert!(
            text(&kept, true) == expected,
            "generation {generation}, gzip"
        );
    }
}

/// What a process shows first of a view, and keeps for the next one.
async fn shown_first(state: &std::path::Path, view: Arc<View>) -> Vec<u8> {
    let prometheus = Prometheus::build(&resource(), everything()).unwrap();
    let prometheus = Arc::new(prometheus.beside(Some(state)));
    let (publish, views) = watch::channel(view);
    let running = tokio::spawn(Arc::clone(&prometheus).run(views));
    prometheus.begun().await;
    drop(publish);
    running.await.unwrap();
    text(&prometheus, true)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_text_becomes_that_of_the_restored_view_whatever_is_different() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let file = folder.path().join("state.exposition");
    let value = |id, _| if id == 7 { 8 } else { id };
    for (step, view) in [
        view(1, 1..500, |id, _| id),
        view(2, 1..500, |id, _| id),   // Nothing is different.
        view(3, 100..550, |id, _| id), // Some are gone, and some are new.
        view(4, 1..600, value),        // Most are new.
        view(5, [7], value),           // Nearly all are gone.
    ]
    .into_iter()
    .enumerate()
    {
        let at_once = Prometheus::build(&resource(), everything()).unwrap();
        at_once.render(&view).unwrap();
        let shown = shown_first(&state, view).await;
        assert!(shown == text(&at_once, false), "step {step}");
        assert!(file.exists());
    }
    // A file that is no use does no harm.
    let bytes = std::fs::read(&file).unwrap();
    for damaged in [&bytes[..bytes.len() / 2], b"", b"{}\n{}\n"] {
        std::fs::write(&file, damaged).unwrap();
        let shown = shown_first(&state, view(6, 1..9, |id, _| id)).await;
        assert!(
            String::from_utf8(shown)
                .unwrap()
                .contains("gitlab_project_count 8")
        );
    }
}

/// However many pages a metric is rendered in, its lines are in the order rust-prometheus gives them.
#[test]
fn the_lines_of_a_metric_are_sorted_by_their_label_values() {
    let prometheus = Prometheus::build(&resource(), everything()).unwrap();
    prometheus.render(&view(1, 1..5_001, |id, _| id)).unwrap();
    let text = String::from_utf8(text(&prometheus, true)).unwrap();
    for name in [
        "gitlab_commits_total{",
        "gitlab_storage_size_bytes{",
        "gitlab_project_info{",
    ] {
        let lines = text.lines().filter_map(|line| line.strip_prefix(name));
        let values = lines.map(|line| line.split('"').skip(1).step_by(2).collect::<Vec<_>>());
        let values: Vec<_> = values.collect();
        assert!(values.len() >= 5_000 && values.is_sorted(), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_projects_arrive_whole_over_otlp_and_again_when_all_ids_change() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let receiver = Receiver::start();
        let otlp = receiver
            .target(protocol)
            .build(resource(), everything())
            .unwrap();
        for (generation, ids_now) in [(1, 1..5_001), (2, 10_001..15_001)] {
            otlp.push(
                &view(generation, ids_now.clone(), |id, _| id),
                &introspect(),
            )
            .await
            .unwrap();
            let commits = receiver.last_export().series("gitlab_commits_total");
            assert_eq!(ids(&commits), ids_now.collect(), "{protocol:?}");
            assert!(
                commits
                    .iter()
                    .all(|(labels, value)| labels["project_id"] == value.to_string())
            );
        }
    }
}

static FRAGILE: Subject = Subject {
    name: "fragile",
    of: Grain::Project,
    cadence: Cadence::WithOwner,
    rows: Rows::One,
    columns: &[],
    metrics: &[gauge(
        "gitlab_fragile",
        "{thing}",
        "Can't be read of project 13",
        &[],
        Shows::Identity {
            value: |identity| identity.last_activity,
            attributes: |identity| match identity.id {
                13 => panic!("unlucky"),
                _ => Vec::new(),
            },
        },
    )],
};

#[tokio::test(flavor = "multi_thread")]
async fn a_series_that_cannot_be_read_is_left_out_over_otlp_and_nothing_else() {
    let receiver = Receiver::start();
    let catalogue = Catalogue::standard_with(&[&FRAGILE]).unwrap();
    let shown = EnabledMetrics::new(catalogue, |_| true, Choices::default());
    let otlp = receiver
        .target(Protocol::Grpc)
        .build(resource(), shown)
        .unwrap();
    let view = view(1, 1..41, |id, _| id);
    otlp.push(&view, &introspect()).await.unwrap();
    let export = receiver.last_export();
    let all: BTreeSet<u64> = (1..41).collect();
    assert_eq!(ids(&export.series("gitlab_commits_total")), all);
    let others = all.into_iter().filter(|id| *id != 13).collect();
    assert_eq!(ids(&export.series("gitlab_fragile")), others);
    assert_eq!(export.repeated, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_hundred_thousand_points_pass_a_receiver_with_default_limits() {
    let receiver = Receiver::start();
    let otlp = receiver
        .target(Protocol::Grpc)
        .build(resource(), everything())
        .unwrap();
    let view = view(1, 1..6_001, |id, _| id);
    assert!(view.series() > 120_000, "{}", view.series());
    otlp.push(&view, &introspect()).await.unwrap();
    let export = receiver.last_export();
    let points: usize = export
        .metrics
        .iter()
        .filter(|(name, _)| !name.starts_with("gitlab_bridge"))
        .map(|(_, metric)| metric.series.len())
        .sum();
    assert_eq!(points as u64, view.series());
    assert_eq!(export.repeated, 0);
    receiver.read(|received| {
        assert!(received.refused.is_empty(), "{:?}", received.refused);
        let largest = received
            .requests
            .iter()
            .map(|request| request.wire.len())
            .max();
        assert!(largest < Some(4 << 20), "{largest:?}");
    });
}

/// Two GitLabs whose projects have the same ids, and values that tell them apart.
fn two(projects: u64) -> View {
    let seen = |name: &str, number| GitLabView {
        name: Some(name.into()),
        snapshot: view(1, 0..projects, move |_, _| number).snapshot(0),
    };
    View {
        gitlabs: vec![seen("a", 1), seen("b", 2)],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_ids_of_two_gitlabs_stay_apart_over_many_pages() {
    let receiver = Receiver::start();
    let otlp = receiver
        .target(Protocol::Grpc)
        .build(resource(), everything())
        .unwrap();
    let prometheus = Prometheus::build(&resource(), everything()).unwrap();
    let view = Arc::new(two(3_000));
    prometheus.render(&view).unwrap();
    otlp.push(&view, &introspect()).await.unwrap();
    let (shown, export) = (rendered(&prometheus), receiver.last_export());
    assert!(export.requests > 2 && export.repeated == 0, "{export:#?}");
    for metric in ["gitlab_commits_total", "gitlab_storage_size_bytes"] {
        let series = shown.series(metric);
        assert_eq!(series, export.series(metric), "{metric}");
        assert_eq!(
            series.len(),
            2 * 3_000 * Catalogue::standard().find(metric).unwrap().columns().len()
        );
        for (labels, value) in series {
            let number = if labels["gitlab_instance"] == "a" {
                1.0
            } else {
                2.0
            };
            assert_eq!(value, number, "{labels:?}");
        }
    }
    let counts = shown.series("gitlab_project_count");
    assert_eq!(counts, export.series("gitlab_project_count"));
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [3_000.0; 2]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_poll_of_each_gitlab_is_exported_when_it_ends() {
    let receiver = Receiver::start();
    let otlp = receiver
        .target(Protocol::Grpc)
        .build(resource(), everything())
        .unwrap();
    let both = two(1);
    let (publish, views) = watch::channel(Arc::new(both.with(1, Arc::default())));
    let stop = CancellationToken::new();
    let pushing = tokio::spawn(otlp.run(views, introspect(), stop.clone()));
    for ended in [1, 2] {
        receiver
            .wait_for(|received| received.ended() == ended)
            .await;
        assert_eq!(receiver.last_export().count("gitlab_commits_total"), ended);
        publish.send_replace(Arc::new(both.clone()));
    }
    stop.cancel();
    pushing.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_project_is_gone_at_once_from_both_exporters() {
    let receiver = Receiver::start();
    let otlp = receiver
        .target(Protocol::Grpc)
        .build(resource(), everything())
        .unwrap();
    let prometheus = Prometheus::build(&resource(), everything()).unwrap();
    for (generation, ids_now) in [(1, vec![1, 2, 3]), (2, vec![1, 3]), (3, vec![])] {
        let view = view(generation, ids_now.clone(), |_, _| 1);
        prometheus.render(&view).unwrap();
        otlp.push(&view, &introspect()).await.unwrap();
        let expected: BTreeSet<u64> = ids_now.into_iter().collect();
        for metric in [
            "gitlab_commits_total",
            "gitlab_project_info",
            "gitlab_storage_size_bytes",
        ] {
            assert_eq!(ids(&rendered(&prometheus).series(metric)), expected);
            assert_eq!(ids(&receiver.last_export().series(metric)), expected);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_shows_one_view_while_others_come() {
    let receiver = Receiver::start();
    let mut target = receiver.target(Protocol::Http);
    target.interval = Duration::from_millis(1);
    let otlp = target.build(resource(), everything()).unwrap();
    let (publish, views) = watch::channel(view(1, 1..1_501, |_, _| 1));
    let stop = CancellationToken::new();
    let pushing = tokio::spawn(otlp.run(views, introspect(), stop.clone()));
    for generation in 2..40 {
        publish.send_replace(view(generation, 1..1_501, |_, _| generation));
        tokio::task::yield_now().await;
    }
    receiver.wait_for(|received| received.ended() >= 3).await;
    stop.cancel();
    pushing.await.unwrap();
    receiver.read(|received| {
        for export in received.exports() {
            let mut values = BTreeSet::new();
            for metric in [
                "gitlab_commits_total",
                "gitlab_issues",
                "gitlab_storage_size_bytes",
            ] {
                values.extend(export.series(metric).values().map(|value| *value as u64));
            }
            assert!(values.len() <= 1, "one export mixes {values:?}");
        }
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_export_follows_the_first_poll_and_the_last_the_stop() {
    let receiver = Receiver::start();
    let mut target = receiver.target(Protocol::Grpc);
    target.interval = Duration::from_secs(3600);
    let otlp = target.build(resource(), everything()).unwrap();
    let (publish, views) = watch::channel(Arc::default());
    let stop = CancellationToken::new();
    let pushing = tokio::spawn(otlp.run(views, introspect(), stop.clone()));
    publish.send_replace(view(1, [1], |_, _| 11));
    receiver.wait_for(|received| received.ended() == 1).await;
    assert_eq!(
        receiver
            .last_export()
            .value("gitlab_commits_total", [("project_id", "1")]),
        Some(11.0)
    );
    publish.send_replace(view(2, [1], |_, _| 12));
    stop.cancel();
    pushing.await.unwrap();
    assert_eq!(
        receiver
            .last_export()
            .value("gitlab_commits_total", [("project_id", "1")]),
        Some(12.0)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_first_poll_is_exported_when_it_ends_and_not_an_interval_later() {
    let receiver = Receiver::start();
    let mut target = receiver.target(Protocol::Grpc);
    target.interval = Duration::from_secs(4);
    let otlp = target.build(resource(), everything()).unwrap();
    let (publish, views) = watch::channel(Arc::default());
    let stop = CancellationToken::new();
    let pushing = tokio::spawn(otlp.run(views, introspect(), stop.clone()));
    receiver.wait_for(|received| received.ended() == 1).await;
    assert_eq!(
        receiver.last_export().count("gitlab_commits_total"),
        0,
        "no poll has ended"
    );
    let published = std::time::Instant::now();
    publish.send_replace(view(1, [1], |_, _| 11));
    receiver.wait_for(|received| received.ended() == 2).await;
    assert!(
        published.elapsed() < target.interval / 2,
        "{:?}",
        published.elapsed()
    );
    assert_eq!(receiver.last_export().count("gitlab_commits_total"), 1);
    stop.cancel();
    pushing.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hanging_receiver_does_not_hold_up_the_stop() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let receiver = Receiver::start();
        receiver.fail(Fault::Hanging);
        let otlp = receiver
            .target(protocol)
            .build(resource(), everything())
            .unwrap();
        let (_publish, views) = watch::channel(view(1, [1], |_, _| 11));
        let stop = CancellationToken::new();
        let pushing = tokio::spawn(otlp.run(views, introspect(), stop.clone()));
        receiver
            .wait_for(|received| !received.refused.is_empty())
            .await;
        stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(8), pushing).await;
        assert!(ended.is_ok(), "{protocol:?} hangs");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_comes_back_gets_the_values_of_now() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let mut receiver = Receiver::refusing();
        let otlp = receiver
            .target(protocol)
            .build(resource(), everything())
            .unwrap();
        let health = otlp.health();
        let failed = otlp
            .push(&view(1, [1], |_, _| 11), &introspect())
            .await
            .unwrap_err();
        assert!(!failed.is_empty());
        assert_eq!(
            (health.export().last, health.export().failed),
            (Some(false), 1)
        );
        receiver.listen();
        receiver.fail_times(Fault::Unavailable, 2);
        otlp.push(&view(2, [1], |_, _| 12), &introspect())
            .await
            .unwrap();
        assert_eq!(
            receiver
                .last_export()
                .value("gitlab_commits_total", [("project_id", "1")]),
            Some(12.0)
        );
        assert_eq!(
            (health.export().last, health.export().succeeded),
            (Some(true), 1)
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_and_mutual_tls_work_and_an_unknown_authority_is_refused() {
    let certificates = Certificates::generate();
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let receiver = Receiver::start_mutual_tls(&certificates);
        let mut target = receiver.target(protocol);
        target.endpoint = target
            .endpoint
            .as_str()
            .replace("127.0.0.1", "localhost")
            .parse()
            .unwrap();
        let push = async |target: &OtlpConfig| {
            let otlp = target.build(resource(), everything()).unwrap();
            otlp.push(&view(1, [1], |_, _| 11), &introspect()).await
        };
        push(&target).await.unwrap_err();
        target.ca_file = Some(certificates.ca.clone());
        push(&target).await.unwrap_err();
        target.client_certificate = Some(certificates.client.clone());
        target.client_key = Some(certificates.client_key.clone());
        push(&target).await.unwrap();
        assert_eq!(
            receiver.last_export().series("gitlab_commits_total").len(),
            1,
            "{protocol:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn headers_and_compression_arrive_as_they_were_given() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let receiver = Receiver::start();
        let mut target = receiver.target(protocol);
        target.headers = vec![("x-api-key".to_owned(), "50% of=secret".to_owned().into())];
        target.compression = Some(Compression::Gzip);
        let otlp = target.build(resource(), everything()).unwrap();
        otlp.push(&view(1, 1..101, |_, _| 11), &introspect())
            .await
            .unwrap();
        receiver.read(|received| {
            for request in &received.requests {
                assert_eq!(
                    request.header("x-api-key"),
                    Some("50% of=secret"),
                    "{protocol:?}"
                );
            }
        });
        assert_eq!(
            receiver.last_export().series("gitlab_commits_total").len(),
            100
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_points_are_a_failure_although_the_request_succeeded() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let receiver = Receiver::start();
        receiver.fail_times(Fault::PartialSuccess(7), 1);
        let otlp = receiver
            .target(protocol)
            .build(resource(), everything())
            .unwrap();
        let view = view(1, [1], |_, _| 11);
        let error = otlp.push(&view, &introspect()).await.unwrap_err();
        assert!(error.contains("rejected 7 points"), "{error}");
        otlp.push(&view, &introspect()).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_does_not_take_our_headers_elsewhere() {
    let elsewhere = Receiver::start();
    let to = format!("{}/v1/metrics", elsewhere.endpoint());
    let router = axum::Router::new()
        .fallback(move || async move { axum::response::Redirect::temporary(&to) });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}/v1/metrics", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, router).into_future());
    let mut target = elsewhere.target(Protocol::Http);
    target.endpoint = endpoint.parse().unwrap();
    target.headers = vec![("x-api-key".to_owned(), "secret".to_owned().into())];
    let otlp = target.build(resource(), everything()).unwrap();
    otlp.push(&view(1, [1], |_, _| 11), &introspect())
        .await
        .unwrap_err();
    assert!(elsewhere.read(|received| received.requests.is_empty() && received.refused.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_says_why() {
    for protocol in [Protocol::Grpc, Protocol::Http] {
        let receiver = Receiver::refusing();
        let otlp = receiver
            .target(protocol)
            .build(resource(), everything())
            .unwrap();
        let error = otlp
            .push(&view(1, [1], |_, _| 11), &introspect())
            .await
            .unwrap_err();
        assert!(error.contains("refused"), "{protocol:?}: {error}");
    }
}
