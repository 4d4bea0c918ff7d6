//! The loop that serves: takes connections up to a limit, and cuts those that hold a place for nothing.
//!
//! What is answered is not decided here, but in `http`.

mod activity;
mod bodies;
mod connections;
mod descriptors;
mod refusals;
#[cfg(test)]
mod tests;
mod watched;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use axum::Router;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::Listen;
use activity::Activity;
use bodies::{Answer, Asked};
use connections::{Connection, Connections};
use refusals::Refusals;
use watched::Watched;

pub use descriptors::most_connections;

/// The bound listener.
pub struct Server {
    listener: TcpListener,
    most: usize,
}

impl Server {
    /// How long open connections may take once the bridge is told to stop.
    const DRAIN: Duration = Duration::from_secs(2);
    /// How long no connection is taken after one could not be, unless one ends before.
    const PAUSE: Duration = Duration::from_millis(100);

    /// Binds the address. `setting` is what would choose another one.
    ///
    /// # Errors
    /// If it is taken or not ours.
    pub async fn bind(listen: &Listen, setting: &str) -> Result<Server> {
        let Listen { host, port } = listen;
        let listener = TcpListener::bind((host.as_str(), *port)).await;
        let listener = listener.with_context(|| {
            format!("listening on {host}:{port}: is another bridge running? Choose another with {setting} host:port")
        })?;
        let most = most_connections(0, 1);
        Ok(Server { listener, most })
    }

    /// Holds at most so many connections.
    #[must_use]
    pub fn holding(self, most: usize) -> Server {
        Server { most, ..self }
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

    /// Serves until told to stop, then lets open requests end for a moment.
    pub async fn serve(self, router: Router, stop: CancellationToken) {
        let connections = Connections::new(self.most);
        let serving = Serving {
            router,
            stop: stop.clone(),
        };
        tokio::select! {
            () = self.accept(&connections, serving) => {}
            () = stop.cancelled() => {}
        }
        drop(self.listener); // Nobody waits in its queue for an answer that does not come.
        let _ = timeout(Self::DRAIN, connections.all_ended()).await;
        // A client that keeps its connection open does not keep us.
        connections.cut_all();
    }

    /// Takes connections, for ever.
    async fn accept(&self, connections: &Arc<Connections>, serving: Serving) {
        let mut refusals = Refusals::default();
        loop {
            match self.listener.accept().await {
                Ok((stream, _)) => {
                    let connection = self.place(connections, &mut refusals).await;
                    tokio::spawn(serving.clone().attend(stream, connection));
                }
                Err(error) if is_of_the_client(&error) => {}
                Err(error) => {
                    refusals.note(&error, Instant::now());
                    // No descriptor is left: one that does nothing gives its own.
                    connections.make_room(Instant::now());
                    sleep(Self::PAUSE).await;
                }
            }
        }
    }

    /// Waits for a place among the connections. One that does nothing has to leave for it.
    async fn place(&self, connections: &Arc<Connections>, refusals: &mut Refusals) -> Connection {
        loop {
            if let Some(connection) = connections.join(Instant::now()) {
                return connection;
            }
            if !connections.make_room(Instant::now()) {
                refusals.full(self.most, Instant::now());
            }
            let _ = timeout(Self::PAUSE, connections.one_ended()).await;
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

/// What a connection is served with.
#[derive(Clone)]
struct Serving {
    router: Router,
    stop: CancellationToken,
}

impl Serving {
    /// Serves one connection until it ends or is cut.
    async fn attend(self, stream: TcpStream, connection: Connection) {
        let _ = stream.set_nodelay(true); // Answers are written whole.
        let activity = &connection.activity;
        let io = TokioIo::new(Watched::new(stream, Arc::clone(activity)));
        let router = TowerToHyperService::new(self.router.clone());
        let answering = service_fn(|request: hyper::Request<Incoming>| {
            let begun = activity.begin(request.version(), Instant::now());
            let answer = router.call(request.map(|body| Asked::new(body, Arc::clone(&begun))));
            async move { Ok::<_, std::convert::Infallible>(Answer::of(answer.await, begun)) }
        });
        let builder = builder();
        let serving = builder.serve_connection(io, answering);
        let mut serving = std::pin::pin!(serving);
        let mut stopping = false;
        loop {
            tokio::select! {
                // What went wrong is the client's business: it broke off, or does not speak HTTP.
                _ = serving.as_mut() => return,
                () = connection.cut.cancelled() => return,
                () = overdue(activity) => return,
                () = self.stop.cancelled(), if !stopping => {
                    stopping = true;
                    serving.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// How HTTP is spoken. Waiting is bounded by [`Activity`], in both versions alike.
fn builder() -> Builder<TokioExecutor> {
    /// Requests at once on one connection.
    const STREAMS: u32 = 32;
    /// Bytes of a request's head; of an answer, what is read from it before the client takes more.
    const BUFFER: usize = 64 << 10;
    let mut builder = Builder::new(TokioExecutor::new());
    let mut http1 = builder.http1();
    http1.timer(TokioTimer::new()).header_read_timeout(None);
    http1.max_buf_size(BUFFER);
    let mut http2 = builder.http2();
    http2
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS);
    http2.max_header_list_size(BUFFER as u32);
    http2.max_send_buf_size(BUFFER);
    builder
}

/// Ends once the connection has taken too long over what it does.
async fn overdue(activity: &Activity) {
    /// A deadline may move closer: it is looked at again after this.
    const LOOK: Duration = Duration::from_secs(1);
    loop {
        let (deadline, now) = (activity.deadline(), Instant::now());
        if deadline <= now {
            return;
        }
        sleep_until(deadline.min(now + LOOK)).await;
    }
}
