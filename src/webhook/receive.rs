//! Where webhooks arrive: `POST /webhook` and `POST /webhook/{name of the GitLab}`.
//!
//! GitLab waits 10 s for an answer and switches a webhook off that fails too often. So answers come
//! fast, and the only thing that is waited for is the rest of the body.

use std::future::poll_fn;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::time::{Instant, timeout};

use super::counts::{Counts, Outcome};
use super::event::{Event, Payload};
use super::hint::{Hint, TakeHint};
use super::memory::{Memory, Share};
use super::secrets::{Refusal, Secrets, Signature};

use crate::lock::lock;
use crate::memory_limit::{MemoryLimit, Work};
use crate::untold::Untold;

/// The largest payload that GitLab sends.
const LARGEST: usize = 25 << 20;
/// How many bytes of bodies may be in memory at once, of all senders together.
const MEMORY: usize = 4 * LARGEST;
/// A body up to this size is parsed in far less than a millisecond; a larger one gets its own thread.
const SMALL: usize = 256 << 10;
/// GitLab gives up after 10 s.
const PATIENCE: Duration = Duration::from_secs(10);
/// The log warns of refused webhooks at most this often.
const WARN_EVERY: Duration = Duration::from_secs(60);

/// Routes that a server can offer.
pub type Routes = Router;

/// Receives webhooks.
pub struct Receiver {
    /// What webhooks are checked against.
    pub secrets: Secrets,
    /// The names of GitLabs that may stand in the address.
    pub names: Vec<String>,
    pub take_hint: TakeHint,
    pub counts: Arc<Counts>,
    /// How much memory there is for all of the process.
    pub memory: MemoryLimit,
}

impl Receiver {
    /// The routes that webhooks arrive at.
    pub fn routes(self) -> Routes {
        /// Of the limit of memory, the part of all bodies together.
        const PART: u64 = 8;
        let memory = self.memory.part(PART, MEMORY as u64) as usize;
        let receiving = Receiving {
            receiver: self,
            memory: Memory::new(memory),
            refusals: Refusals::default(),
        };
        Router::new()
            .route("/webhook", post(receive))
            .route("/webhook/{name}", post(receive))
            .with_state(Arc::new(receiving))
    }
}

/// A receiver at work, which many requests share.
struct Receiving {
    receiver: Receiver,
    memory: Memory,
    refusals: Refusals,
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
    State(receiving): State<Arc<Receiving>>,
    name: Option<Path<String>>,
    request: Request,
) -> Response {
    let gitlab = name.map(|Path(name)| name);
    let unknown = |name: &String| !receiving.receiver.names.contains(name);
    if gitlab.as_ref().is_some_and(unknown) {
        let text = "No GitLab of that name is configured.\n";
        return (StatusCode::NOT_FOUND, text).into_response();
    }
    let titled = header(request.headers(), "x-gitlab-event").map(|title| Event::titled(&title));
    let sent_by = header(request.headers(), "x-gitlab-instance");
    let read = receiving.read(request).await.and_then(|payload| {
        let event = payload.event.or(titled);
        let event = event.ok_or(invalid("it does not say what happened"))?;
        Ok((event, payload.project))
    });
    match read {
        Ok((event, project)) => receiving.accept(Hint {
            gitlab,
            sent_by,
            project,
            event,
        }),
        Err(failure) => receiving.refuse(titled.unwrap_or(Event::Other), failure),
    }
}

impl Receiving {
    fn accept(&self, hint: Hint) -> Response {
        self.receiver.counts.note(hint.event, Outcome::Accepted);
        (self.receiver.take_hint)(hint);
        StatusCode::OK.into_response()
    }

    fn refuse(&self, event: Event, failure: Failure) -> Response {
        match failure {
            Failure::Unauthorized(refusal) => {
                self.receiver.counts.note(event, Outcome::Unauthorized);
                self.refusals.warn(refusal);
                let text = "The secret of this webhook is missing or wrong.\n";
                (StatusCode::UNAUTHORIZED, text).into_response()
            }
            Failure::Invalid(status, problem) => {
                self.receiver.counts.note(event, Outcome::Invalid);
                tracing::debug!(problem, "a webhook could not be read");
                let text = match status {
                    StatusCode::SERVICE_UNAVAILABLE => format!("Not taken: {problem}.\n"),
                    _ => format!("This is no webhook of GitLab: {problem}.\n"),
                };
                (status, text).into_response()
            }
        }
    }

