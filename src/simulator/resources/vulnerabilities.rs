//! A project's vulnerabilities, which Ultimate counts.

use crate::simulator::graphql::object::{Context, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::world::details::Severities;
use crate::simulator::world::project::Project;

/// `Project.vulnerabilitySeveritiesCount`; null without the licence or the right.
pub(super) fn counts<'w>(
    project: &Project,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldValue<'w> {
    let shown = context.world.is_ultimate() && project.shows_vulnerabilities_to(context.viewer);
    let all = project.details().map(|details| details.vulnerabilities);
    let states = field.texts("state");
    let counts = all.unwrap_or_default().in_states(states.as_deref());
    FieldValue::object_if(shown, counts)
}

impl<'w> Object<'w> for Severities {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "critical" => self.critical,
            "high" => self.high,
            "medium" => self.medium,
            "low" => self.low,
            "info" => self.info,
            _ => self.unknown,
        }
        .into())
    }
}
