//! A project's pipelines.

use super::changed::{remembered, updated_after};
use crate::simulator::graphql::connection::Counted;
use crate::simulator::graphql::object::{Context, FieldResult, FieldValue};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::world::project::Project;

/// `Project.pipelines`.
pub(super) fn connection<'w>(
    project: &Project,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    let status = field.text("status").unwrap_or("all");
    let count = match updated_after(field)? {
        Some(since) => remembered(project.pipelines_since(status, since))?,
        None => project.pipelines.in_status(status),
    };
    let shown = project.shows_builds_to(context.viewer);
    Ok(FieldValue::object_if(shown, Counted(count)))
}
