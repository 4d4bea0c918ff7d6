//! The model behind a port: receives requests, has its moods, answers, and remembers.

use std::convert::Infallible;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, State};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderValue, Response, StatusCode};
use flate2::Compression;
use flate2::write::GzEncoder;
use futures::{StreamExt, stream};
use jiff::Timestamp;
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::answer::{Answer, Dialect};
use super::connection::{CuttingListener, Peer};
use super::fault::{Effect, Fault, Queue};
use super::project::Viewer;
use super::rate::{Meter, Standing};
use super::record::{Request, sent_token};
use super::world::{Token, TokenState, World};
use super::{graphql, rest};

/// Larger requests than this are refused; GitLab's are far smaller.
const MAX_BODY: usize = 4 << 20;
/// How many bytes a dripping answer sends at a time.
const DRIP: usize = 16;

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

/// How an answer travels.
enum Delivery {
    Whole(Answer),
    Truncated(Answer),
    Dripping(Answer, Duration),
    /// The connection is cut instead.
    Reset,
    /// Nothing is sent.
    Never,
}

async fn receive(
    State(inner): State<Arc<Inner>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: axum::extract::Request,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return respond(
            &parts,
            Delivery::Whole(Answer::html(413, "Payload too large")),
        );
    };
    let _under_way = inner.enter();
    let arrival = Arrival::new(&parts, &body);
    let number = inner.remember(Request::of(&parts, &arrival.graphql, peer.port));
    let delivery = inner.deliver(&parts, &arrival).await;
    match delivery {
        Delivery::Never => {
            // Until the client leaves or the model stops, which drops this future.
            std::future::pending().await
        }
        Delivery::Reset => {
            peer.cut.cancel();
            std::future::pending().await
        }
        delivery => {
            let response = respond(&parts, delivery);
            inner.settle(number, response.status().as_u16());
            response
        }
    }
}

/// What a request asks, as far as the model needs it.
struct Arrival {
    path: String,
    text: String,
    graphql: Value,
    operation: Option<String>,
}

impl Arrival {
    fn new(parts: &Parts, body: &Bytes) -> Self {
        let text = String::from_utf8_lossy(body).into_owned();
        let graphql: Value = serde_json::from_str(&text).unwrap_or_default();
        let operation = Request::of(parts, &graphql, 0).operation;
        let path = parts.uri.path().to_owned();
        Arrival {
            path,
            text,
            graphql,
            operation,
        }
    }

    fn dialect(&self) -> Dialect {
        match self.path.ends_with("/api/graphql") {
            true => Dialect::GraphQl,
            false => Dialect::Rest,
        }
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

    async fn deliver(&self, parts: &Parts, arrival: &Arrival) -> Delivery {
        let standing = self.count();
        if let Some(standing) = standing
            && standing.exceeded()
        {
            let mut refusal = standing.refusal();
            standing.announce(&mut refusal);
            return Delivery::Whole(refusal);
        }
        let base = lock(&self.world).base.clone();
        let path = arrival.path.strip_prefix(&base).unwrap_or(&arrival.path);
        let effect = lock(&self.faults).strike(path, arrival.operation.as_deref(), &arrival.text);
        let dialect = arrival.dialect();
        let answer = match &effect {
            Some(Effect::Hang) => return Delivery::Never,
            Some(Effect::Reset) => return Delivery::Reset,
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
                self.answer(parts, arrival, standing).await
            }
            None | Some(Effect::Truncated | Effect::Drip(_)) => {
                self.answer(parts, arrival, standing).await
            }
        };
        match effect {
            Some(Effect::Truncated) => Delivery::Truncated(answer),
            Some(Effect::Drip(pause)) => Delivery::Dripping(answer, pause),
            _ => Delivery::Whole(answer),
        }
    }

