//! The shape of the code: who may import whom, which libraries each part may use, no circles, no long
//! functions, and a sentence at the head of every file. If a check stands in the way, something lives
//! in the wrong place.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod source;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use source::{Function, Tree, functions};

/// Part → the parts of ours it may import.
const MAY_IMPORT: &[(&str, &str)] = &[
    ("metrics", ""),
    ("gitlab", "der lock logged memory_limit prose"),
    ("simulator", ""),
    // It fills the configurations of the parts.
    ("config", "cluster export gitlab metrics poll prose webhook"),
    ("cluster", "lock logged prose"),
    ("webhook", "lock memory_limit prose untold"),
    ("sbom", ""),
    ("stdio", ""),
    ("der", ""),
    ("lock", ""),
    ("logged", ""),
    ("memory_limit", ""),
    ("prose", ""),
    ("untold", ""),
    ("allocator", ""),
    ("poll", "gitlab lock logged memory_limit metrics prose"),
    (
        "export",
        "der lock logged memory_limit metrics prose untold",
    ),
    ("cli", "config"),
    (
        "app",
        "cli cluster config export gitlab lock logged memory_limit metrics poll prose simulator stdio webhook",
    ),
    ("main", "app cli config metrics sbom stdio"),
    ("lib", ""),
];

/// Library → the parts that may use it. What is not named here may be used by none.
const LIBRARIES: &[(&str, &str)] = &[
    // GitLab is asked in one folder. OTLP over HTTP needs a client too.
    ("reqwest", "gitlab export"),
    ("http", "config gitlab simulator"),
    // What several replicas share.
    ("redis", "cluster"),
    ("bytes", "app cluster export"),
    // Only these serve anything.
    ("axum", "export simulator webhook"),
    ("hyper", "export"),
    ("hyper_util", "app export"), // app: which proxy a request takes
    ("tokio_rustls", "export"),
    ("bcrypt", "export"),
    ("rustix", "app export stdio"),
    ("opentelemetry", "export app"),
    ("opentelemetry_sdk", "export app"),
    ("opentelemetry_proto", "export"),
    ("prost", "export"),
    ("zstd", "export"),
    ("opentelemetry_prometheus", "export"),
    ("prometheus", "export"),
    ("tonic", "export"),
    ("crc32fast", "export"),
    ("flate2", "export poll simulator"),
    ("aws_lc_rs", "cluster config export webhook"),
    ("base64", "export webhook"),
    ("graphql_parser", "simulator"),
    // The terminal and the system.
    ("clap", "cli config main"),
    ("clap_complete", "cli"),
    ("clap_mangen", "cli"),
    ("indicatif", "app"),
    ("gethostname", "export"),
    ("tracing_subscriber", "app"),
    // `metrics` has no clock and no I/O, `config` no I/O but files.
    (
        "tokio",
        "app cluster export gitlab main poll simulator untold webhook",
    ),
    ("tokio_util", "app export poll simulator"),
    ("futures", "app export gitlab poll simulator"),
    ("tracing", "app cluster export gitlab poll webhook"),
    ("anyhow", "app export main sbom stdio webhook"),
    ("thiserror", "cluster config gitlab poll webhook"),
    ("fastrand", "app cluster export gitlab poll simulator"),
    ("maud", "export"),
    ("strsim", "config export metrics"),
    ("procfs", "app"),
    ("secrecy", "app cluster config export gitlab webhook"),
    ("zeroize", "app cluster config export gitlab webhook"),
    ("serde_saphyr", "config export"),
    (
        "serde",
        "app cluster config export gitlab metrics poll simulator webhook",
    ),
    (
        "serde_json",
        "app config export gitlab metrics poll sbom simulator webhook",
    ),
    ("globset", "app config poll"),
    ("humantime", "app cli config gitlab poll prose"),
    ("jiff", "app export gitlab main metrics poll sbom simulator"),
    ("url", "app cluster config export gitlab poll simulator"),
];

/// A function that is longer does not fit on a screen.
const LONGEST: usize = 60;

/// Functions that are still too long. Take one out once it is not.
const LONG_LEFT: &[&str] = &[];

static TREE: LazyLock<Tree> = LazyLock::new(Tree::read);

#[test]
fn imports_between_parts_point_one_way() {
    let allowed = table(MAY_IMPORT);
    let mut wrong = Vec::new();
    for source in &TREE.sources {
        let may = allowed.get(source.part.as_str());
        let may = may.unwrap_or_else(|| panic!("{} is not in the table", source.part));
        for import in &source.imports {
            let part = source::part(import);
            if part != source.part && !may.contains(part) {
                wrong.push(format!("{} imports {import}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn libraries_stay_where_they_belong() {
    let allowed = table(LIBRARIES);
    let dependencies = source::dependencies();
    let mut wrong = Vec::new();
    for library in &dependencies {
        if !allowed.contains_key(library.as_str()) {
            wrong.push(format!("{library} is not in the table of libraries"));
        }
    }
    for source in &TREE.sources {
        for library in source.libraries.intersection(&dependencies) {
            let may = allowed.get(library.as_str());
            if may.is_some_and(|parts| !parts.contains(source.part.as_str())) {
                wrong.push(format!("{} uses {library}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let circles = TREE.circles();
    let circles = circles.iter().map(|circle| TREE.explain(circle));
    let circles: Vec<_> = circles.collect();
    assert!(circles.is_empty(), "{}", circles.join("\n"));
}

#[test]
fn every_function_fits_on_a_screen() {
    let all = ["src", "tests", "examples"].map(functions).concat();
    let long: Vec<&Function> = all
        .iter()
        .filter(|function| function.lines > LONGEST)
        .collect();
    let wrong = long
        .iter()
        .filter(|function| !LONG_LEFT.contains(&function.name.as_str()));
    let wrong: Vec<_> = wrong
        .map(|function| format!("{}: {} lines", function.name, function.lines))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_file_opens_with_a_sentence() {
    for source in &TREE.sources {
        let head = source
            .text
            .lines()
            .take_while(|line| line.starts_with("//!"));
        let head: Vec<_> = head.map(|line| line[3..].trim()).collect();
        let paragraph = head.split(|line| line.is_empty()).next().unwrap();
        let sentence = paragraph.join(" ");
        assert!(
            sentence.contains(". ") || sentence.ends_with(['.', ':', '?']),
            "{} opens without a sentence: {sentence:?}",
            source.path
        );
    }
}

#[test]
fn meaning_is_free_of_clocks() {
    for source in &TREE.sources {
        for clock in ["SystemTime", "Instant"] {
            let pure = source.part != "metrics" || !source.text.contains(clock);
            assert!(pure, "{} mentions {clock}", source.path);
        }
    }
}

/// The lints `print_stdout` and `print_stderr` see the macros.
#[test]
fn one_file_writes_to_the_standard_streams() {
    for source in &TREE.sources {
        for stream in ["io::stdout(", "io::stderr("] {
            let apart = source.part == "stdio" || !source.text.contains(stream);
            assert!(apart, "{} calls {stream})", source.path);
        }
    }
}

fn table(rows: &[(&'static str, &'static str)]) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let row = |(name, parts): &(&'static str, &'static str)| (*name, parts.split(' ').collect());
    rows.iter().map(row).collect()
}
