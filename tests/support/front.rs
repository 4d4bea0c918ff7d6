//! A front before GitLab or a receiver, below HTTP: it passes everything on, or breaks it in a way that no
//! server of HTTP would.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What the front does with a connection, and with all that are open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wire {
    /// Passes on what comes, both ways.
    Passing,
    /// Takes the connection and says nothing.
    Silent,
    /// Says half of a head, and no more.
    HalfHead,
    /// Says half of a body, and no more.
    HalfBody,
    /// Promises more than it sends, and closes.
    CutBody,
    /// Closes in the middle of a chunk.
    CutChunks,
    /// A body without an end, as fast as it is taken.
    Endless,
    /// A few kilobytes that unpack to more than any memory.
    Bomb(Vec<u8>),
    /// A good answer, a byte at a time.
    Dripping,
    /// Not HTTP.
    Noise,
    /// Closes at once.
    Closing,
    /// Resets at once.
    Resetting,
    /// This answer, whole.
    Saying(String),
}

/// The front, on a loopback port. It ends when dropped.
pub struct Front {
    pub address: SocketAddr,
    wire: watch::Sender<Wire>,
    connections: Arc<AtomicUsize>,
    task: JoinHandle<()>,
}

impl Front {
    /// A front that passes on to that address.
    pub async fn before(upstream: SocketAddr) -> Front {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        Front::at(listener, upstream)
    }

    /// A port that refuses connections until [`Front::open`]: bound, and not listening.
    pub fn closed() -> (SocketAddr, TcpSocket) {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket.set_reuseaddr(true).expect("a socket");
        let any = "127.0.0.1:0".parse().expect("an address");
        socket.bind(any).expect("a port");
        (socket.local_addr().expect("bound"), socket)
    }

    /// Opens a port that was closed.
    pub fn open(socket: TcpSocket, upstream: SocketAddr) -> Front {
        Front::at(socket.listen(1024).expect("our own port"), upstream)
    }

    fn at(listener: TcpListener, upstream: SocketAddr) -> Front {
        let address = listener.local_addr().expect("bound");
        let (wire, mode) = watch::channel(Wire::Passing);
        let connections = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&connections);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                count.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(attend(stream, upstream, mode.clone()));
            }
        });
        Front {
            address,
            wire,
            connections,
            task,
        }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Does this from now on. Connections that did something else are closed.
    pub fn set(&self, wire: Wire) {
        self.wire.send_replace(wire);
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn attend(mut stream: TcpStream, upstream: SocketAddr, mut mode: watch::Receiver<Wire>) {
    let wire = mode.borrow_and_update().clone();
    tokio::select! {
        () = speak(&mut stream, &wire, upstream) => {}
        _ = mode.changed() => {}
    }
}

async fn speak(stream: &mut TcpStream, wire: &Wire, upstream: SocketAddr) {
    match wire {
        Wire::Passing => {
            if let Ok(mut other) = TcpStream::connect(upstream).await {
                let _ = copy_bidirectional(stream, &mut other).await;
            }
            return;
        }
        Wire::Closing => return,
        Wire::Resetting => return stream.set_zero_linger().unwrap_or_default(),
        _ => {}
    }
    let mut asked = [0; 64 << 10];
    let _ = stream.read(&mut asked).await;
    let (first, then) = said(wire);
    let _ = stream.write_all(&first).await;
    match then {
        Then::Close => drop(stream.shutdown().await),
        Then::Hang => std::future::pending().await,
        Then::Repeat(pause) if pause.is_zero() => {
            let zeros = "0,".repeat(32 << 10);
            let chunk = format!("{:x}\r\n{zeros}\r\n", zeros.len());
            while stream.write_all(chunk.as_bytes()).await.is_ok() {}
        }
        Then::Repeat(pause) => {
            while stream.write_all(b" ").await.is_ok() {
                tokio::time::sleep(pause).await;
            }
        }
    }
}

/// What is said at once, and what comes then.
fn said(wire: &Wire) -> (Vec<u8>, Then) {
    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n";
    let text = |text: String| text.into_bytes();
    match wire {
        Wire::HalfHead => (text("HTTP/1.1 200 OK\r\ncontent-ty".to_owned()), Then::Hang),
        Wire::HalfBody => (
            text(format!("{OK}content-length: 900\r\n\r\n{{\"data\"")),
            Then::Hang,
        ),
        Wire::CutBody => (
            text(format!("{OK}content-length: 900\r\n\r\n{{\"data\"")),
            Then::Close,
        ),
        Wire::CutChunks => (
            text(format!(
                "{OK}transfer-encoding: chunked\r\n\r\n5\r\n{{\"dat\r\n40\r\na\""
            )),
            Then::Close,
        ),
        Wire::Endless => (
            text(format!("{OK}transfer-encoding: chunked\r\n\r\n1\r\n[\r\n")),
            Then::Repeat(Duration::ZERO),
        ),
        Wire::Dripping => (
            text(format!("{OK}content-length: 1000000\r\n\r\n[")),
            Then::Repeat(Duration::from_millis(100)),
        ),
        Wire::Bomb(packed) => {
            let length = packed.len();
            let head = format!("{OK}content-encoding: gzip\r\ncontent-length: {length}\r\n\r\n");
            ([head.as_bytes(), packed].concat(), Then::Close)
        }
        Wire::Noise => (
            text("SSH-2.0-OpenSSH_9.7\r\n\0\x01\x02\r\n".to_owned()),
            Then::Close,
        ),
        Wire::Saying(whole) => (text(whole.clone()), Then::Close),
        _ => (Vec::new(), Then::Hang),
    }
}

enum Then {
    Close,
    Hang,
    Repeat(Duration),
}
