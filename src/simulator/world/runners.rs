//! The runners of an instance, its groups and its projects.

use jiff::{SignedDuration, Timestamp};

use super::World;
use super::counts::{Role, Viewer};
use super::project::Project;
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

impl World {
    /// Adds a runner of the instance, or changes it.
    pub fn runner(&mut self, description: &str) -> &mut Runner {
        self.runner_of(description, RunnerScope::Instance)
    }

    /// Adds a runner of a group, or changes it.
    pub fn group_runner(&mut self, group: &str, description: &str) -> &mut Runner {
        self.group(group);
        let id = self.group_id(group).unwrap_or_default();
        self.runner_of(description, RunnerScope::Group(id))
    }

    /// Adds a runner of a project, or changes it.
    pub fn project_runner(&mut self, project: &str, description: &str) -> &mut Runner {
        let id = self.project(project).id;
        self.runner_of(description, RunnerScope::Projects(vec![id]))
    }

    pub fn remove_runner(&mut self, description: &str) {
        self.runners
            .retain(|runner| runner.description != description);
    }

    /// The runners in the order of their ids.
    pub fn runners(&self) -> &[Runner] {
        &self.runners
    }

    fn runner_of(&mut self, description: &str, scope: RunnerScope) -> &mut Runner {
        let mut known = self.runners.iter();
        let known = known.position(|runner| runner.description == description);
        let at = known.unwrap_or(self.runners.len());
        if known.is_none() {
            self.last_runner += 1;
            self.runners.push(Runner {
                id: self.last_runner,
                description: description.to_owned(),
                scope,
                paused: false,
                locked: false,
                run_untagged: true,
                tags: Vec::new(),
                created_at: self.now(),
                contact: Contact::Always,
                managers: vec!["18.8.0".to_owned()],
                busy: false,
                jobs: 0,
            });
        }
        &mut self.runners[at]
    }

    /// Lets the runners take and finish jobs, at random.
    pub(crate) fn work(&mut self, random: &mut fastrand::Rng) {
        let (now, version) = (self.now(), self.profile.version);
        for runner in &mut self.runners {
            let works = !runner.paused && runner.status(now, version) == "ONLINE";
            runner.busy = works && random.bool();
            runner.jobs += u64::from(runner.busy);
        }
    }

    /// The runners of a group.
    pub(crate) fn runners_of_group(
        &self,
        full_path: &str,
        membership: RunnerMembership,
    ) -> Vec<&Runner> {
        let id = self.group_id(full_path).unwrap_or_default();
        let below = self.namespaces.below(full_path, true);
        let below: Vec<u64> = below.map(|(_, group)| group.id).collect();
        let above = full_path
            .match_indices('/')
            .map(|(end, _)| &full_path[..end]);
        let above: Vec<u64> = above.filter_map(|path| self.group_id(path)).collect();
        let in_group = |project: &u64| {
            let project = self.project_by_id(*project);
            let rest = project.and_then(|project| project.full_path.strip_prefix(full_path));
            rest.is_some_and(|rest| rest.starts_with('/'))
        };
        let belongs = |runner: &&Runner| match (&runner.scope, membership) {
            (RunnerScope::Group(group), _) if *group == id => true,
            (_, RunnerMembership::Direct) => false,
            (RunnerScope::Group(group), RunnerMembership::Descendants) => below.contains(group),
            (RunnerScope::Group(group), RunnerMembership::AllAvailable) => {
                below.contains(group) || above.contains(group)
            }
            (RunnerScope::Group(group), RunnerMembership::Usable) => above.contains(group),
            (RunnerScope::Projects(_), RunnerMembership::Usable) => false,
            (RunnerScope::Projects(projects), _) => projects.iter().any(in_group),
            (RunnerScope::Instance, membership) => membership != RunnerMembership::Descendants,
        };
        self.runners.iter().filter(belongs).collect()
    }

    /// The runners that take the jobs of a project, those of its groups and of the instance among them.
    pub(crate) fn runners_of_project(&self, project: &Project) -> Vec<&Runner> {
        let path = &project.full_path;
        let groups = path.match_indices('/').map(|(end, _)| &path[..end]);
        let groups: Vec<u64> = groups.filter_map(|path| self.group_id(path)).collect();
        let belongs = |runner: &&Runner| match &runner.scope {
            RunnerScope::Instance => true,
            RunnerScope::Group(group) => groups.contains(group),
            RunnerScope::Projects(projects) => projects.contains(&project.id),
        };
        self.runners.iter().filter(belongs).collect()
    }

    /// The runners that the viewer manages: of projects as a maintainer, of groups as an owner.
    pub(crate) fn own_runners(&self, viewer: Viewer) -> Vec<&Runner> {
        let groups: Vec<u64> = self
            .namespaces
            .groups()
            .filter(|(_, group)| viewer == Viewer::Administrator || group.role >= Role::Owner)
            .map(|(_, group)| group.id)
            .collect();
        let maintains = |id: &u64| {
            let project = self.project_by_id(*id);
            project.is_some_and(|project| project.role_of(viewer) >= Role::Maintainer)
        };
        let owned = |runner: &&Runner| match &runner.scope {
            RunnerScope::Instance => false,
            RunnerScope::Group(group) => groups.contains(group),
            RunnerScope::Projects(projects) => projects.iter().any(maintains),
        };
        self.runners.iter().filter(owned).collect()
    }
}
