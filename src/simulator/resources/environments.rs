//! A project's environments.

use serde_json::{Value, json};

use super::named_project::find;
use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::{Connection, after, invalid_cursor};
use crate::simulator::graphql::object::{Context, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::environments::Environment;
use crate::simulator::world::project::Project;

pub(super) const ENDPOINTS: &[Endpoint] = &[("/projects/:id/environments", list)];

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
    let all = project.environments.iter();
    let named = |environment: &&Environment| {
        let name = field.text("name");
        name.is_none_or(|name| environment.name == name)
    };
    let rows = all.filter(named).filter(|row| row.id > behind);
    let cursor = |environment: &Environment| environment.id.to_string();
    let page = Connection::of(field, rows, cursor, || project.environments.len());
    let shown = project.shows_builds_to(context.viewer);
    Ok(FieldValue::object_if(shown, page))
}

impl<'w> Object<'w> for &'w Environment {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "id" => format!("gid://gitlab/Environment/{}", self.id).into(),
            "name" => self.name.as_str().into(),
            "state" => self.state().into(),
            _ => self.tier.word().to_uppercase().into(),
        })
    }
}

fn list(request: &RestRequest<'_>) -> Answered {
    let project = find(request)?;
    if !project.shows_builds_to(request.viewer) {
        return Err(Answer::forbidden());
    }
    let states = request.parameter("states");
    let in_state = |environment: &&Environment| {
        let wanted = states.as_deref();
        wanted.is_none_or(|wanted| environment.state() == wanted)
    };
    let page = request.by_offset(project.environments.iter().filter(in_state))?;
    let rows: Value = page.rows.iter().map(|row| body(row)).collect();
    Ok(page.answer(request, Answer::json(200, &rows)))
}

fn body(environment: &Environment) -> Value {
    json!({
        "id": environment.id,
        "name": environment.name,
        "state": environment.state(),
        "tier": environment.tier.word(),
    })
}
