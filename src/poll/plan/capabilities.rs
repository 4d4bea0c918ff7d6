//! What this GitLab can do, as it says itself, and as its refusals tell.

use std::collections::{BTreeSet, HashMap, HashSet};

use serde_json::Value;

use crate::metrics::{Selection, keys};
use crate::poll::fields::Fields;

/// Asks who answers and which fields it knows.
pub const PROBE: &str = "query Probe { \
    metadata { version revision enterprise } \
    currentUser { id username } \
    project: __type(name: \"Project\") { fields(includeDeprecated: true) { name args { name } } } \
    group: __type(name: \"Group\") { fields(includeDeprecated: true) { name } } \
    query: __type(name: \"Query\") { fields { name args { name } } } \
    statuses: __type(name: \"PipelineStatusEnum\") { enumValues { name } } \
    CiJob: __type(name: \"CiJob\") { fields(includeDeprecated: true) { name } } \
    CiRunner: __type(name: \"CiRunner\") { fields(includeDeprecated: true) { name } } \
    CiStage: __type(name: \"CiStage\") { fields(includeDeprecated: true) { name } } \
    Deployment: __type(name: \"Deployment\") { fields(includeDeprecated: true) { name } } \
    Environment: __type(name: \"Environment\") { fields(includeDeprecated: true) { name } } \
    Issue: __type(name: \"Issue\") { fields(includeDeprecated: true) { name } } \
    MergeRequest: __type(name: \"MergeRequest\") { fields(includeDeprecated: true) { name } } \
    Pipeline: __type(name: \"Pipeline\") { fields(includeDeprecated: true) { name } } \
    ProjectPermissions: __type(name: \"ProjectPermissions\") { fields(includeDeprecated: true) { name } } \
    ProjectStatistics: __type(name: \"ProjectStatistics\") { fields(includeDeprecated: true) { name } } \
    Release: __type(name: \"Release\") { fields(includeDeprecated: true) { name } } \
    Repository: __type(name: \"Repository\") { fields(includeDeprecated: true) { name } } \
    TestReportSummary: __type(name: \"TestReportSummary\") { fields(includeDeprecated: true) { name } } \
    queryComplexity { limit score } }";

