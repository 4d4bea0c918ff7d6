//! What is wrong is said with its place and what would be right.

use super::*;

#[test]
fn an_unknown_key_names_the_one_that_was_meant() {
    assert_eq!(
        file("select:\n  archived: true\n  gruops: [a]\n").error(),
        "bridge.yaml:3:3: select has no setting \"gruops\": did you mean \"groups\"?"
    );
    assert_eq!(
        file("gitlba:\n  url: https://gitlab.com\n").error(),
        "bridge.yaml:1:1: no section is called \"gitlba\": did you mean \"gitlab\"?"
    );
    assert_eq!(
        file("poll:\n  every: 30s\n").error(),
        "bridge.yaml:2:3: poll has no setting \"every\": known are interval, timeout, ci_interval, sweep, cadence, budget"
    );
    assert_eq!(
        variable("GITLAB_BRIDGE_POLL_INTERVALL", "30s").error(),
        "GITLAB_BRIDGE_POLL_INTERVALL: no such setting; did you mean GITLAB_BRIDGE_POLL_INTERVAL?"
    );
}

#[test]
fn a_wrong_type_says_what_was_expected() {
    for (text, error) in [
        (
            "select:\n  groups: platform\n",
            "bridge.yaml:2:11: select.groups: expected a list, such as [a, b], found the text \"platform\"",
        ),
        (
            "select:\n  archived: yes\n",
            "bridge.yaml:2:13: select.archived: \"yes\" is neither true nor false",
        ),
        (
            "gitlab:\n  concurrency: many\n",
            "bridge.yaml:2:16: gitlab.concurrency: \"many\" is not a whole number from 1 to 256",
        ),
        (
            "gitlab:\n  attempts: 2.5\n",
            "bridge.yaml:2:13: gitlab.attempts: \"2.5\" is not a whole number from 1 to 100",
        ),
        (
            "poll:\n  interval: [30s]\n",
            "bridge.yaml:2:13: poll.interval: expected one value, found a list",
        ),
        (
            "poll:\n  interval:\n",
            "bridge.yaml:2:11: poll.interval: there is no value: give one value, or remove the key",
        ),
        (
            "otlp:\n  headers: [a]\n",
            "bridge.yaml:2:12: otlp.headers: expected a mapping, such as {name: value}, found a list",
        ),
        (
            "poll: 30s\n",
            "bridge.yaml:1:7: expected the settings of poll, as key: value",
        ),
        (
            "- poll\n",
            "bridge.yaml:1:1: expected sections such as gitlab and select, as key: value",
        ),
        (
            "log:\n  format: xml\n",
            "bridge.yaml:2:11: log.format: \"xml\" is not one of text, json",
        ),
        (
            "log:\n  level: loud\n",
            "bridge.yaml:2:10: log.level: \"loud\" is not a level: write error, warn, info, debug, trace or off",
        ),
        (
            "prometheus:\n  port: 70000\n",
            "bridge.yaml:2:9: prometheus.port: \"70000\" is not a whole number from 0 to 65535",
        ),
        (
            "prometheus:\n  host: localhost:9464\n",
            "bridge.yaml:2:9: prometheus.host: \"localhost:9464\" is not a host: write a name or an address \
             without a port, such as 127.0.0.1 or ::1",
        ),
    ] {
        assert_eq!(file(text).error(), error);
    }
}

#[test]
fn a_bad_duration_says_how_to_write_one() {
    for (duration, problem) in [
        ("30", "\"30\" has no unit: write 30s or 30m"),
        (
            "soon",
            "\"soon\" is not a duration: write for example 30s, 5m or 1h30m",
        ),
        (
            "-5s",
            "\"-5s\" is not a duration: write for example 30s, 5m or 1h30m",
        ),
        ("0", "\"0\" is too short: use at least 100ms"),
        ("0s", "\"0s\" is too short: use at least 100ms"),
        ("300days", "\"300days\" is too long: use at most 1d"),
    ] {
        let text = format!("poll:\n  interval: {duration}\n");
        assert_eq!(
            file(&text).error(),
            format!("bridge.yaml:2:13: poll.interval: {problem}")
        );
        assert_eq!(
            flag("interval", duration).error(),
            format!("--interval: {problem}")
        );
    }
}

