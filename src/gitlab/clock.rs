//! The time of day. It is an argument, so that a test can choose it.

use std::sync::Arc;
use std::time::SystemTime;

/// Tells the time of day. What is waited for goes by tokio's clock, not by this one.
#[derive(Clone)]
pub struct Clock {
    now: Arc<dyn Fn() -> SystemTime + Send + Sync>,
}

impl Clock {
    /// The clock of the system.
    #[must_use]
    pub fn system() -> Clock {
        Clock::new(SystemTime::now)
    }

    /// A clock that asks this function.
    pub fn new(now: impl Fn() -> SystemTime + Send + Sync + 'static) -> Clock {
        Clock { now: Arc::new(now) }
    }

    /// What time it is.
    #[must_use]
    pub fn now(&self) -> SystemTime {
        (self.now)()
    }
}
