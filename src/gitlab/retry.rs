//! Asking until there is an answer: what is worth another try, after which pause, and when to stop.

use std::borrow::Cow;
use std::panic::resume_unwind;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::client::Client;
use super::endpoint_class::EndpointClass;
use super::error::Error;
use super::rate_limit::{self, RateLimit};
use super::refusal::{self, Failure, Next};
use super::request::{ApiRequest, ApiResponse, Outcome};
use super::secrets::Credentials;

const TOO_MANY_REQUESTS: u16 = 429;

/// An answer of so many bytes takes about a millisecond to read, and up to 13 MiB of memory.
const LONG: usize = 128 * 1024;

/// Long answers are read one at a time, whichever client got them: each may take all the memory that
/// is granted to one, and a hostile server sends several at once.
static READING: Semaphore = Semaphore::const_new(1);

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
    pub(super) async fn ask(&self, call: &ApiRequest, deadline: Instant) -> Result<Outcome, Error> {
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
                    let backoff = self.shared.backoff;
                    backoff.pause(tries.failed, fastrand::f64()).max(at_least)
                }
            };
            if tries.failed >= self.shared.attempts || Instant::now() + pause >= deadline {
                return Err(failure.error);
            }
            sleep(pause).await;
        }
    }

    async fn ask_once(
        &self,
        call: &ApiRequest,
        tries: Tries,
        deadline: Instant,
    ) -> Result<Outcome, Failure> {
        let shared = &*self.shared;
        let permit = shared
            .limiter
            .enter(call.class, deadline)
            .await
            .map_err(Failure::lasting)?;
        if tries.failed + tries.refused > 0 {
            shared.usage.retry();
        }
        let credentials = shared.secrets.current();
        let mut in_flight = shared.usage.send();
        let exchange = shared.sender.send(call, &credentials, deadline).await;
        shared.usage.request(call.class, code(&exchange));
        let reply = exchange.inspect_err(|failure| in_flight.failed(&failure.error))?;

        let server_time = rate_limit::server_time(&reply.headers, shared.clock.now());
        let limit = RateLimit::read(&reply.headers);
        // Slows down, and stops, before GitLab has to refuse.
        if let Some(limit) = limit {
            shared.usage.rate_limit(limit);
            shared.limiter.spread(limit.spread(server_time));
            if let Some(wait) = limit.exhausted_for(server_time) {
                shared.limiter.block(wait);
            }
        }
        if reply.status == TOO_MANY_REQUESTS {
            in_flight.made_sense();
            return Err(self.hold_back(call.class, &reply, tries, server_time));
        }
        shared.limiter.answered(call.class);
        // Not before the gate is closed: whoever waits for this place must find it so.
        drop(permit);
        let asked = rate_limit::retry_after(&reply.headers, server_time);
        let judged = judge(call, reply, credentials).await;
        match &judged {
            judged if is_gitlabs_word(judged) => in_flight.made_sense(),
            Err(failure) => in_flight.failed(&failure.error),
            Ok(_) => {}
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
        class: EndpointClass,
        reply: &ApiResponse,
        tries: Tries,
        server_time: SystemTime,
    ) -> Failure {
        let backoff = self
            .shared
            .backoff
            .pause(tries.refused + 1, fastrand::f64());
        let of_one_endpoint = refusal::is_of_one_endpoint(reply);
        let asked = match of_one_endpoint {
            // The window in the headers is that of all requests.
            true => rate_limit::retry_after(&reply.headers, server_time),
            false => rate_limit::asked_to_wait(&reply.headers, server_time),
        };
        let wait = asked.unwrap_or_default().max(backoff);
        match of_one_endpoint {
            true => self.shared.limiter.refused(class, wait),
            false => self.shared.limiter.block(wait),
        }
        let until = Instant::now() + wait;
        Failure {
            error: Error::RateLimited { until, wait },
            next: Next::WhenAllowed,
        }
    }
}

/// Reads an answer: a long one apart from the runtime's workers, which others wait for.
async fn judge(
    request: &ApiRequest,
    response: ApiResponse,
    credentials: Arc<Credentials>,
) -> Result<Outcome, Failure> {
    if response.body.len() < LONG {
        return refusal::judge(request, response, &credentials);
    }
    let request = request.without_body();
    let permit = READING.acquire().await;
    let judging = spawn_blocking(move || {
        // Kept until the end, also where nobody waits for the answer any more.
        let _permit = permit;
        refusal::judge(&request, response, &credentials)
    });
    match judging.await {
        Ok(judged) => judged,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        // The runtime ends.
        Err(_) => Err(Failure::lasting(Error::Deadline)),
    }
}

/// Whether GitLab itself has spoken, if only to refuse: a redirect may be a login page's.
fn is_gitlabs_word(judged: &Result<Outcome, Failure>) -> bool {
    match judged {
        Ok(outcome) => matches!(outcome, Outcome::Json { .. }),
        Err(failure) => failure.error.is_gitlabs_word(),
    }
}

/// What came of a request, as the meter names it.
fn code(exchange: &Result<ApiResponse, Failure>) -> Cow<'static, str> {
    match exchange {
        Ok(reply) => Cow::Owned(reply.status.to_string()),
        Err(failure) => Cow::Borrowed(match failure.error {
            Error::Timeout { .. } | Error::Deadline => "timeout",
            Error::TooLarge { .. } => "too_large",
            _ => "connection",
        }),
    }
}
