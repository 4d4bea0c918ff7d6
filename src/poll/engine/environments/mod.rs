//! The environments that the configuration names: of many projects in a request, when a pipeline of
//! theirs came to rest and now and then anyhow.

mod asking;
mod behind;
mod told;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Value, json};

use super::moment::Moment;
use crate::metrics::{Behind, DEPLOYED_FIELDS, ENVIRONMENT_FIELDS, Environment};

/// So many names are asked of so many projects at once.
const NAMES: usize = 4;
const PROJECTS: usize = 50;

/// When the environments of projects were asked for.
#[derive(Debug, Default)]
pub struct Environments {
    projects: BTreeMap<u64, Asked>,
}

#[derive(Clone, Debug, Default)]
struct Asked {
    /// None before the first time.
    at: Option<Moment>,
    due: bool,
    /// Whether it is asked again by the next poll: GitLab's workers end a deployment a while after its
    /// job.
    settles: bool,
    not_before: Moment,
    /// How far the deployments of its environments are behind, by the name of the environment.
    behind: BTreeMap<String, told::Told>,
}

/// What one poll still asks of environments.
#[derive(Debug, Default)]
pub struct EnvironmentsWork {
    planned: bool,
    /// The projects that are said to have deployed since they were asked.
    hinted: BTreeSet<u64>,
    asks: VecDeque<EnvironmentsAsk>,
    /// What REST told so far, by project and name.
    found: BTreeMap<(u64, String), Environment>,
    /// The environments whose deployments are compared with their branches.
    compared: BTreeMap<(u64, String), (Environment, Behind)>,
}

/// A request about environments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvironmentsAsk {
    Named {
        projects: Vec<u64>,
        names: Vec<String>,
    },
    /// An environment over REST.
    One { project: u64, name: String },
    /// A page of the commits that its latest deployment lacks.
    Behind {
        project: u64,
        name: String,
        page: u32,
    },
    /// The last deployment to it of one of [`DEPLOYMENT_ENDS`], or of any status, over REST.
    Last {
        project: u64,
        name: String,
        status: usize,
    },
}

/// The queries as they are sent at the most.
pub fn most() -> [(String, Value); 2] {
    let projects: Vec<u64> = (1..=PROJECTS as u64).collect();
    [false, true].map(|deployed| {
        let names: Vec<String> = (0..names_at_once(deployed))
            .map(|name| name.to_string())
            .collect();
        named(&projects, &names, deployed)
    })
}

/// How many names are asked for at once; where latest deployments are shown, each has twice as many fields.
fn names_at_once(deployed: bool) -> usize {
    if deployed { NAMES / 2 } else { NAMES }
}

/// The query about environments, with their latest deployments where those are shown.
fn named(projects: &[u64], names: &[String], deployed: bool) -> (String, Value) {
    let asked = match deployed {
        true => DEPLOYED_FIELDS,
        false => ENVIRONMENT_FIELDS,
    };
    let gids: Vec<String> = projects
        .iter()
        .map(|id| format!("gid://gitlab/Project/{id}"))
        .collect();
    let mut variables = json!({ "ids": gids, "count": projects.len() });
    let (mut declared, mut fields) = (String::new(), String::new());
    for (index, name) in names.iter().enumerate() {
        declared.push_str(&format!(", $name{index}: String"));
        fields.push_str(&format!(
            " environment{index}: environment(name: $name{index}) {{ {asked} }}"
        ));
        variables[format!("name{index}")] = name.as_str().into();
    }
    let document = format!(
        "query Environments($ids: [ID!], $count: Int{declared}) {{ \
         projects(ids: $ids, first: $count) {{ nodes {{ id{fields} }} }} queryComplexity {{ score limit }} }}"
    );
    (document, variables)
}
