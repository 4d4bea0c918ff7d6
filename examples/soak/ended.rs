//! What has ended in the model, as the counters should have it.

use std::collections::BTreeMap;
use std::time::Duration;

use gitlab_metrics_bridge::simulator::World;
use jiff::Timestamp;

use super::simulation::counted::run_series;

/// A pipeline that is retried and ends again before anybody has looked shows its last end alone: GitLab's lists tell
/// nothing of the one before. With failures and restarts it may take this long until somebody looks.
const UNSEEN: Duration = Duration::from_secs(150);

/// How often pipelines ended, and how often of that nobody can have seen it, by series.
#[derive(Default)]
pub struct Ended(BTreeMap<String, (u64, u64)>);

impl Ended {
    /// What the ledger says since then. Children are not counted.
    pub fn since(world: &World, since: Timestamp) -> Ended {
        let mut ended = Ended::default();
        let mut last = BTreeMap::new();
        let entries = world.ledger().pipelines().since(since).without("child");
        for entry in entries.iter() {
            let name = run_series(entry.project, entry.status);
            ended.0.entry(name.clone()).or_default().0 += 1;
            let pipeline = (entry.project, entry.key);
            if let Some((before, at)) = last.insert(pipeline, (name, entry.at))
                && entry.at.duration_since(at).unsigned_abs() < UNSEEN
            {
                ended.0.entry(before).or_default().1 += 1;
            }
        }
        ended
    }

    pub fn all(&self) -> u64 {
        self.0.values().map(|(ended, _)| ended).sum()
    }

    pub fn hidden(&self) -> u64 {
        self.0.values().map(|(_, hidden)| hidden).sum()
    }

    /// The counters that show more than ended, or less than somebody can have seen.
    pub fn wrong(&self, counted: &BTreeMap<String, f64>) -> Vec<String> {
        let names = self
            .0
            .keys()
            .chain(counted.keys().filter(|name| !self.0.contains_key(*name)));
        let wrong = names.filter_map(|name| {
            let (ended, hidden) = self.0.get(name).copied().unwrap_or_default();
            let shown = counted.get(name).copied().unwrap_or_default();
            let is_right = (ended - hidden) as f64 <= shown && shown <= ended as f64;
            (!is_right)
                .then(|| format!("{name} shows {shown}: {ended} ended, {hidden} of them hidden"))
        });
        wrong.collect()
    }
}
