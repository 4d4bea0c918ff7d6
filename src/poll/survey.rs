//! Learns from a GitLab, in a few requests, what a forecast has to assume: how many projects there
//! are, and how many of them are active.

use futures::{StreamExt, stream};
use tokio::time::{Instant, sleep};

use super::asking::wait;
use super::capacity::Capacity;
use super::engine::{
    Answer, MOST_PATHS, NextPage, Node, Page, PartError, Position, Projects, Request, RestPage,
    Verdict, first_page, is_gone, judge, not_understood,
};
use super::plan::{Capabilities, Depth, List, Plan, RequestPart};
use super::selection::Source;
use super::{Assumption, Poller, Population, not_found};
use crate::gitlab::Error;
use crate::metrics::{Access, ProjectAnswer, UnixTime};

/// How far back it is counted who was active.
const HOUR: u64 = 3600;
/// How many pages are read to see that far; where they are too few, the rest is taken to be alike.
const MOST_PAGES: usize = 5;

/// A survey under way.
struct Survey<'a> {
    poller: &'a Poller,
    capabilities: Capabilities,
    graphql: bool,
    deadline: Instant,
}

/// A page of a list, and whether there are more.
struct Sample {
    found: Vec<ProjectAnswer>,
    goes_on: bool,
}

/// Why a list could not be surveyed.
enum Unsurveyed {
    /// There is no such project.
    Missing(String),
    Failed(Error),
}

impl From<Error> for Unsurveyed {
    fn from(error: Error) -> Unsurveyed {
        Unsurveyed::Failed(error)
    }
}

/// Why a list can't be surveyed, and what to do about it.
fn failure(source: &Source, error: &Error) -> String {
    match (source, error) {
        (Source::Group(name), Error::NotFound { .. }) => not_found::group(name),
        _ => format!("{source}: {}", error.with_advice()),
    }
}

impl Poller {
    /// Counts the projects and those that were active in the last hour. How many are selected, and how
    /// many hide values, is told by the first page of each list; a project that is active is taken to
    /// run a pipeline.
    ///
    /// # Errors
    /// If a list can't be read or counted: what is wrong, and what to do about it.
    pub async fn survey(&mut self, deadline: Instant) -> Result<Assumption, String> {
        let mut survey = Survey {
            poller: self,
            capabilities: Capabilities::default(),
            graphql: true,
            deadline,
        };
        let probed = survey.probe().await;
        probed.map_err(|error| error.with_advice())?;
        let (mut lists, mut active) = (Vec::new(), 0.0);
        for source in self.config.selection.sources() {
            let (population, active_there) = match survey.of(&source).await {
                Ok(surveyed) => surveyed,
                Err(Unsurveyed::Missing(name)) => return Err(not_found::project(&name)),
                Err(Unsurveyed::Failed(error)) => return Err(failure(&source, &error)),
            };
            active += active_there;
            lists.push(population);
        }
        let projects = lists.iter().map(|list| list.projects).sum();
        Ok(Assumption {
            lists,
            groups: Assumption::beside(projects),
            runners: Assumption::beside(projects),
            active,
            pipelines: active,
            capabilities: survey.capabilities,
            graphql: survey.graphql,
        })
    }
}

