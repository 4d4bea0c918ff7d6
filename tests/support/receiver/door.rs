//! The receiver's port: bound, listened on, and with TLS where it is wanted.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket};
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

/// How long a client may take to shake hands before the next one has its turn.
const HANDSHAKE_LIMIT: Duration = Duration::from_secs(5);

/// Takes an address without listening on it.
pub fn bind(address: SocketAddr) -> io::Result<TcpSocket> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?; // to come back to a port whose connections were just closed
    socket.bind(address)?;
    Ok(socket)
}

/// Serves until the runtime is dropped, which also drops the connections.
pub fn serve(socket: TcpSocket, tls: Option<TlsAcceptor>, routes: axum::Router) -> Runtime {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .thread_name("receiver")
        .enable_all()
        .build()
        .expect("a runtime");
    let guard = runtime.enter();
    let tcp = socket.listen(1024).expect("listening on our own port");
    tokio::spawn(async move { axum::serve(TlsListener { tcp, tls }, routes).await });
    drop(guard);
    runtime
}

/// Accepts connections, and shakes hands first where there is TLS.
struct TlsListener {
    tcp: TcpListener,
    tls: Option<TlsAcceptor>,
}

trait Connection: AsyncRead + AsyncWrite + Send {}
impl<C: AsyncRead + AsyncWrite + Send> Connection for C {}

impl Listener for TlsListener {
    type Io = Pin<Box<dyn Connection>>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            let (connection, peer) = Listener::accept(&mut self.tcp).await;
            let Some(tls) = &self.tls else {
                return (Box::pin(connection), peer);
            };
            // A client that does not trust us, or that we do not trust, is simply gone.
            if let Ok(Ok(connection)) =
                tokio::time::timeout(HANDSHAKE_LIMIT, tls.accept(connection)).await
            {
                return (Box::pin(connection), peer);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.tcp.local_addr()
    }
}
