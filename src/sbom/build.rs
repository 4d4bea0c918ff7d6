//! Runs before the compiler: writes down for `sbom` which crates become part of the program, and says how a static
//! one is linked. Cargo is asked for the crates, with the features and the target of this build; nothing is fetched.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

fn main() {
    for file in ["Cargo.toml", "Cargo.lock", "src/sbom/build.rs"] {
        println!("cargo:rerun-if-changed={file}");
    }
    let written = match crates() {
        Ok(crates) => format!("{}\n{crates}", first_line(&rustc())),
        // The program is built all the same; `sbom` says what is missing.
        Err(problem) => format!("?{}\n", first_line(&problem)),
    };
    let folder = env::var("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&folder).join("crates.tsv"), written).expect("the folder is ours");
    if env::var("CARGO_CFG_TARGET_ENV").as_deref() == Ok("musl") {
        // A static program moves itself to where it is loaded; said in this form that takes 0.6 MB less.
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    println!(
        "cargo:rustc-env=SBOM_TARGET={}",
        env::var("TARGET").unwrap_or_default()
    );
}

/// A line for each crate: name, version, licence, checksum and the crates it uses, ours first.
fn crates() -> Result<String, String> {
    let tree = tree()?;
    let checksums =
        checksums(&fs::read_to_string("Cargo.lock").map_err(|error| error.to_string())?);
    let (mut licences, mut uses) = (BTreeMap::new(), BTreeMap::<String, BTreeSet<String>>::new());
    let (mut order, mut above) = (Vec::new(), Vec::<String>::new());
    for line in tree.lines().filter(|line| !line.is_empty()) {
        let digits = line
            .find(|letter: char| !letter.is_ascii_digit())
            .unwrap_or(0);
        let depth: usize = line[..digits]
            .parse()
            .map_err(|_| format!("not understood: {line}"))?;
        let (package, licence) = line[digits..]
            .split_once('\t')
            .unwrap_or((&line[digits..], ""));
        let mut words = package.split(' ');
        let (name, version) = (
            words.next().unwrap_or_default(),
            words.next().unwrap_or_default(),
        );
        let own = format!("{name} {}", version.trim_start_matches('v'));
        above.truncate(depth);
        if let Some(user) = above.last() {
            uses.entry(user.clone()).or_default().insert(own.clone());
        }
        if !uses.contains_key(&own) {
            uses.insert(own.clone(), BTreeSet::new());
        }
        let licence = licence.trim_end_matches("(*)").trim().to_owned();
        if licences.insert(own.clone(), licence).is_none() {
            order.push(own.clone());
        }
        above.push(own);
    }
    let lines = order.iter().map(|own| {
        let (name, version) = own.split_once(' ').unwrap_or_default();
        let uses: Vec<_> = uses[own].iter().cloned().collect();
        let checksum = checksums.get(own).map_or("", String::as_str);
        format!(
            "{name}\t{version}\t{}\t{checksum}\t{}\n",
            licences[own],
            uses.join(",")
        )
    });
    Ok(lines.collect())
}

fn tree() -> Result<String, String> {
    let features = env::vars()
        .filter_map(|(name, _)| Some(name.strip_prefix("CARGO_FEATURE_")?.to_lowercase()));
    let features: Vec<_> = features
        .filter(|name| name != "default")
        .map(|name| name.replace('_', "-"))
        .collect();
    let output = Command::new(env::var("CARGO").unwrap_or("cargo".to_owned()))
        .args([
            "tree",
            "--locked",
            "--offline",
            "--color",
            "never",
            "--charset",
            "ascii",
        ])
        .args([
            "--edges",
            "normal,no-proc-macro",
            "--prefix",
            "depth",
            "--format",
            "{p}\t{l}",
        ])
        .args(["--target", &env::var("TARGET").unwrap_or_default()])
        .args(["--no-default-features", "--features", &features.join(",")])
        .output()
        .map_err(|error| format!("cargo tree: {error}"))?;
    match output.status.success() {
        true => String::from_utf8(output.stdout).map_err(|error| error.to_string()),
        false => Err(format!(
            "cargo tree: {}",
            String::from_utf8_lossy(&output.stderr).replace('\n', " ")
        )),
    }
}

/// The SHA-256 of each crate as the registry has it, by name and version.
fn checksums(lock: &str) -> BTreeMap<String, String> {
    let packages = lock.split("[[package]]").skip(1);
    let read = |package: &str| {
        let value = |key: &str| {
            let line = package
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "));
            line.map(|value| value.trim_matches('"').to_owned())
        };
        Some((
            format!("{} {}", value("name")?, value("version")?),
            value("checksum")?,
        ))
    };
    packages.filter_map(read).collect()
}

fn rustc() -> String {
    let output = Command::new(env::var("RUSTC").unwrap_or("rustc".to_owned()))
        .arg("--version")
        .output();
    output
        .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
        .unwrap_or_default()
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}
