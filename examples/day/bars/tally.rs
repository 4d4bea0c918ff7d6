//! Requests by hour and by what they were for.

use std::collections::BTreeMap;

use gitlab_metrics_bridge::simulator::Request;

use crate::row;
use crate::simulation::asked::{Kind, parts};

/// What each simulated hour cost.
#[derive(Default)]
pub struct Tally {
    hours: Vec<BTreeMap<Kind, usize>>,
}

impl Tally {
    /// Adds the requests of the hour that has just passed.
    pub fn hour(&mut self, requests: &[Request]) {
        let mut hour = BTreeMap::new();
        for request in requests {
            // A request goes by the heaviest of its parts; the others travel for nothing.
            let kind = parts(request).iter().map(|part| part.kind).min();
            *hour.entry(kind.unwrap_or(Kind::Rest)).or_default() += 1;
        }
        self.hours.push(hour);
    }

    /// All requests since the beginning.
    pub fn all(&self) -> usize {
        self.hours.iter().flat_map(BTreeMap::values).sum()
    }

    /// A table: what an hour costs, on average and at most.
    pub fn rows(&self) -> Vec<Vec<String>> {
        let mut rows = vec![row!["requests an hour", "mean", "most"]];
        let count = |kind: Kind| self.hours.iter().map(move |hour| hour.get(&kind).copied());
        for kind in Kind::ALL {
            let counts: Vec<usize> = count(kind).map(Option::unwrap_or_default).collect();
            if counts.iter().any(|count| *count > 0) {
                rows.push(self.row(kind.meaning(), &counts));
            }
        }
        let sums = self.hours.iter().map(|hour| hour.values().sum());
        rows.push(self.row("all", &sums.collect::<Vec<usize>>()));
        rows
    }

    fn row(&self, name: &str, counts: &[usize]) -> Vec<String> {
        let mean = counts.iter().sum::<usize>() as f64 / counts.len().max(1) as f64;
        let most = counts.iter().max().copied().unwrap_or_default();
        row![name, format!("{mean:.1}"), most]
    }
}
