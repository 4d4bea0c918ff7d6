//! Whether a forecast fits a limit, and how to poll so that it does.

use std::collections::HashMap;
use std::time::Duration;

use super::Forecast;
use super::assumption::Assumption;
use crate::gitlab::Budget;
use crate::metrics::EnabledMetrics;
use crate::poll::config::Rhythm;

/// What GitLab.com has announced for its plans (Free, Premium, Ultimate).
/// <https://docs.gitlab.com/user/gitlab_com/rate_limits/>
pub const ANNOUNCED: [Budget; 3] = [
    Budget {
        per_hour: 5_000,
        per_minute: 100,
    },
    Budget {
        per_hour: 15_000,
        per_minute: 1_250,
    },
    Budget {
        per_hour: 25_000,
        per_minute: 2_000,
    },
];

/// Intervals that a person would choose, in seconds.
const INTERVALS: [u64; 9] = [30, 60, 120, 180, 300, 600, 900, 1_800, 3_600];
/// Sweeps that a person would choose, in seconds.
const SWEEPS: [u64; 6] = [7_200, 10_800, 21_600, 43_200, 64_800, 86_400];

/// What to set so that polling fits a limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Advice {
    /// `poll.interval`; none if it may stay.
    pub interval: Option<Duration>,
    /// `poll.sweep`; none if it may stay.
    pub sweep: Option<Duration>,
}

impl Forecast {
    /// Whether GitLab would let that many requests pass. More than a minute allows are no matter, as
    /// long as the minutes after it have room for them: the client spreads them.
    pub fn fits(&self, limit: Budget) -> bool {
        self.total() <= f64::from(limit.per_hour).min(60.0 * f64::from(limit.per_minute))
    }

    /// Whether the client, held to this budget, sends that many requests without falling behind. It
    /// leaves some of a budget unused, so that every window holds it.
    pub fn fits_budget(&self, budget: Budget) -> bool {
        self.total() <= budget.sustained()
    }
}

/// Forecasts for one GitLab in different rhythms, each made once.
pub struct Forecasts<'a> {
    enabled: &'a EnabledMetrics,
    assumption: &'a Assumption,
    made: HashMap<Rhythm, Forecast>,
}

impl Forecasts<'_> {
    /// For what is enabled of the projects that are assumed.
    pub fn new<'a>(enabled: &'a EnabledMetrics, assumption: &'a Assumption) -> Forecasts<'a> {
        Forecasts {
            enabled,
            assumption,
            made: HashMap::new(),
        }
    }

    /// The forecast for a rhythm.
    pub fn of(&mut self, rhythm: Rhythm) -> &Forecast {
        let forecast = || Forecast::new(rhythm, self.enabled, self.assumption);
        self.made.entry(rhythm).or_insert_with(forecast)
    }

    /// What to change of a rhythm: the shortest interval that `fits`; where none does, the shortest
    /// sweep, and an interval for it.
    pub fn advice(&mut self, rhythm: Rhythm, fits: impl Fn(&Forecast) -> bool) -> Option<Advice> {
        let sweeps = std::iter::once(rhythm.sweep).chain(longer(&SWEEPS, rhythm.sweep));
        for sweep in sweeps {
            let with = |interval: Duration| Rhythm {
                interval,
                glance: rhythm.glance.max(interval),
                sweep,
            };
            // A sweep that is no longer than the interval reads everything each time.
            let others = longer(&INTERVALS, rhythm.interval).filter(|interval| *interval < sweep);
            let intervals: Vec<_> = std::iter::once(rhythm.interval).chain(others).collect();
            let found = intervals.partition_point(|interval| !fits(self.of(with(*interval))));
            if let Some(&interval) = intervals.get(found) {
                return Some(Advice {
                    interval: (interval != rhythm.interval).then_some(interval),
                    sweep: (sweep != rhythm.sweep).then_some(sweep),
                });
            }
        }
        None
    }
}

fn longer(seconds: &'static [u64], than: Duration) -> impl Iterator<Item = Duration> {
    let durations = seconds.iter().copied().map(Duration::from_secs);
    durations.filter(move |duration| *duration > than)
}
