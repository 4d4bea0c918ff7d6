//! What GitLab sends when something has happened: a hint to read a project soon, never a source of
//! counts.
//!
//! A webhook must come from GitLab (`secrets`) and say what it is about (`event`); then it becomes a
//! [`Hint`]. Several hints about the same project are joined by the code that takes them.

mod config;
mod counts;
mod event;
mod hint;
mod memory;
mod receive;
mod secrets;

pub use config::{Config, SecretSource};
pub use counts::{Counts, Outcome};
pub use event::Event;
pub use hint::{Hint, TakeHint};
pub use receive::{Receiver, Routes};
pub use secrets::{Refusal, Secrets};
