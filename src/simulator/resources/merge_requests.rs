//! A project's merge requests.

use serde_json::{Value, json};

use super::changed::{span, time};
use super::named_project::find;
use super::sorted::{self, Sorted};
use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::Connection;
use crate::simulator::graphql::object::{Context, FieldError, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::clock::{in_milliseconds, in_seconds};
use crate::simulator::world::issuables::Span;
use crate::simulator::world::merge_request_list::MergeRequestFilter;
use crate::simulator::world::merge_requests::MergeRequest;
use crate::simulator::world::project::Project;
use crate::simulator::world::version::Version;

pub(super) const ENDPOINTS: &[Endpoint] = &[("/projects/:id/merge_requests", list)];

/// `Project.mergeRequests`. Without the permission the list is empty, as in GitLab.
pub(super) fn connection<'w>(
    project: &'w Project,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    let shown = project.shows_merge_requests_to(context.viewer);
    of_projects(shown.then_some(project).into_iter(), field, context)
}

/// The merge requests of some projects, on one page.
pub(super) fn of_projects<'w>(
    projects: impl Iterator<Item = &'w Project>,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    let filter = filter(field, context.world.profile.version)?;
    let listed = field.selected("nodes").is_some() || field.selected("pageInfo").is_some();
    let timed = field.selected("totalTimeToMerge").is_some();
    let mut rows = Vec::new();
    let mut count = 0;
    for project in projects {
        if listed || timed {
            let found = project.merge_requests_of(&filter).into_iter();
            rows.extend(found.map(|row| Listed { project, row }));
        } else {
            count += project.merge_request_count(&filter);
        }
    }
    count += rows.len() as u64;
    let seconds = |listed: &Listed<'_>| {
        let merged_at = listed.row.merged_at?;
        Some(merged_at.duration_since(listed.row.created_at).as_secs())
    };
    let total = rows
        .iter()
        .filter_map(seconds)
        .reduce(|sum, next| sum + next);
    let page = sorted::page(field, rows)?;
    Ok(FieldValue::object(MergeRequests { page, count, total }))
}

/// The type `MergeRequestConnection`.
struct MergeRequests<'w> {
    page: Connection<Listed<'w>>,
    count: u64,
    /// Seconds from creation to merge of all that are merged; none where none is.
    total: Option<i64>,
}

impl<'w> Object<'w> for MergeRequests<'w> {
    fn field(&self, field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w> {
        match field.name {
            "count" => Ok(self.count.into()),
            "totalTimeToMerge" => Ok(self.total.map(|seconds| seconds as f64).into()),
            _ => self.page.field(field, context),
        }
    }
}

#[derive(Clone, Copy)]
struct Listed<'w> {
    project: &'w Project,
    row: MergeRequest,
}

impl<'w> Listed<'w> {
    fn target_branch(self) -> &'w str {
        let named = self.row.target_branch;
        named.unwrap_or(&self.project.default_branch)
    }

    fn id(self) -> u64 {
        self.project.id * 100_000 + self.row.iid
    }

    fn body(self) -> Value {
        let row = &self.row;
        json!({
            "id": self.id(),
            "iid": row.iid,
            "project_id": self.project.id,
            "title": format!("{}Change number {}", if row.draft { "Draft: " } else { "" }, row.iid),
            "state": row.state.word(),
            "created_at": in_milliseconds(row.created_at),
            "updated_at": in_milliseconds(row.updated_at),
            "merged_at": row.merged_at.map(in_milliseconds),
            "closed_at": row.closed_at.map(in_milliseconds),
            "prepared_at": in_milliseconds(row.created_at),
            "target_branch": self.target_branch(),
            "draft": row.draft,
            "work_in_progress": row.draft,
            "reviewers": (0..row.reviewers).map(|user| json!({ "id": 2 + user })).collect::<Value>(),
        })
    }
}

/// A merge request in a list of REST.
pub(super) fn body(project: &Project, row: MergeRequest) -> Value {
    Listed { project, row }.body()
}

impl Sorted for Listed<'_> {
    fn id(&self) -> u64 {
        Listed::id(*self)
    }

    fn time(&self, name: &str) -> Option<jiff::Timestamp> {
        match name {
            "updated" => Some(self.row.updated_at),
            "merged_at" => self.row.merged_at,
            "closed_at" => self.row.closed_at,
            _ => Some(self.row.created_at),
        }
    }
}

