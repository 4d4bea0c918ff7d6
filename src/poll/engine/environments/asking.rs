//! Asks for environments, and takes in what is answered.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

use super::super::errors::{is_forbidden, not_understood, unread};
use super::super::moment::Moment;
use super::super::paths::encoded;
use super::super::poll::Poll;
use super::super::request::{Kind, Request, Rows};
use super::super::{Engine, Next, Sent};
use super::told::Told;
use super::{EnvironmentsAsk, PROJECTS, named, names_at_once};
use crate::gitlab::{Answer, Error};
use crate::metrics::{
    Cadence, DEPLOYMENT_ENDS, Deployment, Environment, Identity, LatestDeployment, Limit, Reason,
    Row, TableReading, cut,
};

/// How often the environments of a project are asked for that nothing happened to.
const SWEEP: Duration = Duration::from_secs(60 * 60);
/// What is forbidden is tried again after this.
const FORBIDDEN: Duration = Duration::from_secs(60 * 60);

impl Engine {
    pub(in crate::poll::engine) fn reads_environments(&self) -> bool {
        !self.enabled.choices.environments.is_empty() && self.enabled.shows_any_of("environments")
    }

    fn sweeps_environments(&self) -> Duration {
        let mut subjects = self.enabled.catalogue.subjects().iter();
        let own = subjects.find(|subject| subject.name == "environments");
        match own.map(|own| self.enabled.choices.cadence_of(own)) {
            Some(Cadence::Every(every)) => every,
            _ => SWEEP,
        }
    }

    /// Notes that a pipeline of a project came to rest: it may have deployed.
    pub(in crate::poll::engine) fn note_environments(&mut self, project: u64, rested: bool) {
        if rested && self.reads_environments() {
            let own = self.environments.projects.entry(project).or_default();
            (own.due, own.settles) = (true, true);
            own.behind.values_mut().for_each(Told::doubt);
        }
    }

    /// Sends the requests about environments that may be sent now.
    pub(in crate::poll::engine) fn ask_environments(
        &mut self,
        poll: &mut Poll,
        now: Moment,
        next: &mut Next,
    ) {
        if !self.reads_environments() {
            return;
        }
        if !self.is_feeding(poll) {
            self.plan_environments(poll);
        }
        while self.free() > 0
            && let Some(ask) = poll.environments.asks.pop_front()
        {
            let request = self.environments_request(poll, &ask);
            self.send(
                poll,
                now,
                next,
                request,
                Kind::Environments,
                Sent::Environments(ask),
            );
        }
    }

    fn environments_request(&self, poll: &Poll, ask: &EnvironmentsAsk) -> Request {
        match ask {
            EnvironmentsAsk::Named { projects, names } => {
                let (document, variables) = named(projects, names, self.shows_deployed());
                Request::Query(document, variables)
            }
            EnvironmentsAsk::One { project, name } => Request::Rows(format!(
                "projects/{project}/environments?name={}",
                encoded(name)
            )),
            EnvironmentsAsk::Last {
                project,
                name,
                status,
            } => {
                let status = DEPLOYMENT_ENDS.get(*status);
                let status = status.map_or(String::new(), |status| format!("&status={status}"));
                Request::Rows(format!(
                    "projects/{project}/deployments?environment={}{status}&order_by=id&sort=desc&per_page=1",
                    encoded(name),
                ))
            }
            EnvironmentsAsk::Behind {
                project,
                name,
                page,
            } => Request::Rows(self.behind_path(poll, *project, name, *page)),
        }
    }

    /// Asks in this poll for the environments of a project, and once more by the next.
    pub(in crate::poll::engine) fn hint_environments(&mut self, poll: &mut Poll, id: u64) {
        self.owe_environments(id);
        if let Some(own) = self.environments.projects.get_mut(&id) {
            own.behind.values_mut().for_each(Told::doubt);
        }
        poll.environments.hinted.insert(id);
    }

    /// Queues what is due, once in a poll, and what was hinted at.
    fn plan_environments(&mut self, poll: &mut Poll) {
        if !std::mem::replace(&mut poll.environments.planned, true) && !poll.is_between {
            poll.environments.hinted.clear();
            let due = self.due_environments(poll.began);
            self.queue_environments(poll, &due);
        }
        let hinted = std::mem::take(&mut poll.environments.hinted);
        let known = &self.environments.projects;
        let may = |id: &u64| {
            known
                .get(id)
                .is_some_and(|own| poll.began >= own.not_before)
        };
        let hinted: Vec<u64> = hinted.into_iter().filter(may).collect();
        if !hinted.is_empty() {
            self.queue_environments(poll, &hinted);
        }
    }

