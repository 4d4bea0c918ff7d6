//! What is asked of this GitLab: the questions it can answer, as GraphQL documents.

use std::collections::{BTreeSet, HashSet};

use serde_json::Value;

use crate::metrics::{Identity, Selection, keys, questions};

/// Asks who answers and which fields it knows.
pub const PROBE: &str = "query Probe { \
    metadata { version revision enterprise } \
    currentUser { id username } \
    project: __type(name: \"Project\") { fields(includeDeprecated: true) { name } } \
    query: __type(name: \"Query\") { fields { name args { name } } } \
    queryComplexity { limit score } }";

/// What this GitLab can do, as far as it says. What it does not say is tried.
#[derive(Clone, Debug, Default)]
pub struct Capabilities {
    /// Its version, such as `18.8.1-ee`.
    pub version: Option<String>,
    /// The fields of `Project`.
    project_fields: Option<HashSet<String>>,
    /// The arguments of `Query.projects`.
    projects_arguments: Option<HashSet<String>>,
    /// Fields that it refused although it did not say so, as keys below a project.
    lost: BTreeSet<Vec<String>>,
}

impl Capabilities {
    /// Reads the answer to [`PROBE`]; whatever is missing from it counts as not said.
    pub fn from_probe(data: &Value) -> Capabilities {
        let names = |list: &Value| -> Option<HashSet<String>> {
            let names = list
                .as_array()?
                .iter()
                .filter_map(|item| item["name"].as_str());
            Some(names.map(str::to_owned).collect()).filter(|names: &HashSet<_>| !names.is_empty())
        };
        let fields = data["query"]["fields"].as_array();
        let projects =
            fields.and_then(|fields| fields.iter().find(|field| field["name"] == "projects"));
        Capabilities {
            version: data["metadata"]["version"].as_str().map(str::to_owned),
            project_fields: names(&data["project"]["fields"]),
            projects_arguments: projects.and_then(|field| names(&field["args"])),
            lost: BTreeSet::new(),
        }
    }

    /// Whether projects can be asked for by several full paths at once (GitLab 17 and later).
    pub fn asks_by_paths(&self) -> bool {
        self.projects_arguments
            .as_ref()
            .is_some_and(|arguments| arguments.contains("fullPaths"))
    }

    /// Whether a GraphQL path below `Project` can be asked.
    pub fn has(&self, path: &str) -> bool {
        let name = path.split(['(', '.']).next().unwrap_or(path);
        let known = self
            .project_fields
            .as_ref()
            .is_none_or(|fields| fields.contains(name));
        let keys = keys(path);
        known && !self.lost.iter().any(|lost| keys.starts_with(lost))
    }

    /// Whether its version is at least that; one that is not said is taken for new.
    pub fn is_at_least(&self, since: (u32, u32)) -> bool {
        let Some(version) = &self.version else {
            return true;
        };
        let mut parts = version
            .split(|character: char| !character.is_ascii_digit())
            .map(str::parse);
        match (parts.next(), parts.next()) {
            (Some(Ok(major)), Some(Ok(minor))) => (major, minor) >= since,
            _ => true,
        }
    }

    /// Notes a field that was refused: keys below a project. False if that was known already, so
    /// that asking again would change nothing.
    pub fn lose(&mut self, keys: Vec<String>) -> bool {
        !keys.is_empty() && self.lost.insert(keys)
    }
}

/// The documents for a set of questions, and how their answers are read.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The questions that are asked: slot, and where the answer stands below a project's node.
    pub asked: Vec<(usize, Vec<String>)>,
    /// The slots this GitLab has no answer for.
    pub unsupported: Vec<usize>,
    selection: String,
    identity: String,
}

/// Which list of projects a document asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum List {
    /// Those the user is a member of.
    Membership,
    /// All that can be seen.
    All,
    /// Those below `$path`.
    Group,
    /// Those in `$ids`.
    Ids,
    /// Those in `$paths`.
    Paths,
}