/// What this GitLab can do, as far as it says. What it does not say is tried.
#[derive(Clone, Debug, Default)]
pub struct Capabilities {
    /// Its version, such as `18.8.1-ee`.
    pub version: Option<String>,
    /// The fields of `Project`.
    project_fields: Option<HashSet<String>>,
    /// The arguments of its fields, as far as any are told.
    project_arguments: HashMap<String, HashSet<String>>,
    /// The arguments of the root fields, as far as any are told.
    root_arguments: HashMap<String, HashSet<String>>,
    /// The fields of the types below.
    pub(super) fields: Fields,
    /// The fields of `Group`.
    group_fields: Option<HashSet<String>>,
    /// The statuses that a pipeline may have.
    pipeline_statuses: Option<HashSet<String>>,
    /// Fields that it refused although it did not say so, as keys below a project.
    lost: BTreeSet<Vec<String>>,
    /// The same of root fields.
    query_fields: Option<HashSet<String>>,
    lost_roots: BTreeSet<Vec<String>>,
    /// What it says a query may score, and by how many percent our own scores fall short of its.
    limit: Option<usize>,
    caution: usize,
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
        let arguments = |fields: &Value| -> HashMap<String, HashSet<String>> {
            let fields = fields.as_array().into_iter().flatten();
            let told = fields.filter_map(|field| {
                let name = field["name"].as_str()?.to_owned();
                Some((name, names(&field["args"])?))
            });
            told.collect()
        };
        Capabilities {
            version: data["metadata"]["version"].as_str().map(str::to_owned),
            project_fields: names(&data["project"]["fields"]),
            project_arguments: arguments(&data["project"]["fields"]),
            query_fields: names(&data["query"]["fields"]),
            group_fields: names(&data["group"]["fields"]),
            pipeline_statuses: names(&data["statuses"]["enumValues"]),
            root_arguments: arguments(&data["query"]["fields"]),
            fields: Fields::from_probe(data),
            limit: data["queryComplexity"]["limit"]
                .as_u64()
                .and_then(|limit| limit.try_into().ok()),
            ..Capabilities::default()
        }
    }

    /// What a GitLab of today can do, where there is none to ask.
    pub fn current() -> Capabilities {
        Capabilities {
            root_arguments: [("projects", "fullPaths"), ("groups", "ids")]
                .map(|(field, argument)| (field.to_owned(), [argument.to_owned()].into()))
                .into(),
            ..Capabilities::default()
        }
    }

    /// What the parts of one request may score together, as we score them.
    pub fn most_score(&self) -> usize {
        /// What every GitLab allows whom it knows.
        const LIMIT: usize = 250;
        /// More is no limit of GitLab's: what says so is not believed, and does not overflow.
        const HIGHEST: usize = 100_000;
        /// `queryComplexity` itself.
        const OWN: usize = 3;
        let limit = self.limit.unwrap_or(LIMIT).min(HIGHEST);
        let limit = limit.saturating_sub(OWN);
        // Versions differ by a few points.
        limit * (98_usize.saturating_sub(self.caution)) / 100
    }

    /// Notes what GitLab says a query may score.
    pub fn note_limit(&mut self, limit: usize) {
        self.limit = Some(limit);
    }

    /// Notes that GitLab scores higher than we do.
    pub fn lower_score(&mut self) {
        self.caution = (self.caution + 10).min(90);
    }

    /// Whether projects can be asked for by several full paths at once (GitLab 17 and later).
    pub fn asks_by_paths(&self) -> bool {
        self.root_takes("projects", "fullPaths")
    }

    /// Whether groups can be asked for by several ids at once.
    pub fn asks_groups_by_ids(&self) -> bool {
        self.root_takes("groups", "ids")
    }

    fn root_takes(&self, field: &str, argument: &str) -> bool {
        let known = self.root_arguments.get(field);
        known.is_some_and(|known| known.contains(argument))
    }

    /// What of these paths below `Project` can be asked. A field that breaks its project's answer may be
    /// among the permissions: `light` leaves them out, so that the project can still be listed.
    pub(super) fn select(&self, paths: &[&str], light: bool) -> Selection {
        let mut selection = Selection::default();
        for path in paths {
            if self.has(path) && !(light && path.starts_with("userPermissions")) {
                selection.add(path);
            }
        }
        selection
    }

    /// Whether a GraphQL path below `Project` can be asked.
    pub fn has(&self, path: &str) -> bool {
        let status = path.strip_prefix("pipelines(status: ");
        let status = status.and_then(|rest| rest.split([',', ')']).next());
        let known = self.pipeline_statuses.as_ref();
        if status.is_some_and(|status| known.is_some_and(|known| !known.contains(status))) {
            return false;
        }
        Self::is_told(path, self.project_fields.as_ref(), &self.lost)
            && self.takes(path)
            && self.fields.has("Project", path)
    }

    /// Whether the first field of a path below `Project` takes its arguments.
    fn takes(&self, path: &str) -> bool {
        let Some((name, rest)) = path.split_once('(') else {
            return true;
        };
        // Of a path such as `repository.blobs(…)` nothing is told.
        let Some(known) = self.project_arguments.get(name) else {
            return true;
        };
        let given = rest.split(')').next().unwrap_or_default().split(',');
        let mut names = given.filter_map(|argument| argument.split_once(':'));
        names.all(|(name, _)| known.contains(name.trim()))
    }

    /// Whether a GraphQL path below `Group` can be asked.
    pub fn has_of_group(&self, path: &str) -> bool {
        Self::is_told(path, self.group_fields.as_ref(), &BTreeSet::new())
            && self.fields.has("Group", path)
    }

    /// Whether a GraphQL path of root fields can be asked.
    pub fn has_root(&self, path: &str) -> bool {
        Self::is_told(path, self.query_fields.as_ref(), &self.lost_roots)
            && self.fields.has("Query", path)
    }

    fn is_told(path: &str, known: Option<&HashSet<String>>, lost: &BTreeSet<Vec<String>>) -> bool {
        let name = path.split(['(', '.']).next().unwrap_or(path);
        let known = known.is_none_or(|fields| fields.contains(name));
        let keys = keys(path);
        known && !lost.iter().any(|lost| keys.starts_with(lost))
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

    /// Notes that a type lacks a field, whichever document asked for it. False if that was known.
    pub fn lose_of(&mut self, kind: &str, field: &str) -> bool {
        self.fields.lose(kind, field)
    }

    /// Notes that a field takes no such argument. False if that was known.
    pub fn lose_argument(&mut self, field: &str, argument: &str) -> bool {
        self.fields.lose_argument(field, argument)
    }

    /// Notes a field that was refused: keys below a project. False if that was known already, so
    /// that asking again would change nothing.
    pub fn lose_root(&mut self, keys: Vec<String>) -> bool {
        !keys.is_empty() && self.lost_roots.insert(keys)
    }

    /// Notes a field that was refused: keys below a project. False if that was known already, so
    /// that asking again would change nothing.
    pub fn lose(&mut self, keys: Vec<String>) -> bool {
        !keys.is_empty() && self.lost.insert(keys)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
