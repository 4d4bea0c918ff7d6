//! The lead time for changes: how long a merge request had been merged when it was deployed.
//!
//! GitLab links a merge request to the first successful deployment of an environment that has it. The
//! very first deployment of an environment therefore brings along all that was merged before, of
//! which it says nothing: it is left out, as are merge requests that were merged before counting
//! began. A deployment that is rolled back or repeated brings none.

use std::sync::Arc;

use serde_json::Value;

use super::super::Engine;
use super::super::errors::unread;
use super::super::poll::Poll;
use super::known::Pending;
use super::{DeploymentsAsk, taking::first_id};
use crate::gitlab::Error;
use crate::metrics::{Grain, Row, merged_at, stamp};

/// How many rows a page has.
const PAGE: usize = 100;

impl Engine {
    /// Takes in which deployment of an environment succeeded first.
    pub(super) fn take_first(
        &mut self,
        poll: &mut Poll,
        project: u64,
        deployment: u64,
        rows: &Value,
    ) -> Result<(), Error> {
        let first = first_id(rows)?;
        let Some(own) = self.deployments.projects.get_mut(&project) else {
            return Ok(());
        };
        let of = own
            .lead_times
            .iter()
            .find(|pending| pending.deployment == deployment);
        let Some(environment) = of.map(|pending| pending.environment) else {
            return Ok(());
        };
        if let Some(known) = own.environments.get_mut(&environment) {
            known.was_deployed = true;
        }
        match first == Some(deployment) {
            true => self.give_up_lead_time(project, deployment),
            false => {
                let ask = DeploymentsAsk::merge_requests(project, deployment);
                poll.deployments.asks.push_back(ask);
            }
        }
        Ok(())
    }

    /// Takes in the merge requests of a deployment.
    pub(super) fn take_merge_requests(
        &mut self,
        poll: &mut Poll,
        project: u64,
        deployment: u64,
        page: u32,
        rows: &Value,
    ) -> Result<(), Error> {
        let merged = merged_at(rows).map_err(unread)?;
        let Some(own) = self.deployments.projects.get_mut(&project) else {
            return Ok(());
        };
        let Some(at) = own
            .lead_times
            .iter()
            .position(|pending| pending.deployment == deployment)
        else {
            return Ok(());
        };
        if page == 1 {
            own.lead_times[at].merged.clear();
        }
        own.lead_times[at].merged.extend(merged);
        if rows.as_array().is_some_and(|rows| rows.len() >= PAGE) {
            poll.deployments
                .asks
                .push_back(DeploymentsAsk::MergeRequests {
                    project,
                    deployment,
                    page: page + 1,
                });
            return Ok(());
        }
        let pending = own.lead_times.remove(at);
        self.count_lead_times(project, &pending, poll.began.as_secs());
        Ok(())
    }

    fn count_lead_times(&mut self, project: u64, pending: &Pending, now: u64) {
        let Some(own) = self.deployments.projects.get(&project) else {
            return;
        };
        let since = own.counted.since;
        let known = own.environments.get(&pending.environment);
        let tier: Arc<str> = known.map_or("other", |known| &*known.tier).into();
        let (Some((place, table)), Some(owner)) = (
            self.project_table(LEAD_TIMES),
            self.projects.get_mut(&project),
        ) else {
            return;
        };
        let counted = pending.merged.iter().filter(|merged| **merged >= since);
        let rows = counted.map(|merged| {
            let took = pending.finished.saturating_sub(*merged) as f64;
            let label = |name: &str| {
                if name == "tier" {
                    Arc::clone(&tier)
                } else {
                    "".into()
                }
            };
            let value = |name: &str| (name == "lead_time").then_some(took);
            table.row(pending.deployment, label, value, now)
        });
        let rows: Vec<Row> = rows.collect();
        Arc::make_mut(owner).count_ended(
            self.enabled.catalogue,
            Grain::Project,
            place,
            rows.iter(),
            stamp(since),
        );
        self.note_counted(LEAD_TIMES, rows.len());
    }

    /// Of this deployment no lead times are counted.
    pub(super) fn give_up_lead_time(&mut self, project: u64, deployment: u64) {
        if let Some(own) = self.deployments.projects.get_mut(&project) {
            own.lead_times
                .retain(|pending| pending.deployment != deployment);
        }
    }
}

/// The subject that counts lead times.
const LEAD_TIMES: &str = "dora";
