//! The tests' own tools do what the other tests rely on.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::collector::metrics::v1::metrics_service_client::MetricsServiceClient;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::{
    Gauge, Metric, NumberDataPoint, ResourceMetrics, ScopeMetrics, metric::Data, number_data_point,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message;
use support::certificates::Certificates;
use support::exposition::Exposition;
use support::process::{Program, free_ports, http_client};
use support::received::Transport;
use support::receiver::{Fault, Receiver};
use support::tools::{Collector, Prometheus, check_metrics};
use support::{Labels, labels};
use tonic::Code;
use tonic::codec::CompressionEncoding;
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Identity};

#[tokio::test]
async fn the_receiver_takes_grpc_plain_and_compressed() {
    let receiver = Receiver::start();
    let client = grpc_client(&receiver).await;
    client.clone().export(commits(0..2)).await.unwrap();
    client
        .send_compressed(CompressionEncoding::Gzip)
        .export(commits(0..3))
        .await
        .unwrap();

    receiver
        .wait_for(|received| received.requests.len() == 2)
        .await;
    let export = receiver.last_export();
    assert_eq!(
        export.value("gitlab_commits_total", [("project_id", "2")]),
        Some(20.0)
    );
    assert_eq!(export.count("gitlab_commits_total"), 3);
    assert_eq!(export.metrics["gitlab_commits_total"].unit, "{commit}");
    assert_eq!(export.resource, labels([("service.name", "hand-made")]));
    receiver.read(|received| {
        let [plain, compressed] = &received.requests[..] else {
            panic!("two requests")
        };
        assert_eq!(plain.transport, Transport::Grpc);
        assert_eq!(plain.wire.len(), commits(0..2).encoded_len() + 5);
        assert_eq!(compressed.header("grpc-encoding"), Some("gzip"));
    });
}

#[tokio::test]
async fn the_receiver_takes_http_plain_and_compressed() {
    let receiver = Receiver::start();
    let plain = commits(0..2).encode_to_vec();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&plain).unwrap();
    let post = |encoding, body| {
        let request = http_client().post(format!("{}/v1/metrics", receiver.endpoint()));
        let request = request.header("content-type", "application/x-protobuf");
        request
            .header("content-encoding", encoding)
            .header("x-api-key", "secret")
            .body(body)
            .send()
    };
    assert_eq!(post("identity", plain).await.unwrap().status(), 200);
    assert_eq!(
        post("gzip", gzip.finish().unwrap()).await.unwrap().status(),
        200
    );
    assert_eq!(
        post("identity", b"nonsense".to_vec())
            .await
            .unwrap()
            .status(),
        400
    );

    receiver.read(|received| {
        assert_eq!(received.requests.len(), 2);
        assert_eq!(received.requests[1].transport, Transport::Http);
        assert_eq!(received.requests[1].header("x-api-key"), Some("secret"));
        assert_eq!(
            received.requests[0].resource_metrics,
            received.requests[1].resource_metrics
        );
        assert_eq!(received.refused.len(), 1);
    });
}

#[tokio::test]
async fn an_export_is_put_together_from_its_pages() {
    let receiver = Receiver::start();
    let mut client = grpc_client(&receiver).await;
    for page in [commits(0..2), last(commits(2..4)), commits(1..2)] {
        client.export(page).await.unwrap();
    }
    receiver.read(|received| {
        let counts: Vec<_> = received
            .exports()
            .iter()
            .map(|export| (export.requests, export.count("gitlab_commits_total")))
            .collect();
        assert_eq!(counts, [(2, 4), (1, 1)]);
        assert_eq!(received.ended(), 1);
    });
}

#[tokio::test]
async fn a_point_sent_twice_in_one_export_is_noticed() {
    let receiver = Receiver::start();
    let mut client = grpc_client(&receiver).await;
    let chunk = commits(0..2);
    client.export(chunk.clone()).await.unwrap();
    client.export(chunk).await.unwrap();
    assert_eq!(receiver.last_export().repeated, 2);
}

