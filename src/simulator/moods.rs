//! What makes the model slow or unwilling, apart from single faults: limits, latency, heavy projects.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::world::World;

/// What makes the model slow or unwilling, apart from single faults.
#[derive(Clone, Debug, Default)]
pub(super) struct Moods {
    pub(super) rate_limit: Option<(u64, Duration)>,
    pub(super) endpoint_limits: BTreeMap<String, (u64, Duration)>,
    pub(super) latency: Duration,
    pub(super) latency_per_project: Duration,
    pub(super) page_cost: Option<(Duration, Duration)>,
    pub(super) slow_fields: BTreeSet<(u64, String)>,
    pub(super) page_breakers: BTreeMap<u64, usize>,
}

impl World {
    /// Answers 429 beyond `limit` requests per `window`, GraphQL and REST together.
    pub fn rate_limit(&mut self, limit: u64, window: Duration) {
        self.moods.rate_limit = Some((limit, window));
    }

    /// Answers 429, without a word of when, beyond `limit` requests per `window` of one endpoint.
    ///
    /// The endpoint is named as in GitLab's documentation: `GET /projects/:id`.
    pub fn endpoint_limit(&mut self, endpoint: &str, limit: u64, window: Duration) {
        let limits = &mut self.moods.endpoint_limits;
        limits.insert(endpoint.to_owned(), (limit, window));
    }

    /// Lifts the rate limit, and those of single endpoints.
    pub fn no_rate_limit(&mut self) {
        self.moods.rate_limit = None;
        self.moods.endpoint_limits.clear();
    }

    /// Delays every answer by a fixed time and by a time for each project in it.
    pub fn latency(&mut self, fixed: Duration, per_project: Duration) {
        (self.moods.latency, self.moods.latency_per_project) = (fixed, per_project);
    }

    /// Makes one field of one project time out in GraphQL: null, and an error that says so.
    pub fn slow_field(&mut self, full_path: &str, field: &str) {
        if let Some(id) = self.project_id(full_path) {
            self.moods.slow_fields.insert((id, field.to_owned()));
        }
    }

    /// Makes heavy GraphQL pages of more than `projects` projects fail when they hold this one.
    ///
    /// A page is heavy when it counts something row by row, that is, when it selects
    /// a connection of each project.
    pub fn breaks_page(&mut self, full_path: &str, projects: usize) {
        if let Some(id) = self.project_id(full_path) {
            self.moods.page_breakers.insert(id, projects);
        }
    }

    /// Makes heavy GraphQL pages fail when their projects cost more than `limit` together.
    pub fn page_cost(&mut self, per_project: Duration, limit: Duration) {
        self.moods.page_cost = Some((per_project, limit));
    }

    /// Forgets slow fields, page breakers and page cost.
    pub fn recover(&mut self) {
        self.moods.slow_fields.clear();
        self.moods.page_breakers.clear();
        self.moods.page_cost = None;
    }
}
