//! Where the things of one GitLab stand in the engine, and how a script is run on them.

use std::time::Duration;

use redis::{FromRedisValue, Script};

use super::engine::Engine;
use super::error::Error;
use super::keys::Keys;
use super::link::Request;

/// Where a GitLab's things stand.
pub(super) struct Place {
    pub engine: Engine,
    pub instance: String,
    pub keys: Keys,
}

impl Place {
    /// Runs a script with the keys and arguments that are given to it.
    ///
    /// # Errors
    /// If the engine does not answer.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        fill: impl FnOnce(&mut redis::ScriptInvocation<'_>),
    ) -> Result<T, Error> {
        let mut invocation = script.prepare_invoke();
        fill(&mut invocation);
        self.engine.ask(Request::Script(&invocation)).await
    }
}

pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
