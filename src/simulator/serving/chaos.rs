//! Requests that fail by chance, in all the ways in which a real GitLab fails now and then.

use std::ops::RangeInclusive;
use std::time::Duration;

use fastrand::Rng;

use super::fault::{Effect, Fault};
use crate::simulator::answer::Dialect;

/// The longest wait that a refusal asks for.
const LONGEST_WAIT: u64 = 30;
/// How slow a slow answer is, in seconds: from a nuisance to more than anyone waits.
const SLOW: RangeInclusive<u64> = 5..=60;
/// The ways of both interfaces, and those that only GraphQL has.
const COMMON_WAYS: u8 = 11;
const GRAPHQL_WAYS: u8 = COMMON_WAYS + 3;

/// Which share of the requests fail. The same seed and order of requests give the same failures.
#[derive(Debug)]
pub(super) struct Chaos {
    share: f64,
    random: Rng,
}

impl Default for Chaos {
    fn default() -> Self {
        Chaos::new(0.0, 0)
    }
}

impl Chaos {
    pub(super) fn new(share: f64, seed: u64) -> Self {
        let random = Rng::with_seed(seed);
        Chaos { share, random }
    }

    /// What happens to the next request, if anything does. A good token is never refused.
    pub(super) fn effect_on(&mut self, dialect: Dialect) -> Option<Effect> {
        if self.random.f64() >= self.share {
            return None;
        }
        let ways = match dialect {
            Dialect::GraphQl => GRAPHQL_WAYS,
            Dialect::Rest => COMMON_WAYS,
        };
        let random = &mut self.random;
        let wait = Duration::from_secs(random.u64(1..=LONGEST_WAIT));
        let fault = Fault::anywhere();
        let fault = match random.u8(0..ways) {
            0 => fault.status(500),
            1 => fault.status(502),
            2 => fault.unavailable(wait),
            3 => fault.retry_later(wait),
            4 => fault.requested_too_often(),
            5 => fault.stopped_at_the_edge(),
            6 => fault.truncated(),
            7 => fault.invalid_json(),
            8 => fault.reset(),
            9 => fault.hang(),
            10 => fault.delay(Duration::from_secs(random.u64(SLOW))),
            // The database gave up.
            11 => fault.status(503),
            12 => fault.errors_only("Internal server error"),
            _ => fault.loses_fields(random.u64(..)),
        };
        Some(fault.effect)
    }
}
