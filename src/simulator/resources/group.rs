//! Groups, and the personal namespaces of users.

use serde_json::{Value, json};

use super::named_group::{Group, find};
use super::{issues, members, merge_requests, project_list, runners};
use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::{Connection, after};
use crate::simulator::graphql::object::{Context, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::World;
use crate::simulator::world::counts::{Role, Sizes, Viewer};
use crate::simulator::world::listing::{Archived, Filter, Order};
use crate::simulator::world::namespaces::Namespace;
use crate::simulator::world::project::Project;
use crate::simulator::world::version::Version;

pub(super) const ENDPOINTS: &[Endpoint] = &[
    ("/groups", list),
    ("/groups/:id", one),
    ("/groups/:id/projects", projects),
    ("/groups/:id/subgroups", subgroups),
    ("/groups/:id/descendant_groups", descendants),
];

impl<'w> Object<'w> for Group<'w> {
    fn field(&self, field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w> {
        let (world, viewer) = (context.world, context.viewer);
        Ok(match field.name {
            "id" => self.global_id().into(),
            "fullPath" => self.path.into(),
            "visibility" => self.namespace.visibility.word().into(),
            "projects" => {
                let list = project_list::group_filter(self.path, field)?;
                project_list::connection(&list, field, context)?
            }
            // All three count what is directly below.
            "projectsCount" => direct_projects(world, self.path, viewer).into(),
            "groupMembersCount" => (world.direct_group_members(self.id()).len() as u64).into(),
            "descendantGroupsCount" => {
                let children = world.visible_groups_below(self.path, false, viewer);
                (children.count() as u64).into()
            }
            "descendantGroups" => {
                let all = field.flag("includeParentDescendants").unwrap_or(true);
                let path = self.path;
                page(field, || world.visible_groups_below(path, all, viewer))
            }
            "groupMembers" => members::of_group_connection(self.path, self.id(), field, context)?,
            "runners" => runners::of_group_connection(*self, field, context)?,
            "rootStorageStatistics" => storage(*self, context),
            "mergeRequests" => {
                let projects = projects_of(*self, field, context).into_iter();
                let shown = projects.filter(|project| project.shows_merge_requests_to(viewer));
                merge_requests::of_projects(shown, field, context)?
            }
            "issues" => {
                let projects = projects_of(*self, field, context).into_iter();
                let shown = projects.filter(|project| project.shows_issues_to(viewer));
                issues::of_projects(shown, field)?
            }
            _ => self.name().into(),
        })
    }
}

/// The bytes below a top-level group. Other groups have none, and not everybody may know them.
fn storage<'w>(group: Group<'w>, context: &Context<'w>) -> FieldValue<'w> {
    // Owners alone, until GitLab let maintainers know too.
    let needed = match context.world.profile.version < Version::V18_4 {
        true => Role::Owner,
        false => Role::Maintainer,
    };
    let told = group.is_top() && group.role_of(context.viewer) >= needed;
    FieldValue::object_if(told, Storage(context.world.group_sizes(group.path)))
}

/// The projects whose things a list of the group holds.
fn projects_of<'w>(
    group: Group<'w>,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> Vec<&'w Project> {
    let subgroups = field.flag("includeSubgroups").unwrap_or(false);
    let filter = Filter {
        group: Some((group.path.to_owned(), subgroups)),
        archived: match field.flag("includeArchived") {
            Some(true) => Archived::Include,
            _ => Archived::Exclude,
        },
        ..Filter::default()
    };
    let (world, viewer) = (context.world, context.viewer);
    let projects = filter.list(world, viewer, Order::IdAscending, None);
    projects.collect()
}

fn body(group: Group<'_>, request: &RestRequest<'_>) -> Value {
    let parent = group.path.rsplit_once('/').map(|(parent, _)| parent);
    let parent = parent.and_then(|parent| request.world.namespace(parent));
    json!({
        "id": group.namespace.id,
        "name": group.name(),
        "path": group.name(),
        "full_name": group.path.replace('/', " / "),
        "full_path": group.path,
        "visibility": group.namespace.visibility.word(),
        "parent_id": parent.map(|parent| parent.id),
        "web_url": format!("{}/groups/{}", request.instance(), group.path),
    })
}

fn direct_projects(world: &World, path: &str, viewer: Viewer) -> u64 {
    let direct = Filter {
        group: Some((path.to_owned(), false)),
        ..Filter::default()
    };
    direct.count(world, viewer) as u64
}

/// The type `RootStorageStatistics`.
struct Storage(Sizes);

impl<'w> Object<'w> for Storage {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        let sizes = &self.0;
        let bytes = match field.name {
            "storageSize" => sizes.storage(),
            "repositorySize" => sizes.repository,
            "lfsObjectsSize" => sizes.lfs_objects,
            "buildArtifactsSize" => sizes.build_artifacts,
            "pipelineArtifactsSize" => sizes.pipeline_artifacts,
            "packagesSize" => sizes.packages,
            "wikiSize" => sizes.wiki,
            "snippetsSize" => sizes.snippets,
            "uploadsSize" => sizes.uploads,
            "containerRegistrySize" => sizes.container_registry.unwrap_or_default(),
            // The dependency proxy, which the model has not.
            _ => 0,
        };
        Ok((bytes as f64).into())
    }
}

