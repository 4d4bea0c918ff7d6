//! A project's deployments.

use serde_json::{Value, json};

use super::environments;
use super::jobs::{self, JobOf};
use super::merge_requests;
use super::named_project::find;
use super::pipelines::cursor;
use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::Connection;
use crate::simulator::graphql::object::{Context, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::ci::deployment::{Deployment, DeploymentStatus};
use crate::simulator::world::ci::pipeline::sha_of;
use crate::simulator::world::clock::{in_milliseconds, in_seconds};
use crate::simulator::world::environments::Environment;
use crate::simulator::world::merge_requests::MergeRequestFilter;
use crate::simulator::world::project::Project;

pub(super) const ENDPOINTS: &[Endpoint] = &[
    ("/projects/:id/deployments", list),
    ("/projects/:id/deployments/:deployment", one),
    (
        "/projects/:id/deployments/:deployment/merge_requests",
        linked,
    ),
];

/// A deployment and its project.
#[derive(Clone, Copy)]
pub(super) struct DeploymentOf<'w> {
    pub(super) project: &'w Project,
    pub(super) row: &'w Deployment,
}

/// `Project.deployment`: the one of that number.
pub(super) fn single<'w>(
    project: &'w Project,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldValue<'w> {
    let shown = project.shows_builds_to(context.viewer);
    let iid = field.text_or_number("iid");
    let mut all = DeploymentOf::all(project).filter(|_| shown);
    let found = all.find(|one| Some(one.row.iid.to_string()) == iid);
    found.map_or(FieldValue::Null, FieldValue::object)
}

/// `Environment.deployments`, the newest first.
pub(super) fn of_environment<'w>(
    project: &'w Project,
    environment: &Environment,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    let (behind, statuses) = (cursor(field)?, field.texts("statuses"));
    let wanted = |one: &DeploymentOf<'_>| {
        let word = one.row.status.word().to_uppercase();
        let known = statuses.as_ref();
        one.row.environment == environment.id && known.is_none_or(|known| known.contains(&word))
    };
    let all = || DeploymentOf::all(project).filter(wanted);
    let rows = all().filter(|one| behind.is_none_or(|id| one.row.id < id));
    let page = Connection::of(field, rows, |one| one.row.id.to_string(), || all().count());
    context.read_rows(page.rows.len())?;
    Ok(FieldValue::object(page))
}

impl<'w> DeploymentOf<'w> {
    /// All of a project, the newest first.
    pub(super) fn all(project: &'w Project) -> impl Iterator<Item = DeploymentOf<'w>> {
        let ci = project.ci.as_deref().into_iter();
        let rows = ci.flat_map(|ci| ci.deployments.values().rev());
        rows.map(move |row| DeploymentOf { project, row })
    }

    fn environment(&self) -> Option<&'w Environment> {
        let mut environments = self.project.environments.iter();
        environments.find(|one| one.id == self.row.environment)
    }

    fn job(&self) -> Option<JobOf<'w>> {
        let (pipeline, job) = self.row.job?;
        let row = self.project.ci.as_ref()?.pipelines.get(&pipeline)?;
        let job = row.jobs.iter().find(|one| one.id == job)?;
        Some(JobOf::of(self.project, row, job))
    }

    /// As REST writes it: without a finish time and a tier of its own.
    pub(super) fn body(&self, request: &RestRequest<'_>) -> Value {
        let row = self.row;
        let environment = self.environment().map(environments::body);
        let environment = environment.map(|mut environment| {
            if let Value::Object(members) = &mut environment {
                members.retain(|name, _| {
                    ["id", "name", "slug", "external_url"].contains(&name.as_str())
                });
            }
            environment
        });
        json!({
            "id": row.id,
            "iid": row.iid,
            "ref": row.reference.name(),
            "sha": sha_of(self.project.id, row.commit),
            "created_at": in_milliseconds(row.created_at),
            "updated_at": in_milliseconds(row.updated_at),
            "status": row.status.word(),
            "environment": environment,
            "deployable": self.job().map(|job| jobs::body(job, request)),
        })
    }
}

impl<'w> Object<'w> for DeploymentOf<'w> {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        let row = self.row;
        Ok(match field.name {
            "id" => format!("gid://gitlab/Deployment/{}", row.id).into(),
            "iid" => row.iid.to_string().into(),
            "status" => row.status.word().to_uppercase().into(),
            "ref" => row.reference.name().into_owned().into(),
            "refPath" => row.reference.path().into(),
            "sha" => sha_of(self.project.id, row.commit).into(),
            "tag" => row.reference.is_tag().into(),
            "createdAt" => in_seconds(row.created_at).into(),
            "updatedAt" => in_seconds(row.updated_at).into(),
            "finishedAt" => row.finished_at.map(in_seconds).into(),
            _ => self.job().map_or(FieldValue::Null, FieldValue::object),
        })
    }
}

