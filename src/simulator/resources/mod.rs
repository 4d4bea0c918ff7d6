//! What GitLab tells of its things: for each the fields of GraphQL and, beside them, the bodies and
//! endpoints of REST.
//!
//! To tell more of a thing, add it to the world, to `schema.graphql` and to the file of the thing.
//! A new thing is a new file here, such as `environments.rs`, and a line in `ENDPOINTS`.

mod access_tokens;
mod changed;
mod ci;
mod commits;
mod deployments;
mod environments;
mod group;
mod instance;
mod issues;
mod jobs;
mod license;
mod members;
mod merge_requests;
mod milestones;
mod named_group;
mod named_project;
mod packages;
mod pipeline_filter;
mod pipelines;
mod project;
mod project_body;
mod project_list;
mod query;
mod releases;
mod repository;
mod runners;
mod schedules;
mod sorted;
mod statistics;
mod test_reports;
mod totals;
mod vulnerabilities;

use super::rest::request::Endpoint;

pub(super) use query::Query;

/// REST's endpoints, by the things they are about.
pub(super) const ENDPOINTS: &[&[Endpoint]] = &[
    instance::ENDPOINTS,
    license::ENDPOINTS,
    totals::ENDPOINTS,
    access_tokens::ENDPOINTS,
    project_list::ENDPOINTS,
    merge_requests::ENDPOINTS,
    issues::ENDPOINTS,
    releases::ENDPOINTS,
    commits::ENDPOINTS,
    pipelines::ENDPOINTS,
    jobs::ENDPOINTS,
    test_reports::ENDPOINTS,
    environments::ENDPOINTS,
    deployments::ENDPOINTS,
    group::ENDPOINTS,
    members::ENDPOINTS,
    runners::ENDPOINTS,
    repository::ENDPOINTS,
    packages::ENDPOINTS,
    schedules::ENDPOINTS,
    milestones::ENDPOINTS,
];
