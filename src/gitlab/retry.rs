//! Asking until there is an answer: what is worth another try, after which pause, and when to stop.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use tokio::time::{Instant, sleep};

use super::Client;
use super::call::{Call, Outcome, Reply};
use super::class::Class;
use super::error::Error;
use super::rate_limit::{self, RateLimit};
use super::refusal::{self, Failure, Next};

const TOO_MANY_REQUESTS: u16 = 429;

/// How the pauses between tries grow.
#[derive(Debug, Clone, Copy)]
pub(super) struct Backoff {
    pub(super) first: Duration,
    pub(super) longest: Duration,
}

impl Default for Backoff {
    /// Half a second outlasts a restarted worker, half a minute a restarted GitLab's first errors.
    fn default() -> Backoff {
        Backoff {
            first: Duration::from_millis(500),
            longest: Duration::from_secs(30),
        }
    }
}

impl Backoff {
    /// The pause after the given failure, counted from one: doubled each time, and shortened by
    /// up to a half at random, so that bridges that failed together do not return together.
    fn pause(&self, failure: u32, random: f64) -> Duration {
        let doubled = 2_u32.saturating_pow(failure.saturating_sub(1));
        let full = self.first.saturating_mul(doubled).min(self.longest);
        full.mul_f64(1.0 - random / 2.0)
    }
}

/// What has become of a question so far.
#[derive(Debug, Clone, Copy, Default)]
struct Tries {
    /// Answers that were none.
    failed: u32,
    /// Answers that said to wait.
    refused: u32,
}

impl Client {
    /// Asks until there is an answer, no more tries, or no more time.
    ///
    /// Being told to wait is no try: only the deadline ends that.
    pub(super) async fn ask(&self, call: &Call, deadline: Instant) -> Result<Outcome, Error> {
        let mut tries = Tries::default();
        loop {
            let failure = match self.ask_once(call, tries, deadline).await {
                Ok(outcome) => return Ok(outcome),
                Err(failure) => failure,
            };
            let pause = match failure.next {
                Next::GiveUp => return Err(failure.error),
                Next::WhenAllowed => {
                    tries.refused += 1;
                    Duration::ZERO
                }
                Next::Again(at_least) => {
                    tries.failed += 1;
                    let backoff = self.parts.backoff;
                    backoff.pause(tries.failed, fastrand::f64()).max(at_least)
                }
            };
            if tries.failed >= self.parts.attempts || Instant::now() + pause >= deadline {
                return Err(failure.error);
            }
            sleep(pause).await;
        }
    }

    async fn ask_once(
        &self,
        call: &Call,
        tries: Tries,
        deadline: Instant,
    ) -> Result<Outcome, Failure> {
        let parts = &*self.parts;
        let permit = parts
            .limiter
            .enter(call.class, deadline)
            .await
            .map_err(Failure::lasting)?;
        if tries.failed + tries.refused > 0 {
            parts.meter.retry();
        }
        let credential = parts.token.current();
        let mut in_flight = parts.meter.send();
        let exchange = parts.transport.exchange(call, &credential, deadline).await;
        parts.meter.request(call.class, code(&exchange));
        let reply = exchange?;

        let server_time = rate_limit::server_time(&reply.headers, parts.clock.now());
        let limit = RateLimit::read(&reply.headers);
        // Slows down, and stops, before GitLab has to refuse.
        if let Some(limit) = limit {
            parts.meter.rate_limit(limit);
            parts.limiter.spread(limit.spread(server_time));
            if let Some(wait) = limit.exhausted_for(server_time) {
                parts.limiter.block(wait);
            }
        }
        if reply.status == TOO_MANY_REQUESTS {
            in_flight.made_sense();
            return Err(self.hold_back(call.class, &reply, tries, server_time));
        }
        parts.limiter.answered(call.class);
        // Not before the gate is closed: whoever waits for this place must find it so.
        drop(permit);
        let asked = rate_limit::retry_after(&reply.headers, server_time);
        let judged = refusal::judge(call, reply, &credential);
        if is_of_gitlab(&judged) {
            in_flight.made_sense();
        }
        judged.map_err(|failure| match (failure.next, asked) {
            (Next::Again(_), Some(wait)) => Failure {
                next: Next::Again(wait),
                ..failure
            },
            _ => failure,
        })
    }

    /// Closes the gate after a 429, for its class or for all: for as long as GitLab says, and no
    /// shorter than the back-off, as a `Retry-After: 0` said again and again would make a busy loop.
    fn hold_back(
        &self,
        class: Class,
        reply: &Reply,
        tries: Tries,
        server_time: SystemTime,
    ) -> Failure {
        let backoff = self.parts.backoff.pause(tries.refused + 1, fastrand::f64());
        let of_one_endpoint = refusal::is_of_one_endpoint(reply);
        let asked = match of_one_endpoint {
            // The window in the headers is that of all requests.
            true => rate_limit::retry_after(&reply.headers, server_time),
            false => rate_limit::asked_to_wait(&reply.headers, server_time),
        };
        let wait = asked.unwrap_or_default().max(backoff);
        match of_one_endpoint {
            true => self.parts.limiter.refused(class, wait),
            false => self.parts.limiter.block(wait),
        }
        let until = Instant::now() + wait;
        Failure {
            error: Error::RateLimited { until, wait },
            next: Next::WhenAllowed,
        }
    }
}

/// Whether GitLab itself has spoken: it works then, if only to refuse.
fn is_of_gitlab(judged: &Result<Outcome, Failure>) -> bool {
    match judged {
        Ok(outcome) => matches!(outcome, Outcome::Json { .. }),
        Err(failure) => matches!(
            failure.error,
            Error::Unauthorized { .. }
                | Error::Forbidden { html: false, .. }
                | Error::NotFound { .. }
                | Error::Refused { .. }
        ),
    }
}

/// What came of a request, as the meter names it.
fn code(exchange: &Result<Reply, Failure>) -> Cow<'static, str> {
    match exchange {
        Ok(reply) => Cow::Owned(reply.status.to_string()),
        Err(failure) => Cow::Borrowed(match failure.error {
            Error::Timeout { .. } | Error::Deadline => "timeout",
            Error::TooLarge { .. } => "too_large",
            _ => "connection",
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff {
        first: Duration::from_secs(1),
        longest: Duration::from_secs(10),
    };

    #[test]
    fn pauses_double_up_to_the_longest() {
        let pauses = [1, 2, 3, 4, 5, 40].map(|failure| BACKOFF.pause(failure, 0.0).as_secs());
        assert_eq!(pauses, [1, 2, 4, 8, 10, 10]);
    }

    #[test]
    fn chance_shortens_a_pause_by_up_to_a_half() {
        assert_eq!(BACKOFF.pause(2, 0.5), Duration::from_millis(1500));
        assert_eq!(BACKOFF.pause(2, 1.0), Duration::from_secs(1));
    }
}
