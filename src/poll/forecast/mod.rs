//! What polling will cost: the engine itself, driven with made-up answers in made-up time.
//!
//! Nothing of what it decides is said here a second time, so a forecast can't drift from what the
//! poller does. It assumes a GitLab that answers in good time and in full; what fails is asked again,
//! and costs more.

mod assumption;
mod limits;
mod made_up;
mod made_up_ci;
mod made_up_estate;
mod price;
mod run;

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::config::Rhythm;
use super::engine::{Kind, Moment};
use crate::metrics::EnabledMetrics;
use made_up::HOUR;
use run::Run;

pub use assumption::{Assumption, Population};
pub use limits::{ANNOUNCED, Advice, Forecasts};
pub use price::{Price, prices};

/// Over how many hours the steady state is measured: what is due now and then evens out.
const MEASURED: u32 = 2;
const MINUTE: Duration = Duration::from_secs(60);

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
