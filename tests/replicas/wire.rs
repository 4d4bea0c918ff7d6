//! The way from one replica to the engine, byte by byte: it passes everything on, holds it back for later, or is cut.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Open,
    /// Bytes wait, and arrive late.
    Held,
    /// Connections are closed, and new ones too.
    Cut,
}

#[derive(Clone, Copy, Debug)]
struct State {
    way: Way,
    engine: SocketAddr,
}

/// A listener on a loopback port that passes on to an engine. It ends when dropped.
pub struct Wire {
    pub address: SocketAddr,
    state: watch::Sender<State>,
    task: JoinHandle<()>,
}

impl Wire {
    /// A way to the engine on that port.
    pub async fn to(port: u16) -> Wire {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("it is bound");
        let state = watch::Sender::new(State {
            way: Way::Open,
            engine: ([127, 0, 0, 1], port).into(),
        });
        let states = state.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(pass(stream, states.subscribe()));
            }
        });
        Wire {
            address,
            state,
            task,
        }
    }

    /// Passes bytes on, those that were held first.
    pub fn open(&self) {
        self.set(Way::Open);
    }

    /// Holds bytes back, both ways.
    pub fn hold(&self) {
        self.set(Way::Held);
    }

    /// Closes all connections, also those that come.
    pub fn cut(&self) {
        self.set(Way::Cut);
    }

    /// Leads to the engine on another port from now on. Open connections are closed.
    pub fn lead_to(&self, port: u16) {
        self.state.send_modify(|state| state.engine.set_port(port));
    }

    fn set(&self, way: Way) {
        self.state.send_modify(|state| state.way = way);
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn pass(stream: TcpStream, mut states: watch::Receiver<State>) {
    let engine = states.borrow().engine;
    let is_over = move |state: &State| state.way == Way::Cut || state.engine != engine;
    let mut own = states.clone();
    let passing = async move {
        wait_until_open(&mut own).await;
        let Ok(other) = TcpStream::connect(engine).await else {
            return;
        };
        let ((from, to), (back, forth)) = (stream.into_split(), other.into_split());
        tokio::select! {
            () = pump(from, forth, own.clone()) => {}
            () = pump(back, to, own.clone()) => {}
        }
    };
    tokio::select! {
        () = passing => {}
        _ = states.wait_for(is_over) => {}
    }
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, mut states: watch::Receiver<State>) {
    let mut bytes = vec![0; 64 << 10];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        wait_until_open(&mut states).await;
        if to.write_all(&bytes[..count]).await.is_err() {
            return;
        }
    }
}

async fn wait_until_open(states: &mut watch::Receiver<State>) {
    // A wire that is dropped passes nothing any more.
    if states
        .wait_for(|state| state.way == Way::Open)
        .await
        .is_err()
    {
        std::future::pending().await
    }
}
