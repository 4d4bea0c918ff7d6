//! Takes in what was told of deployments: a walk page by page, the tiers of environments, and then what
//! ended, counted.

use std::sync::Arc;

use serde_json::Value;

use super::super::Engine;
use super::super::errors::{is_forbidden, not_understood, unread};
use super::super::moment::Moment;
use super::super::poll::Poll;
use super::super::request::Rows;
use super::known::{Environment, Pending};
use super::{DeploymentsAsk, Walk};
use crate::gitlab::Error;
use crate::metrics::{Deployment, Grain, Reason, Row, UnixTime, cut, stamp};

/// How many rows a page has.
const PAGE: usize = 100;
/// A clock of ours may go ahead of GitLab's by so much, where GitLab does not tell the time.
const CLOCKS: u64 = 120;

impl Engine {
    pub(in crate::poll::engine) fn deployments_answered(
        &mut self,
        poll: &mut Poll,
        ask: DeploymentsAsk,
        answer: Result<Rows, Error>,
        at: Moment,
        now: Moment,
    ) {
        let project = ask.project();
        if !self.deployments.projects.contains_key(&project) {
            return;
        }
        let told = answer.and_then(|told| match &ask {
            DeploymentsAsk::Changed(_) => self.take_changed(poll, project, &told, at),
            DeploymentsAsk::Environment(_, environment) => {
                self.take_environment(poll, project, *environment, told.rows["tier"].as_str(), at);
                Ok(())
            }
            DeploymentsAsk::First { deployment, .. } => {
                self.take_first(poll, project, *deployment, &told.rows)
            }
            DeploymentsAsk::MergeRequests {
                deployment, page, ..
            } => self.take_merge_requests(poll, project, *deployment, *page, &told.rows),
        });
        match told {
            Ok(()) => {}
            Err(error) if self.waits(poll, &error, now) => poll.deployments.asks.push_front(ask),
            Err(error) => self.deployments_failed(poll, &ask, &error, at),
        }
    }

    /// Takes in a page of what changed.
    fn take_changed(
        &mut self,
        poll: &mut Poll,
        project: u64,
        told: &Rows,
        at: Moment,
    ) -> Result<(), Error> {
        let rows = told
            .rows
            .as_array()
            .ok_or_else(|| not_understood(&"deployments that are no list"))?;
        let page = rows
            .iter()
            .map(Deployment::from_rest)
            .collect::<Result<Vec<_>, _>>();
        let page = page.map_err(unread)?;
        let Some(walk) = poll.deployments.walks.get_mut(&project) else {
            return Ok(());
        };
        let date = told
            .date
            .unwrap_or_else(|| at.as_secs().saturating_sub(CLOCKS));
        walk.began.get_or_insert(date);
        let last = page.last().map(|last| last.updated.to_string());
        for deployment in page {
            // The seek shows its first rows again, and a row that changed meanwhile comes later.
            walk.deployments.retain(|known| known.id != deployment.id);
            walk.deployments.push(deployment);
        }
        match last {
            Some(last) if rows.len() >= PAGE => {
                walk.page = if last == walk.since { walk.page + 1 } else { 1 };
                walk.since = last;
                poll.deployments
                    .asks
                    .push_back(DeploymentsAsk::Changed(project));
            }
            _ => self.ask_tiers(poll, project, at),
        }
        Ok(())
    }

    /// Asks for the tiers of environments that are not known, and counts what came once they are.
    fn ask_tiers(&mut self, poll: &mut Poll, project: u64, at: Moment) {
        let (Some(walk), Some(own)) = (
            poll.deployments.walks.get_mut(&project),
            self.deployments.projects.get(&project),
        ) else {
            return;
        };
        let mut unknown: Vec<u64> = walk
            .deployments
            .iter()
            .filter(|deployment| deployment.finished.is_some())
            .map(|deployment| deployment.environment)
            .filter(|environment| own.tier(*environment, at).is_none())
            .collect();
        unknown.sort_unstable();
        unknown.dedup();
        unknown.retain(|environment| poll.deployments.asked.insert((project, *environment)));
        walk.waits_for = unknown.len();
        for &environment in &unknown {
            let ask = DeploymentsAsk::Environment(project, environment);
            poll.deployments.asks.push_back(ask);
        }
        if unknown.is_empty() {
            self.count_deployments(poll, project, at);
        }
    }

