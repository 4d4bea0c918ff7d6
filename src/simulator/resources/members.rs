//! Members of groups and projects. There are no counts of them in GraphQL.

use serde_json::{Value, json};

use super::named_group;
use super::named_project;
use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::{Connection, after, invalid_cursor};
use crate::simulator::graphql::object::{Context, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::counts::{Role, Viewer};
use crate::simulator::world::members::Member;
use crate::simulator::world::project::Project;

pub(super) const ENDPOINTS: &[Endpoint] = &[
    ("/projects/:id/members", of_project),
    ("/projects/:id/members/all", all_of_project),
    ("/groups/:id/members", of_group),
    ("/groups/:id/members/all", all_of_group),
];

/// `Project.projectMembers`: direct and inherited ones, where nothing else is asked for.
pub(super) fn of_project_connection<'w>(
    project: &'w Project,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    let world = context.world;
    let relations = field.texts("relations");
    let has = |relation: &str| {
        let relations = relations.as_ref();
        relations.map_or(relation != "INVITED_GROUPS", |all| {
            all.iter().any(|one| one == relation)
        })
    };
    let mut members = match (has("DIRECT"), has("INHERITED"), has("INVITED_GROUPS")) {
        (_, _, true) => world.all_project_members(project),
        (direct, inherited, false) => {
            let inherited = inherited.then(|| world.all_group_members(project.namespace_path()));
            let direct = world
                .direct_project_members(project)
                .iter()
                .filter(|_| direct);
            direct
                .copied()
                .chain(inherited.into_iter().flatten())
                .collect()
        }
    };
    members.sort_by_key(|member| member.user);
    match context.viewer {
        Viewer::Anonymous => Ok(FieldValue::Null),
        _ => page(members, field),
    }
}

/// `Group.groupMembers`.
pub(super) fn of_group_connection<'w>(
    path: &str,
    id: u64,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    let relations = field.texts("relations");
    let inherited = relations.is_none_or(|all| all.iter().any(|one| one == "INHERITED"));
    let members = match inherited {
        true => context.world.all_group_members(path),
        false => context.world.direct_group_members(id).to_vec(),
    };
    match context.viewer {
        Viewer::Anonymous => Ok(FieldValue::Null),
        _ => page(members, field),
    }
}

fn page<'w>(members: Vec<Member>, field: &SelectedField<'_>) -> FieldResult<'w> {
    let levels = field.texts("accessLevels");
    let wanted = |row: &Numbered| {
        let levels = levels.as_ref();
        levels.is_none_or(|levels| levels.iter().any(|level| level == word(row.member.role)))
    };
    let behind = match after(field) {
        Some(cursor) => cursor.parse().map_err(|_| invalid_cursor())?,
        None => 0,
    };
    let rows = (1..).zip(members);
    let rows = rows.map(|(number, member)| Numbered { number, member });
    let rows = rows.filter(wanted).filter(|row| row.number > behind);
    let cursor = |row: Numbered| row.number.to_string();
    Ok(FieldValue::object(Connection::of(
        field,
        rows,
        cursor,
        || 0,
    )))
}

/// A membership and its place in the list.
#[derive(Clone, Copy)]
struct Numbered {
    number: u64,
    member: Member,
}

impl<'w> Object<'w> for Numbered {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "id" => format!("gid://gitlab/ProjectMember/{}", self.number).into(),
            "user" => FieldValue::object(User(self.member.user)),
            _ => FieldValue::object(AccessLevel(self.member.role)),
        })
    }
}

/// The type `UserCore`.
#[derive(Clone, Copy)]
pub(super) struct User(pub(super) u64);

impl<'w> Object<'w> for User {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "id" => format!("gid://gitlab/User/{}", self.0).into(),
            "username" => format!("user-{}", self.0).into(),
            _ => format!("User {}", self.0).into(),
        })
    }
}

struct AccessLevel(Role);

impl<'w> Object<'w> for AccessLevel {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "integerValue" => self.0.level().into(),
            _ => word(self.0).into(),
        })
    }
}

/// GraphQL's word for a role.
fn word(role: Role) -> &'static str {
    match role {
        Role::None => "NO_ACCESS",
        Role::Guest => "GUEST",
        Role::Reporter => "REPORTER",
        Role::Developer => "DEVELOPER",
        Role::Maintainer => "MAINTAINER",
        Role::Owner => "OWNER",
    }
}

fn of_project(request: &RestRequest<'_>) -> Answered {
    let project = named_project::find(request)?;
    list(
        request,
        request.world.direct_project_members(project).to_vec(),
    )
}

fn all_of_project(request: &RestRequest<'_>) -> Answered {
    let project = named_project::find(request)?;
    list(request, request.world.all_project_members(project))
}

fn of_group(request: &RestRequest<'_>) -> Answered {
    let group = named_group::find(request)?;
    list(
        request,
        request.world.direct_group_members(group.id()).to_vec(),
    )
}

fn all_of_group(request: &RestRequest<'_>) -> Answered {
    let group = named_group::find(request)?;
    list(request, request.world.all_group_members(group.path))
}

fn list(request: &RestRequest<'_>, members: Vec<Member>) -> Answered {
    let page = request.by_offset(members.into_iter())?;
    let body = |member: &Member| {
        json!({
            "id": member.user,
            "username": format!("user-{}", member.user),
            "name": format!("User {}", member.user),
            "state": "active",
            "access_level": member.role.level(),
            "expires_at": null,
        })
    };
    let rows: Value = page.rows.iter().map(body).collect();
    Ok(page.answer(request, Answer::json(200, &rows)))
}
