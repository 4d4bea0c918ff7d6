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
use crate::poll::charged::BySubject;
use crate::poll::config::Rhythm;

/// More projects than these cost as many times more: over GraphQL enough for whole requests; over REST,
/// where each project has its price, so few that no poll has to put any off.
const MOST: usize = 1_700;
const MOST_OVER_REST: usize = 60;

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
    let (often, rarely) = (only_asked(&all, false), only_asked(&all, true));
    let an_hour = |graphql: bool, most: usize| {
        let (mut sample, times) = assumption.sample(most);
        sample.graphql = graphql;
        let mut asked = an_hour(rhythm, &often, &sample);
        for (of, requests) in of_an_hour_of_days(rhythm, &rarely, &sample) {
            *asked.entry(of).or_default() += requests;
        }
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
    let mut run = Run::new(rhythm, all, assumption).charged();
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

/// What is asked less often than every hour, or the rest.
fn only_asked(all: &EnabledMetrics, rarely: bool) -> EnabledMetrics {
    let catalogue = all.catalogue;
    let keep = |name: &str| {
        let metric = catalogue.find(name).filter(|_| all.shows(name));
        let pace = metric.map(|metric| all.pace_of(metric.subject));
        pace.is_some_and(|pace| pace.is_some_and(|pace| pace > HOUR) == rarely)
    };
    EnabledMetrics::new(catalogue, keep, Arc::clone(&all.choices))
}

/// What is asked less often than every hour: what it takes to ask all of it once, spread over its time.
fn of_an_hour_of_days(
    rhythm: Rhythm,
    rarely: &EnabledMetrics,
    assumption: &Assumption,
) -> BySubject {
    let mut run = Run::new(rhythm, rarely, assumption).charged();
    let start = run.now();
    while run.now().since(start) < HOUR {
        run.poll();
        run.pass(rhythm.interval.max(Duration::from_secs(60)));
    }
    let mut subjects = BTreeMap::new();
    for metric in &rarely.metrics {
        if let Some(pace) = rarely.pace_of(metric.subject) {
            subjects.insert(metric.subject.name, pace);
        }
    }
    let asked = run.take_requests_by_subject().into_iter();
    let spread = asked.filter_map(|((subject, is_of_rest), requests)| {
        let pace = subjects.get(subject)?;
        Some((
            (subject, is_of_rest),
            requests / pace.div_duration_f64(HOUR),
        ))
    });
    spread.collect()
}

/// Whether a subject is asked of the GitLab itself, and costs the same however many projects there are.
fn is_of_gitlab(subject: &str, enabled: &EnabledMetrics) -> bool {
    let subjects = enabled.catalogue.subjects().iter();
    let mut own = subjects.filter(|own| own.name == subject);
    !["queue", "runners"].contains(&subject) && own.all(|own| own.of == Grain::Instance)
}
