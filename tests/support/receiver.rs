//! An OTLP receiver written against opentelemetry-proto, which remembers all it is sent and fails
//! as it is told.
//!
//! One port speaks gRPC and HTTP/protobuf, plain or over TLS. It holds the limits of the usual
//! receivers: 4 MiB for a gRPC message, 20 MiB for an HTTP body.

mod answer;
mod door;

use std::net::{Ipv4Addr, SocketAddr};
use std::panic::Location;
use std::sync::Arc;

use gitlab_metrics_bridge::export::{OtlpConfig, Protocol};
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;
use tokio_rustls::TlsAcceptor;

use super::PATIENCE;
use super::certificates::Certificates;
use super::received::{Export, Received};
pub use answer::Fault;
use answer::Shared;

/// A receiver on a loopback port. It runs on a thread of its own, so a test may block; it ends when
/// dropped.
pub struct Receiver {
    address: SocketAddr,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
    /// The port while it is closed: bound but not listening, it refuses connections and is still
    /// ours.
    closed: Option<TcpSocket>,
    /// Who serves the port while it is open.
    serving: Option<Runtime>,
}

impl Receiver {
    /// A receiver without TLS.
    pub fn start() -> Self {
        let mut receiver = Self::refusing();
        receiver.listen();
        receiver
    }

    /// A receiver with TLS.
    pub fn start_tls(certificates: &Certificates) -> Self {
        Self::start_with(certificates.acceptor(false))
    }

    /// A receiver with TLS that asks for the client's certificate as well.
    pub fn start_mutual_tls(certificates: &Certificates) -> Self {
        Self::start_with(certificates.acceptor(true))
    }

    /// A receiver whose port refuses connections until [`Receiver::listen`]. No one else gets the
    /// port.
    pub fn refusing() -> Self {
        let socket =
            door::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("a free loopback port");
        let address = socket.local_addr().expect("a bound socket has an address");
        Self {
            address,
            tls: None,
            shared: Arc::default(),
            closed: Some(socket),
            serving: None,
        }
    }

    fn start_with(tls: TlsAcceptor) -> Self {
        let mut receiver = Self::refusing();
        receiver.tls = Some(tls);
        receiver.listen();
        receiver
    }

    /// Opens the port; does nothing when it is open.
    pub fn listen(&mut self) {
        if let Some(socket) = self.closed.take() {
            let routes = answer::routes(self.shared.clone());
            self.serving = Some(door::serve(socket, self.tls.clone(), routes));
        }
    }

    /// Closes the port and every connection: from now on they are refused. What was received stays.
    pub fn refuse(&mut self) {
        if let Some(runtime) = self.serving.take() {
            // On another thread, as a runtime must not end inside of one.
            let ending = std::thread::spawn(move || drop(runtime));
            ending.join().expect("dropping a runtime does not panic");
            self.closed = Some(door::bind(self.address).expect("our own port, just closed"));
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The endpoint as `OTEL_EXPORTER_OTLP_ENDPOINT` takes it, for gRPC and HTTP alike.
    pub fn endpoint(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// How metrics are pushed to it.
    pub fn target(&self, protocol: Protocol) -> OtlpConfig {
        let path = match protocol {
            Protocol::Http => "v1/metrics",
            Protocol::Grpc => "",
        };
        let endpoint = format!("{}/{path}", self.endpoint()).parse();
        OtlpConfig {
            protocol,
            endpoint: endpoint.expect("an address is a URL"),
            ..OtlpConfig::default()
        }
    }

    /// Fails every request from now on, until [`Receiver::recover`].
    pub fn fail(&self, fault: Fault) {
        self.shared.set(Some(fault), 0, usize::MAX);
    }

    /// Fails the next `times` requests.
    pub fn fail_times(&self, fault: Fault, times: usize) {
        self.shared.set(Some(fault), 0, times);
    }

    /// Fails one request, after so many that go well.
    pub fn fail_after(&self, well: usize, fault: Fault) {
        self.shared.set(Some(fault), well, 1);
    }

    /// Fails no further request. A request that hangs goes on hanging.
    pub fn recover(&self) {
        self.shared.set(None, 0, 0);
    }

    /// The latest export; see [`Received::last_export`].
    pub fn last_export(&self) -> Arc<Export> {
        self.read(Received::last_export)
    }

    /// Reads from what was received so far.
    pub fn read<T>(&self, read: impl FnOnce(&Received) -> T) -> T {
        read(&self.shared.received.borrow())
    }

    /// Waits until what was received meets the condition; panics, and says what there is, when it
    /// never does.
    #[track_caller]
    pub fn wait_for(
        &self,
        mut condition: impl FnMut(&Received) -> bool,
    ) -> impl Future<Output = ()> {
        let caller = Location::caller();
        let mut received = self.shared.received.subscribe();
        async move {
            let met = received.wait_for(|received| condition(received));
            if tokio::time::timeout(PATIENCE, met).await.is_ok() {
                return;
            }
            let received = received.borrow();
            let export = received.last_export();
            let metrics: Vec<_> = export
                .metrics
                .keys()
                .map(|name| (name, export.count(name)))
                .collect();
            panic!(
                "{caller}: not received within {PATIENCE:?}; there are {} requests and {} exports, \
                 the last one with {metrics:?}; refused: {:?}",
                received.requests.len(),
                received.exports().len(),
                received.refused,
            );
        }
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if let Some(runtime) = self.serving.take() {
            runtime.shutdown_background();
        }
    }
}
