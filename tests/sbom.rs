//! `sbom` says what the program is made of: in valid CycloneDX, all of it, and nothing else.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use cyclonedx_bom::prelude::{Bom, Validate};
use serde_json::Value;

use support::process::bridge;

async fn printed() -> String {
    let finished = bridge().arg("sbom").finish().await;
    assert_eq!((finished.code(), finished.stderr()), (0, String::new()));
    finished.stdout()
}

/// Names and versions, as `name-version`.
type Crates = BTreeSet<String>;

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// All that cargo's metadata lead to over dependencies that are neither of a build script nor of a test.
/// Cargo tells more there than it compiles: what optional features would need.
fn may_be_in() -> Crates {
    let target = env!("SBOM_TARGET");
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--format-version",
            "1",
            "--locked",
            "--offline",
            "--filter-platform",
            target,
        ])
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    let nodes = metadata["resolve"]["nodes"].as_array().unwrap();
    let (mut found, mut crates) = (BTreeSet::new(), Crates::new());
    let mut next = vec![text(&metadata["resolve"]["root"])];
    while let Some(id) = next.pop() {
        if !found.insert(id.clone()) {
            continue;
        }
        let package = packages
            .iter()
            .find(|package| package["id"] == *id)
            .unwrap();
        crates.insert(format!(
            "{}-{}",
            text(&package["name"]),
            text(&package["version"])
        ));
        let node = nodes.iter().find(|node| node["id"] == *id).unwrap();
        let uses = node["deps"].as_array().unwrap().iter().filter(|used| {
            let mut kinds = used["dep_kinds"].as_array().unwrap().iter();
            kinds.any(|kind| kind["kind"].is_null())
        });
        next.extend(uses.map(|used| text(&used["pkg"])));
    }
    crates
}

/// The crates whose files the program's own debug information names: they are in it without doubt.
fn surely_in() -> Crates {
    let program = fs::read(env!("CARGO_BIN_EXE_gitlab-metrics-bridge")).unwrap();
    let mut crates = Crates::new();
    for path in program
        .split(|byte| *byte == 0)
        .filter(|text| text.len() < 4_096)
    {
        let path = String::from_utf8_lossy(path);
        let mut rest = path
            .split("/registry/src/")
            .skip(1)
            .flat_map(|rest| rest.split('/').nth(1));
        crates.extend(rest.next().map(str::to_owned));
    }
    crates
}

/// Cargo builds the program of the tests with what test libraries switch on in crates that they share with
/// it: here features of hashbrown. A plain build has none of it.
fn by_tests(name: &str) -> bool {
    ["allocator-api2-", "foldhash-"]
        .iter()
        .any(|library| name.starts_with(library))
}

#[tokio::test]
async fn the_bill_of_materials_is_valid_and_holds_what_is_compiled_in_and_nothing_else() {
    let printed = printed().await;
    let bom = Bom::parse_from_json_v1_5(printed.as_bytes()).unwrap();
    let validated = bom.validate();
    assert!(validated.passed(), "{validated:?}");

    let json: Value = serde_json::from_str(&printed).unwrap();
    let listed = json["components"].as_array().unwrap().iter();
    let listed = listed.filter(|component| component["name"] != "rust-std");
    let name = |component: &Value| {
        format!(
            "{}-{}",
            text(&component["name"]),
            text(&component["version"])
        )
    };
    let listed: Crates = listed.map(name).collect();
    let strange: Vec<_> = listed.difference(&may_be_in()).cloned().collect();
    assert!(strange.is_empty(), "{strange:?} can't be in it");
    let sure = surely_in();
    assert!(sure.len() > 100, "{sure:?}");
    let missing = sure.difference(&listed);
    let missing: Vec<_> = missing.filter(|name| !by_tests(name)).collect();
    assert!(missing.is_empty(), "{missing:?} are in it and not listed");
    // What tests and builds alone use.
    for name in ["proptest", "cyclonedx-bom", "serde_derive", "cc", "syn"] {
        let prefix = format!("{name}-");
        let is_it = |listed: &String| {
            listed
                .strip_prefix(&prefix)
                .is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()))
        };
        assert!(!listed.iter().any(is_it), "{name}");
    }
}

#[tokio::test]
async fn every_crate_has_a_licence_a_hash_and_a_place_among_the_dependencies() {
    let json: Value = serde_json::from_str(&printed().await).unwrap();
    let refs: BTreeSet<_> = json["dependencies"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| text(&entry["ref"]))
        .collect();
    let components = json["components"].as_array().unwrap();
    assert!(components.len() > 150, "{}", components.len());
    for component in components {
        let licence = component["licenses"][0]["expression"].as_str();
        assert!(
            licence.is_some_and(|licence| !licence.contains('/')),
            "{component}"
        );
        let hash = component["hashes"][0]["content"].as_str().map(str::len);
        assert!(
            hash == Some(64) || component["name"] == "rust-std",
            "{component}"
        );
        assert!(refs.contains(&text(&component["bom-ref"])), "{component}");
    }
    let used = json["dependencies"].as_array().unwrap().iter();
    let used = used
        .filter_map(|entry| entry["dependsOn"].as_array())
        .flatten();
    for used in used {
        assert!(refs.contains(&text(used)), "{used}");
    }
}