#[tokio::test]
async fn a_grpc_message_over_4_mib_is_refused() {
    let receiver = Receiver::start();
    let message = commits(0..100_000);
    assert!(message.encoded_len() > 4 * 1024 * 1024);
    let status = grpc_client(&receiver)
        .await
        .export(message)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
    receiver.read(|received| {
        assert!(received.requests.is_empty());
        assert!(
            received.refused[0].answer.starts_with("OutOfRange"),
            "{:?}",
            received.refused[0].answer
        );
    });
}

#[tokio::test]
async fn faults_come_and_go() {
    let receiver = Receiver::start();
    let mut client = grpc_client(&receiver).await;
    receiver.fail_times(Fault::Unavailable, 2);
    for _ in 0..2 {
        assert_eq!(
            client.export(commits(0..1)).await.unwrap_err().code(),
            Code::Unavailable
        );
    }
    client.export(commits(0..1)).await.unwrap();

    receiver.fail(Fault::PartialSuccess(7));
    let answer = client.export(commits(0..1)).await.unwrap().into_inner();
    assert_eq!(answer.partial_success.unwrap().rejected_data_points, 7);

    receiver.fail(Fault::Hanging);
    let hanging = tokio::spawn({
        let mut client = client.clone();
        async move { client.export(commits(0..1)).await }
    });
    receiver
        .wait_for(|received| received.refused.len() == 3)
        .await;
    assert!(!hanging.is_finished());

    receiver.fail(Fault::Slow(Duration::from_millis(50)));
    let began = SystemTime::now();
    client.export(commits(0..1)).await.unwrap();
    assert!(began.elapsed().unwrap() >= Duration::from_millis(50));

    receiver.fail(Fault::Unauthenticated);
    let post = http_client()
        .post(format!("{}/v1/metrics", receiver.endpoint()))
        .send()
        .await
        .unwrap();
    assert_eq!(post.status(), 401);
    receiver.recover();
    client.export(commits(0..1)).await.unwrap();
}

#[tokio::test]
async fn a_port_refuses_until_it_listens() {
    let mut receiver = Receiver::refusing();
    let connecting = MetricsServiceClient::connect(receiver.endpoint()).await;
    connecting.unwrap_err();
    receiver.listen();
    let mut client = grpc_client(&receiver).await;
    client.export(commits(0..1)).await.unwrap();
    receiver.refuse();
    client.export(commits(0..1)).await.unwrap_err();
    let connecting = MetricsServiceClient::connect(receiver.endpoint()).await;
    connecting.unwrap_err();
    receiver.listen();
    client.export(commits(0..1)).await.unwrap();
    receiver.read(|received| assert_eq!(received.requests.len(), 2));
}

#[tokio::test]
async fn tls_asks_for_the_right_authority_and_mutual_tls_for_a_client() {
    let certificates = Certificates::generate();
    let read = |path| std::fs::read(path).unwrap();
    let trusting =
        ClientTlsConfig::new().ca_certificate(Certificate::from_pem(read(&certificates.ca)));
    let identity = Identity::from_pem(read(&certificates.client), read(&certificates.client_key));
    let known = trusting.clone().identity(identity);
    let export = async |receiver: &Receiver, tls| {
        let channel = Channel::from_shared(receiver.endpoint())
            .unwrap()
            .tls_config(tls)
            .unwrap()
            .connect_lazy();
        MetricsServiceClient::new(channel)
            .export(commits(0..1))
            .await
    };

    let receiver = Receiver::start_tls(&certificates);
    export(&receiver, trusting.clone()).await.unwrap();
    export(&receiver, ClientTlsConfig::new()).await.unwrap_err();

    let receiver = Receiver::start_mutual_tls(&certificates);
    export(&receiver, known).await.unwrap();
    export(&receiver, trusting).await.unwrap_err();
    assert_eq!(receiver.last_export().requests, 1);
}

