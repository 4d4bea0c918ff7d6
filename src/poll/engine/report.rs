//! What is known becomes the next snapshot, with a report of the poll.

use std::sync::Arc;

use super::Engine;
use super::errors::advice;
use super::moment::Moment;
use super::poll::Poll;
use crate::gitlab::Error;
use crate::metrics::{Owner, Owners, Report, Snapshot};
use crate::prose::{agree, counted, listed};

/// The name of what lists of projects belong to, in errors.
const PROJECTS: &str = "projects";

impl Engine {
    /// The snapshot after a poll.
    pub(super) fn merge(
        &mut self,
        poll: Poll,
        now: Moment,
        requests: u64,
        kept: Option<bool>,
    ) -> Snapshot {
        for (what, count) in &poll.values {
            *self.errors.entry(*what).or_default() += count;
        }
        for (_, error) in &poll.failures {
            *self.errors.entry((PROJECTS, error.reason())).or_default() += 1;
        }
        let failure = self.failure(&poll.failures).or_else(|| self.unfinished());
        let gone = self.gone();
        let complete = failure.is_none();
        let took = now.since(poll.began);
        let report = Report {
            ended: now.as_secs(),
            restored: false,
            took,
            late: took.saturating_sub(self.rhythm.interval),
            requests,
            reached: self.last_answer >= Some(poll.began),
            failure: failure.or(gone).or_else(|| self.left_out()),
            failed: poll.values.values().sum(),
            absent: self.names.absent.iter().cloned().collect(),
            last_complete: match &self.last.report {
                _ if complete => Some(now.as_secs()),
                Some(report) => report.last_complete,
                None => None,
            },
            errors: self.errors.clone(),
            counted: self.feeds.ended.clone(),
            left_out: self.schedule.left_out.told(),
            kept,
            ..Report::default()
        };
        self.snapshot(Some(report), now)
    }

    /// A snapshot of what is known now. The number of projects is known once every list has been read
    /// to its end, and stays so: later failures leave the set of projects as it was.
    pub(super) fn snapshot(&self, report: Option<Report>, now: Moment) -> Snapshot {
        self.snapshot_of(report, now, self.counts_all())
    }

    /// Like [`Engine::snapshot`]; `is_all` says whether the number of projects is known.
    pub(super) fn snapshot_of(
        &self,
        report: Option<Report>,
        now: Moment,
        is_all: bool,
    ) -> Snapshot {
        let taken = |project: &&Arc<Owner>| self.filter.takes(&project.identity, now.as_secs());
        let all = self.projects.values();
        let (projects, others): (Vec<_>, Vec<_>) =
            all.cloned().partition(|project| taken(&project));
        let filtered_out = others.len() as u64;
        let report = report.map(|report| Report {
            filtered_out,
            ..report
        });
        // Who is not taken any more takes nothing back either.
        let others = others
            .into_iter()
            .filter(|project| !project.ended.is_empty());
        let departed = self.departed.owners(self.enabled.catalogue).chain(others);
        let count = projects.len() as u64;
        let mut snapshot = Snapshot::new(
            self.last.generation + 1,
            Owners {
                projects,
                departed: departed.collect(),
                instance: Arc::clone(&self.instance),
                groups: self.estate.groups.values().cloned().collect(),
                runners: self.estate.runners.values().cloned().collect(),
            },
            is_all.then_some(count),
            report,
            &self.enabled,
        );
        snapshot.ages.extend(self.feed_ages(now));
        snapshot.ages.sort_by_key(|age| age.collector);
        snapshot
    }

    /// Whether all selected projects are known: every list was read to its end, no group is missing,
    /// and GitLab withheld none of what is on a list.
    fn counts_all(&self) -> bool {
        self.schedule.is_whole()
            && self.names.mistaken.is_empty()
            && self.schedule.left_out.count() == 0
            && self
                .schedule
                .lists
                .iter()
                .all(|list| !list.lost && list.redacted == 0)
    }

    /// What could not be read, and what is to be done about it.
    fn failure(&self, failures: &[(String, Error)]) -> Option<String> {
        let failed = failures.iter().map(|(what, error)| advice(what, error));
        let mistaken = self.names.mistaken.values().cloned();
        let texts: Vec<String> = mistaken.chain(failed).collect();
        (!texts.is_empty()).then(|| listed(&texts))
    }

    /// Says that the first sweep goes on, if it does.
    fn unfinished(&self) -> Option<String> {
        let so_far = self.projects.len();
        (!self.schedule.is_whole()).then(|| {
            let have = agree(so_far, "has", "have");
            let so_far = counted(so_far, "project");
            format!("the first sweep goes on: {so_far} {have} been read so far")
        })
    }

    /// Says how many projects there is no memory for. Everything else was read.
    fn left_out(&self) -> Option<String> {
        let left_out = &self.schedule.left_out;
        (left_out.count() > 0).then(|| left_out.to_string())
    }

    /// Says which groups were there and are not any more. Everything else was read.
    fn gone(&self) -> Option<String> {
        let lost = self.schedule.lists.iter().filter(|list| list.lost);
        let names: Vec<_> = lost.filter_map(|list| list.group_name()).collect();
        (!names.is_empty()).then(|| {
            format!(
                "gone, or not to be seen by the token any more: {}. Take it out of select.groups, or let the \
                 token's user see it",
                names.join(", ")
            )
        })
    }
}
