//! How many requests the model takes in how much time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::simulator::limits::JOBS_PER_MINUTE;

/// So many requests in a window of time.
pub(crate) type RateLimit = (u64, Duration);

/// The limit of all requests together, and those of single endpoints.
#[derive(Clone, Debug)]
pub(crate) struct RateLimits {
    pub(crate) global: Option<RateLimit>,
    /// By GitLab's names for endpoints, such as `GET /projects/:id`.
    pub(crate) endpoints: BTreeMap<String, RateLimit>,
}

impl Default for RateLimits {
    /// The limit that every GitLab has unless its administrator lifts it.
    fn default() -> Self {
        let jobs = (JOBS_PER_MINUTE, Duration::from_secs(60));
        RateLimits {
            global: None,
            endpoints: BTreeMap::from([("GET /projects/:id/jobs".to_owned(), jobs)]),
        }
    }
}

impl RateLimits {
    pub(crate) fn none() -> Self {
        RateLimits {
            global: None,
            endpoints: BTreeMap::new(),
        }
    }
}
