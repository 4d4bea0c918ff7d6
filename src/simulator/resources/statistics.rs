//! A project's statistics: commits and bytes by kind.

use jiff::Timestamp;
use serde::Serialize;

use crate::simulator::graphql::object::{Context, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::world::project::Project;

/// The type `ProjectStatistics`.
pub(super) struct Statistics<'w>(pub(super) &'w Project);

impl<'w> Object<'w> for Statistics<'w> {
    fn field(&self, field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w> {
        let sizes = &self.0.sizes;
        let number = match field.name {
            "commitCount" => self.0.commits_in_statistics(context.world.now()),
            "storageSize" => sizes.storage(),
            "repositorySize" => sizes.repository,
            "lfsObjectsSize" => sizes.lfs_objects,
            "buildArtifactsSize" => sizes.build_artifacts,
            "pipelineArtifactsSize" => sizes.pipeline_artifacts,
            "packagesSize" => sizes.packages,
            "wikiSize" => sizes.wiki,
            "snippetsSize" => sizes.snippets,
            "uploadsSize" => sizes.uploads,
            _ => match sizes.container_registry {
                Some(size) => size,
                None => return Ok(FieldValue::Null),
            },
        };
        // All of them are floats in GitLab's schema.
        Ok((number as f64).into())
    }
}

/// The member `statistics` of REST's projects.
#[derive(Serialize)]
pub(super) struct Body {
    commit_count: u64,
    storage_size: u64,
    repository_size: u64,
    wiki_size: u64,
    lfs_objects_size: u64,
    job_artifacts_size: u64,
    pipeline_artifacts_size: u64,
    packages_size: u64,
    snippets_size: u64,
    uploads_size: u64,
    container_registry_size: Option<u64>,
}

impl Body {
    pub(super) fn of(project: &Project, now: Timestamp) -> Self {
        let sizes = &project.sizes;
        Body {
            commit_count: project.commits_in_statistics(now),
            storage_size: sizes.storage(),
            repository_size: sizes.repository,
            wiki_size: sizes.wiki,
            lfs_objects_size: sizes.lfs_objects,
            job_artifacts_size: sizes.build_artifacts,
            pipeline_artifacts_size: sizes.pipeline_artifacts,
            packages_size: sizes.packages,
            snippets_size: sizes.snippets,
            uploads_size: sizes.uploads,
            container_registry_size: sizes.container_registry,
        }
    }
}
