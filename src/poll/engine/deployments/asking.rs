//! Which requests about deployments are sent, and when.

use super::super::moment::Moment;
use super::super::paths::encoded;
use super::super::poll::Poll;
use super::super::request::{Kind, Request};
use super::super::{Engine, Next, Sent};
use super::known::OfProject;
use super::{DeploymentsAsk, DeploymentsWork, Walk};
use crate::metrics::UnixTime;
use crate::poll::plan::timestamp;

impl Engine {
    /// Whether deployments are read.
    pub(in crate::poll::engine) fn reads_deployments(&self) -> bool {
        self.enabled.shows_any_of("deployments") || self.reads_lead_times()
    }

    pub(super) fn reads_lead_times(&self) -> bool {
        self.enabled.shows("gitlab_lead_time_for_changes_seconds")
    }

    /// Notes that the feed has shown a project: counting goes by GitLab's clock from then on, and a
    /// project whose pipelines moved may have deployed. `rested` tells whether one came to rest.
    pub(in crate::poll::engine) fn note_deployments(
        &mut self,
        project: u64,
        moved: bool,
        rested: bool,
        now: UnixTime,
        at: Moment,
    ) {
        if !self.reads_deployments() {
            return;
        }
        self.deployments.begin(now);
        let own = self.deployments.of(project, at);
        own.due |= rested || moved && own.has_any;
        own.settles |= rested;
    }

    /// Notes that a project has environments: its deployments are read once, so that it is known that none has
    /// ended since counting began.
    pub(in crate::poll::engine) fn note_deploys(&mut self, project: u64, at: Moment) {
        let place = self.project_table("deployments").map(|(place, _)| place);
        let owner = self.projects.get(&project);
        let read = place
            .zip(owner)
            .and_then(|(place, owner)| owner.tables.get(place));
        let is_known = read.is_some_and(|table| table.known().is_some());
        if self.reads_deployments() && self.deployments.since > 0 && !is_known {
            self.deployments.of(project, at).due = true;
        }
    }

    /// Before a poll: what came to rest before it is asked once more.
    pub(in crate::poll::engine) fn begin_deployments(&mut self) {
        for own in self.deployments.projects.values_mut() {
            own.due |= std::mem::take(&mut own.settles);
            own.lead_times
                .iter_mut()
                .for_each(|pending| pending.is_new = false);
        }
    }

    /// Sends the requests about deployments that may be sent now, after everything else.
    pub(in crate::poll::engine) fn ask_deployments(
        &mut self,
        poll: &mut Poll,
        now: Moment,
        next: &mut Next,
    ) {
        if !self.reads_deployments() || self.is_feeding(poll) || poll.details.has_more() {
            return;
        }
        if !std::mem::replace(&mut poll.deployments.planned, true) && !poll.is_between {
            poll.deployments.hinted.clear();
            self.plan_deployments(poll);
        }
        self.plan_hinted_deployments(poll);
        while self.free() > 0
            && let Some(ask) = poll.deployments.asks.pop_front()
        {
            let request = Request::Rows(self.deployments_path(poll, &ask));
            self.send(
                poll,
                now,
                next,
                request,
                Kind::Deployments,
                Sent::Deployments(ask),
            );
        }
    }

    fn plan_deployments(&mut self, poll: &mut Poll) {
        for (&id, own) in &self.deployments.projects {
            if !self.schedule.is_taken(id) {
                continue;
            }
            if own.is_due(id, poll.began) {
                poll.deployments.begin_walk(id, own);
            }
            for pending in own.lead_times.iter().filter(|pending| !pending.is_new) {
                let known = own.environments.get(&pending.environment);
                let ask = match known.is_some_and(|known| known.was_deployed) {
                    true => DeploymentsAsk::merge_requests(id, pending.deployment),
                    false => DeploymentsAsk::First {
                        project: id,
                        deployment: pending.deployment,
                    },
                };
                poll.deployments.asks.push_back(ask);
            }
        }
    }

    /// Begins the walks of the projects that are said to have deployed. One that is under way may have
    /// passed what is hinted at: it is made again.
    fn plan_hinted_deployments(&mut self, poll: &mut Poll) {
        let work = &mut poll.deployments;
        let walks = &work.walks;
        let ready: Vec<u64> = work.hinted.iter().copied().collect();
        let ready = ready.into_iter().filter(|id| !walks.contains_key(id));
        for id in ready.collect::<Vec<_>>() {
            work.hinted.remove(&id);
            work.asked.retain(|(project, _)| *project != id);
            let own = self.deployments.projects.get(&id);
            if let Some(own) = own.filter(|own| own.is_due(id, poll.began)) {
                work.begin_walk(id, own);
            }
        }
    }

    /// Asks in this poll for the deployments of a project that changed. Before the feed has shown the
    /// project nothing of it is counted.
    pub(in crate::poll::engine) fn hint_deployments(&mut self, poll: &mut Poll, id: u64) {
        if let Some(own) = self.deployments.projects.get_mut(&id) {
            own.due = true;
            poll.deployments.hinted.insert(id);
        }
    }

    fn deployments_path(&self, poll: &Poll, ask: &DeploymentsAsk) -> String {
        match ask {
            DeploymentsAsk::Changed(project) => {
                let walk = poll.deployments.walks.get(project);
                let (since, page) = walk.map_or(("", 1), |walk| (&walk.since, walk.page));
                let since = encoded(since);
                format!(
                    "projects/{project}/deployments?updated_after={since}&order_by=updated_at&sort=asc\
                     &per_page=100&page={page}"
                )
            }
            DeploymentsAsk::Environment(project, environment) => {
                format!("projects/{project}/environments/{environment}")
            }
            DeploymentsAsk::First {
                project,
                deployment,
                ..
            } => {
                let own = self.deployments.projects.get(project);
                let pending = own.and_then(|own| {
                    own.lead_times
                        .iter()
                        .find(|own| own.deployment == *deployment)
                });
                let name = pending.map_or("", |pending| &pending.environment_name);
                format!(
                    "projects/{project}/deployments?environment={}&status=success&order_by=id&sort=asc&per_page=1",
                    encoded(name)
                )
            }
            DeploymentsAsk::MergeRequests {
                project,
                deployment,
                page,
            } => {
                format!(
                    "projects/{project}/deployments/{deployment}/merge_requests?per_page=100&page={page}"
                )
            }
        }
    }
}

impl DeploymentsWork {
    fn begin_walk(&mut self, id: u64, own: &OfProject) {
        let walk = Walk {
            since: timestamp(own.counted.asks_since()),
            page: 1,
            ..Walk::default()
        };
        self.walks.insert(id, walk);
        self.asks.push_back(DeploymentsAsk::Changed(id));
    }
}

impl DeploymentsAsk {
    pub(super) fn merge_requests(project: u64, deployment: u64) -> DeploymentsAsk {
        DeploymentsAsk::MergeRequests {
            project,
            deployment,
            page: 1,
        }
    }

    /// The subject that it is about: lead times stand among incidents.
    pub(in crate::poll::engine) fn subject(&self) -> &'static str {
        match self {
            DeploymentsAsk::Changed(_) | DeploymentsAsk::Environment(..) => "deployments",
            DeploymentsAsk::First { .. } | DeploymentsAsk::MergeRequests { .. } => "dora",
        }
    }

    /// The project it is about.
    pub(super) fn project(&self) -> u64 {
        match self {
            DeploymentsAsk::Changed(project)
            | DeploymentsAsk::Environment(project, _)
            | DeploymentsAsk::First { project, .. }
            | DeploymentsAsk::MergeRequests { project, .. } => *project,
        }
    }
}
