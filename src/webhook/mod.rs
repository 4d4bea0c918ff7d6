//! What GitLab sends when something has happened: a hint to ask soon, never a source of counts.
//!
//! A webhook must be authentic (`secrets`) and say what it is about (`event`); then it is a [`Hint`].
//! Whoever takes hints joins those about the same project.

mod config;
mod counts;
mod door;
mod event;
mod secrets;

use std::sync::Arc;

pub use config::{Config, SecretSource};
pub use counts::{Counts, Outcome};
pub use door::{Receiver, router};
pub use event::Event;
pub use secrets::{Refusal, Secrets};

/// Something has happened at GitLab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The instance that the address names: `/webhook/{instance}`.
    pub instance: Option<String>,
    /// The address that GitLab gives itself (`X-Gitlab-Instance`), as sent.
    pub sent_by: Option<String>,
    /// Where it happened; none if no project is named: look at what has been active.
    pub project: Option<u64>,
    /// What happened.
    pub event: Event,
}

/// Takes hints. It is called while GitLab waits for the answer, so it must not block.
pub type Take = Arc<dyn Fn(Hint) + Send + Sync>;
