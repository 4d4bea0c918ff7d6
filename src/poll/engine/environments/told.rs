//! What GitLab told of how far the latest deployment of an environment is behind its branch.

use std::sync::Arc;

use crate::metrics::{Behind, Environment, UnixTime};

/// What was told of an environment.
#[derive(Clone, Debug, Default)]
pub struct Told {
    pub sha: Arc<str>,
    pub of: Arc<str>,
    /// When the project had last been active.
    pub active: Option<UnixTime>,
    /// Whether its branch may have moved since.
    pub is_doubtful: bool,
    /// None if GitLab does not tell.
    pub behind: Option<Behind>,
}

impl Told {
    /// Notes that its branch may have moved.
    pub fn doubt(&mut self) {
        self.is_doubtful = true;
    }

    pub fn is_about(&self, environment: &Environment) -> bool {
        let latest = environment.latest.as_ref();
        latest.is_some_and(|latest| (&latest.sha, &latest.of) == (&self.sha, &self.of))
    }
}
