//! What each mistake is told, and what beats what.

use super::*;
use secrecy::ExposeSecret;

fn environment<const N: usize>(pairs: [(&str, &str); N]) -> BTreeMap<String, String> {
    pairs
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into()
}

fn load<const N: usize>(pairs: [(&str, &str); N]) -> Result<Config> {
    Config::load(&Flags::default(), &environment(pairs))
}

fn complaint<const N: usize>(pairs: [(&str, &str); N]) -> String {
    format!("{:#}", load(pairs).unwrap_err())
}

/// The error of a file with this text, without the name of the file.
fn complaint_about(text: &str) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let flags = Flags {
        config: Some(file.path().to_owned()),
        ..Flags::default()
    };
    let error = format!("{:#}", Config::load(&flags, &BTreeMap::new()).unwrap_err());
    let name = format!("in {}: ", file.path().display());
    error
        .strip_prefix(&name)
        .unwrap_or_else(|| panic!("{error} does not name the file"))
        .to_owned()
}

#[test]
fn two_variables_suffice() {
    let config = load([
        ("GITLAB_URL", "https://gitlab.example.com/sub"),
        ("GITLAB_TOKEN", "t"),
    ])
    .unwrap();
    assert_eq!(config.gitlab.url.as_str(), "https://gitlab.example.com/sub");
    assert_eq!(config.gitlab.token.unwrap().expose_secret(), "t");
    assert!(config.prometheus.enabled && config.push.is_none());
    assert_eq!(
        (config.prometheus.host.as_str(), config.prometheus.port),
        ("127.0.0.1", 9464)
    );
}

#[test]
fn the_environment_beats_the_file_and_flags_beat_both() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        "poll: {interval: 1m}\nselect: {groups: [a]}\nlog: {level: debug}",
    )
    .unwrap();
    let flags = Flags {
        config: Some(file.path().to_owned()),
        interval: Some("3m".to_owned()),
        ..Flags::default()
    };
    let variables = environment([
        ("GITLAB_BRIDGE_POLL_INTERVAL", "2m"),
        ("GITLAB_BRIDGE_GROUPS", "b,c"),
    ]);
    let config = Config::load(&flags, &variables).unwrap();
    assert_eq!(config.poll.interval, Duration::from_secs(180));
    assert_eq!(config.select.groups, ["b", "c"]);
    assert_eq!(config.log.level, Level::Debug);
}

#[test]
fn a_mistake_in_the_file_is_told_with_its_line_and_what_is_right() {
    for (text, parts) in [
        ("gitlab:\n  ulr: https://x\n", &["line 2", "ulr", "url"][..]),
        (
            "poll:\n  interval: 30\n",
            &["line 2", "\"30\" is not a duration", "30s"],
        ),
        (
            "poll:\n  interval: soon\n",
            &["line 2", "\"soon\" is not a duration", "5m"],
        ),
        (
            "gitlab:\n  url: gitlab.example.com\n",
            &["line 2", "https://host"],
        ),
        (
            "gitlab:\n  url: https://x/api/v4\n",
            &["line 2", "write the address of GitLab, https://x/"],
        ),
        ("gitlab:\n  concurrency: many\n", &["line 2"]),
        (
            "gitlab:\n  token: glpat-x\n",
            &["line 2", "GITLAB_TOKEN or gitlab.token_file"],
        ),
        ("select:\n  exclude: ['[']\n", &["line 2", "group/**"]),
        ("gitlab: [\n", &["line"]),
        ("poll: {}\npoll: {}\n", &["line 2", "poll"]),
        ("otlp:\n  protocol: http/json\n", &["line 2", "grpc"]),
    ] {
        let complaint = complaint_about(text);
        for part in parts {
            assert!(
                complaint.contains(part),
                "{text:?} says {complaint:?}, not {part:?}"
            );
        }
        assert!(!complaint.contains("glpat"), "{complaint}");
    }
}

#[test]
fn a_mistake_in_a_variable_names_it() {
    for (name, value, right) in [
        ("GITLAB_URL", "ftp://x", "http or https"),
        ("GITLAB_URL", "https://user:secret@x", "secrets belong"),
        ("GITLAB_BRIDGE_POLL_INTERVAL", "0s", "30s"),
        (
            "GITLAB_BRIDGE_POLL_INTERVALL",
            "1m",
            "did you mean GITLAB_BRIDGE_POLL_INTERVAL?",
        ),
        ("GITLAB_BRIDGE_ARCHIVED", "yes", "true nor false"),
        ("OTEL_METRICS_EXPORTER", "console", "write prometheus, otlp"),
        (
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            "http/json",
            "write grpc or http/protobuf",
        ),
        ("OTEL_METRIC_EXPORT_INTERVAL", "60s", "milliseconds"),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "secretwithoutname",
            "key=value",
        ),
        (
            "OTEL_EXPORTER_PROMETHEUS_PORT",
            "94640",
            "not a number that fits",
        ),
        ("GITLAB_CA_FILE", "/nowhere/ca.pem", "no file"),
    ] {
        let complaint = complaint([(name, value)]);
        let named = complaint.contains(name) || name == "GITLAB_CA_FILE";
        assert!(
            named && complaint.contains(right),
            "{name}={value} says {complaint:?}"
        );
        assert!(
            !complaint.contains("secretwithoutname") && !complaint.contains("user:secret"),
            "{complaint}"
        );
    }
    let both = complaint([("GITLAB_TOKEN", "a"), ("GITLAB_TOKEN_FILE", "b")]);
    assert!(both.contains("keep one"), "{both}");
}

