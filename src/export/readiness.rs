//! Whether what is shown is fresh enough to be called ready.
//!
//! The bridge is ready once a poll has been complete, and stays ready for three intervals after the
//! last complete one. The limit is made of the configured interval alone: one made of how long polls
//! take would grow with every poll that fails slowly, and a GitLab that hangs would become ready
//! again by itself.
//!
//! A poll may lawfully take longer than that: many projects, a slow GitLab, a small budget. So after
//! the limit the poll under way is looked at. The bridge stays ready while that poll follows a
//! complete one and GitLab does not owe an answer for three intervals. Requests that wait for the
//! budget are not sent, so GitLab owes nothing for them. Once a poll has ended incomplete nothing but
//! a complete one makes the bridge ready again.
//!
//! Ages are differences in bridge time, so no jump of the wall clock changes them.

use std::time::Duration;

use tokio::time::Instant;

use super::Health;
use crate::metrics::{BridgeStatus, GitLabStatus, Report};
use crate::prose::duration;

/// Decides whether the bridge is ready.
pub struct Readiness {
    started: Instant,
    export_interval: Duration,
}

impl Readiness {
    /// How many intervals may pass without a success.
    const INTERVALS: u32 = 3;
    /// What counts as an interval at least: times are kept in whole seconds.
    const SHORTEST: Duration = Duration::from_secs(1);

    /// For a bridge that starts now. The interval of OTLP exports is zero without OTLP.
    pub fn new(export_interval: Duration) -> Readiness {
        Readiness {
            started: Instant::now(),
            export_interval,
        }
    }

    /// Says why the bridge is not ready; none if it is.
    pub fn complaint(&self, bridge: &BridgeStatus, exports: &[&Health]) -> Option<String> {
        let complaints = bridge.gitlabs.iter().filter_map(|gitlab| {
            let complaint = self.of_polls(gitlab)?;
            Some(match &gitlab.name {
                Some(name) => format!("{name}: {complaint}"),
                None => complaint,
            })
        });
        let complaints: Vec<_> = complaints.collect();
        if !complaints.is_empty() {
            return Some(complaints.join("; "));
        }
        let limit = Self::limit(self.export_interval);
        exports.iter().find_map(|health| health.complaint(limit))
    }

    fn limit(interval: Duration) -> Duration {
        interval.max(Self::SHORTEST) * Self::INTERVALS
    }

    /// Says what is wrong with the polls of one GitLab.
    fn of_polls(&self, gitlab: &GitLabStatus) -> Option<String> {
        let Some(report) = &gitlab.snapshot.report else {
            return Some("the first poll has not ended yet".to_owned());
        };
        let Some(complete) = report.last_complete else {
            let failure = report.failure.as_deref().unwrap_or_default();
            return Some(format!("no poll has been complete yet: {failure}"));
        };
        let limit = Self::limit(gitlab.interval);
        let age = Duration::from_secs(gitlab.now.saturating_sub(complete));
        let silent = gitlab.usage.silent_for.filter(|silent| *silent > limit);
        let unpublished = unpublished_for(gitlab).filter(|age| *age > limit);
        let goes_on = self.follows_a_complete_poll(report, age, limit) && unpublished.is_none();
        if age <= limit || (goes_on && silent.is_none()) {
            return None;
        }
        let why = match (unpublished, silent) {
            (Some(unpublished), _) => format!(
                "no replica has published anything for {}; is the engine of cluster.url there?",
                duration(unpublished)
            ),
            (None, Some(silent)) => {
                let silent = Duration::from_secs(silent.as_secs());
                let because = gitlab.usage.silent_because.iter().chain(&report.failure);
                let because = because.map(|failure| format!("; {failure}"));
                let because: String = because.collect();
                format!("GitLab has not answered for {}{because}", duration(silent))
            }
            (None, None) => report.failure.clone().unwrap_or_default(),
        };
        Some(format!(
            "the last complete poll ended {} ago (limit {}): {why}",
            duration(age),
            duration(limit)
        ))
    }

    /// Whether the poll under way is the first after a complete one. After a restart that is one of
    /// the earlier process, if it was fresh then.
    fn follows_a_complete_poll(&self, report: &Report, age: Duration, limit: Duration) -> bool {
        match report.restored {
            true => age.saturating_sub(self.started.elapsed()) <= limit,
            false => report.failure.is_none(),
        }
    }
}

