//! Storage by kind, from the project's statistics (Reporter role).

use super::{
    Attribute, Instrument, Metric, Moves, PROJECT_ID, Question, Rest, Source, Subject, Value,
};

pub(super) const SUBJECT: Subject = Subject {
    name: "storage",
    metrics: &[Metric {
        name: "gitlab_storage_size_bytes",
        unit: "By",
        help: "Storage the project uses by kind",
        instrument: Instrument::Gauge,
        attributes: &[KIND, PROJECT_ID],
        source: Source::Asked(&[
            Value {
                attributes: &[("kind", "repository")],
                question: size("statistics.repositorySize", "statistics.repository_size"),
            },
            Value {
                attributes: &[("kind", "wiki")],
                question: size("statistics.wikiSize", "statistics.wiki_size"),
            },
            Value {
                attributes: &[("kind", "lfs_objects")],
                question: size("statistics.lfsObjectsSize", "statistics.lfs_objects_size"),
            },
            Value {
                attributes: &[("kind", "job_artifacts")],
                question: artifacts(
                    "statistics.buildArtifactsSize",
                    "statistics.job_artifacts_size",
                ),
            },
            Value {
                attributes: &[("kind", "pipeline_artifacts")],
                question: artifacts(
                    "statistics.pipelineArtifactsSize",
                    "statistics.pipeline_artifacts_size",
                ),
            },
            Value {
                attributes: &[("kind", "packages")],
                question: size("statistics.packagesSize", "statistics.packages_size"),
            },
            Value {
                attributes: &[("kind", "snippets")],
                question: size("statistics.snippetsSize", "statistics.snippets_size"),
            },
            Value {
                attributes: &[("kind", "uploads")],
                question: size("statistics.uploadsSize", "statistics.uploads_size"),
            },
            Value {
                attributes: &[("kind", "container_registry")],
                question: size(
                    "statistics.containerRegistrySize",
                    "statistics.container_registry_size",
                ),
            },
        ]),
    }],
};

const KIND: Attribute = Attribute {
    name: "kind",
    meaning: "What takes the space, in the words of GitLab's REST API; the kinds add up, so there is no total.",
    examples: &[
        "repository",
        "wiki",
        "lfs_objects",
        "job_artifacts",
        "pipeline_artifacts",
        "packages",
        "snippets",
        "uploads",
        "container_registry",
    ],
};

const fn size(graphql: &'static str, member: &'static str) -> Question {
    moved(graphql, member, Moves::Quietly)
}

/// What jobs leave behind.
const fn artifacts(graphql: &'static str, member: &'static str) -> Question {
    moved(graphql, member, Moves::WithPipelines)
}

const fn moved(graphql: &'static str, member: &'static str, moves: Moves) -> Question {
    Question {
        graphql,
        rest: Rest::Body(member),
        hidden: &[],
        when_empty: None,
        feature: None,
        moves,
    }
}
