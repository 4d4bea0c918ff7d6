//! Learns from a GitLab, in a few requests, what a forecast has to assume: how many projects there
//! are, and how many of them are active.

use tokio::time::Instant;

use super::graphql::{Node, Trouble};
use super::plan::{Depth, Part, Plan};
use super::selection::Source;
use super::{Assumption, Capacity, Poller, Population};
use crate::gitlab::Error;
use crate::metrics::{ProjectAnswer, UnixTime};

/// How far back it is counted who was active.
const HOUR: u64 = 3600;
/// How many pages are read to see that far; where they are too few, the rest is taken to be alike.
const MOST_PAGES: usize = 5;

/// A page of a list, and whether there are more.
struct Sample {
    found: Vec<ProjectAnswer>,
    goes_on: bool,
}

impl Poller {
    /// Counts the projects and who of them was active in the last hour. How many are selected, and how
    /// many hide values, is told by the first page of each list; a project that is active is taken to
    /// run a pipeline.
    ///
    /// # Errors
    /// If a list can't be read or counted.
    pub async fn survey(&mut self, deadline: Instant) -> Result<Assumption, Error> {
        self.probe(deadline).await?;
        let (mut lists, mut active) = (Vec::new(), 0.0);
        for source in self.config.selection.sources() {
            let sample = self.sample(&source, deadline).await?;
            let projects = match sample.goes_on {
                true => self.count(&source, deadline).await?,
                false => sample.found.len(),
            };
            active += match &source {
                Source::Projects(_) => self.active_among(&sample.found),
                _ => self.active(&source, deadline).await?,
            };
            lists.push(self.population(source, projects, &sample.found));
        }
        Ok(Assumption {
            lists,
            active,
            pipelines: active,
            capabilities: self.capabilities(),
            graphql: self.graphql,
        })
    }

    /// The first page of a list; all of it, where it is a list of names.
    async fn sample(&self, source: &Source, deadline: Instant) -> Result<Sample, Error> {
        let (asker, rest) = (self.asker(deadline), self.rest(deadline));
        if let Source::Projects(names) = source {
            let listing = match self.graphql {
                true => self.read_named(names, &asker, &rest).await,
                false => rest.named(names).await,
            };
            return match listing.failure {
                Some(error) => Err(error),
                None => Ok(Sample {
                    found: listing.found,
                    goes_on: false,
                }),
            };
        }
        if !self.graphql {
            let page = rest.page(source, None).await?;
            return Ok(Sample {
                found: page.found,
                goes_on: page.next.is_some(),
            });
        }
        let part = part(source, Depth::Whole, None);
        let page = match asker.ask(std::slice::from_ref(&part)).await?.pop() {
            Some(Ok(page)) => page,
            Some(Err(Trouble::Failed(error))) => return Err(error),
            // Somebody breaks the page; who is on it can be told all the same.
            Some(Err(Trouble::TooMuch)) | None => asker.light(&part).await?,
        };
        let found = page.nodes.into_iter().filter_map(|node| match node {
            Node::Found(found) => Some(*found),
            _ => None,
        });
        Ok(Sample {
            found: found.collect(),
            goes_on: page.next.is_some(),
        })
    }

    /// How many projects a list has.
    async fn count(&self, source: &Source, deadline: Instant) -> Result<usize, Error> {
        let mut count = None;
        if self.graphql {
            let (document, variables) = Plan::count_request(&source.list());
            let answer = self.client.graphql(&document, variables, deadline).await;
            count = answer.ok().and_then(|answer| {
                let list = &answer.data["list"];
                let projects = list.get("projects").unwrap_or(list);
                projects["count"].as_u64()
            });
        }
        let count = match count {
            Some(count) => count,
            None => self.rest(deadline).count(source).await?,
        };
        Ok(usize::try_from(count).unwrap_or(usize::MAX))
    }

    /// How many projects of a list were active in the last hour.
    async fn active(&self, source: &Source, deadline: Instant) -> Result<f64, Error> {
        let since = self.now().saturating_sub(HOUR);
        let (mut active, mut after) = (0, None);
        let mut last = self.now();
        for _ in 0..MOST_PAGES {
            let (times, next) = self.recent(source, after, deadline).await?;
            active += times.iter().filter(|time| **time > since).count();
            last = times.iter().copied().min().unwrap_or(last).min(last);
            if last <= since || next.is_none() {
                return Ok(active as f64);
            }
            after = next;
        }
        let seen = self.now().saturating_sub(last).max(1);
        Ok(active as f64 * HOUR as f64 / seen as f64)
    }

    /// When the projects of a page were last active, the latest first, and where the list goes on.
    async fn recent(
        &self,
        source: &Source,
        after: Option<String>,
        deadline: Instant,
    ) -> Result<(Vec<UnixTime>, Option<String>), Error> {
        if !self.graphql {
            let rest = self.rest(deadline);
            let (nodes, next) = rest.recent(source, after.as_deref()).await?;
            let times = nodes.into_iter().filter_map(|(_, time)| time);
            return Ok((times.collect(), next));
        }
        let part = part(source, Depth::Recent, after);
        match self.asker(deadline).ask(&[part]).await?.pop() {
            Some(Ok(page)) => {
                let times = page.nodes.iter().filter_map(|node| match node {
                    Node::Seen { activity, .. } => *activity,
                    _ => None,
                });
                Ok((times.collect(), page.next))
            }
            Some(Err(Trouble::Failed(error))) => Err(error),
            // Nobody is known to be active then.
            Some(Err(Trouble::TooMuch)) | None => Ok((Vec::new(), None)),
        }
    }

    fn active_among(&self, found: &[ProjectAnswer]) -> f64 {
        let since = self.now().saturating_sub(HOUR);
        let active = |found: &&ProjectAnswer| found.identity.last_activity > Some(since);
        found.iter().filter(active).count() as f64
    }

    /// A list of which a part is known.
    fn population(&self, source: Source, projects: usize, sample: &[ProjectAnswer]) -> Population {
        let (filter, now) = (&self.config.selection.filter, self.now());
        let selected = |found: &&ProjectAnswer| filter.takes(&found.identity, now);
        let hides = |found: &&ProjectAnswer| {
            let mut columns = self.enabled.columns().iter();
            columns.any(|column| found.is_hidden(*column))
        };
        let taken: Vec<&ProjectAnswer> = sample.iter().filter(selected).collect();
        let hidden = taken.iter().copied().filter(|found| hides(found)).count();
        let of_all = |count: usize| (count * projects).div_ceil(sample.len().max(1));
        Population {
            source,
            projects,
            selected: of_all(taken.len()),
            hidden: of_all(hidden),
        }
    }
}

fn part(source: &Source, depth: Depth, after: Option<String>) -> Part {
    Part {
        list: source.list(),
        depth,
        first: Capacity::PAGE,
        after,
    }
}