    /// Takes in the tier of an environment. One that is gone, or that an old GitLab does not tell the
    /// tier of, is of the tier that GitLab has for all else.
    fn take_environment(
        &mut self,
        poll: &mut Poll,
        project: u64,
        environment: u64,
        tier: Option<&str>,
        at: Moment,
    ) {
        if let Some(own) = self.deployments.projects.get_mut(&project) {
            let was_deployed = own
                .environments
                .get(&environment)
                .is_some_and(|known| known.was_deployed);
            let tier = tier.unwrap_or("other").to_ascii_lowercase().into();
            let known = Environment {
                tier,
                at,
                was_deployed,
            };
            own.environments.insert(environment, known);
        }
        let Some(walk) = poll.deployments.walks.get_mut(&project) else {
            return;
        };
        walk.waits_for = walk.waits_for.saturating_sub(1);
        if walk.waits_for == 0 {
            self.count_deployments(poll, project, at);
        }
    }

    /// Counts what ended among all that a walk brought, and moves the watermark.
    fn count_deployments(&mut self, poll: &mut Poll, project: u64, at: Moment) {
        let Some(walk) = poll.deployments.walks.remove(&project) else {
            return;
        };
        let reads_lead_times = self.reads_lead_times();
        self.has_rows(project, "deployments");
        let Some(own) = self.deployments.projects.get_mut(&project) else {
            return;
        };
        let Walk {
            began, deployments, ..
        } = walk;
        let mut ended = Vec::new();
        for deployment in deployments {
            own.has_any = true;
            if !own.counted.take(&deployment) {
                continue;
            }
            let known = own.environments.get(&deployment.environment);
            let tier = known.map_or("other", |known| &*known.tier).to_owned();
            if let (true, "success", Some(finished)) =
                (reads_lead_times, &*deployment.status, deployment.finished)
            {
                own.lead_times.push(Pending {
                    deployment: deployment.id,
                    environment: deployment.environment,
                    environment_name: deployment.environment_name.clone(),
                    finished,
                    is_new: true,
                    merged: Vec::new(),
                });
            }
            ended.push((deployment, tier));
        }
        own.counted.complete(began.unwrap_or_default());
        (own.due, own.asked) = (false, at);
        let since = own.counted.since;
        self.show_deployments(project, &ended, since, at.as_secs());
    }

    fn show_deployments(
        &mut self,
        project: u64,
        ended: &[(Deployment, String)],
        since: UnixTime,
        now: UnixTime,
    ) {
        let (Some((place, table)), Some(owner)) = (
            self.project_table("deployments"),
            self.projects.get_mut(&project),
        ) else {
            return;
        };
        let rows = ended.iter().map(|(deployment, tier)| {
            let label = |name: &str| -> Arc<str> {
                match name {
                    "environment" => (&*deployment.environment_name).into(),
                    "tier" => tier.as_str().into(),
                    "status" => (&*deployment.status).into(),
                    _ => "".into(),
                }
            };
            let value = |name: &str| match name {
                "finished" => deployment.finished.map(|at| at as f64),
                "duration" => deployment.duration,
                _ => None,
            };
            table.row(deployment.id, label, value, now)
        });
        let rows: Vec<Row> = rows.collect();
        Arc::make_mut(owner).count_ended(
            self.enabled.catalogue,
            Grain::Project,
            place,
            rows.iter(),
            stamp(since),
        );
        // What the rows of environments show: the chosen ones, and there may be one for each branch.
        let chosen = &self.enabled.choices.environments;
        let of = (Grain::Project, place);
        Arc::make_mut(owner).forget_counts(self.enabled.catalogue, of, 0, |texts| {
            texts
                .iter()
                .any(|name| chosen.iter().any(|own| cut(own) == **name))
        });
        self.note_counted("deployments", ended.len());
    }

    /// What failed is asked anew by the next poll. What is forbidden is tried again after an hour.
    fn deployments_failed(
        &mut self,
        poll: &mut Poll,
        ask: &DeploymentsAsk,
        error: &Error,
        at: Moment,
    ) {
        let project = ask.project();
        let is_fact = is_forbidden(error);
        match (ask, is_fact) {
            (DeploymentsAsk::Environment(_, environment), true) => {
                return self.take_environment(poll, project, *environment, None, at);
            }
            (DeploymentsAsk::Changed(_), true) => {
                if let Some(own) = self.deployments.projects.get_mut(&project) {
                    own.forbid(at);
                }
                self.no_rows(project, "deployments", Reason::Forbidden);
            }
            (
                DeploymentsAsk::First { deployment, .. }
                | DeploymentsAsk::MergeRequests { deployment, .. },
                true,
            ) => self.give_up_lead_time(project, *deployment),
            (_, false) => self.note_down(poll, "deployments".to_owned(), error),
        }
        poll.deployments.walks.remove(&project);
        let failed = ("deployments", error.reason());
        *poll.values.entry(failed).or_default() += 1;
    }
}

/// The first row's id of a list.
pub(super) fn first_id(rows: &Value) -> Result<Option<u64>, Error> {
    let rows = rows
        .as_array()
        .ok_or_else(|| not_understood(&"deployments that are no list"))?;
    Ok(rows.first().and_then(|row| row["id"].as_u64()))
}
