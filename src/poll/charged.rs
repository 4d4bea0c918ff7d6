//! Which subjects a request is about, and what each is charged for it.

use std::collections::BTreeMap;

use crate::metrics::{EnabledMetrics, Grain};
use crate::poll::engine::{Asked, Request};
use crate::poll::plan::Depth;

/// What is asked along with every project counts for this subject.
pub const ALONG: &str = "projects";

/// Requests by the subject that they are about, and whether they are of REST.
pub type BySubject = BTreeMap<(&'static str, bool), f64>;

/// Whether a request is one of REST.
pub fn is_of_rest(request: &Request) -> bool {
    !matches!(
        request,
        Request::Probe | Request::Projects(..) | Request::Details(..) | Request::Query(..)
    )
}

/// The subjects that a request is about, and which share of it each is charged.
pub fn shares(asked: &Asked, enabled: &EnabledMetrics) -> Vec<(&'static str, f64)> {
    if let Some(subject) = asked.subject {
        return vec![(subject, 1.0)];
    }
    match &asked.request {
        Request::Details(wanted, ..) => {
            let jobs = wanted.jobs.then_some(("jobs", 1.0));
            let tests = wanted.tests.then_some(("test_reports", 1.0));
            jobs.into_iter().chain(tests).collect()
        }
        Request::Projects(parts, plan) => {
            let scores = parts.iter().map(|part| plan.score(part) as f64);
            let all: f64 = scores.clone().sum();
            let subjects = parts.iter().map(|part| subject(part.depth, enabled));
            subjects
                .zip(scores)
                .map(|(subject, score)| (subject, score / all.max(1.0)))
                .collect()
        }
        _ => vec![(ALONG, 1.0)],
    }
}

fn subject(depth: Depth, enabled: &EnabledMetrics) -> &'static str {
    match depth {
        Depth::Round(index) => {
            let mut rounds = enabled.rounds(Grain::Project);
            rounds.nth(index).map_or(ALONG, |round| round.subject.name)
        }
        Depth::Feed(_, place) => {
            let feeds = enabled.catalogue.feeds(Grain::Project);
            feeds[usize::from(place)].subject.name
        }
        _ => ALONG,
    }
}
