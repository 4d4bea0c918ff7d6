//! A project's pipelines.

use serde_json::{Value, json};

use super::changed::remembered;
use super::ci::{PipelineOf, brief, cursor, found, named, pipeline_gid};
use super::jobs;
use super::named_project::find;
use super::pipeline_filter::Filter;
use super::test_reports::Summary;
use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::Connection;
use crate::simulator::graphql::object::{Context, FieldError, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::ci::pipeline::Pipeline;
use crate::simulator::world::ci::reference::Reference;
use crate::simulator::world::clock::{in_milliseconds, in_seconds};
use crate::simulator::world::project::Project;
use crate::simulator::world::version::Version;

pub(super) const ENDPOINTS: &[Endpoint] = &[
    ("/projects/:id/pipelines", list),
    ("/projects/:id/pipelines/latest", latest),
    ("/projects/:id/pipelines/:pipeline", one),
];

/// `Project.pipelines`, the newest first. Without the permission it is an empty list, as in GitLab.
pub(super) fn connection<'w>(
    project: &'w Project,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    let filter = Filter::of(project, field)?;
    let behind = cursor(field)?;
    let shown = project.shows_builds_to(context.viewer);
    let all = || {
        let ci = project.ci.as_deref().filter(|_| shown);
        let rows = ci.into_iter().flat_map(|ci| ci.newest_first());
        rows.map(|row| PipelineOf { project, row })
    };
    let admitted = |pipeline: &PipelineOf<'_>| filter.admits(pipeline.row);
    let past = match field.selected("count").filter(|_| shown) {
        Some(_) => remembered(filter.past(project))?,
        None => 0,
    };
    let rows = all()
        .filter(admitted)
        .filter(|pipeline| behind.is_none_or(|id| pipeline.row.id < id));
    let count = || all().filter(admitted).count() + past as usize;
    let page = Connection::of(field, rows, |pipeline| pipeline.row.id.to_string(), count);
    context.read_rows(page.rows.len())?;
    Ok(FieldValue::object(page))
}

/// `Project.pipeline`: the one of that number, or the latest of the head of the default branch.
pub(super) fn single<'w>(
    project: &'w Project,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    let named = ["id", "iid", "sha"].map(|name| field.text_or_number(name));
    if named.iter().all(Option::is_none) && context.world.profile.version < Version::V18_4 {
        let message = "Provide one of an IID or SHA".to_owned();
        return Err(FieldError::Message(message));
    }
    let [id, iid, sha] = named;
    let head = Reference::Branch(project.default_branch.clone());
    let wanted = |row: &&Pipeline| match (&id, &iid, &sha) {
        (Some(id), ..) => *id == pipeline_gid(row.id),
        (_, Some(iid), _) => *iid == row.iid.to_string(),
        (.., Some(sha)) => *sha == row.sha(project.id),
        _ => !row.is_child() && row.reference == head && row.commit == project.commits,
    };
    let ci = project.ci.as_deref();
    let ci = ci.filter(|_| project.shows_builds_to(context.viewer));
    let found = ci.and_then(|ci| ci.newest_first().find(wanted));
    let found = found.map(|row| FieldValue::object(PipelineOf { project, row }));
    Ok(found.unwrap_or(FieldValue::Null))
}

impl<'w> Object<'w> for PipelineOf<'w> {
    fn field(&self, field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w> {
        let row = self.row;
        let object =
            |found: Option<PipelineOf<'w>>| found.map_or(FieldValue::Null, FieldValue::object);
        Ok(match field.name {
            "id" => pipeline_gid(row.id).into(),
            "iid" => row.iid.to_string().into(),
            "status" => row.status.word_in(context.world.profile.version).into(),
            "source" => row.source.to_string().into(),
            "name" => row.name.as_deref().into(),
            "child" => row.is_child().into(),
            "active" => row.status.is_active().into(),
            "complete" => row.status.has_ended().into(),
            "ref" => row.reference.name().into_owned().into(),
            "refPath" => row.reference.path().into(),
            "sha" => row.sha(self.project.id).into(),
            "createdAt" => in_seconds(row.created_at).into(),
            "startedAt" => row.started_at.map(in_seconds).into(),
            "finishedAt" => row.finished_at.map(in_seconds).into(),
            "updatedAt" => row.updated_at.map(in_seconds).into(),
            "duration" => row.shown_duration().into(),
            "queuedDuration" => row.queued_seconds().into(),
            "coverage" => row.coverage().into(),
            "totalJobs" => (row.jobs.len() as u64).into(),
            "failedJobsCount" => row.failed_jobs().into(),
            "upstream" => {
                let upstream = row.upstream.map(|by| (by.project, by.pipeline));
                object(upstream.and_then(|upstream| found(context, upstream)))
            }
            "downstream" => downstream(row, field, context),
            "sourceJob" => jobs::source_of(row, context),
            "project" => FieldValue::object(self.project),
            "jobs" => jobs::of_pipeline(*self, field, context)?,
            _ => FieldValue::object(Summary(row)),
        })
    }
}