/// `Query.groups`.
pub(super) fn connection<'w>(field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w> {
    let ids = field.texts("ids");
    let top_level = field.flag("topLevelOnly").unwrap_or(false);
    let asked_for = |path: &str, group: Namespace| {
        let named = |ids: &Vec<String>| ids.contains(&Group::of(path, group).global_id());
        ids.as_ref().is_none_or(named) && !(top_level && path.contains('/'))
    };
    Ok(page(field, || {
        let visible = context.world.visible_groups(context.viewer);
        visible.filter(|(path, group)| asked_for(path, *group))
    }))
}

/// A page of groups in the order of their paths, each of which is a cursor.
fn page<'w, I>(field: &SelectedField<'_>, groups: impl Fn() -> I) -> FieldValue<'w>
where
    I: Iterator<Item = (&'w str, Namespace)>,
{
    let behind = after(field).unwrap_or_default();
    let rows = groups().filter(|(path, _)| *path > behind);
    let rows = rows.map(|(path, group)| Group::of(path, group));
    let cursor = |group: Group<'w>| group.path.to_owned();
    FieldValue::object(Connection::of(field, rows, cursor, || groups().count()))
}

fn list(request: &RestRequest<'_>) -> Answered {
    let top_level = request.flag("top_level_only")?.unwrap_or(false);
    let groups = request.world.visible_groups(request.viewer);
    let groups = groups.filter(|(path, _)| !(top_level && path.contains('/')));
    // Names and paths are searched, not full paths.
    let search = request
        .parameter("search")
        .unwrap_or_default()
        .to_lowercase();
    let found = |path: &str, group: Namespace| Group::of(path, group).name().to_lowercase();
    let groups = groups.filter(|(path, group)| found(path, *group).contains(&search));
    rows(request, groups)
}

fn subgroups(request: &RestRequest<'_>) -> Answered {
    let group = find(request)?;
    let children = request
        .world
        .visible_groups_below(group.path, false, request.viewer);
    rows(request, children)
}

fn descendants(request: &RestRequest<'_>) -> Answered {
    let group = find(request)?;
    let below = request
        .world
        .visible_groups_below(group.path, true, request.viewer);
    rows(request, below)
}

fn rows<'w>(
    request: &RestRequest<'_>,
    groups: impl Iterator<Item = (&'w str, Namespace)>,
) -> Answered {
    let groups = groups.map(|(path, group)| Group::of(path, group));
    let page = request.by_offset(groups)?;
    let rows: Value = page
        .rows
        .iter()
        .map(|group| body(*group, request))
        .collect();
    Ok(page.answer(request, Answer::json(200, &rows)))
}

fn one(request: &RestRequest<'_>) -> Answered {
    let group = find(request)?;
    Ok(Answer::json(200, &body(group, request)))
}

/// The projects of a group; `statistics` is not among its parameters, so it is ignored.
fn projects(request: &RestRequest<'_>) -> Answered {
    let group = find(request)?;
    let subgroups = request.flag("include_subgroups")?.unwrap_or(false);
    let filter = project_list::rest_filter(request, Some((group.path.to_owned(), subgroups)))?;
    project_list::by_offset(request, &filter, false)
}
