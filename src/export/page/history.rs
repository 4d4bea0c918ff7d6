//! The polls of the last hours, and what subjects cost in the last one. It outlives reloads, and is bounded.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::export::{Introspect, Views};
use crate::lock::lock;
use crate::metrics::{BridgeStatus, GitLabStatus, Report, UnixTime};

/// More polls of a GitLab are not kept: six hours of one every five seconds.
const MOST: usize = 4_320;
/// Polls that ended longer ago are not kept.
const OLDEST: UnixTime = 6 * HOUR;
const HOUR: UnixTime = 60 * 60;
const MINUTE: UnixTime = 60;

/// The polls of each GitLab, by its name.
#[derive(Default)]
pub struct History(Mutex<BTreeMap<Option<Arc<str>>, OfGitLab>>);

/// A poll that has ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Poll {
    /// In bridge time.
    pub ended: UnixTime,
    pub took: Duration,
    pub requests: u64,
    /// Why it was not complete; none if it was.
    pub failure: Option<Arc<str>>,
}

/// What was asked of a GitLab in the last hour.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LastHour {
    pub requests: u64,
    pub by_subject: BTreeMap<&'static str, f64>,
    /// How long it is counted already, an hour at the most.
    pub counted: Duration,
}

#[derive(Default)]
struct OfGitLab {
    /// The last report, to tell a new one from it.
    last: Option<(UnixTime, Duration, u64)>,
    polls: VecDeque<Poll>,
    /// When counting began.
    since: UnixTime,
    /// What was counted since the start, when it was last looked at.
    counted: Counted,
    /// What each minute added to it.
    minutes: VecDeque<(UnixTime, Counted)>,
}

#[derive(Clone, Default)]
struct Counted {
    requests: u64,
    by_subject: BTreeMap<&'static str, f64>,
}

impl History {
    /// Notes what each view brings, until told to stop.
    pub async fn run(self: Arc<Self>, mut views: Views, tell: Introspect, stop: CancellationToken) {
        loop {
            let view = views.borrow_and_update().clone();
            self.note(&tell(&view));
            tokio::select! {
                changed = views.changed() => if changed.is_err() { return },
                () = stop.cancelled() => return,
            }
        }
    }

    /// Notes polls that have ended since, and forgets GitLabs that are not polled any more.
    pub fn note(&self, bridge: &BridgeStatus) {
        let mut all = lock(&self.0);
        all.retain(|name, _| bridge.gitlabs.iter().any(|gitlab| gitlab.name == *name));
        for gitlab in &bridge.gitlabs {
            let own = all.entry(gitlab.name.clone()).or_default();
            own.note(gitlab);
        }
    }

    /// The polls of a GitLab, the oldest first.
    pub fn polls(&self, name: Option<&str>) -> Vec<Poll> {
        let all = lock(&self.0);
        let own = all.iter().find(|(own, _)| own.as_deref() == name);
        own.map(|(_, own)| own.polls.iter().cloned().collect())
            .unwrap_or_default()
    }

    /// What was asked of a GitLab in the hour before `now`.
    pub fn last_hour(&self, name: Option<&str>, now: UnixTime) -> LastHour {
        let all = lock(&self.0);
        let own = all.iter().find(|(own, _)| own.as_deref() == name);
        own.map(|(_, own)| own.last_hour(now)).unwrap_or_default()
    }
}

impl OfGitLab {
    fn note(&mut self, gitlab: &GitLabStatus) {
        let now = gitlab.now;
        if self.since == 0 {
            self.since = now;
        }
        self.count(gitlab);
        let report = gitlab.snapshot.report.as_ref();
        if let Some(report) = report.filter(|report| !report.restored) {
            self.add(report);
        }
        let is_old = |at: UnixTime, oldest| at + oldest < now;
        while self.polls.len() > MOST
            || self
                .polls
                .front()
                .is_some_and(|poll| is_old(poll.ended, OLDEST))
        {
            self.polls.pop_front();
        }
        while self
            .minutes
            .front()
            .is_some_and(|(at, _)| is_old(*at, HOUR))
        {
            self.minutes.pop_front();
        }
    }

