//! What polling does when GitLab fails, refuses, is slow, or may be asked too little: it repeats no
//! more than what failed, loses nothing, and lets nobody wait for somebody else.

mod simulation;

use std::time::Duration;

use gitlab_metrics_bridge::gitlab::Budget;
use gitlab_metrics_bridge::metrics::{Cadence, Catalogue, EnabledMetrics, Snapshot};
use gitlab_metrics_bridge::poll::Source;
use gitlab_metrics_bridge::simulator::{Fault, Request, most_within};
use simulation::asked::{Kind, asks, parts};
use simulation::chaos;
use simulation::truth::{shown, slot, untrue};
use simulation::{Bridge, HOUR, MINUTE, Setup, idle, path};

const OPEN_ISSUES: &str = "issueStatusCounts.opened";

/// The greatest age of any value that a sweep reads, in seconds.
fn oldest(bridge: &Bridge) -> u64 {
    let now = bridge.seconds();
    let snapshot = bridge.snapshot();
    let subjects = Catalogue::standard().subjects().iter();
    let swept: Vec<_> = subjects
        .filter(|subject| subject.cadence == Cadence::WithOwner)
        .map(|subject| subject.name)
        .collect();
    let ages = snapshot.ages.iter();
    let ages = ages.filter(|age| age.collector == "projects" || swept.contains(&age.collector));
    ages.map(|age| now - age.oldest).max().unwrap_or_default()
}

/// Where pages of a sweep began that were answered, in order.
fn pages(requests: &[Request]) -> Vec<Option<String>> {
    let answered = requests
        .iter()
        .filter(|request| request.status == Some(200));
    let parts = answered.flat_map(parts);
    let sweep = parts.filter(|part| part.kind == Kind::Sweep);
    sweep.map(|part| part.after).collect()
}

fn issues_of(id: u64, opened: u64) -> impl Fn(&Snapshot) -> bool {
    let slot = slot(OPEN_ISSUES);
    move |snapshot| shown(snapshot, id, slot) == Some(opened)
}

#[tokio::test(start_paused = true)]
async fn no_value_is_ever_older_than_a_sweep_and_idle_projects_cost_a_request_an_interval() {
    let bridge = Bridge::settled(idle(1_500), Setup::default()).await;
    for minute in 1..=180 {
        bridge.pass(MINUTE).await;
        assert!(oldest(&bridge) <= HOUR.as_secs(), "minute {minute}");
    }
    let asked = bridge.asked();
    let probes = asked.iter().filter(|request| asks(request, Kind::Probe));
    // And one that glances at everybody's pipelines, with what has a pace of its own.
    let beside = 3 * 60 / 5 * 6;
    assert!(
        asked.len() - probes.count() <= 183 + beside,
        "{}",
        asked.len()
    );
}