    /// Checks that GitLab sent the request, and reads what it is about.
    async fn read(self: &Arc<Self>, request: Request) -> Result<Payload, Failure> {
        let secrets = &self.receiver.secrets;
        let signature = secrets.check_headers(request.headers(), SystemTime::now())?;
        if self.receiver.memory.refuses(Work::Webhook) {
            return Err(NEAR_THE_LIMIT);
        }
        // Only a token shows before the body that the sender knows the secret.
        let memory = self.memory.share(signature.is_none());
        let body = body(request.into_body(), &memory).await?;
        if body.len() <= SMALL {
            return self.parse(signature.as_ref(), &body);
        }
        let receiving = Arc::clone(self);
        let parsed =
            tokio::task::spawn_blocking(move || receiving.parse(signature.as_ref(), &body)).await;
        parsed.unwrap_or_else(|_| Err(invalid("it could not be read")))
    }

    fn parse(&self, signature: Option<&Signature>, body: &[u8]) -> Result<Payload, Failure> {
        if let Some(signature) = signature {
            self.receiver.secrets.check_body(signature, body)?;
        }
        Payload::read(body).map_err(invalid)
    }
}

/// The whole body, as long as there is memory for what comes of it.
async fn body(body: Body, memory: &Share<'_>) -> Result<Vec<u8>, Failure> {
    if body.size_hint().lower() > LARGEST as u64 {
        return Err(TOO_LARGE);
    }
    tokio::select! {
        received = timeout(PATIENCE, receive_into_memory(body, memory)) => {
            received.unwrap_or(Err(TOO_SLOW))
        }
        () = memory.gives_way() => Err(NO_MEMORY),
    }
}

async fn receive_into_memory(mut body: Body, memory: &Share<'_>) -> Result<Vec<u8>, Failure> {
    let mut received = Vec::new();
    while let Some(frame) = poll_fn(|context| Pin::new(&mut body).poll_frame(context)).await {
        let frame = frame.map_err(|_| invalid("its body ends too early"))?;
        let Ok(data) = frame.into_data() else {
            continue; // Trailers.
        };
        if received.len() + data.len() > LARGEST {
            return Err(TOO_LARGE);
        }
        if !memory.take(data.len()) {
            return Err(NO_MEMORY);
        }
        received.extend_from_slice(&data);
    }
    memory.complete();
    Ok(received)
}

const TOO_SLOW: Failure = Failure::Invalid(
    StatusCode::REQUEST_TIMEOUT,
    "its body did not arrive in time",
);

const NO_MEMORY: Failure = Failure::Invalid(
    StatusCode::SERVICE_UNAVAILABLE,
    "its body came more slowly than others and had to give way to them",
);

const NEAR_THE_LIMIT: Failure = Failure::Invalid(
    StatusCode::SERVICE_UNAVAILABLE,
    "the bridge is near limits.memory, and reads no body for now",
);

const TOO_LARGE: Failure = Failure::Invalid(
    StatusCode::PAYLOAD_TOO_LARGE,
    "GitLab's are no larger than 25 MiB",
);

