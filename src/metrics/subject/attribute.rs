//! Attributes (labels), and those that several subjects have.

/// One attribute (label) of a metric.
#[derive(Debug)]
pub struct Attribute {
    pub name: &'static str,
    /// What it says, in a sentence.
    pub meaning: &'static str,
    /// Some values it takes; all of them where the set is closed, and all that are known of a state: where
    /// states are not sparse, those that it is not are shown as 0.
    pub examples: &'static [&'static str],
}

impl Attribute {
    /// Whether it says whose row it is.
    pub(in crate::metrics) fn is_identity(&self) -> bool {
        ["project_id", "group_id", "runner_id", "project"].contains(&self.name)
    }
}

/// The identity of a project.
pub const PROJECT_ID: Attribute = Attribute {
    name: "project_id",
    meaning: "GitLab's id of the project; it survives renames and transfers.",
    examples: &["2540"],
};

pub(crate) const PROJECT_PATH: Attribute = Attribute {
    name: "project_path",
    meaning: "The project's full path; it changes when the project is renamed or transferred.",
    examples: &["platform/tools/gitlab-metrics-bridge"],
};

pub(crate) const NAMESPACE: Attribute = Attribute {
    name: "namespace",
    meaning: "The full path of the group or user the project lies in.",
    examples: &["platform/tools"],
};

pub(crate) const TOPICS: Attribute = Attribute {
    name: "topics",
    meaning: "The topics of the project, sorted and joined by commas.",
    examples: &["backend,rust"],
};

/// The state of a thing that is opened and ends in one of several ways.
pub(crate) const STATE: Attribute = Attribute {
    name: "state",
    meaning: "The state, in GitLab's words; issues are never merged or locked.",
    examples: &["opened", "closed", "merged", "locked"],
};

/// The name of a GitLab on its series. Not `instance`: that is Prometheus' word for its target.
pub(crate) const INSTANCE: Attribute = Attribute {
    name: "gitlab_instance",
    meaning: "The name of the GitLab in the configuration; only if several are polled.",
    examples: &["com", "internal"],
};
