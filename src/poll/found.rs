//! What was read of a list of projects.

use crate::gitlab::Error;
use crate::metrics::ProjectAnswer;

/// What was read of a list, and why not all of it.
#[derive(Default)]
pub struct Listing {
    /// The projects.
    pub found: Vec<ProjectAnswer>,
    /// The ids behind names; an old path leads to a project that is called otherwise by now.
    pub resolved: Vec<(String, u64)>,
    /// Why it ended early.
    pub failure: Option<Error>,
}
