//! The runners of an instance, its groups and its projects.

use jiff::{SignedDuration, Timestamp};

use super::version::Version;

/// A runner that contacted GitLab within this time is online.
const ONLINE: SignedDuration = SignedDuration::from_hours(2);
/// One that has not for so long is stale.
const STALE: SignedDuration = SignedDuration::from_hours(7 * 24);
/// The same in old versions: three months.
const STALE_BEFORE: SignedDuration = SignedDuration::from_hours(91 * 24);

/// A runner. Every method sets one thing, and can be chained.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runner {
    pub id: u64,
    pub description: String,
    pub(crate) scope: RunnerScope,
    pub paused: bool,
    pub locked: bool,
    pub run_untagged: bool,
    pub tags: Vec<String>,
    pub created_at: Timestamp,
    pub(crate) contact: Contact,
    /// The versions of the machines that share its registration.
    pub managers: Vec<String>,
    /// Whether it runs a job now.
    pub busy: bool,
    /// How many jobs it has run.
    pub jobs: u64,
}

/// Whose jobs a runner takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RunnerScope {
    Instance,
    /// Those of a group and of the groups below it.
    Group(u64),
    Projects(Vec<u64>),
}

/// When a runner was last heard of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Contact {
    Never,
    Last(Timestamp),
    /// It asks for jobs all the time.
    Always,
}

impl Runner {
    pub fn tags(&mut self, tags: &[&str]) -> &mut Self {
        self.tags = tags.iter().map(|&tag| tag.to_owned()).collect();
        self
    }

    pub fn paused(&mut self, paused: bool) -> &mut Self {
        self.paused = paused;
        self
    }

    pub fn created_at(&mut self, when: Timestamp) -> &mut Self {
        self.created_at = when;
        self
    }

    /// It was last heard of then; all the time, when nothing is said.
    pub fn contacted_at(&mut self, when: Timestamp) -> &mut Self {
        self.contact = Contact::Last(when);
        self
    }

    pub fn never_contacted(&mut self) -> &mut Self {
        self.contact = Contact::Never;
        self
    }

    /// Sets the machines that share its registration, by their versions.
    pub fn managers(&mut self, versions: &[&str]) -> &mut Self {
        self.managers = versions.iter().map(|&version| version.to_owned()).collect();
        self
    }

    pub fn busy(&mut self, busy: bool) -> &mut Self {
        self.busy = busy;
        self
    }

    pub fn jobs(&mut self, count: u64) -> &mut Self {
        self.jobs = count;
        self
    }

    pub(crate) fn kind(&self) -> &'static str {
        match self.scope {
            RunnerScope::Instance => "INSTANCE_TYPE",
            RunnerScope::Group(_) => "GROUP_TYPE",
            RunnerScope::Projects(_) => "PROJECT_TYPE",
        }
    }

    /// When it was last heard of, as fresh as GitLab's cache has it.
    pub(crate) fn last_contact(&self, now: Timestamp) -> Option<Timestamp> {
        match self.contact {
            Contact::Never => None,
            Contact::Last(when) => Some(when),
            Contact::Always => Some(now),
        }
    }

    pub(crate) fn status(&self, now: Timestamp, version: Version) -> &'static str {
        let contact = self.last_contact(now);
        let stale_after = match version < Version::V18_4 {
            true => STALE_BEFORE,
            false => STALE,
        };
        let heard = contact.unwrap_or(self.created_at).max(self.created_at);
        match contact {
            _ if now.duration_since(heard) > stale_after => "STALE",
            None => "NEVER_CONTACTED",
            Some(contact) if now.duration_since(contact) <= ONLINE => "ONLINE",
            Some(_) => "OFFLINE",
        }
    }
}

/// Which runners of a group a list holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RunnerMembership {
    Direct,
    /// Of its groups and projects, too.
    Descendants,
    /// Of its groups and projects, of the groups above it and of the instance, too.
    AllAvailable,
    /// Those that it may use: its own, and those of the groups above it and of the instance.
    Usable,
}
