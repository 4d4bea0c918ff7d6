//! A project's packages and its repositories of containers.

use serde_json::json;

use super::named_project::find;
use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::Counted;
use crate::simulator::graphql::object::{Context, FieldValue};
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::project::Project;

pub(super) const ENDPOINTS: &[Endpoint] = &[
    ("/projects/:id/packages", list),
    ("/projects/:id/registry/repositories", containers),
];

/// `Project.packages`; null where they are switched off.
pub(super) fn connection<'w>(project: &Project, context: &Context<'w>) -> FieldValue<'w> {
    let shown = project.shows_packages_to(context.viewer);
    FieldValue::object_if(shown, Counted(project.packages))
}

/// `Project.containerRepositoriesCount`; null where they are switched off.
pub(super) fn container_count<'w>(project: &Project, context: &Context<'w>) -> FieldValue<'w> {
    let shown = project.shows_containers_to(context.viewer);
    shown.then(|| container_repositories(project)).into()
}

fn container_repositories(project: &Project) -> u64 {
    let details = project.details();
    details.map_or(0, |details| details.container_repositories)
}

fn list(request: &RestRequest<'_>) -> Answered {
    let project = find(request)?;
    if !project.shows_packages_to(request.viewer) {
        return Err(Answer::forbidden());
    }
    request.counted_rows(project.packages, |index| {
        json!({ "id": index + 1, "name": format!("package-{}", index + 1), "version": "1.0.0" })
    })
}

fn containers(request: &RestRequest<'_>) -> Answered {
    let project = find(request)?;
    if !project.shows_containers_to(request.viewer) {
        return Err(Answer::forbidden());
    }
    request.counted_rows(container_repositories(project), |index| {
        json!({ "id": index + 1, "path": format!("{}/image-{}", project.full_path, index + 1) })
    })
}
