//! How slow the model is, and which GraphQL pages are too much for it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::project::Project;

/// How slow the model is, and which GraphQL pages are too much for it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Slowness {
    pub(crate) latency: Duration,
    pub(crate) latency_per_project: Duration,
    /// What a project of a heavy page costs, and what such a page may cost.
    pub(crate) page_cost: Option<(Duration, Duration)>,
    /// What a row costs of the lists within projects, such as jobs, and what those of a request may cost.
    pub(crate) row_cost: Option<(Duration, Duration)>,
    pub(crate) slow_fields: BTreeSet<(u64, String)>,
    /// Projects that break a heavy page of more than so many projects.
    pub(crate) page_breakers: BTreeMap<u64, usize>,
}

impl Slowness {
    /// How long an answer with that many projects takes.
    pub(crate) fn of_answer(&self, projects: usize) -> Duration {
        self.latency + self.latency_per_project.saturating_mul(projects as u32)
    }

    pub(crate) fn times_out(&self, project: u64, field: &str) -> bool {
        // Most models have no slow field, so that nothing is built to look one up.
        !self.slow_fields.is_empty() && self.slow_fields.contains(&(project, field.to_owned()))
    }

    /// Whether GitLab gives up on a request that reads so many rows.
    pub(crate) fn too_many_rows(&self, rows: usize) -> bool {
        self.row_cost
            .is_some_and(|(per_row, limit)| per_row.saturating_mul(rows as u32) > limit)
    }

    /// Whether a heavy page of these projects fails. The request has read `in_request` such projects
    /// so far, with these.
    pub(crate) fn breaks(&self, page: &[&Project], in_request: usize) -> bool {
        let too_dear = self.page_cost.is_some_and(|(per_project, limit)| {
            per_project.saturating_mul(in_request as u32) > limit
        });
        let breaker = |project: &&Project| {
            let most = self.page_breakers.get(&project.id);
            most.is_some_and(|&most| page.len() > most)
        };
        too_dear || (!self.page_breakers.is_empty() && page.iter().any(breaker))
    }
}
