//! What the program is made of, for those who look for vulnerabilities and licences in it: a software bill of
//! materials in the format of CycloneDX 1.5.
//!
//! It holds the crates whose code is in this very program, by the features and the target that it was built
//! with. What only takes part in building or testing is not in it: macros, build scripts, test libraries.

use anyhow::{Result, bail};
use jiff::{Timestamp, Unit};
use serde_json::{Value as Json, json};

/// What the build wrote down: the compiler, then a line for each crate, ours first.
const WRITTEN: &str = include_str!(concat!(env!("OUT_DIR"), "/crates.tsv"));

/// One crate.
struct Crate<'a> {
    name: &'a str,
    version: &'a str,
    licence: &'a str,
    /// The SHA-256 of its archive; empty for our own.
    checksum: &'a str,
    /// Names and versions.
    uses: &'a str,
}

/// The document, made at this time.
///
/// # Errors
/// If the build could not find out.
pub fn cyclonedx(now: Timestamp) -> Result<String> {
    let (compiler, lines) = WRITTEN.split_once('\n').unwrap_or_default();
    if let Some(problem) = compiler.strip_prefix('?') {
        bail!("cargo did not tell what the program is built from when it was built: {problem}");
    }
    let crates: Vec<_> = lines.lines().filter_map(Crate::read).collect();
    let Some((own, others)) = crates.split_first() else {
        bail!("cargo told no crate when the program was built");
    };
    let rust = compiler.split(' ').nth(1).unwrap_or("unknown");
    let mut components: Vec<_> = others
        .iter()
        .map(|library| library.component("library"))
        .collect();
    components.push(standard_library(rust));
    let mut dependencies: Vec<_> = crates.iter().map(Crate::dependency).collect();
    dependencies.push(json!({"ref": standard_reference(rust)}));
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "timestamp": now.round(Unit::Second).unwrap_or(now).to_string(),
            "component": own.component("application"),
            "properties": [
                {"name": "gitlab-metrics-bridge:compiler", "value": compiler},
                {"name": "gitlab-metrics-bridge:target", "value": env!("SBOM_TARGET")},
            ],
        },
        "components": components,
        "dependencies": dependencies,
    });
    Ok(format!("{document:#}\n"))
}

impl<'a> Crate<'a> {
    fn read(line: &'a str) -> Option<Crate<'a>> {
        let mut fields = line.split('\t');
        let mut next = || fields.next();
        Some(Crate {
            name: next()?,
            version: next()?,
            licence: next()?,
            checksum: next()?,
            uses: next()?,
        })
    }

    fn component(&self, kind: &str) -> Json {
        let mut component = json!({
            "type": kind,
            "bom-ref": reference(self.name, self.version),
            "name": self.name,
            "version": self.version,
            "purl": reference(self.name, self.version),
        });
        if !self.licence.is_empty() {
            // Cargo once wrote a slash for it.
            component["licenses"] = json!([{"expression": self.licence.replace('/', " OR ")}]);
        }
        if !self.checksum.is_empty() {
            component["hashes"] = json!([{"alg": "SHA-256", "content": self.checksum}]);
        }
        component
    }

    fn dependency(&self) -> Json {
        let uses = self.uses.split(',').filter_map(|used| used.split_once(' '));
        let uses: Vec<_> = uses
            .map(|(name, version)| reference(name, version))
            .collect();
        json!({"ref": reference(self.name, self.version), "dependsOn": uses})
    }
}

/// A crate as <https://github.com/package-url/purl-spec> writes it, which is its reference too.
fn reference(name: &str, version: &str) -> String {
    format!("pkg:cargo/{name}@{}", version.replace('+', "%2B"))
}

fn standard_reference(rust: &str) -> String {
    format!("pkg:generic/rust-std@{rust}")
}

/// It is in every program, and in no list of cargo's.
fn standard_library(rust: &str) -> Json {
    json!({
        "type": "library",
        "bom-ref": standard_reference(rust),
        "name": "rust-std",
        "version": rust,
        "description": "The standard library of Rust, with the crates that are part of it",
        "purl": standard_reference(rust),
        "licenses": [{"expression": "MIT OR Apache-2.0"}],
    })
}
