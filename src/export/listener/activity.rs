//! What a connection does, how long it may go on so, and whether it may be closed for another one.
//! No I/O, and the time is told.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use hyper::Version;
use tokio::time::Instant;

use crate::lock::lock;

/// How long the head of a request may take, a TLS handshake before it included.
const HEAD: Duration = Duration::from_secs(10);
/// How long a connection may wait for its next request: longer than people let pass between scrapes.
const IDLE: Duration = Duration::from_secs(5 * 60);
/// How long a client may take no byte of its answer.
const STALL: Duration = Duration::from_secs(30);
/// How long a request may take from its head to the last byte of its answer.
const WHOLE: Duration = Duration::from_secs(5 * 60);
/// Whoever comes gets so long to say what it wants before another one may take its place.
const GRACE: Duration = Duration::from_millis(250);
/// So long a body is waited for before its connection may be closed for another one.
const SLOW_BODY: Duration = Duration::from_secs(1);
/// So long a client may take nothing of its answer before its connection may be closed for another one.
const SLOW_READER: Duration = Duration::from_secs(2);

/// What one connection does.
pub struct Activity(Mutex<State>);

struct State {
    /// Since when it waits for a request: since it was opened, or since the end of its last answer.
    waits_since: Instant,
    /// Since when the head of a request comes in, if one does.
    head_since: Option<Instant>,
    /// Whether we have begun to look at what it says: before, it is not the client that is late.
    attended: bool,
    /// Whether more than the head of a request comes in at any time, which tells nothing about the next.
    http2: bool,
    /// When bytes were taken last.
    written: Instant,
    /// Since when the system takes no more bytes, if it does not.
    blocked_since: Option<Instant>,
    /// The requests that are being answered, the oldest first.
    requests: Vec<Request>,
    next: u64,
}

struct Request {
    number: u64,
    began: Instant,
    /// Whether its body has come as a whole.
    received: bool,
}

/// How little is lost if a connection is closed for another one; the least first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Worth {
    /// A head that does not come.
    Head,
    /// Nothing is asked at the moment.
    Idle,
    /// A body that does not come.
    Body,
    /// An answer that is not taken.
    Answer,
}

impl Activity {
    /// A connection that is opened now.
    pub fn opened(now: Instant) -> Activity {
        Activity(Mutex::new(State {
            waits_since: now,
            head_since: Some(now),
            attended: false,
            http2: false,
            written: now,
            blocked_since: None,
            requests: Vec::new(),
            next: 0,
        }))
    }

    /// What the client says is looked at from now on.
    pub fn attended(&self, now: Instant) {
        let mut state = self.state();
        state.attended = true;
        state.head_since = Some(now);
    }

    /// The client has sent something.
    pub fn read(&self, now: Instant) {
        let mut state = self.state();
        if state.requests.is_empty() && !state.http2 {
            state.head_since.get_or_insert(now);
        }
    }

    /// The client, or the system for it, has taken something.
    pub fn wrote(&self, now: Instant) {
        let mut state = self.state();
        state.written = now;
        state.blocked_since = None;
    }

    /// The system takes nothing more for the client.
    pub fn blocked(&self, now: Instant) {
        self.state().blocked_since.get_or_insert(now);
    }

    /// The head of a request is there. It lasts until what is returned is dropped.
    pub fn begin(self: &Arc<Self>, version: Version, now: Instant) -> Arc<Begun> {
        let mut state = self.state();
        let number = state.next;
        state.next += 1;
        state.http2 |= version == Version::HTTP_2;
        state.head_since = None;
        state.requests.push(Request {
            number,
            began: now,
            received: false,
        });
        drop(state);
        Arc::new(Begun {
            number,
            activity: Arc::clone(self),
        })
    }

    /// When it will have taken too long, if nothing happens until then.
    pub fn deadline(&self) -> Instant {
        let state = self.state();
        let waits = match (state.requests.first(), state.head_since) {
            (Some(oldest), _) if state.waits_for_client(oldest) => {
                let stalled = oldest.began.max(state.written) + STALL;
                stalled.min(oldest.began + WHOLE)
            }
            (Some(oldest), _) => oldest.began + WHOLE,
            (None, Some(head)) => head + HEAD,
            (None, None) => state.waits_since + IDLE,
        };
        let blocked = state.blocked_since.map(|since| since + STALL);
        blocked.map_or(waits, |blocked| blocked.min(waits))
    }

