//! A model of GitLab that speaks HTTP: the demo runs against it, and so do the tests.
//!
//! It holds GitLab's limits and sends GitLab's bodies, and it knows nothing of the
//! bridge, so neither can hide a misunderstanding of the other.
//!
//! What is set has always been so; what happens, happens now: it moves the activity as GitLab does
//! and is counted by `updatedAfter`. The world's clock runs while it is served. Simulations ask
//! [`GitLab::in_process`] without a socket, on tokio's paused clock.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use gitlab_metrics_bridge::simulator::{Fault, GitLab, MergeRequests, World};
//!
//! let gitlab = GitLab::start(World::new()).await?;
//! gitlab.edit(|world| {
//!     let merged = MergeRequests { opened: 2, merged: 7, ..Default::default() };
//!     world.project("group/a").commits(11).issues(3, 1).merge_requests(merged);
//! });
//! gitlab.edit(|world| {
//!     world.events("group/a").push(3).open_issue();
//! });
//! gitlab.fault(Fault::on("/api/graphql").times(2).status(503));
//! gitlab.fault(Fault::on("/api/v4/projects").always().tamper(|_, answer| {
//!     answer.remove_header("Link");
//! }));
//! println!("{} was asked {} times", gitlab.url(), gitlab.requests().len());
//! # Ok(())
//! # }
//! ```

mod answer;
mod arguments;
mod chaos;
mod clock;
mod complexity;
mod connection;
mod delivery;
mod events;
mod execution;
mod fault;
mod graphql;
mod index;
mod listing;
mod moods;
mod past;
mod plan;
mod population;
mod project;
mod rate;
mod recent;
mod reception;
mod record;
mod rest;
mod rest_body;
mod rest_pages;
mod route;
mod schema;
mod server;
#[cfg(test)]
mod tests;
mod token;
mod validate;
mod version;
mod world;

pub use answer::Answer;
pub use complexity::score;
pub use events::Events;
pub use fault::{Fault, FaultBuilder};
pub use project::{
    Access, Features, MergeRequests, PipelineStatus, Pipelines, Project, Sizes, Visibility,
};
pub use reception::Cut;
pub use record::{Request, TokenHeader, most_within};
pub use server::GitLab;
pub use token::{DEMO_TOKEN, Token};
pub use version::Version;
pub use world::World;
