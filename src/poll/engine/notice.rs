//! What the engine has to say to an operator. It decides what is worth saying; the driver logs it.

use std::time::Duration;

use crate::logged::seconds;
use crate::prose::within;

/// Something that happened and is worth a line in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// GraphQL can't be used, and REST is until it can.
    GraphqlBlocked { error: String },
    /// GraphQL can be used again.
    GraphqlBack,
    /// GraphQL does not tell forks, and the filter needs to know them.
    ForksUntold,
    /// GraphQL has no such field.
    FieldUnknown { field: String },
    /// GraphQL can't walk a list, so REST lists it.
    ListedOverRest { list: String, error: String },
    /// GraphQL can't sort a list by activity.
    Unsorted { list: String, error: String },
    /// A project breaks every GraphQL request that it is in.
    ProjectBreaks { id: u64, pause: Duration },
    /// A group or project that the configuration names is not there.
    NotFound(String),
    /// A group has another path.
    GroupMoved { id: u64, from: String, to: String },
    /// A request was too much for GitLab.
    TooMuch { parts: usize, error: String },
    /// The budget or a limit allows nothing for a while.
    Waiting { wait: Duration },
}

impl Notice {
    /// Logs it.
    pub fn log(&self) {
        match self {
            Notice::GraphqlBlocked { error } => {
                tracing::warn!(error, "GraphQL can't be used; REST is, at more requests");
            }
            Notice::GraphqlBack => tracing::info!("GraphQL can be used again"),
            Notice::ForksUntold => tracing::warn!(
                "this GitLab does not tell forks over GraphQL; REST is used, at more requests"
            ),
            Notice::FieldUnknown { field } => tracing::info!(
                field,
                "this GitLab does not have a field; its metric is left out"
            ),
            Notice::ListedOverRest { list, error } => tracing::warn!(
                error,
                "{list} fails over GraphQL; REST lists the projects, and GraphQL is asked for their values"
            ),
            Notice::Unsorted { list, error } => tracing::warn!(
                error,
                "{list} by activity is refused; changes show when the sweep comes to them"
            ),
            Notice::ProjectBreaks { id, pause } => tracing::warn!(
                project_id = id,
                pause_seconds = seconds(*pause),
                "this project breaks every GraphQL request it is in; its values are asked for one by one"
            ),
            Notice::NotFound(what) => tracing::warn!("{}", within(what)),
            Notice::GroupMoved { id, from, to } => {
                tracing::info!(group_id = id, from, to, "a selected group has another path");
            }
            Notice::TooMuch { parts, error } => {
                tracing::debug!(parts, error, "the request was too much");
            }
            Notice::Waiting { wait } => {
                tracing::debug!(
                    wait_seconds = seconds(*wait),
                    "waiting for the request budget or a limit"
                );
            }
        }
    }
}