const SEEDS: &str = r#"# HELP gitlab_commits_total Total number of commits
# TYPE gitlab_commits_total gauge
gitlab_commits_total{project_id="2540"} 11
# HELP gitlab_merge_requests_total Total number of merge requests
# TYPE gitlab_merge_requests_total gauge
gitlab_merge_requests_total 3
# HELP gitlab_project_count Total number of projects
# TYPE gitlab_project_count gauge
gitlab_project_count 1
"#;

#[test]
fn the_exposition_is_read() {
    let exposition = Exposition::parse(SEEDS).unwrap();
    assert_eq!(exposition.families.len(), 3);
    assert_eq!(exposition.families["gitlab_project_count"].kind, "gauge");
    assert_eq!(
        exposition.value("gitlab_commits_total", [("project_id", "2540")]),
        Some(11.0)
    );
    assert_eq!(exposition.value("gitlab_project_count", []), Some(1.0));
    assert_eq!(exposition.series("gitlab_issues"), support::Series::new());

    let escaped = Exposition::parse("a{b=\"\\\\ \\\" \\n } ,\",c=\"\"} -1.5e3\n").unwrap();
    assert_eq!(
        escaped.value("a", [("b", "\\ \" \n } ,"), ("c", "")]),
        Some(-1500.0)
    );

    let histogram = Exposition::parse(
        "# TYPE h histogram\nh_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 2\n# TYPE i gauge\n",
    );
    assert_eq!(
        histogram.unwrap().families["h"].samples["h_bucket"].len(),
        2
    );
}

#[test]
fn a_bad_exposition_is_refused_with_its_line() {
    for (text, reason) in [
        ("a 1", "the last line does not end"),
        ("a 1\n\n", "line 2"),
        ("a 1\na 2\n", "line 2: this series is already there"),
        (
            "a{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 1\n",
            "line 2: this series is already there",
        ),
        ("a 1\nb 1\na{x=\"1\"} 1\n", "line 3: a was already left"),
        (
            "# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# HELP a late\n",
            "line 5: a was already left",
        ),
        (
            "a 1\n# TYPE a gauge\n",
            "line 2: the type after the samples",
        ),
        ("# TYPE a gauge\n# TYPE a gauge\n", "line 2: a second type"),
        ("# HELP a x\n# HELP a x\n", "line 2: a second help"),
        ("# TYPE a number\n", "line 1: no such type"),
        (
            "# TYPE h histogram\nh 1\n",
            "line 2: a histogram has no sample",
        ),
        (
            "# TYPE h histogram\nh_bucket 1\n",
            "line 2: a bucket without",
        ),
        ("1a 1\n", "line 1: not a metric name"),
        ("a{} 1\n", "line 1: a label without"),
        ("a{1=\"x\"} 1\n", "line 1: not a label name"),
        ("a{=\"x\"} 1\n", "line 1: not a label name"),
        ("a{x=\"1\",x=\"2\"} 1\n", "line 1: label x twice"),
        ("a{x=\"1\",} 1\n", "line 1: a label without"),
        ("a{x=\"\\t\"} 1\n", "line 1: no such escape"),
        ("a{x=\"1} 1\n", "line 1: a label value that does not end"),
        ("a inf\n", "line 1: not a number"),
        ("a  1\n", "line 1: not a number"),
        ("a 1 1700000000000\n", "line 1: not a number"),
        ("a\n", "line 1: no value"),
    ] {
        let error = Exposition::parse(text).unwrap_err();
        assert!(error.starts_with(reason), "{text:?}: {error}");
    }
}

#[tokio::test]
async fn a_process_is_watched_and_ended() {
    let script =
        "trap 'echo bye; exit 3' TERM; echo \"ready $NAME\" >&2; while :; do sleep 0.05; done";
    let mut process = Program::new(Path::new("/bin/sh"))
        .args(["-c", script])
        .env("NAME", "steady")
        .start();
    assert_eq!(process.wait_for_line("ready").await, "ready steady");
    let finished = process.terminate_within(Duration::from_secs(30)).await;
    assert_eq!((finished.code(), finished.stdout().as_str()), (3, "bye\n"));
}

