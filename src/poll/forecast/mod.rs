//! What polling will cost: the engine itself, driven with made-up answers in made-up time.
//!
//! Nothing of what it decides is said here a second time, so a forecast can't drift from what the
//! poller does. It assumes a GitLab that answers in good time and in full; what fails is asked again,
//! and costs more.

mod limits;
mod made_up;
mod run;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::engine::{Kind, Moment, Rhythm};
use super::plan::Capabilities;
use super::selection::Source;
use crate::metrics::EnabledMetrics;
use run::Run;

pub use limits::{ANNOUNCED, Advice, Forecasts};

/// Over how many hours the steady state is measured: what is due now and then evens out.
const MEASURED: u32 = 2;
const HOUR: Duration = Duration::from_secs(3600);
const MINUTE: Duration = Duration::from_secs(60);

/// What is assumed of a GitLab.
#[derive(Clone, Debug)]
pub struct Assumption {
    /// The lists of projects; none is on two of them.
    pub lists: Vec<Population>,
    /// How many projects are active in an hour: the time of their activity moves.
    pub active: f64,
    /// How many projects run pipelines in an hour.
    pub pipelines: f64,
    /// What this GitLab can do.
    pub capabilities: Capabilities,
    /// Whether GraphQL can be used; REST is, at more requests, if not.
    pub graphql: bool,
}

/// The projects of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Population {
    /// The list.
    pub source: Source,
    /// How many it has.
    pub projects: usize,
    /// How many of them are selected.
    pub selected: usize,
    /// Of how many of those GraphQL hides a value that REST may tell.
    pub hidden: usize,
    /// Of how many of those GraphQL does not tell whether a feature is switched off: GitLab before 17.
    pub unclear: usize,
}

/// What polling will cost.
#[derive(Clone, Debug, PartialEq)]
pub struct Forecast {
    /// The requests of the first poll, which reads everything.
    pub first_sweep: u64,
    /// The requests of an hour after that, by kind.
    pub an_hour: BTreeMap<Kind, f64>,
    /// The most requests in a minute after the first sweep.
    pub busiest_minute: u64,
}

impl Assumption {
    /// So many projects, a share of which is active in an hour, in a current GitLab that hides
    /// nothing. Those that are selected by name are counted among them; the others are spread evenly
    /// over the other lists. An active project runs a pipeline.
    pub fn of(sources: &[Source], projects: usize, active: impl Fn(usize) -> f64) -> Assumption {
        let named = |source: &Source| match source {
            Source::Projects(names) => Some(names.len()),
            _ => None,
        };
        let lists = sources.iter().filter(|source| named(source).is_none());
        let lists = lists.count().max(1);
        let others = projects.saturating_sub(sources.iter().filter_map(named).sum());
        let mut unnamed = 0;
        let lists = sources.iter().map(|source| {
            let projects = named(source).unwrap_or_else(|| {
                unnamed += 1;
                others / lists + usize::from(unnamed <= others % lists)
            });
            Population {
                source: source.clone(),
                projects,
                selected: projects,
                hidden: 0,
                unclear: 0,
            }
        });
        let lists: Vec<Population> = lists.collect();
        let active = active(lists.iter().map(|list| list.projects).sum());
        Assumption {
            lists,
            active,
            pipelines: active,
            capabilities: Capabilities::current(),
            graphql: true,
        }
    }

    /// How many projects there are.
    pub fn projects(&self) -> usize {
        self.lists.iter().map(|list| list.projects).sum()
    }
}

impl Forecast {
    /// What polling what is enabled will cost in this rhythm.
    pub fn new(rhythm: Rhythm, enabled: &EnabledMetrics, assumption: &Assumption) -> Forecast {
        let mut run = Run::new(rhythm, enabled, assumption);
        let start = run.now();
        run.poll();
        let first_sweep = run.take_requests().values().sum();
        // The first poll asks everyone at once; it takes a while until that has evened out.
        let warm_up = HOUR.max(2 * rhythm.glance.min(rhythm.sweep));
        let mut an_hour: BTreeMap<Kind, f64> = BTreeMap::new();
        let mut minute = Minute::default();
        loop {
            run.pass(rhythm.interval.max(Duration::from_secs(1)));
            let since = run.now().since(start);
            if since >= warm_up + MEASURED * HOUR {
                break;
            }
            run.poll();
            let requests = run.take_requests();
            if since >= warm_up {
                minute.add(run.now(), requests.values().sum());
                for (kind, count) in requests {
                    *an_hour.entry(kind).or_default() += count as f64 / f64::from(MEASURED);
                }
            }
        }
        Forecast {
            first_sweep,
            an_hour,
            busiest_minute: minute.most,
        }
    }

    /// The requests of an hour after the first sweep.
    pub fn total(&self) -> f64 {
        self.an_hour.values().sum()
    }
}

/// The requests of the last minute.
#[derive(Default)]
struct Minute {
    polls: VecDeque<(Moment, u64)>,
    most: u64,
}

impl Minute {
    fn add(&mut self, now: Moment, requests: u64) {
        self.polls.push_back((now, requests));
        self.polls.retain(|(at, _)| now.since(*at) < MINUTE);
        let sum = self.polls.iter().map(|(_, requests)| requests).sum();
        self.most = self.most.max(sum);
    }
}

#[cfg(test)]
mod tests;
