//! What a poller leaves to the one that goes on with the same GitLab under other settings: what it knows, what
//! it has counted, its file and who listens to it.

use std::path::Path;
use std::sync::Arc;

use super::checkpoint::{Checkpoint, Polled, carried};
use super::engine::{Before, Memory};
use super::inbox::Inbox;
use super::progress::Progress;
use super::subject_log::SubjectLog;
use crate::gitlab::Client;

/// What a poller leaves behind.
pub struct HandedOver {
    pub(super) before: Before,
    pub(super) polled: Polled,
    pub(super) client: Client,
    pub(super) progress: Arc<Progress>,
    pub(super) inbox: Arc<Inbox>,
    pub(super) said: SubjectLog,
    pub(super) checkpoint: Option<Checkpoint>,
}

impl HandedOver {
    /// The client that it asked with, which nobody uses any more.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// How often its polls broke off.
    pub fn panics(&self) -> u64 {
        self.progress.panics()
    }

    /// The file that it keeps.
    pub fn state(&self) -> Option<&Path> {
        self.checkpoint.as_ref().map(Checkpoint::path)
    }

    /// Writes its file the last time, and leaves it to others.
    pub async fn close_state(&mut self) {
        let checkpoint = self.checkpoint.take();
        if let (Some(checkpoint), Some(memory)) = (checkpoint, self.before.memory.clone()) {
            checkpoint.end(memory, self.client.remaining_budget()).await;
        }
    }

    /// What it knew, as it is of use for what is polled now; none if that is something else.
    pub(super) fn memory(&mut self, now: &Polled) -> Option<Memory> {
        let memory = self.before.memory.take()?;
        let carried = carried(memory, &self.polled, now).inspect_err(|why| {
            tracing::error!(%why, "what was known can't be carried over: please report this");
        });
        carried.ok().flatten()
    }
}
