//! What is known at one moment: all that pages are made of.

use std::sync::Arc;

use crate::metrics::{BridgeStatus, View};

/// What is known at one moment.
pub struct Now {
    pub view: Arc<View>,
    pub bridge: BridgeStatus,
    /// Why the bridge is not ready, if it is not.
    pub complaint: Option<String>,
}
