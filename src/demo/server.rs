//! The model behind a port: receives requests, has its moods, answers, and remembers.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, State};
use axum::http::Response;
use axum::http::request::Parts;
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::answer::Answer;
use super::connection::{CuttingListener, Peer};
use super::delivery::{Delivery, Manner};
use super::fault::{Effect, Fault, Queue};
use super::rate::{Meter, Standing};
use super::record::Request;
use super::route::{Arrival, route};
use super::world::World;

/// Larger requests than this are refused; GitLab's are far smaller.
const MAX_BODY: usize = 4 << 20;

/// A running model of GitLab. It stops when it is dropped.
#[derive(Debug)]
pub struct GitLab {
    url: String,
    inner: Arc<Inner>,
    stopped: CancellationToken,
    serving: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Inner {
    world: Mutex<World>,
    faults: Mutex<Queue>,
    meter: Mutex<Meter>,
    log: Mutex<Log>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
}

/// The requests since they were last taken, and how many came before.
#[derive(Debug, Default)]
struct Log {
    forgotten: usize,
    requests: Vec<Request>,
}

impl GitLab {
    /// Serves a world on a free loopback port.
    pub async fn start(world: World) -> io::Result<GitLab> {
        GitLab::start_on((Ipv4Addr::LOCALHOST, 0).into(), world).await
    }

    /// Serves a world on an address.
    pub async fn start_on(address: SocketAddr, world: World) -> io::Result<GitLab> {
        let listener = TcpListener::bind(address).await?;
        let url = format!("http://{}{}", listener.local_addr()?, world.base);
        let stopped = CancellationToken::new();
        let inner = Arc::new(Inner {
            world: Mutex::new(world),
            faults: Mutex::default(),
            meter: Mutex::default(),
            log: Mutex::default(),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
        });
        let router = Router::new()
            .fallback(receive)
            .with_state(Arc::clone(&inner));
        let listener = CuttingListener {
            listener,
            stopped: stopped.clone(),
        };
        let until_stopped = stopped.clone();
        let serving = tokio::spawn(async move {
            let service = router.into_make_service_with_connect_info::<Peer>();
            tokio::select! {
                () = until_stopped.cancelled() => {}
                _ = axum::serve(listener, service) => {}
            }
        });
        Ok(GitLab {
            url,
            inner,
            stopped,
            serving: Some(serving),
        })
    }

    /// Where it is: scheme, host, port and sub-path, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Changes the world. Requests see it before or after, never in between.
    pub fn edit<T>(&self, change: impl FnOnce(&mut World) -> T) -> T {
        change(&mut lock(&self.inner.world))
    }

    /// Reads the world.
    pub fn read<T>(&self, look: impl FnOnce(&World) -> T) -> T {
        look(&lock(&self.inner.world))
    }

    /// Lets time pass in the world, one step each `interval`, until the model stops.
    ///
    /// The counts after each step depend on the world and the seed alone.
    pub fn live(&self, interval: Duration, seed: u64) {
        let (inner, stopped) = (Arc::clone(&self.inner), self.stopped.clone());
        tokio::spawn(async move {
            let mut random = fastrand::Rng::with_seed(seed);
            let step = || tokio::time::sleep(interval);
            while stopped.run_until_cancelled(step()).await.is_some() {
                lock(&inner.world).advance(interval, &mut random);
            }
        });
    }

    /// Adds a fault behind those that wait already.
    pub fn fault(&self, fault: Fault) {
        lock(&self.inner.faults).add(fault);
    }

    /// Forgets all faults that have not struck.
    pub fn clear_faults(&self) {
        lock(&self.inner.faults).clear();
    }

    /// What was asked so far, in the order of arrival.
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.inner.log).requests.clone()
    }

    /// Forgets what was asked, and returns it. Answers under way are not recorded any more.
    pub fn take_requests(&self) -> Vec<Request> {
        let mut log = lock(&self.inner.log);
        log.forgotten += log.requests.len();
        std::mem::take(&mut log.requests)
    }

    /// How many requests were under way at once, at most.
    pub fn most_requests_at_once(&self) -> usize {
        self.inner.most_in_flight.load(Ordering::Relaxed)
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

/// What becomes of a request.
enum Outcome {
    Answered(Delivery),
    /// The connection is cut instead.
    Cut,
    /// Nothing is sent.
    Silence,
}

async fn receive(
    State(inner): State<Arc<Inner>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: axum::extract::Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return Delivery::whole(Answer::html(413, "Payload too large")).respond(&parts);
    };
    let _under_way = inner.enter();
    let arrival = Arrival::new(&parts, &body);
    let number = inner.remember(Request::of(&parts, &arrival.graphql, peer.port));
    match inner.deliver(&parts, &arrival).await {
        Outcome::Answered(delivery) => {
            inner.settle(number, delivery.answer.status);
            delivery.respond(&parts)
        }
        Outcome::Cut => {
            peer.cut.cancel();
            std::future::pending().await
        }
        // Until the client leaves or the model stops, which drops this future.
        Outcome::Silence => std::future::pending().await,
    }
}

