//! How many requests the model takes in how much time.

use std::collections::BTreeMap;
use std::time::Duration;

/// So many requests in a window of time.
pub(crate) type RateLimit = (u64, Duration);

/// The limit of all requests together, and those of single endpoints.
#[derive(Clone, Debug, Default)]
pub(crate) struct RateLimits {
    pub(crate) global: Option<RateLimit>,
    /// By GitLab's names for endpoints, such as `GET /projects/:id`.
    pub(crate) endpoints: BTreeMap<String, RateLimit>,
}
