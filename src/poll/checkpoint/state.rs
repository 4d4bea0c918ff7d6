//! The same as the file, in memory: what another process is given to go on from.

use super::format::{self, Header, Unusable};
use super::polled::Polled;
use crate::poll::engine::Memory;

/// What a poller knew, and where it goes on.
pub struct State(Memory);

impl State {
    /// The bytes of what a poller knows. What was spent of a budget is not in them.
    pub(in crate::poll) fn written(memory: &Memory, polled: &Polled) -> Vec<u8> {
        let header = Header {
            remaining_budget: None,
            polled,
        };
        let mut bytes = Vec::new();
        match format::write(&mut bytes, &header, memory) {
            Ok(()) => bytes,
            // Memory takes every byte. What can't be read again is not gone on from.
            Err(error) => {
                tracing::error!(%error, "writing the state failed: please report this");
                Vec::new()
            }
        }
    }

    /// Reads what [`State::written`] wrote.
    ///
    /// # Errors
    /// Why it can't be used.
    pub fn read(bytes: &[u8], polled: &Polled) -> Result<State, Unusable> {
        Ok(State(format::read(bytes, polled)?.memory))
    }

    pub(in crate::poll) fn into_memory(self) -> Memory {
        self.0
    }
}
