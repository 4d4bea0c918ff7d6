//! The bridge from GitLab to OpenTelemetry: see the folders for the four ideas.

#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)
)]

mod allocator;
pub mod app;
pub mod cli;
pub mod config;
pub mod export;
pub mod gitlab;
mod lock;
mod logged;
mod memory_limit;
pub mod metrics;
pub mod poll;
pub mod sbom;
#[cfg(feature = "simulator")]
pub mod simulator;
pub mod stdio;
#[cfg(test)]
mod tests;
mod untold;
pub mod webhook;

pub use allocator::ALLOCATOR;