#[test]
fn otlp_follows_the_variables_of_opentelemetry() {
    let endpoint = |pairs: &[(&str, &str)]| {
        let variables = pairs
            .iter()
            .map(|(name, value)| (format!("OTEL_{name}"), (*value).to_owned()))
            .collect();
        let config = Config::load(&Flags::default(), &variables).unwrap();
        config
            .push
            .map(|otlp| (otlp.protocol, otlp.endpoint.to_string()))
    };
    let http = |url: &str| Some((Protocol::HttpProtobuf, url.to_owned()));
    let grpc = |url: &str| Some((Protocol::Grpc, url.to_owned()));
    let general = "EXPORTER_OTLP_ENDPOINT";
    assert_eq!(endpoint(&[]), None);
    assert_eq!(
        endpoint(&[("METRICS_EXPORTER", "otlp")]),
        http("http://localhost:4318/v1/metrics")
    );
    assert_eq!(
        endpoint(&[(general, "https://x/otlp/")]),
        http("https://x/otlp/v1/metrics")
    );
    assert_eq!(
        endpoint(&[("EXPORTER_OTLP_METRICS_ENDPOINT", "https://x/own")]),
        http("https://x/own")
    );
    assert_eq!(
        endpoint(&[(general, "http://x:4317")]),
        grpc("http://x:4317/")
    );
    assert_eq!(
        endpoint(&[(general, "x:4317"), ("EXPORTER_OTLP_PROTOCOL", "grpc")]),
        grpc("https://x:4317/")
    );
    assert_eq!(
        endpoint(&[
            (general, "x:1"),
            ("EXPORTER_OTLP_PROTOCOL", "grpc"),
            ("EXPORTER_OTLP_INSECURE", "true")
        ]),
        grpc("http://x:1/")
    );
    assert_eq!(
        endpoint(&[(general, "http://x"), ("METRICS_EXPORTER", "prometheus")]),
        None
    );
    assert_eq!(
        endpoint(&[(general, "http://x"), ("SDK_DISABLED", "true")]),
        None
    );
}

#[test]
fn headers_come_decoded_and_are_never_printed() {
    let config = load([
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://x"),
        (
            "OTEL_EXPORTER_OTLP_HEADERS",
            "Authorization=Basic%20c2VjcmV0,x-key=a+b",
        ),
    ]);
    let config = config.unwrap();
    let otlp = config.push.as_ref().unwrap();
    let headers: Vec<_> = otlp
        .headers
        .iter()
        .map(|(key, value)| (key.as_str(), value.expose_secret()))
        .collect();
    assert_eq!(
        headers,
        [("Authorization", "Basic c2VjcmV0"), ("x-key", "a+b")]
    );
    assert!(!format!("{config:?}").contains("c2VjcmV0"));
}

#[test]
fn a_header_in_the_file_may_name_a_variable() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        file.path(),
        "otlp:\n  endpoint: http://x\n  headers: {x-key: 'Key ${SECRET}'}\n",
    )
    .unwrap();
    let flags = Flags {
        config: Some(file.path().to_owned()),
        ..Flags::default()
    };
    let config = Config::load(&flags, &environment([("SECRET", "s3")])).unwrap();
    assert_eq!(config.push.unwrap().headers[0].1.expose_secret(), "Key s3");
    let missing = format!("{:#}", Config::load(&flags, &BTreeMap::new()).unwrap_err());
    assert!(
        missing.contains("otlp.headers.x-key") && missing.contains("SECRET is not set"),
        "{missing}"
    );
}

#[test]
fn the_name_of_the_service_beats_the_attribute() {
    let config = load([
        ("OTEL_SERVICE_NAME", "mine"),
        (
            "OTEL_RESOURCE_ATTRIBUTES",
            "service.name=theirs,deployment.environment.name=prod,service.instance.id=a%2Cb",
        ),
    ]);
    let resource = config.unwrap().resource;
    assert_eq!(resource.service_name, "mine");
    assert_eq!(resource.attributes["service.instance.id"], "a,b");
    assert_eq!(resource.attributes["deployment.environment.name"], "prod");
}

#[test]
fn every_example_is_valid_and_the_full_one_lists_every_default() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("examples/config");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let file = entry.unwrap().path();
        let text = std::fs::read_to_string(&file).unwrap();
        let config =
            Config::parse(&text).unwrap_or_else(|error| panic!("{}: {error:#}", file.display()));
        if file.ends_with("full.yaml") {
            assert_eq!(format!("{config:#?}"), format!("{:#?}", Config::default()));
        }
        seen += 1;
    }
    assert!(seen >= 3);
}
