//! What `examples/` holds is true.

use std::path::Path;

use super::super::reference::INSTANCES;
use super::super::{SETTINGS, example, markdown};
use super::*;

/// What the examples expect of their surroundings.
const SURROUNDINGS: [(&str, &str); 10] = [
    ("COLLECTOR_TOKEN", "secret"),
    ("DD_API_KEY", "secret"),
    ("DT_API_TOKEN", "secret"),
    ("GRAFANA_CLOUD_BASIC", "secret"),
    ("HONEYCOMB_API_KEY", "secret"),
    ("MIMIR_TOKEN", "secret"),
    ("NEW_RELIC_LICENSE_KEY", "secret"),
    ("COM_TOKEN", "secret"),
    ("INTERNAL_TOKEN", "secret"),
    ("AUDIT_TOKEN", "secret"),
];

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples")
}

fn load(name: &str) -> Config {
    let flags = Flags::default().with("config", &examples().join(name).display().to_string());
    let environment: Environment = SURROUNDINGS.into_iter().collect();
    Config::load(&flags.unwrap(), &environment).unwrap_or_else(|error| panic!("{error}"))
}

/// `UPDATE_EXAMPLES=1 cargo test` renders it anew.
#[test]
fn the_full_example_is_what_the_settings_say() {
    let file = examples().join("full.yaml");
    if std::env::var_os("UPDATE_EXAMPLES").is_some() {
        fs::write(&file, example()).unwrap();
    }
    let found = fs::read_to_string(&file).unwrap();
    assert!(
        found == example(),
        "examples/full.yaml is stale: UPDATE_EXAMPLES=1 cargo test"
    );
}

#[test]
fn the_full_example_is_what_holds_when_nothing_is_said() {
    let full = Config {
        file: None,
        ..load("full.yaml")
    };
    assert_eq!(format!("{full:?}"), format!("{:?}", Config::default()));
    let unsaid = Config {
        is_address_assumed: false,
        ..nothing().config()
    };
    assert_eq!(format!("{full:?}"), format!("{unsaid:?}"));
}

/// What is commented out in the full example is right all the same.
#[test]
fn every_example_value_is_accepted() {
    for setting in SETTINGS {
        let value = setting.example;
        if !setting.key.contains('.') || value.is_empty() || value.starts_with('/') {
            continue; // Files would have to exist.
        }
        file(&written(setting.key, value))
            .variable("COLLECTOR_TOKEN", "x")
            .variable("COMPANY_GITLAB_TOKEN", "x")
            .variable("FRONT_KEY", "x")
            .variable("GITLAB_BRIDGE_CLUSTER_URL", "redis://x")
            .variable("GITLAB_BRIDGE_CLUSTER_SENTINEL_MASTER", "x")
            .variable("GITLAB_BRIDGE_CLUSTER_SENTINEL_ADDRESSES", "x:1")
            .config();
    }
    let written = SURROUNDINGS
        .iter()
        .fold(file(INSTANCES), |written, (name, value)| {
            written.variable(name, value)
        });
    assert_eq!(written.config().instances.len(), 2);
}

#[test]
fn every_example_is_accepted() {
    let mut read = 0;
    for folder in ["", "backends/"] {
        for entry in fs::read_dir(examples().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if name.ends_with(".yaml") {
                load(&format!("{folder}{name}"));
                read += 1;
            }
        }
    }
    assert!(read >= 15, "only {read} examples");
}

/// What each vendor refuses, as its own documentation says: gRPC or cumulative counters.
#[test]
fn the_example_of_each_backend_speaks_as_the_backend_does() {
    for (name, endpoint, temporality) in [
        ("datadog", "https://otlp.datadoghq.com/v1/metrics", "Delta"),
        (
            "dynatrace",
            "https://abc12345.live.dynatrace.com/api/v2/otlp/v1/metrics",
            "Delta",
        ),
        (
            "grafana-cloud",
            "https://otlp-gateway-prod-eu-west-2.grafana.net/otlp/v1/metrics",
            "Cumulative",
        ),
        (
            "honeycomb",
            "https://api.honeycomb.io/v1/metrics",
            "Cumulative",
        ),
        (
            "mimir",
            "https://mimir.example.com/otlp/v1/metrics",
            "Cumulative",
        ),
        ("new-relic", "https://otlp.nr-data.net/v1/metrics", "Delta"),
        (
            "prometheus-otlp",
            "http://prometheus.example.com:9090/api/v1/otlp/v1/metrics",
            "Cumulative",
        ),
        (
            "victoriametrics",
            "http://victoriametrics.example.com:8428/opentelemetry/v1/metrics",
            "Cumulative",
        ),
    ] {
        let export = load(&format!("backends/{name}.yaml")).export;
        let otlp = export
            .otlp
            .unwrap_or_else(|| panic!("{name} pushes nothing"));
        assert!(!export.prometheus, "{name}");
        assert_eq!(otlp.endpoint.as_str(), endpoint, "{name}");
        assert_eq!(format!("{:?}", otlp.temporality), temporality, "{name}");
    }
}

#[test]
fn the_group_example_reads_a_group() {
    let select = &load("group.yaml").instances[0].poll.selection;
    assert_eq!(select.groups, ["platform"]);
    assert!(!select.filter.archived);
}

#[test]
fn the_example_of_instances_asks_two_gitlabs_with_three_tokens() {
    let config = load("instances.yaml");
    let asked = config.instances.iter().map(|instance| {
        let interval = instance.poll.rhythm.interval.as_secs();
        (
            instance.name.as_str(),
            instance.gitlab.url.as_str(),
            interval,
        )
    });
    assert_eq!(
        asked.collect::<Vec<_>>(),
        [
            ("com", "https://gitlab.com/", 120),
            ("internal", "https://gitlab.example.com/", 60),
            ("audit", "https://gitlab.example.com/", 3600),
        ]
    );
}

#[test]
fn the_otlp_example_pushes_and_serves_nothing() {
    let config = load("otlp.yaml");
    assert!(!config.export.prometheus);
    let otlp = config.export.otlp.unwrap();
    assert_eq!(
        otlp.endpoint.as_str(),
        "https://collector.example.com:4318/v1/metrics"
    );
}

#[test]
fn the_reference_has_every_setting_once() {
    let table = markdown();
    let rows = table.lines().filter(|line| line.starts_with("| ")).skip(1);
    let mut keys: Vec<_> = rows.map(|row| row.split(" | ").next()).collect();
    assert_eq!(keys.len(), SETTINGS.len() + 1);
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), SETTINGS.len() + 1);
    let row = "| `poll.interval` | `GITLAB_BRIDGE_POLL_INTERVAL` | `--interval` | `1m` | reload | From the start of \
               one poll to the start of the next. |";
    assert!(markdown().lines().any(|line| line == row), "{}", markdown());
}
