//! A project's issues, and its incidents and tasks, which GitLab keeps like them.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::changed::span;
use super::named_project::find;
use super::sorted::{self, Sorted};
use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::Connection;
use crate::simulator::graphql::object::{Context, FieldError, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::clock::{in_milliseconds, in_seconds};
use crate::simulator::world::issuables::Span;
use crate::simulator::world::issues::{Issue, IssueFilter};
use crate::simulator::world::project::Project;

pub(super) const ENDPOINTS: &[Endpoint] = &[
    ("/projects/:id/issues", list),
    ("/projects/:id/issues_statistics", statistics),
];

/// `Project.issueStatusCounts`.
pub(super) fn status_counts<'w>(
    project: &Project,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    let filter = filter(field)?;
    let counts = StatusCounts {
        opened: project.issue_count("opened", &filter),
        closed: project.issue_count("closed", &filter),
    };
    let shown = project.shows_issues_to(context.viewer);
    Ok(FieldValue::object_if(shown, counts))
}

/// `Project.issues`.
pub(super) fn connection<'w>(
    project: &'w Project,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    match project.shows_issues_to(context.viewer) {
        true => of_projects(std::iter::once(project), field),
        false => Ok(FieldValue::Null),
    }
}

/// The issues of some projects, on one page.
pub(super) fn of_projects<'w>(
    projects: impl Iterator<Item = &'w Project>,
    field: &SelectedField<'_>,
) -> FieldResult<'w> {
    let filter = filter(field)?;
    let state = field.text("state").unwrap_or("all");
    let listed = field.selected("nodes").is_some() || field.selected("pageInfo").is_some();
    let (mut rows, mut count) = (Vec::new(), 0);
    for project in projects {
        if listed {
            let found = project.issues_of(state, &filter).into_iter();
            rows.extend(found.map(|row| Listed { project, row }));
        } else {
            count += project.issue_count(state, &filter);
        }
    }
    count += rows.len() as u64;
    let page = sorted::page(field, rows)?;
    Ok(FieldValue::object(Issues { page, count }))
}

/// The type `IssueConnection`.
struct Issues<'w> {
    page: Connection<Listed<'w>>,
    count: u64,
}

impl<'w> Object<'w> for Issues<'w> {
    fn field(&self, field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w> {
        match field.name {
            "count" => Ok(self.count.into()),
            _ => self.page.field(field, context),
        }
    }
}

#[derive(Clone, Copy)]
struct Listed<'w> {
    project: &'w Project,
    row: Issue,
}

impl Listed<'_> {
    fn body(self) -> Value {
        let row = &self.row;
        json!({
            "id": self.id(),
            "iid": row.iid,
            "project_id": self.project.id,
            "title": format!("Matter number {}", row.iid),
            "state": row.state.word(),
            "issue_type": row.kind.word().to_lowercase(),
            "labels": row.labels,
            "created_at": in_milliseconds(row.created_at),
            "updated_at": in_milliseconds(row.updated_at),
            "closed_at": row.closed_at.map(in_milliseconds),
        })
    }
}

impl Sorted for Listed<'_> {
    fn id(&self) -> u64 {
        self.project.id * 100_000 + self.row.iid
    }

    fn time(&self, name: &str) -> Option<Timestamp> {
        match name {
            "updated" => Some(self.row.updated_at),
            "closed_at" => self.row.closed_at,
            _ => Some(self.row.created_at),
        }
    }
}

impl<'w> Object<'w> for Listed<'w> {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        let row = &self.row;
        Ok(match field.name {
            "id" => format!("gid://gitlab/Issue/{}", self.id()).into(),
            "iid" => row.iid.to_string().into(),
            "state" => row.state.word().into(),
            "type" => row.kind.word().into(),
            "createdAt" => in_seconds(row.created_at).into(),
            "updatedAt" => in_seconds(row.updated_at).into(),
            _ => row.closed_at.map(in_seconds).into(),
        })
    }
}

/// The type `IssueStatusCountsType`.
struct StatusCounts {
    opened: u64,
    closed: u64,
}

impl<'w> Object<'w> for StatusCounts {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "opened" => self.opened.into(),
            "closed" => self.closed.into(),
            _ => (self.opened + self.closed).into(),
        })
    }
}

fn filter(field: &SelectedField<'_>) -> Result<IssueFilter, FieldError> {
    let wildcard = field.text("assigneeWildcardId");
    Ok(IssueFilter {
        labels: field.texts("labelName").unwrap_or_default(),
        kinds: field.texts("types"),
        assigned: wildcard.map(|wildcard| wildcard == "ANY"),
        created: span(field, "created")?,
        updated: span(field, "updated")?,
        closed: span(field, "closed")?,
    })
}

fn rest_filter(request: &RestRequest<'_>) -> Result<IssueFilter, Answer> {
    let between = |from: &'static str, to: &'static str| -> Result<Span, Answer> {
        Ok(Span {
            from: request.time(from)?,
            to: request.time(to)?,
        })
    };
    let labels = request.parameter("labels").unwrap_or_default();
    let labels = labels.split(',').filter(|label| !label.is_empty());
    let kind = request.parameter("issue_type");
    if let Some(kind) = kind.as_deref()
        && !["issue", "incident", "test_case", "task"].contains(&kind)
    {
        return Err(Answer::bad_parameter("issue_type"));
    }
    let assignee = request.parameter("assignee_id");
    Ok(IssueFilter {
        labels: labels.map(str::to_owned).collect(),
        kinds: kind.map(|kind| vec![kind.to_uppercase()]),
        assigned: match assignee.as_deref() {
            Some("None" | "none") => Some(false),
            Some("Any" | "any") => Some(true),
            _ => None,
        },
        created: between("created_after", "created_before")?,
        updated: between("updated_after", "updated_before")?,
        closed: Span::default(),
    })
}

fn find_with_issues<'w>(request: &RestRequest<'w>) -> Result<&'w Project, Answer> {
    let project = find(request)?;
    match project.shows_issues_to(request.viewer) {
        true => Ok(project),
        false => Err(Answer::forbidden()),
    }
}

fn list(request: &RestRequest<'_>) -> Answered {
    let project = find_with_issues(request)?;
    let state = request.choice("state", &["all", "opened", "closed"])?;
    let order = request.choice("order_by", &["created_at", "updated_at", "due_date"])?;
    let rows = project.issues_of(&state, &rest_filter(request)?);
    let rows = rows
        .into_iter()
        .map(|row| Listed { project, row })
        .collect();
    let rows = sorted::rest(request, &order, rows)?;
    let page = request.by_offset(rows.into_iter())?;
    let rows: Value = page.rows.iter().map(|row| row.body()).collect();
    Ok(page.answer(request, Answer::json(200, &rows)))
}

fn statistics(request: &RestRequest<'_>) -> Answered {
    let project = find_with_issues(request)?;
    let filter = rest_filter(request)?;
    let opened = project.issue_count("opened", &filter);
    let closed = project.issue_count("closed", &filter);
    let counts = json!({ "all": opened + closed, "closed": closed, "opened": opened });
    Ok(Answer::json(
        200,
        &json!({ "statistics": { "counts": counts } }),
    ))
}
