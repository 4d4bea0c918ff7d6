//! Projects: who they are, how many there are, and what GitLab says of them without counting.

use super::subject::{Attribute, Grain, Rest, Rows, Shows, Subject, count, gauge};
use super::{Identity, PROJECT_ID};

pub(super) static SUBJECT: Subject = Subject {
    name: "projects",
    of: Grain::Project,
    rows: Rows::One,
    columns: &[
        count("stars", "starCount", Rest::Body("star_count")),
        count("forks", "forksCount", Rest::Body("forks_count")),
    ],
    metrics: &[
        gauge(
            "gitlab_project_count",
            "{project}",
            "Total number of projects",
            &[],
            Shows::Projects,
        ),
        gauge(
            "gitlab_project_info",
            "",
            "What a project is called and where it lies; always 1",
            &[
                ARCHIVED,
                DEFAULT_BRANCH,
                NAMESPACE,
                PROJECT_ID,
                PROJECT_NAME,
                PROJECT_PATH,
                VISIBILITY,
            ],
            Shows::Identity {
                value: |_| Some(1),
                attributes: Identity::attributes,
            },
        ),
        gauge(
            "gitlab_project_stars",
            "{star}",
            "Stars of the project",
            &[PROJECT_ID],
            Shows::Value("stars"),
        ),
        gauge(
            "gitlab_project_forks",
            "{fork}",
            "Forks of the project",
            &[PROJECT_ID],
            Shows::Value("forks"),
        ),
        gauge(
            "gitlab_project_last_activity_timestamp_seconds",
            "s",
            "When the project was last active, as GitLab notes it at most once an hour",
            &[PROJECT_ID],
            Shows::Identity {
                value: |identity| identity.last_activity,
                attributes: |_| Vec::new(),
            },
        ),
    ],
};

pub(super) const ARCHIVED: Attribute = Attribute {
    name: "archived",
    meaning: "Whether the project is archived.",
    examples: &["true", "false"],
};
pub(super) const DEFAULT_BRANCH: Attribute = Attribute {
    name: "default_branch",
    meaning: "The default branch; empty where there is none or it may not be seen.",
    examples: &["main"],
};
pub(super) const NAMESPACE: Attribute = Attribute {
    name: "namespace",
    meaning: "The full path of the group or user the project lies in.",
    examples: &["platform/tools"],
};
pub(super) const PROJECT_NAME: Attribute = Attribute {
    name: "project_name",
    meaning: "The project's display name.",
    examples: &["GitLab Metrics Bridge"],
};
pub(super) const PROJECT_PATH: Attribute = Attribute {
    name: "project_path",
    meaning: "The project's full path; it changes when the project is renamed or transferred.",
    examples: &["platform/tools/gitlab-metrics-bridge"],
};
pub(super) const VISIBILITY: Attribute = Attribute {
    name: "visibility",
    meaning: "Who may see the project.",
    examples: &["private", "internal", "public"],
};
