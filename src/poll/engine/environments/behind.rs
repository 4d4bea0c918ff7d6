//! How far the latest deployments of environments are behind their branches, for the names of
//! gitlab-ci-pipelines-exporter: over REST, the newest commit of each branch that may have moved, and if that is not
//! the deployed one, the commits between the two. GraphQL has no such list.
//!
//! It is asked when another commit or branch is deployed, when a pipeline of the project came to rest, and when the
//! project was active since; a tag does not move. GitLab answers an empty list for a branch or a commit that is
//! gone: then it is not known how far the deployment is behind.

use std::sync::Arc;

use serde_json::Value;

use super::super::Engine;
use super::super::errors::unread;
use super::super::moment::Moment;
use super::super::paths::encoded;
use super::super::poll::Poll;
use super::EnvironmentsAsk;
use super::told::Told;
use crate::gitlab::Error;
use crate::metrics::{
    Behind, DEPLOYMENT_ENDS, Environment, Grain, LatestDeployment, Limit, PlacedTable, Reason, Row,
    TableReading, cut,
};

/// How many commits a page has, and how many pages are read: of a deployment that is further behind it is not
/// known how far.
const PAGE: usize = 100;
const MOST_PAGES: u32 = 10;

impl Engine {
    /// Whether the latest deployments of environments are shown.
    pub(super) fn shows_deployed(&self) -> bool {
        self.deployed_table().is_some()
    }

    /// How many deployments of an environment are asked for over REST: the last of each end, and the last.
    pub(super) fn deployments_of_environment(&self) -> usize {
        DEPLOYMENT_ENDS.len() + usize::from(self.shows_deployed())
    }

    fn deployed_table(&self) -> Option<(usize, &'static PlacedTable)> {
        let catalogue = self.enabled.catalogue;
        catalogue.table_with(Grain::Project, "environments", "environment_id")
    }

    /// Asks how far the latest deployment of an environment is behind, if that may have changed.
    pub(super) fn compare_environment(
        &mut self,
        poll: &mut Poll,
        project: u64,
        name: &str,
        told: Option<Environment>,
    ) {
        let (true, Some(owner)) = (self.shows_deployed(), self.projects.get(&project)) else {
            return;
        };
        let active = owner.identity.last_activity;
        let own = self.environments.projects.entry(project).or_default();
        let Some(environment) = told else {
            own.behind.remove(name);
            return;
        };
        let moves = |latest: &LatestDeployment| latest.stands_still().is_none();
        if !environment.latest.as_ref().is_some_and(moves) {
            return;
        }
        let is_known = own.behind.get(name).is_some_and(|known| {
            !known.is_doubtful && known.active == active && known.is_about(&environment)
        });
        let key = (project, name.to_owned());
        if is_known || poll.environments.compared.contains_key(&key) {
            return;
        }
        let begun = (environment, Behind::default());
        poll.environments.compared.insert(key, begun);
        poll.environments.asks.push_back(EnvironmentsAsk::Behind {
            project,
            name: name.to_owned(),
            page: 0,
        });
    }

    /// The newest commit of a branch, as page 0, and the commits that it has and a deployment lacks.
    pub(super) fn behind_path(&self, poll: &Poll, project: u64, name: &str, page: u32) -> String {
        let compared = poll.environments.compared.get(&(project, name.to_owned()));
        let latest = compared.and_then(|(environment, _)| environment.latest.as_ref());
        let (sha, of) = latest.map_or(("", ""), |latest| (&latest.sha, &latest.of));
        let commits = format!("projects/{project}/repository/commits?ref_name=");
        match page {
            0 => format!("{commits}{}&per_page=1", encoded(of)),
            page => {
                let range = encoded(&format!("{sha}..{of}"));
                format!("{commits}{range}&per_page={PAGE}&page={page}")
            }
        }
    }

