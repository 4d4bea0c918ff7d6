//! What a test sets of a GitLab: its version, rate limits and slowness.

use std::time::Duration;

use super::World;
use super::rate_limits::RateLimits;
use super::version::Version;

impl World {
    /// Pretends to be that version.
    pub fn version(&mut self, version: Version) {
        self.profile.version = version;
    }

    /// Pretends to be the Community Edition, or the Enterprise Edition again.
    pub fn community_edition(&mut self, community: bool) {
        self.profile.community_edition = community;
    }

    /// Takes a field out of the GraphQL schema: `("ProjectStatistics", "containerRegistrySize")`.
    pub fn remove_field(&mut self, kind: &str, field: &str) {
        let field = (kind.to_owned(), field.to_owned());
        self.profile.removed.insert(field);
    }

    /// Answers 429 beyond `limit` requests per `window`, GraphQL and REST together.
    pub fn rate_limit(&mut self, limit: u64, window: Duration) {
        self.rate_limits.global = Some((limit, window));
    }

    /// Answers 429, without a time to come back, beyond `limit` requests per `window` of one endpoint.
    ///
    /// The endpoint is named as in GitLab's documentation: `GET /projects/:id`.
    pub fn endpoint_limit(&mut self, endpoint: &str, limit: u64, window: Duration) {
        let limits = &mut self.rate_limits.endpoints;
        limits.insert(endpoint.to_owned(), (limit, window));
    }

    /// Lifts the rate limit, and those of single endpoints.
    pub fn no_rate_limit(&mut self) {
        self.rate_limits = RateLimits::none();
    }

    /// Delays every answer by a fixed time and by a time for each project in it.
    pub fn latency(&mut self, fixed: Duration, per_project: Duration) {
        (self.slowness.latency, self.slowness.latency_per_project) = (fixed, per_project);
    }

    /// Makes one field of one project time out in GraphQL: null, and an error that says so.
    pub fn slow_field(&mut self, full_path: &str, field: &str) {
        if let Some(id) = self.project_id(full_path) {
            self.slowness.slow_fields.insert((id, field.to_owned()));
        }
    }

    /// Makes heavy GraphQL pages of more than `projects` projects fail when they hold this one.
    ///
    /// A page is heavy when it counts something row by row, that is, when it selects
    /// a connection of each project.
    pub fn breaks_page(&mut self, full_path: &str, projects: usize) {
        if let Some(id) = self.project_id(full_path) {
            self.slowness.page_breakers.insert(id, projects);
        }
    }

    /// Makes heavy GraphQL pages fail when their projects cost more than `limit` together.
    pub fn page_cost(&mut self, per_project: Duration, limit: Duration) {
        self.slowness.page_cost = Some((per_project, limit));
    }

    /// Makes GraphQL requests fail when the rows in them, of pipelines, jobs and environments, cost more
    /// than `limit` together: GitLab gives up after 30 s.
    pub fn row_cost(&mut self, per_row: Duration, limit: Duration) {
        self.slowness.row_cost = Some((per_row, limit));
    }

    /// Forgets slow fields, page breakers, and the costs of pages and rows.
    pub fn recover(&mut self) {
        self.slowness.slow_fields.clear();
        self.slowness.page_breakers.clear();
        self.slowness.page_cost = None;
        self.slowness.row_cost = None;
    }
}
