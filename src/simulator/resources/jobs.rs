//! Jobs: those of a pipeline, of a project and of the whole instance.

use serde_json::{Value, json};

use super::ci::{JobOf, PipelineOf, brief, cursor, found, job_gid, named};
use super::named_project::find;
use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::Connection;
use crate::simulator::graphql::object::{Context, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::limits::MAX_COUNTED_JOBS;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::World;
use crate::simulator::world::ci::job::{Job, JobKind};
use crate::simulator::world::ci::outcome::Artifact;
use crate::simulator::world::ci::pipeline::Pipeline;
use crate::simulator::world::ci::status::PipelineStatus;
use crate::simulator::world::clock::{in_milliseconds, in_seconds};
use crate::simulator::world::project::Project;
use crate::simulator::world::runners::Runner;

pub(super) const ENDPOINTS: &[Endpoint] = &[
    (
        "/projects/:id/pipelines/:pipeline/jobs",
        of_pipeline_by_rest,
    ),
    ("/projects/:id/pipelines/:pipeline/bridges", bridges),
    ("/projects/:id/jobs", of_project_by_rest),
];

/// `Pipeline.jobs`: all attempts of builds and bridges, the newest first.
pub(super) fn of_pipeline<'w>(
    pipeline: PipelineOf<'w>,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    let PipelineOf { project, row } = pipeline;
    let all: Vec<JobOf<'w>> = row
        .jobs
        .iter()
        .rev()
        .map(|job| JobOf::of(project, row, job))
        .collect();
    page(&all, field, context, usize::MAX)
}

/// `Project.jobs`, the newest first.
pub(super) fn of_project<'w>(
    project: &'w Project,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    let shown = project.shows_builds_to(context.viewer);
    let all = if shown { jobs_of(project) } else { Vec::new() };
    page(&all, field, context, usize::MAX)
}

/// `Query.jobs`, the newest first: builds only, and for administrators only. Others get an empty list.
pub(super) fn of_instance<'w>(field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w> {
    let projects = context.world.projects();
    let projects =
        projects.filter(|project| project.ci.is_some() && context.viewer.is_administrator());
    let mut all: Vec<JobOf<'w>> = projects.flat_map(jobs_of).collect();
    all.retain(|job| job.row.kind == JobKind::Build);
    all.sort_unstable_by_key(|job| std::cmp::Reverse(job.row.id));
    page(&all, field, context, MAX_COUNTED_JOBS)
}

/// `Pipeline.sourceJob`: the bridge that started it.
pub(super) fn source_of<'w>(row: &Pipeline, context: &Context<'w>) -> FieldValue<'w> {
    let source = row.upstream.and_then(|by| {
        let upstream = found(context, (by.project, by.pipeline))?;
        let job = upstream.row.jobs.iter().find(|job| job.id == by.job)?;
        Some(JobOf::of(upstream.project, upstream.row, job))
    });
    source.map_or(FieldValue::Null, FieldValue::object)
}

fn jobs_of(project: &Project) -> Vec<JobOf<'_>> {
    let jobs = project.ci.as_ref().map(|ci| ci.jobs()).unwrap_or_default();
    let jobs = jobs.into_iter();
    jobs.map(|(pipeline, job)| JobOf::of(project, pipeline, job))
        .collect()
}

fn page<'w>(
    all: &[JobOf<'w>],
    field: &SelectedField<'_>,
    context: &Context<'w>,
    most_counted: usize,
) -> FieldResult<'w> {
    let statuses = field.texts("statuses").map(|words| statuses(&words));
    let kind = field.text("jobKind").or_else(|| field.text("kind"));
    let retried = field.flag("retried");
    let wanted = |job: &JobOf<'_>| {
        let status = job.row.status;
        statuses
            .as_ref()
            .is_none_or(|wanted| wanted.contains(&status))
            && kind.is_none_or(|kind| job.row.kind.word() == kind)
            && retried.is_none_or(|retried| job.row.retried == retried)
    };
    let admitted = || all.iter().copied().filter(wanted);
    let behind = cursor(field)?;
    let rows = admitted().filter(|job| behind.is_none_or(|id| job.row.id < id));
    let count = || admitted().take(most_counted).count();
    let page = Connection::of(field, rows, |job| job.row.id.to_string(), count);
    context.read_rows(page.rows.len())?;
    Ok(FieldValue::object(page))
}

