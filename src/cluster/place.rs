//! Where the things of one GitLab stand in the engine, and how a script is run on them.

use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{FromRedisValue, RedisResult, Script};

use super::engine::Engine;
use super::error::Error;
use super::keys::Keys;

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
        let invocation = &invocation;
        let asking = |mut connection: MultiplexedConnection| async move {
            let answer: RedisResult<T> = invocation.invoke_async(&mut connection).await;
            answer
        };
        self.engine.ask(asking).await
    }
}

pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
