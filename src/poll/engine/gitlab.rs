//! What this GitLab can do and bear, and whether GraphQL can be used.

use std::sync::Arc;

use super::errors::{is_blocked, is_broken};
use super::moment::Moment;
use super::request::RequestId;
use super::unknown::Unknown;
use crate::gitlab::Error;
use crate::metrics::EnabledMetrics;
use crate::poll::capacity::Capacity;
use crate::poll::plan::{Capabilities, Plan};

/// What this GitLab can do and bear.
#[derive(Debug)]
pub struct GitLab {
    pub capabilities: Capabilities,
    pub plan: Arc<Plan>,
    pub capacity: Capacity,
    /// Whether GraphQL is used: it answers, and tells what the filter needs.
    pub graphql: bool,
    /// When it is asked what it can do: at once if none. After a first refusal the time of the second try.
    pub due: Option<Moment>,
    pub doubted: bool,
    /// Whether the answer is waited for before anything else is asked.
    pub unknown: bool,
    pub asking: bool,
    /// Which request was answered last, and how many had been sent when a field was last found missing.
    pub answering: RequestId,
    pub learnt: RequestId,
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
            answering: 0,
            learnt: 0,
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
    pub fn doubt(&mut self) {
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

    /// Notes what an error says a type lacks, wherever it was asked for. False if nothing of it is new.
    pub fn lose_unknown(&mut self, unknown: &Unknown, enabled: &EnabledMetrics) -> bool {
        let lost = match unknown {
            Unknown::Field { kind, field } => self.capabilities.lose_of(kind, field),
            Unknown::Argument { field, argument } => {
                self.capabilities.lose_argument(field, argument)
            }
        };
        self.plan = Arc::new(Plan::new(enabled, &self.capabilities));
        lost
    }

    pub fn know(&mut self, capabilities: Capabilities, enabled: &EnabledMetrics) {
        self.plan = Arc::new(Plan::new(enabled, &capabilities));
        self.capabilities = capabilities;
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