    /// The projects whose turn it is.
    fn due_environments(&mut self, began: Moment) -> Vec<u64> {
        let every = self.sweeps_environments();
        let known = self.projects.keys().copied();
        let taken: Vec<u64> = known.filter(|id| self.schedule.is_taken(*id)).collect();
        self.environments
            .projects
            .retain(|id, _| self.projects.contains_key(id));
        let mut due = Vec::new();
        for id in taken {
            let own = self.environments.projects.entry(id).or_default();
            let is_late = own
                .at
                .is_none_or(|at| began.since(at) + self.rhythm.interval >= every);
            if began >= own.not_before && (own.due || is_late) {
                due.push(id);
            }
            own.due = std::mem::take(&mut own.settles);
        }
        due
    }

    fn queue_environments(&self, poll: &mut Poll, due: &[u64]) {
        let names = &self.enabled.choices.environments;
        for names in names.chunks(names_at_once(self.shows_deployed())) {
            if self.gitlab.graphql {
                let parts = due.chunks(PROJECTS).map(|projects| EnvironmentsAsk::Named {
                    projects: projects.to_vec(),
                    names: names.to_vec(),
                });
                poll.environments.asks.extend(parts);
                continue;
            }
            for (project, name) in due
                .iter()
                .flat_map(|id| names.iter().map(move |name| (*id, name.clone())))
            {
                poll.environments
                    .asks
                    .push_back(EnvironmentsAsk::One { project, name });
            }
        }
    }

    /// Takes in what GraphQL told of environments.
    pub(in crate::poll::engine) fn environments_answered(
        &mut self,
        poll: &mut Poll,
        ask: EnvironmentsAsk,
        answer: Result<Answer, Error>,
        at: Moment,
        now: Moment,
    ) {
        let told = answer.and_then(|answer| self.take_named(poll, &ask, &answer, at));
        self.environments_step(poll, ask, told, at, now);
    }

    fn take_named(
        &mut self,
        poll: &mut Poll,
        ask: &EnvironmentsAsk,
        answer: &Answer,
        at: Moment,
    ) -> Result<(), Error> {
        let EnvironmentsAsk::Named { names, .. } = ask else {
            return Ok(());
        };
        if !answer.errors.is_empty() {
            let errors = answer.errors.clone();
            return Err(Error::Graphql { errors });
        }
        let nodes = answer.data["projects"]["nodes"].as_array();
        let nodes =
            nodes.ok_or_else(|| not_understood(&"no list of projects where one was asked for"))?;
        for node in nodes.iter().filter(|node| !node.is_null()) {
            let project = Identity::id_from_graphql(node);
            let project = project.ok_or_else(|| not_understood(&"a project without an id"))?;
            for (index, name) in names.iter().enumerate() {
                let told = &node[format!("environment{index}")];
                let told = match told.is_null() {
                    true => None,
                    false => Some(Environment::from_graphql(told)),
                };
                let told = told.transpose().map_err(unread)?;
                self.show_environment(project, name, told.as_ref(), at);
                self.compare_environment(poll, project, name, told);
            }
        }
        Ok(())
    }

    /// Takes in what REST told of environments.
    pub(in crate::poll::engine) fn environments_row_answered(
        &mut self,
        poll: &mut Poll,
        ask: EnvironmentsAsk,
        answer: Result<Rows, Error>,
        at: Moment,
        now: Moment,
    ) {
        let told = answer.and_then(|told| self.take_rows(poll, &ask, &told.rows, at));
        self.environments_step(poll, ask, told, at, now);
    }

    fn take_rows(
        &mut self,
        poll: &mut Poll,
        ask: &EnvironmentsAsk,
        rows: &Value,
        at: Moment,
    ) -> Result<(), Error> {
        if let EnvironmentsAsk::Behind { .. } = ask {
            return self.take_behind(poll, ask, rows, at);
        }
        let rows = rows
            .as_array()
            .ok_or_else(|| not_understood(&"no list where one was asked for"))?;
        match ask {
            EnvironmentsAsk::Named { .. } | EnvironmentsAsk::Behind { .. } => {}
            EnvironmentsAsk::One { project, name } => {
                let own = rows.iter().find(|row| row["name"] == **name);
                let Some(own) = own else {
                    self.show_environment(*project, name, None, at);
                    return Ok(());
                };
                let own = Environment::from_rest(own).map_err(unread)?;
                poll.environments
                    .found
                    .insert((*project, name.clone()), own);
                poll.environments.asks.push_back(EnvironmentsAsk::Last {
                    project: *project,
                    name: name.clone(),
                    status: 0,
                });
            }
            EnvironmentsAsk::Last {
                project,
                name,
                status,
            } => return self.take_last(poll, (*project, name.clone()), *status, rows.first(), at),
        }
        Ok(())
    }

