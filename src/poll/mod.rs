//! When and how GitLab is asked. Every poll publishes a new immutable snapshot and keeps the last
//! good value of what failed.
//!
//! [`engine`] decides: it says what is to be asked now, and learns from the answers. It does no I/O.
//! `poller` drives it against GitLab, `forecast` against made-up answers in made-up time. `asking`
//! sends requests and reads answers, `plan` writes what GraphQL is asked, `checkpoint` keeps what is
//! known over a restart.

mod asking;
mod capacity;
mod charged;
mod checkpoint;
mod config;
mod details_plan;
pub mod engine;
mod fields;
mod forecast;
mod handover;
mod inbox;
mod lateness;
mod log;
mod not_found;
mod outlet;
mod own_queries;
mod plan;
mod poller;
mod progress;
mod selection;
mod subject_log;
mod survey;
#[cfg(all(test, feature = "simulator"))]
mod tests;

pub use charged::ALONG;
pub use checkpoint::{Checkpoint, Examined, InUse, Polled, State, Unusable};
pub use config::{Config, Rhythm};
pub use engine::Kind;
pub use forecast::{ANNOUNCED, Advice, Assumption, Forecast, Forecasts, Population, Price, prices};
pub use handover::HandedOver;
pub use inbox::Inbox;
pub use not_found::{group as group_not_found, project as project_not_found};
pub use outlet::{Outlet, Store};
pub use own_queries::{own_queries, scored_details};
pub use plan::{Capabilities, Depth, FeedDepth, List, PROBE, Plan, RequestPart};
pub use poller::Poller;
pub use progress::Progress;
pub use selection::{Filter, Patterns, Scope, Selection, Source};