fn list(request: &RestRequest<'_>) -> Answered {
    let project = find(request)?;
    if !project.shows_builds_to(request.viewer) {
        return Err(Answer::forbidden());
    }
    let orders = [
        "id",
        "iid",
        "created_at",
        "updated_at",
        "finished_at",
        "ref",
    ];
    let order = request.choice("order_by", &orders)?;
    let (status, environment) = (
        request.parameter("status"),
        request.parameter("environment"),
    );
    let updated = (
        request.time("updated_after")?,
        request.time("updated_before")?,
    );
    let finished = (
        request.time("finished_after")?,
        request.time("finished_before")?,
    );
    let (by_update, by_finish) = (updated != (None, None), finished != (None, None));
    let refuse = |why: &str| Err(Answer::message(400, &format!("400 Bad request - {why}")));
    if by_update && by_finish {
        return refuse("Both `updated_at` filter and `finished_at` filter can not be specified");
    }
    if by_update && order != "updated_at" {
        return refuse("`updated_at` filter and `updated_at` sorting must be paired");
    }
    if by_finish && order != "finished_at" {
        return refuse("`finished_at` filter and `finished_at` sorting must be paired");
    }
    if by_finish && status.as_deref() != Some("success") {
        return refuse("`finished_at` filter must be combined with `success` status filter.");
    }
    let mut rows: Vec<DeploymentOf<'_>> = DeploymentOf::all(project).collect();
    rows.retain(|one| {
        let row = one.row;
        let named = one.environment().map(|environment| &environment.name);
        status
            .as_ref()
            .is_none_or(|status| row.status.word() == status)
            && environment.as_ref().is_none_or(|name| named == Some(name))
            && updated.0.is_none_or(|when| row.updated_at >= when)
            && updated.1.is_none_or(|when| row.updated_at <= when)
            && finished.0.is_none_or(|when| row.finished_at >= Some(when))
            && finished
                .1
                .is_none_or(|when| row.finished_at.is_some_and(|at| at <= when))
    });
    // Ids decide between rows that are alike.
    rows.sort_by_key(|one| one.row.id);
    match order.as_str() {
        "created_at" => rows.sort_by_key(|one| one.row.created_at),
        "updated_at" => rows.sort_by_key(|one| one.row.updated_at),
        "finished_at" => rows.sort_by_key(|one| one.row.finished_at),
        "ref" => rows.sort_by_key(|one| one.row.reference.name()),
        _ => {}
    }
    if request.choice("sort", &["asc", "desc"])? == "desc" {
        rows.reverse();
    }
    let page = request.by_offset(rows.into_iter())?;
    let bodies: Value = page.rows.iter().map(|one| one.body(request)).collect();
    Ok(page.answer(request, Answer::json(200, &bodies)))
}

fn named<'w>(request: &RestRequest<'w>) -> Result<DeploymentOf<'w>, Answer> {
    let project = find(request)?;
    if !project.shows_builds_to(request.viewer) {
        return Err(Answer::forbidden());
    }
    let id: Option<u64> = request.named(1).parse().ok();
    let found = DeploymentOf::all(project).find(|one| Some(one.row.id) == id);
    found.ok_or_else(|| Answer::message(404, "404 Deployment Not Found"))
}

fn one(request: &RestRequest<'_>) -> Answered {
    Ok(Answer::json(200, &named(request)?.body(request)))
}

/// The merge requests that a deployment was the first to bring to its environment. Only those of a
/// success are linked, and none in a folder.
fn linked(request: &RestRequest<'_>) -> Answered {
    let deployment = named(request)?;
    let (project, row) = (deployment.project, deployment.row);
    let environment = deployment.environment().map(|one| one.name.as_str());
    let succeeded = row.status == DeploymentStatus::Success;
    let merged = project.merge_requests_of(&MergeRequestFilter::in_state("merged"));
    let merged = merged.into_iter().filter(|merge_request| {
        let mut deployed = project.deployments_of(merge_request, environment);
        succeeded && row.finished_at.is_some() && deployed.next() == row.finished_at
    });
    let page = request.by_offset(merged)?;
    let rows = page.rows.iter();
    let rows: Value = rows
        .map(|row| merge_requests::body(project, *row))
        .collect();
    Ok(page.answer(request, Answer::json(200, &rows)))
}
