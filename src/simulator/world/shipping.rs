//! Which deployments brought which merge requests where, and when releases were released.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::flow::Flow;
use super::issuables::Age;
use super::merge_request_list::MergeRequestFilter;
use super::merge_requests::MergeRequest;
use super::project::Project;

impl Project {
    /// A deployment to an environment succeeded. GitLab links the merge requests to it that were merged
    /// since the one before, and to the first one all that were ever merged.
    pub fn deployed(&mut self, environment: &str, at: Timestamp) {
        let deployments = &mut self.flow_to_change().deployments;
        let known = deployments
            .iter()
            .find(|(name, _)| &**name == environment)
            .map(|(name, _)| Arc::clone(name));
        let name = known.unwrap_or_else(|| environment.into());
        let place = deployments.partition_point(|(_, before)| *before <= at);
        deployments.insert(place, (name, at));
    }

    /// When the merge request reached an environment, or each of them where none is named: with the first
    /// deployment after the merge. Environments in folders, such as `review/x`, have no such links.
    pub(crate) fn deployments_of<'p>(
        &'p self,
        merge_request: &MergeRequest,
        environment: Option<&'p str>,
    ) -> impl Iterator<Item = Timestamp> + 'p {
        let to_default = merge_request.target_branch.is_none();
        let merged_at = merge_request.merged_at.filter(|_| to_default);
        let deployments = self
            .flow()
            .map_or(&[][..], |flow| flow.deployments.as_slice());
        let since = merged_at.map_or(deployments.len(), |merged| {
            deployments.partition_point(|(_, at)| *at < merged)
        });
        let later = &deployments[since..];
        let linked = later.iter().enumerate().filter(move |(index, (name, _))| {
            let wanted = environment.is_none_or(|wanted| **name == *wanted);
            let first = || later[..*index].iter().all(|(other, _)| other != name);
            wanted && !name.contains('/') && first()
        });
        linked.map(|(_, (_, at))| *at)
    }

    /// The merge requests that reached an environment, each with the times of its merge and of the
    /// deployment that it reached it with: what lead times are made of.
    pub fn shipped(&self, environment: &str) -> Vec<(u64, Timestamp, Timestamp)> {
        let merged = self.merge_requests_of(&MergeRequestFilter::in_state("merged"));
        let shipped = merged.iter().filter_map(|row| {
            let deployed = self.deployments_of(row, Some(environment)).next()?;
            Some((row.iid, row.merged_at?, deployed))
        });
        shipped.collect()
    }

    /// When the releases were released, the oldest first. Those that were set came evenly over the life of
    /// the project.
    pub(crate) fn release_times(&self) -> Vec<Timestamp> {
        let added = self
            .flow()
            .map_or(&[][..], |flow| flow.released_at.as_slice());
        let set = self.releases.saturating_sub(added.len() as u64);
        let age = self.age();
        let life = age.known_since.duration_since(age.created_at);
        let life = life.as_secs().max(0);
        let time = |number: u64| {
            let part = i128::from(life) * i128::from(number) / i128::from(set + 1);
            age.created_at + SignedDuration::from_secs(part as i64)
        };
        let mut times: Vec<Timestamp> = (1..=set).map(time).chain(added.iter().copied()).collect();
        times.sort();
        times
    }

    /// Adds a release, which may be one of a day to come.
    pub fn add_release(&mut self, released_at: Timestamp) -> &mut Self {
        self.releases += 1;
        self.flow_to_change().released_at.push(released_at);
        self
    }

    pub(crate) fn age(&self) -> Age {
        Age {
            created_at: self.created_at,
            known_since: self.known_since,
        }
    }

    pub(crate) fn flow(&self) -> Option<&Flow> {
        self.flow.as_deref()
    }

    pub(crate) fn flow_to_change(&mut self) -> &mut Flow {
        self.flow.get_or_insert_default()
    }
}
