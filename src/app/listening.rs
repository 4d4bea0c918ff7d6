//! A listener that stays bound while what it serves is replaced.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::part::Part;
use super::supervision::Panics;
use crate::export::{Listen, Prometheus, Served, Server};

/// A listener at work.
pub struct Listening {
    /// Where it was told to listen.
    pub listen: Listen,
    /// Where it listens.
    pub address: SocketAddr,
    served: watch::Sender<Arc<Served>>,
    part: Part,
}

impl Listening {
    /// Takes connections from now on; those that come before the first text can be shown wait for it: an
    /// empty one would end every series.
    ///
    /// # Errors
    /// If the system does not tell the address.
    pub fn start(
        server: Server,
        listen: Listen,
        served: Served,
        waits_for: Option<Arc<Prometheus>>,
        panics: &Arc<Panics>,
        stop: &CancellationToken,
    ) -> Result<Listening> {
        let address = server.address()?;
        let (served, now) = watch::channel(Arc::new(served));
        let panics = Arc::clone(panics);
        let part = Part::spawn(stop, async move |end| {
            if let Some(prometheus) = waits_for {
                tokio::select! { () = prometheus.begun() => {}, () = end.cancelled() => return }
            }
            panics
                .survived("listener", &end, || server.take(&now, &end))
                .await;
            server.drain().await;
        });
        Ok(Listening {
            listen,
            address,
            served,
            part,
        })
    }

    /// Serves something else from the next request on.
    pub fn serve(&self, served: Served) {
        self.served.send_replace(Arc::new(served));
    }

    /// What is to end, for it to take no more connections and to let open requests end.
    pub fn into_part(self) -> Part {
        self.part
    }
}
