//! The names of gitlab-ci-pipelines-exporter: the metrics of pipelines, jobs and environments that its
//! dashboards query, each a row over the columns of one of our subjects.
//!
//! The rows join the catalogue only where the configuration chooses these names, and only a scrape
//! shows them. What that exporter shows besides has no row here: docs/names.md says why.

mod environments;
mod jobs;
mod pipelines;
mod placing;
mod reference;
mod row;
mod rows;
#[cfg(test)]
mod tests;

pub use reference::markdown as ci_exporter_markdown;
