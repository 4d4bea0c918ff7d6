//! Groups: what they are called, and what lies directly in them.

use crate::metrics::Identity;
use crate::metrics::subject::{
    Attribute, Cadence, Column, Grain, Rest, Rows, Shows, Subject, bytes, count, gauge,
};

/// GitLab counts direct ones only, whatever the fields are called.
pub(super) static SUBJECT: Subject = Subject {
    name: "groups",
    of: Grain::Group,
    cadence: Cadence::HOURLY,
    rows: Rows::One,
    columns: &[
        count(
            "projects",
            "projectsCount",
            Rest::Count("projects?include_subgroups=false&with_shared=false"),
        ),
        count("members", "groupMembersCount", Rest::Count("members")),
        count(
            "subgroups",
            "descendantGroupsCount",
            Rest::Count("subgroups?all_available=true"),
        ),
    ],
    metrics: &[
        gauge(
            "gitlab_group_info",
            "",
            "What a group is called; always 1",
            &[GROUP_ID, GROUP_PATH, VISIBILITY],
            Shows::Identity {
                value: |_| Some(1),
                attributes,
            },
        ),
        gauge(
            "gitlab_group_projects",
            "{project}",
            "Projects directly in the group",
            &[GROUP_ID],
            Shows::Value("projects"),
        ),
        gauge(
            "gitlab_group_members",
            "{member}",
            "Direct members of the group",
            &[GROUP_ID],
            Shows::Value("members"),
        ),
        gauge(
            "gitlab_group_subgroups",
            "{group}",
            "Groups directly in the group",
            &[GROUP_ID],
            Shows::Value("subgroups"),
        ),
    ],
};

/// GitLab tells it of top-level groups alone.
pub(super) static STORAGE: Subject = Subject {
    name: "groups",
    of: Grain::Group,
    cadence: Cadence::HOURLY,
    rows: Rows::One,
    columns: &[
        size("repository", "rootStorageStatistics.repositorySize"),
        size("wiki", "rootStorageStatistics.wikiSize"),
        size("lfs_objects", "rootStorageStatistics.lfsObjectsSize"),
        size("job_artifacts", "rootStorageStatistics.buildArtifactsSize"),
        size(
            "pipeline_artifacts",
            "rootStorageStatistics.pipelineArtifactsSize",
        ),
        size("packages", "rootStorageStatistics.packagesSize"),
        size("snippets", "rootStorageStatistics.snippetsSize"),
        size("uploads", "rootStorageStatistics.uploadsSize"),
        size(
            "container_registry",
            "rootStorageStatistics.containerRegistrySize",
        ),
        size(
            "dependency_proxy",
            "rootStorageStatistics.dependencyProxySize",
        ),
    ],
    metrics: &[gauge(
        "gitlab_group_storage_size_bytes",
        "By",
        "Storage that a top-level group uses by kind, where the token may know it",
        &[GROUP_ID, KIND],
        Shows::ByColumn {
            attribute: "kind",
            columns: KINDS,
        },
    )
    .opt_in()],
};

const KINDS: &[&str] = &[
    "repository",
    "wiki",
    "lfs_objects",
    "job_artifacts",
    "pipeline_artifacts",
    "packages",
    "snippets",
    "uploads",
    "container_registry",
    "dependency_proxy",
];

const fn size(kind: &'static str, graphql: &'static str) -> Column {
    bytes(kind, graphql, Rest::Nowhere)
}

fn attributes(identity: &Identity) -> Vec<(&'static str, &str)> {
    vec![
        (GROUP_PATH.name, &identity.path),
        (VISIBILITY.name, &identity.visibility),
    ]
}

pub(crate) const GROUP_ID: Attribute = Attribute {
    name: "group_id",
    meaning: "GitLab's id of the group; it survives renames and transfers.",
    examples: &["9970"],
};

const GROUP_PATH: Attribute = Attribute {
    name: "group_path",
    meaning: "The group's full path.",
    examples: &["platform/tools"],
};

const VISIBILITY: Attribute = Attribute {
    name: "visibility",
    meaning: "Who may see it.",
    examples: &["private", "internal", "public"],
};

const KIND: Attribute = Attribute {
    name: "kind",
    meaning: "What takes the space, in the words of GitLab's REST API.",
    examples: KINDS,
};
