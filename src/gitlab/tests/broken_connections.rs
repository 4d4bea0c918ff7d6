//! Connections that break, stall or never come to be.

use std::error::Error as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::*;
use crate::gitlab::{Error, NetworkFailure};

/// What a bare server does with a connection.
#[derive(Clone, Copy)]
enum Fault {
    /// Closes it with a reset.
    Reset,
    /// Promises more than it sends.
    Truncate,
    /// Never answers.
    Hang,
    /// Answers properly.
    None,
}

/// A server below HTTP; the n-th connection gets the n-th fault, the last one for ever.
struct BareServer {
    url: String,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl BareServer {
    async fn start(faults: &'static [Fault]) -> BareServer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let connections = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let number = counter.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(serve(stream, faults[number.min(faults.len() - 1)]));
            }
        });
        BareServer {
            url,
            connections,
            task,
        }
    }

    fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for BareServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, fault: Fault) {
    let mut request = [0; 4096];
    let _ = stream.read(&mut request).await;
    match fault {
        Fault::Reset => stream.set_zero_linger().unwrap(),
        Fault::Truncate => {
            let head = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[1, 2";
            stream.write_all(head.as_bytes()).await.unwrap();
        }
        Fault::Hang => std::future::pending().await,
        Fault::None => {
            let whole = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\nconnection: close\r\n\r\n[1, 2]";
            stream.write_all(whole.as_bytes()).await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_reset_and_a_truncated_answer_are_retried() {
    let server = BareServer::start(&[Fault::Reset, Fault::Truncate, Fault::None]).await;
    let client = client(config(&server.url));
    let page = client.get("projects", soon()).await.unwrap();
    assert_eq!(page.body, json!([1, 2]));
    assert_eq!(
        client.usage().requests[&("projects", "connection".into())],
        2
    );
}

#[tokio::test]
async fn an_answer_that_is_always_truncated_is_a_network_error() {
    let server = BareServer::start(&[Fault::Truncate]).await;
    let error = client(config(&server.url))
        .get("projects", soon())
        .await
        .unwrap_err();
    let Error::Network { kind, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(kind, NetworkFailure::Interrupted);
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn a_silent_server_is_a_timeout_after_a_few_tries() {
    let server = BareServer::start(&[Fault::Hang]).await;
    let client = client(Config {
        read_timeout: Duration::from_millis(20),
        ..config(&server.url)
    });
    let error = client
        .graphql("{ a }", json!({}), soon())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Timeout { .. }), "{error}");
    assert_eq!(server.connections(), 3);
    assert_eq!(client.usage().requests[&("graphql", "timeout".into())], 3);
}

#[tokio::test]
async fn a_request_as_a_whole_has_its_timeout_too() {
    let server = BareServer::start(&[Fault::Hang]).await;
    let client = client(Config {
        request_timeout: Duration::from_millis(20),
        ..config(&server.url)
    });
    let error = client.get("projects", soon()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "the request timed out: no whole answer came within 20ms"
    );
}

#[tokio::test]
async fn a_hanging_server_cannot_outlast_the_deadline() {
    let server = BareServer::start(&[Fault::Hang]).await;
    let client = client(config(&server.url));
    let deadline = Instant::now() + Duration::from_millis(300);
    let error = client.get("projects", deadline).await.unwrap_err();
    assert!(matches!(error, Error::Deadline), "{error}");
    assert_eq!(server.connections(), 1);
}

#[tokio::test]
async fn a_closed_port_refuses_and_says_what_to_check() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = client(config(&url));
    let error = client.get("projects?secret=1", soon()).await.unwrap_err();
    let Error::Network { kind, source } = &error else {
        panic!("{error}");
    };
    assert_eq!(*kind, NetworkFailure::Refused);
    assert!(!source.to_string().contains("secret"));
    assert!(error.source().is_some());
    assert!(error.advice().unwrap().contains("GITLAB_URL"));
    assert_eq!(client.usage().retries, 2);
}

#[tokio::test]
async fn an_unknown_host_is_told_as_such() {
    // A label of 64 characters is no name: the resolver says so without asking anyone.
    let url = format!("http://{}.invalid", "g".repeat(64));
    let client = client(config(&url));
    let error = client.get("projects", soon()).await.unwrap_err();
    assert!(
        matches!(
            error,
            Error::Network {
                kind: NetworkFailure::Dns,
                ..
            }
        ),
        "{error:?}"
    );
}