impl Inner {
    fn enter(self: &Arc<Self>) -> impl Drop + use<> {
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.most_in_flight.fetch_max(now, Ordering::Relaxed);
        UnderWay(Arc::clone(self))
    }

    /// Records a request and returns its number.
    fn remember(&self, request: Request) -> usize {
        let mut log = lock(&self.log);
        log.requests.push(request);
        log.forgotten + log.requests.len() - 1
    }

    /// Records what a request was answered with, unless it was forgotten meanwhile.
    fn settle(&self, number: usize, status: u16) {
        let mut log = lock(&self.log);
        let index = number.checked_sub(log.forgotten);
        if let Some(request) = index.and_then(|index| log.requests.get_mut(index)) {
            request.status = Some(status);
        }
    }

    async fn deliver(&self, parts: &Parts, arrival: &Arrival) -> Outcome {
        let standing = self.count();
        if let Some(standing) = standing
            && standing.exceeded()
        {
            let mut refusal = standing.refusal();
            standing.announce(&mut refusal);
            return Outcome::Answered(Delivery::whole(refusal));
        }
        let base = lock(&self.world).base.clone();
        let path = arrival.path.strip_prefix(&base).unwrap_or(&arrival.path);
        let effect = lock(&self.faults).strike(path, arrival.operation.as_deref(), &arrival.text);
        let dialect = arrival.dialect();
        let mut answer = match &effect {
            Some(Effect::Hang) => return Outcome::Silence,
            Some(Effect::Reset) => return Outcome::Cut,
            Some(Effect::Status(status)) => Answer::for_status(*status, dialect),
            Some(Effect::RetryLater(wait)) => Answer::retry_later(wait.as_secs_f64().ceil() as u64),
            Some(Effect::RequestedTooOften) => Answer::requested_too_often(),
            Some(Effect::LoginPage) => Answer::login_page(),
            Some(Effect::Body(status, content_type, body)) => Answer {
                content_type,
                body: body.clone(),
                ..Answer::json(*status, &Value::Null)
            },
            Some(Effect::InvalidJson) => Answer {
                body: r#"{"data": {"projects": {"nodes": [{"id": nil"#.to_owned(),
                ..Answer::json(200, &Value::Null)
            },
            Some(Effect::Delay(delay)) => {
                tokio::time::sleep(*delay).await;
                self.answer(parts, arrival).await
            }
            None | Some(Effect::Truncated | Effect::Drip(_)) => self.answer(parts, arrival).await,
        };
        if let Some(standing) = standing {
            standing.announce(&mut answer);
        }
        let manner = match effect {
            Some(Effect::Truncated) => Manner::Truncated,
            Some(Effect::Drip(pause)) => Manner::Dripping(pause),
            _ => Manner::Whole,
        };
        Outcome::Answered(Delivery { answer, manner })
    }

    /// The answer of a GitLab that is well, after the time it takes.
    async fn answer(&self, parts: &Parts, arrival: &Arrival) -> Answer {
        let (answer, latency) = {
            let world = lock(&self.world);
            let answer = route(&world, parts, arrival);
            let moods = &world.moods;
            let each = moods
                .latency_per_project
                .saturating_mul(answer.projects as u32);
            (answer, moods.latency + each)
        };
        if !latency.is_zero() {
            tokio::time::sleep(latency).await;
        }
        answer
    }

    fn count(&self) -> Option<Standing> {
        let (limit, window) = lock(&self.world).moods.rate_limit?;
        Some(lock(&self.meter).count(limit, window, Timestamp::now()))
    }
}

/// Counts a request as under way until it is answered or given up.
struct UnderWay(Arc<Inner>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The data behind a lock is whole after every statement, so a panic elsewhere leaves it usable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
