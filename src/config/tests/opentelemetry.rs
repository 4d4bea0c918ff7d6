//! The variables that platforms set for every container: what is not understood of them is left out, and
//! said.

use super::*;
use crate::export::NO_LIMIT;

/// What is said of one variable, which ends nothing.
fn warnings(name: &str, value: &str) -> Vec<String> {
    let warnings = variable(name, value).config().warnings;
    warnings.iter().map(Error::to_string).collect()
}

#[test]
fn what_is_not_understood_is_left_out_and_said_once() {
    for (name, value, problem) in [
        (
            "OTEL_METRIC_EXPORT_INTERVAL",
            "30s",
            "\"30s\" is not a number of milliseconds, such as 30000; it is left out",
        ),
        (
            "OTEL_METRIC_EXPORT_INTERVAL",
            "-1",
            "\"-1\" is not a number of milliseconds, such as 30000; it is left out",
        ),
        (
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "http/json",
            "\"http/json\" is not one of http/protobuf, grpc; it is left out",
        ),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "a=b,secret",
            "pair 2 has no =: write key=value,key=value, and %2C for a comma in a value; it is left out",
        ),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "team=a,b",
            "pair 2 has no =: write key=value,key=value, and %2C for a comma in a value; it is left out",
        ),
        (
            "OTEL_METRICS_EXPORTER",
            "prometeus",
            "there is no exporter \"prometeus\": did you mean \"prometheus\"? (it is left out)",
        ),
        (
            "OTEL_EXPORTER_PROMETHEUS_PORT",
            "http",
            "\"http\" is not a whole number from 0 to 65535; it is left out",
        ),
        (
            "OTEL_LOG_LEVEL",
            "loud",
            "\"loud\" is not a level: write error, warn, info, debug, trace or off; it is left out",
        ),
        (
            "OTEL_SDK_DISABLED",
            "yes",
            "\"yes\" is neither true nor false; it is taken for false",
        ),
    ] {
        assert_eq!(warnings(name, value), [format!("{name}: {problem}")]);
    }
    let attributes = variable("OTEL_RESOURCE_ATTRIBUTES", "team=a,b").config();
    assert_eq!(attributes.export.resource_attributes, []);
}

#[test]
fn of_several_exporters_those_that_are_known_are_used() {
    let export = |names: &str| variable("OTEL_METRICS_EXPORTER", names).config().export;
    assert!(!export("otlp,zipkin").prometheus && export("otlp,zipkin").otlp.is_some());
    assert!(export("zipkin").prometheus, "as if nothing had been said");
}

#[test]
fn of_an_attribute_that_is_given_twice_the_last_is_meant() {
    let written = variable("OTEL_RESOURCE_ATTRIBUTES", "team=a,zone=b,team=c");
    let pairs = [("zone", "b"), ("team", "c")];
    let pairs = pairs.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(written.config().export.resource_attributes, pairs);
}

#[test]
fn metrics_are_printed_for_a_look_at_them() {
    let console = |names: &str| {
        let export = variable("OTEL_METRICS_EXPORTER", names).config().export;
        (
            export.console.is_some(),
            export.prometheus,
            export.otlp.is_some(),
        )
    };
    assert_eq!(console("console"), (true, false, false));
    assert_eq!(console("console,otlp"), (true, false, true));
    assert!(
        flag("exporter", "console")
            .config()
            .export
            .console
            .is_some()
    );
    assert!(nothing().config().export.console.is_none());
}

#[test]
fn no_limit_of_time_is_a_limit_of_zero() {
    let otlp = |name: &str, value: &str| {
        let written = variable("OTEL_METRICS_EXPORTER", "otlp").variable(name, value);
        written.config().export.otlp.unwrap()
    };
    assert_eq!(otlp("OTEL_EXPORTER_OTLP_TIMEOUT", "0").timeout, NO_LIMIT);
    let export = otlp("OTEL_METRIC_EXPORT_TIMEOUT", "30000");
    assert_eq!(export.export_timeout.as_secs(), 30);
    assert_eq!(
        otlp("OTEL_METRIC_EXPORT_TIMEOUT", "0").export_timeout,
        NO_LIMIT
    );
}

#[test]
fn the_level_of_the_log_may_be_said_in_opentelemetrys_words() {
    let level = |written: Written| written.config().log.level;
    assert_eq!(level(variable("OTEL_LOG_LEVEL", "NONE")), "off");
    assert_eq!(level(variable("OTEL_LOG_LEVEL", "Debug")), "debug");
    let both = variable("OTEL_LOG_LEVEL", "debug").variable("GITLAB_BRIDGE_LOG_LEVEL", "warn");
    assert_eq!(level(both), "warn");
}

#[test]
fn a_name_that_is_one_letter_off_is_told_and_may_not_take_the_token_elsewhere() {
    for (wrong, meant) in [
        ("GITLAB_URLL", "GITLAB_URL"),
        ("GITLAB_ULR", "GITLAB_URL"),
        ("GITLAB_TOKN", "GITLAB_TOKEN"),
    ] {
        let error = variable(wrong, "x").error();
        assert_eq!(
            error,
            format!("{wrong}: nothing reads it; did you mean {meant}?")
        );
    }
    let both = variable("GITLAB_URLS", "x").variable("GITLAB_URL", "https://gitlab.example.com");
    assert!(
        both.config().warnings.is_empty(),
        "both are there: it is another's"
    );
    assert!(variable("GITLAB_CI", "true").config().warnings.is_empty());
    assert!(
        variable("OTEL_TRACES_EXPORTER", "otlp")
            .config()
            .warnings
            .is_empty()
    );
    assert_eq!(
        warnings("OTEL_METRIC_EXPORTER", "otlp"),
        ["OTEL_METRIC_EXPORTER: nothing reads it; did you mean OTEL_METRICS_EXPORTER?"]
    );
}

#[test]
fn a_gitlab_that_nobody_named_is_known_to_be_assumed() {
    assert!(nothing().config().is_address_assumed);
    assert!(
        !variable("GITLAB_URL", "https://gitlab.com")
            .config()
            .is_address_assumed
    );
    assert!(
        !file("gitlab: {url: \"https://gitlab.com\"}\n")
            .config()
            .is_address_assumed
    );
}
