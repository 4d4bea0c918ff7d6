//! A project's schedules of pipelines.

use serde_json::{Value, json};

use super::members::User;
use super::named_project::find;
use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::{Connection, after, invalid_cursor};
use crate::simulator::graphql::object::{Context, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::clock::{in_milliseconds, in_seconds};
use crate::simulator::world::details::Schedule;
use crate::simulator::world::members::TOKEN_USER;
use crate::simulator::world::project::Project;

pub(super) const ENDPOINTS: &[Endpoint] = &[("/projects/:id/pipeline_schedules", list)];

fn of(project: &Project) -> &[Schedule] {
    let details = project.details();
    details.map_or(&[], |details| details.schedules.as_slice())
}

/// `Project.pipelineSchedules`, the newest first.
pub(super) fn connection<'w>(
    project: &'w Project,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    if !project.shows_builds_to(context.viewer) {
        return Ok(FieldValue::Null);
    }
    let wanted = field.text("status").map(|status| status == "ACTIVE");
    let rows = || {
        let all = of(project).iter().rev();
        all.filter(|schedule| wanted.is_none_or(|wanted| schedule.active == wanted))
    };
    let behind: u64 = match after(field) {
        Some(cursor) => cursor.parse().map_err(|_| invalid_cursor())?,
        None => u64::MAX,
    };
    let cursor = |schedule: &Schedule| schedule.id.to_string();
    let page = rows().filter(|schedule| schedule.id < behind);
    let page = Connection::of(field, page, cursor, || rows().count());
    Ok(FieldValue::object(page))
}

impl<'w> Object<'w> for &'w Schedule {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "id" => format!("gid://gitlab/Ci::PipelineSchedule/{}", self.id).into(),
            "description" => self.description.as_str().into(),
            "active" => self.active.into(),
            "cron" => "0 4 * * *".into(),
            "cronTimezone" => "UTC".into(),
            "owner" => FieldValue::object(User(TOKEN_USER)),
            _ => self.next_run_at.map(in_seconds).into(),
        })
    }
}

fn list(request: &RestRequest<'_>) -> Answered {
    let project = find(request)?;
    if !project.shows_builds_to(request.viewer) {
        return Err(Answer::forbidden());
    }
    let scope = request.parameter("scope");
    let schedules = of(project)
        .iter()
        .filter(|schedule| match scope.as_deref() {
            Some("active") => schedule.active,
            Some("inactive") => !schedule.active,
            _ => true,
        });
    let page = request.by_offset(schedules)?;
    let body = |schedule: &&Schedule| {
        json!({
            "id": schedule.id,
            "description": schedule.description,
            "ref": format!("refs/heads/{}", project.default_branch),
            "cron": "0 4 * * *",
            "cron_timezone": "UTC",
            "next_run_at": schedule.next_run_at.map(in_milliseconds),
            "active": schedule.active,
            "owner": { "id": TOKEN_USER, "username": "bridge", "state": "active" },
        })
    };
    let rows: Value = page.rows.iter().map(body).collect();
    Ok(page.answer(request, Answer::json(200, &rows)))
}
