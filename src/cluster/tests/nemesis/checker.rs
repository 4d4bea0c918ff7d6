//! What must hold whatever fails.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::record::{Accepted, Record, State};
use crate::cluster::Rate;

/// What does not hold, in sentences.
pub fn problems(record: &Record, rate: Rate) -> Vec<String> {
    let mut problems = Vec::new();
    servers_take_writes_in_turn(record, &mut problems);
    versions_are_whole_and_go_up(record, &mut problems);
    replicas_only_go_forward(record, &mut problems);
    tokens_are_given_once(record, &mut problems);
    the_budget_holds(record, rate, &mut problems);
    problems
}

/// Only whoever has the newest lease writes, and each version is newer than the one before, a wipe in between or not.
fn servers_take_writes_in_turn(record: &Record, problems: &mut Vec<String>) {
    for server in record.accepted() {
        let (mut token, mut newest, mut last) = (0, 0, State::default());
        for accepted in server {
            match accepted {
                Accepted::Wiped => {}
                Accepted::Lease(next) => {
                    if next <= token {
                        problems.push(format!("token {next} was given after {token}"));
                    }
                    token = next;
                }
                Accepted::Version((writer, version), state) => {
                    // A copy learns of a lease without being told of it, when it takes all at once.
                    if writer < token {
                        problems.push(format!(
                            "version {version} of {writer} was written out of turn: {token} has the lease"
                        ));
                    }
                    if version <= newest || state.counter < last.counter {
                        problems.push(format!(
                            "version {version} ({state:?}) was accepted after {newest} ({last:?})"
                        ));
                    }
                    token = token.max(writer);
                    (newest, last) = (version, state);
                }
            }
        }
    }
}

/// What was counted is what there was to count, and what is newer has not counted less.
fn versions_are_whole_and_go_up(record: &Record, problems: &mut Vec<String>) {
    let mut stored = BTreeMap::new();
    for (order, state) in record.stored() {
        if state.cursor != state.counter {
            problems.push(format!(
                "{order:?} has lost or doubled something: {state:?}"
            ));
        }
        if let Some(other) = stored.insert(order, state) {
            problems.push(format!("{order:?} was stored twice: {other:?}, {state:?}"));
        }
    }
    let mut last = 0;
    for (order, state) in &stored {
        if state.counter < last {
            problems.push(format!("{order:?} counts {state:?} after {last}"));
        }
        last = state.counter;
    }
    // Nobody shows what was not published.
    for (process, order, state) in record.shown() {
        if stored.get(&order).is_some_and(|stored| *stored != state) {
            problems.push(format!("{process:?} shows {order:?} as {state:?}"));
        }
    }
}

/// A scraper of one replica sees no counter fall.
fn replicas_only_go_forward(record: &Record, problems: &mut Vec<String>) {
    let mut last = BTreeMap::new();
    for (process, order, state) in record.shown() {
        let before = last.insert(process, (order, state));
        if let Some((before, was)) = before
            && (order < before || state.counter < was.counter)
        {
            problems.push(format!(
                "{process:?} shows {order:?} ({state:?}) after {before:?} ({was:?})"
            ));
        }
    }
}

fn tokens_are_given_once(record: &Record, problems: &mut Vec<String>) {
    let mut known = BTreeSet::new();
    for token in record.leases() {
        if !known.insert(token) {
            problems.push(format!("token {token} was given twice"));
        }
    }
}

/// A request that was granted was granted between two moments. What lies in a window for certain must not be more than
/// the budget has.
fn the_budget_holds(record: &Record, rate: Rate, problems: &mut Vec<String>) {
    let mut granted = record.granted();
    granted.sort();
    for window in [50, 200, 1_000, 5_000].map(Duration::from_millis) {
        let most = rate.burst + window.as_secs_f64() / rate.interval.as_secs_f64();
        for (index, (first, _)) in granted.iter().enumerate() {
            let within = granted[index..].iter();
            let within = within.take_while(|(sent, _)| *sent <= *first + window);
            let inside = within.filter(|(_, got)| *got <= *first + window).count();
            if inside as f64 > most {
                problems.push(format!(
                    "{inside} requests in {window:?}, {most} are allowed"
                ));
                break;
            }
        }
    }
}

#[test]
fn a_window_with_one_request_too_many_is_found() {
    let record = Record::default();
    let now = std::time::Instant::now();
    let rate = Rate {
        interval: Duration::from_millis(10),
        burst: 5.0,
    };
    (0..10).for_each(|_| record.grants(now, now));
    let mut problems = Vec::new();
    the_budget_holds(&record, rate, &mut problems);
    assert!(problems.is_empty(), "{problems:?}");
    record.grants(now, now);
    the_budget_holds(&record, rate, &mut problems);
    assert_eq!(problems.len(), 1, "{problems:?}");
}
