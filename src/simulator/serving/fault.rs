//! Things that go wrong on purpose, one request at a time.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::record::Request;
use crate::simulator::answer::{Answer, Dialect};

/// A fault, and the requests it hits.
///
/// `Fault::on("/api/graphql").times(2).status(503)` refuses the next two queries.
/// Say which requests first and what happens last.
#[derive(Clone, Debug)]
pub struct Fault {
    path: Option<String>,
    operation: Option<String>,
    containing: Option<String>,
    when: Option<Condition>,
    spared: usize,
    times: usize,
    pub(super) effect: Effect,
}

/// Decides whether a request is hit.
#[derive(Clone)]
struct Condition(Arc<dyn Fn(&Request) -> bool + Send + Sync>);

/// What happens to a request.
#[derive(Clone)]
pub(super) enum Effect {
    /// Something else is answered, in the words of the interface that was asked.
    Replace(Arc<Replacement>),
    /// The right answer is changed before it is sent.
    Tamper(Arc<Tampering>),
    /// GraphQL's answer with some fields timed out: null, and an error for each. The seed decides which.
    LoseFields(u64),
    Truncate,
    Drip(Duration),
    Delay(Duration),
    Reset,
    Hang,
}

pub(super) type Replacement = dyn Fn(Dialect) -> Answer + Send + Sync;
pub(super) type Tampering = dyn Fn(&Request, &mut Answer) + Send + Sync;

impl fmt::Debug for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Condition")
    }
}

impl fmt::Debug for Effect {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Effect")
    }
}

/// Says which requests a fault hits; a method that names what happens completes it.
#[derive(Clone, Debug)]
pub struct FaultBuilder(Fault);

impl Fault {
    /// A fault of the requests whose path starts so, not counting the sub-path of the instance.
    pub fn on(path: &str) -> FaultBuilder {
        let mut builder = Fault::anywhere();
        builder.0.path = Some(path.to_owned());
        builder
    }

    /// A fault of the GraphQL operation of that name.
    pub fn operation(name: &str) -> FaultBuilder {
        let mut builder = Fault::anywhere();
        builder.0.operation = Some(name.to_owned());
        builder
    }

    /// A fault of whatever is asked next.
    pub fn anywhere() -> FaultBuilder {
        FaultBuilder(Fault {
            path: None,
            operation: None,
            containing: None,
            when: None,
            spared: 0,
            times: 1,
            effect: Effect::Hang,
        })
    }

    fn hits(&self, path: &str, body: &str, request: &Request) -> bool {
        let starts = |prefix: &String| path.starts_with(prefix.as_str());
        let named = |name: &String| request.operation.as_deref() == Some(name.as_str());
        let holds = |text: &String| body.contains(text.as_str());
        self.path.as_ref().is_none_or(starts)
            && self.operation.as_ref().is_none_or(named)
            && self.containing.as_ref().is_none_or(holds)
            && self.when.as_ref().is_none_or(|when| (when.0)(request))
    }
}

impl FaultBuilder {
    /// Only requests whose body holds this text, such as a project's global id.
    pub fn containing(mut self, text: &str) -> Self {
        self.0.containing = Some(text.to_owned());
        self
    }

    /// Only requests of which this is true: `.when(|request| request.parameter("page").is_some())`.
    pub fn when(mut self, condition: impl Fn(&Request) -> bool + Send + Sync + 'static) -> Self {
        self.0.when = Some(Condition(Arc::new(condition)));
        self
    }

    /// Spares the first `requests` that would be hit.
    pub fn after(mut self, requests: usize) -> Self {
        self.0.spared = requests;
        self
    }

    /// Hits so many requests; one, when nothing is said.
    pub fn times(mut self, requests: usize) -> Self {
        self.0.times = requests;
        self
    }

    /// Hits every such request until the faults are cleared.
    pub fn always(self) -> Self {
        self.times(usize::MAX)
    }

    /// Answers that status, with GitLab's body for it.
    pub fn status(self, status: u16) -> Fault {
        self.replace(move |dialect| Answer::for_status(status, dialect))
    }

    /// Answers 429 as the global rate limit does: plain text, and when to come back.
    pub fn retry_later(self, retry_after: Duration) -> Fault {
        self.replace(move |_| Answer::retry_later(seconds(retry_after)))
    }

