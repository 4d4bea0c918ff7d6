//! What is known of GitLab at one moment: an immutable value that readers share.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::{Grain, Owner, Reading, Reason, SubjectPart, SubjectState, UnixTime};

/// Everything known after a poll. Nobody edits one; the next poll builds another.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// Grows with every snapshot.
    pub generation: u64,
    /// The selected projects, by id.
    pub projects: Vec<Arc<Owner>>,
    /// What has ended of projects that are gone by now, one owner for each namespace they lay in.
    pub departed: Vec<Arc<Owner>>,
    /// What is known of the GitLab itself.
    pub instance: Arc<Owner>,
    pub groups: Vec<Arc<Owner>>,
    pub runners: Vec<Arc<Owner>>,
    /// How many projects are selected, once all lists of them were read to their end; it stays known
    /// while later failures leave the set as it was.
    pub project_count: Option<u64>,
    /// The poll that built this snapshot; none before the first has ended.
    pub report: Option<Report>,
    /// How old it is, by subject.
    pub ages: Vec<Age>,
    /// What is absent from it.
    pub missing: Vec<Missing>,
    /// How many series a limit keeps out, by metric.
    pub dropped: Vec<(&'static str, u64)>,
    /// How many series are shown of metrics that are not told apart by owner, where a limit cuts them.
    pub at_most: BTreeMap<&'static str, usize>,
    /// How many ended things are counted, by subject.
    pub events: Vec<(&'static str, u64)>,
    /// How each part of a subject gets on.
    pub parts: Vec<SubjectPart>,
    /// How each subject gets on.
    pub states: Vec<(&'static str, SubjectState)>,
    /// How many series it has of each metric of which it has any.
    pub series: Vec<(&'static str, u64)>,
}

/// Of what something is known.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    pub instance: Arc<Owner>,
    pub groups: Vec<Arc<Owner>>,
    pub projects: Vec<Arc<Owner>>,
    pub runners: Vec<Arc<Owner>>,
    /// See [`Snapshot::departed`].
    pub departed: Vec<Arc<Owner>>,
}

impl From<Vec<Arc<Owner>>> for Owners {
    fn from(projects: Vec<Arc<Owner>>) -> Owners {
        Owners {
            projects,
            ..Owners::default()
        }
    }
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
    /// Why not every selected project could be read; none for a complete poll.
    pub failure: Option<String>,
    /// How many single values could not be read, though their project was listed.
    pub failed: u64,
    /// Selected groups and projects that have been there and are not any more.
    pub absent: Vec<String>,
    /// How many selected projects there is no memory for; none if memory is not limited.
    pub left_out: Option<u64>,
    /// How many projects of the lists the filters of the selection leave out.
    pub filtered_out: u64,
    /// When the last complete poll ended.
    pub last_complete: Option<UnixTime>,
    /// Errors since the start, by subject (or `projects` for the lists) and reason.
    pub errors: BTreeMap<(&'static str, &'static str), u64>,
    /// How many things have ended since the start and were counted, by subject.
    pub counted: BTreeMap<&'static str, u64>,
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
    /// How many series it has.
    pub fn all_series(&self) -> u64 {
        self.series.iter().map(|(_, series)| series).sum()
    }

    /// All owners of a grain.
    pub fn owners(&self, grain: Grain) -> &[Arc<Owner>] {
        match grain {
            Grain::Instance => std::slice::from_ref(&self.instance),
            Grain::Group => &self.groups,
            Grain::Project => &self.projects,
            Grain::Runner => &self.runners,
        }
    }

    /// The sum of the values at `places` over all projects: none as long as one is unknown.
    pub fn sum(&self, places: &[usize]) -> Option<f64> {
        self.project_count?;
        let mut sum = 0.0;
        for project in &self.projects {
            for place in places {
                match project.values.get(*place)? {
                    Reading::Known { value, .. } => sum += value,
                    Reading::Off => {}
                    Reading::Unknown(_) => return None,
                }
            }
        }
        Some(sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: Reading = Reading::Known { value: 7.0, at: 1 };

    fn snapshot(readings: &[Reading]) -> Snapshot {
        let projects = readings.iter().map(|reading| {
            Arc::new(Owner {
                values: vec![*reading].into(),
                ..Owner::default()
            })
        });
        Snapshot {
            projects: projects.collect(),
            project_count: Some(readings.len() as u64),
            ..Snapshot::default()
        }
    }

    #[test]
    fn a_sum_needs_every_project_and_goes_on_without_what_is_off() {
        let known = snapshot(&[KNOWN, Reading::Off, KNOWN]);
        assert_eq!(known.sum(&[0]), Some(14.0));
        assert_eq!(snapshot(&[]).sum(&[0]), Some(0.0));
        let unknown = snapshot(&[KNOWN, Reading::Unknown(Reason::Hidden)]);
        assert_eq!(unknown.sum(&[0]), None);
        let uncounted = Snapshot {
            project_count: None,
            ..snapshot(&[KNOWN])
        };
        assert_eq!(uncounted.sum(&[0]), None);
    }
}
