//! What each subject costs. All of them are asked together of a made-up GitLab, and each is charged for
//! the requests of its own and for its share of those that carry several. Subjects that are read in the
//! same requests are each charged for all of them, as if they were on alone.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use super::assumption::Assumption;
use super::made_up::HOUR;
use super::run::Run;
use crate::metrics::{EnabledMetrics, Grain};
use crate::poll::config::Rhythm;
use crate::poll::engine::{Asked, Request};
use crate::poll::plan::Depth;

/// What is asked along with every project counts for this subject.
pub const ALONG: &str = "projects";
/// More projects than these cost as many times more: over GraphQL enough for whole requests; over REST,
/// where each project has its price, so few that no poll has to put any off.
const MOST: usize = 3_400;
const MOST_OVER_REST: usize = 60;

/// Requests by the subject that they are about, and whether they are of REST.
pub(super) type BySubject = BTreeMap<(&'static str, bool), f64>;

/// What a subject costs, in requests an hour.
#[derive(Clone, Debug, PartialEq)]
pub struct Price {
    pub subject: &'static str,
    /// Whether any of it is shown.
    pub is_on: bool,
    pub over_graphql: f64,
    pub over_rest: f64,
}

/// What each subject costs in this rhythm: those that are on first, then the others.
pub fn prices(rhythm: Rhythm, enabled: &EnabledMetrics, assumption: &Assumption) -> Vec<Price> {
    let catalogue = enabled.catalogue;
    // Of what is on, what is shown; of what is not, all that its name would enable.
    let keep = |name: &str| {
        let metric = catalogue.find(name);
        let is_priced = |own: &crate::metrics::Metric| {
            let is_on = enabled.shows_any_of(own.subject.name);
            enabled.shows(name) || !is_on && own.by_subject
        };
        metric.is_some_and(is_priced)
    };
    let all = EnabledMetrics::new(catalogue, keep, Arc::clone(&enabled.choices));
    let an_hour = |graphql: bool, most: usize| {
        let (mut sample, times) = assumption.sample(most);
        sample.graphql = graphql;
        let mut asked = an_hour(rhythm, &all, &sample);
        for ((subject, _), requests) in &mut asked {
            *requests *= if is_of_gitlab(subject, enabled) {
                1.0
            } else {
                times
            };
        }
        asked
    };
    let (many, few) = (an_hour(true, MOST), an_hour(true, MOST_OVER_REST));
    let rest = an_hour(false, MOST_OVER_REST);
    let of = |asked: &BySubject, subject, is_of_rest| {
        asked
            .get(&(subject, is_of_rest))
            .copied()
            .unwrap_or_default()
    };
    let mut named = BTreeSet::new();
    let subjects = catalogue.subjects().iter().map(|subject| subject.name);
    let price = |subject: &'static str| Price {
        subject,
        is_on: enabled.shows_any_of(subject),
        // What GraphQL does not have is asked over REST.
        over_graphql: of(&many, subject, false) + of(&few, subject, true),
        over_rest: of(&rest, subject, false) + of(&rest, subject, true),
    };
    let is_asked = |price: &Price| price.over_graphql > 0.0 || price.over_rest > 0.0;
    let prices = subjects.filter(|name| named.insert(*name)).map(price);
    let mut prices: Vec<Price> = prices.filter(is_asked).collect();
    prices.sort_by_key(|price| !price.is_on);
    prices
}

/// The requests of an hour in the steady state, by the subjects that they are about.
fn an_hour(rhythm: Rhythm, all: &EnabledMetrics, assumption: &Assumption) -> BySubject {
    let mut run = Run::new(rhythm, all, assumption);
    let start = run.now();
    let measured = HOUR.max(rhythm.interval * 2);
    run.poll();
    let mut warm = false;
    loop {
        run.pass(rhythm.interval.max(Duration::from_secs(1)));
        let since = run.now().since(start);
        if !warm && since >= HOUR {
            warm = true;
            run.take_requests_by_subject();
        }
        if since >= HOUR + measured {
            break;
        }
        run.poll();
    }
    let asked = run.take_requests_by_subject().into_iter();
    let hours = measured.div_duration_f64(HOUR);
    asked
        .map(|(subject, requests)| (subject, requests / hours))
        .collect()
}

/// Whether a subject is asked of the GitLab itself, and costs the same however many projects there are.
fn is_of_gitlab(subject: &str, enabled: &EnabledMetrics) -> bool {
    let subjects = enabled.catalogue.subjects().iter();
    let mut own = subjects.filter(|own| own.name == subject);
    !["queue", "runners"].contains(&subject) && own.all(|own| own.of == Grain::Instance)
}

/// Whether a request is one of REST.
pub(super) fn is_of_rest(request: &Request) -> bool {
    !matches!(
        request,
        Request::Probe | Request::Projects(..) | Request::Details(..) | Request::Query(..)
    )
}

/// The subjects that a request is about, and which share of it each is charged.
pub(super) fn shares(asked: &Asked, enabled: &EnabledMetrics) -> Vec<(&'static str, f64)> {
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
