//! What GraphQL is asked of the details of pipelines: their jobs and test reports.

use serde_json::{Map, Value};

use super::plan::{alias, timestamp};
use crate::metrics::{JOB_FIELDS, SUITE_FIELDS, TEST_FIELDS, UnixTime};

/// Which details are asked of a pipeline.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    pub jobs: bool,
    pub tests: bool,
    /// The test suites, too.
    pub suites: bool,
    /// The child pipelines as well, which GitLab lists apart.
    pub children: bool,
}

/// A part of a request about the details of pipelines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DetailsPart {
    /// Of the pipelines of some projects that changed since a moment, at most `first` of each.
    Changed {
        projects: Vec<u64>,
        since: UnixTime,
        first: usize,
    },
    /// Of one pipeline, its jobs behind a cursor.
    One {
        project: u64,
        pipeline: PipelineId,
        after: Option<String>,
    },
}

/// What names a pipeline: to GitLab as a whole, and within its project.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PipelineId {
    pub id: u64,
    pub iid: u64,
}

impl Wanted {
    /// One request for several parts: the document and its variables. The answer to a part stands
    /// under its alias.
    pub fn request(&self, parts: &[DetailsPart]) -> (String, Value) {
        let (mut declared, mut fields) = (Vec::new(), Vec::new());
        let mut variables = Map::new();
        for (index, part) in parts.iter().enumerate() {
            let mut declare = |name: &str, kind: &str, value: Value| {
                declared.push(format!("${name}{index}: {kind}"));
                variables.insert(format!("{name}{index}"), value);
                format!("${name}{index}")
            };
            let (projects, below) = match part {
                DetailsPart::Changed {
                    projects,
                    since,
                    first,
                } => {
                    let since = declare("since", "Time", timestamp(*since).into());
                    let first = declare("first", "Int", (*first).into());
                    (projects.as_slice(), self.changed(&since, &first))
                }
                DetailsPart::One {
                    project,
                    pipeline,
                    after,
                } => {
                    let iid = declare("iid", "ID!", pipeline.iid.to_string().into());
                    let after = after
                        .as_ref()
                        .map(|after| declare("after", "String", after.as_str().into()));
                    let pipeline = self.pipeline(after.as_deref());
                    let below = format!("pipeline(iid: {iid}) {{ {pipeline} }}");
                    (std::slice::from_ref(project), below)
                }
            };
            let gids = projects
                .iter()
                .map(|id| format!("gid://gitlab/Project/{id}"));
            let ids = declare("ids", "[ID!]", gids.collect());
            let count = declare("count", "Int", projects.len().into());
            let alias = alias(index);
            fields.push(format!(
                "{alias}: projects(ids: {ids}, first: {count}) {{ nodes {{ id {below} }} }}"
            ));
        }
        let (declared, fields) = (declared.join(", "), fields.join(" "));
        let document =
            format!("query Details({declared}) {{ {fields} queryComplexity {{ limit score }} }}");
        (document, Value::Object(variables))
    }

    fn changed(&self, since: &str, first: &str) -> String {
        let page = format!(
            "(updatedAfter: {since}, first: {first}) {{ nodes {{ {} }} pageInfo {{ hasNextPage }} }}",
            self.pipeline(None)
        );
        match self.children {
            false => format!("pipelines{page}"),
            true => {
                let children = page.replacen('(', "(source: \"parent_pipeline\", ", 1);
                format!("pipelines{page} children: pipelines{children}")
            }
        }
    }

    fn pipeline(&self, after: Option<&str>) -> String {
        let mut fields = "id iid status".to_owned();
        if self.jobs {
            let after = after
                .map(|after| format!(", after: {after}"))
                .unwrap_or_default();
            fields.push_str(&format!(
                " jobs(first: 100{after}) {{ nodes {{ {JOB_FIELDS} }} pageInfo {{ hasNextPage endCursor }} }}"
            ));
        }
        if self.suites {
            fields.push_str(&format!(" {SUITE_FIELDS}"));
        } else if self.tests {
            fields.push_str(&format!(" {TEST_FIELDS}"));
        }
        fields
    }

    /// What GitLab's formula for the complexity of a query makes of a part.
    pub fn score(&self, part: &DetailsPart) -> usize {
        /// `id`, `iid`, `status`.
        const OWN: usize = 3;
        /// The fields of 100 jobs, and where the next ones are.
        const JOBS: usize = 2 * (14 + 3 + 1);
        const TESTS: usize = 8;
        const SUITES: usize = TESTS + 9;
        let tests = match (self.suites, self.tests) {
            (true, _) => SUITES,
            (false, true) => TESTS,
            (false, false) => 0,
        };
        let pipeline = OWN + tests + if self.jobs { JOBS } else { 0 };
        let (projects, below) = match part {
            DetailsPart::One { .. } => (1, pipeline.saturating_sub(8).max(1)),
            DetailsPart::Changed {
                projects, first, ..
            } => {
                let list = pipeline + 5;
                let list = list + list * first / 100;
                let lists = 1 + usize::from(self.children);
                (projects.len(), lists * list)
            }
        };
        let one = below + 4;
        one + one * projects.min(100) / 100
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_told_apart_by_their_number() {
        let wanted = Wanted {
            jobs: true,
            children: true,
            ..Wanted::default()
        };
        let pipeline = PipelineId { id: 70, iid: 7 };
        let (document, variables) = wanted.request(&[
            DetailsPart::Changed {
                projects: vec![1, 2],
                since: 0,
                first: 5,
            },
            DetailsPart::One {
                project: 3,
                pipeline,
                after: Some("next".to_owned()),
            },
        ]);
        assert!(
            document.contains("part0: projects(ids: $ids0, first: $count0)"),
            "{document}"
        );
        assert!(
            document
                .contains("children: pipelines(source: \"parent_pipeline\", updatedAfter: $since0")
        );
        assert!(document.contains("pipeline(iid: $iid1)") && document.contains("after: $after1"));
        assert_eq!(variables["iid1"], "7");
        assert!(!document.contains("testReportSummary"));
    }
}
