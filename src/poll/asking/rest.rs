//! Reads what REST answers: pages of lists, projects, groups.

use std::time::UNIX_EPOCH;

use serde_json::Value;

use crate::gitlab::{Document, Error};
use crate::metrics::{EnabledMetrics, ProjectAnswer, UnixTime};
use crate::poll::engine::{Group, ListPage, RestPage, Rows, next_in_rest, not_understood, unread};

/// Reads what is told of projects.
pub struct Reader<'a> {
    pub enabled: &'a EnabledMetrics,
    /// When it was asked.
    pub at: UnixTime,
}

impl Reader<'_> {
    /// A page of a list, with every value that stands in its bodies.
    ///
    /// # Errors
    /// If it is no list of projects: taking it for an empty one would lose them.
    pub fn page(&self, page: &Document) -> Result<RestPage, Error> {
        let Value::Array(bodies) = &page.body else {
            return Err(not_understood(&"no list where one was asked for"));
        };
        let projects = bodies.iter().map(|body| self.project(body));
        let projects = projects.collect::<Result<Vec<_>, _>>()?;
        let last = projects.last().map(|project| project.identity.id);
        Ok(RestPage {
            next: next_in_rest(&page.paging, bodies.len(), last),
            total: page.paging.total,
            projects,
        })
    }

    /// Reads a project's body. What does not stand in it is noted as still to be asked.
    ///
    /// # Errors
    /// If it is none.
    pub fn project(&self, body: &Value) -> Result<ProjectAnswer, Error> {
        let read = ProjectAnswer::from_rest(body, self.enabled, self.at);
        read.map_err(unread)
    }
}

/// A page of a list.
///
/// # Errors
/// If it is no list: taking it for an empty one would lose them.
pub fn list(page: Document) -> Result<ListPage, Error> {
    let (paging, body) = (page.paging, page.body);
    let Value::Array(rows) = body else {
        return Err(not_understood(&"no list where one was asked for"));
    };
    let last = rows.last().and_then(|row| row["id"].as_u64());
    Ok(ListPage {
        next: next_in_rest(&paging, rows.len(), last),
        total: paging.total,
        rows,
    })
}

/// Rows of a list, or a document, with GitLab's own time.
///
/// # Errors
/// If it is neither.
pub fn rows(page: Document) -> Result<Rows, Error> {
    let date = page
        .date
        .and_then(|date| date.duration_since(UNIX_EPOCH).ok());
    Ok(Rows {
        rows: document(page.body)?,
        date: date.map(|date| date.as_secs()),
    })
}

/// A document with members, or with rows.
///
/// # Errors
/// If it is something else, such as a word of a proxy.
pub fn document(body: Value) -> Result<Value, Error> {
    match body.is_object() || body.is_array() {
        true => Ok(body),
        false => Err(not_understood(&"the answer is not a document")),
    }
}

/// A group.
///
/// # Errors
/// If it is none.
pub fn group(body: &Value) -> Result<Group, Error> {
    match (body["id"].as_u64(), body["full_path"].as_str()) {
        (Some(id), Some(path)) => Ok(Group {
            id,
            path: path.to_owned(),
        }),
        _ => Err(not_understood(&"the answer is not a group")),
    }
}
