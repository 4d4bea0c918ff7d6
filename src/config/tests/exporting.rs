//! Which exporters are on and where OTLP goes.

use std::time::Duration;

use secrecy::ExposeSecret;

use super::*;
use crate::export::{Compression, OtlpConfig, Protocol, Temporality};

fn otlp(written: &Written) -> OtlpConfig {
    written.config().export.otlp.expect("OTLP is on")
}

/// Whether Prometheus and OTLP are on.
fn on(written: &Written) -> (bool, bool) {
    let export = written.config().export;
    (export.prometheus, export.otlp.is_some())
}

/// Protocol and endpoint for some variables.
fn target(variables: &[(&str, &str)]) -> (Protocol, String) {
    let written = variable("OTEL_METRICS_EXPORTER", "otlp");
    let written = variables.iter().fold(written, |written, (name, value)| {
        written.variable(name, value)
    });
    let otlp = otlp(&written);
    (otlp.protocol, otlp.endpoint.to_string())
}

#[test]
fn an_endpoint_turns_otlp_on_beside_prometheus() {
    assert_eq!(
        on(&variable("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4318")),
        (true, true)
    );
    assert_eq!(on(&flag("otlp-endpoint", "http://c:4318")), (true, true));
}

#[test]
fn exporters_can_be_named() {
    let exporter = |names: &str| on(&variable("OTEL_METRICS_EXPORTER", names));
    assert_eq!(exporter("otlp"), (false, true));
    assert_eq!(exporter("prometheus"), (true, false));
    assert_eq!(exporter("otlp, Prometheus"), (true, true));
    assert_eq!(exporter("none"), (false, false));
    let written = variable("OTEL_METRICS_EXPORTER", "otlp").flag("exporter", "prometheus");
    assert_eq!(on(&written), (true, false));
}

#[test]
fn each_exporter_has_a_switch_in_the_file() {
    let written = file("prometheus: {enabled: false}\notlp: {enabled: true}\n");
    assert_eq!(on(&written), (false, true));
    let written = file("otlp: {enabled: false, endpoint: \"http://c:4318\"}\n");
    assert_eq!(on(&written), (true, false));
}

#[test]
fn the_sdks_switch_turns_all_exporters_off() {
    let written = variable("OTEL_SDK_DISABLED", "true").variable("OTEL_METRICS_EXPORTER", "otlp");
    assert_eq!(on(&written), (false, false));
    assert!(written.config().export.sdk_disabled);
}

#[test]
fn the_default_endpoint_is_on_this_machine() {
    assert_eq!(
        target(&[]),
        (Protocol::Http, "http://localhost:4318/v1/metrics".into())
    );
    let grpc = [("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
    assert_eq!(
        target(&grpc),
        (Protocol::Grpc, "http://localhost:4317/".into())
    );
}

#[test]
fn over_http_the_path_is_added_to_an_endpoint_of_all_signals() {
    for (given, asked) in [
        ("https://c", "https://c/v1/metrics"),
        ("https://c:4318/", "https://c:4318/v1/metrics"),
        ("https://c/otlp", "https://c/otlp/v1/metrics"),
        ("https://c/otlp/", "https://c/otlp/v1/metrics"),
        ("https://c/v1/metrics", "https://c/v1/metrics"),
    ] {
        let variables = [("OTEL_EXPORTER_OTLP_ENDPOINT", given)];
        assert_eq!(target(&variables), (Protocol::Http, asked.to_owned()));
    }
}

#[test]
fn the_endpoint_of_metrics_is_asked_as_it_is_and_wins() {
    let variables = [
        ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "https://c/custom"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "https://other"),
    ];
    assert_eq!(
        target(&variables),
        (Protocol::Http, "https://c/custom".into())
    );
}

#[test]
fn port_4317_means_grpc_unless_something_else_is_said() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://c:4317");
    assert_eq!(
        target(&[endpoint]),
        (Protocol::Grpc, "http://c:4317/".into())
    );
    let http = ("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/protobuf");
    let asked = "http://c:4317/v1/metrics".to_owned();
    assert_eq!(target(&[endpoint, http]), (Protocol::Http, asked));
}

#[test]
fn grpc_without_a_scheme_is_encrypted_unless_it_is_insecure() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector:4317");
    assert_eq!(
        target(&[endpoint]),
        (Protocol::Grpc, "https://collector:4317/".into())
    );
    let insecure = ("OTEL_EXPORTER_OTLP_INSECURE", "true");
    assert_eq!(
        target(&[endpoint, insecure]),
        (Protocol::Grpc, "http://collector:4317/".into())
    );
}

#[test]
fn standard_variables_say_the_rest_in_milliseconds() {
    let otlp = otlp(
        &variable("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c")
            .variable("OTEL_EXPORTER_OTLP_TIMEOUT", "2000")
            .variable("OTEL_EXPORTER_OTLP_METRICS_TIMEOUT", "2500")
            .variable("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
            .variable("OTEL_METRIC_EXPORT_INTERVAL", "15000")
            .variable(
                "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
                "LowMemory",
            ),
    );
    assert_eq!(otlp.timeout, Duration::from_millis(2500));
    assert_eq!(otlp.interval, Duration::from_secs(15));
    assert_eq!(otlp.compression, Some(Compression::Gzip));
    assert_eq!(otlp.temporality, Temporality::LowMemory);
}

#[test]
fn headers_are_decoded_and_their_names_are_in_lower_case() {
    let otlp = otlp(
        &variable("OTEL_EXPORTER_OTLP_ENDPOINT", "https://c").variable(
            "OTEL_EXPORTER_OTLP_HEADERS",
            "Authorization=Basic%20YTpiCg==, x-scope = a%2Cb",
        ),
    );
    let headers: Vec<_> = otlp
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.expose_secret()))
        .collect();
    assert_eq!(
        headers,
        [("authorization", "Basic YTpiCg=="), ("x-scope", "a,b")]
    );
}

#[test]
fn a_header_in_the_file_takes_its_secret_from_the_environment() {
    let text = "otlp:\n  endpoint: https://c\n  headers:\n    authorization: Bearer ${KEY}\n    x-tenant: 0042\n";
    let otlp = otlp(&file(text).variable("KEY", "s3cret"));
    let values: Vec<_> = otlp
        .headers
        .iter()
        .map(|(_, value)| value.expose_secret())
        .collect();
    assert_eq!(values, ["Bearer s3cret", "0042"]);
}

#[test]
fn resource_attributes_are_decoded_and_name_the_service() {
    let written = variable(
        "OTEL_RESOURCE_ATTRIBUTES",
        "service.name=a,team=r%26d,service.instance.id=1",
    );
    let export = written.config().export;
    assert_eq!(export.service_name, "a");
    let attributes = [("team", "r&d"), ("service.instance.id", "1")];
    assert_eq!(
        export.resource_attributes,
        attributes.map(|(key, value)| (key.to_owned(), value.to_owned()))
    );
    assert_eq!(
        written
            .variable("OTEL_SERVICE_NAME", "b")
            .config()
            .export
            .service_name,
        "b"
    );
}
