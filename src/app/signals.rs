//! The signals that the process listens to, from its first moment on: SIGHUP never kills it then.

use anyhow::{Context, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that end the process.
pub struct Ends {
    terminate: Signal,
    interrupt: Signal,
}

/// SIGHUP. Whoever has it is told even of one that came before.
pub struct Hangups(Signal);

impl Ends {
    /// Listens from now on. Needs a tokio runtime.
    ///
    /// # Errors
    /// If the system does not let us.
    pub fn listen() -> Result<Ends> {
        Ok(Ends {
            terminate: signal(SignalKind::terminate()).context("listening for SIGTERM")?,
            interrupt: signal(SignalKind::interrupt()).context("listening for SIGINT")?,
        })
    }

    /// Waits for the next.
    pub async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

impl Hangups {
    /// Listens from now on. Needs a tokio runtime.
    ///
    /// # Errors
    /// If the system does not let us.
    pub fn listen() -> Result<Hangups> {
        let hangups = signal(SignalKind::hangup()).context("listening for SIGHUP")?;
        Ok(Hangups(hangups))
    }

    /// Waits for the next.
    pub async fn next(&mut self) {
        self.0.recv().await;
    }
}
