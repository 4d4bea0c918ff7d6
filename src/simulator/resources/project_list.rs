//! Lists of projects: what GraphQL's and REST's arguments ask for, and their pages.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::json;

use super::named_project::find;
use super::project_body::Body;
use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::{Connection, after, invalid_cursor};
use crate::simulator::graphql::object::{Context, FieldError, FieldResult, FieldValue};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::limits::{MAX_FULL_PATHS, MAX_OFFSET};
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::listing::{Archived, Cursor, Filter, Order, is_visibility};
use crate::simulator::world::project::Project;

pub(super) const ENDPOINTS: &[Endpoint] = &[("/projects", list), ("/projects/:id", one)];

/// A page of `Query.projects` or `Group.projects`.
pub(super) fn connection<'w>(
    filter: &Filter,
    field: &SelectedField<'_>,
    context: &Context<'w>,
) -> FieldResult<'w> {
    let (world, viewer) = (context.world, context.viewer);
    let after = after(field).map(|text| Cursor::parse(text).ok_or_else(invalid_cursor));
    let rows = filter.list(world, viewer, order(field)?, after.transpose()?);
    let cursor = |project| Cursor::of(project).text();
    let count = || filter.count(world, viewer);
    let page = Connection::of(field, rows, cursor, count);
    let rows_counted = field
        .selected("nodes")
        .is_some_and(SelectedField::counts_rows);
    context.read(&page.rows, rows_counted)?;
    Ok(FieldValue::object(page))
}

/// What the arguments of `Query.projects` ask for.
pub(super) fn filter(field: &SelectedField<'_>) -> Result<Filter, FieldError> {
    let paths = field.texts("fullPaths");
    if paths
        .as_ref()
        .is_some_and(|paths| paths.len() > MAX_FULL_PATHS)
    {
        let message = format!("You cannot provide more than {MAX_FULL_PATHS} full_paths");
        return Err(FieldError::Message(message));
    }
    let marked = match (
        field.flag("aimedForDeletion"),
        field.flag("notAimedForDeletion"),
    ) {
        (Some(true), _) => Some(true),
        (_, Some(true)) => Some(false),
        _ => None,
    };
    Ok(Filter {
        membership: field.flag("membership").unwrap_or(false),
        personal: field.flag("personal").unwrap_or(false),
        archived: match field.text("archived") {
            Some("ONLY") => Archived::Only,
            Some("EXCLUDE") => Archived::Exclude,
            _ => Archived::Include,
        },
        marked_for_deletion: marked,
        active: field.flag("active"),
        ids: ids(field)?,
        paths: paths.map(|paths| paths.into_iter().collect()),
        search: field.text("search").map(str::to_owned),
        with_issues_enabled: field.flag("withIssuesEnabled"),
        with_merge_requests_enabled: field.flag("withMergeRequestsEnabled"),
        ..Filter::default()
    })
}

/// What the arguments of `Group.projects` ask for.
pub(super) fn group_filter(path: &str, field: &SelectedField<'_>) -> Result<Filter, FieldError> {
    let subgroups = field.flag("includeSubgroups").unwrap_or(false);
    Ok(Filter {
        archived: match (field.flag("archivedOnly"), field.flag("includeArchived")) {
            (Some(true), _) => Archived::Only,
            (_, Some(false)) => Archived::Exclude,
            _ => Archived::Include,
        },
        group: Some((path.to_owned(), subgroups)),
        ..filter(field)?
    })
}

/// The order of a list, which `Query.projects` and `Group.projects` name each in its own way.
fn order(field: &SelectedField<'_>) -> Result<Order, FieldError> {
    match field.text("sort") {
        None | Some("id_desc") => Ok(Order::IdDescending),
        Some("id_asc") => Ok(Order::IdAscending),
        Some("latest_activity_desc" | "ACTIVITY_DESC") => Ok(Order::ActivityDescending),
        Some(other) => {
            let message = format!("The model does not sort by '{other}'");
            Err(FieldError::Message(message))
        }
    }
}

fn ids(field: &SelectedField<'_>) -> Result<Option<BTreeSet<u64>>, FieldError> {
    let number = |id: &String| {
        let number = id.strip_prefix("gid://gitlab/Project/");
        let number = number.and_then(|number| number.parse::<u64>().ok());
        number.ok_or_else(|| {
            let message = format!("\"{id}\" is not a valid GitLab ID.");
            FieldError::Request(Box::new(Answer::graphql_error(422, &message)))
        })
    };
    let ids = field.texts("ids");
    ids.map(|ids| ids.iter().map(number).collect()).transpose()
}

fn list(request: &RestRequest<'_>) -> Answered {
    let filter = rest_filter(request, None)?;
    match request.parameter("pagination").as_deref() {
        Some("keyset") => by_key(request, &filter),
        _ => by_offset(request, &filter, true),
    }
}

fn one(request: &RestRequest<'_>) -> Answered {
    let project = find(request)?;
    let statistics = request.parameter("statistics").as_deref() == Some("true");
    let mut answer = Answer::json(200, &Body::of(project, request, statistics));
    answer.projects = 1;
    Ok(answer)
}

