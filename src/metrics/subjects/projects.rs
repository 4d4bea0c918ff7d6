//! Projects: who they are, how many there are, and what GitLab says of them without counting.

use crate::metrics::Identity;
use crate::metrics::subject::{
    Attribute, Cadence, Convention, Grain, Instrument, NAMESPACE, PROJECT_ID, PROJECT_PATH, Rest,
    Rows, Shows, Subject, count, gauge, time,
};

pub(super) static SUBJECT: Subject = Subject {
    name: "projects",
    of: Grain::Project,
    cadence: Cadence::WithOwner,
    rows: Rows::One,
    columns: &[
        count("stars", "starCount", Rest::Body("star_count")),
        count("forks", "forksCount", Rest::Body("forks_count")),
        time("created", "createdAt", Rest::Body("created_at")),
    ],
    metrics: &[
        gauge(
            "gitlab_project_count",
            "{project}",
            "Total number of projects",
            &[],
            Shows::Projects,
        )
        .as_convention(&Convention {
            name: "vcs.repository.count",
            instrument: Instrument::UpDownCounter,
            unit: "{repository}",
            help: "The number of repositories in an organization",
            shows: None,
            attributes: &[],
        }),
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
                attributes,
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
        gauge(
            "gitlab_project_created_timestamp_seconds",
            "s",
            "When the project was created",
            &[PROJECT_ID],
            Shows::Value("created"),
        ),
    ],
};

/// What `gitlab_project_info` says of a project besides its id.
fn attributes(identity: &Identity) -> Vec<(&'static str, &str)> {
    let archived = identity
        .archived
        .map(|archived| if archived { "true" } else { "false" });
    vec![
        (ARCHIVED.name, archived.unwrap_or_default()),
        (
            DEFAULT_BRANCH.name,
            identity.default_branch.as_deref().unwrap_or_default(),
        ),
        (NAMESPACE.name, identity.namespace()),
        (PROJECT_NAME.name, &identity.name),
        (PROJECT_PATH.name, &identity.path),
        (VISIBILITY.name, &identity.visibility),
    ]
}

const ARCHIVED: Attribute = Attribute {
    name: "archived",
    meaning: "Whether the project is archived.",
    examples: &["true", "false"],
};

const DEFAULT_BRANCH: Attribute = Attribute {
    name: "default_branch",
    meaning: "The default branch; empty where there is none or it may not be seen.",
    examples: &["main"],
};

const PROJECT_NAME: Attribute = Attribute {
    name: "project_name",
    meaning: "The project's display name.",
    examples: &["GitLab Metrics Bridge"],
};

const VISIBILITY: Attribute = Attribute {
    name: "visibility",
    meaning: "Who may see the project.",
    examples: &["private", "internal", "public"],
};