fn statuses(words: &[String]) -> Vec<PipelineStatus> {
    let words = words.iter();
    words
        .filter_map(|word| PipelineStatus::parse(word))
        .collect()
}

impl<'w> Object<'w> for JobOf<'w> {
    fn field(&self, field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w> {
        let (row, pipeline) = (self.row, self.pipeline);
        Ok(match field.name {
            "id" => job_gid(row).into(),
            "name" => row.name.as_str().into(),
            "status" => row.status.word_in(context.world.profile.version).into(),
            "kind" => row.kind.word().into(),
            "active" => row.status.is_active().into(),
            "retried" => row.retried.into(),
            "allowFailure" => row.allow_failure.into(),
            "manualJob" => row.is_manual().into(),
            "createdAt" => in_seconds(row.created_at).into(),
            "queuedAt" => row.queued_at.map(in_seconds).into(),
            "startedAt" => row.started_at.map(in_seconds).into(),
            "finishedAt" => row.finished_at.map(in_seconds).into(),
            "duration" => row.duration().map(|duration| duration.as_secs()).into(),
            "queuedDuration" => row.queued().map(|queued| queued.as_secs_f64()).into(),
            "coverage" => row.coverage.into(),
            "exitCode" => row.exit_code.into(),
            "failureMessage" => {
                let reason = row.failure_reason;
                reason.and_then(|reason| reason.message()).into()
            }
            "refName" => pipeline.reference.name().into_owned().into(),
            "refPath" => pipeline.reference.path().into(),
            "source" => pipeline.source.to_string().into(),
            "stuck" => false.into(),
            "tags" => FieldValue::Texts(row.tags.as_slice().into()),
            "stage" => FieldValue::object(Stage(&row.stage)),
            "runner" => runner_of(row, context.world).map_or(FieldValue::Null, FieldValue::object),
            "project" => FieldValue::object(self.project),
            "pipeline" => FieldValue::object(PipelineOf {
                project: self.project,
                row: pipeline,
            }),
            "downstreamPipeline" => {
                let started = row.downstream.and_then(|id| found(context, id));
                started.map_or(FieldValue::Null, FieldValue::object)
            }
            _ => artifacts(row, field),
        })
    }
}

fn runner_of<'w>(row: &Job, world: &'w World) -> Option<&'w Runner> {
    let mut runners = world.runners().iter();
    runners.find(|runner| Some(runner.id) == row.runner)
}

fn artifacts<'w>(row: &'w Job, field: &SelectedField<'_>) -> FieldValue<'w> {
    let all = || row.artifacts.iter();
    let cursor = |artifact: &Artifact| artifact.file_type.to_owned();
    FieldValue::object(Connection::of(field, all(), cursor, || all().count()))
}

/// The type `CiStage`.
struct Stage<'w>(&'w str);

impl<'w> Object<'w> for Stage<'w> {
    fn field(&self, _: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(self.0.into())
    }
}

impl<'w> Object<'w> for &'w Artifact {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "fileType" => self.file_type.to_uppercase().into(),
            // A `BigInt` is text.
            _ => self.bytes.to_string().into(),
        })
    }
}

fn of_pipeline_by_rest(request: &RestRequest<'_>) -> Answered {
    by_offset(request, JobKind::Build)
}

fn bridges(request: &RestRequest<'_>) -> Answered {
    by_offset(request, JobKind::Bridge)
}

fn by_offset(request: &RestRequest<'_>, kind: JobKind) -> Answered {
    let PipelineOf { project, row } = named(request)?;
    let retried = request.flag("include_retried")?.unwrap_or(false);
    let scope = scope(request)?;
    let rows = row.jobs.iter().rev();
    let rows = rows
        .filter(|job| job.kind == kind && (retried || !job.retried))
        .filter(|job| scope.is_empty() || scope.contains(&job.status));
    let page = request.by_offset(rows)?;
    let bodies = page
        .rows
        .iter()
        .map(|job| body(JobOf::of(project, row, job), request));
    let answer = Answer::json(200, &bodies.collect::<Value>());
    Ok(page.answer(request, answer))
}

