//! What happens to deployments and environments.

use super::deployment::{Deployment, DeploymentStatus};
use super::job::Job;
use super::reference::Reference;
use crate::simulator::world::clock::between;
use crate::simulator::world::environments::{Environment, Tier};
use crate::simulator::world::events::Events;
use crate::simulator::world::ledger::{Entry, Subject};
use crate::simulator::world::merge_requests::MergeRequest;

impl Events<'_> {
    /// Somebody deploys over the API: there is no job and no pipeline. Returns the id.
    pub fn deploy(&mut self, environment: &str, status: DeploymentStatus) -> u64 {
        let reference = Reference::Branch(self.project.default_branch.clone());
        let commit = self.project.commits;
        let id = self.create_deployment(environment, None, reference, commit, None);
        self.set_deployment(id, status);
        id
    }

    /// A deployment goes on to another status. Panics when there is none of that id.
    pub fn set_deployment(&mut self, id: u64, status: DeploymentStatus) -> &mut Self {
        let (now, project) = (self.now, self.project.id);
        let known = self.ci().deployments.get_mut(&id);
        let row = known.unwrap_or_else(|| panic!("there is no deployment {id}"));
        if row.status == status {
            return self;
        }
        row.status = status;
        row.updated_at = now;
        if !status.has_finished() {
            return self;
        }
        row.finished_at = Some(now);
        let row = row.clone();
        let environment = self.project.environments.iter();
        let environment = environment.clone().find(|one| one.id == row.environment);
        let Some(environment) = environment.cloned() else {
            return self;
        };
        let entry = Entry::new(Subject::Deployment, project, id, status.word(), now)
            .took(None, Some(between(row.created_at, now)))
            .with("environment", environment.name.clone())
            .with("tier", environment.tier.word())
            .with("ref", row.reference.name());
        self.ledger.write(entry);
        if status == DeploymentStatus::Success {
            self.project.deployed(&environment.name, now);
            self.ship(&environment);
        }
        self
    }

    /// An environment is stopped, and is there still.
    pub fn stop_environment(&mut self, name: &str) -> &mut Self {
        let now = self.now;
        let mut environments = self.project.environments.iter_mut();
        if let Some(environment) = environments.find(|one| one.name == name) {
            environment.available = false;
            environment.updated_at = now;
        }
        self
    }

    /// Writes down the merge requests that this deployment was the first to bring to an environment.
    fn ship(&mut self, environment: &Environment) {
        let (now, project) = (self.now, &*self.project);
        let first = |row: &MergeRequest| {
            let mut deployed = project.deployments_of(row, Some(&environment.name));
            Some(between(
                row.merged_at?,
                deployed.next().filter(|at| *at == now)?,
            ))
        };
        let rows = project.touched_merge_requests().iter();
        let shipped = rows.filter_map(|row| {
            let entry = Entry::new(Subject::Shipped, project.id, row.iid, "shipped", now);
            let entry = entry.took(None, Some(first(row)?));
            let entry = entry.with("environment", environment.name.clone());
            Some(entry.with("tier", environment.tier.word()))
        });
        for entry in shipped {
            self.ledger.write(entry);
        }
    }

    /// Creates the deployment that a new job is going to make.
    pub(super) fn prepare_deployment(&mut self, pipeline: u64, job: u64) {
        let Some((environment, tier)) = self.job(pipeline, job).plan.deploys.clone() else {
            return;
        };
        let row = self.pipeline(pipeline);
        let (reference, commit) = (row.reference.clone(), row.commit);
        let by = Some((pipeline, job));
        let id = self.create_deployment(&environment, tier, reference, commit, by);
        self.job(pipeline, job).deployment = Some(id);
    }

    /// Gives the deployments of a pipeline the statuses of their jobs.
    pub(super) fn follow_jobs(&mut self, pipeline: u64) {
        let status = |job: &Job| Some((job.deployment?, DeploymentStatus::of_job(job.status)?));
        let jobs = self.pipeline(pipeline).jobs.iter();
        let statuses: Vec<_> = jobs.filter_map(status).collect();
        for (deployment, status) in statuses {
            self.set_deployment(deployment, status);
        }
    }

    fn create_deployment(
        &mut self,
        environment: &str,
        tier: Option<Tier>,
        reference: Reference,
        commit: u64,
        job: Option<(u64, u64)>,
    ) -> u64 {
        let (now, id) = (self.now, self.ids.deployment());
        let environment = self.environment(environment, tier);
        let ci = self.ci();
        ci.last_deployment += 1;
        let row = Deployment {
            id,
            iid: ci.last_deployment,
            environment,
            status: DeploymentStatus::Created,
            reference,
            commit,
            created_at: now,
            updated_at: now,
            finished_at: None,
            job,
        };
        ci.deployments.insert(id, row);
        id
    }

    /// The id of the environment of that name, which is created or made available again.
    fn environment(&mut self, name: &str, tier: Option<Tier>) -> u64 {
        let now = self.now;
        let mut known = self.project.environments.iter_mut();
        if let Some(known) = known.find(|one| one.name == name) {
            known.available = true;
            known.stopping = false;
            return known.id;
        }
        let tier = tier.unwrap_or_else(|| Tier::guessed(name));
        self.project.environment(name, tier);
        let created = self.project.environments.last_mut();
        created.map_or(0, |created| {
            (created.created_at, created.updated_at) = (now, now);
            created.id
        })
    }
}