/// What REST's parameters ask for.
pub(super) fn rest_filter(
    request: &RestRequest<'_>,
    group: Option<(String, bool)>,
) -> Result<Filter, Answer> {
    let visibility = request.parameter("visibility");
    if visibility
        .as_deref()
        .is_some_and(|word| !is_visibility(word))
    {
        return Err(Answer::bad_parameter("visibility"));
    }
    Ok(Filter {
        membership: request.flag("membership")?.unwrap_or(false),
        archived: match request.flag("archived")? {
            None => Archived::Include,
            Some(true) => Archived::Only,
            Some(false) => Archived::Exclude,
        },
        active: request.flag("active")?,
        group,
        search: request.parameter("search"),
        visibility,
        with_issues_enabled: request.flag("with_issues_enabled")?,
        with_merge_requests_enabled: request.flag("with_merge_requests_enabled")?,
        active_after: request.time("last_activity_after")?,
        active_before: request.time("last_activity_before")?,
        ..Filter::default()
    })
}

/// Keyset pages: a link to what follows, and no totals.
fn by_key(request: &RestRequest<'_>, filter: &Filter) -> Answered {
    if order_by(request)? != "id" {
        let error = "Keyset pagination is not yet available for this type of request";
        return Err(Answer::json(405, &json!({ "error": error })));
    }
    let id_after = request.number("id_after")?;
    let id_before = request.number("id_before")?;
    let (order, start, bound) = match request.ascending()? {
        true => (Order::IdAscending, id_after, "id_after"),
        false => (Order::IdDescending, id_before, "id_before"),
    };
    let after = start.map(|id| Cursor {
        id,
        last_activity_at: Timestamp::MIN,
    });
    let size = request.page_size()?;
    let rows: Vec<&Project> = filter
        .list(request.world, request.viewer, order, after)
        .filter(|project| id_after.is_none_or(|id| project.id > id))
        .filter(|project| id_before.is_none_or(|id| project.id < id))
        .take(size as usize)
        .collect();
    let mut answer = rows_answer(request, &rows, true);
    // A full page links on, even when nothing follows it.
    if let Some(last) = rows.last()
        && rows.len() as u64 == size
    {
        let next = request.link(&[(bound, &last.id.to_string())]);
        answer.set_header("Link", format!("<{next}>; rel=\"next\""));
    }
    Ok(answer)
}

pub(super) fn by_offset(
    request: &RestRequest<'_>,
    filter: &Filter,
    with_statistics: bool,
) -> Answered {
    if (request.page()? - 1) * request.page_size()? > MAX_OFFSET {
        let error = format!(
            "Offset pagination has a maximum allowed offset of {MAX_OFFSET} for requests that return \
             objects of type Project. Remaining records can be retrieved using keyset pagination."
        );
        return Err(Answer::json(405, &json!({ "error": error })));
    }
    let (order_by, ascending) = (order_by(request)?, request.ascending()?);
    let order = match (order_by.as_str(), ascending) {
        ("last_activity_at", false) => Order::ActivityDescending,
        (_, true) => Order::IdAscending,
        (_, false) => Order::IdDescending,
    };
    let rows = filter.list(request.world, request.viewer, order, None);
    let page = match (order_by.as_str(), ascending) {
        ("id", _) | ("last_activity_at", false) => request.by_offset(rows)?,
        (order_by, ascending) => {
            // The sort is stable, so that ids decide ties.
            let mut rows: Vec<&Project> = rows.collect();
            rows.sort_by(|one, other| match ascending {
                true => compare(order_by, one, other),
                false => compare(order_by, other, one),
            });
            request.by_offset(rows.into_iter())?
        }
    };
    let answer = rows_answer(request, &page.rows, with_statistics);
    Ok(page.answer(request, answer))
}

fn order_by(request: &RestRequest<'_>) -> Result<String, Answer> {
    let orders = [
        "created_at",
        "id",
        "name",
        "path",
        "updated_at",
        "last_activity_at",
        "star_count",
    ];
    request.choice("order_by", &orders)
}

fn compare(order_by: &str, one: &Project, other: &Project) -> Ordering {
    match order_by {
        "created_at" => one.created_at.cmp(&other.created_at),
        "last_activity_at" => one.last_activity_at.cmp(&other.last_activity_at),
        "updated_at" => one.updated_at().cmp(&other.updated_at()),
        "name" => one.name.cmp(&other.name),
        "path" => one.path().cmp(other.path()),
        _ => one.stars.cmp(&other.stars),
    }
}

fn rows_answer(request: &RestRequest<'_>, projects: &[&Project], with_statistics: bool) -> Answer {
    let simple = request.parameter("simple").as_deref() == Some("true");
    let statistics = with_statistics && request.parameter("statistics").as_deref() == Some("true");
    let rows = projects.iter().map(|project| match simple {
        true => Body::simple(project, request),
        false => Body::of(project, request, statistics),
    });
    let rows: Vec<Body<'_>> = rows.collect();
    let mut answer = Answer::json(200, &rows);
    answer.projects = projects.len();
    answer
}
