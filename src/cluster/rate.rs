//! What may be taken of a budget that replicas share.

use std::time::Duration;

/// A steady rate, and a burst after a quiet time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// How long one request takes to come back into the bucket.
    pub interval: Duration,
    /// How many requests a full bucket holds; at least one, and not necessarily a whole number.
    pub burst: f64,
}

/// What a request may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// Be sent: it is paid for.
    Granted,
    /// Ask again after so long. Nothing is reserved.
    Wait(Duration),
}
