//! Runners: of the instance, of groups, of projects and of the token's user.

use serde_json::{Map, Value, json};

use super::named_group::{self, Group};
use super::named_project;
use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::{Connection, after, invalid_cursor};
use crate::simulator::graphql::object::{Context, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::limits::MOST_RUNNER_JOBS;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::World;
use crate::simulator::world::clock::{in_milliseconds, in_seconds};
use crate::simulator::world::counts::{Role, Viewer};
use crate::simulator::world::project::Project;
use crate::simulator::world::runners::{Runner, RunnerMembership, RunnerScope};
use crate::simulator::world::version::Version;

pub(super) const ENDPOINTS: &[Endpoint] = &[
    ("/runners", own),
    ("/runners/all", all),
    ("/runners/:id", one),
    ("/groups/:id/runners", of_group),
    ("/projects/:id/runners", of_project),
];

/// `Query.runners`, which administrators alone may read.
pub(super) fn of_instance_connection<'w>(
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    match context.viewer {
        Viewer::Administrator => page(context.world.runners().iter().collect(), field, context),
        _ => Ok(FieldValue::Null),
    }
}

/// `Group.runners`: with those of its groups and projects, where nothing else is asked for.
pub(super) fn of_group_connection<'w>(
    group: Group<'w>,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    if !may_read_of_group(group, context.world, context.viewer) {
        return Ok(FieldValue::Null);
    }
    let membership = match field.text("membership") {
        Some("DIRECT") => RunnerMembership::Direct,
        Some("ALL_AVAILABLE") => RunnerMembership::AllAvailable,
        _ => RunnerMembership::Descendants,
    };
    let runners = context.world.runners_of_group(group.path, membership);
    page(runners, field, context)
}

/// `Project.runners`.
pub(super) fn of_project_connection<'w>(
    project: &'w Project,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    match project.role_of(context.viewer) >= Role::Maintainer {
        true => page(context.world.runners_of_project(project), field, context),
        false => Ok(FieldValue::Null),
    }
}

/// `CurrentUser.runners`.
pub(super) fn own_connection<'w>(
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    page(context.world.own_runners(context.viewer), field, context)
}

fn may_read_of_group(group: Group<'_>, world: &World, viewer: Viewer) -> bool {
    let needed = match world.profile.version < Version::V18_4 {
        true => Role::Owner,
        false => Role::Maintainer,
    };
    group.role_of(viewer) >= needed
}

/// A page of runners, the newest first.
fn page<'w>(
    mut runners: Vec<&'w Runner>,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    let (now, version) = (context.world.now(), context.world.profile.version);
    let tags = field.texts("tagList").unwrap_or_default();
    runners.retain(|runner| {
        let status = match field.text("status") {
            // The words of old versions for `paused`.
            Some("ACTIVE") => !runner.paused,
            Some("PAUSED") => runner.paused,
            status => status.is_none_or(|status| runner.status(now, version) == status),
        };
        status
            && field
                .flag("paused")
                .is_none_or(|paused| runner.paused == paused)
            && field.text("type").is_none_or(|kind| runner.kind() == kind)
            && tags.iter().all(|tag| runner.tags.contains(tag))
    });
    runners.sort_by_key(|runner| std::cmp::Reverse(runner.id));
    let behind: u64 = match after(field) {
        Some(cursor) => cursor.parse().map_err(|_| invalid_cursor())?,
        None => u64::MAX,
    };
    let rows = runners.iter().copied().filter(|runner| runner.id < behind);
    let cursor = |runner: &Runner| runner.id.to_string();
    let page = Connection::of(field, rows, cursor, || runners.len());
    Ok(FieldValue::object(page))
}

impl<'w> Object<'w> for &'w Runner {
    fn field(&self, field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w> {
        let (now, version) = (context.world.now(), context.world.profile.version);
        let administrator = context.viewer == Viewer::Administrator;
        let manager = self.managers.first().map(String::as_str);
        Ok(match field.name {
            "id" => format!("gid://gitlab/Ci::Runner/{}", self.id).into(),
            "description" => self.description.as_str().into(),
            "runnerType" => self.kind().into(),
            "status" => self.status(now, version).into(),
            "paused" => self.paused.into(),
            "active" => (!self.paused).into(),
            "locked" => self.locked.into(),
            "runUntagged" => self.run_untagged.into(),
            "maximumTimeout" => FieldValue::Null,
            "createdAt" => in_seconds(self.created_at).into(),
            "contactedAt" => self.last_contact(now).map(in_seconds).into(),
            "jobExecutionStatus" => execution_status(self, version).into(),
            // One more than the most says that there are more.
            "jobCount" => self.jobs.min(MOST_RUNNER_JOBS + 1).into(),
            "projectCount" if !administrator => FieldValue::Null,
            "projectCount" => match &self.scope {
                RunnerScope::Projects(projects) => (projects.len() as u64).into(),
                _ => FieldValue::Null,
            },
            "tagList" => FieldValue::texts(&self.tags),
            "managers" => managers(self, field)?,
            "version" => manager.into(),
            "platformName" => manager.map(|_| "linux").into(),
            _ => manager.map(|_| "docker").into(),
        })
    }
}

fn execution_status(runner: &Runner, version: Version) -> &'static str {
    match runner.busy {
        true if version < Version::V18_4 => "RUNNING",
        true => "ACTIVE",
        false => "IDLE",
    }
}

