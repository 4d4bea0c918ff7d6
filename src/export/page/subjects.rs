//! How each subject of a GitLab gets on: whether it is read, how old it is, what it costs and what it lacks.

use serde::Serialize;

use super::clock::Clock;
use super::history::LastHour;
use super::reasons;
use crate::metrics::subject::Rows;
use crate::metrics::{Cadence, Catalogue, GitLabStatus, Grain, Missing, SubjectState};
use crate::prose::sentence;

/// What is asked along with each project counts for this subject.
const ALONG: &str = "projects";

/// How a subject gets on.
#[derive(Clone, Debug, Serialize)]
pub struct Subject {
    pub subject: &'static str,
    /// Whether any of its metrics is enabled.
    pub on: bool,
    pub state: &'static str,
    /// What to do about the state, where something can be done.
    pub advice: Option<String>,
    /// Its metrics that are enabled.
    pub metrics: Vec<&'static str>,
    pub series: u64,
    /// How old its oldest value is; none where nothing is known.
    pub age_seconds: Option<u64>,
    pub requests: Cost,
    pub missing: Vec<Lack>,
}

/// What a subject costs. Where a request was about several, each has its share.
#[derive(Clone, Debug, Serialize)]
pub struct Cost {
    pub last_hour: Option<f64>,
    pub since_start: Option<f64>,
    /// The subject in whose requests it is read, where it has none of its own.
    pub read_with: Option<&'static str>,
}

/// What a metric lacks.
#[derive(Clone, Debug, Serialize)]
pub struct Lack {
    pub metric: &'static str,
    pub reason: &'static str,
    pub series: u64,
    /// In a sentence.
    pub why: String,
    pub advice: Option<&'static str>,
}

/// All subjects, those that are on first, each in the order of the reference.
pub fn subjects(gitlab: &GitLabStatus, last_hour: &LastHour) -> Vec<Subject> {
    let states = gitlab.snapshot.states.iter();
    let mut all: Vec<Subject> = states
        .map(|(name, state)| subject(gitlab, last_hour, name, *state))
        .collect();
    all.sort_by_key(|subject| !subject.on);
    all
}

fn subject(
    gitlab: &GitLabStatus,
    last_hour: &LastHour,
    name: &'static str,
    state: SubjectState,
) -> Subject {
    let (snapshot, clock) = (&gitlab.snapshot, Clock::of(gitlab));
    let own = |metric: &str| {
        let metric = Catalogue::standard().find(metric);
        metric.is_some_and(|metric| metric.subject.name == name)
    };
    let series = snapshot.series.iter().filter(|(metric, _)| own(metric));
    let missing = snapshot.missing.iter().filter(|own_| own(own_.metric));
    let parts = snapshot.parts.iter().filter(|part| part.subject == name);
    let mut metrics: Vec<&str> = parts
        .flat_map(|part| part.metrics.iter().copied())
        .collect();
    metrics.sort_unstable();
    metrics.dedup();
    let age = snapshot.ages.iter().find(|age| age.collector == name);
    Subject {
        subject: name,
        on: state != SubjectState::Disabled,
        state: state.name(),
        advice: state.advice(name),
        metrics,
        series: series.map(|(_, series)| series).sum(),
        age_seconds: age.map(|age| clock.age(age.oldest)),
        requests: cost(gitlab, last_hour, name),
        missing: missing.map(lack).collect(),
    }
}

fn cost(gitlab: &GitLabStatus, last_hour: &LastHour, name: &str) -> Cost {
    let is_along = name != ALONG && is_read_along(name);
    let is_counted = !is_along || gitlab.usage.by_subject.contains_key(name);
    let since_start = gitlab.usage.by_subject.get(name).copied();
    Cost {
        // What is asked in requests of its own and was not asked has cost none.
        last_hour: is_counted.then(|| rounded(last_hour.by_subject.get(name).copied())),
        since_start: is_counted.then(|| rounded(since_start)),
        read_with: is_along.then_some(ALONG),
    }
}

/// To the thousandth: shares of requests have no end.
fn rounded(requests: Option<f64>) -> f64 {
    (requests.unwrap_or_default() * 1000.0).round() / 1000.0
}

/// Whether all of a subject is asked along with its project.
fn is_read_along(name: &str) -> bool {
    let subjects = Catalogue::standard().subjects().iter();
    let mut own = subjects.filter(|subject| subject.name == name);
    own.all(|subject| {
        subject.of == Grain::Project
            && subject.cadence == Cadence::WithOwner
            && !matches!(subject.rows, Rows::Feeds(_))
    })
}

fn lack(missing: &Missing) -> Lack {
    let reason = missing.reason;
    Lack {
        metric: missing.metric,
        reason: reason.name(),
        series: missing.count,
        why: sentence(reason.why()),
        advice: reasons::advice(reason.name()),
    }
}
