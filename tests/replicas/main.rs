//! Several replicas are one bridge: real processes and a real redis-server against the simulated GitLab, and what is
//! promised is checked from outside. The nemesis runs for seconds, and longer with `REPLICAS_SECONDS`; `REPLICAS_SEED`
//! repeats a run.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod checks;
mod ends;
mod faults;
mod group;
mod history;
mod mutations;
mod nemesis;
mod outages;
mod plain;
mod pushed;
mod spending;
#[path = "../support/mod.rs"]
mod support;
mod watching;
mod wire;
