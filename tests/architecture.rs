//! The arrows of the design: what each part may import. If one is missing, something lives in the
//! wrong place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Part → the parts of ours it may import.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("metrics", &[]),
    ("gitlab", &[]),
    ("simulator", &[]),
    // The configurations of the parts that it fills.
    ("config", &["export", "gitlab", "poll", "webhook"]),
    ("webhook", &[]),
    ("poll", &["gitlab", "metrics"]),
    ("export", &["metrics"]),
    ("cli", &["config"]),
    (
        "app",
        &[
            "cli",
            "config",
            "export",
            "gitlab",
            "metrics",
            "poll",
            "simulator",
            "webhook",
        ],
    ),
    ("main", &["app", "cli", "config", "metrics"]),
];

#[test]
fn imports_point_one_way() {
    let allowed: BTreeMap<_, BTreeSet<_>> = MAY_IMPORT
        .iter()
        .map(|(part, parts)| (*part, parts.iter().copied().collect()))
        .collect();
    let mut wrong = Vec::new();
    for file in sources(&root().join("src")) {
        let part = part(&file);
        if part == "lib" {
            continue;
        }
        let may = allowed
            .get(part.as_str())
            .unwrap_or_else(|| panic!("{part} is not in the table"));
        for import in imports(&fs::read_to_string(&file).unwrap()) {
            if import != part && !may.contains(import.as_str()) {
                wrong.push(format!("{} imports {import}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn meaning_is_free_of_clocks_and_of_telemetry() {
    for file in sources(&root().join("src/metrics")) {
        let text = fs::read_to_string(&file).unwrap();
        for foreign in [
            "opentelemetry::",
            "opentelemetry_sdk::",
            "reqwest::",
            "tokio::",
            "SystemTime",
            "Instant",
        ] {
            assert!(
                !text.contains(foreign),
                "{} mentions {foreign}",
                file.display()
            );
        }
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for file in sources(&root().join("src")) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.starts_with("//! "),
            "{} opens without a sentence",
            file.display()
        );
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// The folder or file directly below `src`.
fn part(file: &Path) -> String {
    let below = file.strip_prefix(root().join("src")).unwrap();
    let first = below
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_str()
        .unwrap();
    first.trim_end_matches(".rs").to_owned()
}

/// The parts named after `crate::` (in main: after the crate's own name), also in a braced list.
fn imports(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for prefix in ["crate::", "gitlab_metrics_bridge::"] {
        for after in text.split(prefix).skip(1) {
            let names = match after.strip_prefix('{') {
                Some(list) => list.split('}').next().unwrap_or_default(),
                None => after
                    .split(|character: char| !character.is_alphanumeric() && character != '_')
                    .next()
                    .unwrap_or_default(),
            };
            found.extend(names.split(',').map(|name| {
                name.trim()
                    .split("::")
                    .next()
                    .unwrap_or_default()
                    .to_owned()
            }));
        }
    }
    found.remove("");
    found
}
