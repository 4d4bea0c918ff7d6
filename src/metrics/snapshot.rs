//! What is known of GitLab at one moment: an immutable value that readers share.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use super::{Identity, Question, Shown, Standing, catalogue, questions};

/// Seconds since 1970, UTC.
pub type UnixTime = u64;

/// Why a value is not known: one of a small closed set, fit for an attribute.
pub type Reason = &'static str;

/// Everything known after a poll. Nobody edits one; the next poll builds another.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Grows with every snapshot.
    pub generation: u64,
    /// The selected projects, by id.
    pub projects: Vec<Arc<Project>>,
    /// How many projects are selected, once all lists of them were read to their end; it stays known
    /// while later failures leave the set as it was.
    pub project_count: Option<u64>,
    /// The poll that built this snapshot; none before the first has ended.
    pub report: Option<Report>,
    /// How old it is, by subject.
    pub ages: Vec<Age>,
    /// What is absent from it.
    pub missing: Vec<Missing>,
    /// How many series it has.
    pub series: u64,
}

/// A project and what is known of it.
#[derive(Clone, Debug)]
pub struct Project {
    /// Who it is.
    pub identity: Identity,
    /// When GitLab last listed it.
    pub listed: UnixTime,
    /// One reading for each of [`questions`].
    pub readings: Vec<Reading>,
}

/// The answer to one question about one project. Unknown is not zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// No answer, and why.
    Unknown(Reason),
    /// The project has switched the feature off: known to count nothing.
    Off,
    /// The value and when GitLab told it.
    Known {
        /// The value.
        value: u64,
        /// When GitLab told it.
        at: UnixTime,
    },
}

/// How a poll went.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// When it ended.
    pub ended: UnixTime,
    /// Whether an earlier process made it: then only `ended`, `last_complete` and `absent` are known.
    pub restored: bool,
    /// How long it took.
    pub took: Duration,
    /// By how much it was longer than the interval.
    pub late: Duration,
    /// How many requests it made.
    pub requests: u64,
    /// True if GitLab answered at all.
    pub reached: bool,
    /// When GitLab last gave an answer that made sense, in this poll or before. Waiting for the
    /// budget or for a rate limit is not silence: it moves this, too.
    pub last_answer: Option<UnixTime>,
    /// When the poll began that is still under way; none once it has ended.
    pub under_way: Option<UnixTime>,
    /// Why not every selected project could be read; none for a complete poll.
    pub failure: Option<String>,
    /// How many single values could not be read, though their project was listed.
    pub failed: u64,
    /// Selected groups and projects that have been there and are not any more.
    pub absent: Vec<String>,
    /// When the last complete poll ended.
    pub last_complete: Option<UnixTime>,
    /// Errors since the start, by subject (or `projects` for the lists) and reason.
    pub errors: BTreeMap<(&'static str, Reason), u64>,
    /// Whether what is known could last be written to be kept over a restart; none if it is not to be.
    pub kept: Option<bool>,
}

/// How old the oldest value of a subject is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Age {
    /// The subject.
    pub collector: &'static str,
    /// When its oldest value was told.
    pub oldest: UnixTime,
}

/// How many values a metric lacks, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missing {
    /// The metric.
    pub metric: &'static str,
    /// Why.
    pub reason: Reason,
    /// How many series are absent for that reason.
    pub count: u64,
}

impl Snapshot {
    /// A snapshot of these projects, with what can be said about it.
    pub fn new(
        generation: u64,
        mut projects: Vec<Arc<Project>>,
        project_count: Option<u64>,
        report: impl Into<Option<Report>>,
        shown: &Shown,
    ) -> Snapshot {
        projects.sort_unstable_by_key(|project| project.identity.id);
        let report = report.into();
        let mut snapshot = Snapshot {
            generation,
            projects,
            project_count,
            report,
            ..Snapshot::default()
        };
        snapshot.ages = snapshot.count_ages();
        snapshot.missing = snapshot.count_missing();
        snapshot.series = shown.series(&snapshot);
        snapshot
    }

    /// The sum of the readings in `slots` over all projects: none as long as one is unknown.
    pub fn sum(&self, slots: Range<usize>) -> Option<u64> {
        self.project_count?;
        let mut sum = 0;
        for project in &self.projects {
            for reading in &project.readings[slots.clone()] {
                match reading {
                    Reading::Known { value, .. } => sum += value,
                    Reading::Off => {}
                    Reading::Unknown(_) => return None,
                }
            }
        }
        Some(sum)
    }

    fn count_ages(&self) -> Vec<Age> {
        let mut oldest = BTreeMap::<&'static str, UnixTime>::new();
        let mut note = |collector, at: UnixTime| {
            oldest
                .entry(collector)
                .and_modify(|known| *known = at.min(*known))
                .or_insert(at);
        };
        for project in &self.projects {
            note("projects", project.listed);
            for ((_, subject), reading) in questions().iter().zip(&project.readings) {
                if let Reading::Known { at, .. } = reading {
                    note(subject, *at);
                }
            }
        }
        oldest
            .into_iter()
            .map(|(collector, oldest)| Age { collector, oldest })
            .collect()
    }

