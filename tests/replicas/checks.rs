//! The promises of several replicas, checked on what was seen from outside. Each check returns what broke it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::history::{Head, History, Life, Moment, Point, Scrape, Span};

/// How many requests GitLab allows, and in what time.
#[derive(Clone, Copy, Debug)]
pub struct Budget {
    pub per_minute: usize,
    /// Requests at once, and how many more each second.
    pub burst: f64,
    pub rate: f64,
}

/// What holds whatever happens. Empty if all of it held.
pub fn broken(history: &History, budget: Budget, lease: Duration) -> Vec<String> {
    let checks = [
        over_budget(&history.requests, budget),
        asked_while_away(history, lease),
        two_holders_of_a_token(history),
        versions_that_fall(history),
        points_that_disagree(&history.points),
        counters_that_fall_when_pushed(&history.points),
        halves_of_versions(&history.scrapes),
        texts_that_return(&history.scrapes),
        counters_that_fall(&history.scrapes),
        gaps(history),
    ];
    checks.into_iter().flatten().collect()
}

/// No minute has more requests than the budget, and no shorter time more than the bucket gives.
pub fn over_budget(requests: &[Moment], budget: Budget) -> Vec<String> {
    const MINUTE: Duration = Duration::from_secs(60);
    /// A process may be held between the moment it is allowed a request and the moment it sends it.
    const LATE: Duration = Duration::from_secs(4);
    let mut broken = Vec::new();
    let mut sorted = requests.to_vec();
    sorted.sort_unstable();
    for (index, first) in sorted.iter().enumerate() {
        let until = |end: Moment| sorted.partition_point(|at| *at < end) - index;
        let in_minute = until(*first + MINUTE);
        if in_minute > budget.per_minute {
            broken.push(format!("{in_minute} requests in the minute from {first:?}"));
        }
        for seconds in [5, 10, 20, 40] {
            let window = Duration::from_secs(seconds);
            let most = budget.burst + budget.rate * (window + LATE).as_secs_f64();
            let found = until(*first + window);
            if found as f64 > most {
                broken.push(format!(
                    "{found} requests in {window:?} from {first:?}, {most} may be"
                ));
            }
        }
    }
    broken.truncate(3);
    broken
}

/// Nobody asks GitLab when the engine has been away for as long as a lease.
pub fn asked_while_away(history: &History, lease: Duration) -> Vec<String> {
    let asked = |span: &Span| {
        let from = span.begin + lease;
        let all = history.requests.iter();
        let all = all.filter(|at| **at > from && **at < span.end);
        let late: Vec<_> = all.collect();
        let first = late.first()?;
        Some(format!(
            "{} requests while the engine was away, the first {:?} after it went",
            late.len(),
            **first - span.begin
        ))
    };
    history.away.iter().filter_map(asked).collect()
}

/// A token has one holder, and each new holder a higher one.
pub fn two_holders_of_a_token(history: &History) -> Vec<String> {
    let mut broken = Vec::new();
    let mut newest: Option<(u64, &str)> = None;
    for holder in &history.holders {
        match newest {
            Some((token, replica)) if token == holder.token && replica != holder.replica => {
                broken.push(format!(
                    "{token} belongs to {replica} and to {}",
                    holder.replica
                ));
            }
            // An old copy of the engine may know an old lease. Its holder can't have taken a new one meanwhile.
            Some((token, _)) if holder.token < token && !has_forgotten(history, holder.at) => {
                broken.push(format!("token {} after {token}", holder.token));
            }
            _ => {}
        }
        if newest.is_none_or(|(token, _)| token < holder.token) {
            newest = Some((holder.token, &holder.replica));
        }
    }
    broken
}

/// Whether the engine that was seen then began not long before.
fn has_forgotten(history: &History, at: Moment) -> bool {
    const SINCE: Duration = Duration::from_secs(10);
    let mut forgot = history.forgot.iter();
    forgot.any(|begun| *begun <= at && at < *begun + SINCE)
}

/// In one life of the engine the version rises, and the token never falls. After it forgot, what is published anew is
/// newer than all before.
pub fn versions_that_fall(history: &History) -> Vec<String> {
    let mut broken = Vec::new();
    for pair in history.heads.windows(2) {
        let (before, after) = (&pair[0], &pair[1]);
        let forgot = history.forgot.iter();
        let forgot = forgot
            .clone()
            .any(|begun| before.at <= *begun && *begun <= after.at);
        let rises = after.version > before.version && after.token >= before.token;
        if !forgot && !rises {
            broken.push(format!("{after:?} after {before:?}"));
        }
    }
    let mut published: BTreeMap<u64, u64> = BTreeMap::new();
    for head in &history.heads {
        let token = published.entry(head.version).or_insert(head.token);
        // An old copy shows an old version again; the same version under another token is another one.
        if *token != head.token && !has_forgotten(history, head.at) {
            broken.push(format!(
                "version {} under {token} and {}",
                head.version, head.token
            ));
        }
    }
    broken
}

