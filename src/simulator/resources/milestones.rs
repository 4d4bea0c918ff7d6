//! A project's milestones, which GraphQL pages and does not count.

use serde_json::json;

use super::named_project::find;
use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::{Connection, after, invalid_cursor};
use crate::simulator::graphql::object::{Context, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::project::Project;

pub(super) const ENDPOINTS: &[Endpoint] = &[("/projects/:id/milestones", list)];

/// A milestone; the active ones have the smaller numbers.
#[derive(Clone, Copy)]
struct Milestone {
    number: u64,
    active: bool,
}

impl Milestone {
    fn state(self) -> &'static str {
        if self.active { "active" } else { "closed" }
    }
}

fn of(project: &Project, state: Option<&str>) -> Vec<Milestone> {
    let milestones = project.details().map(|details| details.milestones);
    let milestones = milestones.unwrap_or_default();
    let all = (1..=milestones.active + milestones.closed).map(|number| Milestone {
        number,
        active: number <= milestones.active,
    });
    let wanted = |milestone: &Milestone| state.is_none_or(|state| milestone.state() == state);
    all.filter(wanted).collect()
}

/// `Project.milestones`.
pub(super) fn connection<'w>(
    project: &Project,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    if !project.shows_issues_to(context.viewer) {
        return Ok(FieldValue::Null);
    }
    let behind: u64 = match after(field) {
        Some(cursor) => cursor.parse().map_err(|_| invalid_cursor())?,
        None => 0,
    };
    let rows = of(project, field.text("state")).into_iter();
    let rows = rows.filter(|milestone| milestone.number > behind);
    let cursor = |milestone: Milestone| milestone.number.to_string();
    Ok(FieldValue::object(Connection::of(
        field,
        rows,
        cursor,
        || 0,
    )))
}

impl<'w> Object<'w> for Milestone {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "id" => format!("gid://gitlab/Milestone/{}", self.number).into(),
            _ => self.state().into(),
        })
    }
}

fn list(request: &RestRequest<'_>) -> Answered {
    let project = find(request)?;
    if !project.shows_issues_to(request.viewer) {
        return Err(Answer::forbidden());
    }
    let milestones = of(project, request.parameter("state").as_deref());
    request.counted_rows(milestones.len() as u64, |index| {
        let milestone = milestones[index as usize];
        json!({ "id": milestone.number, "iid": milestone.number, "state": milestone.state() })
    })
}