impl Plan {
    /// The plan for the questions in `slots`.
    pub fn new(slots: &BTreeSet<usize>, capabilities: &Capabilities) -> Plan {
        let mut selection = Selection::default();
        for path in Identity::ASKED.iter().filter(|path| capabilities.has(path)) {
            selection.add(path);
        }
        // A field that breaks its project's answer may be among the permissions: without them the
        // project can still be listed.
        let mut light = Selection::default();
        let is_light =
            |path: &&&str| capabilities.has(path) && !path.starts_with("userPermissions");
        for path in Identity::ASKED.iter().filter(is_light) {
            light.add(path);
        }
        let identity = light.text();
        let (mut asked, mut unsupported) = (Vec::new(), Vec::new());
        for &slot in slots {
            let path = questions()[slot].0.graphql;
            match capabilities.has(path) {
                true => asked.push((slot, selection.add(path))),
                false => unsupported.push(slot),
            }
        }
        Plan {
            asked,
            unsupported,
            selection: selection.text(),
            identity,
        }
    }

    /// The document that asks everything of a list's projects.
    pub fn document(&self, list: List) -> String {
        document(list, &self.selection)
    }

    /// The document that asks only who the projects are: for a page that is too heavy otherwise.
    pub fn light_document(&self, list: List) -> String {
        document(list, &self.identity)
    }
}

fn document(list: List, selection: &str) -> String {
    let page = format!("nodes {{ {selection} }} pageInfo {{ hasNextPage endCursor }}");
    let (variables, field) = match list {
        List::Membership => (
            "",
            format!("projects(membership: true, first: $first, after: $after) {{ {page} }}"),
        ),
        List::All => (
            "",
            format!("projects(first: $first, after: $after) {{ {page} }}"),
        ),
        List::Ids => (
            "$ids: [ID!], ",
            format!("projects(ids: $ids, first: $first, after: $after) {{ {page} }}"),
        ),
        List::Paths => (
            "$paths: [String!], ",
            format!("projects(fullPaths: $paths, first: $first, after: $after) {{ {page} }}"),
        ),
        List::Group => (
            "$path: ID!, ",
            format!(
                "group(fullPath: $path) {{ projects(includeSubgroups: true, first: $first, after: $after) {{ {page} }} }}"
            ),
        ),
    };
    format!(
        "query Projects({variables}$first: Int!, $after: String) {{ {field} queryComplexity {{ limit score }} }}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn slots() -> BTreeSet<usize> {
        (0..questions().len()).collect()
    }

    #[test]
    fn a_missing_field_costs_its_own_metric_only() {
        let fields: Vec<_> = ["id", "fullPath", "starCount", "statistics"]
            .map(|name| json!({"name": name}))
            .into();
        let capabilities = Capabilities::from_probe(&json!({"project": {"fields": fields}}));
        let plan = Plan::new(&slots(), &capabilities);
        let asked: Vec<_> = plan
            .asked
            .iter()
            .map(|(slot, _)| questions()[*slot].0.graphql)
            .collect();
        assert!(
            asked.contains(&"starCount") && asked.contains(&"statistics.commitCount"),
            "{asked:?}"
        );
        assert!(!plan.document(List::Membership).contains("releases"));
        assert_eq!(plan.asked.len() + plan.unsupported.len(), questions().len());
    }

    #[test]
    fn a_refused_field_is_not_asked_again() {
        let mut capabilities = Capabilities::default();
        let keys = vec!["statistics".to_owned(), "containerRegistrySize".to_owned()];
        assert!(capabilities.lose(keys.clone()));
        assert!(!capabilities.lose(keys), "known already");
        let plan = Plan::new(&slots(), &capabilities);
        assert!(!plan.document(List::Ids).contains("containerRegistrySize"));
        assert!(plan.document(List::Ids).contains("repositorySize"));
    }

    #[test]
    fn versions_compare_as_numbers() {
        let version = |text: &str| Capabilities {
            version: Some(text.to_owned()),
            ..Capabilities::default()
        };
        assert!(version("16.10.1-ee").is_at_least((16, 9)));
        assert!(!version("16.8.0").is_at_least((16, 9)));
        assert!(version("unheard of").is_at_least((16, 9)));
    }
}
