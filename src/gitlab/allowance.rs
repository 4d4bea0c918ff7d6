//! A budget that several processes share: whoever keeps it is asked before every request.

use std::time::Duration;

use futures::future::BoxFuture;

use super::budget::Budget;

/// Keeps a budget for several processes.
pub trait Allowance: Send + Sync {
    /// Asks for one request. It counts from now on, whether it is sent or not. Without a budget it is only
    /// said whether this process may ask at all.
    fn take(&self, budget: Option<Budget>) -> BoxFuture<'_, Allowed>;
}

/// Whether a request may be sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Allowed {
    /// Now; and so many more could be sent at once, if that is known.
    Now { left: Option<f64> },
    /// Not before so much time has passed: then it is to be asked for again.
    In(Duration),
}
