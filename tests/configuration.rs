//! The JSON schema of the configuration: what it says of the examples, and of what the loader refuses.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::{Path, PathBuf};

use gitlab_metrics_bridge::config::{Config, Environment, Flags, SETTINGS, markdown, schema};
use jsonschema::Validator;
use serde_json::Value;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn validator() -> Validator {
    let schema = serde_json::from_str(&schema()).unwrap();
    jsonschema::draft7::meta::validate(&schema).unwrap_or_else(|error| panic!("{error}"));
    jsonschema::draft7::new(&schema).unwrap_or_else(|error| panic!("{error}"))
}

/// What an editor sees of a file.
fn parsed(yaml: &str) -> Value {
    serde_saphyr::from_str(yaml).unwrap_or_else(|error| panic!("{yaml}: {error}"))
}

/// Whether the loader takes it, with whatever variables it refers to.
fn loads(yaml: &str) -> bool {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bridge.yaml");
    fs::write(&file, yaml).unwrap();
    fs::write(folder.path().join("file"), "content").unwrap();
    let flags = Flags::default().with("config", file.to_str().unwrap());
    let environment: Environment = [("NAME", "value")].into_iter().collect();
    Config::load(&flags.unwrap(), &environment).is_ok()
}

/// Our configurations in `examples`, for one tool each in `examples/backends`.
fn examples() -> Vec<PathBuf> {
    let folders = ["examples", "examples/backends"];
    let files = folders.map(|folder| fs::read_dir(root().join(folder)).unwrap());
    let files = files.into_iter().flatten();
    let files = files.map(|entry| entry.unwrap().path());
    files
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect()
}

/// `UPDATE_EXAMPLES=1 cargo test` renders them anew.
#[test]
fn the_committed_schema_and_reference_are_what_the_settings_say() {
    for (name, text) in [
        ("docs/config.schema.json", schema()),
        ("docs/settings.md", markdown()),
    ] {
        let file = root().join(name);
        if std::env::var_os("UPDATE_EXAMPLES").is_some() {
            fs::write(&file, &text).unwrap();
        }
        let stale = fs::read_to_string(&file).unwrap() != text;
        assert!(!stale, "{name} is stale: UPDATE_EXAMPLES=1 cargo test");
    }
}

#[test]
fn every_example_fits_the_schema_and_names_it() {
    let (validator, examples) = (validator(), examples());
    assert!(examples.len() >= 15, "{examples:?}");
    for path in examples {
        let text = fs::read_to_string(&path).unwrap();
        let up = match path.parent().unwrap().ends_with("backends") {
            true => "../..",
            false => "..",
        };
        let named = text.starts_with(&format!(
            "# yaml-language-server: $schema={up}/docs/config.schema.json\n"
        ));
        assert!(named, "{}", path.display());
        if let Err(error) = validator.validate(&parsed(&text)) {
            panic!("{}: {error} at {}", path.display(), error.instance_path());
        }
    }
}

#[test]
fn every_example_of_a_setting_fits_the_schema() {
    let validator = validator();
    for setting in SETTINGS {
        if setting.key.contains('.') && !setting.example.is_empty() {
            let keys: Vec<_> = setting.key.split('.').collect();
            let nested = keys.iter().rev();
            let yaml = nested.fold(setting.example.to_owned(), |value, key| {
                let pair = match *key {
                    "client_certificate" => ", client_key: a",
                    "client_key" => ", client_certificate: a",
                    "cert_file" => ", key_file: a",
                    "key_file" => ", cert_file: a",
                    _ => "",
                };
                format!("{{{key}: {value}{pair}}}")
            });
            assert!(validator.is_valid(&parsed(&yaml)), "{yaml}");
        }
    }
}

#[test]
fn what_the_loader_takes_fits_the_schema() {
    let validator = validator();
    for yaml in [
        "",
        "gitlab:\n",
        "gitlab: {url: \"HTTPS://git.example.com:8443/gitlab/\"}\n",
        "gitlab: {url: \"http://[::1]:8080\"}\n",
        "gitlab: {headers: {X-Front-Key: \"${NAME}\", x-number: 0042, x-file: {file: file}}}\n",
        "gitlab: {requests_per_second: 0.5, concurrency: 256}\n",
        "gitlab: {token_file: file, ca_file: file}\n",
        "gitlab: {client_certificate: file, client_key: file}\n",
        "select: {groups: [10, platform, tools/ci], projects: [1, \"2\", a/b.c-d_e]}\n",
        "select: {groups: [], scope: all, pending_deletion: false}\n",
        "select: {include: [\"{a,b}/**\", a], exclude: [\"*/x\"], inactive_for: 1.5 days}\n",
        "poll: {interval: 1h 30m, timeout: 90seconds, ci_interval: 1day, sweep: 100ms}\n",
        "poll: {budget: auto}\n",
        "poll: {budget: none}\n",
        "poll: {budget: 4500/h}\n",
        "poll: {budget: \"10 / minute, 4500/hour\"}\n",
        "poll: {budget: [90/m]}\n",
        "webhook: {listen: \"[::1]:9465\"}\n",
        "metrics: {disabled: [gitlab_issues, \"gitlab_project_*\", storage]}\n",
        "metrics: {enabled: [storage], refs:, limits: {series: 5, refs_per_project: 1}}\n",
        "metrics: {refs: {branches: [\"release/*\", 17], most_recent: 3, max_age: 1.5days}}\n",
        "metrics: {project_path_label: true, project_labels: [path, topics], histograms_by: project}\n",
        "metrics: {histogram_bounds: {}}\n",
        "poll: {cadence: {}}\n",
        "prometheus: {host: \"::1\", port: 0, enabled: false}\n",
        "otlp: {endpoint: \"collector:4317\", protocol: grpc}\n",
        "otlp: {endpoint: \"https://collector:4317\", protocol: grpc}\n",
        "otlp: {endpoint: \"http://[::1]:4317/\", protocol: grpc}\n",
        "otlp: {endpoint: \"http://c/otlp/v1/metrics\", temporality: lowmemory}\n",
        "resource: {attributes: {team: a, shard: 3, canary: true}}\n",
        "log: {level: \"warn,gitlab_metrics_bridge=debug\", format: json}\n",
        "instances: {a-1.b_c: {gitlab: {token_variable: NAME}, poll:, state: {path: x}}}\n",
    ] {
        assert!(loads(yaml), "the loader: {yaml}");
        if let Err(error) = validator.validate(&parsed(yaml)) {
            panic!("{yaml}: {error} at {}", error.instance_path());
        }
    }
}

