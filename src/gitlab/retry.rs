//! Sends a request until it is answered: which failure is worth another attempt, after which pause, and
//! when to stop.

use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{self, SendError, Sender};
use std::sync::{Arc, LazyLock};
use std::thread;
use std::time::{Duration, SystemTime};

use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use super::client::Client;
use super::debug_log::{self, Exchange};
use super::endpoint_class::EndpointClass;
use super::error::Error;
use super::rate_limit::{self, RateLimit};
use super::refusal::{self, Failure, Next};
use super::request::{ApiRequest, ApiResponse, Outcome};
use super::secrets::Credentials;

const TOO_MANY_REQUESTS: u16 = 429;

/// An answer of so many bytes takes about a millisecond to read, and up to 13 MiB of memory.
const LONG: usize = 128 * 1024;

/// Reads one answer.
type Reading = Box<dyn FnOnce() + Send>;

/// Long answers are read one at a time, whichever client got them: each may take all the memory that
/// is granted to one, and a hostile server sends several at once. And on one thread, since an allocator
/// keeps some of what was freed for each thread that took it.
static READER: LazyLock<Sender<Reading>> = LazyLock::new(|| {
    let (sender, readings) = mpsc::channel::<Reading>();
    let reader = thread::Builder::new().name("reader".to_owned());
    // Without the thread nobody receives: then each is read where it is.
    drop(reader.spawn(move || readings.into_iter().for_each(|read| read())));
    sender
});

/// How often a request was sent in vain so far.
#[derive(Debug, Clone, Copy, Default)]
struct Attempts {
    /// Got no answer, or one that does not serve.
    failed: u32,
    /// Were told to wait; that does not count against the configured number of attempts.
    told_to_wait: u32,
}

impl Attempts {
    fn made(self) -> u32 {
        self.failed + self.told_to_wait
    }
}

impl Client {
    /// Sends the request until it is answered, the attempts are used up, or the deadline is near.
    ///
    /// An answer that says to wait uses up no attempt: only the deadline ends that.
    pub(super) async fn ask(
        &self,
        request: &ApiRequest,
        deadline: Instant,
    ) -> Result<Outcome, Error> {
        let mut attempts = Attempts::default();
        loop {
            let mut exchange = Exchange::new(request, attempts.made() + 1);
            let asked = self
                .ask_once(request, attempts, deadline, &mut exchange)
                .await;
            exchange.tell(&asked);
            let failure = match asked {
                Ok(outcome) => return Ok(outcome),
                Err(failure) => failure,
            };
            let pause = match failure.next {
                Next::GiveUp => return Err(failure.error),
                Next::WhenAllowed => {
                    attempts.told_to_wait += 1;
                    Duration::ZERO
                }
                Next::Again(at_least) => {
                    attempts.failed += 1;
                    let backoff = self.shared.backoff;
                    backoff
                        .pause(attempts.failed, fastrand::f64())
                        .max(at_least)
                }
            };
            if attempts.failed >= self.shared.attempts || Instant::now() + pause >= deadline {
                return Err(failure.error);
            }
            debug_log::again(request, attempts.made(), pause, &failure.error);
            sleep(pause).await;
        }
    }

