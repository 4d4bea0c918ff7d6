//! What several replicas share on a Redis or Valkey: a lease for each GitLab, its published versions, its request
//! budget and its hints. It knows bytes, names and numbers, and nothing of metrics.
//!
//! The engine refuses what only the holder of a lease may do: every such write is a script that compares the holder. The
//! end of a lease on this replica's own clock only saves work.

mod chunks;
mod config;
mod digest;
mod engine;
mod error;
mod examination;
mod health;
mod keys;
mod lease;
mod link;
mod place;
mod rate;
mod renewal;
mod scripts;
mod seat;
mod sentinel;
mod server;
mod stirs;

#[cfg(test)]
mod tests;

pub use config::{Config, Secret, Sentinel};
pub use digest::Digest;
pub use engine::Engine;
pub use error::Error;
pub use examination::Examination;
pub use health::EngineHealth;
pub use lease::{Lease, Published};
pub use rate::{Rate, Taken};
pub use seat::{Head, Known, Seat};