    /// The answer of a GitLab that is well, after the time it takes.
    async fn answer(&self, parts: &Parts, arrival: &Arrival, standing: Option<Standing>) -> Answer {
        let (mut answer, latency) = {
            let world = lock(&self.world);
            let answer = route(&world, parts, arrival);
            let moods = &world.moods;
            let each = moods
                .latency_per_project
                .saturating_mul(answer.projects as u32);
            (answer, moods.latency + each)
        };
        if let Some(standing) = standing {
            standing.announce(&mut answer);
        }
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

/// Finds who answers, once it is known who asks.
fn route(world: &World, parts: &Parts, arrival: &Arrival) -> Answer {
    let sent = sent_token(&parts.headers).map(|(_, secret)| secret);
    let known = sent.and_then(|secret| world.known_token(secret));
    let path = arrival.path.strip_prefix(&world.base);
    let path = path.filter(|path| path.starts_with('/'));
    match path {
        Some("/api/graphql") if parts.method == "POST" => {
            match viewer(sent.is_some(), known.as_ref()) {
                Some(viewer) => graphql::answer(world, viewer, &arrival.graphql),
                None => Answer::for_status(401, Dialect::GraphQl),
            }
        }
        Some("/users/sign_in") => Answer::login_page(),
        Some(path) => match path.strip_prefix("/api/v4/") {
            Some(resource) => rest(world, parts, resource, known.as_ref()),
            None => elsewhere(world),
        },
        None => Answer::for_status(404, Dialect::GraphQl),
    }
}

/// GraphQL's view of a token: any that is not good is refused, and none is anonymous.
fn viewer(sent: bool, known: Option<&Token>) -> Option<Viewer> {
    let may_read = |token: &&Token| {
        let read = |scope: &String| scope == "api" || scope == "read_api";
        token.state == TokenState::Active && token.scopes.iter().any(read)
    };
    match (sent, known.filter(may_read)) {
        (false, _) => Some(Viewer::Anonymous),
        (true, Some(_)) => Some(Viewer::User),
        (true, None) => None,
    }
}

fn rest(world: &World, parts: &Parts, resource: &str, token: Option<&Token>) -> Answer {
    let token = match token {
        Some(token) if token.state == TokenState::Active => token,
        Some(token) if token.state == TokenState::Expired => {
            return rest::invalid_token(
                "Token is expired. You can either do re-authorization or token refresh.",
            );
        }
        Some(_) => {
            return rest::invalid_token(
                "Token was revoked. You have to re-authorize from the user.",
            );
        }
        None => return Answer::for_status(401, Dialect::Rest),
    };
    if parts.method != "GET" && parts.method != "HEAD" {
        return Answer::message(405, "405 Method Not Allowed");
    }
    let host = parts
        .headers
        .get("host")
        .and_then(|host| host.to_str().ok());
    let address = format!("http://{}{}", host.unwrap_or("localhost"), parts.uri);
    let Ok(url) = Url::parse(&address) else {
        return Answer::for_status(404, Dialect::Rest);
    };
    let path = resource
        .trim_end_matches('/')
        .split('/')
        .map(decode)
        .collect();
    rest::answer(&rest::Request {
        world,
        token,
        url: &url,
        path,
    })
}

/// Every other page of a GitLab asks a stranger to sign in.
fn elsewhere(world: &World) -> Answer {
    let mut answer = Answer::html(302, "You are being redirected");
    answer.header("Location", format!("{}/users/sign_in", world.base));
    answer
}

fn decode(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = tail
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (first, escaped) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn respond(parts: &Parts, delivery: Delivery) -> Response<Body> {
    let (answer, pause, truncated) = match delivery {
        Delivery::Whole(answer) => (answer, None, false),
        Delivery::Truncated(answer) => (answer, None, true),
        Delivery::Dripping(answer, pause) => (answer, Some(pause), false),
        Delivery::Reset | Delivery::Never => (Answer::html(500, ""), None, false),
    };
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::IM_A_TEAPOT);
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
    for (name, value) in &answer.headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(
                name.to_ascii_lowercase().parse().unwrap_or(CONTENT_TYPE),
                value,
            );
        }
    }
    let mut bytes = Bytes::from(answer.body);
    let accepted = parts
        .headers
        .get(ACCEPT_ENCODING)
        .and_then(|value| value.to_str().ok());
    if accepted.is_some_and(|accepted| accepted.contains("gzip"))
        && let Ok(compressed) = compress(&bytes)
    {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        bytes = compressed;
    }
    if truncated {
        headers.insert(CONTENT_LENGTH, bytes.len().into());
        *response.body_mut() = Body::from_stream(break_off(bytes));
    } else if let Some(pause) = pause {
        *response.body_mut() = Body::from_stream(drip(bytes, pause));
    } else {
        *response.body_mut() = Body::from(bytes);
    }
    response
}

/// The first half, and then an error that closes the connection.
fn break_off(bytes: Bytes) -> impl stream::Stream<Item = io::Result<Bytes>> {
    let half = bytes.slice(..bytes.len() / 2);
    let broken = async {
        // What was written so far leaves while the stream is pending.
        tokio::task::yield_now().await;
        Err(io::ErrorKind::ConnectionAborted.into())
    };
    stream::iter([Ok(half)]).chain(stream::once(broken))
}

fn drip(bytes: Bytes, pause: Duration) -> impl stream::Stream<Item = Result<Bytes, Infallible>> {
    stream::unfold(bytes, move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        tokio::time::sleep(pause).await;
        let drop = rest.split_to(DRIP.min(rest.len()));
        Some((Ok(drop), rest))
    })
}

fn compress(bytes: &[u8]) -> io::Result<Bytes> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes)?;
    encoder.finish().map(Bytes::from)
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
