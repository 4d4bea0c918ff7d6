//! A project's deployments.

use serde_json::{Value, json};

use super::ci::{JobOf, cursor};
use super::jobs;
use super::merge_requests;
use super::named_project::find;
use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::Connection;
use crate::simulator::graphql::object::{Context, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::ci::deployment::{Deployment, DeploymentStatus};
use crate::simulator::world::ci::reference::sha_of;
use crate::simulator::world::clock::{in_milliseconds, in_seconds};
use crate::simulator::world::environments::Environment;
use crate::simulator::world::issuables::Span;
use crate::simulator::world::merge_request_list::MergeRequestFilter;
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
        let environment = self.environment().map(|environment| {
            json!({
                "id": environment.id,
                "name": environment.name,
                "slug": environment.slug(),
                "external_url": environment.external_url,
            })
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
    let filter = Filter::of(request)?;
    let all = DeploymentOf::all(project);
    let mut rows: Vec<DeploymentOf<'_>> = all.filter(|one| filter.admits(one)).collect();
    // Ids decide between rows that are alike.
    rows.sort_by_key(|one| one.row.id);
    match filter.order.as_str() {
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

/// What the parameters of a list ask for.
struct Filter {
    order: String,
    status: Option<String>,
    environment: Option<String>,
    updated: Span,
    finished: Span,
}

impl Filter {
    /// Times are taken only together with the order by the same times.
    fn of(request: &RestRequest<'_>) -> Result<Filter, Answer> {
        let orders = [
            "id",
            "iid",
            "created_at",
            "updated_at",
            "finished_at",
            "ref",
        ];
        let span = |from: &'static str, to: &'static str| -> Result<Span, Answer> {
            Ok(Span {
                from: request.time(from)?,
                to: request.time(to)?,
            })
        };
        let filter = Filter {
            order: request.choice("order_by", &orders)?,
            status: request.parameter("status"),
            environment: request.parameter("environment"),
            updated: span("updated_after", "updated_before")?,
            finished: span("finished_after", "finished_before")?,
        };
        let by_update = filter.updated != Span::default();
        let by_finish = filter.finished != Span::default();
        let succeeded = filter.status.as_deref() == Some("success");
        let wrong = match filter.order.as_str() {
            _ if by_update && by_finish => {
                "Both `updated_at` filter and `finished_at` filter can not be specified"
            }
            order if by_update && order != "updated_at" => {
                "`updated_at` filter and `updated_at` sorting must be paired"
            }
            order if by_finish && order != "finished_at" => {
                "`finished_at` filter and `finished_at` sorting must be paired"
            }
            _ if by_finish && !succeeded => {
                "`finished_at` filter must be combined with `success` status filter."
            }
            _ => return Ok(filter),
        };
        Err(Answer::message(400, &format!("400 Bad request - {wrong}")))
    }

    fn admits(&self, one: &DeploymentOf<'_>) -> bool {
        let row = one.row;
        let (status, environment) = (self.status.as_ref(), self.environment.as_ref());
        let named = one.environment().map(|environment| &environment.name);
        status.is_none_or(|status| row.status.word() == status)
            && environment.is_none_or(|name| named == Some(name))
            && self.updated.holds(Some(row.updated_at))
            && self.finished.holds(row.finished_at)
    }
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
