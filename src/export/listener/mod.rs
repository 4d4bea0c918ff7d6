//! The loop that serves: takes connections up to a limit, and cuts those that hold a place for nothing.
//!
//! What is answered is not decided here, but in `http`.

mod activity;
mod binding;
mod bodies;
mod connections;
mod descriptors;
mod refusals;
mod served;
mod speaking;
#[cfg(test)]
mod tests;
mod watched;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Listen;
use connections::{Connection, Connections};
use refusals::Refusals;
pub use refusals::RefusedConnections;
use speaking::Speaking;

pub use descriptors::most_connections;
pub use served::{Served, ServedNow};

/// The bound listener.
pub struct Server {
    listener: TcpListener,
    connections: Arc<Connections>,
    refused: Arc<RefusedConnections>,
}

impl Server {
    /// How long open connections may take once the bridge is told to stop.
    const DRAIN: Duration = Duration::from_secs(2);
    /// How long no connection is taken after one could not be, unless one ends before.
    const PAUSE: Duration = Duration::from_millis(100);

    /// Binds the address. `setting` is what would choose another one.
    ///
    /// # Errors
    /// If it is taken, not ours, not allowed or no address; the message says what to do.
    pub async fn bind(listen: &Listen, setting: &str) -> Result<Server> {
        Ok(Server {
            listener: binding::bind(listen, setting).await?,
            connections: Arc::default(),
            refused: Arc::default(),
        })
    }

    /// Counts together with others what it can't take.
    #[must_use]
    pub fn counting(self, refused: &Arc<RefusedConnections>) -> Server {
        let refused = Arc::clone(refused);
        Server { refused, ..self }
    }

    /// The bound address.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn address(&self) -> Result<SocketAddr> {
        self.listener
            .local_addr()
            .context("reading the address of the listener")
    }

    /// Takes connections and answers with what is served at the time, until told to stop.
    pub async fn take(&self, served: &ServedNow, stop: &CancellationToken) {
        let speaking = Speaking {
            served: served.clone(),
            stop: stop.clone(),
            refused: Arc::clone(&self.refused),
        };
        tokio::select! {
            () = self.accept(speaking) => {}
            () = stop.cancelled() => {}
        }
    }

    /// Takes no more connections, and lets open requests end for a moment.
    pub async fn drain(self) {
        drop(self.listener); // Nobody waits in its queue for an answer that does not come.
        let _ = timeout(Self::DRAIN, self.connections.all_ended()).await;
        // A client that keeps its connection open does not keep us.
        self.connections.cut_all();
    }

    /// Takes connections, for ever.
    async fn accept(&self, speaking: Speaking) {
        let mut refusals = Refusals::new(Arc::clone(&self.refused));
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let most = speaking.served.borrow().most;
                    let connection = self.place(most, &mut refusals).await;
                    tokio::spawn(speaking.clone().attend(stream, connection));
                }
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    refusals.note(&error, Instant::now());
                    // No descriptor is left: one that does nothing gives its own.
                    self.connections.make_room(Instant::now());
                    sleep(Self::PAUSE).await;
                }
            }
        }
    }

    /// Waits for a place among the connections. One that does nothing has to leave for it.
    async fn place(&self, most: usize, refusals: &mut Refusals) -> Connection {
        loop {
            if let Some(connection) = self.connections.join(most, Instant::now()) {
                return connection;
            }
            if !self.connections.make_room(Instant::now()) {
                refusals.full(most, Instant::now());
            }
            let _ = timeout(Self::PAUSE, self.connections.one_ended()).await;
        }
    }
}

/// The client has gone again, which is no reason to wait.
fn is_of_the_client(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted
    )
}
