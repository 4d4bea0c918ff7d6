//! What the configuration chooses of the catalogue besides the metrics themselves: which refs,
//! environments and labels are read, how many series there may be, and how they are shown.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::subject::{Cadence, Names, Subject};

/// The choices of the configuration, with what is chosen without one.
#[derive(Clone, Debug, PartialEq)]
pub struct Choices {
    pub refs: Refs,
    /// The environments that are read, by name.
    pub environments: Vec<String>,
    /// The labels whose issues are counted.
    pub issue_labels: Vec<String>,
    /// Whether the runs of child pipelines are counted, and those of their jobs.
    pub child_pipelines: bool,
    /// Whether the histograms of jobs carry the name of the job.
    pub job_names: bool,
    pub limits: Limits,
    /// Whether a state is shown by the series of the current one alone; else the others are 0.
    pub sparse_states: bool,
    pub project_labels: ProjectLabels,
    pub histograms_by: HistogramsBy,
    /// The upper bounds of the buckets of histograms, by name, where they are not the metric's own.
    pub bounds: BTreeMap<String, Vec<f64>>,
    /// How often subjects are asked, by name, where it is not the subject's own cadence.
    pub cadence: BTreeMap<&'static str, Duration>,
    /// Whose names a scrape finds.
    pub scrape_names: ScrapeNames,
    /// What must be known to tell series by the names of the semantic conventions, if an exporter does.
    pub conventions: Option<Conventions>,
}

/// What must be known besides the series to tell them by the names of the conventions.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Conventions {
    /// The address of each GitLab, by its name in the configuration; the only one has none.
    pub addresses: BTreeMap<Option<Arc<str>>, Box<str>>,
    /// What series carry besides what identifies a project.
    pub project_labels: ProjectLabels,
}

/// Whose names a scrape finds, where another exporter has names for what is shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum ScrapeNames {
    #[default]
    GitLab,
    /// Those of gitlab-ci-pipelines-exporter for pipelines, jobs and environments; see `ci_exporter`.
    CiExporter,
}

/// Which refs show their newest pipeline, besides the default branch, which always does.
///
/// In a pattern `*` stands for any text, slashes too, as in GitLab's own patterns for protected
/// branches.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Refs {
    pub branches: Vec<String>,
    pub tags: Vec<String>,
    /// By the number of the merge request (`*` for all).
    pub merge_requests: Vec<String>,
    /// Of each kind only so many, those with the newest pipelines.
    pub most_recent: Option<u32>,
    /// Refs whose newest pipeline was created longer ago are left out.
    pub max_age: Option<Duration>,
}

/// How many series there may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub refs_per_project: u32,
    pub environments_per_project: u32,
    /// Jobs that are shown by name.
    pub jobs_per_project: u32,
    /// For each metric, over all projects of a GitLab.
    pub series_per_metric: Option<u64>,
    /// For all metrics of a GitLab together.
    pub series: Option<u64>,
}

/// What every series of a project carries besides its id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ProjectLabels {
    pub path: bool,
    pub namespace: bool,
    pub topics: bool,
}

/// What a histogram tells apart, besides its own attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HistogramsBy {
    /// Nothing: one for each GitLab.
    #[default]
    None,
    /// The group or user that a project lies in.
    Namespace,
    Project,
}

impl Default for Choices {
    fn default() -> Choices {
        Choices {
            refs: Refs::default(),
            environments: ["production", "staging"].map(str::to_owned).to_vec(),
            issue_labels: Vec::new(),
            child_pipelines: false,
            job_names: false,
            limits: Limits::default(),
            sparse_states: true,
            project_labels: ProjectLabels::default(),
            histograms_by: HistogramsBy::default(),
            bounds: BTreeMap::new(),
            cadence: BTreeMap::new(),
            scrape_names: ScrapeNames::default(),
            conventions: None,
        }
    }
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            refs_per_project: 50,
            environments_per_project: 50,
            jobs_per_project: 200,
            series_per_metric: None,
            series: None,
        }
    }
}

impl Choices {
    /// The names that rows are for.
    pub fn names_of(&self, names: Names) -> &[String] {
        match names {
            Names::IssueLabels => &self.issue_labels,
        }
    }

    /// How often a subject is asked. What is asked along with its owner stays so.
    pub fn cadence_of(&self, subject: &Subject) -> Cadence {
        match (subject.cadence, self.cadence.get(subject.name)) {
            (Cadence::EachPoll | Cadence::Every(_), Some(every)) => Cadence::Every(*every),
            (own, _) => own,
        }
    }
}

impl Refs {
    /// Whether a branch other than the default one is taken.
    pub fn takes_branch(&self, name: &str) -> bool {
        any_matches(&self.branches, name)
    }

    pub fn takes_tag(&self, name: &str) -> bool {
        any_matches(&self.tags, name)
    }

    /// Whether a merge request is taken, by its number in the project.
    pub fn takes_merge_request(&self, iid: &str) -> bool {
        any_matches(&self.merge_requests, iid)
    }

    /// Whether any ref is taken besides the default branch.
    pub fn takes_more(&self) -> bool {
        !(self.branches.is_empty() && self.tags.is_empty() && self.merge_requests.is_empty())
    }
}

fn any_matches(patterns: &[String], text: &str) -> bool {
    patterns.iter().any(|pattern| matches(pattern, text))
}

/// Whether a text is like a pattern, in which `*` stands for any text.
pub fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(head) else {
        return false;
    };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let tail = parts.pop().unwrap_or_default();
    for part in parts {
        // The first place is enough: what follows may be any text.
        let Some(at) = text.find(part) else {
            return false;
        };
        text = &text[at + part.len()..];
    }
    text.ends_with(tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_any_text() {
        for (pattern, text, is_like) in [
            ("main", "main", true),
            ("main", "main2", false),
            ("*", "", true),
            ("release/*", "release/1/2", true),
            ("release/*", "release", false),
            ("*-stable", "16-0-stable", true),
            ("a*b*c", "a-b-b-c", true),
            ("a*b*c", "a-c", false),
            ("a*a", "a", false),
            ("*b*b", "ab", false),
            ("v*.*.0", "v1.20.0", true),
            ("ä*ö", "ä→ö", true),
        ] {
            assert_eq!(matches(pattern, text), is_like, "{pattern} {text}");
        }
    }

    #[test]
    fn only_the_default_branch_is_taken_unless_more_is_chosen() {
        let mut refs = Refs::default();
        assert!(!refs.takes_more() && !refs.takes_branch("dev") && !refs.takes_tag("v1"));
        refs.tags = vec!["v*".to_owned()];
        assert!(refs.takes_more() && !refs.takes_branch("v1") && refs.takes_tag("v1"));
    }
}