fn invalid(problem: &'static str) -> Failure {
    Failure::Invalid(StatusCode::BAD_REQUEST, problem)
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Webhooks that were refused and that the log has not told of yet.
#[derive(Default)]
struct Refusals(Mutex<Untold>);

impl Refusals {
    fn warn(&self, refusal: Refusal) {
        if let Some(refused) = self.due(Instant::now()) {
            tracing::warn!(refused, last = %refusal, "webhooks were refused");
        }
    }

    /// Counts one more. Returns how many the next warning is about, if it is time for one.
    fn due(&self, now: Instant) -> Option<u64> {
        lock(&self.0).due(now, WARN_EVERY)
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hmac;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD as BASE64;

    use super::*;
    use crate::tests::fuzz::{Outcome, Target};

    const TOKEN: &str = "token-of-the-hook";
    const KEY: &[u8] = b"key-of-the-hook";

    /// A webhook as it is written: its headers, an empty line, and its body. With the header `sign` it is
    /// signed by whoever knows the key.
    fn hook(input: &[u8]) -> Request {
        let text = String::from_utf8_lossy(input);
        let (head, body) = text.split_once("\n\n").unwrap_or(("", &text));
        let mut request = Request::builder().method("POST").uri("/webhook");
        for (name, value) in head.lines().filter_map(|line| line.split_once(": ")) {
            let value = value.replace('@', TOKEN);
            let is_valid = axum::http::HeaderName::try_from(name).is_ok();
            if is_valid && axum::http::HeaderValue::from_str(&value).is_ok() {
                request = request.header(name, value);
            }
        }
        if head.lines().any(|line| line == "sign: yes") {
            let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            let now = now.unwrap().as_secs();
            let key = hmac::Key::new(hmac::HMAC_SHA256, KEY);
            let tag = hmac::sign(&key, format!("1.{now}.{body}").as_bytes());
            request = request
                .header("webhook-id", "1")
                .header("webhook-timestamp", now)
                .header("webhook-signature", format!("v1,{}", BASE64.encode(tag)));
        }
        request.body(Body::from(body.to_owned())).unwrap()
    }

    /// Only whoever knows a secret of ours is taken.
    #[test]
    fn any_webhook() {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_time().build().unwrap();
        let signing = format!("whsec_{}", BASE64.encode(KEY));
        let receiving = Arc::new(Receiving {
            receiver: Receiver {
                secrets: super::super::Secrets::build(&[TOKEN.into()], &[signing.into()]).unwrap(),
                names: vec!["main".to_owned()],
                take_hint: Arc::new(|_| ()),
                counts: Arc::default(),
                memory: MemoryLimit::default(),
            },
            memory: Memory::new(MEMORY),
            refusals: Refusals::default(),
        });
        let push = r#"{"object_kind":"push","project_id":7,"project":{"id":7}}"#;
        Target::new("webhook")
            .seeds(["X-Gitlab-Token: @", "sign: yes", "X-Gitlab-Token: wrong", "webhook-signature: v1,AAAA"].map(
                |head| format!("{head}\nX-Gitlab-Event: Push Hook\nX-Gitlab-Instance: https://a.example\n\n{push}"),
            ))
            .words(["X-Gitlab-Token: @\n", "sign: yes\n", "webhook-id: 1\n", "webhook-timestamp: 1\n"])
            .words(["webhook-signature: v1,AAAA v1a,BB\n", "\n\n", "{", "[", "\"object_attributes\":{", "\"id\":", "null"])
            .run(|input| {
                let request = hook(input);
                let header = |name: &str| request.headers().get(name).cloned();
                let has_token = header("x-gitlab-token").is_some_and(|token| token == TOKEN);
                let is_signed = header("sign").is_some_and(|word| word == "yes");
                let response = runtime.block_on(receive(State(Arc::clone(&receiving)), None, request));
                if response.status() == StatusCode::OK {
                    assert!(has_token || is_signed, "a stranger is taken");
                }
                let body = axum::body::to_bytes(response.into_body(), 1 << 20);
                let body = runtime.block_on(body).unwrap();
                let body = Outcome::from_utf8(body.to_vec()).unwrap();
                assert!(!body.contains(TOKEN), "{body}");
                body
            });
    }

    #[test]
    fn one_warning_a_minute_tells_of_all_refusals() {
        let refusals = Refusals::default();
        let start = Instant::now();
        let due: Vec<_> = [0, 1, 59, 60, 61, 300]
            .map(|seconds| refusals.due(start + Duration::from_secs(seconds)))
            .into();
        assert_eq!(due, [Some(1), None, None, Some(3), None, Some(2)]);
    }
}