#[tokio::test]
async fn a_process_reads_only_what_it_is_given() {
    let finished = Program::new(Path::new("/bin/sh"))
        .args(["-c", "read line; echo \"$line$HOME\""])
        .stdin("in\n");
    assert_eq!(finished.finish().await.stdout(), "in\n");
}

#[test]
fn free_ports_differ() {
    let [first, second, third] = free_ports();
    assert!(first != second && second != third && first != third);
}

#[tokio::test]
#[ignore = "needs promtool"]
async fn promtool_remarks_on_the_three_names_of_the_contract_and_nothing_else() {
    let lint = check_metrics(SEEDS).await;
    assert_eq!(lint.code, 3);
    assert_eq!(
        lint.lines,
        [
            "gitlab_commits_total non-counter metrics should not have \"_total\" suffix",
            "gitlab_merge_requests_total non-counter metrics should not have \"_total\" suffix",
            "gitlab_project_count non-histogram and non-summary metrics should not have \"_count\" suffix",
        ]
    );
    assert_eq!(check_metrics("a{} 1\na 2 what\n").await.code, 1);
}

#[tokio::test]
#[ignore = "needs otelcol and prometheus"]
async fn what_a_collector_is_sent_can_be_asked_of_a_prometheus_that_scrapes_it() {
    let mut collector = Collector::start().await;
    let mut client = MetricsServiceClient::connect(collector.grpc_endpoint())
        .await
        .unwrap();
    client.export(commits(0..3)).await.unwrap();
    let url = collector.metrics_url();
    let body = collector
        .process
        .wait_for_body(&url, |body| body.contains("gitlab_commits_total{"))
        .await;
    assert_eq!(
        Exposition::parse(&body)
            .unwrap()
            .series("gitlab_commits_total")
            .len(),
        3
    );
    collector
        .wait_for_received(|requests| requests.len() == 1)
        .await;

    let port = url::Url::parse(&url).unwrap().port().unwrap();
    let prometheus = Prometheus::scraping(port).await;
    let sum = prometheus
        .wait_for("sum(gitlab_commits_total)", |series| !series.is_empty())
        .await;
    assert_eq!(sum, [(Labels::new(), 30.0)].into());
}

async fn grpc_client(receiver: &Receiver) -> MetricsServiceClient<Channel> {
    MetricsServiceClient::connect(receiver.endpoint())
        .await
        .unwrap()
}

/// A gauge of ten times its id for each of some projects, collected now.
fn commits(projects: std::ops::Range<i64>) -> ExportMetricsServiceRequest {
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap()
        .as_nanos();
    let data_points = projects.map(|id| NumberDataPoint {
        attributes: vec![attribute("project_id", &id.to_string())],
        time_unix_nano: now.try_into().unwrap(),
        value: Some(number_data_point::Value::AsInt(id * 10)),
        ..Default::default()
    });
    let metric = Metric {
        name: "gitlab_commits_total".to_owned(),
        description: "Total number of commits".to_owned(),
        unit: "{commit}".to_owned(),
        data: Some(Data::Gauge(Gauge {
            data_points: data_points.collect(),
        })),
        ..Default::default()
    };
    ExportMetricsServiceRequest {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(Resource {
                attributes: vec![attribute("service.name", "hand-made")],
                ..Default::default()
            }),
            scope_metrics: vec![ScopeMetrics {
                metrics: vec![metric],
                ..Default::default()
            }],
            ..Default::default()
        }],
    }
}

/// The request as the last of an export: the bridge says who it is there.
fn last(mut request: ExportMetricsServiceRequest) -> ExportMetricsServiceRequest {
    let metrics = &mut request.resource_metrics[0].scope_metrics[0].metrics;
    let build_info = Metric {
        name: "gitlab_bridge_build_info".to_owned(),
        ..metrics[0].clone()
    };
    metrics.push(build_info);
    request
}

fn attribute(key: &str, value: &str) -> KeyValue {
    let value = Some(AnyValue {
        value: Some(Value::StringValue(value.to_owned())),
    });
    KeyValue {
        key: key.to_owned(),
        value,
        ..Default::default()
    }
}
