//! The checks themselves: histories as they would be without the fence, the budget in the engine or whole versions.
//! Each must be found, else the nemesis proves nothing.

use std::time::Duration;

use crate::checks::{self, Budget};
use crate::history::{Gap, Head, History, Holder, Life, Moment, Point, Scrape, Span};

const LEASE: Duration = Duration::from_secs(2);
const BUDGET: Budget = Budget {
    per_minute: 60,
    burst: 8.0,
    rate: 0.9,
};

fn at(milliseconds: u64) -> Moment {
    Duration::from_secs(1_800_000_000) + Duration::from_millis(milliseconds)
}

fn head(milliseconds: u64, token: u64, version: u64) -> Head {
    Head {
        at: at(milliseconds),
        token,
        version,
    }
}

fn holder(milliseconds: u64, token: u64, replica: &str) -> Holder {
    Holder {
        at: at(milliseconds),
        token,
        replica: replica.to_owned(),
    }
}

fn scrape(number: f64, counted: f64) -> Scrape {
    Scrape {
        at: at(0),
        life: Life::default(),
        pulse: vec![number; 4],
        counters: [("runs".to_owned(), counted)].into(),
        text: number as u64,
    }
}

fn point(time: u64, value: f64) -> Point {
    Point {
        series: "runs".to_owned(),
        arrived: time + 1,
        time,
        start: Some(7),
        value,
    }
}

/// A history in which all is well, with everything that may happen: a change of leaders, an engine that forgot, a
/// message that came twice, a replica that was held.
fn good() -> History {
    History {
        scrapes: vec![
            scrape(1.0, 0.0),
            scrape(2.0, 3.0),
            scrape(2.0, 3.0),
            scrape(3.0, 3.0),
        ],
        gaps: vec![Gap {
            span: span(3_000, 4_000),
            life: Life::default(),
            why: "held".to_owned(),
        }],
        heads: vec![
            head(0, 10, 1),
            head(100, 10, 2),
            head(3_000, 20, 3),
            // An old copy of the engine took its place, and the newest version came back.
            head(9_000, 10, 2),
            head(9_500, 30, 4),
        ],
        holders: vec![
            holder(0, 10, "a"),
            holder(2_900, 20, "b"),
            holder(9_000, 10, "a"),
            holder(9_400, 30, "b"),
        ],
        requests: (0..40).map(|second| at(second * 1_500)).collect(),
        points: vec![point(1, 0.0), point(2, 3.0), point(2, 3.0), point(3, 4.0)],
        away: vec![span(1_000, 2_900)],
        forgot: vec![at(8_900)],
        excused: vec![(0, span(2_000, 3_500))],
    }
}

fn span(begin: u64, end: u64) -> Span {
    Span {
        begin: at(begin),
        end: at(end),
    }
}

fn broken(change: impl FnOnce(&mut History)) -> Vec<String> {
    let mut history = good();
    change(&mut history);
    checks::broken(&history, BUDGET, LEASE)
}

#[test]
fn a_history_in_which_all_is_well_breaks_nothing() {
    assert_eq!(broken(|_| ()), Vec::<String>::new());
}

#[test]
fn without_the_fence_the_late_version_of_a_holder_that_was_stopped_is_found() {
    // The old holder wakes up and publishes behind the new one's back.
    let late = broken(|history| history.heads.insert(3, head(3_100, 10, 4)));
    assert!(late[0].contains("after Head"), "{late:?}");
    let same = broken(|history| history.heads.insert(3, head(3_100, 10, 3)));
    assert!(!same.is_empty());
    // Whoever shows it then counts what the new holder has counted already.
    let fell = broken(|history| history.scrapes.push(scrape(4.0, 2.0)));
    assert_eq!(fell.len(), 1, "{fell:?}");
    assert!(fell[0].contains("runs fell from 3 to 2"), "{fell:?}");
}

#[test]
fn a_token_that_repeats_after_a_wipe_is_found() {
    let twice = broken(|history| history.holders[3] = holder(9_400, 20, "a"));
    assert!(twice[0].contains("belongs to b and to a"), "{twice:?}");
    let falling = broken(|history| history.holders.insert(2, holder(3_500, 15, "c")));
    assert!(falling[0].contains("token 15 after 20"), "{falling:?}");
}

#[test]
fn a_budget_that_is_not_shared_is_found() {
    // Two holders, each with a budget of its own.
    let double = broken(|history| {
        let others = (0..40).map(|second| at(second * 1_500 + 700));
        history.requests.extend(others);
    });
    assert!(double[0].contains("in the minute"), "{double:?}");
    // A bucket that is full after a restart of the engine.
    let burst = broken(|history| {
        let others = (0..18).map(|number| at(30_000 + number * 10));
        history.requests.extend(others);
    });
    assert!(burst[0].contains("requests in 20s"), "{burst:?}");
}

#[test]
fn who_asks_gitlab_after_the_end_of_the_lease_is_found() {
    let asked = broken(|history| {
        history.away = vec![span(1_000, 8_000)];
        history.requests = vec![at(3_200)];
    });
    assert!(asked[0].contains("1 requests while"), "{asked:?}");
    let before = broken(|history| {
        history.away = vec![span(1_000, 8_000)];
        history.requests = vec![at(2_500)];
    });
    assert_eq!(before, Vec::<String>::new());
}

#[test]
fn points_of_two_holders_are_found() {
    let two = broken(|history| history.points.push(point(3, 5.0)));
    assert!(two[0].contains("was 4 and 5"), "{two:?}");
    let fell = broken(|history| history.points.push(point(4, 3.0)));
    assert!(fell[0].contains("fell from 4 to 3"), "{fell:?}");
    // A late message that says what was true then is fine; a new beginning is not.
    let late = broken(|history| {
        history.points.push(Point {
            arrived: 9,
            ..point(1, 0.0)
        })
    });
    assert_eq!(late, Vec::<String>::new());
    let anew = broken(|history| {
        history.points.push(Point {
            start: Some(8),
            ..point(4, 5.0)
        })
    });
    assert!(anew[0].contains("began at"), "{anew:?}");
}

#[test]
fn half_a_version_and_an_old_one_are_found() {
    let half = broken(|history| history.scrapes[3].pulse[2] = 2.0);
    assert!(half[0].contains("shows"), "{half:?}");
    let old = broken(|history| history.scrapes.push(scrape(2.0, 3.0)));
    assert!(old[0].contains("went back from 3 to 2"), "{old:?}");
    assert!(old[1].contains("an old text again"), "{old:?}");
}

#[test]
fn a_gap_is_found() {
    let gap = broken(|history| history.excused.clear());
    assert!(gap[0].contains("did not answer: held"), "{gap:?}");
    let other = broken(|history| history.excused[0].0 = 1);
    assert_eq!(other.len(), 1);
}
