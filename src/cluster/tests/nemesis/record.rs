//! What happened: what replicas did and showed, and what the servers accepted, in their order.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use crate::lock::lock;

/// What orders versions: the token, then the number.
pub type Order = (u64, u64);

/// What a version says: how far it has read, and how much it has counted until there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct State {
    pub cursor: u64,
    pub counter: u64,
}

impl State {
    pub fn text(self) -> String {
        format!("{} {}", self.cursor, self.counter)
    }

    pub fn parse(text: &str) -> Option<State> {
        let (cursor, counter) = text.split_once(' ')?;
        Some(State {
            cursor: cursor.parse().ok()?,
            counter: counter.parse().ok()?,
        })
    }
}

/// What a server was told by a script, as it tells whoever monitors it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accepted {
    /// Somebody has the lease with this token from now on.
    Lease(u64),
    Version(Order, State),
    /// Everything is forgotten.
    Wiped,
}

#[derive(Default)]
pub struct Record {
    all: Mutex<Events>,
}

#[derive(Default)]
struct Events {
    /// By server.
    accepted: HashMap<u16, Vec<Accepted>>,
    /// By a process of a replica: its name and how many there were before.
    shown: Vec<((&'static str, usize), Order, State)>,
    stored: Vec<(Order, State)>,
    leases: Vec<((&'static str, usize), u64)>,
    granted: Vec<(Instant, Instant)>,
    faults: Vec<String>,
}

impl Record {
    pub fn begin(servers: [u16; 2]) -> Arc<Record> {
        let record = Arc::<Record>::default();
        servers.iter().for_each(|port| record.listen_to(*port));
        record
    }

    /// Hears what a server accepts, until it ends.
    pub fn listen_to(self: &Arc<Self>, port: u16) {
        let mut monitor = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        monitor.write_all(b"MONITOR\r\n").unwrap();
        let mut lines = BufReader::new(monitor).lines();
        assert_eq!(lines.next().unwrap().unwrap(), "+OK");
        let record = Arc::clone(self);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if let Some(accepted) = accepted(&line) {
                    let mut all = lock(&record.all);
                    all.accepted.entry(port).or_default().push(accepted);
                }
            }
        });
    }

    pub fn shows(&self, process: (&'static str, usize), order: Order, state: State) {
        lock(&self.all).shown.push((process, order, state));
    }

    pub fn stores(&self, order: Order, state: State) {
        lock(&self.all).stored.push((order, state));
    }

    pub fn leads(&self, process: (&'static str, usize), token: u64) {
        lock(&self.all).leases.push((process, token));
    }

    pub fn grants(&self, sent: Instant, got: Instant) {
        lock(&self.all).granted.push((sent, got));
    }

    pub fn suffered(&self, fault: String) {
        lock(&self.all).faults.push(fault);
    }

    /// Who got the newest lease.
    pub fn leader(&self) -> Option<&'static str> {
        let all = lock(&self.all);
        let newest = all.leases.iter().max_by_key(|(_, token)| *token)?;
        Some(newest.0.0)
    }

    pub fn newest_token(&self) -> u64 {
        let all = lock(&self.all);
        all.leases
            .iter()
            .map(|(_, token)| *token)
            .max()
            .unwrap_or(0)
    }

    pub fn newest_shown(&self) -> Order {
        let all = lock(&self.all);
        let orders = all.shown.iter().map(|(_, order, _)| *order);
        orders.max().unwrap_or_default()
    }

    /// Whether the newest process of each replica shows a newer version than this.
    pub fn all_show_newer(&self, names: &[&str], than: Order) -> bool {
        let all = lock(&self.all);
        names.iter().all(|name| {
            let mut shown = all.shown.iter().rev();
            let last = shown.find(|((own, _), ..)| own == name);
            last.is_some_and(|(_, order, _)| *order > than)
        })
    }

    pub fn stored(&self) -> Vec<(Order, State)> {
        lock(&self.all).stored.clone()
    }

    pub fn shown(&self) -> Vec<((&'static str, usize), Order, State)> {
        lock(&self.all).shown.clone()
    }

    pub fn leases(&self) -> Vec<u64> {
        let all = lock(&self.all);
        all.leases.iter().map(|(_, token)| *token).collect()
    }

    pub fn granted(&self) -> Vec<(Instant, Instant)> {
        lock(&self.all).granted.clone()
    }

    pub fn accepted(&self) -> Vec<Vec<Accepted>> {
        lock(&self.all).accepted.values().cloned().collect()
    }

    pub fn summary(&self) -> String {
        let all = lock(&self.all);
        format!(
            "{} leases, {} versions, {} grants, {} looks at versions; {}",
            all.leases.len(),
            all.stored.len(),
            all.granted.len(),
            all.shown.len(),
            all.faults.join(", ")
        )
    }
}

/// What a line of a monitor says, if it is about a lease or a version.
fn accepted(line: &str) -> Option<Accepted> {
    let words: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
    match words.as_slice() {
        ["SET", key, holder, ..] if key.ends_with(":lease") => {
            let (token, _) = holder.split_once(':')?;
            Some(Accepted::Lease(token.parse().ok()?))
        }
        [
            "HSET",
            key,
            "token",
            token,
            "version",
            version,
            "body",
            body,
            ..,
        ] if key.ends_with(":head") => {
            let order = (token.parse().ok()?, version.parse().ok()?);
            Some(Accepted::Version(order, State::parse(body)?))
        }
        [command, ..] if command.eq_ignore_ascii_case("FLUSHALL") => Some(Accepted::Wiped),
        _ => None,
    }
}