    async fn ask_once(
        &self,
        request: &ApiRequest,
        attempts: Attempts,
        deadline: Instant,
        told: &mut Exchange<'_>,
    ) -> Result<Outcome, Failure> {
        let shared = &*self.shared;
        let permit = shared
            .limiter
            .enter(request.class, deadline)
            .await
            .map_err(Failure::lasting)?;
        if attempts.made() > 0 {
            shared.usage.retry();
        }
        let credentials = shared.secrets.current();
        let mut in_flight = shared.usage.silence.request_sent();
        let sent = Instant::now();
        let exchange = shared.sender.send(request, &credentials, deadline).await;
        shared.usage.request(request.class, code(&exchange));
        self.note_sent();
        told.happened(&exchange, sent.elapsed());
        let response = exchange.inspect_err(|failure| in_flight.failed(&failure.error))?;

        let server_time = rate_limit::server_time(&response.headers, shared.clock.now());
        let limit = RateLimit::read(&response.headers);
        // Slows down, and stops, before GitLab has to refuse.
        if let Some(limit) = limit {
            shared.usage.rate_limit(limit);
            shared.limiter.spread(limit.spread(server_time));
            if let Some(wait) = limit.exhausted_for(server_time) {
                shared.limiter.block(wait);
            }
        }
        if response.status == TOO_MANY_REQUESTS {
            in_flight.made_sense();
            return Err(self.hold_back(request.class, &response, attempts, server_time));
        }
        shared.limiter.answered(request.class);
        // Only now: the next request must see the limits that this answer has told.
        drop(permit);
        let asked = rate_limit::retry_after(&response.headers, server_time);
        let judged = judge(request, response, credentials, shared.heaviest).await;
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

    /// Stops requests after a 429, those of its class or all: for as long as GitLab says, and no
    /// shorter than the back-off, as a repeated `Retry-After: 0` would make a busy loop.
    fn hold_back(
        &self,
        class: EndpointClass,
        response: &ApiResponse,
        attempts: Attempts,
        server_time: SystemTime,
    ) -> Failure {
        let backoff = self
            .shared
            .backoff
            .pause(attempts.told_to_wait + 1, fastrand::f64());
        let of_one_endpoint = refusal::is_of_one_endpoint(response);
        let asked = match of_one_endpoint {
            // The window in the headers is that of all requests.
            true => rate_limit::retry_after(&response.headers, server_time),
            false => rate_limit::asked_to_wait(&response.headers, server_time),
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

/// Reads an answer; a long one on a thread of its own, so that the runtime's workers stay free.
async fn judge(
    request: &ApiRequest,
    response: ApiResponse,
    credentials: Arc<Credentials>,
    heaviest: usize,
) -> Result<Outcome, Failure> {
    if response.body.len() < LONG {
        return refusal::judge(request, response, &credentials, heaviest);
    }
    let request = request.without_body();
    let judging = spawn_blocking(move || {
        // Waited for here and not before: a paused clock goes on while its runtime waits for another.
        in_turn(move || refusal::judge(&request, response, &credentials, heaviest))
    });
    match judging.await {
        Ok(judged) => judged,
        Err(error) if error.is_panic() => resume_unwind(error.into_panic()),
        // The runtime ends.
        Err(_) => Err(Failure::lasting(Error::Deadline)),
    }
}

/// Does it on the thread that reads, after what came before.
fn in_turn<T: Send + 'static>(read: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = mpsc::channel();
    let reading: Reading = Box::new(move || {
        // Whoever waits is there until it is told.
        let _ = tell.send(catch_unwind(AssertUnwindSafe(read)));
    });
    if let Err(SendError(reading)) = READER.send(reading) {
        reading();
    }
    let read = told.recv().expect("a reading tells what came of it");
    read.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Whether the answer is GitLab's own, refusals included. A redirect may come from a login page.
fn is_gitlabs_word(judged: &Result<Outcome, Failure>) -> bool {
    match judged {
        Ok(outcome) => matches!(outcome, Outcome::Json { .. }),
        Err(failure) => failure.error.is_gitlabs_word(),
    }
}

/// The status, or what came instead of one: see [`super::usage::Usage::requests`].
fn code(exchange: &Result<ApiResponse, Failure>) -> Cow<'static, str> {
    match exchange {
        Ok(response) => Cow::Owned(response.status.to_string()),
        Err(failure) => Cow::Borrowed(match failure.error {
            Error::Timeout { .. } | Error::Deadline => "timeout",
            Error::TooLarge { .. } => "too_large",
            _ => "connection",
        }),
    }
}
