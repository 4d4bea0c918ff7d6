//! Connections: GraphQL's pages of a list.

use super::object::{Context, FieldError, FieldResult, FieldValue, Object};
use super::select::SelectedField;
use crate::simulator::limits::MAX_PAGE_SIZE;

/// A list of which the model knows only how long it is.
pub(crate) struct Counted(pub(crate) u64);

/// A page of a list, and how many things the whole list has.
pub(crate) struct Connection<T> {
    pub(crate) rows: Vec<T>,
    total: u64,
    info: PageInfo,
}

/// What a page tells of the pages around it.
#[derive(Clone)]
struct PageInfo {
    start: Option<String>,
    end: Option<String>,
    has_next: bool,
    has_previous: bool,
}

impl<T: Copy> Connection<T> {
    /// The page that `field` asks for. The `rows` begin behind its cursor; the whole list is counted
    /// only where that is selected.
    pub(crate) fn of(
        field: &SelectedField<'_>,
        rows: impl Iterator<Item = T>,
        cursor: impl Fn(T) -> String,
        count: impl FnOnce() -> usize,
    ) -> Self {
        let asked = field.number("first").unwrap_or(MAX_PAGE_SIZE);
        let size = asked.min(MAX_PAGE_SIZE) as usize;
        let mut page: Vec<T> = rows.take(size + 1).collect();
        let has_next = page.len() > size;
        page.truncate(size);
        Connection {
            total: field.selected("count").map_or(0, |_| count() as u64),
            info: PageInfo {
                start: page.first().map(|row| cursor(*row)),
                end: page.last().map(|row| cursor(*row)),
                has_next,
                has_previous: after(field).is_some(),
            },
            rows: page,
        }
    }
}

/// The cursor behind which a page begins, if not at the start.
pub(crate) fn after<'q>(field: &'q SelectedField<'_>) -> Option<&'q str> {
    field.text("after").filter(|cursor| !cursor.is_empty())
}

/// What GitLab says to a cursor that it did not make.
pub(crate) fn invalid_cursor() -> FieldError {
    FieldError::Message("Please provide a valid cursor".to_owned())
}

impl<'w> Object<'w> for Counted {
    fn field(&self, _: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(self.0.into())
    }
}

impl<'w, T: Object<'w> + Copy + 'w> Object<'w> for Connection<T> {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "count" => self.total.into(),
            "nodes" => FieldValue::list(self.rows.iter().copied()),
            _ => FieldValue::object(self.info.clone()),
        })
    }
}

impl<'w> Object<'w> for PageInfo {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "hasNextPage" => self.has_next.into(),
            "hasPreviousPage" => self.has_previous.into(),
            "startCursor" => self.start.clone().into(),
            _ => self.end.clone().into(),
        })
    }
}
