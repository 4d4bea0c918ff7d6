//! What errors mean to polling.

use std::fmt::Display;

use serde_json::Value;

use crate::gitlab::{Error, GraphqlError};
use crate::metrics::{NotUnderstood, Reason};

/// Whether an answer is one of GitLab's, if only that it can't or won't.
pub fn made_sense(error: &Error) -> bool {
    match error {
        Error::Budget { .. } | Error::RateLimited { .. } => true,
        error => error.is_gitlabs_word(),
    }
}

/// What was not to be had, and what to do about it.
pub fn advice(what: &impl Display, error: &Error) -> String {
    format!("{what}: {}", error.with_advice())
}

/// An answer that says nothing that can be worked with.
pub fn not_understood(why: &impl Display) -> Error {
    Error::not_understood(why.to_string())
}

/// The same, where reading the answer says why.
pub fn unread(why: NotUnderstood) -> Error {
    Error::not_understood(why.0)
}

/// Whether GitLab itself says that a project or group is not there: a proxy's 404 does not count.
pub fn is_gone(error: &Error) -> bool {
    let words = ["Project Not Found", "Group Not Found"];
    matches!(error, Error::NotFound { detail } if words.iter().any(|words| detail.contains(words)))
}

/// Whether GitLab says that the token may not read something, or that it is not there.
pub fn is_forbidden(error: &Error) -> bool {
    matches!(error, Error::Forbidden { .. } | Error::NotFound { .. })
}

/// Why a part about feeds has no answer.
pub fn feed_reason(error: Option<&Error>) -> Reason {
    match error {
        None | Some(Error::Timeout { .. } | Error::TooLarge { .. } | Error::Deadline) => {
            Reason::Timeout
        }
        Some(error) => Reason::from_name(error.reason()).unwrap_or(Reason::Other),
    }
}

/// Whether something between us and GitLab, or GitLab itself, keeps the API from us.
pub fn is_blocked(error: &Error) -> bool {
    matches!(
        error,
        Error::NotFound { .. }
            | Error::Forbidden { .. }
            | Error::Refused { .. }
            | Error::NotGitLab { .. }
            | Error::NotUnderstood { .. }
            | Error::NotJson { .. }
    )
}

/// Whether GitLab fails at answering: REST may do better.
pub fn is_broken(error: &Error) -> bool {
    matches!(error, Error::Server { .. })
}

/// Whether GitLab ran out of time.
pub fn is_timeout(error: &GraphqlError) -> bool {
    error.message.starts_with("Timeout on ") || error.message.contains("timed out")
}

/// What an error of a partial answer is about: keys below the root, and why.
pub fn failed_at_root(error: &GraphqlError) -> (Vec<&str>, Reason) {
    let keys = error.path.iter().filter_map(Value::as_str);
    let reason = match is_timeout(error) {
        true => Reason::Timeout,
        false => Reason::Graphql,
    };
    (keys.collect(), reason)
}
