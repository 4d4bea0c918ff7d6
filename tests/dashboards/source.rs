//! The lists of panels that dashboards are rendered from: the YAML files of this folder.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// What all dashboards share.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Common {
    /// A word of queries and what it stands for; later words stand in earlier ones.
    pub words: Vec<(String, String)>,
    pub variables: Vec<Variable>,
    /// What values are called, and their colours.
    pub mappings: BTreeMap<String, Vec<Mapping>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variable {
    pub name: String,
    pub label: String,
    pub query: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mapping {
    pub value: String,
    pub text: String,
    pub color: String,
}

/// A dashboard.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Board {
    pub uid: String,
    pub title: String,
    pub about: String,
    /// Which of `group`, `project` and `top` it has.
    pub variables: Vec<String>,
    pub rows: Vec<Row>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Row {
    pub title: String,
    pub panels: Vec<Panel>,
}

/// A panel. Panels of a row flow from left to right and go on below.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Panel {
    pub title: String,
    pub kind: String,
    /// Width (of 24) and height.
    pub size: [u64; 2],
    pub about: String,
    pub queries: Vec<Query>,
    /// What `metrics.enabled` has to have.
    pub needs: Option<String>,
    pub unit: Option<String>,
    /// The most points of a line: each is as dear as the projects are many.
    pub points: Option<u64>,
    /// The name of a mapping.
    pub map: Option<String>,
    /// Colours, each from a value on.
    pub thresholds: Option<Vec<(String, Value)>>,
    #[serde(default)]
    pub stack: bool,
    pub sort: Option<Sort>,
    /// The labels that a table has columns for.
    pub columns: Option<Vec<String>>,
    /// What a stat writes: `name`, or `wall` for a tile with a name.
    pub text: Option<String>,
    /// Why the demo has no data for it.
    pub demo: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sort {
    pub by: String,
    pub desc: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Query {
    /// The legend, or the column of a table.
    pub name: Option<String>,
    pub expr: String,
    /// Why the demo has no data for it.
    pub demo: Option<String>,
}

impl Panel {
    pub fn columns(&self) -> Vec<String> {
        let columns = self.columns.clone();
        columns.unwrap_or_else(|| vec!["project_path".to_owned()])
    }

    pub fn unit(&self) -> &str {
        self.unit.as_deref().unwrap_or("short")
    }

    /// Whether it shows one moment, and not a range.
    pub fn is_of_a_moment(&self) -> bool {
        ["stat", "table", "bargauge", "piechart"].contains(&self.kind.as_str())
    }

    /// Why this query of it has no data in the demo; nothing where it must have.
    pub fn without_data<'a>(&'a self, query: &'a Query) -> Option<&'a str> {
        query.demo.as_deref().or(self.demo.as_deref())
    }
}

/// Reads a file of this folder.
pub fn read<T: DeserializeOwned>(name: &str) -> T {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/dashboards");
    let text = fs::read_to_string(folder.join(name)).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}