    fn count_missing(&self) -> Vec<Missing> {
        let mut missing = BTreeMap::<(&'static str, Reason), u64>::new();
        for metric in catalogue()
            .iter()
            .filter(|metric| !metric.values().is_empty())
        {
            let slots = metric.slots();
            for reading in self
                .projects
                .iter()
                .flat_map(|project| &project.readings[slots.clone()])
            {
                if let Reading::Unknown(reason) = reading {
                    *missing.entry((metric.name, *reason)).or_default() += 1;
                }
            }
        }
        missing.retain(|(_, reason), _| *reason != Reading::NOT_ASKED);
        let missing = missing.into_iter();
        missing
            .map(|((metric, reason), count)| Missing {
                metric,
                reason,
                count,
            })
            .collect()
    }
}

impl Reading {
    /// The reason of a question that the configuration leaves out.
    pub const NOT_ASKED: Reason = "not_asked";
    /// The reason of a null, and of a 0 where the token has no permission: it may not see it, or GitLab
    /// does not keep it.
    pub const HIDDEN: Reason = "hidden";
    /// The reason of a field that this GitLab does not know.
    pub const UNSUPPORTED: Reason = "unsupported";
    /// The reason of what the token may not read, where GitLab says so.
    pub const FORBIDDEN: Reason = "forbidden";
    /// The reason of what is still to be asked: what was known before stays.
    pub const PENDING: Reason = "pending";
    /// Reasons that are facts, not failures.
    pub const QUIET: [Reason; 4] = [
        Self::NOT_ASKED,
        Self::HIDDEN,
        Self::FORBIDDEN,
        Self::UNSUPPORTED,
    ];

    /// The value, if it is known.
    pub fn value(&self) -> Option<u64> {
        match self {
            Reading::Known { value, .. } => Some(*value),
            _ => None,
        }
    }

    /// The reading of an answer, given what the token's user has of the question's feature.
    pub fn of(
        answer: Option<u64>,
        question: &Question,
        identity: &Identity,
        now: UnixTime,
    ) -> Reading {
        match (identity.standing(question.feature), answer) {
            (Standing::Off, _) => Reading::Off,
            (Standing::Unclear, _) | (Standing::Denied, None | Some(0)) => {
                Reading::Unknown(Self::HIDDEN)
            }
            (_, Some(value)) => Reading::Known { value, at: now },
            (Standing::On, None) => Reading::of_null(question, identity, now),
        }
    }

    /// The reading of a null: nobody tells, unless it follows from an empty repository.
    fn of_null(question: &Question, identity: &Identity, now: UnixTime) -> Reading {
        match question.when_empty {
            Some(value) if identity.empty == Some(true) => Reading::Known { value, at: now },
            _ => Reading::Unknown(Self::HIDDEN),
        }
    }

    /// This reading, or the last good value if this one failed. What GitLab hides or does not have
    /// is no failure: an older value would no longer be true.
    pub fn or_last_good(self, last: Option<&Reading>) -> Reading {
        match (self, last) {
            (Reading::Unknown(reason), Some(last @ Reading::Known { .. }))
                if !Self::QUIET.contains(&reason) =>
            {
                *last
            }
            _ => self,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Feature, Moves, Rest};

    const KNOWN: Reading = Reading::Known { value: 7, at: 1 };

    fn snapshot(readings: &[Reading]) -> Snapshot {
        let projects = readings.iter().map(|reading| {
            Arc::new(Project {
                identity: Identity::default(),
                listed: 1,
                readings: vec![*reading],
            })
        });
        Snapshot {
            projects: projects.collect(),
            project_count: Some(readings.len() as u64),
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_failure_keeps_the_last_good_value_and_a_fact_does_not() {
        let failed = Reading::Unknown("timeout");
        assert_eq!(failed.or_last_good(Some(&KNOWN)), KNOWN);
        assert_eq!(failed.or_last_good(Some(&Reading::Off)), failed);
        assert_eq!(failed.or_last_good(None), failed);
        for fact in Reading::QUIET
            .map(Reading::Unknown)
            .into_iter()
            .chain([Reading::Off])
        {
            assert_eq!(fact.or_last_good(Some(&KNOWN)), fact);
        }
    }

    #[test]
    fn a_sum_needs_every_project_and_goes_on_without_what_is_off() {
        assert_eq!(snapshot(&[KNOWN, Reading::Off, KNOWN]).sum(0..1), Some(14));
        assert_eq!(snapshot(&[]).sum(0..1), Some(0));
        let unknown = snapshot(&[KNOWN, Reading::Unknown(Reading::HIDDEN)]);
        assert_eq!(unknown.sum(0..1), None);
        let uncounted = Snapshot {
            project_count: None,
            ..snapshot(&[KNOWN])
        };
        assert_eq!(uncounted.sum(0..1), None);
    }

    #[test]
    fn a_zero_is_believed_of_those_who_may_read() {
        let question = Question {
            graphql: "issueStatusCounts.opened",
            rest: Rest::Count("issues"),
            hidden: &[],
            when_empty: None,
            feature: Some(Feature::Issues),
            moves: Moves::WithActivity,
        };
        let known = |value| Reading::Known { value, at: 1 };
        let hidden = Reading::Unknown(Reading::HIDDEN);
        for (standing, answer, reading) in [
            (Standing::On, Some(0), known(0)),
            (Standing::On, None, hidden),
            (Standing::Denied, Some(0), hidden),
            (Standing::Denied, Some(3), known(3)),
            (Standing::Unclear, Some(3), hidden),
            (Standing::Off, Some(3), Reading::Off),
        ] {
            let identity = Identity {
                standing: [standing; Feature::ALL.len()],
                ..Identity::default()
            };
            let read = Reading::of(answer, &question, &identity, 1);
            assert_eq!(read, reading, "{standing:?} {answer:?}");
        }
    }
}