/// What both the loader and the schema refuse.
const MISTAKES: &[&str] = &[
    "gitlba: {}\n",
    "gitlab: 5\n",
    "gitlab: {urls: x}\n",
    "gitlab: {url: gitlab.com}\n",
    "gitlab: {url: \"ftp://gitlab.com\"}\n",
    "gitlab: {url: \"https://me:secret@gitlab.com\"}\n",
    "gitlab: {url: \"https://gitlab.com/api/v4/\"}\n",
    "gitlab: {url: \"https://gitlab.com/a/-/issues\"}\n",
    "gitlab: {url: \"https://gitlab.com?a=b\"}\n",
    "gitlab: {token: glpat-x}\n",
    "gitlab: {token_file: file, token_variable: NAME}\n",
    "gitlab: {client_certificate: file}\n",
    "gitlab: {headers: [a]}\n",
    "gitlab: {headers: {x key: a}}\n",
    "gitlab: {headers: {authorization: a}}\n",
    "gitlab: {headers: {x-key: {files: a}}}\n",
    "gitlab: {connect_timeout: 30}\n",
    "gitlab: {concurrency: 0}\n",
    "gitlab: {attempts: 2.5}\n",
    "select: {groups: platform}\n",
    "select: {groups: [\"https://gitlab.com/a\"]}\n",
    "select: {groups: [\"a*\"]}\n",
    "select: {projects: [website]}\n",
    "select: {include: [/a]}\n",
    "select: {archived: maybe}\n",
    "select: {scope: all, groups: [a]}\n",
    "select: {scope: some}\n",
    "poll: {interval: 30}\n",
    "poll: {interval: soon}\n",
    "poll: {interval: -5s}\n",
    "poll: {interval: 0s}\n",
    "poll: {interval: [30s]}\n",
    "poll: {budget: many}\n",
    "poll: {budget: 0/h}\n",
    "state: {path: \"\"}\n",
    "webhook: {listen: \"9465\"}\n",
    "metrics: {disabled: [gitlab_commit_total]}\n",
    "metrics: {enabled: [storag]}\n",
    "metrics: {enabled: [storage, storage]}\n",
    "metrics: {refs: main}\n",
    "metrics: {refs: {branch: [a]}}\n",
    "metrics: {refs: {branches: a}}\n",
    "metrics: {refs: {most_recent: 0}}\n",
    "metrics: {limits: {series: many}}\n",
    "metrics: {limits: {jobs_per_project: 1.5}}\n",
    "metrics: {environments: [a, a]}\n",
    "metrics: {issue_labels: [\"\"]}\n",
    "metrics: {project_labels: [name]}\n",
    "metrics: {project_path_label: true, project_labels: [topics]}\n",
    "metrics: {histograms_by: group}\n",
    "metrics: {histogram_bounds: {gitlab_commits_total: [1]}}\n",
    "poll: {cadence: {commits: 5m}}\n",
    "poll: {cadence: [5m]}\n",
    "prometheus: {port: 70000}\n",
    "prometheus: {host: \"localhost:9464\"}\n",
    "otlp: {protocol: http/json}\n",
    "otlp: {endpoint: \"https://user:secret@c\"}\n",
    "otlp: {protocol: grpc, endpoint: \"https://c/v1/metrics\"}\n",
    "otlp: {compression: lz4}\n",
    "resource: {service_name: \"\"}\n",
    "log: {level: loud}\n",
    "log: {format: xml}\n",
    "instances: {}\n",
    "instances: [a]\n",
    "instances: {Com: {gitlab: {token_variable: NAME}}}\n",
    "instances: {a: {gitlab: {token_variable: NAME}, otlp: {}}}\n",
    "- poll\n",
];

#[test]
fn mistakes_that_the_loader_refuses_do_not_fit_the_schema() {
    let validator = validator();
    for yaml in MISTAKES {
        assert!(!loads(yaml), "the loader takes {yaml}");
        assert!(
            !validator.is_valid(&parsed(yaml)),
            "the schema takes {yaml}"
        );
    }
}
