//! The loop over real sockets, on a clock that goes on when nothing else does.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::routing::{get, post};
use futures::stream;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use std::net::SocketAddr;

use tokio::net::TcpStream;
use tokio::sync::watch;

use super::*;

/// More than the system takes for a client that does not read.
const PIECES: usize = 1024;

/// Serves a short answer, one without an end and a body that is waited for.
async fn serving(most: usize) -> (SocketAddr, CancellationToken) {
    let listen = Listen {
        port: 0,
        ..Listen::default()
    };
    let server = Server::bind(&listen, "--listen").await.unwrap();
    let (address, stop) = (server.address().unwrap(), CancellationToken::new());
    let piece = Bytes::from_static(&[b'x'; 64 << 10]);
    let router = Router::new()
        .route("/", get(|| async { "short" }))
        .route("/panic", get(async || -> &'static str { panic!("broken") }))
        .route("/body", post(|body: Bytes| async move { body }))
        .route(
            "/long",
            get(async move || {
                let pieces = vec![piece; PIECES].into_iter();
                Body::from_stream(stream::iter(pieces.map(Ok::<_, std::convert::Infallible>)))
            }),
        );
    tokio::spawn(serve(server, router, most, stop.clone()));
    (address, stop)
}

/// Serves until told to stop, then lets open requests end for a moment.
async fn serve(server: Server, router: Router, most: usize, stop: CancellationToken) {
    let served = Served {
        router,
        web: None,
        most,
        panics: Arc::default(),
    };
    let (_served, now) = watch::channel(Arc::new(served));
    server.take(&now, &stop).await;
    server.drain().await;
}

async fn connected(address: SocketAddr, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    stream
}

/// How long it is until the other side closes the connection. What comes before that is read.
async fn closed(mut stream: TcpStream) -> Duration {
    let (began, mut bytes) = (Instant::now(), [0; 4096]);
    while matches!(stream.read(&mut bytes).await, Ok(1..)) {}
    began.elapsed()
}

#[track_caller]
fn assert_about(took: Duration, seconds: u64) {
    let seconds = Duration::from_secs(seconds);
    let more = Duration::from_secs(3);
    assert!(took >= seconds && took < seconds + more, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_head_is_not_waited_for_however_slowly_it_comes() {
    let (address, _stop) = serving(8).await;
    assert_about(closed(connected(address, "").await).await, 10);
    assert_about(
        closed(connected(address, "GET / HTTP/1.1\r\n").await).await,
        10,
    );
    // The beginning of HTTP/2.
    assert_about(
        closed(connected(address, "PRI * HTTP/2.0\r\n").await).await,
        10,
    );
    let mut slow = connected(address, "GET / HTTP/1.1\r\n").await;
    let began = Instant::now();
    while slow.write_all(b"a: b\r\n").await.is_ok() {
        sleep(Duration::from_secs(1)).await;
    }
    assert_about(began.elapsed(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_asks_nothing_more_is_closed_after_a_while() {
    let (address, _stop) = serving(8).await;
    let asked = connected(address, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    assert_about(closed(asked).await, 5 * 60);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_never_reads_is_cut() {
    let (address, _stop) = serving(8).await;
    let reader = connected(address, "GET /long HTTP/1.1\r\nhost: a\r\n\r\n").await;
    sleep(Duration::from_secs(40)).await;
    let mut answer = Vec::new();
    let mut reader = reader;
    let _ = reader.read_to_end(&mut answer).await;
    assert!(!answer.is_empty() && answer.len() < PIECES * (64 << 10));
}

#[tokio::test]
async fn a_reader_that_reads_gets_everything() {
    let (address, _stop) = serving(8).await;
    let request = "GET /long HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let mut answer = Vec::new();
    let mut reader = connected(address, request).await;
    reader.read_to_end(&mut answer).await.unwrap();
    assert!(answer.len() > PIECES * (64 << 10));
}

#[tokio::test]
async fn who_asks_gets_in_among_those_who_do_not() {
    let (address, _stop) = serving(4).await;
    let mut held = Vec::new();
    for number in 0..40 {
        let text = match number % 3 {
            0 => "",
            1 => "GET / HT",
            _ => "POST /body HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\n1",
        };
        held.push(connected(address, text).await);
    }
    let request = "GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let mut answer = String::new();
    let mut honest = connected(address, request).await;
    honest.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("short"));
}

#[tokio::test]
async fn told_to_stop_it_closes_what_is_idle_and_ends() {
    let listen = Listen {
        port: 0,
        ..Listen::default()
    };
    let server = Server::bind(&listen, "--listen").await.unwrap();
    let (address, stop) = (server.address().unwrap(), CancellationToken::new());
    let router = Router::new().route("/", get(|| async { "short" }));
    let serving = tokio::spawn(serve(server, router, 4, stop.clone()));
    let mut idle = connected(address, "GET / HTTP/1.1\r\nhost: a\r\n\r\n").await;
    let mut bytes = [0; 4096];
    assert!(idle.read(&mut bytes).await.unwrap() > 0);
    stop.cancel();
    assert!(closed(idle).await < Server::DRAIN);
    timeout(Server::DRAIN, serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_request_whose_answer_panics_is_told_so_and_the_connection_goes_on() {
    let (address, _stop) = serving(4).await;
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    let last = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let mut stream = connected(address, &(ask("/panic") + last)).await;
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    assert!(answers.starts_with("HTTP/1.1 500 "), "{answers}");
    assert!(answers.contains("please report it"), "{answers}");
    assert!(answers.ends_with("short"), "{answers}");
}