impl<'w> Object<'w> for Listed<'w> {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        let row = &self.row;
        Ok(match field.name {
            "id" => format!("gid://gitlab/MergeRequest/{}", self.id()).into(),
            "iid" => row.iid.to_string().into(),
            "state" => row.state.word().into(),
            "createdAt" | "preparedAt" => in_seconds(row.created_at).into(),
            "updatedAt" => in_seconds(row.updated_at).into(),
            "mergedAt" => row.merged_at.map(in_seconds).into(),
            "closedAt" => row.closed_at.map(in_seconds).into(),
            "targetBranch" => self.target_branch().into(),
            _ => row.draft.into(),
        })
    }
}

fn filter(field: &SelectedField<'_>, version: Version) -> Result<MergeRequestFilter, FieldError> {
    let closed = span(field, "closed")?;
    if closed.from.is_some() != closed.to.is_some() {
        let message = "`closedAfter` and `closedBefore` must be provided together";
        return Err(FieldError::Message(message.to_owned()));
    }
    let merged = span(field, "merged")?;
    let wildcard = field.text("reviewerWildcardId");
    Ok(MergeRequestFilter {
        state: field.text("state").map(str::to_owned),
        draft: field.flag("draft"),
        with_reviewer: wildcard.map(|wildcard| wildcard == "ANY"),
        created: span(field, "created")?,
        updated: span(field, "updated")?,
        merged: Span {
            to: merged.to.map(|to| end_of_merges(to, version)),
            ..merged
        },
        closed,
        environment: field.text("environmentName").map(str::to_owned),
        deployed_after: time(field, "deployedAfter")?,
    })
}

/// Newer GitLabs take the end of the day in place of the time.
fn end_of_merges(to: jiff::Timestamp, version: Version) -> jiff::Timestamp {
    if version < Version::V18_4 {
        return to;
    }
    let into_the_day = to.as_second().rem_euclid(86_400);
    let left = jiff::SignedDuration::from_secs(86_399 - into_the_day);
    to.saturating_add(left).unwrap_or(to)
}

fn list(request: &RestRequest<'_>) -> Answered {
    let project = find(request)?;
    if !project.shows_merge_requests_to(request.viewer) {
        return Err(Answer::forbidden());
    }
    let filter = rest_filter(request)?;
    let orders = match request.world.profile.version < Version::V17_0 {
        true => &["created_at", "updated_at", "title"][..],
        false => &["created_at", "updated_at", "title", "merged_at"],
    };
    let order = request.choice("order_by", orders)?;
    let scopes = ["all", "created_by_me", "assigned_to_me", "reviews_for_me"];
    let everyone = request.choice("scope", &scopes)? == "all";
    // The token's user has never opened or been given one.
    let rows = if everyone {
        project.merge_requests_of(&filter)
    } else {
        Vec::new()
    };
    let rows = rows
        .into_iter()
        .map(|row| Listed { project, row })
        .collect();
    let rows = sorted::rest(request, &order, rows)?;
    let page = request.by_offset(rows.into_iter())?;
    let rows: Value = page.rows.iter().map(|row| row.body()).collect();
    Ok(page.answer(request, Answer::json(200, &rows)))
}

/// What REST's parameters ask for. There is none for the time of the merge, and unknown ones are ignored.
fn rest_filter(request: &RestRequest<'_>) -> Result<MergeRequestFilter, Answer> {
    let state = request.choice("state", &["all", "opened", "closed", "locked", "merged"])?;
    let between = |from: &'static str, to: &'static str| -> Result<Span, Answer> {
        Ok(Span {
            from: request.time(from)?,
            to: request.time(to)?,
        })
    };
    let reviewer = request.parameter("reviewer_id");
    Ok(MergeRequestFilter {
        state: Some(state),
        draft: match request.parameter("wip").as_deref() {
            Some("yes") => Some(true),
            Some("no") => Some(false),
            _ => None,
        },
        with_reviewer: match reviewer.as_deref() {
            Some("None" | "none") => Some(false),
            Some("Any" | "any") => Some(true),
            _ => None,
        },
        created: between("created_after", "created_before")?,
        updated: between("updated_after", "updated_before")?,
        environment: request.parameter("environment"),
        deployed_after: request.time("deployed_after")?,
        ..MergeRequestFilter::default()
    })
}
