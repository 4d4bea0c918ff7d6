//! A project's environments.

use serde_json::{Value, json};

use super::deployments::{self, DeploymentOf};
use super::named_project::find;
use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::{Connection, after, invalid_cursor};
use crate::simulator::graphql::object::{Context, FieldError, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::clock::{in_milliseconds, in_seconds};
use crate::simulator::world::environments::Environment;
use crate::simulator::world::project::Project;

pub(super) const ENDPOINTS: &[Endpoint] = &[
    ("/projects/:id/environments", list),
    ("/projects/:id/environments/:environment", one),
];

/// GitLab searches for no shorter text.
const SHORTEST_SEARCH: usize = 3;

/// An environment and its project.
#[derive(Clone, Copy)]
struct EnvironmentOf<'w> {
    project: &'w Project,
    row: &'w Environment,
}

/// `Project.environments`, in the order of their ids.
pub(super) fn connection<'w>(
    project: &'w Project,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    let behind = match after(field) {
        Some(cursor) => cursor.parse().map_err(|_| invalid_cursor())?,
        None => 0,
    };
    let rows = admitted(project, field)?;
    let rows = rows.filter(|environment| environment.row.id > behind);
    let cursor = |environment: EnvironmentOf<'_>| environment.row.id.to_string();
    let page = Connection::of(field, rows, cursor, || project.environments.len());
    context.read_rows(page.rows.len())?;
    let shown = project.shows_builds_to(context.viewer);
    Ok(FieldValue::object_if(shown, page))
}

/// `Project.environment`: the first that the arguments name.
pub(super) fn single<'w>(
    project: &'w Project,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    let shown = project.shows_builds_to(context.viewer);
    let found = admitted(project, field)?.find(|_| shown);
    Ok(found.map_or(FieldValue::Null, FieldValue::object))
}

fn admitted<'w>(
    project: &'w Project,
    field: &SelectedField<'_>,
) -> Result<impl Iterator<Item = EnvironmentOf<'w>>, FieldError> {
    let text = |name: &str| field.text(name).map(str::to_owned);
    let (name, search, folder) = (text("name"), text("search"), text("type"));
    let states = field.texts("states");
    if search
        .as_ref()
        .is_some_and(|search| search.len() < SHORTEST_SEARCH)
    {
        let message = "Search query is less than 3 characters";
        return Err(FieldError::Message(message.to_owned()));
    }
    let wanted = move |row: &&Environment| {
        let state = row.state();
        name.as_ref().is_none_or(|name| row.name == *name)
            && search
                .as_ref()
                .is_none_or(|search| row.name.contains(search))
            && folder
                .as_ref()
                .is_none_or(|folder| row.folder() == Some(folder))
            && states
                .as_ref()
                .is_none_or(|states| states.iter().any(|one| one == state))
    };
    let rows = project.environments.iter().filter(wanted);
    Ok(rows.map(|row| EnvironmentOf { project, row }))
}

impl<'w> Object<'w> for EnvironmentOf<'w> {
    fn field(&self, field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w> {
        let EnvironmentOf { project, row } = *self;
        Ok(match field.name {
            "id" => format!("gid://gitlab/Environment/{}", row.id).into(),
            "name" => row.name.as_str().into(),
            "state" => row.state().into(),
            "tier" => row.tier.word().to_uppercase().into(),
            "environmentType" => row.folder().into(),
            "slug" => row.slug().into(),
            "externalUrl" => row.external_url.as_deref().into(),
            "createdAt" => in_seconds(row.created_at).into(),
            "updatedAt" => in_seconds(row.updated_at).into(),
            "lastDeployment" => {
                let status = field.text("status").unwrap_or_default().to_lowercase();
                let mut of = DeploymentOf::all(project).filter(|one| one.row.environment == row.id);
                let last = of.find(|one| one.row.status.word() == status);
                last.map_or(FieldValue::Null, FieldValue::object)
            }
            _ => deployments::of_environment(project, row, field, context)?,
        })
    }
}

fn list(request: &RestRequest<'_>) -> Answered {
    let project = find(request)?;
    if !project.shows_builds_to(request.viewer) {
        return Err(Answer::forbidden());
    }
    let (states, name) = (request.parameter("states"), request.parameter("name"));
    let search = request.parameter("search");
    if search
        .as_ref()
        .is_some_and(|search| search.len() < SHORTEST_SEARCH)
    {
        let message = "Search query is less than 3 characters";
        return Err(Answer::message(400, message));
    }
    let wanted = |row: &&Environment| {
        states.as_ref().is_none_or(|wanted| row.state() == wanted)
            && name.as_ref().is_none_or(|name| row.name == *name)
            && search
                .as_ref()
                .is_none_or(|search| row.name.contains(search))
    };
    let page = request.by_offset(project.environments.iter().filter(wanted))?;
    let rows: Value = page.rows.iter().map(|row| body(row)).collect();
    Ok(page.answer(request, Answer::json(200, &rows)))
}

/// One environment. Only here REST tells of the last deployment.
fn one(request: &RestRequest<'_>) -> Answered {
    let project = find(request)?;
    if !project.shows_builds_to(request.viewer) {
        return Err(Answer::forbidden());
    }
    let id: Option<u64> = request.named(1).parse().ok();
    let row = project.environments.iter().find(|row| Some(row.id) == id);
    let row = row.ok_or_else(|| Answer::message(404, "404 Environment Not Found"))?;
    let mut body = body(row);
    let last = DeploymentOf::all(project)
        .find(|one| one.row.environment == row.id && one.row.status.word() == "success");
    body["last_deployment"] = last.map(|one| one.body(request)).unwrap_or_default();
    Ok(Answer::json(200, &body))
}

fn body(environment: &Environment) -> Value {
    json!({
        "id": environment.id,
        "name": environment.name,
        "slug": environment.slug(),
        "external_url": environment.external_url,
        "created_at": in_milliseconds(environment.created_at),
        "updated_at": in_milliseconds(environment.updated_at),
        "state": environment.state(),
        "tier": environment.tier.word(),
        "auto_stop_at": null,
    })
}
