//! A project's merge requests.

use serde_json::json;

use super::changed::{remembered, updated_after};
use super::named_project::find;
use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::Counted;
use crate::simulator::graphql::object::{Context, FieldResult, FieldValue};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::counts::Viewer;
use crate::simulator::world::project::Project;

pub(super) const ENDPOINTS: &[Endpoint] = &[("/projects/:id/merge_requests", list)];

/// `Project.mergeRequests`.
pub(super) fn connection<'w>(
    project: &Project,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    let state = field.text("state").unwrap_or("all");
    let count = match updated_after(field)? {
        Some(since) => remembered(project.merge_requests_since(state, since))?,
        None => project.merge_requests.in_state(state),
    };
    // Without the permission the list is empty, as in GitLab.
    let shown = project.shows_merge_requests_to(context.viewer);
    Ok(FieldValue::object(Counted(if shown { count } else { 0 })))
}

fn list(request: &RestRequest<'_>) -> Answered {
    let project = find(request)?;
    if !project.shows_merge_requests_to(Viewer::User) {
        return Err(Answer::forbidden());
    }
    let state = request.choice("state", &["all", "opened", "closed", "locked", "merged"])?;
    let scopes = ["all", "created_by_me", "assigned_to_me", "reviews_for_me"];
    let total = match request.choice("scope", &scopes)?.as_str() {
        "all" => project.merge_requests.in_state(&state),
        // The token's user has never opened or been given one.
        _ => 0,
    };
    request.counted_rows(total, |index| {
        json!({
            "id": project.id * 100_000 + total - index,
            "iid": total - index,
            "project_id": project.id,
            "title": format!("Change number {}", total - index),
            "state": if state == "all" { state_of(project, index) } else { state.as_str() },
            "target_branch": project.default_branch,
            "draft": false,
        })
    })
}

/// The state of one of a project's merge requests, so that listing them all tells how many of each.
fn state_of(project: &Project, index: u64) -> &'static str {
    let counts = project.merge_requests;
    let mut before = 0;
    for (state, count) in [
        ("opened", counts.opened),
        ("closed", counts.closed),
        ("locked", counts.locked),
    ] {
        before += count;
        if index < before {
            return state;
        }
    }
    "merged"
}