/// `GET /projects/:id/jobs`, the newest first, retried ones among them. It is never counted, as the list
/// may be long.
fn of_project_by_rest(request: &RestRequest<'_>) -> Answered {
    let project = find(request)?;
    if !project.shows_builds_to(request.viewer) {
        return Err(Answer::forbidden());
    }
    let scope = scope(request)?;
    let mut rows = jobs_of(project);
    rows.retain(|job| job.row.kind == JobKind::Build);
    rows.retain(|job| scope.is_empty() || scope.contains(&job.row.status));
    if request.parameter("pagination").as_deref() != Some("keyset") {
        let page = request.by_offset(rows.into_iter())?.uncounted();
        let bodies = page.rows.iter().map(|job| body(*job, request));
        let answer = Answer::json(200, &bodies.collect::<Value>());
        return Ok(page.answer(request, answer));
    }
    let behind = request.number("cursor")?;
    let size = request.page_size()? as usize;
    rows.retain(|job| behind.is_none_or(|id| job.row.id < id));
    let more = rows.len() > size;
    rows.truncate(size);
    let bodies = rows.iter().map(|job| body(*job, request));
    let mut answer = Answer::json(200, &bodies.collect::<Value>());
    if let Some(last) = rows.last().filter(|_| more) {
        let next = request.link(&[("cursor", &last.row.id.to_string())]);
        answer.set_header("Link", format!("<{next}>; rel=\"next\""));
    }
    Ok(answer)
}

/// The statuses that `scope[]` or `scope` names; all, when there are none.
fn scope(request: &RestRequest<'_>) -> Result<Vec<PipelineStatus>, Answer> {
    let pairs = request.url.query_pairs();
    let scoped = pairs.filter(|(name, _)| name == "scope" || name == "scope[]");
    let parsed = scoped.map(|(_, word)| PipelineStatus::parse(&word));
    let parsed: Option<Vec<_>> = parsed.collect();
    parsed.ok_or_else(|| Answer::bad_parameter("scope"))
}

/// A job in a list, or as a part of a deployment.
pub(super) fn body(job: JobOf<'_>, request: &RestRequest<'_>) -> Value {
    let JobOf {
        project,
        pipeline,
        row,
    } = job;
    let seconds = |duration: std::time::Duration| duration.as_secs_f64();
    let mut body = json!({
        "id": row.id,
        "status": row.status.rest_word_in(request.world.profile.version),
        "stage": row.stage,
        "name": row.name,
        "ref": pipeline.reference.name(),
        "tag": pipeline.reference.is_tag(),
        "coverage": row.coverage,
        "allow_failure": row.allow_failure,
        "created_at": in_milliseconds(row.created_at),
        "started_at": row.started_at.map(in_milliseconds),
        "finished_at": row.finished_at.map(in_milliseconds),
        "duration": row.duration().map(seconds),
        "queued_duration": row.queued_until(request.world.now()).map(seconds),
        "pipeline": brief(project, pipeline, request),
    });
    if let Some(reason) = row.failure_reason {
        body["failure_reason"] = reason.word().into();
    }
    match row.kind {
        JobKind::Bridge => {
            let started = row.downstream.and_then(|(id, started)| {
                let project = request.world.project_by_id(id)?;
                let row = project.ci.as_ref()?.pipelines.get(&started)?;
                Some(brief(project, row, request))
            });
            body["downstream_pipeline"] = started.unwrap_or_default();
        }
        JobKind::Build => {
            let artifacts = row
                .artifacts
                .iter()
                .map(|artifact| json!({ "file_type": artifact.file_type, "size": artifact.bytes }));
            body["artifacts"] = artifacts.collect();
            body["tag_list"] = row.tags.iter().map(String::as_str).collect();
            let runner = runner_of(row, request.world).map(|runner| {
                json!({ "id": runner.id, "description": runner.description, "active": !runner.paused,
                        "paused": runner.paused, "runner_type": runner.kind().to_lowercase() })
            });
            body["runner"] = runner.unwrap_or_default();
        }
    }
    body
}
