//! A page of a list beside the projects, from whichever API it comes.

use serde_json::Value;

use super::super::request::Answer;
use super::super::walk::{Next, Position};
use crate::gitlab::Error;

/// A page of groups or runners.
pub struct Page {
    pub rows: Vec<Value>,
    pub next: Next,
    /// How many entries GitLab counts on the whole list, where it says so.
    pub total: Option<u64>,
}

/// What an answer tells of a list.
pub enum Listed {
    Page(Page),
    /// GitLab shows no such list to the token.
    Null,
    Failed(Error),
    /// GraphQL failed in a part of it, or refused it.
    NotUnderstood,
}

/// Reads a connection that stands at these keys, or a page of REST.
pub fn listed(answer: Answer, at: &[&str]) -> Listed {
    match answer {
        Answer::Query(Ok(told)) => {
            let connection = at.iter().fold(&told.data, |value, key| &value[*key]);
            match &connection["nodes"] {
                Value::Array(rows) if told.errors.is_empty() => Listed::Page(Page {
                    rows: rows.iter().filter(|row| !row.is_null()).cloned().collect(),
                    next: next(&connection["pageInfo"]),
                    total: None,
                }),
                _ if connection.is_null() && told.errors.is_empty() => Listed::Null,
                _ => Listed::NotUnderstood,
            }
        }
        Answer::List(Ok(page)) => Listed::Page(Page {
            rows: page.rows,
            next: page.next,
            total: page.total,
        }),
        Answer::Query(Err(Error::Graphql { .. })) => Listed::NotUnderstood,
        Answer::Query(Err(error)) | Answer::List(Err(error)) => match error {
            Error::Forbidden { .. } | Error::NotFound { .. } => Listed::Null,
            error => Listed::Failed(error),
        },
        _ => Listed::NotUnderstood,
    }
}

fn next(page: &Value) -> Next {
    match (page["hasNextPage"].as_bool(), page["endCursor"].as_str()) {
        (Some(false), _) => Next::End,
        (Some(true), Some(cursor)) => Next::At(Position::Cursor(cursor.to_owned())),
        _ => Next::Unsaid,
    }
}

/// The number of a global id, or of an id of REST.
pub fn id(value: &Value) -> Option<u64> {
    match value {
        Value::String(gid) => gid.rsplit('/').next()?.parse().ok(),
        value => value.as_u64(),
    }
}
