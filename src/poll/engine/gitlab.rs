//! What this GitLab can do and bear, and whether GraphQL can be used.

use std::sync::Arc;
use std::time::Duration;

use super::moment::Moment;
use super::poll::Poll;
use super::request::{Kind, Request};
use super::{Engine, Next, Notice, Sent, advice};
use crate::gitlab::Error;
use crate::metrics::EnabledMetrics;
use crate::poll::capacity::Capacity;
use crate::poll::plan::{Capabilities, Plan};

/// How long GitLab's fields are taken to be the same.
const PROBE_INTERVAL: Duration = Duration::from_secs(3600);
/// How soon a GraphQL that could not be used is tried again: REST costs many requests more.
const BLOCKED_INTERVAL: Duration = Duration::from_secs(300);
/// One page of a proxy does not show that GraphQL is blocked: it is asked once more after this.
const SECOND_LOOK: Duration = Duration::from_secs(2);
/// So often in a row all of GraphQL is refused before it is asked again what it can do.
const BLOCKED: u32 = 2;
/// So often in a row single parts are refused, with nothing answered in between, before REST is used.
const REFUSED: u32 = 8;

/// What this GitLab can do and bear.
#[derive(Debug)]
pub struct GitLab {
    pub capabilities: Capabilities,
    pub plan: Arc<Plan>,
    pub capacity: Capacity,
    /// Whether GraphQL is used: it answers, and tells what the filter needs.
    pub graphql: bool,
    /// When it is asked what it can do: at once if none. The time of the second look after a refusal.
    due: Option<Moment>,
    doubted: bool,
    /// Whether the answer is waited for before anything else is asked.
    unknown: bool,
    asking: bool,
}

impl GitLab {
    pub fn new(enabled: &EnabledMetrics) -> GitLab {
        let capabilities = Capabilities::default();
        GitLab {
            plan: Arc::new(Plan::new(enabled, &capabilities)),
            capabilities,
            capacity: Capacity::new(),
            graphql: true,
            due: None,
            doubted: false,
            unknown: true,
            asking: false,
        }
    }

    /// Before a poll: what GitLab can do is asked first, if that is due.
    pub fn plan_probe(&mut self, now: Moment) {
        self.asking = false;
        if self.graphql && self.due.is_none_or(|due| due <= now) {
            self.unknown = true;
        }
    }

    /// Whether it is known how GitLab is to be asked.
    pub fn is_ready(&self) -> bool {
        !self.unknown
    }

    /// Asks at once, before anything else, what GitLab can do.
    fn doubt(&mut self) {
        if !self.asking {
            self.due = None;
            self.unknown = true;
        }
    }

    /// Notes a field that was refused. False if that was known already.
    pub fn lose(&mut self, keys: Vec<String>, enabled: &EnabledMetrics) -> bool {
        let lost = self.capabilities.lose(keys);
        self.plan = Arc::new(Plan::new(enabled, &self.capabilities));
        lost
    }

    /// The same of a root field.
    pub fn lose_root(&mut self, keys: Vec<String>, enabled: &EnabledMetrics) -> bool {
        let lost = self.capabilities.lose_root(keys);
        self.plan = Arc::new(Plan::new(enabled, &self.capabilities));
        lost
    }

    fn know(&mut self, capabilities: Capabilities, enabled: &EnabledMetrics) {
        self.plan = Arc::new(Plan::new(enabled, &capabilities));
        self.capabilities = capabilities;
    }
}

impl Engine {
    /// Asks what GitLab can do, once in a while; more often as long as GraphQL can't be used.
    pub(super) fn ask_probe(&mut self, poll: &mut Poll, now: Moment, next: &mut Next) {
        if self.gitlab.asking {
            return;
        }
        match self.gitlab.due.filter(|due| now < *due) {
            Some(due) if self.gitlab.unknown => next.again = Some(due),
            Some(_) => {}
            None if self.free() == 0 => {}
            None => {
                self.gitlab.asking = true;
                self.send(poll, now, next, Request::Probe, Kind::Probe, Sent::Probe);
            }
        }
    }

