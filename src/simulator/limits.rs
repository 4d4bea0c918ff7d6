//! GitLab's fixed limits, all in one place. What an administrator can set belongs to the world.

/// Longer GraphQL texts are refused.
pub(crate) const MAX_QUERY_TEXT: usize = 10_000;
/// The score that the query of a signed-in user may have, and an anonymous one.
pub(crate) const MAX_COMPLEXITY: u32 = 250;
pub(crate) const MAX_ANONYMOUS_COMPLEXITY: u32 = 200;
/// How deep the fields of a query may stand within each other, likewise.
pub(crate) const MAX_DEPTH: u32 = 20;
pub(crate) const MAX_ANONYMOUS_DEPTH: u32 = 15;
/// `Query.jobs` counts no further than this.
pub(crate) const MAX_COUNTED_JOBS: usize = 1_001;
/// How often a minute `GET /projects/:id/jobs` is answered.
pub(crate) const JOBS_PER_MINUTE: u64 = 600;
/// GitLab names no more mistakes of a query than this.
pub(crate) const MAX_VALIDATION_ERRORS: usize = 5;
/// How many paths `projects(fullPaths:)` takes.
pub(crate) const MAX_FULL_PATHS: usize = 50;
/// Pages of GraphQL and REST are never larger; in GraphQL an omitted size is this.
pub(crate) const MAX_PAGE_SIZE: u64 = 100;
/// REST's page where no size is asked for.
pub(crate) const DEFAULT_PAGE_SIZE: u64 = 20;
/// REST names no total above so many rows.
pub(crate) const MAX_COUNTED_ROWS: u64 = 10_000;
/// How many jobs of a runner are counted; GraphQL answers one more where there are more.
pub(crate) const MOST_RUNNER_JOBS: u64 = 1_000;
/// Beyond so many rows REST refuses to page through projects by offset.
pub(crate) const MAX_OFFSET: u64 = 50_000;
