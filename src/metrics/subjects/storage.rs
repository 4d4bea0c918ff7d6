//! Storage by kind, from the project's statistics (Reporter role).

use crate::metrics::subject::{
    Attribute, Cadence, ChangesWith, Column, Grain, PROJECT_ID, Rest, Rows, Shows, Subject, bytes,
    gauge,
};

pub(super) static SUBJECT: Subject = Subject {
    name: "storage",
    of: Grain::Project,
    cadence: Cadence::WithOwner,
    rows: Rows::One,
    // Jobs and pipelines leave artifacts behind; nothing tells of the others.
    columns: &[
        size(
            "repository",
            "statistics.repositorySize",
            "statistics.repository_size",
        ),
        size("wiki", "statistics.wikiSize", "statistics.wiki_size"),
        size(
            "lfs_objects",
            "statistics.lfsObjectsSize",
            "statistics.lfs_objects_size",
        ),
        size(
            "job_artifacts",
            "statistics.buildArtifactsSize",
            "statistics.job_artifacts_size",
        )
        .changes_with(ChangesWith::Pipelines),
        size(
            "pipeline_artifacts",
            "statistics.pipelineArtifactsSize",
            "statistics.pipeline_artifacts_size",
        )
        .changes_with(ChangesWith::Pipelines),
        size(
            "packages",
            "statistics.packagesSize",
            "statistics.packages_size",
        ),
        size(
            "snippets",
            "statistics.snippetsSize",
            "statistics.snippets_size",
        ),
        size(
            "uploads",
            "statistics.uploadsSize",
            "statistics.uploads_size",
        ),
        size(
            "container_registry",
            "statistics.containerRegistrySize",
            "statistics.container_registry_size",
        ),
    ],
    metrics: &[gauge(
        "gitlab_storage_size_bytes",
        "By",
        "Storage the project uses by kind",
        &[KIND, PROJECT_ID],
        Shows::ByColumn {
            attribute: "kind",
            columns: KINDS,
        },
    )],
};

/// The columns, and the values of the attribute.
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
];

const KIND: Attribute = Attribute {
    name: "kind",
    meaning: "What takes the space, in the words of GitLab's REST API; the kinds add up, so there is no total.",
    examples: KINDS,
};

const fn size(kind: &'static str, graphql: &'static str, member: &'static str) -> Column {
    bytes(kind, graphql, Rest::Body(member))
}
