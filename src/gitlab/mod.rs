//! The only code that talks to GitLab: GraphQL, REST, authentication, limits, retries, errors.
//! What to ask, and what an answer means, is the caller's.

#![cfg_attr(test, allow(clippy::unwrap_used, reason = "a test may panic"))]

mod address;
mod allowance;
mod backoff;
mod bucket;
mod budget;
mod build_error;
mod certificate;
mod client;
mod clock;
mod config;
mod connections;
mod count;
mod credential_source;
mod debug_log;
mod endpoint_class;
mod endpoint_limit;
mod error;
mod files;
mod graphql;
mod graphql_error;
mod json;
mod limiter;
mod link;
mod look;
mod network;
mod paging;
mod rate_limit;
mod refusal;
mod request;
mod rest;
mod retry;
mod secrets;
mod sender;
mod silence;
#[cfg(test)]
mod tests;
mod token_info;
mod transport;
mod usage;
mod waiting;
mod words;

pub use allowance::{Allowance, Allowed};
pub use budget::{Budget, RemainingBudget};
pub use build_error::BuildError;
pub use certificate::Certificate;
pub use client::Client;
pub use clock::Clock;
pub use config::{BudgetChoice, Config};
pub use credential_source::CredentialSource;
pub use error::Error;
pub use graphql::Answer;
pub use graphql_error::GraphqlError;
pub use network::NetworkFailure;
pub use paging::{NextPage, Paging};
pub use rate_limit::RateLimit;
pub use rest::Document;
pub use token_info::TokenInfo;
pub use transport::{Transport, TransportError};
pub use usage::Usage;
pub use waiting::{HeldBackBy, Waiting};
