//! Pages of things in the order of a time of theirs, behind a cursor or by number.

use std::cmp::Ordering;

use jiff::Timestamp;

use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::{Connection, after, invalid_cursor};
use crate::simulator::graphql::object::FieldError;
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::RestRequest;

/// A thing that has times and, to decide ties, a number.
pub(super) trait Sorted: Copy {
    fn id(&self) -> u64;
    /// The time of that name, such as `created`, if it has come.
    fn time(&self, name: &str) -> Option<Timestamp>;
}

/// The page that GraphQL's `sort` and `after` ask for. The last created come first where nothing is said.
pub(super) fn page<T: Sorted>(
    field: &SelectedField<'_>,
    mut rows: Vec<T>,
) -> Result<Connection<T>, FieldError> {
    let sort = field.text("sort").unwrap_or("created_desc").to_lowercase();
    let (by, ascending) = match sort.rsplit_once('_') {
        Some((by, "asc")) => (by, true),
        Some((by, "desc")) => (by, false),
        _ => ("", false),
    };
    if ![
        "created",
        "updated",
        "merged_at",
        "closed_at",
        "released_at",
    ]
    .contains(&by)
    {
        let message = format!("The model does not sort by '{sort}'");
        return Err(FieldError::Message(message));
    }
    let count = rows.len();
    rows.sort_by(|one, other| order(ascending, key(one, by), key(other, by)));
    if let Some(text) = after(field) {
        let behind = parse(text).ok_or_else(invalid_cursor)?;
        rows.retain(|row| order(ascending, key(row, by), behind) == Ordering::Greater);
    }
    let cursor = |row: T| text(key(&row, by));
    Ok(Connection::of(field, rows.into_iter(), cursor, || count))
}

/// The order that REST's `sort` asks for, by `created_at`, `updated_at` and so on.
pub(super) fn rest<T: Sorted>(
    request: &RestRequest<'_>,
    order_by: &str,
    mut rows: Vec<T>,
) -> Result<Vec<T>, Answer> {
    let by = match order_by {
        "created_at" | "updated_at" => order_by.trim_end_matches("_at"),
        other => other,
    };
    let ascending = request.ascending()?;
    rows.sort_by(|one, other| order(ascending, key(one, by), key(other, by)));
    Ok(rows)
}

type Key = (Option<Timestamp>, u64);

fn key<T: Sorted>(row: &T, by: &str) -> Key {
    (row.time(by), row.id())
}

/// What lacks the time comes last in either order.
fn order(ascending: bool, one: Key, other: Key) -> Ordering {
    let order = match (one.0, other.0) {
        (None, Some(_)) => return Ordering::Greater,
        (Some(_), None) => return Ordering::Less,
        (one, other) => one.cmp(&other),
    };
    let order = order.then(one.1.cmp(&other.1));
    if ascending { order } else { order.reverse() }
}

/// A cursor: the time and the number of the last row. GitLab wraps its own in Base64.
fn text((time, id): Key) -> String {
    let time = time.map(|time| time.to_string()).unwrap_or_default();
    format!("{time}|{id}")
}

fn parse(text: &str) -> Option<Key> {
    let (time, id) = text.split_once('|')?;
    let time = match time {
        "" => None,
        time => Some(time.parse().ok()?),
    };
    Some((time, id.parse().ok()?))
}
