//! What people install the bridge with says what the bridge says: the chart, the packages, the image, the
//! templates for CI.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use gitlab_metrics_bridge::config::{Config, Environment, Flags, schema};
use serde_json::Value;
use support::process::{Finished, Program};

const CHART: &str = "examples/helm/gitlab-metrics-bridge";
const PACKAGES: &str = "examples/packages/nfpm.yaml";

fn file(path: impl AsRef<Path>) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn text(path: impl AsRef<Path>) -> String {
    let path = file(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn yaml(path: impl AsRef<Path>) -> Value {
    let text = text(&path);
    serde_saphyr::from_str(&text)
        .unwrap_or_else(|error| panic!("{}: {error}", path.as_ref().display()))
}

/// The values that the chart is tried with.
fn sets_of_values() -> Vec<PathBuf> {
    let entries = fs::read_dir(file(CHART).join("ci")).unwrap();
    entries.map(|entry| entry.unwrap().path()).collect()
}

/// A tool that `tests/run` builds, with a home of its own.
fn tool(variable: &str, home: &Path) -> Program {
    let path =
        std::env::var_os(variable).unwrap_or_else(|| panic!("{variable} is set by tests/run"));
    Program::new(Path::new(&path)).env("HOME", home)
}

fn accepted(finished: &Finished) {
    assert_eq!(finished.code(), 0, "{finished:#?}");
}

/// The schema of the chart's values, with the schema of our configuration in its place.
fn with_our_configuration(mut values: Value) -> Value {
    let mut ours: Value = serde_json::from_str(&schema()).unwrap();
    values["definitions"] = ours["definitions"].take();
    let ours = ours.as_object_mut().unwrap();
    for key in ["$schema", "definitions", "title"] {
        ours.remove(key);
    }
    let description =
        "The bridge's own configuration: docs/config.schema.json, held here by a test.";
    ours.insert("description".to_owned(), description.into());
    values["properties"]["config"] = Value::Object(ours.clone());
    values
}

/// `UPDATE_EXAMPLES=1 cargo test` writes it anew.
#[test]
fn the_chart_checks_the_configuration_as_the_bridge_does() {
    let path = format!("{CHART}/values.schema.json");
    let found = text(&path);
    let values = with_our_configuration(serde_json::from_str(&found).unwrap());
    let right = serde_json::to_string_pretty(&values).unwrap() + "\n";
    if std::env::var_os("UPDATE_EXAMPLES").is_some() {
        fs::write(file(&path), &right).unwrap();
        return;
    }
    assert!(
        found == right,
        "{path} is stale: UPDATE_EXAMPLES=1 cargo test"
    );
}

#[test]
fn the_values_of_the_chart_fit_its_schema() {
    let schema = serde_json::from_str(&text(format!("{CHART}/values.schema.json"))).unwrap();
    let validator = jsonschema::draft7::new(&schema).unwrap();
    let mut checked = 0;
    for path in sets_of_values() {
        if let Err(error) = validator.validate(&yaml(&path)) {
            panic!("{}: {error} at {}", path.display(), error.instance_path());
        }
        checked += 1;
    }
    assert!(checked >= 5, "only {checked} sets of values");
    let values = yaml(format!("{CHART}/values.yaml"));
    assert!(validator.is_valid(&values));
    for wrong in ["image", "config"] {
        let mut values = values.clone();
        values[wrong]["mistyped"] = true.into();
        assert!(!validator.is_valid(&values), "{wrong}");
    }
    // Each value that may be set has its place in values.yaml, where people look for it.
    let keys = |value: &Value| -> BTreeSet<String> {
        value.as_object().unwrap().keys().cloned().collect()
    };
    let mut known = keys(&schema["properties"]);
    known.remove("global");
    assert_eq!(keys(&values), known);
}

#[test]
fn everything_installs_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let chart = yaml(format!("{CHART}/Chart.yaml"));
    assert_eq!(chart["appVersion"], version);
    let dockerfile = text("examples/container/Dockerfile");
    assert!(dockerfile.contains(&format!("ARG VERSION={version}\n")));
    let installing = text("docs/installing.md");
    assert!(installing.contains(&format!("export VERSION={version} ")));
}

/// Symbolic links, which Helm follows: what is in `otel` is said once.
#[test]
fn the_chart_holds_the_rules_and_dashboards_of_this_repository() {
    let linked = fs::canonicalize(file(CHART).join("files/otel")).unwrap();
    assert_eq!(linked, fs::canonicalize(file("otel")).unwrap());
}

#[test]
fn what_is_packed_is_there() {
    let packed = yaml(PACKAGES);
    let sources = packed["contents"].as_array().unwrap().iter();
    let sources = sources.filter_map(|content| content["src"].as_str());
    let scripts = packed["scripts"].as_object().unwrap().values();
    let mut found = 0;
    for source in sources.chain(scripts.filter_map(Value::as_str)) {
        if !source.starts_with("target/") {
            assert!(
                file(source).exists(),
                "{source} is packed, and is not there"
            );
            found += 1;
        }
    }
    assert!(found >= 10, "only {found} files");
    let destinations = packed["contents"].as_array().unwrap().iter();
    let destinations: BTreeSet<_> = destinations
        .filter_map(|packed| packed["dst"].as_str())
        .collect();
    for wanted in [
        "/usr/bin/gitlab-metrics-bridge",
        "/usr/lib/systemd/system/gitlab-metrics-bridge.service",
        "/etc/gitlab-metrics-bridge/config.yaml",
        "/var/lib/gitlab-metrics-bridge",
    ] {
        assert!(destinations.contains(wanted), "{wanted} is not packed");
    }
}

/// Nobody has said a token by then, and a bridge that fails at once is no first impression.
#[test]
fn a_package_starts_nothing_that_did_not_run() {
    let script = text("examples/packages/postinstall.sh");
    for line in script.lines().filter(|line| line.contains("systemctl")) {
        let harmless = ["systemctl daemon-reload", "systemctl try-restart"];
        assert!(
            harmless.iter().any(|command| line.contains(command)),
            "{line}"
        );
    }
}

#[test]
fn the_configurations_that_are_installed_are_accepted() {
    for path in [
        "examples/packages/config.yaml",
        "examples/compose/bridge.yaml",
    ] {
        let flags = Flags::default().with("config", file(path).to_str().unwrap());
        Config::load(&flags.unwrap(), &Environment::default())
            .unwrap_or_else(|error| panic!("{path}: {error}"));
    }
}

/// Compose makes an empty folder of a source that is not there, without a word.
#[test]
fn what_compose_mounts_is_there() {
    let compose = yaml("examples/compose/compose.yaml");
    let mut mounted = 0;
    for service in compose["services"].as_object().unwrap().values() {
        for volume in service["volumes"].as_array().into_iter().flatten() {
            if volume["type"] == "bind" {
                let source = volume["source"].as_str().unwrap();
                assert!(file("examples/compose").join(source).exists(), "{source}");
                mounted += 1;
            }
        }
    }
    assert!(mounted >= 6, "only {mounted} mounts");
}

/// Cargo refuses a manifest that names a test which is not there, whatever it builds.
#[test]
fn the_image_is_built_from_all_that_cargo_asks_for() {
    let sent = text("examples/container/Dockerfile.dockerignore");
    let sent: BTreeSet<_> = sent
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .collect();
    for needed in ["Cargo.lock", "Cargo.toml", "src", "tests", "examples"] {
        assert!(sent.contains(needed), "{needed} is not sent");
    }
}

#[tokio::test]
#[ignore = "needs Helm: run tests/run"]
async fn helm_takes_the_chart_with_each_set_of_values() {
    let home = tempfile::tempdir().unwrap();
    let helm = |command: &[&str], values: &Path| {
        let helm = tool("HELM", home.path()).args(command).arg(file(CHART));
        helm.arg("--values").arg(values).finish()
    };
    for values in sets_of_values() {
        accepted(&helm(&["lint", "--strict"], &values).await);
        accepted(&helm(&["template", "bridge"], &values).await);
    }
    let wrong = home.path().join("wrong.yaml");
    fs::write(
        &wrong,
        "demo: true\nconfig: {gitlab: {ulr: \"https://a\"}}\n",
    )
    .unwrap();
    let refused = helm(&["template", "bridge"], &wrong).await;
    assert_ne!(refused.code(), 0);
    assert!(refused.stderr().contains("ulr"), "{refused:#?}");
}

#[tokio::test]
#[ignore = "needs Helm and kube-score: run tests/run"]
async fn kube_score_has_no_remark_on_all_that_the_chart_can_render() {
    let home = tempfile::tempdir().unwrap();
    let helm = tool("HELM", home.path()).args(["template", "bridge"]);
    let values = file(CHART).join("ci/everything.yaml");
    let rendered = helm.arg(file(CHART)).arg("--values").arg(values);
    let rendered = rendered.finish().await;
    accepted(&rendered);
    let manifests = home.path().join("manifests.yaml");
    fs::write(&manifests, rendered.stdout()).unwrap();
    let score = tool("KUBE_SCORE", home.path()).arg("score").arg(manifests);
    accepted(&score.finish().await);
}

#[tokio::test]
#[ignore = "needs nfpm: run tests/run"]
async fn nfpm_packs_deb_and_rpm() {
    let folder = tempfile::tempdir().unwrap();
    // Any program will do, and a small one is packed sooner.
    let binary = folder.path().join("gitlab-metrics-bridge");
    fs::write(&binary, "#!/bin/sh\n").unwrap();
    let config = text(PACKAGES);
    let config = config.replace(
        "src: target/dist/gitlab-metrics-bridge",
        &format!("src: {}", binary.display()),
    );
    let changed = folder.path().join("nfpm.yaml");
    fs::write(&changed, config).unwrap();
    for (packager, name) in [
        ("deb", "gitlab-metrics-bridge_0.1.0_amd64.deb"),
        ("rpm", "gitlab-metrics-bridge-0.1.0-1.x86_64.rpm"),
    ] {
        let nfpm = tool("NFPM", folder.path()).args(["package", "--packager", packager]);
        let nfpm = nfpm.env("VERSION", "0.1.0").env("ARCH", "amd64");
        let nfpm = nfpm.arg("--config").arg(&changed);
        let nfpm = nfpm.arg("--target").arg(folder.path());
        accepted(&nfpm.current_dir(file("")).finish().await);
        assert!(folder.path().join(name).exists(), "{name}");
    }
}

mod with_kubernetes_validate {
    use super::*;

    /// The chart is for Kubernetes 1.25 and later. What an operator brings, Kubernetes' own schemas do not know.
    #[tokio::test]
    #[ignore = "needs Helm and kubernetes-validate: run tests/run"]
    async fn kubernetes_knows_all_that_the_chart_renders() {
        let home = tempfile::tempdir().unwrap();
        for values in sets_of_values() {
            let helm = tool("HELM", home.path()).args(["template", "bridge"]);
            let rendered = helm.arg(file(CHART)).arg("--values").arg(&values);
            let rendered = rendered.finish().await;
            accepted(&rendered);
            let rendered = rendered.stdout();
            let own = rendered.split("\n---\n");
            let own: Vec<&str> = own
                .filter(|manifest| !manifest.contains("apiVersion: monitoring.coreos.com/"))
                .collect();
            assert!(own.len() >= 3, "{rendered}");
            let manifests = home.path().join("manifests.yaml");
            fs::write(&manifests, own.join("\n---\n")).unwrap();
            for version in ["1.25", "1.37"] {
                let validate = tool("KUBERNETES_VALIDATE", home.path());
                let validate = validate.args(["--strict", "--kubernetes-version", version]);
                accepted(&validate.arg(&manifests).finish().await);
            }
        }
    }
}
