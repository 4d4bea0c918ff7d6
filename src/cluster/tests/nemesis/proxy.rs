//! A way to the server that can be held and led to another server.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use crate::lock::lock;

/// A port that leads to a server.
pub struct Proxy {
    port: u16,
    way: Arc<Way>,
}

struct Way {
    target: AtomicU16,
    is_held: AtomicBool,
    /// What holds it when it comes by.
    hold_at: Mutex<Option<String>>,
    /// Grows when all connections end.
    era: AtomicU64,
}

impl Proxy {
    pub fn begin(target: u16) -> Proxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let way = Arc::new(Way {
            target: AtomicU16::new(target),
            is_held: AtomicBool::new(false),
            hold_at: Mutex::default(),
            era: AtomicU64::new(0),
        });
        let own = Arc::clone(&way);
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let port = own.target.load(Ordering::SeqCst);
                if let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
                    pass(&client, &server, &own);
                    pass(&server, &client, &own);
                }
            }
        });
        Proxy { port, way }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Keeps what comes from the next time on that these words come by, until [`Proxy::go_on`].
    pub fn hold_at(&self, words: &str) {
        *lock(&self.way.hold_at) = Some(words.to_owned());
    }

    pub fn go_on(&self) {
        *lock(&self.way.hold_at) = None;
        self.way.is_held.store(false, Ordering::SeqCst);
    }

    /// Ends all connections, and leads to another server from now on.
    pub fn lead_to(&self, target: u16) {
        self.way.target.store(target, Ordering::SeqCst);
        self.way.era.fetch_add(1, Ordering::SeqCst);
    }
}

impl Way {
    fn hold_if_told(&self, bytes: &[u8]) {
        let mut hold_at = lock(&self.hold_at);
        let words = hold_at.as_ref().map(String::as_bytes);
        let comes = words.is_some_and(|words| bytes.windows(words.len()).any(|own| own == words));
        if comes {
            *hold_at = None;
            self.is_held.store(true, Ordering::SeqCst);
        }
    }
}

/// Passes on what comes from one side, until that ends or all connections do.
fn pass(from: &TcpStream, to: &TcpStream, way: &Arc<Way>) {
    /// How often it is looked whether all connections are to end.
    const LOOK: Duration = Duration::from_millis(20);
    let (mut from, mut to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
    let way = Arc::clone(way);
    let era = way.era.load(Ordering::SeqCst);
    from.set_read_timeout(Some(LOOK)).unwrap();
    to.set_nodelay(true).unwrap();
    thread::spawn(move || {
        let mut bytes = vec![0; 64 * 1024];
        while way.era.load(Ordering::SeqCst) == era {
            let read = match from.read(&mut bytes) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if is_timeout(&error) => continue,
                Err(_) => break,
            };
            way.hold_if_told(&bytes[..read]);
            // What was sent arrives, however late, even if who sent it has hung up meanwhile.
            while way.is_held.load(Ordering::SeqCst) {
                thread::sleep(Duration::from_micros(200));
            }
            if to.write_all(&bytes[..read]).is_err() {
                break;
            }
        }
        let _ = from.shutdown(Shutdown::Both);
        let _ = to.shutdown(Shutdown::Both);
    });
}

fn is_timeout(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{Interrupted, TimedOut, WouldBlock};
    matches!(error.kind(), WouldBlock | TimedOut | Interrupted)
}