fn downstream<'w>(
    row: &'w Pipeline,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldValue<'w> {
    let started: Vec<(u64, u64)> = row
        .bridges()
        .rev()
        .filter_map(|job| job.downstream)
        .collect();
    let found = || {
        started
            .iter()
            .filter_map(|started| found(context, *started))
    };
    let cursor = |pipeline: PipelineOf<'_>| pipeline.row.id.to_string();
    FieldValue::object(Connection::of(field, found(), cursor, || found().count()))
}

impl Pipeline {
    /// Null while it runs, and before.
    fn shown_duration(&self) -> Option<u64> {
        let duration = self.duration.filter(|_| self.status.has_finished());
        duration.map(|duration| duration.as_secs())
    }

    /// In whole seconds; null where there are none.
    fn queued_seconds(&self) -> Option<u64> {
        self.queued()
            .map(|queued| queued.as_secs())
            .filter(|seconds| *seconds > 0)
    }
}

fn list(request: &RestRequest<'_>) -> Answered {
    let project = find(request)?;
    if !project.shows_builds_to(request.viewer) {
        return Err(Answer::forbidden());
    }
    let filter = Filter::of_rest(project, request)?;
    let order = request.choice(
        "order_by",
        &["id", "status", "ref", "updated_at", "user_id"],
    )?;
    let ci = project.ci.as_deref();
    let rows = ci.into_iter().flat_map(|ci| ci.pipelines.values());
    let mut rows: Vec<&Pipeline> = rows.filter(|row| filter.admits(row)).collect();
    match order.as_str() {
        "status" => rows.sort_by_key(|row| row.status.rest_word()),
        "ref" => rows.sort_by_key(|row| row.reference.name()),
        "updated_at" => rows.sort_by_key(|row| row.updated_at),
        _ => {}
    }
    if !request.ascending()? {
        rows.reverse();
    }
    // Pipelines of the far past can be counted by their status, and are in no other list.
    let counted = request.parameter("status").is_some();
    let old = filter.past(project).filter(|_| counted).unwrap_or_default();
    let rows = rows.into_iter().map(Some);
    let page = request.by_offset(rows.chain((0..old).map(|_| None)))?;
    let bodies = page.rows.iter().map(|row| match row {
        Some(row) => brief(project, row, request),
        None => json!({
            "project_id": project.id,
            "status": request.parameter("status"),
            "ref": project.default_branch,
            "created_at": in_milliseconds(project.created_at),
            "updated_at": in_milliseconds(project.created_at),
        }),
    });
    let answer = Answer::json(200, &bodies.collect::<Value>());
    Ok(page.answer(request, answer))
}

fn latest(request: &RestRequest<'_>) -> Answered {
    let project = find(request)?;
    if !project.shows_builds_to(request.viewer) {
        return Err(Answer::forbidden());
    }
    let name = request.parameter("ref");
    let name = name.unwrap_or_else(|| project.default_branch.clone());
    let ci = project.ci.as_deref();
    let mut rows = ci.into_iter().flat_map(|ci| ci.newest_first());
    let row = rows.find(|row| !row.is_child() && row.reference.name() == name);
    let row = row.ok_or_else(Answer::forbidden)?;
    Ok(Answer::json(
        200,
        &whole(PipelineOf { project, row }, request),
    ))
}

fn one(request: &RestRequest<'_>) -> Answered {
    Ok(Answer::json(200, &whole(named(request)?, request)))
}

fn whole(pipeline: PipelineOf<'_>, request: &RestRequest<'_>) -> Value {
    let PipelineOf { project, row } = pipeline;
    let mut body = brief(project, row, request);
    body["tag"] = row.reference.is_tag().into();
    body["yaml_errors"] = Value::Null;
    body["started_at"] = row.started_at.map(in_milliseconds).into();
    body["finished_at"] = row.finished_at.map(in_milliseconds).into();
    body["committed_at"] = Value::Null;
    body["duration"] = row.shown_duration().into();
    body["queued_duration"] = row.queued_seconds().into();
    // REST writes it as text.
    body["coverage"] = row
        .coverage()
        .map(|coverage| format!("{coverage:.2}"))
        .into();
    body
}