    /// Takes in the last deployment of a status, or of any.
    fn take_last(
        &mut self,
        poll: &mut Poll,
        key: (u64, String),
        status: usize,
        last: Option<&Value>,
        at: Moment,
    ) -> Result<(), Error> {
        let Some(mut found) = poll.environments.found.remove(&key) else {
            return Ok(());
        };
        match (last, DEPLOYMENT_ENDS.get(status)) {
            (Some(row), Some(status)) => {
                found.take(status, &Deployment::from_rest(row).map_err(unread)?);
            }
            (Some(row), None) => {
                found.latest = Some(LatestDeployment::from_rest(row).map_err(unread)?);
            }
            _ => {}
        }
        let (project, name) = key.clone();
        if status + 1 == self.deployments_of_environment() {
            self.show_environment(project, &name, Some(&found), at);
            self.compare_environment(poll, project, &name, Some(found));
            return Ok(());
        }
        poll.environments.found.insert(key, found);
        poll.environments.asks.push_back(EnvironmentsAsk::Last {
            project,
            name,
            status: status + 1,
        });
        Ok(())
    }

    fn environments_step(
        &mut self,
        poll: &mut Poll,
        ask: EnvironmentsAsk,
        told: Result<(), Error>,
        at: Moment,
        now: Moment,
    ) {
        let Err(error) = told else {
            return;
        };
        if self.waits(poll, &error, now) || self.learns(&error) {
            return poll.environments.asks.push_front(ask);
        }
        let is_fact = is_forbidden(&error);
        match ask {
            EnvironmentsAsk::Behind { project, name, .. } => {
                self.not_compared(poll, project, &name, is_fact);
                if is_fact {
                    return;
                }
                self.note_down(poll, "environments".to_owned(), &error);
            }
            EnvironmentsAsk::Named { projects, names } if projects.len() > 1 && !is_fact => {
                if !matches!(
                    error,
                    Error::Timeout { .. } | Error::Graphql { .. } | Error::TooLarge { .. }
                ) {
                    projects.iter().for_each(|id| self.owe_environments(*id));
                    return self.note_down(poll, "environments".to_owned(), &error);
                }
                let (left, right) = projects.split_at(projects.len() / 2);
                for projects in [left, right].map(<[u64]>::to_vec) {
                    let names = names.clone();
                    poll.environments
                        .asks
                        .push_back(EnvironmentsAsk::Named { projects, names });
                }
                return;
            }
            EnvironmentsAsk::Named { projects, .. } => {
                projects
                    .iter()
                    .for_each(|id| self.forbid_environments(*id, at));
            }
            EnvironmentsAsk::One { project, .. } | EnvironmentsAsk::Last { project, .. }
                if is_fact =>
            {
                self.forbid_environments(project, at);
            }
            EnvironmentsAsk::One { project, .. } | EnvironmentsAsk::Last { project, .. } => {
                self.owe_environments(project);
                self.note_down(poll, "environments".to_owned(), &error);
            }
        }
        *poll
            .values
            .entry(("environments", error.reason()))
            .or_default() += 1;
    }

    fn owe_environments(&mut self, project: u64) {
        self.environments.projects.entry(project).or_default().due = true;
    }

    fn forbid_environments(&mut self, project: u64, at: Moment) {
        let own = self.environments.projects.entry(project).or_default();
        own.not_before = at + FORBIDDEN;
        own.at = Some(at);
        self.no_rows(project, "environments", Reason::Forbidden);
        self.no_deployed(project, Reason::Forbidden);
    }

    /// Shows an environment as it was told; none if the project has none of that name.
    fn show_environment(
        &mut self,
        project: u64,
        name: &str,
        told: Option<&Environment>,
        at: Moment,
    ) {
        let own = self.environments.projects.entry(project).or_default();
        own.at = Some(at);
        self.show_deployed(project, name, told, at);
        let (Some((place, table)), Some(owner)) = (
            self.project_table("environments"),
            self.projects.get_mut(&project),
        ) else {
            return;
        };
        let rows = told
            .map(|told| table.rows_of_environment(told, at.as_secs()))
            .unwrap_or_default();
        let told_of = |row: &Row| table.label_of(row, "environment").to_owned();
        let last = owner.tables.get(place);
        let is_known = last.is_some_and(|last| matches!(last, TableReading::Known(_)));
        if rows.is_empty() && !is_known {
            return; // Who may not see environments is told of none, too.
        }
        let limit = Limit {
            most: self.enabled.choices.limits.environments_per_project as usize,
            counts: Environment::id_of_row,
        };
        let rows = table.replaced(last, &cut(name), told_of, rows, limit, at.as_secs());
        Arc::make_mut(owner).put_table(place, rows);
    }
}
