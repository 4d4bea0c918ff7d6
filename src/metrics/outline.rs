//! What is said of a snapshot as a whole, without what is known of each owner: a process that only shows what
//! another one has read gets this beside the texts.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::{
    Age, Catalogue, Missing, Reason, Report, Snapshot, SubjectPart, SubjectState, UnixTime,
};

/// A snapshot without its owners. Words that a reader does not know are left out.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Outline {
    generation: u64,
    /// How many projects are shown.
    pub projects: usize,
    project_count: Option<u64>,
    report: Option<ReportLine>,
    ages: Vec<(String, UnixTime)>,
    missing: Vec<(String, String, u64)>,
    dropped: Vec<(String, u64)>,
    at_most: Vec<(String, usize)>,
    events: Vec<(String, u64)>,
    parts: Vec<Part>,
    states: Vec<(String, String)>,
    series: Vec<(String, u64)>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
struct ReportLine {
    ended: UnixTime,
    restored: bool,
    took: Duration,
    late: Duration,
    requests: u64,
    reached: bool,
    failure: Option<String>,
    failed: u64,
    absent: Vec<String>,
    left_out: Option<u64>,
    filtered_out: u64,
    last_complete: Option<UnixTime>,
    errors: Vec<(String, String, u64)>,
    counted: Vec<(String, u64)>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Part {
    subject: String,
    metrics: Vec<String>,
    state: String,
    is_asked: bool,
    refused: Option<(String, u64)>,
}

impl Outline {
    /// Of this snapshot.
    pub fn of(snapshot: &Snapshot) -> Outline {
        let missing = snapshot.missing.iter();
        Outline {
            generation: snapshot.generation,
            projects: snapshot.projects.len(),
            project_count: snapshot.project_count,
            report: snapshot.report.as_ref().map(ReportLine::of),
            ages: texts(snapshot.ages.iter().map(|age| (age.collector, age.oldest))),
            missing: missing
                .map(|own| (own.metric.into(), own.reason.name().into(), own.count))
                .collect(),
            dropped: texts(snapshot.dropped.iter().copied()),
            at_most: texts(snapshot.at_most.iter().map(|(name, most)| (*name, *most))),
            events: texts(snapshot.events.iter().copied()),
            parts: snapshot.parts.iter().map(Part::of).collect(),
            states: texts(
                snapshot
                    .states
                    .iter()
                    .map(|(name, state)| (*name, state.name().into())),
            ),
            series: texts(snapshot.series.iter().copied()),
        }
    }

    /// The snapshot, without owners.
    pub fn snapshot(&self, catalogue: &Catalogue) -> Snapshot {
        let words = Words(catalogue);
        let state = |(name, state): &(String, String)| Some((words.of(name)?, state_of(state)?));
        let missing = |(metric, reason, count): &(String, String, u64)| {
            Some(Missing {
                metric: words.of(metric)?,
                reason: Reason::from_name(reason)?,
                count: *count,
            })
        };
        let ages = words.all(&self.ages).into_iter();
        Snapshot {
            generation: self.generation,
            project_count: self.project_count,
            report: self.report.as_ref().map(|report| report.report(&words)),
            ages: ages
                .map(|(collector, oldest)| Age { collector, oldest })
                .collect(),
            missing: self.missing.iter().filter_map(missing).collect(),
            dropped: words.all(&self.dropped),
            at_most: words.all(&self.at_most).into_iter().collect(),
            events: words.all(&self.events),
            parts: self
                .parts
                .iter()
                .filter_map(|part| part.part(&words))
                .collect(),
            states: self.states.iter().filter_map(state).collect(),
            series: words.all(&self.series),
            ..Snapshot::default()
        }
    }
}

impl ReportLine {
    fn of(report: &Report) -> ReportLine {
        let errors = report.errors.iter();
        ReportLine {
            ended: report.ended,
            restored: report.restored,
            took: report.took,
            late: report.late,
            requests: report.requests,
            reached: report.reached,
            failure: report.failure.clone(),
            failed: report.failed,
            absent: report.absent.clone(),
            left_out: report.left_out,
            filtered_out: report.filtered_out,
            last_complete: report.last_complete,
            errors: errors
                .map(|((of, reason), count)| ((*of).into(), (*reason).into(), *count))
                .collect(),
            counted: texts(report.counted.iter().map(|(name, count)| (*name, *count))),
        }
    }

