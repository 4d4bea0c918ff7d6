//! What GraphQL can be asked for at the top.

use super::group;
use super::instance::{CurrentUser, Metadata, QueryComplexity};
use super::named_group::Group;
use super::{jobs, license, project_list, runners, totals};
use crate::simulator::graphql::introspection;
use crate::simulator::graphql::object::{Context, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::world::counts::Viewer;

/// The type `Query`.
pub(crate) struct Query;

impl<'w> Object<'w> for Query {
    fn field(&self, field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w> {
        let signed_in = context.viewer != Viewer::Anonymous;
        let path = field.text("fullPath").unwrap_or_default();
        Ok(match field.name {
            "projects" => {
                let list = project_list::filter(field)?;
                project_list::connection(&list, field, context)?
            }
            "project" => {
                let found = context.world.find_project(path);
                let Some(project) = found.filter(|project| project.visible_to(context.viewer))
                else {
                    return Ok(FieldValue::Null);
                };
                context.read(&[project], field.counts_rows())?;
                FieldValue::object(project)
            }
            "group" => {
                // By path only: a number is a name like any other here.
                let found = context.world.visible_group(path, context.viewer);
                let found = found.filter(|(found, _)| *found == path);
                let group = found.map(|(path, group)| FieldValue::object(Group::of(path, group)));
                group.unwrap_or(FieldValue::Null)
            }
            "groups" => group::connection(field, context)?,
            "jobs" => jobs::of_instance(field, context)?,
            "metadata" => FieldValue::object_if(signed_in, Metadata),
            "currentUser" => FieldValue::object_if(signed_in, CurrentUser),
            "runners" => runners::of_instance_connection(field, context)?,
            "currentLicense" => license::current(context),
            "licenseHistoryEntries" => license::history(field, context),
            "usageTrendsMeasurements" => totals::measurements(field, context),
            "queryComplexity" => FieldValue::object(QueryComplexity),
            _ => {
                let name = field.text("name").unwrap_or_default();
                introspection::described(name, &context.world.profile)
            }
        })
    }
}