/// Two points of one series with one timestamp say the same, and are the same message sent again.
pub fn points_that_disagree(points: &[Point]) -> Vec<String> {
    let mut known: BTreeMap<(&str, u64), f64> = BTreeMap::new();
    let mut broken = Vec::new();
    for point in points {
        let before = known.insert((&point.series, point.time), point.value);
        if let Some(before) = before.filter(|before| before.total_cmp(&point.value).is_ne()) {
            broken.push(format!(
                "{} was {before} and {} at {}",
                point.series, point.value, point.time
            ));
        }
    }
    broken
}

/// Ordered by their timestamps, counters do not fall, and count from one moment.
pub fn counters_that_fall_when_pushed(points: &[Point]) -> Vec<String> {
    let mut by_series: BTreeMap<&str, BTreeMap<u64, &Point>> = BTreeMap::new();
    for point in points.iter().filter(|point| point.start.is_some()) {
        let series = by_series.entry(&point.series).or_default();
        series.insert(point.time, point);
    }
    let mut broken = Vec::new();
    for points in by_series.values() {
        for (before, after) in points.values().zip(points.values().skip(1)) {
            if after.value < before.value {
                broken.push(format!(
                    "{} fell from {} to {}",
                    after.series, before.value, after.value
                ));
            }
            if after.start != before.start {
                broken.push(format!(
                    "{} began at {:?} and at {:?}",
                    after.series, before.start, after.start
                ));
            }
        }
    }
    broken
}

/// What GitLab changes together is shown together.
pub fn halves_of_versions(scrapes: &[Scrape]) -> Vec<String> {
    let halves = scrapes.iter().filter(|scrape| {
        let first = scrape.pulse.first();
        scrape.pulse.iter().any(|number| Some(number) != first)
    });
    let halves = halves.map(|scrape| format!("{:?} shows {:?}", scrape.life, scrape.pulse));
    halves.collect()
}

/// One process never shows a text again that it has left, and its numbers never go back.
pub fn texts_that_return(scrapes: &[Scrape]) -> Vec<String> {
    let mut broken = Vec::new();
    for (life, scrapes) in by_life(scrapes) {
        let pulses = scrapes.iter().filter_map(|scrape| scrape.pulse.first());
        let pulses: Vec<_> = pulses.collect();
        for pair in pulses.windows(2).filter(|pair| pair[1] < pair[0]) {
            broken.push(format!(
                "{life:?} went back from {} to {}",
                pair[0], pair[1]
            ));
        }
        let mut texts: Vec<u64> = scrapes.iter().map(|scrape| scrape.text).collect();
        texts.dedup();
        let (shown, mut different) = (texts.len(), texts);
        different.sort_unstable();
        different.dedup();
        if different.len() != shown {
            broken.push(format!("{life:?} showed an old text again"));
        }
    }
    broken
}

/// No counter falls, in no process, and not from one process to another that is asked later.
pub fn counters_that_fall(scrapes: &[Scrape]) -> Vec<String> {
    let mut broken = Vec::new();
    for (life, scrapes) in by_life(scrapes) {
        let mut before: BTreeMap<&str, f64> = BTreeMap::new();
        for scrape in scrapes {
            for (series, value) in &scrape.counters {
                let last = before.insert(series, *value);
                if let Some(last) = last.filter(|last| last > value) {
                    broken.push(format!("{life:?}: {series} fell from {last} to {value}"));
                }
            }
        }
    }
    broken
}

fn by_life(scrapes: &[Scrape]) -> BTreeMap<Life, Vec<&Scrape>> {
    let mut all: BTreeMap<Life, Vec<&Scrape>> = BTreeMap::new();
    for scrape in scrapes {
        all.entry(scrape.life).or_default().push(scrape);
    }
    all
}

/// Whoever runs answers.
pub fn gaps(history: &History) -> Vec<String> {
    let is_excused = |replica: usize, span: &Span| {
        let mut excused = history.excused.iter();
        excused.any(|(of, times)| *of == replica && times.meets(span))
    };
    let gaps = history.gaps.iter();
    let gaps = gaps.filter(|gap| !is_excused(gap.life.replica, &gap.span));
    gaps.map(|gap| format!("{:?} did not answer: {}", gap.life, gap.why))
        .collect()
}

/// How many versions were published in that time.
pub fn versions_in(heads: &[Head], span: Span) -> usize {
    let times = heads.iter().map(|head| head.at);
    times
        .filter(|at| (span.begin..=span.end).contains(at))
        .count()
}