    fn report(&self, words: &Words<'_>) -> Report {
        let errors = self.errors.iter();
        let errors = errors
            .filter_map(|(of, reason, count)| Some(((words.of(of)?, words.of(reason)?), *count)));
        Report {
            ended: self.ended,
            restored: self.restored,
            took: self.took,
            late: self.late,
            requests: self.requests,
            reached: self.reached,
            failure: self.failure.clone(),
            failed: self.failed,
            absent: self.absent.clone(),
            left_out: self.left_out,
            filtered_out: self.filtered_out,
            last_complete: self.last_complete,
            errors: errors.collect(),
            counted: words.all(&self.counted).into_iter().collect(),
            kept: None,
        }
    }
}

impl Part {
    fn of(part: &SubjectPart) -> Part {
        let refused = part.refused.as_ref();
        Part {
            subject: part.subject.into(),
            metrics: part.metrics.iter().copied().map(str::to_owned).collect(),
            state: part.state.name().into(),
            is_asked: part.is_asked,
            refused: refused.map(|(state, count)| (state.name().into(), *count)),
        }
    }

    fn part(&self, words: &Words<'_>) -> Option<SubjectPart> {
        let metrics = self.metrics.iter();
        let refused = self.refused.as_ref();
        Some(SubjectPart {
            subject: words.of(&self.subject)?,
            metrics: metrics.filter_map(|name| words.of(name)).collect(),
            state: state_of(&self.state)?,
            is_asked: self.is_asked,
            refused: refused.and_then(|(state, count)| Some((state_of(state)?, *count))),
        })
    }
}

/// The closed sets of words that snapshots use.
struct Words<'a>(&'a Catalogue);

impl Words<'_> {
    /// The word that is written like this.
    fn of(&self, text: &str) -> Option<&'static str> {
        /// What errors of the lists are counted under.
        const PROJECTS: &str = "projects";
        let subjects = self.0.subjects().iter().map(|subject| subject.name);
        let reasons = Reason::ALL.into_iter().map(Reason::name);
        let mut all = subjects.chain(reasons).chain([PROJECTS]);
        let metric = || self.0.find(text).map(|metric| metric.name);
        all.find(|word| *word == text).or_else(metric)
    }

    fn all<T: Copy>(&self, named: &[(String, T)]) -> Vec<(&'static str, T)> {
        let known = |(name, value): &(String, T)| Some((self.of(name)?, *value));
        named.iter().filter_map(known).collect()
    }
}

fn texts<T>(named: impl Iterator<Item = (&'static str, T)>) -> Vec<(String, T)> {
    named
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

fn state_of(name: &str) -> Option<SubjectState> {
    let all = [
        SubjectState::Active,
        SubjectState::Disabled,
        SubjectState::Unsupported,
        SubjectState::Forbidden,
        SubjectState::Unlicensed,
        SubjectState::Failing,
    ];
    all.into_iter().find(|state| state.name() == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn snapshot() -> Snapshot {
        let metric = Catalogue::standard()
            .find("gitlab_commits_total")
            .unwrap()
            .name;
        let report = Report {
            ended: 7,
            restored: true,
            took: Duration::from_millis(1_500),
            late: Duration::from_secs(1),
            requests: 3,
            reached: true,
            failure: Some("status 502".to_owned()),
            failed: 2,
            absent: vec!["group".to_owned()],
            left_out: Some(1),
            filtered_out: 4,
            last_complete: Some(6),
            errors: BTreeMap::from([(("projects", "timeout"), 2), (("commits", "network"), 1)]),
            counted: BTreeMap::from([("pipelines", 9)]),
            kept: None,
        };
        let part = SubjectPart {
            subject: "commits",
            metrics: vec![metric],
            state: SubjectState::Failing,
            is_asked: true,
            refused: Some((SubjectState::Forbidden, 5)),
        };
        Snapshot {
            generation: 8,
            project_count: Some(0),
            report: Some(report),
            ages: vec![Age {
                collector: "commits",
                oldest: 5,
            }],
            missing: vec![Missing {
                metric,
                reason: Reason::Hidden,
                count: 3,
            }],
            dropped: vec![(metric, 1)],
            at_most: BTreeMap::from([(metric, 2)]),
            events: vec![("pipelines", 3)],
            parts: vec![part],
            states: vec![("commits", SubjectState::Unlicensed)],
            series: vec![(metric, 11)],
            ..Snapshot::default()
        }
    }

    #[test]
    fn what_is_said_of_a_snapshot_is_told_to_another_process_and_words_of_a_newer_one_are_left_out()
    {
        let (before, catalogue) = (snapshot(), Catalogue::standard());
        let mut told = serde_json::to_value(Outline::of(&before)).unwrap();
        let read = |told: &serde_json::Value| -> Snapshot {
            let outline: Outline = serde_json::from_value(told.clone()).unwrap();
            outline.snapshot(catalogue)
        };
        assert_eq!(format!("{:?}", read(&told)), format!("{before:?}"));
        told["series"] =
            serde_json::json!([["gitlab_of_a_newer_bridge", 1], ["gitlab_commits_total", 2]]);
        told["of_a_newer_bridge"] = serde_json::json!(true);
        assert_eq!(read(&told).series, [("gitlab_commits_total", 2)]);
    }
}
