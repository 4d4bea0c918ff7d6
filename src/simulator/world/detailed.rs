//! How the details of a project are set and read, and who may know of them.

use super::counts::{Role, Viewer};
use super::details::{Details, Milestones, RepositoryCounts, Schedule, Vulnerabilities};
use super::project::Project;

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
