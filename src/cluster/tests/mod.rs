//! The engine against real servers. `tests/run` installs redis-server and runs what is ignored here.

mod budget;
mod faults;
mod leases;
mod nemesis;
#[path = "../../../tests/support/redis_server.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod redis_server;
mod versions;

use std::time::Duration;

use url::Url;

use super::*;
use redis_server::RedisServer;

const GROUP: &str = "group";
const INSTANCE: &str = "gitlab";
/// What nobody knew.
const NOTHING: Known = Known {
    token: 0,
    version: 0,
};

/// Where the things of the GitLab stand.
fn key(name: &str) -> String {
    format!("{{gmb}}:{GROUP}:{INSTANCE}:{name}")
}

fn config(server: &RedisServer) -> Config {
    Config {
        url: Url::parse(&server.url()).unwrap(),
        name: GROUP.to_owned(),
        // Long enough for a busy machine: each answer has a fifth of it.
        lease: Duration::from_secs(5),
        ..Config::default()
    }
}

fn engine(server: &RedisServer, replica: &str) -> Engine {
    Engine::new(&config(server), replica.to_owned()).unwrap()
}

fn seat(server: &RedisServer, replica: &str) -> Seat {
    engine(server, replica).seat(INSTANCE)
}

/// A server that has been up for long: nobody waits for words about versions.
fn settled() -> RedisServer {
    let server = RedisServer::start();
    settle(&server);
    server
}

fn settle(server: &RedisServer) {
    let run = server.run_id();
    server.command::<u64>(&["HSET", &key("life"), "run", &run, "since", "0"]);
}

/// The lease, as somebody gets it who contends when nobody holds it.
async fn lease(seat: &Seat, known: Known) -> Lease {
    seat.contend(known).await.unwrap().expect("nobody holds it")
}

fn chunk(text: &str) -> (Digest, bytes::Bytes) {
    let bytes = bytes::Bytes::from(text.to_owned());
    (Digest::of(&bytes), bytes)
}
