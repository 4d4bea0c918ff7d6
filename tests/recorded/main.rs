//! The main job on real input: bodies that were recorded from GitLab drive a poll, and the numbers
//! come out right. The bodies lie beside the checkout in development; without them these tests are
//! ignored.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "../client/mod.rs"]
mod client;
mod graphql;
mod server;
#[path = "../support/mod.rs"]
mod support;
mod with_shared;