#[test]
fn a_bad_address_of_gitlab_says_which_is_right() {
    for (url, problem) in [
        (
            "gitlab.com",
            "\"gitlab.com\" is not a URL: it begins with https:// or http://",
        ),
        (
            "ftp://gitlab.com",
            "\"ftp\" is not a scheme for it: use https:// or http://",
        ),
        (
            "https://git.example.com/gitlab/api/v4/",
            "the URL ends in /api/v4, which the bridge adds itself: write https://git.example.com/gitlab",
        ),
        (
            "https://gitlab.com/api/graphql",
            "the URL ends in /api/graphql, which the bridge adds itself: write https://gitlab.com",
        ),
        (
            "https://me:secret@gitlab.com",
            "the URL holds a user or password: give the token in GITLAB_TOKEN or GITLAB_TOKEN_FILE",
        ),
        (
            "https://gitlab.com/?a=b",
            "the URL has a ? or #: leave out everything from there on",
        ),
    ] {
        let text = format!("gitlab:\n  url: {url}\n");
        assert_eq!(
            file(&text).error(),
            format!("bridge.yaml:2:8: gitlab.url: {problem}")
        );
        assert_eq!(
            variable("GITLAB_URL", url).error(),
            format!("GITLAB_URL: {problem}")
        );
    }
}

#[test]
fn a_bad_selection_says_how_to_name_things() {
    assert_eq!(
        flag("group", "https://gitlab.com/platform").error(),
        "--group: \"https://gitlab.com/platform\" is a URL: name a group by its path, such as group/subgroup"
    );
    assert_eq!(
        flag("project", "website").error(),
        "--project: \"website\" is not the full path of a project: write group/project or its id"
    );
    assert_eq!(
        file("select:\n  exclude:\n    - a/*\n    - a/[b\n").error(),
        "bridge.yaml:4:7: select.exclude: \"a/[b\" is not a pattern (unclosed character class; missing ']'): \
         write for example group/** or */website"
    );
    assert_eq!(
        file("select: {groups: [a]}\n").flag("all", "").error(),
        "--all: all projects are asked for, yet some are named (bridge.yaml:1:18: select.groups): leave one of \
         the two out"
    );
}

#[test]
fn a_metric_that_does_not_exist_is_not_switched_off() {
    assert_eq!(
        file("metrics:\n  disabled: [gitlab_commit_total]\n").error(),
        "bridge.yaml:2:14: metrics.disabled: no metric is called \"gitlab_commit_total\": did you mean \
         \"gitlab_commits_total\"?"
    );
}

#[test]
fn an_exporter_that_does_not_exist_names_those_that_do() {
    assert_eq!(
        flag("exporter", "prometeus").error(),
        "--exporter: there is no exporter \"prometeus\": did you mean \"prometheus\"?"
    );
    assert_eq!(
        flag("exporter", "none").flag("exporter", "otlp").error(),
        "--exporter: none can't be listed with others: remove it or the others"
    );
}

#[test]
fn an_endpoint_must_fit_its_protocol() {
    assert_eq!(
        file("otlp: {endpoint: \"collector:4318\"}\n").error(),
        "bridge.yaml:1:18: otlp.endpoint: \"collector:4318\" is not a URL: it begins with https:// or http://"
    );
    assert_eq!(
        file("otlp: {protocol: grpc, endpoint: \"https://c/v1/metrics\"}\n").error(),
        "bridge.yaml:1:34: otlp.endpoint: an endpoint for gRPC has no path, but \"/v1/metrics\" does: remove \
         it, or set the protocol to http/protobuf"
    );
}