#[tokio::test(start_paused = true)]
async fn without_pages_that_ride_along_no_value_is_older_than_a_sweep_either() {
    for interval in [MINUTE, 5 * MINUTE, 7 * MINUTE] {
        let mut setup = Setup::default();
        setup.rhythm.interval = interval;
        setup.rhythm.sweep = 30 * MINUTE;
        let bridge = Bridge::settled(idle(3_300), setup).await;
        for minute in 1..=100 {
            bridge.pass(MINUTE).await;
            let oldest = oldest(&bridge);
            assert!(oldest <= 30 * 60, "{interval:?} {minute}: {oldest}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_on_page_seven_repeats_page_seven_only() {
    let mut world = idle(1_000);
    world.latency(Duration::from_millis(100), Duration::ZERO);
    let mut bridge = Bridge::start(world, Setup::default());
    // Behind the 600 newest.
    let cursor = r#"\"id\":\"401\""#;
    let fault = Fault::on("/api/graphql").containing(cursor);
    bridge.gitlab.fault(fault.times(40).status(500));
    bridge
        .seen_within(HOUR, |snapshot| snapshot.project_count == Some(1_000))
        .await;
    let asked = bridge.asked();
    assert!(asked.iter().any(|request| request.struck), "nothing failed");
    let pages = pages(&asked);
    assert_eq!(pages.len(), 10, "{pages:?}");
    assert_eq!(untrue(&bridge.gitlab, &bridge.snapshot()), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn one_refusal_does_not_turn_a_sweep_over_to_rest() {
    for refuse in [
        Fault::operation("Projects").stopped_at_the_edge(),
        Fault::operation("Projects").errors_only("Internal server error"),
    ] {
        let mut bridge = Bridge::start(idle(300), Setup::default());
        bridge.gitlab.fault(refuse);
        let whole = |snapshot: &Snapshot| snapshot.project_count == Some(300);
        bridge.seen_within(MINUTE, whole).await;
        let asked = bridge.asked();
        assert!(asked.iter().any(|request| request.struck));
        assert!(!asked.iter().any(|request| asks(request, Kind::Rest)));
    }
}

#[tokio::test(start_paused = true)]
async fn what_an_edge_throttle_forbids_is_no_word_of_gitlab() {
    let mut world = idle(300);
    world.slow_field(&path(9), "mergeRequests");
    let bridge = Bridge::settled(world, Setup::default()).await;
    let value = || shown(&bridge.snapshot(), 9, slot("mergeRequests(state: opened"));
    assert_eq!(value(), Some(0), "REST tells it");
    bridge
        .gitlab
        .fault(Fault::on("/api/v4").always().stopped_at_the_edge());
    bridge.pass(HOUR).await;
    assert_eq!(value(), Some(0), "the last good value stays");
}

#[tokio::test(start_paused = true)]
async fn a_project_that_breaks_its_pages_is_isolated_and_asked_again_after_growing_pauses() {
    let mut world = idle(1_500);
    world.breaks_page(&path(700), 0);
    let mut bridge = Bridge::settled(world, Setup::default()).await;
    let mut alone = Vec::new();
    for _ in 0..4 {
        bridge.pass(HOUR).await;
        let asked = bridge.asked();
        let lone = asked.iter().filter(|request| {
            let parts = parts(request);
            parts.len() == 1 && parts[0].ids == [700] && parts[0].kind == Kind::Read
        });
        alone.push(lone.count());
    }
    bridge.gitlab.edit(|world| {
        world.events(&path(701)).open_issue();
    });
    bridge.seen_within(MINUTE, issues_of(701, 3)).await;
    bridge.gitlab.edit(|world| {
        world.events(&path(700)).open_issue();
    });
    bridge.seen_within(HOUR, issues_of(700, 3)).await;
    assert!(alone.is_sorted_by(|a, b| a >= b), "{alone:?}");
}

#[tokio::test(start_paused = true)]
async fn slow_pages_of_one_group_do_not_hold_up_another_group() {
    let sources = [1, 2].map(|group| Source::Group(format!("group-{group}")));
    let setup = Setup {
        sources: sources.into(),
        ..Setup::default()
    };
    let mut bridge = Bridge::settled(idle(2_100), setup).await;
    let slow = || Fault::on("/api/graphql").containing("group-1");
    bridge.gitlab.fault(slow().always().hang());
    for issues in 3..8 {
        bridge.pass(10 * MINUTE).await;
        bridge.gitlab.edit(|world| {
            world.events(&path(9)).open_issue();
        });
        bridge.seen_within(10 * MINUTE, issues_of(9, issues)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_that_hangs_does_not_end_its_poll() {
    let mut bridge = Bridge::settled(idle(1_500), Setup::default()).await;
    let look = Fault::on("/api/graphql").containing("latest_activity_desc");
    bridge.gitlab.fault(look.hang());
    bridge.gitlab.edit(|world| {
        world.events(&path(9)).open_issue();
    });
    bridge.seen_within(2 * MINUTE, issues_of(9, 3)).await;
    let snapshot = bridge.snapshot();
    let errors = &snapshot.report.as_ref().unwrap().errors;
    assert!(errors.is_empty(), "{errors:?}");
}

#[tokio::test(start_paused = true)]
async fn a_look_that_failed_is_repeated_from_where_the_last_good_one_began() {
    let mut bridge = Bridge::settled(idle(1_500), Setup::default()).await;
    let look = Fault::on("/api/graphql").containing("latest_activity_desc");
    bridge.gitlab.fault(look.always().status(500));
    for id in 1..=150 {
        bridge.gitlab.edit(|world| {
            world.events(&path(id)).open_issue();
        });
        bridge.pass(Duration::from_secs(4)).await;
    }
    bridge.gitlab.clear_faults();
    let all = |snapshot: &Snapshot| (1..=150).all(|id| issues_of(id, 3)(snapshot));
    bridge.seen_within(2 * MINUTE, all).await;
}

#[tokio::test(start_paused = true)]
async fn a_429_is_waited_out_and_loses_nothing() {
    let mut bridge = Bridge::settled(idle(1_500), Setup::default()).await;
    let wait = Duration::from_secs(170);
    bridge.gitlab.fault(Fault::anywhere().retry_later(wait));
    bridge.gitlab.edit(|world| {
        world.events(&path(9)).open_issue();
    });
    bridge.seen_within(MINUTE, issues_of(9, 3)).await;
    let asked = bridge.asked();
    let refused = asked
        .iter()
        .position(|request| request.status == Some(429))
        .unwrap();
    let pause = asked[refused + 1].at.duration_since(asked[refused].at);
    assert!(pause.as_secs() >= 170, "{pause:?}");
    assert_eq!(bridge.snapshot().report.as_ref().unwrap().failure, None);
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_is_too_small_makes_everything_older_evenly_and_drops_nothing() {
    let budget = Budget {
        per_hour: 24,
        per_minute: 4,
    };
    let setup = Setup {
        budget: Some(budget),
        ..Setup::default()
    };
    let mut bridge = Bridge::start(idle(3_000), setup);
    bridge
        .seen_within(4 * HOUR, |snapshot| snapshot.project_count.is_some())
        .await;
    bridge.pass(6 * HOUR).await;
    let (snapshot, now) = (bridge.snapshot(), bridge.seconds());
    assert_eq!(snapshot.projects.len(), 3_000);
    let report = snapshot.report.as_ref().unwrap();
    assert!(report.late > MINUTE, "{:?}", report.late);
    let ages: Vec<u64> = snapshot
        .projects
        .iter()
        .map(|project| now - u64::from(project.listed))
        .collect();
    let (most, mean) = (
        *ages.iter().max().unwrap(),
        ages.iter().sum::<u64>() / 3_000,
    );
    assert!(
        most <= 2 * mean + 600,
        "the oldest is {most}s, the mean {mean}s"
    );
    let asked = bridge.asked();
    assert!(most_within(HOUR, &asked) <= 24 && most_within(MINUTE, &asked) <= 4);
    assert!(asked.len() >= 6 * 20, "the budget is used: {}", asked.len());
    bridge.gitlab.edit(|world| {
        world.events(&path(9)).open_issue();
    });
    bridge.seen_within(2 * HOUR, issues_of(9, 3)).await;
}

#[tokio::test(start_paused = true)]
async fn with_a_tiny_budget_counts_come_first_and_what_lies_beside_the_projects_in_later_polls() {
    let budget = Budget {
        per_hour: 30,
        per_minute: 4,
    };
    let setup = Setup {
        budget: Some(budget),
        metrics: EnabledMetrics::standard(),
        ..Setup::default()
    };
    let mut bridge = Bridge::start(idle(600), setup);
    bridge
        .seen_within(4 * HOUR, |snapshot| !snapshot.groups.is_empty())
        .await;
    let asked = bridge.asked();
    let is_beside = |request: &Request| {
        let operation = request.operation.as_deref();
        matches!(operation, Some("Groups" | "Runners")) || request.path.contains("/groups/")
    };
    let first = asked.iter().position(is_beside).unwrap();
    let swept = pages(&asked[..first]);
    assert!(swept.len() >= 6, "{} pages before", swept.len());
    // It holds no poll open: what is active is seen while it is still read.
    bridge.gitlab.edit(|world| {
        world.events(&path(9)).open_issue();
    });
    bridge.seen_within(HOUR, issues_of(9, 3)).await;
    let snapshot = bridge.snapshot();
    assert_eq!(snapshot.groups.len(), 7);
    assert!(most_within(HOUR, &bridge.asked()) <= 30);
}

/// Waits until the first poll has ended: it reads everything, however long that takes.
async fn first_poll(bridge: &mut Bridge) {
    bridge
        .seen_within(HOUR, |snapshot| snapshot.report.is_some())
        .await;
}

#[tokio::test(start_paused = true)]
async fn huge_projects_on_one_page_are_read_by_several_polls_and_nobody_waits() {
    let mut world = idle(1_500);
    for id in 101..=130 {
        world.slow_field(&path(id), "mergeRequests");
    }
    world.latency(Duration::from_millis(100), Duration::from_millis(2));
    let mut bridge = Bridge::settled(world, Setup::default()).await;
    first_poll(&mut bridge).await;
    for id in 301..371 {
        bridge.gitlab.edit(|world| {
            world.events(&path(id)).open_issue();
        });
        bridge.seen_within(MINUTE, issues_of(id, 3)).await;
    }
    bridge.pass(HOUR).await;
    assert_eq!(untrue(&bridge.gitlab, &bridge.snapshot()), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn huge_projects_do_not_make_the_others_wait() {
    let mut world = idle(3_000);
    for id in (1..=3_000).step_by(300) {
        world.slow_field(&path(id), "mergeRequests");
    }
    world.latency(Duration::from_millis(100), Duration::from_millis(2));
    let mut bridge = Bridge::settled(world, Setup::default()).await;
    first_poll(&mut bridge).await;
    for hour in 0..3 {
        for id in 2..5 {
            bridge.gitlab.edit(|world| {
                world.events(&path(id)).open_issue();
            });
            bridge.seen_within(MINUTE, issues_of(id, 3 + hour)).await;
        }
        bridge.pass(HOUR).await;
        assert!(oldest(&bridge) <= HOUR.as_secs());
    }
    assert_eq!(untrue(&bridge.gitlab, &bridge.snapshot()), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn hours_in_which_a_tenth_of_all_requests_fails_lose_nothing_and_hold_the_budget() {
    let outcome = chaos::hours(500, 3, chaos::SHARE, chaos::BUDGET).await;
    assert!(outcome.struck > 5, "{} were struck", outcome.struck);
    assert!(outcome.held(chaos::BUDGET), "{:?}", outcome.most);
    assert_eq!(outcome.untrue, [""; 0]);
}