    /// What is lost if it is closed for another one, and since when that is all; none if it must not be.
    pub fn worth(&self, now: Instant) -> Option<(Worth, Instant)> {
        let state = self.state();
        if !state.attended {
            return None;
        }
        let (worth, since, patience) = match (state.requests.first(), state.head_since) {
            (Some(oldest), _) if !oldest.received => (Worth::Body, oldest.began, SLOW_BODY),
            (Some(oldest), _) if state.waits_for_client(oldest) => {
                let since = oldest.began.max(state.written);
                (Worth::Answer, since, SLOW_READER)
            }
            // We are slow ourselves: many ask at once.
            (Some(_), _) => return None,
            (None, _) if state.blocked_since.is_some() => {
                (Worth::Answer, state.written, SLOW_READER)
            }
            (None, Some(head)) => (Worth::Head, head, GRACE),
            (None, None) => (Worth::Idle, state.waits_since, GRACE),
        };
        (now >= since + patience).then_some((worth, since))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.0)
    }
}

impl State {
    /// Whether it is the client that a request waits for. In HTTP/2 a client that takes nothing looks as if
    /// there were nothing to take.
    fn waits_for_client(&self, request: &Request) -> bool {
        !request.received || self.http2 || self.blocked_since.is_some()
    }
}

/// A request that is being answered.
pub struct Begun {
    number: u64,
    activity: Arc<Activity>,
}

impl Begun {
    /// Its body has come as a whole.
    pub fn received(&self) {
        let mut state = self.activity.state();
        let mut requests = state.requests.iter_mut();
        if let Some(request) = requests.find(|request| request.number == self.number) {
            request.received = true;
        }
    }
}

impl Drop for Begun {
    fn drop(&mut self) {
        let mut state = self.activity.state();
        state
            .requests
            .retain(|request| request.number != self.number);
        if state.requests.is_empty() {
            state.waits_since = Instant::now();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn each_thing_a_connection_does_has_its_own_patience() {
        let start = Instant::now();
        let activity = Arc::new(Activity::opened(start));
        assert_eq!(activity.deadline(), start + HEAD);
        activity.read(start + SECOND); // More of a head is not a new head.
        assert_eq!(activity.deadline(), start + HEAD);

        let begun = activity.begin(Version::HTTP_11, start + 2 * SECOND);
        assert_eq!(activity.deadline(), start + 2 * SECOND + STALL);
        begun.received(); // It is not the client that is waited for.
        assert_eq!(activity.deadline(), start + 2 * SECOND + WHOLE);
        activity.wrote(start + 9 * SECOND);
        activity.blocked(start + 9 * SECOND);
        assert_eq!(activity.deadline(), start + 9 * SECOND + STALL);
        activity.wrote(start + WHOLE);
        activity.blocked(start + WHOLE);
        assert_eq!(activity.deadline(), start + 2 * SECOND + WHOLE);
        activity.wrote(start + WHOLE);
        drop(begun);

        assert_eq!(activity.deadline(), start + IDLE);
        activity.blocked(start + 4 * SECOND); // The end of the answer is still on its way.
        assert_eq!(activity.deadline(), start + 4 * SECOND + STALL);
        activity.wrote(start + 5 * SECOND);
        assert_eq!(activity.deadline(), start + IDLE);
        activity.read(start + 6 * SECOND);
        assert_eq!(activity.deadline(), start + 6 * SECOND + HEAD);
    }

    #[tokio::test(start_paused = true)]
    async fn what_http2_sends_between_requests_is_no_head() {
        let start = Instant::now();
        let activity = Arc::new(Activity::opened(start));
        drop(activity.begin(Version::HTTP_2, start));
        activity.read(start + SECOND);
        assert_eq!(activity.deadline(), start + IDLE);
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_nothing_goes_before_what_is_slow_and_what_works_stays() {
        let start = Instant::now();
        let activity = Arc::new(Activity::opened(start));
        assert_eq!(
            activity.worth(start + SLOW_READER),
            None,
            "nobody has looked"
        );
        activity.attended(start);
        assert_eq!(activity.worth(start), None);
        let later = start + SLOW_READER;
        assert_eq!(activity.worth(later), Some((Worth::Head, start)));

        let begun = activity.begin(Version::HTTP_11, start);
        assert_eq!(activity.worth(later), Some((Worth::Body, start)));
        begun.received();
        assert_eq!(activity.worth(later), None, "it waits for us");
        activity.blocked(start);
        assert_eq!(activity.worth(later), Some((Worth::Answer, start)));
        activity.wrote(later);
        assert_eq!(activity.worth(later), None);
        drop(begun);
        assert_eq!(activity.worth(later), Some((Worth::Idle, start)));
        assert!(Worth::Head < Worth::Idle && Worth::Idle < Worth::Body);
        assert!(Worth::Body < Worth::Answer);
    }
}
