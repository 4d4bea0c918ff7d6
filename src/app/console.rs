//! Prints the metrics on stdout again and again, for a look at them.

use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::export::{Introspect, Prometheus, Views};
use crate::stdio;

/// The console exporter.
pub struct Console {
    pub prometheus: Arc<Prometheus>,
    pub introspect: Introspect,
    pub every: Duration,
}

impl Console {
    /// Prints at each interval from the first poll on, and once more when told to stop.
    pub async fn run(&self, mut views: Views, stop: CancellationToken) {
        let polled = views.wait_for(|view| view.known() > 0);
        tokio::select! { _ = polled => {}, () = stop.cancelled() => return }
        loop {
            let (prometheus, introspect) =
                (Arc::clone(&self.prometheus), Arc::clone(&self.introspect));
            let view = views.borrow_and_update().clone();
            let printed = spawn_blocking(move || {
                prometheus.render(&view)?;
                let text = prometheus.exposition(&introspect, false);
                stdio::print(text.pieces).map_err(|error| format!("{error:#}"))
            });
            match printed.await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => return tracing::warn!(error, "the console exporter ends"),
                // It is begun anew.
                Err(broken) => resume_unwind(broken.into_panic()),
            }
            if stop.is_cancelled() {
                return;
            }
            tokio::select! { () = sleep(self.every) => {}, () = stop.cancelled() => {} }
        }
    }
}
