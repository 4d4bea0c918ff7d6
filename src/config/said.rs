//! What the sources say of each setting, as digests: so two configurations can be compared setting by
//! setting, and no secret is kept for that.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::File;
use std::io::Read;

use aws_lc_rs::digest::{Context, SHA256};

use super::input::{Input, Raw};
use super::yaml::Content;

/// What is said of each setting, by its key.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Said(BTreeMap<&'static str, [u8; 32]>);

impl Said {
    /// Notes what a source says; a later one wins.
    pub fn note(&mut self, key: &'static str, input: &Input<'_>) {
        let mut context = Context::new(&SHA256);
        match &input.raw {
            Raw::Yaml(node) => content(&mut context, &node.content),
            Raw::Variable(text) => part(&mut context, text.trim().as_bytes()),
            Raw::Flag(values) => values
                .iter()
                .for_each(|value| part(&mut context, value.as_bytes())),
        }
        if holds_content(key)
            && let Ok(path) = input.text().and_then(|text| text.path())
        {
            file(&mut context, &path);
        }
        let mut digest = [0; 32];
        digest.copy_from_slice(context.finish().as_ref());
        self.0.insert(key, digest);
    }

    /// Whether anything is said of a setting.
    pub fn has(&self, key: &str) -> bool {
        self.0.contains_key(key)
    }

    /// The keys of which something else is said.
    pub fn changed(&self, other: &Said) -> BTreeSet<&'static str> {
        let all = self.0.keys().chain(other.0.keys()).copied();
        all.filter(|key| self.0.get(key) != other.0.get(key))
            .collect()
    }
}

/// Digests are nobody's business either: of a short secret they tell too much.
impl fmt::Debug for Said {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Said")
    }
}

/// Whether a setting names a file whose content takes its place. A web configuration notices by itself
/// when it changes, and what the engine asks for is read again for each connection.
fn holds_content(key: &str) -> bool {
    let ends = ["_file", "client_certificate", "client_key"];
    ends.iter().any(|end| key.ends_with(end))
        && key != "prometheus.web_config_file"
        && !key.starts_with("cluster.")
}

fn content(context: &mut Context, own: &Content) {
    match own {
        Content::Nothing => context.update(b"-"),
        Content::Scalar(text) => part(context, text.as_bytes()),
        Content::List(nodes) => {
            context.update(b"[");
            nodes
                .iter()
                .for_each(|node| content(context, &node.content));
            context.update(b"]");
        }
        Content::Map(entries) => {
            context.update(b"{");
            for (key, value) in entries {
                content(context, &key.content);
                content(context, &value.content);
            }
            context.update(b"}");
        }
    }
}

/// A text with its length before it, so that no two lists read the same.
fn part(context: &mut Context, text: &[u8]) {
    context.update(&(text.len() as u64).to_le_bytes());
    context.update(text);
}

fn file(context: &mut Context, path: &std::path::Path) {
    /// Certificates and tokens are smaller; a device has no end.
    const MOST: u64 = 1 << 20;
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        let _ = file.take(MOST).read_to_end(&mut bytes); // What is missing will be said where it is used.
    }
    part(context, &bytes);
}
