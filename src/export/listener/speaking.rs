//! One connection: TLS if it is configured, then requests and their answers until it ends or is cut.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use hyper::body::Incoming;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use super::activity::Activity;
use super::bodies::{Answer, Asked};
use super::connections::Connection;
use super::refusals::RefusedConnections;
use super::served::{Served, ServedNow};
use super::watched::Watched;
use crate::export::Web;

/// What every connection of a listener is served with.
#[derive(Clone)]
pub struct Speaking {
    pub served: ServedNow,
    pub stop: CancellationToken,
    pub refused: Arc<RefusedConnections>,
}

/// So long a connection that is to leave for another one is heard before it does.
const LAST_WORD: Duration = Duration::from_millis(20);
/// The first byte of TLS: a handshake.
const HANDSHAKE: u8 = 0x16;
const NOT_TLS: &str = "This endpoint speaks TLS: ask it with https.\n";

impl Speaking {
    /// Serves one connection until it ends or is cut.
    pub async fn attend(self, stream: TcpStream, connection: Connection) {
        let _ = stream.set_nodelay(true); // Answers are written whole.
        let activity = &connection.activity;
        activity.attended(Instant::now());
        let mut conversing = std::pin::pin!(self.converse(stream, activity));
        loop {
            tokio::select! {
                () = conversing.as_mut() => return,
                () = connection.leave.cut.cancelled() => return self.refused.gave_way(),
                () = connection.leave.asked() => {}
                () = overdue(activity) => return self.refused.overdue(),
            }
            // On a busy machine it is we who are late: what the client has said meanwhile is heard first.
            if timeout(LAST_WORD, conversing.as_mut()).await.is_ok() {
                return;
            }
            if activity.worth(Instant::now()).is_some() {
                return self.refused.gave_way();
            }
            connection.leave.stays();
        }
    }

    async fn converse(&self, stream: TcpStream, activity: &Arc<Activity>) {
        let web = self.served.borrow().web.clone();
        let rules = web.as_ref().map(|web| web.rules());
        let http2 = rules.as_ref().is_none_or(|rules| rules.http2);
        let Some(tls) = rules.and_then(|rules| rules.tls.clone()) else {
            let stream = Watched::new(stream, Arc::clone(activity));
            return self.answer(stream, activity, false, http2).await;
        };
        if let Some(stream) = handshake(stream, activity, tls).await {
            self.answer(stream, activity, true, http2).await;
        }
    }

    /// Answers requests until the client, or the bridge, ends.
    async fn answer<S>(&self, stream: S, activity: &Arc<Activity>, tls: bool, http2: bool)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let answering = service_fn(move |request: hyper::Request<Incoming>| {
            let begun = activity.begin(request.version(), Instant::now());
            let request = request.map(|body| Asked::new(body, Arc::clone(&begun)));
            let served = Arc::clone(&self.served.borrow());
            async move {
                let router = TowerToHyperService::new(served.router.clone());
                let web = served.web.clone();
                let answer = answered(request, tls, web, router);
                let answer = AssertUnwindSafe(answer).catch_unwind().await;
                let answer = answer.unwrap_or_else(|_| broken(&served));
                Ok::<_, hyper::Error>(Answer::of(answer, begun))
            }
        });
        let builder = builder(http2);
        let serving = builder.serve_connection(TokioIo::new(stream), answering);
        let mut serving = std::pin::pin!(serving);
        tokio::select! {
            // What went wrong is the client's business: it broke off, or does not speak HTTP.
            _ = serving.as_mut() => return,
            () = self.stop.cancelled() => {}
        }
        serving.as_mut().graceful_shutdown();
        let _ = serving.await;
    }
}

/// The answer to a request, if it is let in.
async fn answered(
    request: hyper::Request<Asked>,
    tls: bool,
    web: Option<Arc<Web>>,
    router: TowerToHyperService<Router>,
) -> Response {
    let Some(web) = web else {
        return routed(request, &router).await;
    };
    let rules = web.rules();
    let refusal = match rules.tls.is_some() && !tls {
        // The connection was opened before TLS was configured.
        true => Some((StatusCode::BAD_REQUEST, NOT_TLS).into_response()),
        false => {
            let path = request.uri().path();
            web.admit(&rules, path, request.headers()).await
        }
    };
    let mut answer = match refusal {
        Some(refusal) => refusal,
        None => routed(request, &router).await,
    };
    rules.dress(&mut answer);
    answer
}

/// The answer where there should be another one: what panicked is logged where it does.
fn broken(served: &Served) -> Response {
    served.panics.fetch_add(1, Ordering::Relaxed);
    let text = "This broke off: please report it, with the log.\n";
    (StatusCode::INTERNAL_SERVER_ERROR, text).into_response()
}

async fn routed(request: hyper::Request<Asked>, router: &TowerToHyperService<Router>) -> Response {
    let Ok(answer) = router.call(request).await;
    answer
}

/// Begins TLS. Who does not speak it is told, as far as HTTP was meant.
async fn handshake(
    mut stream: TcpStream,
    activity: &Arc<Activity>,
    tls: Arc<ServerConfig>,
) -> Option<TlsStream<Watched<TcpStream>>> {
    let mut first = [0];
    if stream.peek(&mut first).await.ok()? > 0 && first[0] != HANDSHAKE {
        let head = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain; charset=utf-8\r\n\
            Connection: close\r\n\r\n";
        let _ = stream
            .write_all(format!("{head}{NOT_TLS}").as_bytes())
            .await;
        let _ = stream.shutdown().await;
        return None;
    }
    let stream = Watched::new(stream, Arc::clone(activity));
    let spoken = TlsAcceptor::from(tls).accept(stream).await;
    spoken
        .inspect_err(|error| tracing::debug!(%error, "a client could not begin TLS"))
        .ok()
}

/// How HTTP is spoken. Waiting is bounded by [`Activity`], in both versions alike.
fn builder(with_http2: bool) -> Builder<TokioExecutor> {
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
    match with_http2 {
        true => builder,
        false => builder.http1_only(),
    }
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