#[test]
fn a_bad_header_is_named_by_its_place() {
    let headers = |headers: &str| file(&format!("otlp:\n  headers:\n    {headers}\n")).error();
    assert_eq!(
        headers("x key: a"),
        "bridge.yaml:3:5: otlp.headers: \"x key\" is not the name of a header: write for example x-api-key"
    );
    assert_eq!(
        headers("x-key: ${MISSING}"),
        "bridge.yaml:3:12: otlp.headers: the variable MISSING is not set; ${MISSING} needs it: set MISSING, or \
         write ${MISSING:-default}"
    );
    assert_eq!(
        headers("x-key: ${env:A}"),
        "bridge.yaml:3:12: otlp.headers: ${env:A} does not name a variable: write ${NAME} or ${NAME:-default}, or \
         $${ for a dollar and a brace"
    );
    assert_eq!(
        headers("x-key: a\n    X-Key: b"),
        "bridge.yaml:4:5: otlp.headers: the header x-key is given twice"
    );
}

#[test]
fn a_file_that_is_missing_is_named_with_its_setting() {
    assert_eq!(
        file("gitlab:\n  token_file: token\n").error(),
        "bridge.yaml:2:15: gitlab.token_file: \"token\" can't be read (No such file or directory (os error 2)): \
         name a file that exists"
    );
    assert_eq!(
        flag("config", "/nowhere/bridge.yaml").error(),
        "--config: \"/nowhere/bridge.yaml\" can't be read (No such file or directory (os error 2)): name a file \
         that exists"
    );
}

#[test]
fn a_certificate_needs_its_key() {
    assert_eq!(
        file("gitlab: {client_certificate: c.pem}\n")
            .beside("c.pem")
            .error(),
        "bridge.yaml:1:30: gitlab.client_certificate: it needs gitlab.client_key too: give both or none"
    );
}

#[test]
fn webhooks_are_not_taken_without_a_secret() {
    let problem = "webhooks need a secret, else anybody could send them: set \
                   GITLAB_BRIDGE_WEBHOOK_TOKEN or GITLAB_BRIDGE_WEBHOOK_SIGNING_TOKEN, or name a file in \
                   webhook.token_file or webhook.signing_token_file";
    assert_eq!(
        file("webhook: {enabled: true}\n").error(),
        format!("bridge.yaml:1:20: webhook.enabled: {problem}")
    );
    assert_eq!(
        variable("GITLAB_BRIDGE_WEBHOOK", "true").error(),
        format!("GITLAB_BRIDGE_WEBHOOK: {problem}")
    );
    for secret in ["WEBHOOK_TOKEN", "WEBHOOK_SIGNING_TOKEN"] {
        let secret = format!("GITLAB_BRIDGE_{secret}");
        let config = file("webhook: {enabled: true}\n")
            .variable(&secret, "x")
            .config();
        assert!(config.webhook.enabled);
    }
    assert!(!nothing().config().webhook.enabled);
}

#[test]
fn webhooks_have_an_address_of_host_and_port() {
    let listen = |address: &str| file(&format!("webhook:\n  listen: \"{address}\"\n"));
    for (address, host) in [("0.0.0.0:9465", "0.0.0.0"), ("[::1]:9465", "::1")] {
        let own = listen(address).config().webhook_listen.unwrap();
        assert_eq!((own.host.as_str(), own.port), (host, 9465));
        assert_eq!(own.to_string(), address);
    }
    for (address, problem) in [
        (
            "9465",
            "\"9465\" is not host:port: write for example 0.0.0.0:9464",
        ),
        (
            "host:x",
            "\"host:x\" is not host:port: a port is a number up to 65535",
        ),
        (
            "a/b:1",
            "\"a/b\" is not a host: write a name or an address without a port, such as 127.0.0.1 or ::1",
        ),
    ] {
        let error = listen(address).error();
        assert_eq!(
            error,
            format!("bridge.yaml:2:11: webhook.listen: {problem}")
        );
    }
}

#[test]
fn a_place_to_listen_has_two_parts() {
    assert_eq!(
        flag("listen", "9464").error(),
        "--listen: \"9464\" is not host:port: write for example 0.0.0.0:9464"
    );
    assert_eq!(
        flag("listen", "::1").error(),
        "--listen: \":\" is not a host: write a name or an address without a port, such as 127.0.0.1 or ::1"
    );
}
