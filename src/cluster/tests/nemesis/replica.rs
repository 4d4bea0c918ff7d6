//! A replica that counts what happens in the world and publishes it, on a thread that can be held as a process can.

use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::runtime;
use tokio::sync::mpsc;
use tokio::time::sleep;
use url::Url;

use super::proxy::Proxy;
use super::record::{Order, Record, State};
use super::{GROUP, INSTANCE, LEASE, RATE};
use crate::cluster::scripts::Scripts;
use crate::cluster::{Config, Digest, Engine, Known, Lease, Published, Seat, Taken};

/// How long whoever leads needs to load what was published.
const LOADING: Duration = Duration::from_millis(150);
const LOOK: Duration = Duration::from_millis(100);
const AGAIN: Duration = Duration::from_millis(20);

/// A replica, and its way to the server.
pub struct Replica {
    name: &'static str,
    processes: usize,
    proxy: Proxy,
    running: Option<Running>,
}

struct Running {
    orders: mpsc::UnboundedSender<Told>,
    thread: JoinHandle<()>,
}

/// What is done to a process.
enum Told {
    Held(Duration),
    Killed,
}

impl Replica {
    pub fn begin(
        name: &'static str,
        proxy: Proxy,
        record: &Arc<Record>,
        scripts: fn() -> Scripts,
    ) -> Replica {
        let running = run(name, 0, proxy.port(), record, scripts);
        Replica {
            name,
            processes: 1,
            proxy,
            running: Some(running),
        }
    }

    pub fn name(&self) -> &'static str {
        self.name
    }

    pub fn proxy(&self) -> &Proxy {
        &self.proxy
    }

    /// Does nothing for a while, and does not notice.
    pub fn hold(&self, pause: Duration) {
        if let Some(running) = &self.running {
            let _ = running.orders.send(Told::Held(pause));
        }
    }

    pub fn kill_and_begin_again(&mut self, record: &Arc<Record>, scripts: fn() -> Scripts) {
        self.kill();
        let running = run(
            self.name,
            self.processes,
            self.proxy.port(),
            record,
            scripts,
        );
        self.processes += 1;
        self.running = Some(running);
    }

    pub fn end(mut self) {
        self.kill();
    }

    fn kill(&mut self) {
        if let Some(Running { orders, thread }) = self.running.take() {
            let _ = orders.send(Told::Killed);
            thread.join().expect("a replica does not panic");
        }
    }
}

fn run(
    name: &'static str,
    number: usize,
    port: u16,
    record: &Arc<Record>,
    scripts: fn() -> Scripts,
) -> Running {
    let (orders, mut told) = mpsc::unbounded_channel();
    let config = Config {
        url: Url::parse(&format!("redis://127.0.0.1:{port}")).unwrap(),
        name: GROUP.to_owned(),
        lease: LEASE,
        ..Config::default()
    };
    let record = Arc::clone(record);
    let thread = thread::spawn(move || {
        // One thread: while it sleeps nothing of the replica runs, its renewals included.
        let runtime = runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.unwrap();
        runtime.block_on(async {
            let engine = Engine::with_scripts(&config, name.to_owned(), scripts()).unwrap();
            let process = Process {
                name: (name, number),
                seat: engine.seat(INSTANCE),
                record,
                held: Default::default(),
            };
            let life = tokio::spawn(process.live());
            while let Some(Told::Held(pause)) = told.recv().await {
                thread::sleep(pause);
            }
            life.abort();
        });
        runtime.shutdown_background();
    });
    Running { orders, thread }
}

/// One life of a replica.
struct Process {
    name: (&'static str, usize),
    seat: Seat,
    record: Arc<Record>,
    /// What it shows.
    held: (Order, State),
}

impl Process {
    async fn live(mut self) {
        loop {
            self.follow().await;
            let ((token, version), _) = self.held;
            if let Ok(Some(lease)) = self.seat.contend(Known { token, version }).await {
                self.record.leads(self.name, lease.token());
                self.lead(&lease).await;
            }
            self.seat.stirred(LOOK).await;
        }
    }

    fn show(&mut self, order: Order, state: State) {
        self.held = (order, state);
        self.record.shows(self.name, order, state);
    }

    /// Shows what is published, if that is newer. False if that is not known.
    async fn follow(&mut self) -> bool {
        let Ok(head) = self.seat.head().await else {
            return false;
        };
        if let Some(head) = head
            && (head.token, head.version) > self.held.0
        {
            let chunks = self.seat.chunks(&[Digest::of(&head.body)]).await;
            match chunks.as_deref() {
                Ok([Some(chunk)]) if *chunk == head.body => {}
                _ => return false,
            }
            let text = std::str::from_utf8(&head.body).unwrap();
            self.show((head.token, head.version), State::parse(text).unwrap());
        }
        let _ = self.seat.note_seen(self.held.0.1).await;
        true
    }

    async fn lead(&mut self, lease: &Lease) {
        while !self.follow().await {
            if lease.is_over() {
                return;
            }
        }
        sleep(LOADING).await;
        while !lease.is_over() {
            let sent = Instant::now();
            match lease.take("user", RATE).await {
                Ok(Taken::Granted { .. }) => self.record.grants(sent, Instant::now()),
                Ok(Taken::Wait(wait)) => {
                    sleep(wait.min(AGAIN)).await;
                    continue;
                }
                Err(_) => {
                    sleep(AGAIN).await;
                    continue;
                }
            }
            let (_, before) = self.held;
            let now = events();
            let next = State {
                cursor: now,
                counter: before.counter + (now - before.cursor),
            };
            self.publish(lease, next).await;
        }
    }

    /// Shows a version once it is stored.
    async fn publish(&mut self, lease: &Lease, state: State) {
        let body = Bytes::from(state.text());
        let chunk = (Digest::of(&body), body.clone());
        let ((_, version), _) = self.held;
        let mut version = version.max(lease.newest()) + 1;
        while !lease.is_over() {
            let stored = match lease.put(std::slice::from_ref(&chunk)).await {
                Ok(()) => lease.publish(version, body.clone(), &[chunk.0]).await,
                Err(error) => Err(error),
            };
            match stored {
                Ok(Published::Stored) => {
                    let order = (lease.token(), version);
                    self.record.stores(order, state);
                    return self.show(order, state);
                }
                Ok(Published::Behind(newest)) => version = newest + 1,
                Ok(Published::Refused) => return,
                Ok(Published::Lacks(_)) => {}
                Err(_) => sleep(AGAIN).await,
            }
        }
    }
}

/// How much has happened in the world: one thing each millisecond.
fn events() -> u64 {
    use std::sync::OnceLock;
    static BEGIN: OnceLock<Instant> = OnceLock::new();
    let begin = BEGIN.get_or_init(Instant::now);
    u64::try_from(begin.elapsed().as_millis()).unwrap()
}
