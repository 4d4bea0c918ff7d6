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
mod graphql;
mod limits;
mod resources;
mod rest;
mod serving;
#[cfg(test)]
mod tests;
mod world;

pub use answer::Answer;
pub use graphql::complexity::score;
pub use serving::GitLab;
pub use serving::arrival::TokenHeader;
pub use serving::fault::{Fault, FaultBuilder};
pub use serving::record::{Request, most_within};
pub use serving::service::Cut;
pub use world::World;
pub use world::ci::deployment::{Deployment, DeploymentStatus};
pub use world::ci::job::{Job, JobKind};
pub use world::ci::outcome::{Artifact, FailureReason, TestReport};
pub use world::ci::pipeline::{Pipeline, Upstream};
pub use world::ci::plan::PipelinePlan;
pub use world::ci::reference::Reference;
pub use world::ci::status::PipelineStatus;
pub use world::counts::{Features, MergeRequests, Pipelines, Role, Sizes, Visibility};
pub use world::details::{Milestones, RepositoryCounts, Schedule, Severities, Vulnerabilities};
pub use world::environments::{Environment, Tier};
pub use world::events::Events;
pub use world::instance::License;
pub use world::issuables::IssuableState;
pub use world::issues::{Issue, IssueKind};
pub use world::ledger::{Entries, Entry, Ledger, Subject};
pub use world::members::Member;
pub use world::merge_requests::MergeRequest;
pub use world::project::Project;
pub use world::resource_tokens::ResourceToken;
pub use world::runners::Runner;
pub use world::token::{AccessToken, DEMO_TOKEN};
pub use world::version::Version;
