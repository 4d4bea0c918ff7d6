//! A project's issues.

use serde_json::json;

use super::changed::{remembered, updated_after};
use super::named_project::find;
use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::Counted;
use crate::simulator::graphql::object::{Context, FieldError, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::counts::Viewer;
use crate::simulator::world::project::Project;

pub(super) const ENDPOINTS: &[Endpoint] = &[("/projects/:id/issues_statistics", statistics)];

/// `Project.issueStatusCounts`.
pub(super) fn status_counts<'w>(
    project: &Project,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    let counts = StatusCounts {
        opened: count(project, "opened", field)?,
        closed: count(project, "closed", field)?,
    };
    let shown = project.shows_issues_to(context.viewer);
    Ok(FieldValue::object_if(shown, counts))
}

/// `Project.issues`.
pub(super) fn connection<'w>(
    project: &Project,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    let count = count(project, field.text("state").unwrap_or("all"), field)?;
    let shown = project.shows_issues_to(context.viewer);
    Ok(FieldValue::object_if(shown, Counted(count)))
}

/// How many issues of a state there are, or have changed since the field's `updatedAfter`.
fn count(project: &Project, state: &str, field: &SelectedField<'_>) -> Result<u64, FieldError> {
    match updated_after(field)? {
        Some(since) => remembered(project.issues_since(state, since)),
        None => Ok(project.issues_in_state(state)),
    }
}

/// The type `IssueStatusCountsType`.
struct StatusCounts {
    opened: u64,
    closed: u64,
}

impl<'w> Object<'w> for StatusCounts {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "opened" => self.opened.into(),
            "closed" => self.closed.into(),
            _ => (self.opened + self.closed).into(),
        })
    }
}

fn statistics(request: &RestRequest<'_>) -> Answered {
    let project = find(request)?;
    if !project.shows_issues_to(Viewer::User) {
        return Err(Answer::forbidden());
    }
    let counts = json!({
        "all": project.issues_all(),
        "closed": project.issues_closed,
        "opened": project.issues_opened,
    });
    Ok(Answer::json(
        200,
        &json!({ "statistics": { "counts": counts } }),
    ))
}