    fn add(&mut self, report: &Report) {
        let own = (report.ended, report.took, report.requests);
        if self.last.replace(own) == Some(own) {
            return;
        }
        let before = self.polls.back().and_then(|poll| poll.failure.clone());
        let failure = report.failure.as_deref();
        self.polls.push_back(Poll {
            ended: report.ended,
            took: report.took,
            requests: report.requests,
            // Polls that fail alike share the words.
            failure: failure.map(|own| match before {
                Some(before) if *before == *own => before,
                _ => own.into(),
            }),
        });
    }

    fn count(&mut self, gitlab: &GitLabStatus) {
        let usage = &gitlab.usage;
        let now = Counted {
            requests: usage.requests.values().sum(),
            by_subject: usage.by_subject.clone(),
        };
        let minute = gitlab.now / MINUTE * MINUTE;
        if self.minutes.back().is_none_or(|(at, _)| *at != minute) {
            self.minutes.push_back((minute, Counted::default()));
        }
        if let Some((_, added)) = self.minutes.back_mut() {
            added.requests += since(now.requests, self.counted.requests);
            for (subject, requests) in &now.by_subject {
                let before = self.counted.by_subject.get(subject).copied();
                *added.by_subject.entry(subject).or_default() +=
                    since(*requests, before.unwrap_or_default());
            }
        }
        self.counted = now;
    }

    fn last_hour(&self, now: UnixTime) -> LastHour {
        let mut hour = LastHour {
            counted: Duration::from_secs(now.saturating_sub(self.since).min(HOUR)),
            ..LastHour::default()
        };
        for (_, added) in self.minutes.iter().filter(|(at, _)| at + HOUR >= now) {
            hour.requests += added.requests;
            for (subject, requests) in &added.by_subject {
                *hour.by_subject.entry(subject).or_default() += requests;
            }
        }
        hour
    }
}

/// What was added to a count. One that is lower than before began anew.
fn since<T: PartialOrd + std::ops::Sub<Output = T>>(now: T, before: T) -> T {
    match now >= before {
        true => now - before,
        false => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Snapshot, Usage};

    const START: UnixTime = 1_790_000_040;

    /// A GitLab after a poll that ended so many seconds after the start, and what was asked by then.
    fn after(seconds: u64, requests: u64, failure: Option<&str>) -> BridgeStatus {
        let report = Report {
            ended: START + seconds,
            took: Duration::from_secs(3),
            requests,
            failure: failure.map(str::to_owned),
            ..Report::default()
        };
        let usage = Usage {
            requests: [(("graphql", "200".into()), requests)].into(),
            by_subject: [("projects", requests as f64)].into(),
            ..Usage::default()
        };
        BridgeStatus {
            gitlabs: vec![GitLabStatus {
                now: START + seconds,
                snapshot: Arc::new(Snapshot {
                    report: Some(report),
                    ..Snapshot::default()
                }),
                usage,
                ..GitLabStatus::default()
            }],
            ..BridgeStatus::default()
        }
    }

    #[test]
    fn each_poll_is_kept_once_for_six_hours() {
        let history = History::default();
        for _ in 0..2 {
            history.note(&after(0, 5, None));
        }
        history.note(&after(60, 9, Some("status 502")));
        let polls = history.polls(None);
        let told: Vec<_> = polls
            .iter()
            .map(|poll| (poll.ended - START, poll.failure.as_deref()))
            .collect();
        assert_eq!(told, [(0, None), (60, Some("status 502"))]);
        history.note(&after(6 * 3_600 + 1, 20, None));
        assert_eq!(history.polls(None).len(), 2, "the first is too old");
        assert_eq!(history.polls(Some("another")), []);
    }

    #[test]
    fn there_are_never_more_polls_than_are_kept() {
        let history = History::default();
        for second in 0..5_000 {
            history.note(&after(second, second, None));
        }
        assert_eq!(history.polls(None).len(), MOST);
    }

    #[test]
    fn the_last_hour_has_what_was_asked_in_it_also_where_counting_began_anew() {
        let history = History::default();
        history.note(&after(0, 100, None));
        history.note(&after(3_000, 130, None));
        let hour = history.last_hour(None, START + 3_000);
        assert_eq!((hour.requests, hour.by_subject["projects"]), (130, 130.0));
        assert_eq!(hour.counted, Duration::from_secs(3_000));
        history.note(&after(4_000, 7, None)); // After a reload that asks another GitLab.
        let hour = history.last_hour(None, START + 4_000);
        assert_eq!((hour.requests, hour.by_subject["projects"]), (37, 37.0));
        assert_eq!(hour.counted, Duration::from_secs(3_600));
    }
}