    /// Answers 429 as the limit of a single endpoint does: JSON, without a time to come back.
    pub fn requested_too_often(self) -> Fault {
        self.replace(|_| Answer::requested_too_often())
    }

    /// Answers 503 and when to come back, as GitLab does when Gitaly is exhausted.
    pub fn unavailable(self, retry_after: Duration) -> Fault {
        self.replace(move |dialect| Answer::unavailable(seconds(retry_after), dialect))
    }

    /// Answers 403 with a page of the CDN in front of gitlab.com.
    pub fn stopped_at_the_edge(self) -> Fault {
        let page = "<!DOCTYPE html>\n<html>\n<head><title>Attention Required! | Cloudflare</title></head>\n\
                    <body><h1>Sorry, you have been blocked</h1></body>\n</html>\n";
        self.body(403, "text/html; charset=UTF-8", page)
    }

    /// Answers 200 with a GraphQL error and no data.
    pub fn errors_only(self, message: &str) -> Fault {
        let message = message.to_owned();
        self.replace(move |_| Answer::graphql_error(200, &message))
    }

    /// Answers a GraphQL query but for some fields of some projects, which time out; REST is whole.
    ///
    /// The seed decides which.
    pub fn loses_fields(self, seed: u64) -> Fault {
        self.with(Effect::LoseFields(seed))
    }

    /// Answers as a proxy in front of GitLab might: any status and body.
    pub fn body(self, status: u16, content_type: &'static str, body: &str) -> Fault {
        let body = body.as_bytes().to_vec();
        self.replace(move |_| Answer::of(status, content_type, body.clone()))
    }

    /// Answers 200 with a sign-in page.
    pub fn login_page(self) -> Fault {
        self.replace(|_| Answer::login_page())
    }

    /// Answers 200 with something that begins like JSON.
    pub fn invalid_json(self) -> Fault {
        let begun = r#"{"data": {"projects": {"nodes": [{"id": nil"#;
        self.body(200, "application/json", begun)
    }

    /// Promises the whole answer and closes the connection in its middle.
    pub fn truncated(self) -> Fault {
        self.with(Effect::Truncate)
    }

    /// Resets the connection instead of answering.
    pub fn reset(self) -> Fault {
        self.with(Effect::Reset)
    }

    /// Never answers.
    pub fn hang(self) -> Fault {
        self.with(Effect::Hang)
    }

    /// Answers rightly, but a few bytes at a time with `pause` between them.
    pub fn drip(self, pause: Duration) -> Fault {
        self.with(Effect::Drip(pause))
    }

    /// Answers rightly, but late.
    pub fn delay(self, delay: Duration) -> Fault {
        self.with(Effect::Delay(delay))
    }

    /// Lets GitLab answer, and sends what `change` makes of the answer.
    pub fn tamper(self, change: impl Fn(&Request, &mut Answer) + Send + Sync + 'static) -> Fault {
        self.with(Effect::Tamper(Arc::new(change)))
    }

    fn replace(self, answer: impl Fn(Dialect) -> Answer + Send + Sync + 'static) -> Fault {
        self.with(Effect::Replace(Arc::new(answer)))
    }

    fn with(self, effect: Effect) -> Fault {
        Fault { effect, ..self.0 }
    }
}

/// The faults that have not yet hit all their requests, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Queue(VecDeque<Fault>);

impl Queue {
    pub(super) fn add(&mut self, fault: Fault) {
        self.0.push_back(fault);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// What happens to this request. The oldest fault that hits it counts, and it alone.
    pub(super) fn effect_on(
        &mut self,
        path: &str,
        body: &str,
        request: &Request,
    ) -> Option<Effect> {
        let hit = |fault: &Fault| fault.hits(path, body, request);
        let index = self.0.iter().position(hit)?;
        let fault = &mut self.0[index];
        if fault.spared > 0 {
            fault.spared -= 1;
            return None;
        }
        let effect = fault.effect.clone();
        fault.times = fault.times.saturating_sub(1);
        if fault.times == 0 {
            self.0.remove(index);
        }
        Some(effect)
    }
}

fn seconds(wait: Duration) -> u64 {
    wait.as_secs_f64().ceil() as u64
}
