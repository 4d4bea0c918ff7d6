//! The bridge from GitLab to OpenTelemetry, as a program and as a part of another service.
//!
//! - [`Embedded`] runs the bridge inside another service, under a [`config::Config`]. This is the small interface
//!   that keeps its shape; `examples/embed.rs` is a whole service.
//! - [`app`] has the commands of the program.
//! - The folders are the four ideas: [`gitlab`] asks, [`metrics`] means, [`poll`] decides when, [`export`] shows.
//!   They are public for the program and its tests, and may change with every version.

#![cfg_attr(
    not(test),
    warn(clippy::unwrap_used, clippy::print_stdout, clippy::print_stderr)
)]

mod allocator;
pub mod app;
pub mod cli;
pub mod cluster;
pub mod config;
mod der;
pub mod export;
pub mod gitlab;
mod lock;
mod logged;
mod memory_limit;
pub mod metrics;
pub mod poll;
mod prose;
pub mod sbom;
#[cfg(feature = "simulator")]
pub mod simulator;
pub mod stdio;
#[cfg(test)]
mod tests;
mod untold;
pub mod webhook;

pub use allocator::ALLOCATOR;
pub use app::Embedded;
