//! The bridge from GitLab to OpenTelemetry: see the folders for the four ideas.

#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod app;
pub mod cli;
pub mod config;
pub mod export;
pub mod gitlab;
pub mod metrics;
pub mod poll;
pub mod simulator;
pub mod webhook;