    /// Takes in a page of these commits.
    pub(super) fn take_behind(
        &mut self,
        poll: &mut Poll,
        ask: &EnvironmentsAsk,
        rows: &Value,
        at: Moment,
    ) -> Result<(), Error> {
        let EnvironmentsAsk::Behind {
            project,
            name,
            page,
        } = ask
        else {
            return Ok(());
        };
        let key = (*project, name.clone());
        let Some((environment, behind)) = poll.environments.compared.get_mut(&key) else {
            return Ok(());
        };
        let goes_on = match (page, &environment.latest) {
            (0, Some(latest)) => behind.begin(rows, &latest.sha).map_err(unread)?,
            _ => behind.take(rows, PAGE).map_err(unread)?,
        };
        if goes_on && *page < MOST_PAGES {
            poll.environments.asks.push_back(EnvironmentsAsk::Behind {
                project: *project,
                name: name.clone(),
                page: page + 1,
            });
            return Ok(());
        }
        if goes_on {
            behind.commits = None; // It is further behind than is counted.
        }
        let (environment, behind) = (environment.clone(), behind.clone());
        poll.environments.compared.remove(&key);
        self.note_behind(*project, name, &environment, Some(behind));
        self.show_deployed(*project, name, Some(&environment), at);
        Ok(())
    }

    /// Notes that GitLab did not tell: `is_fact` if it does not for this commit and this branch.
    pub(super) fn not_compared(
        &mut self,
        poll: &mut Poll,
        project: u64,
        name: &str,
        is_fact: bool,
    ) {
        let key = (project, name.to_owned());
        if let (Some((environment, _)), true) = (poll.environments.compared.remove(&key), is_fact) {
            self.note_behind(project, name, &environment, None);
            self.show_deployed(project, name, Some(&environment), poll.began);
        }
    }

    fn note_behind(
        &mut self,
        project: u64,
        name: &str,
        environment: &Environment,
        behind: Option<Behind>,
    ) {
        let owner = self.projects.get(&project);
        let (Some(owner), Some(latest)) = (owner, environment.latest.as_ref()) else {
            return;
        };
        let told = Told {
            sha: Arc::clone(&latest.sha),
            of: Arc::clone(&latest.of),
            active: owner.identity.last_activity,
            is_doubtful: false,
            behind,
        };
        let own = self.environments.projects.entry(project).or_default();
        own.behind.insert(name.to_owned(), told);
    }

    /// Shows an environment with its latest deployment; none if the project has none of that name.
    pub(super) fn show_deployed(
        &mut self,
        project: u64,
        name: &str,
        told: Option<&Environment>,
        at: Moment,
    ) {
        let Some((place, table)) = self.deployed_table() else {
            return;
        };
        let known = self.environments.projects.get(&project);
        let known = known.and_then(|own| own.behind.get(name));
        let behind = told.and_then(|told| match &told.latest {
            Some(latest) if latest.stands_still().is_some() => latest.stands_still(),
            _ => known.filter(|known| known.is_about(told))?.behind.clone(),
        });
        let limit = self.enabled.choices.limits.environments_per_project as usize;
        let Some(owner) = self.projects.get_mut(&project) else {
            return;
        };
        let row = |told| table.row_of_deployed(told, behind.as_ref(), at.as_secs());
        let rows: Vec<Row> = told.map(row).into_iter().collect();
        let last = owner.tables.get(place);
        let is_known = last.is_some_and(|last| matches!(last, TableReading::Known(_)));
        if rows.is_empty() && !is_known {
            return; // Who may not see environments is told of none, too.
        }
        let is_there = !rows.is_empty();
        let told_of = |row: &Row| table.label_of(row, "environment").to_owned();
        let limit = Limit::of_rows(limit);
        let rows = table.replaced(last, &cut(name), told_of, rows, limit, at.as_secs());
        Arc::make_mut(owner).put_table(place, rows);
        if is_there {
            self.note_deploys(project, at);
        }
    }

    /// Notes that the token may not see them.
    pub(super) fn no_deployed(&mut self, project: u64, reason: Reason) {
        let (Some((place, _)), Some(owner)) =
            (self.deployed_table(), self.projects.get_mut(&project))
        else {
            return;
        };
        if owner.tables[place].known().is_none() {
            Arc::make_mut(owner).put_table(place, TableReading::Unknown(reason));
        }
    }
}
