//! The ledger: everything that has ended, written by the events of the world and never by what serves it.
//!
//! Tests compare what a client counted with what is written here.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

/// What ended, in the order in which it did.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    entries: Vec<Entry>,
}

/// What kind of thing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Subject {
    /// Each end of a pipeline: one that is retried ends again.
    Pipeline,
    /// Each attempt of a job.
    Job,
    Deployment,
    /// Merge requests that were merged or closed.
    MergeRequest,
    /// Merge requests that a deployment was the first to bring to an environment; the duration is the time
    /// since the merge.
    Shipped,
    /// Incidents that were opened or closed; each closing of one that was reopened.
    Incident,
}

/// One end of one thing.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    pub subject: Subject,
    /// The id of its project.
    pub project: u64,
    /// The id of a pipeline, job or deployment, the iid of a merge request or an incident.
    pub key: u64,
    /// GitLab's word for how it ended, in small letters: `success`, `failed`, `merged`, `opened`.
    pub status: &'static str,
    /// When it ended, to the millisecond.
    pub at: Timestamp,
    pub duration: Option<Duration>,
    /// How long it waited before it began.
    pub queued: Option<Duration>,
    attributes: Vec<(&'static str, String)>,
}

impl Entry {
    pub(crate) fn new(
        subject: Subject,
        project: u64,
        key: u64,
        status: &'static str,
        at: Timestamp,
    ) -> Self {
        Entry {
            subject,
            project,
            key,
            status,
            at,
            duration: None,
            queued: None,
            attributes: Vec::new(),
        }
    }

    pub(crate) fn took(mut self, queued: Option<Duration>, duration: Option<Duration>) -> Self {
        (self.queued, self.duration) = (queued, duration);
        self
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }

    /// An attribute: `ref`, `ref_path`, `source` and `child` of pipelines; these and `name`, `stage`,
    /// `kind`, `pipeline` and `failure_reason` of jobs; `environment` and `tier` of deployments.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        let mut attributes = self.attributes.iter();
        let found = attributes.find(|(known, _)| *known == name);
        found.map(|(_, value)| value.as_str())
    }
}

impl Ledger {
    pub(crate) fn write(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    pub fn all(&self) -> Entries<'_> {
        Entries(self.entries.iter().collect())
    }

    pub fn pipelines(&self) -> Entries<'_> {
        self.about(Subject::Pipeline)
    }

    pub fn jobs(&self) -> Entries<'_> {
        self.about(Subject::Job)
    }

    pub fn deployments(&self) -> Entries<'_> {
        self.about(Subject::Deployment)
    }

    pub fn merge_requests(&self) -> Entries<'_> {
        self.about(Subject::MergeRequest)
    }

    pub fn shipped(&self) -> Entries<'_> {
        self.about(Subject::Shipped)
    }

    pub fn incidents(&self) -> Entries<'_> {
        self.about(Subject::Incident)
    }

    fn about(&self, subject: Subject) -> Entries<'_> {
        self.all().filtered(|entry| entry.subject == subject)
    }
}

/// Some entries of a ledger: `ledger.pipelines().of(7).since(start).status("failed").count()`.
#[derive(Clone, Debug)]
pub struct Entries<'l>(Vec<&'l Entry>);

impl<'l> Entries<'l> {
    /// Those of the project with that id.
    pub fn of(self, project: u64) -> Self {
        self.filtered(|entry| entry.project == project)
    }

    /// Those that ended then or later.
    pub fn since(self, when: Timestamp) -> Self {
        self.filtered(|entry| entry.at >= when)
    }

    /// Those that ended then or earlier.
    pub fn until(self, when: Timestamp) -> Self {
        self.filtered(|entry| entry.at <= when)
    }

    pub fn status(self, status: &str) -> Self {
        self.filtered(|entry| entry.status == status)
    }

    /// Those with that attribute.
    pub fn with(self, attribute: &str, value: &str) -> Self {
        self.filtered(|entry| entry.attribute(attribute) == Some(value))
    }

    /// Those without an attribute, such as `child`.
    pub fn without(self, attribute: &str) -> Self {
        self.filtered(|entry| entry.attribute(attribute).is_none())
    }

    /// All of them by the ids of their projects, for whoever holds many projects against the ledger.
    pub fn by_project(self) -> BTreeMap<u64, Entries<'l>> {
        let mut projects: BTreeMap<u64, Entries<'l>> = BTreeMap::new();
        for entry in self {
            let of = projects.entry(entry.project);
            of.or_insert_with(|| Entries(Vec::new())).0.push(entry);
        }
        projects
    }

    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }

    pub fn iter(&self) -> impl Iterator<Item = &'l Entry> {
        self.0.iter().copied()
    }

    fn filtered(mut self, keep: impl Fn(&Entry) -> bool) -> Self {
        self.0.retain(|entry| keep(entry));
        self
    }
}

impl<'l> IntoIterator for Entries<'l> {
    type Item = &'l Entry;
    type IntoIter = std::vec::IntoIter<&'l Entry>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}
