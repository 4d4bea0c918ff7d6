//! A project's releases.

use serde_json::json;

use super::named_project::find;
use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::Counted;
use crate::simulator::graphql::object::{Context, FieldValue};
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::clock::in_milliseconds;
use crate::simulator::world::counts::Viewer;
use crate::simulator::world::project::Project;

pub(super) const ENDPOINTS: &[Endpoint] = &[("/projects/:id/releases", list)];

/// `Project.releases`.
pub(super) fn connection<'w>(project: &Project, context: &Context<'w>) -> FieldValue<'w> {
    let shown = project.shows_releases_to(context.viewer);
    FieldValue::object_if(shown, Counted(project.releases))
}

fn list(request: &RestRequest<'_>) -> Answered {
    let project = find(request)?;
    if !project.shows_releases_to(Viewer::User) {
        return Err(Answer::forbidden());
    }
    let total = project.releases;
    request.counted_rows(total, |index| {
        let tag = format!("v0.{}", total - index);
        json!({
            "tag_name": tag,
            "name": tag,
            "description": "",
            "released_at": in_milliseconds(project.created_at),
        })
    })
}
