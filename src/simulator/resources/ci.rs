//! A pipeline or a job with what it belongs to, and what GraphQL and REST share about them.

use serde_json::{Value, json};

use super::named_project::find;
use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::{after, invalid_cursor};
use crate::simulator::graphql::object::{Context, FieldError};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::RestRequest;
use crate::simulator::world::ci::job::{Job, JobKind};
use crate::simulator::world::ci::pipeline::Pipeline;
use crate::simulator::world::clock::in_milliseconds;
use crate::simulator::world::project::Project;

/// A pipeline and its project.
#[derive(Clone, Copy)]
pub(super) struct PipelineOf<'w> {
    pub(super) project: &'w Project,
    pub(super) row: &'w Pipeline,
}

/// An attempt of a job, its pipeline and its project.
#[derive(Clone, Copy)]
pub(super) struct JobOf<'w> {
    pub(super) project: &'w Project,
    pub(super) pipeline: &'w Pipeline,
    pub(super) row: &'w Job,
}

impl<'w> JobOf<'w> {
    pub(super) fn of(project: &'w Project, pipeline: &'w Pipeline, row: &'w Job) -> Self {
        JobOf {
            project,
            pipeline,
            row,
        }
    }
}

/// The id behind which a page begins.
pub(super) fn cursor(field: &SelectedField<'_>) -> Result<Option<u64>, FieldError> {
    let cursor = after(field).map(str::parse);
    cursor.transpose().map_err(|_| invalid_cursor())
}

/// A pipeline of any project that the viewer may see.
pub(super) fn found<'w>(
    context: &Context<'w>,
    (project, id): (u64, u64),
) -> Option<PipelineOf<'w>> {
    let project = context.world.project_by_id(project)?;
    let shown = project.shows_builds_to(context.viewer);
    let ci = project.ci.as_deref().filter(|_| shown)?;
    let row = ci.pipelines.get(&id)?;
    Some(PipelineOf { project, row })
}

pub(super) fn pipeline_gid(id: u64) -> String {
    format!("gid://gitlab/Ci::Pipeline/{id}")
}

pub(super) fn job_gid(job: &Job) -> String {
    match job.kind {
        JobKind::Build => format!("gid://gitlab/Ci::Build/{}", job.id),
        JobKind::Bridge => format!("gid://gitlab/Ci::Bridge/{}", job.id),
    }
}

/// The pipeline that a REST address names.
pub(super) fn named<'w>(request: &RestRequest<'w>) -> Result<PipelineOf<'w>, Answer> {
    let project = find(request)?;
    if !project.shows_builds_to(request.viewer) {
        return Err(Answer::forbidden());
    }
    let id: Option<u64> = request.named(1).parse().ok();
    let ci = project.ci.as_deref();
    let row = ci.and_then(|ci| ci.pipelines.get(&id?));
    let row = row.ok_or_else(|| Answer::message(404, "404 Not found"))?;
    Ok(PipelineOf { project, row })
}

/// A pipeline in a list, or as a part of something else.
pub(super) fn brief(project: &Project, row: &Pipeline, request: &RestRequest<'_>) -> Value {
    json!({
        "id": row.id,
        "iid": row.iid,
        "project_id": project.id,
        "sha": row.sha(project.id),
        "ref": row.reference.name(),
        "status": row.status.rest_word_in(request.world.profile.version),
        "source": row.source,
        "name": row.name,
        "created_at": in_milliseconds(row.created_at),
        "updated_at": row.updated_at.map(in_milliseconds),
        "web_url": format!("{}/{}/-/pipelines/{}", request.instance(), project.full_path, row.id),
    })
}
