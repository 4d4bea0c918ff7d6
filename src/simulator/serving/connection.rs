//! TCP connections that can be cut: by a fault, and all together when the model stops.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

/// Accepts connections, each with its own way to be cut.
pub(super) struct CuttingListener {
    pub(super) listener: TcpListener,
    pub(super) stopped: CancellationToken,
}

/// Who is on the other end, and how to cut the connection.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub(super) port: u16,
    pub(super) cut: CancellationToken,
}

/// A connection whose reads and writes fail once it is cut.
pub(super) struct Connection {
    stream: TcpStream,
    cut: CancellationToken,
    until_cut: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl Listener for CuttingListener {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        // axum's own accept logs and waits when there is nothing to accept with.
        let (stream, address) = Listener::accept(&mut self.listener).await;
        // Answers are small; a failure to say so costs time only.
        let _ = stream.set_nodelay(true);
        let cut = self.stopped.child_token();
        let until_cut = Box::pin(cut.clone().cancelled_owned());
        (
            Connection {
                stream,
                cut,
                until_cut,
            },
            address,
        )
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, CuttingListener>> for Peer {
    fn connect_info(stream: IncomingStream<'_, CuttingListener>) -> Self {
        Peer {
            port: stream.remote_addr().port(),
            cut: stream.io().cut.clone(),
        }
    }
}

impl Connection {
    /// Ready with an error once the connection is cut; closing it then sends a reset.
    fn poll_cut(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        std::task::ready!(self.until_cut.as_mut().poll(context));
        // Where this fails the peer sees an orderly end in the middle of an answer.
        let _ = self.stream.set_zero_linger();
        Poll::Ready(ErrorKind::ConnectionReset.into())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(error) = self.poll_cut(context) {
            return Poll::Ready(Err(error));
        }
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.cut.is_cancelled() {
            return Poll::Ready(Err(ErrorKind::ConnectionReset.into()));
        }
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