/// How long ago the version was published that this replica shows; none where there are no replicas. A poll under
/// way publishes every interval what it has read.
fn unpublished_for(gitlab: &GitLabStatus) -> Option<Duration> {
    let published = gitlab.leadership.as_ref()?.shown_at?;
    Some(Duration::from_secs(gitlab.now.saturating_sub(published)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::time::advance;

    use super::*;
    use crate::metrics::{Leadership, Snapshot, Usage};

    const INTERVAL: Duration = Duration::from_secs(60);
    const START: u64 = 1_790_000_000;

    /// A bridge whose last complete poll ended at `complete` seconds after the start.
    fn bridge(started: Instant, complete: u64, failure: Option<&str>) -> BridgeStatus {
        let report = Report {
            ended: START + complete,
            reached: true,
            failure: failure.map(str::to_owned),
            last_complete: Some(START + complete),
            ..Report::default()
        };
        let snapshot = Snapshot {
            report: Some(report),
            ..Snapshot::default()
        };
        let gitlab = GitLabStatus {
            now: START + started.elapsed().as_secs(),
            interval: INTERVAL,
            snapshot: Arc::new(snapshot),
            ..GitLabStatus::default()
        };
        BridgeStatus {
            gitlabs: vec![gitlab],
            ..BridgeStatus::default()
        }
    }

    fn silent_for(mut bridge: BridgeStatus, seconds: u64) -> BridgeStatus {
        bridge.gitlabs[0].usage = Usage {
            silent_for: Some(Duration::from_secs(seconds)),
            ..Usage::default()
        };
        bridge
    }

    #[tokio::test(start_paused = true)]
    async fn a_poll_of_five_intervals_that_is_answered_leaves_it_ready() {
        let (readiness, started) = (Readiness::new(Duration::ZERO), Instant::now());
        for minute in 1..=5 {
            advance(INTERVAL).await;
            let bridge = silent_for(bridge(started, 0, None), 7);
            assert_eq!(readiness.complaint(&bridge, &[]), None, "minute {minute}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_poll_that_waits_for_the_budget_leaves_it_ready() {
        let (readiness, started) = (Readiness::new(Duration::ZERO), Instant::now());
        advance(INTERVAL * 30).await;
        assert_eq!(readiness.complaint(&bridge(started, 0, None), &[]), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_gitlab_that_hangs_makes_it_unready_after_three_intervals_for_good() {
        let (readiness, started) = (Readiness::new(Duration::ZERO), Instant::now());
        for minute in 1..=60 {
            advance(INTERVAL).await;
            // First the poll is stuck; later polls fail, as slowly as they like.
            let failure = (minute > 10).then_some("the request timed out");
            let bridge = silent_for(bridge(started, 0, failure), minute * 60);
            let complaint = readiness.complaint(&bridge, &[]);
            assert_eq!(complaint.is_some(), minute > 3, "{minute}: {complaint:?}");
            let says = |complaint: &String| complaint.contains("GitLab has not answered for");
            assert!(complaint.iter().all(says), "{complaint:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn incomplete_polls_make_it_unready_after_three_intervals_though_gitlab_answers() {
        let (readiness, started) = (Readiness::new(Duration::ZERO), Instant::now());
        for minute in 1..=10 {
            advance(INTERVAL).await;
            let bridge = bridge(started, 0, Some("status 502"));
            let complaint = readiness.complaint(&bridge, &[]);
            assert_eq!(complaint.is_some(), minute > 3, "{minute}: {complaint:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_replica_is_ready_as_long_as_anybody_publishes() {
        let (readiness, started) = (Readiness::new(Duration::ZERO), Instant::now());
        for minute in 1..=10 {
            advance(INTERVAL).await;
            let mut bridge = bridge(started, 0, None);
            // A long poll, and from the fifth minute on nobody at all.
            let shown_at = Some(START + 60 * minute.min(5));
            bridge.gitlabs[0].leadership = Some(Leadership {
                shown_at,
                ..Leadership::default()
            });
            let complaint = readiness.complaint(&bridge, &[]);
            assert_eq!(complaint.is_some(), minute > 8, "{minute}: {complaint:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_restart_is_as_ready_as_the_process_before_it_was() {
        let restored = |complete: u64, started| {
            let mut bridge = bridge(started, complete, Some("the first poll has not ended yet"));
            let mut snapshot = Snapshot::clone(&bridge.gitlabs[0].snapshot);
            snapshot.report.as_mut().unwrap().restored = true;
            bridge.gitlabs[0].snapshot = Arc::new(snapshot);
            bridge
        };
        let began = Instant::now();
        advance(INTERVAL * 10).await;
        let readiness = Readiness::new(Duration::ZERO);
        advance(INTERVAL * 5).await; // The first poll after the restart takes long.
        assert_eq!(readiness.complaint(&restored(540, began), &[]), None);
        let silent = silent_for(restored(540, began), 300);
        assert!(readiness.complaint(&silent, &[]).is_some());
        let stale = readiness.complaint(&restored(300, began), &[]);
        assert!(stale.is_some(), "it was not fresh when the bridge started");
    }
}
