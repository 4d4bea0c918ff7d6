//! What is counted of a project only where somebody asks for it: branches, languages, schedules and such.

use jiff::Timestamp;

/// Kept apart from the project, because few have any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Details {
    pub(super) repository: Option<RepositoryCounts>,
    pub(crate) milestones: Milestones,
    pub(crate) languages: Vec<(String, f64)>,
    pub(crate) container_repositories: u64,
    pub(crate) schedules: Vec<Schedule>,
    pub(crate) vulnerabilities: Vulnerabilities,
}

/// What there is in a repository.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepositoryCounts {
    pub branches: u64,
    pub tags: u64,
    pub contributors: u64,
    pub protected_branches: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Milestones {
    pub active: u64,
    pub closed: u64,
}

/// A schedule by which pipelines are started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Given when it is added.
    pub id: u64,
    pub description: String,
    pub active: bool,
    pub next_run_at: Option<Timestamp>,
}

impl Schedule {
    pub fn active(description: &str, next_run_at: Timestamp) -> Self {
        Schedule {
            id: 0,
            description: description.to_owned(),
            active: true,
            next_run_at: Some(next_run_at),
        }
    }

    /// One that starts nothing. GitLab goes on to tell when it would have.
    pub fn inactive(mut self) -> Self {
        self.active = false;
        self
    }
}

/// Vulnerabilities by severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Severities {
    pub critical: u64,
    pub high: u64,
    pub medium: u64,
    pub low: u64,
    pub info: u64,
    pub unknown: u64,
}

/// Vulnerabilities by what became of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Vulnerabilities {
    pub detected: Severities,
    pub confirmed: Severities,
    pub dismissed: Severities,
    pub resolved: Severities,
}

impl Severities {
    pub(crate) fn plus(self, other: Severities) -> Severities {
        Severities {
            critical: self.critical + other.critical,
            high: self.high + other.high,
            medium: self.medium + other.medium,
            low: self.low + other.low,
            info: self.info + other.info,
            unknown: self.unknown + other.unknown,
        }
    }
}

impl Vulnerabilities {
    /// Those in these states, in GraphQL's words; all of them where none is named.
    pub(crate) fn in_states(self, states: Option<&[String]>) -> Severities {
        let all = [
            ("DETECTED", self.detected),
            ("CONFIRMED", self.confirmed),
            ("DISMISSED", self.dismissed),
            ("RESOLVED", self.resolved),
        ];
        let wanted = all.into_iter().filter(|(word, _)| {
            states.is_none_or(|states| states.iter().any(|state| state == word))
        });
        wanted.fold(Severities::default(), |sum, (_, next)| sum.plus(next))
    }
}