impl Survey<'_> {
    /// How many projects a list has, and how many of them are active.
    async fn of(&self, source: &Source) -> Result<(Population, f64), Unsurveyed> {
        let sample = self.sample(source).await?;
        let projects = match sample.goes_on {
            true => self.count(source).await?,
            false => sample.found.len(),
        };
        let active = match source {
            Source::Projects(_) => self.active_among(&sample.found),
            _ => self.active(source).await?,
        };
        Ok((
            self.population(source.clone(), projects, &sample.found),
            active,
        ))
    }

    async fn probe(&mut self) -> Result<(), Error> {
        let forks = self.poller.config.selection.filter.forks;
        let Answer::Probe(answer) = self.ask(Request::Probe).await else {
            return Err(no_answer());
        };
        match judge(answer, forks) {
            Verdict::Graphql(capabilities) => self.capabilities = *capabilities,
            Verdict::LacksForks(capabilities) => {
                (self.capabilities, self.graphql) = (*capabilities, false);
            }
            Verdict::Rest(_) => self.graphql = false,
            Verdict::Unknown(error) => return Err(error),
        }
        Ok(())
    }

    /// The first page of a list; all of it, where it is a list of names.
    async fn sample(&self, source: &Source) -> Result<Sample, Unsurveyed> {
        if let Source::Projects(names) = source {
            let found = self.named(names).await?;
            return Ok(Sample {
                found,
                goes_on: false,
            });
        }
        if !self.graphql {
            let order = "order_by=id&sort=asc";
            let page = self.page(first_page(source, order, order)).await?;
            return Ok(Sample {
                goes_on: page.next != NextPage::End,
                found: page.projects,
            });
        }
        let whole = part(source.list(), Depth::Whole, None);
        let page = match self.projects(&whole).await {
            // Somebody breaks the page; who is on it can be told all the same.
            Err(None) => {
                self.projects(&part(source.list(), Depth::Identity, None))
                    .await
            }
            page => page,
        };
        let page = page.map_err(|error| error.unwrap_or_else(no_answer))?;
        Ok(Sample {
            goes_on: page.next != NextPage::End,
            found: whole_of(page),
        })
    }

    /// Reads projects by name: 100 ids or 50 paths at a time, and what GraphQL does not find over REST.
    async fn named(&self, names: &[String]) -> Result<Vec<ProjectAnswer>, Unsurveyed> {
        let mut found: Vec<ProjectAnswer> = Vec::new();
        let (ids, paths): (Vec<_>, Vec<_>) =
            names.iter().partition(|name| name.parse::<u64>().is_ok());
        let ids: Vec<u64> = ids.iter().filter_map(|name| name.parse().ok()).collect();
        let mut lists = Vec::new();
        if self.graphql {
            lists.extend(
                ids.chunks(Capacity::PAGE)
                    .map(|ids| List::Ids(ids.to_vec())),
            );
            if self.capabilities.asks_by_paths() {
                let chunks = paths.chunks(MOST_PATHS);
                lists.extend(
                    chunks.map(|paths| {
                        List::Paths(paths.iter().map(|path| (*path).clone()).collect())
                    }),
                );
            }
        }
        for list in lists {
            let page = self.projects(&part(list, Depth::Whole, None)).await;
            found.extend(page.map(whole_of).unwrap_or_default());
        }
        let is_found = |name: &&String| {
            found.iter().any(|found| {
                found.identity.id.to_string() == **name
                    || found.identity.path.eq_ignore_ascii_case(name)
            })
        };
        let others: Vec<String> = names
            .iter()
            .filter(|name| !is_found(name))
            .cloned()
            .collect();
        let mut answers = stream::iter(others)
            .map(async |name| (self.ask(Request::Project(name.clone())).await, name))
            .buffer_unordered(self.poller.client.concurrency());
        while let Some(answer) = answers.next().await {
            match answer {
                (Answer::Project(Ok(one)), _) => found.push(one),
                (Answer::Project(Err(error)), name) if is_gone(&error) => {
                    return Err(Unsurveyed::Missing(name));
                }
                (Answer::Project(Err(error)), _) => return Err(error.into()),
                _ => {}
            }
        }
        drop(answers);
        Ok(found)
    }

    /// How many projects a list has.
    async fn count(&self, source: &Source) -> Result<usize, Error> {
        let mut count = None;
        if self.graphql
            && let Answer::ProjectCount(Ok(counted)) =
                self.ask(Request::ProjectCount(source.list())).await
        {
            count = Some(counted);
        }
        let count = match count {
            Some(count) => count,
            None => {
                let order = "order_by=id&sort=asc";
                match self
                    .ask(Request::Count(first_page(source, order, order)))
                    .await
                {
                    Answer::Count(count) => count?,
                    _ => return Err(no_answer()),
                }
            }
        };
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// How many projects of a list were active in the last hour.
    async fn active(&self, source: &Source) -> Result<f64, Error> {
        let now = self.poller.now().as_secs();
        let since = now.saturating_sub(HOUR);
        let (mut active, mut last, mut position) = (0, now, None);
        for _ in 0..MOST_PAGES {
            let (times, next) = self.recent(source, position).await?;
            active += times.iter().filter(|time| **time > since).count();
            last = times.iter().copied().min().unwrap_or(last).min(last);
            position = match next {
                NextPage::At(next) if last > since => Some(next),
                _ => return Ok(active as f64),
            };
        }
        let seen = now.saturating_sub(last).max(1);
        Ok(active as f64 * HOUR as f64 / seen as f64)
    }

    /// When the projects of a page were last active, the latest first, and where the list goes on.
    async fn recent(
        &self,
        source: &Source,
        position: Option<Position>,
    ) -> Result<(Vec<UnixTime>, NextPage), Error> {
        if !self.graphql {
            let order = "order_by=last_activity_at&sort=desc";
            let path = match position {
                Some(Position::Path(path)) => path,
                _ => first_page(source, order, order),
            };
            let page = self.page(path).await?;
            let times = page
                .projects
                .iter()
                .filter_map(|found| found.identity.last_activity);
            return Ok((times.collect(), page.next));
        }
        let after = match position {
            Some(Position::Cursor(cursor)) => Some(cursor),
            _ => None,
        };
        match self
            .projects(&part(source.list(), Depth::Recent, after))
            .await
        {
            Ok(page) => {
                let times = page.nodes.iter().filter_map(Node::activity);
                Ok((times.collect(), page.next))
            }
            // Nobody is known to be active then.
            Err(None) => Ok((Vec::new(), NextPage::End)),
            Err(Some(error)) => Err(error),
        }
    }

    /// Asks for one part. An error of none says that less may do.
    async fn projects(&self, part: &RequestPart) -> Result<Page, Option<Error>> {
        let plan = Plan::new(&self.poller.enabled, &self.capabilities);
        let request = Request::Projects(vec![part.clone()], plan.into());
        match self.ask(request).await {
            Answer::Projects(Ok(Projects { mut parts, .. })) => match parts.pop() {
                Some(Ok(page)) => Ok(page),
                Some(Err(PartError::TooMuch)) => Err(None),
                Some(Err(PartError::Refused(error))) => Err(Some(error)),
                _ => {
                    let detail = "GitLab does not show this list to the token".to_owned();
                    Err(Some(Error::NotFound { detail }))
                }
            },
            Answer::Projects(Err(Error::Timeout { .. } | Error::Server { .. })) => Err(None),
            Answer::Projects(Err(error)) => Err(Some(error)),
            _ => Err(Some(no_answer())),
        }
    }

    async fn page(&self, path: String) -> Result<RestPage, Error> {
        match self.ask(Request::Page(path)).await {
            Answer::Page(page) => page,
            _ => Err(no_answer()),
        }
    }

    /// Asks, and waits where a limit allows nothing for a while.
    async fn ask(&self, request: Request) -> Answer {
        loop {
            let asking = &self.poller.asking;
            let answer = asking
                .ask(request.clone(), self.deadline, self.poller.now())
                .await;
            match answer.error().and_then(wait) {
                Some(wait) if Instant::now() + wait < self.deadline => sleep(wait).await,
                _ => return answer,
            }
        }
    }

    fn active_among(&self, found: &[ProjectAnswer]) -> f64 {
        let since = self.poller.now().as_secs().saturating_sub(HOUR);
        let active = |found: &&ProjectAnswer| found.identity.last_activity > Some(since);
        found.iter().filter(active).count() as f64
    }

    /// A list of which a part is known.
    fn population(&self, source: Source, projects: usize, sample: &[ProjectAnswer]) -> Population {
        let (filter, now) = (
            &self.poller.config.selection.filter,
            self.poller.now().as_secs(),
        );
        let columns = self.poller.enabled.columns();
        let hides = |found: &&ProjectAnswer| columns.iter().any(|column| found.is_hidden(*column));
        let is_unclear = |found: &&ProjectAnswer| found.identity.access.contains(&Access::Unclear);
        let taken = sample
            .iter()
            .filter(|found| filter.takes(&found.identity, now));
        let taken: Vec<&ProjectAnswer> = taken.collect();
        let of_all = |count: usize| (count * projects).div_ceil(sample.len().max(1));
        let count = |which: &dyn Fn(&&ProjectAnswer) -> bool| {
            of_all(taken.iter().copied().filter(|found| which(found)).count())
        };
        Population {
            source,
            projects,
            selected: of_all(taken.len()),
            hidden: count(&hides),
            unclear: count(&is_unclear),
        }
    }
}

fn part(list: List, depth: Depth, after: Option<String>) -> RequestPart {
    let first = match &list {
        List::Ids(ids) => ids.len(),
        List::Paths(paths) => paths.len(),
        _ => Capacity::PAGE,
    };
    RequestPart {
        list,
        depth,
        first,
        after,
    }
}

fn whole_of(page: Page) -> Vec<ProjectAnswer> {
    let found = page.nodes.into_iter().filter_map(|node| match node {
        Node::Whole(found) => Some(*found),
        _ => None,
    });
    found.collect()
}

fn no_answer() -> Error {
    not_understood(&"GitLab does not even list these projects in time")
}
