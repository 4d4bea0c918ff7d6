//! What asking has cost so far.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::call::Endpoint;
use super::rate_limit::RateLimit;

/// What a client has spent since it was built.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Usage {
    /// Requests sent, by endpoint (`graphql`, `rest`) and by what came of them: the HTTP status,
    /// or `timeout`, `connection`, `too_large`.
    pub requests: BTreeMap<(&'static str, Cow<'static, str>), u64>,
    /// How many of them repeated an earlier one.
    pub retries: u64,
    /// How long requests have waited, added up, for the client's own rate or GitLab's limits.
    pub waited: Duration,
    /// The limit GitLab last spoke of; none where it sets none.
    pub rate_limit: Option<RateLimit>,
}

/// The running count behind [`Usage`].
#[derive(Default)]
pub(super) struct Meter {
    usage: Mutex<Usage>,
}

impl Meter {
    pub(super) fn usage(&self, waited: Duration) -> Usage {
        let usage = self.lock().clone();
        Usage { waited, ..usage }
    }

    pub(super) fn request(&self, endpoint: Endpoint, code: Cow<'static, str>) {
        let mut usage = self.lock();
        *usage.requests.entry((endpoint.name(), code)).or_default() += 1;
    }

    pub(super) fn retry(&self) {
        self.lock().retries += 1;
    }

    pub(super) fn rate_limit(&self, seen: RateLimit) {
        self.lock().rate_limit = Some(seen);
    }

    fn lock(&self) -> MutexGuard<'_, Usage> {
        self.usage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
