//! The running model: served on a socket or called in process, and what a test does with it meanwhile.

pub(super) mod arrival;
mod chaos;
mod connection;
mod delivery;
pub(super) mod fault;
mod rate;
pub(super) mod record;
mod route;
pub(super) mod service;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::chaos::Chaos;
use self::connection::{CuttingListener, Peer};
use self::delivery::Delivery;
use self::fault::Fault;
use self::record::Request;
use self::service::{Cut, Service, lock};
use super::answer::Answer;
use super::world::World;

/// Larger requests than this are refused; GitLab's are far smaller.
const MAX_BODY: usize = 4 << 20;
/// The address of a model that has no socket.
const NOWHERE: &str = "http://gitlab.test";

/// A running model of GitLab. It stops when it is dropped.
#[derive(Debug)]
pub struct GitLab {
    url: String,
    service: Arc<Service>,
    stopped: CancellationToken,
    serving: Option<JoinHandle<()>>,
}

impl GitLab {
    /// Serves a world on a free loopback port.
    pub async fn start(world: World) -> io::Result<GitLab> {
        GitLab::start_on((Ipv4Addr::LOCALHOST, 0).into(), world).await
    }

    /// Serves a world on an address.
    pub async fn start_on(address: SocketAddr, world: World) -> io::Result<GitLab> {
        let listener = TcpListener::bind(address).await?;
        let origin = format!("http://{}", listener.local_addr()?);
        let mut gitlab = GitLab::open(&origin, world);
        let router = Router::new()
            .fallback(receive)
            .with_state(Arc::clone(&gitlab.service));
        let listener = CuttingListener {
            listener,
            stopped: gitlab.stopped.clone(),
        };
        let until_stopped = gitlab.stopped.clone();
        gitlab.serving = Some(tokio::spawn(async move {
            let service = router.into_make_service_with_connect_info::<Peer>();
            tokio::select! {
                () = until_stopped.cancelled() => {}
                _ = axum::serve(listener, service) => {}
            }
        }));
        Ok(gitlab)
    }

    /// Serves a world without a socket: [`GitLab::ask`] answers requests.
    ///
    /// It waits by tokio's clock alone, so that a day passes in a moment where that is paused.
    pub fn in_process(world: World) -> GitLab {
        GitLab::open(NOWHERE, world)
    }

    fn open(origin: &str, world: World) -> GitLab {
        GitLab {
            url: format!("{origin}{}", world.base),
            service: Service::open(world),
            stopped: CancellationToken::new(),
            serving: None,
        }
    }

    /// Answers a request as over a socket, with all that happens on the way, but without one.
    ///
    /// # Errors
    /// Where the connection would have been cut. Where it would hang, this never returns.
    pub async fn ask(&self, request: http::Request<Bytes>) -> Result<http::Response<Bytes>, Cut> {
        let (parts, body) = request.into_parts();
        let response = self.service.receive(&parts, &body, 0).await?;
        let (head, body) = response.into_parts();
        let whole = axum::body::to_bytes(body, usize::MAX).await;
        let whole = whole.map_err(|_| Cut)?;
        Ok(http::Response::from_parts(head, whole))
    }

    /// Where it is: scheme, host, port and sub-path, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Changes the world. Requests see it before or after, never in between.
    pub fn edit<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        self.service.edit(change)
    }

    /// Reads the world.
    pub fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        self.service.read(look)
    }

    /// Lets things happen in the world, one step each `interval`, until the model stops.
    ///
    /// The counts after each step depend on the world and the seed alone.
    pub fn live(&self, interval: Duration, seed: u64) {
        let (service, stopped) = (Arc::clone(&self.service), self.stopped.clone());
        tokio::spawn(async move {
            let (mut random, mut turn) = (fastrand::Rng::with_seed(seed), 0);
            let step = || tokio::time::sleep(interval);
            while stopped.run_until_cancelled(step()).await.is_some() {
                service.edit(|world| {
                    world.tour(turn);
                    world.happen(interval, &mut random);
                });
                turn += 1;
            }
        });
    }

    /// Adds a fault behind those that wait already.
    pub fn fault(&self, fault: Fault) {
        lock(&self.service.faults).add(fault);
    }

    /// Forgets all faults that are left.
    pub fn clear_faults(&self) {
        lock(&self.service.faults).clear();
    }

    /// Lets a share of all requests fail, such as `0.1`, in all ways in which GitLab fails.
    ///
    /// The seed and the order of the requests decide which, and how. `chaos(0.0, 0)` ends it.
    pub fn chaos(&self, share: f64, seed: u64) {
        *lock(&self.service.chaos) = Chaos::new(share, seed);
    }

    /// What was asked so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.service.log).all()
    }

    /// Forgets what was asked, and returns it. Answers under way are not recorded any more.
    pub fn take_requests(&self) -> Vec<Request> {
        lock(&self.service.log).take()
    }

    /// Remembers no more than the newest `most` requests from now on; all, when nothing is said.
    pub fn keep_requests(&self, most: usize) {
        lock(&self.service.log).keep(most);
    }

    /// How many requests were under way at once, at most.
    pub fn most_requests_at_once(&self) -> usize {
        self.service.most_in_flight()
    }

    /// Stops listening and cuts every connection.
    pub async fn stop(mut self) {
        self.stopped.cancel();
        if let Some(serving) = self.serving.take() {
            // It ends by itself, and a panic in it has been reported by then.
            let _ = serving.await;
        }
    }
}

impl Drop for GitLab {
    fn drop(&mut self) {
        self.stopped.cancel();
    }
}

async fn receive(
    State(service): State<Arc<Service>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: axum::extract::Request,
) -> http::Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        let refusal = Delivery::whole(Answer::html(413, "Payload too large"));
        return refusal.respond(&parts, service.read(World::now));
    };
    match service.receive(&parts, &body, peer.port).await {
        Ok(response) => response,
        Err(Cut) => {
            peer.cut.cancel();
            std::future::pending().await
        }
    }
}
