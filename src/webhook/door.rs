//! Where webhooks arrive: `POST /webhook` and `POST /webhook/{instance}`.
//!
//! GitLab waits 10 s for an answer and switches a webhook off that fails too often, so answers come
//! fast and nothing here waits for anybody but the sender.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Bytes, HttpBody};
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use super::event::{self, Told};
use super::secrets::Seal;
use super::{Counts, Event, Hint, Outcome, Refusal, Secrets, Take};

/// The largest payload that GitLab sends.
const LIMIT: usize = 25 << 20;
/// How many bytes of bodies may be in memory at once, whoever sends them.
const ROOM: usize = 4 * LIMIT;
/// A body up to here is read in far less than a millisecond; a larger one gets its own thread.
const SMALL: usize = 256 << 10;
/// GitLab gives up after 10 s.
const PATIENCE: Duration = Duration::from_secs(10);
/// Refusals are warned of at most this often.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// What receiving takes.
pub struct Receiver {
    /// What webhooks are checked against.
    pub secrets: Secrets,
    /// The names that may stand in the address.
    pub instances: Vec<String>,
    /// Who takes the hints.
    pub take: Take,
    /// Where they are counted.
    pub counts: Arc<Counts>,
}

/// The routes that webhooks arrive at.
pub fn router(receiver: Receiver) -> Router {
    let door = Door {
        receiver,
        room: Semaphore::new(ROOM),
        warnings: Warnings::default(),
    };
    Router::new()
        .route("/webhook", post(receive))
        .route("/webhook/{instance}", post(receive))
        .layer(DefaultBodyLimit::max(LIMIT))
        .with_state(Arc::new(door))
}

struct Door {
    receiver: Receiver,
    room: Semaphore,
    warnings: Warnings,
}

/// Why a webhook gives no hint.
enum Failure {
    Unauthorized(Refusal),
    Invalid(StatusCode, &'static str),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Failure {
        Failure::Unauthorized(refusal)
    }
}

async fn receive(
    State(door): State<Arc<Door>>,
    instance: Option<Path<String>>,
    request: Request,
) -> Response {
    let receiver = &door.receiver;
    let instance = instance.map(|Path(name)| name);
    if instance
        .as_ref()
        .is_some_and(|name| !receiver.instances.contains(name))
    {
        return (
            StatusCode::NOT_FOUND,
            "No GitLab of that name is configured.\n",
        )
            .into_response();
    }
    let title = text(request.headers(), "x-gitlab-event").map(|title| Event::titled(&title));
    let sent_by = text(request.headers(), "x-gitlab-instance");
    let told = door.read(request).await.and_then(|told| {
        let event = told.event.or(title);
        let event = event.ok_or(invalid("it does not say what happened"))?;
        Ok((event, told.project))
    });
    let title = title.unwrap_or(Event::Other);
    match told {
        Ok((event, project)) => {
            receiver.counts.note(event, Outcome::Accepted);
            (receiver.take)(Hint {
                instance,
                sent_by,
                project,
                event,
            });
            StatusCode::OK.into_response()
        }
        Err(Failure::Unauthorized(refusal)) => {
            receiver.counts.note(title, Outcome::Unauthorized);
            door.warnings.warn(refusal);
            let text = "The secret of this webhook is missing or wrong.\n";
            (StatusCode::UNAUTHORIZED, text).into_response()
        }
        Err(Failure::Invalid(status, problem)) => {
            receiver.counts.note(title, Outcome::Invalid);
            tracing::debug!(problem, "a webhook could not be read");
            (
                status,
                format!("This is no webhook of GitLab: {problem}.\n"),
            )
                .into_response()
        }
    }
}

impl Door {
    /// What an authentic webhook tells.
    async fn read(self: &Arc<Self>, request: Request) -> Result<Told, Failure> {
        let seal = self
            .receiver
            .secrets
            .admit(request.headers(), SystemTime::now())?;
        let size = request.body().size_hint();
        if size.lower() > LIMIT as u64 {
            return Err(TOO_LARGE);
        }
        let reserved = size.upper().unwrap_or(LIMIT as u64).min(LIMIT as u64);
        let received = timeout(PATIENCE, async {
            // It is never closed, and the limit fits.
            let room = self.room.acquire_many(reserved as u32).await.ok();
            let body = Bytes::from_request(request, &()).await;
            body.map(|body| (body, room))
        });
        let (body, _room) = match received.await {
            Ok(Ok(received)) => received,
            Ok(Err(rejection)) if rejection.status() == StatusCode::PAYLOAD_TOO_LARGE => {
                return Err(TOO_LARGE);
            }
            Ok(Err(_)) => return Err(invalid("its body ends too early")),
            Err(_) => {
                let problem = "its body did not arrive in time";
                return Err(Failure::Invalid(StatusCode::REQUEST_TIMEOUT, problem));
            }
        };
        if body.len() <= SMALL {
            return self.judge(seal.as_ref(), &body);
        }
        let door = Arc::clone(self);
        let judged = tokio::task::spawn_blocking(move || door.judge(seal.as_ref(), &body));
        judged
            .await
            .unwrap_or_else(|_| Err(invalid("it could not be read")))
    }

    fn judge(&self, seal: Option<&Seal>, body: &[u8]) -> Result<Told, Failure> {
        if let Some(seal) = seal {
            self.receiver.secrets.confirm(seal, body)?;
        }
        event::read(body).map_err(invalid)
    }
}

const TOO_LARGE: Failure = Failure::Invalid(
    StatusCode::PAYLOAD_TOO_LARGE,
    "GitLab's are no larger than 25 MiB",
);

fn invalid(problem: &'static str) -> Failure {
    Failure::Invalid(StatusCode::BAD_REQUEST, problem)
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Warns of refusals, but not of each.
#[derive(Default)]
struct Warnings(Mutex<Unsaid>);

#[derive(Default)]
struct Unsaid {
    refused: u64,
    last: Option<Instant>,
}

impl Warnings {
    fn warn(&self, refusal: Refusal) {
        if let Some(refused) = self.due(Instant::now()) {
            tracing::warn!(refused, last = %refusal, "webhooks were refused");
        }
    }

    /// How many were refused since the last warning, if it is time for one.
    fn due(&self, now: Instant) -> Option<u64> {
        let mut unsaid = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        unsaid.refused += 1;
        if unsaid.last.is_some_and(|last| now < last + WARN_EVERY) {
            return None;
        }
        unsaid.last = Some(now);
        Some(std::mem::take(&mut unsaid.refused))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_warning_a_minute_tells_of_all_refusals() {
        let warnings = Warnings::default();
        let start = Instant::now();
        let due: Vec<_> = [0, 1, 59, 60, 61, 300]
            .map(|seconds| warnings.due(start + Duration::from_secs(seconds)))
            .into();
        assert_eq!(due, [Some(1), None, None, Some(3), None, Some(2)]);
    }
}
