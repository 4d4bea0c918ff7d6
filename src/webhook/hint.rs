//! What is left of a webhook that was accepted.

use std::sync::Arc;

use super::event::Event;

/// Something has happened at GitLab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hint {
    /// The configured name of the GitLab, where the address of the webhook has one: `/webhook/{name}`.
    pub gitlab: Option<String>,
    /// The address that GitLab gives itself (`X-Gitlab-Instance`), as sent.
    pub sent_by: Option<String>,
    /// The project where it happened. Without one, any project may have changed.
    pub project: Option<u64>,
    pub event: Event,
}

/// Takes hints. It is called while GitLab waits for the answer, so it must not block.
pub type TakeHint = Arc<dyn Fn(Hint) + Send + Sync>;
