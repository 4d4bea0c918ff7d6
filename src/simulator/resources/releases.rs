//! A project's releases.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::named_project::find;
use super::sorted::{self, Sorted};
use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::{Connection, Counted};
use crate::simulator::graphql::object::{Context, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::clock::{in_milliseconds, in_seconds};
use crate::simulator::world::project::Project;

pub(super) const ENDPOINTS: &[Endpoint] = &[("/projects/:id/releases", list)];

/// `Project.releases`.
pub(super) fn connection<'w>(
    project: &Project,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    if !project.shows_releases_to(context.viewer) {
        return Ok(FieldValue::Null);
    }
    if field.selected("nodes").is_none() && field.selected("pageInfo").is_none() {
        return Ok(FieldValue::object(Counted(project.releases)));
    }
    let page: Connection<Release> = sorted::page(field, releases(project))?;
    Ok(FieldValue::object(page))
}

/// A release, numbered by its time.
#[derive(Clone, Copy)]
struct Release {
    number: u64,
    released_at: Timestamp,
}

impl Release {
    fn tag(self) -> String {
        format!("v0.{}", self.number)
    }
}

fn releases(project: &Project) -> Vec<Release> {
    let times = project.release_times().into_iter();
    let numbered = (1..).zip(times).map(|(number, released_at)| Release {
        number,
        released_at,
    });
    numbered.collect()
}

impl Sorted for Release {
    fn id(&self) -> u64 {
        self.number
    }

    fn time(&self, _: &str) -> Option<Timestamp> {
        Some(self.released_at)
    }
}

impl<'w> Object<'w> for Release {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "name" | "tagName" => self.tag().into(),
            _ => in_seconds(self.released_at).into(),
        })
    }
}

fn list(request: &RestRequest<'_>) -> Answered {
    let project = find(request)?;
    if !project.shows_releases_to(request.viewer) {
        return Err(Answer::forbidden());
    }
    let order = request.choice("order_by", &["released_at", "created_at"])?;
    let rows = sorted::rest(request, &order, releases(project))?;
    let page = request.by_offset(rows.into_iter())?;
    let body = |release: &Release| {
        json!({
            "tag_name": release.tag(),
            "name": release.tag(),
            "description": "",
            "created_at": in_milliseconds(release.released_at),
            "released_at": in_milliseconds(release.released_at),
        })
    };
    let rows: Value = page.rows.iter().map(body).collect();
    Ok(page.answer(request, Answer::json(200, &rows)))
}
