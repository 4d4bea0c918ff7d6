//! What is counted of a project only where somebody asks for it: branches, languages, schedules and such.

use jiff::Timestamp;

use super::counts::{Role, Viewer};
use super::project::Project;

/// Kept apart from the project, because few have any.
#[derive(Clone, Debug, Default)]
pub(crate) struct Details {
    repository: Option<RepositoryCounts>,
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

impl Project {
    /// Sets what there is in the repository. Where nothing is said there are the default branch, made by one
    /// person and protected, and a tag for each release.
    pub fn repository(&mut self, counts: RepositoryCounts) -> &mut Self {
        self.details_to_change().repository = Some(counts);
        self
    }

    pub(crate) fn repository_counts(&self) -> RepositoryCounts {
        let set = self.details().and_then(|details| details.repository);
        let branches = u64::from(!self.empty_repository);
        set.unwrap_or(RepositoryCounts {
            branches,
            tags: self.releases,
            contributors: branches,
            protected_branches: branches,
        })
    }

    pub fn milestones(&mut self, active: u64, closed: u64) -> &mut Self {
        self.details_to_change().milestones = Milestones { active, closed };
        self
    }

    /// Adds a language with its share of the code, in per cent.
    pub fn language(&mut self, name: &str, share: f64) -> &mut Self {
        let languages = &mut self.details_to_change().languages;
        languages.push((name.to_owned(), share));
        self
    }

    pub fn packages(&mut self, count: u64) -> &mut Self {
        self.packages = count;
        self
    }

    /// Sets how many repositories of containers there are.
    pub fn container_repositories(&mut self, count: u64) -> &mut Self {
        self.details_to_change().container_repositories = count;
        self
    }

    /// Adds a schedule of pipelines and returns its number.
    pub fn schedule(&mut self, mut schedule: Schedule) -> u64 {
        let id = self.id * 100 + self.details_to_change().schedules.len() as u64 + 1;
        schedule.id = id;
        self.details_to_change().schedules.push(schedule);
        id
    }

    /// The schedules, to be changed.
    pub fn schedules_mut(&mut self) -> &mut Vec<Schedule> {
        &mut self.details_to_change().schedules
    }

    pub fn vulnerabilities(&mut self, vulnerabilities: Vulnerabilities) -> &mut Self {
        self.details_to_change().vulnerabilities = vulnerabilities;
        self
    }

    pub(crate) fn shows_packages_to(&self, viewer: Viewer) -> bool {
        self.features.packages && self.shows_code_to(viewer)
    }

    pub(crate) fn shows_containers_to(&self, viewer: Viewer) -> bool {
        self.features.container_registry && self.shows_code_to(viewer)
    }

    /// Whether the viewer may know of vulnerabilities, where the licence lets anybody.
    pub(crate) fn shows_vulnerabilities_to(&self, viewer: Viewer) -> bool {
        self.role_of(viewer) >= Role::Developer
    }

    pub(crate) fn details(&self) -> Option<&Details> {
        self.details.as_deref()
    }

    fn details_to_change(&mut self) -> &mut Details {
        self.details.get_or_insert_default()
    }
}