/// A machine that shares the registration of a runner.
#[derive(Clone, Copy)]
struct Manager<'w> {
    runner: &'w Runner,
    index: usize,
}

fn managers<'w>(runner: &'w Runner, field: &SelectedField<'_>) -> FieldResult<'w> {
    let behind: usize = match after(field) {
        Some(cursor) => cursor.parse().map_err(|_| invalid_cursor())?,
        None => 0,
    };
    let rows = (behind..runner.managers.len()).map(|index| Manager { runner, index });
    let cursor = |manager: Manager<'w>| (manager.index + 1).to_string();
    let count = || runner.managers.len();
    Ok(FieldValue::object(Connection::of(
        field, rows, cursor, count,
    )))
}

impl<'w> Object<'w> for Manager<'w> {
    fn field(&self, field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w> {
        let (now, version) = (context.world.now(), context.world.profile.version);
        let id = self.runner.id * 100 + self.index as u64;
        Ok(match field.name {
            "id" => format!("gid://gitlab/Ci::RunnerManager/{id}").into(),
            "systemId" => format!("s_{id:012x}").into(),
            "version" => self.runner.managers[self.index].as_str().into(),
            "status" => self.runner.status(now, version).into(),
            "contactedAt" => self.runner.last_contact(now).map(in_seconds).into(),
            "jobExecutionStatus" => execution_status(self.runner, version).into(),
            "platformName" => "linux".into(),
            _ => "docker".into(),
        })
    }
}

fn own(request: &RestRequest<'_>) -> Answered {
    list(request, request.world.own_runners(request.viewer))
}

fn all(request: &RestRequest<'_>) -> Answered {
    match request.viewer {
        Viewer::Administrator => list(request, request.world.runners().iter().collect()),
        _ => Err(Answer::forbidden()),
    }
}

fn of_group(request: &RestRequest<'_>) -> Answered {
    let group = named_group::find(request)?;
    if !may_read_of_group(group, request.world, request.viewer) {
        return Err(Answer::forbidden());
    }
    // Unlike GraphQL, REST lists what the group may use.
    let usable = RunnerMembership::Usable;
    list(request, request.world.runners_of_group(group.path, usable))
}

fn of_project(request: &RestRequest<'_>) -> Answered {
    let project = named_project::find(request)?;
    match project.role_of(request.viewer) >= Role::Maintainer {
        true => list(request, request.world.runners_of_project(project)),
        false => Err(Answer::forbidden()),
    }
}

fn one(request: &RestRequest<'_>) -> Answered {
    let id = request.named(0).parse().unwrap_or(0_u64);
    let found = request
        .world
        .runners()
        .iter()
        .find(|runner| runner.id == id);
    let runner = found.ok_or_else(|| Answer::message(404, "404 Runner Not Found"))?;
    let own = request.world.own_runners(request.viewer);
    if request.viewer != Viewer::Administrator && !own.iter().any(|own| own.id == id) {
        return Err(Answer::forbidden());
    }
    let mut body = body(runner, request);
    let contact = runner.last_contact(request.world.now());
    body.insert("tag_list".to_owned(), json!(runner.tags));
    body.insert("version".to_owned(), json!(runner.managers.first()));
    body.insert(
        "contacted_at".to_owned(),
        contact.map(in_milliseconds).into(),
    );
    Ok(Answer::json(200, &body))
}

fn list(request: &RestRequest<'_>, mut runners: Vec<&Runner>) -> Answered {
    let (now, version) = (request.world.now(), request.world.profile.version);
    let kind = request.parameter("type");
    let status = request.parameter("status");
    let paused = request.flag("paused")?;
    runners.retain(|runner| {
        let word = runner.status(now, version).to_lowercase();
        kind.as_ref()
            .is_none_or(|kind| runner.kind().to_lowercase() == *kind)
            && status.as_ref().is_none_or(|status| word == *status)
            && paused.is_none_or(|paused| runner.paused == paused)
    });
    runners.sort_by_key(|runner| std::cmp::Reverse(runner.id));
    let page = request.by_offset(runners.into_iter())?;
    let rows: Value = page
        .rows
        .iter()
        .map(|runner| Value::from(body(runner, request)))
        .collect();
    Ok(page.answer(request, Answer::json(200, &rows)))
}

fn body(runner: &Runner, request: &RestRequest<'_>) -> Map<String, Value> {
    let (now, version) = (request.world.now(), request.world.profile.version);
    let status = runner.status(now, version).to_lowercase();
    let mut body = Map::new();
    let members = [
        ("id", json!(runner.id)),
        ("description", json!(runner.description)),
        ("active", json!(!runner.paused)),
        ("paused", json!(runner.paused)),
        ("is_shared", json!(runner.scope == RunnerScope::Instance)),
        ("runner_type", json!(runner.kind().to_lowercase())),
        ("name", Value::Null),
        ("online", json!(status == "online")),
        ("status", json!(status)),
    ];
    body.extend(members.map(|(name, value)| (name.to_owned(), value)));
    if version >= Version::V18_4 {
        let execution = execution_status(runner, version).to_lowercase();
        body.insert("job_execution_status".to_owned(), json!(execution));
        body.insert(
            "created_at".to_owned(),
            in_milliseconds(runner.created_at).into(),
        );
    }
    body
}
