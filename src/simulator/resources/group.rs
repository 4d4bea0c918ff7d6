//! Groups, and the personal namespaces of users.

use serde_json::{Value, json};

use super::project_list;
use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::{Connection, after};
use crate::simulator::graphql::object::{Context, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::counts::Viewer;
use crate::simulator::world::listing::Filter;
use crate::simulator::world::namespaces::Namespace;

pub(super) const ENDPOINTS: &[Endpoint] = &[
    ("/groups", list),
    ("/groups/:id", one),
    ("/groups/:id/projects", projects),
];

/// The types `Group` and `Namespace`.
#[derive(Clone, Copy)]
pub(super) struct Group<'w> {
    path: &'w str,
    namespace: Namespace,
}

impl<'w> Group<'w> {
    pub(super) fn of(path: &'w str, namespace: Namespace) -> Self {
        Group { path, namespace }
    }

    fn name(self) -> &'w str {
        self.path.rsplit('/').next().unwrap_or(self.path)
    }

    fn global_id(self) -> String {
        let kind = match self.namespace.personal {
            true => "Namespaces::UserNamespace",
            false => "Group",
        };
        format!("gid://gitlab/{kind}/{}", self.namespace.id)
    }

    fn body(self, request: &RestRequest<'_>) -> Value {
        let parent = self.path.rsplit_once('/').map(|(parent, _)| parent);
        let parent = parent.and_then(|parent| request.world.namespace(parent));
        json!({
            "id": self.namespace.id,
            "name": self.name(),
            "path": self.name(),
            "full_name": self.path.replace('/', " / "),
            "full_path": self.path,
            "visibility": "private",
            "parent_id": parent.map(|parent| parent.id),
            "web_url": format!("{}/groups/{}", request.instance(), self.path),
        })
    }
}

impl<'w> Object<'w> for Group<'w> {
    fn field(&self, field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "id" => self.global_id().into(),
            "fullPath" => self.path.into(),
            "visibility" => "private".into(),
            "projects" => {
                let list = project_list::group_filter(self.path, field)?;
                project_list::connection(&list, field, context)?
            }
            "projectsCount" => {
                let direct = Filter {
                    group: Some((self.path.to_owned(), false)),
                    ..Filter::default()
                };
                let count = direct.count(context.world, context.viewer);
                (count as u64).into()
            }
            _ => self.name().into(),
        })
    }
}

/// `Query.groups`.
pub(super) fn connection<'w>(field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w> {
    let ids = field.texts("ids");
    let asked_for = |group: &Group<'_>| {
        let ids = ids.as_ref();
        ids.is_none_or(|ids| ids.contains(&group.global_id()))
    };
    let groups = || {
        let visible = context.world.visible_groups(context.viewer);
        let groups = visible.map(|(path, group)| Group::of(path, group));
        groups.filter(asked_for)
    };
    // In the order of their paths, each of which is a cursor.
    let behind = after(field).unwrap_or_default();
    let rows = groups().filter(|group| group.path > behind);
    let cursor = |group: Group<'w>| group.path.to_owned();
    let count = || groups().count();
    let page = Connection::of(field, rows, cursor, count);
    Ok(FieldValue::object(page))
}

fn list(request: &RestRequest<'_>) -> Answered {
    let groups = request.world.visible_groups(Viewer::User);
    let groups = groups.map(|(path, group)| Group::of(path, group));
    let page = request.by_offset(groups)?;
    let rows: Value = page.rows.iter().map(|group| group.body(request)).collect();
    Ok(page.answer(request, Answer::json(200, &rows)))
}

fn one(request: &RestRequest<'_>) -> Answered {
    let group = find(request)?;
    Ok(Answer::json(200, &group.body(request)))
}

/// The projects of a group; `statistics` is not among its parameters, so it is ignored.
fn projects(request: &RestRequest<'_>) -> Answered {
    let group = find(request)?;
    let subgroups = request.flag("include_subgroups")?.unwrap_or(false);
    let filter = project_list::rest_filter(request, Some((group.path.to_owned(), subgroups)))?;
    project_list::by_offset(request, &filter, false)
}

fn find<'w>(request: &RestRequest<'w>) -> Result<Group<'w>, Answer> {
    let found = request.world.visible_group(request.named(0), Viewer::User);
    let group = found.map(|(path, group)| Group::of(path, group));
    group.ok_or_else(|| Answer::message(404, "404 Group Not Found"))
}