    pub(super) fn probed(
        &mut self,
        poll: &mut Poll,
        answer: Result<Capabilities, Error>,
        now: Moment,
    ) {
        self.gitlab.asking = false;
        let before = self.gitlab.graphql;
        let (graphql, interval) = match judge(answer, self.filter.forks) {
            Verdict::Graphql(capabilities) => {
                self.gitlab.know(*capabilities, &self.enabled);
                (true, PROBE_INTERVAL)
            }
            Verdict::LacksForks(capabilities) => {
                if before {
                    self.notices.push(Notice::ForksUntold);
                }
                self.gitlab.know(*capabilities, &self.enabled);
                (false, PROBE_INTERVAL)
            }
            Verdict::Rest(error) => {
                let again = is_blocked(&error) && before && !self.gitlab.doubted;
                if again {
                    self.gitlab.doubted = true;
                    self.gitlab.due = Some(now + SECOND_LOOK);
                    return;
                }
                if before {
                    let error = advice(&"asking GraphQL what GitLab can do", &error);
                    self.notices.push(Notice::GraphqlBlocked { error });
                }
                (false, BLOCKED_INTERVAL)
            }
            Verdict::Unknown(error) => {
                if self.waits(poll, &error, now) {
                    return;
                }
                if self.gitlab.unknown {
                    let what = "asking GitLab what it can do".to_owned();
                    poll.fail(what, error);
                    return poll.stop();
                }
                (before, BLOCKED_INTERVAL)
            }
        };
        (self.gitlab.unknown, self.gitlab.doubted) = (false, false);
        (poll.blocked, poll.refused) = (0, 0);
        self.gitlab.due = Some(now + interval);
        self.schedule.try_all();
        self.use_graphql(poll, graphql);
    }

    /// Changes over between GraphQL and REST, in the middle of a poll if need be.
    fn use_graphql(&mut self, poll: &mut Poll, graphql: bool) {
        let before = std::mem::replace(&mut self.gitlab.graphql, graphql);
        if before == graphql {
            return;
        }
        for index in std::mem::take(&mut poll.named).into_keys() {
            poll.lists[index].sweeping = false;
        }
        if graphql {
            self.notices.push(Notice::GraphqlBack);
            // It tells in one request what REST tells in hundreds.
            for id in std::mem::take(&mut self.open).into_keys() {
                self.schedule.want_again(poll, id);
            }
            poll.open.clear();
            for id in std::mem::take(&mut poll.rest_reads) {
                poll.reads.push_back(id);
            }
        } else {
            poll.again.clear();
        }
    }

    /// All of GraphQL was refused. If it is again, it is asked what it can do: that decides.
    pub(super) fn note_blocked(&mut self, poll: &mut Poll) {
        poll.blocked += 1;
        if poll.blocked >= BLOCKED {
            poll.blocked = 0;
            self.gitlab.doubt();
        }
    }

    /// A part of a request was refused. If nothing else is answered either, REST is used for a while.
    pub(super) fn note_refused(&mut self, poll: &mut Poll, error: &Error, now: Moment) {
        poll.refused += 1;
        if poll.refused >= REFUSED && self.gitlab.graphql {
            let error = advice(&"asking GraphQL about projects", error);
            self.notices.push(Notice::GraphqlBlocked { error });
            self.gitlab.due = Some(now + BLOCKED_INTERVAL);
            self.use_graphql(poll, false);
        }
    }
}

/// What the answer to the probe means.
pub enum Verdict {
    /// GraphQL can be used.
    Graphql(Box<Capabilities>),
    /// It answers, and does not tell which projects are forks, which the filter needs to know.
    LacksForks(Box<Capabilities>),
    /// It can't be used, and REST may do.
    Rest(Error),
    /// GitLab could not be asked.
    Unknown(Error),
}

/// Judges the answer to the probe. `forks` tells whether forks are taken like all others.
pub fn judge(answer: Result<Capabilities, Error>, forks: bool) -> Verdict {
    let capabilities = match answer {
        Ok(capabilities) => capabilities,
        // Introspection is refused: what it lacks will show when it is asked.
        Err(Error::Graphql { .. }) if forks => Capabilities::default(),
        Err(Error::Graphql { .. }) => {
            return Verdict::LacksForks(Box::default());
        }
        Err(error) if is_blocked(&error) || is_broken(&error) => return Verdict::Rest(error),
        Err(error) => return Verdict::Unknown(error),
    };
    match forks || capabilities.has("isForked") {
        true => Verdict::Graphql(Box::new(capabilities)),
        false => Verdict::LacksForks(Box::new(capabilities)),
    }
}

/// Whether something between us and GitLab, or GitLab itself, keeps the API from us.
pub fn is_blocked(error: &Error) -> bool {
    matches!(
        error,
        Error::NotFound { .. }
            | Error::Forbidden { .. }
            | Error::Refused { .. }
            | Error::NotGitLab { .. }
            | Error::NotUnderstood { .. }
            | Error::NotJson { .. }
    )
}

/// Whether GitLab fails at answering: REST may do better.
pub fn is_broken(error: &Error) -> bool {
    matches!(error, Error::Server { .. })
}
