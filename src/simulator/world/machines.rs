//! The runners of a world: how they come and go, and whose they are.

use super::World;
use super::counts::{Role, Viewer};
use super::project::Project;
use super::runners::{Contact, Runner, RunnerMembership, RunnerScope};

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
