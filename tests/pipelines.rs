//! Pipelines: what is shown of them is true, and each end is counted once, whatever fails.

#[path = "simulation/mod.rs"]
mod simulation;

use std::collections::BTreeMap;
use std::sync::Arc;

use fastrand::Rng;
use gitlab_metrics_bridge::metrics::{Catalogue, Choices, EnabledMetrics, Snapshot};
use gitlab_metrics_bridge::simulator::{Fault, GitLab, Version, World};
use simulation::counted::{ledger, runs, series};
use simulation::process::Process;
use simulation::{Bridge, HOUR, MINUTE, Setup, idle, path};

#[tokio::test(start_paused = true)]
async fn counters_equal_the_ledger_after_an_hour_of_churn_with_faults_and_three_crashes() {
    for (seed, ahead) in [(1, 0), (2, 120), (3, -120)] {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let gitlab = Arc::new(GitLab::in_process(idle(12)));
        let setup = Setup {
            ahead,
            ..Setup::default()
        };
        let mut process = Process::start(&gitlab, &setup, &state);
        tokio::time::sleep(5 * MINUTE).await;
        let since = gitlab.read(World::now);
        gitlab.edit(|world| world.churn(HOUR, &mut Rng::with_seed(seed)));
        gitlab.chaos(0.1, seed);
        let mut before = BTreeMap::new();
        for quarter in 0..4 {
            for _ in 0..14 {
                tokio::time::sleep(MINUTE).await;
                let now = runs(&process.shown());
                for (name, count) in &before {
                    assert!(now.get(name) >= Some(count), "{name} went back");
                }
                before = now;
            }
            if quarter < 3 {
                process.kill().await;
                process = Process::start(&gitlab, &setup, &state);
            }
        }
        gitlab.chaos(0.0, 0);
        tokio::time::sleep(3 * HOUR).await;
        let shown = runs(&process.shown());
        assert_eq!(shown, ledger(&gitlab, since), "seed {seed}");
        assert!(shown.values().sum::<f64>() > 50.0, "it was lively");
        process.kill().await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_pipeline_shows_within_an_interval() {
    let mut bridge = Bridge::settled(idle(300), Setup::default()).await;
    bridge.pass(10 * MINUTE).await;
    let id = bridge.gitlab.edit(|world| {
        let mut events = world.events(&path(7));
        events.run_pipeline(|plan| plan.on("main").job("build", "build"))
    });
    let main = "kind=branch,project_id=7,ref=main,status=";
    let shows = |status: &'static str| {
        move |snapshot: &Snapshot| {
            let shown = series(
                &Arc::new(snapshot.clone()),
                "gitlab_pipeline_last_run_status",
            );
            shown.contains_key(&format!("{main}{status}"))
        }
    };
    bridge.seen_within(MINUTE, shows("pending")).await;
    let active = series(&bridge.snapshot(), "gitlab_pipelines_active");
    assert_eq!(active.get("project_id=7,state=pending"), Some(&1.0));
    assert_eq!(active.get("project_id=8,state=running"), Some(&0.0));
    bridge.gitlab.edit(|world| {
        world.events(&path(7)).finish_job(id, "build");
    });
    bridge.seen_within(MINUTE, shows("success")).await;
    let counted = runs(&bridge.snapshot());
    assert_eq!(
        counted,
        BTreeMap::from([("project_id=7,status=success".to_owned(), 1.0)])
    );
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_that_begins_and_ends_between_two_polls_is_counted_and_idle_costs_nothing() {
    let bridge = Bridge::settled(idle(1_000), Setup::default()).await;
    bridge.pass(30 * MINUTE).await;
    bridge.asked();
    bridge.pass(30 * MINUTE).await;
    let idle = bridge.asked().len();
    // One request a poll asks who was active, and carries the glances at 1,000 projects.
    assert!(idle <= 30 + 6 * 6, "{idle} requests in half an hour");
    bridge.gitlab.edit(|world| {
        let mut events = world.events(&path(500));
        let id = events.run_pipeline(|plan| plan.on("main").job("build", "build"));
        events.finish_job(id, "build");
        events.skip_pipeline();
    });
    bridge.pass(2 * MINUTE).await;
    let counted = runs(&bridge.snapshot());
    let expected =
        ["skipped", "success"].map(|status| (format!("project_id=500,status={status}"), 1.0));
    assert_eq!(counted, BTreeMap::from(expected));
}

/// What churned for an hour, and what was counted of it once all was over.
async fn churned(bridge: &Bridge, seed: u64) -> (BTreeMap<String, f64>, BTreeMap<String, f64>) {
    bridge.pass(20 * MINUTE).await;
    let since = bridge.gitlab.read(World::now);
    let random = &mut Rng::with_seed(seed);
    bridge.gitlab.edit(|world| world.churn(HOUR, random));
    bridge.pass(4 * HOUR).await;
    (runs(&bridge.snapshot()), ledger(&bridge.gitlab, since))
}

#[tokio::test(start_paused = true)]
async fn every_version_and_rest_alone_count_the_same() {
    for version in [Version::V18_8, Version::V18_4, Version::V16_0] {
        let mut world = idle(6);
        world.version(version);
        let bridge = Bridge::start(world, Setup::default());
        let (counted, ended) = churned(&bridge, 4).await;
        assert_eq!(counted, ended, "{version:?}");
    }
    let bridge = Bridge::start(idle(6), Setup::default());
    bridge
        .gitlab
        .fault(Fault::on("/api/graphql").always().status(403));
    let (counted, ended) = churned(&bridge, 4).await;
    let total = |all: &BTreeMap<String, f64>| all.values().sum::<f64>();
    // At the slower pace of REST more is retried between two readings, of which one end is seen.
    assert!(total(&counted) <= total(&ended) && total(&counted) >= 0.9 * total(&ended));
}

/// The number that moves tells once that something was merged: it is asked for until there is an answer.
#[tokio::test(start_paused = true)]
async fn what_a_number_told_is_counted_soon_after_failures_and_after_a_crash() {
    const MERGED: &str = "gitlab_merge_requests_merged_total";
    let wanted = |name: &str| [MERGED, "gitlab_merge_requests"].contains(&name);
    let setup = Setup {
        metrics: EnabledMetrics::new(Catalogue::standard(), wanted, Choices::default()),
        ..Setup::default()
    };
    for crashes in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let gitlab = Arc::new(GitLab::in_process(idle(12)));
        let mut process = Process::start(&gitlab, &setup, &state);
        tokio::time::sleep(20 * MINUTE).await;
        gitlab.fault(
            Fault::on("/api/graphql")
                .containing("mergedAfter")
                .always()
                .status(502),
        );
        gitlab.edit(|world| {
            let mut events = world.events(&path(1));
            events.open_merge_request().merge_merge_request();
        });
        tokio::time::sleep(4 * MINUTE).await;
        let shown = process.shown();
        let numbers = series(&shown, "gitlab_merge_requests");
        assert_eq!(
            numbers.get("project_id=1,state=merged"),
            Some(&1.0),
            "{numbers:?}"
        );
        assert_eq!(series(&shown, MERGED).get("project_id=1"), None);
        if crashes {
            process.kill().await;
            process = Process::start(&gitlab, &setup, &state);
        }
        gitlab.clear_faults();
        tokio::time::sleep(2 * MINUTE).await;
        let counted = series(&process.shown(), MERGED);
        assert_eq!(
            counted.get("project_id=1"),
            Some(&1.0),
            "crashes: {crashes}"
        );
        process.kill().await;
    }
}

/// A number that could not be read while it moved has moved all the same.
#[tokio::test(start_paused = true)]
async fn what_was_merged_while_its_number_was_not_known_is_counted_once_it_is() {
    const MERGED: &str = "gitlab_merge_requests_merged_total";
    let wanted = |name: &str| [MERGED, "gitlab_merge_requests"].contains(&name);
    let setup = Setup {
        metrics: EnabledMetrics::new(Catalogue::standard(), wanted, Choices::default()),
        ..Setup::default()
    };
    for seed in 0..4 {
        let bridge = Bridge::start(idle(12), setup.clone());
        bridge.pass(20 * MINUTE).await;
        let lossy = Fault::on("/api/graphql").always().loses_fields(seed);
        bridge.gitlab.fault(lossy);
        bridge.pass(2 * MINUTE).await;
        bridge.gitlab.edit(|world| {
            for id in 1..=12 {
                world
                    .events(&path(id))
                    .open_merge_request()
                    .merge_merge_request();
            }
        });
        bridge.pass(3 * MINUTE).await;
        bridge.gitlab.clear_faults();
        bridge.pass(3 * MINUTE).await;
        let counted = series(&bridge.snapshot(), MERGED);
        assert_eq!(counted.values().sum::<f64>(), 12.0, "{seed}: {counted:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn merges_and_incidents_are_counted_each_once() {
    let own = [
        "gitlab_merge_requests_merged_total",
        "gitlab_incidents_total",
    ];
    let catalogue = Catalogue::standard();
    let setup = Setup {
        metrics: EnabledMetrics::new(catalogue, |name| own.contains(&name), Choices::default()),
        ..Setup::default()
    };
    for graphql in [true, false] {
        let bridge = Bridge::start(idle(3), setup.clone());
        if !graphql {
            bridge
                .gitlab
                .fault(Fault::on("/api/graphql").always().status(403));
        }
        bridge.pass(20 * MINUTE).await;
        for _ in 0..3 {
            bridge.gitlab.edit(|world| {
                let mut events = world.events(&path(1));
                events.open_merge_request().merge_merge_request();
                events.open_incident().close_issue().reopen_issue();
            });
            bridge.pass(20 * MINUTE).await;
            bridge.gitlab.edit(|world| {
                world.events(&path(1)).close_issue();
            });
            bridge.pass(20 * MINUTE).await;
        }
        let (merged, incidents) = bridge.gitlab.read(|world| {
            let ledger = world.ledger();
            let merged = ledger.merge_requests().status("merged").count();
            let incidents =
                ["opened", "closed"].map(|status| ledger.incidents().status(status).count());
            (merged, incidents)
        });
        let snapshot = bridge.snapshot();
        let counted = series(&snapshot, "gitlab_merge_requests_merged_total");
        let expected = BTreeMap::from([("project_id=1".to_owned(), merged as f64)]);
        assert_eq!(counted, expected, "graphql: {graphql}");
        let counted = series(&snapshot, "gitlab_incidents_total");
        let counted =
            ["opened", "closed"].map(|action| counted[&format!("action={action},project_id=1")]);
        assert_eq!(
            counted,
            incidents.map(|count| count as f64),
            "graphql: {graphql}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_default_branch_shows_however_long_ago_it_ran() {
    let mut world = idle(2);
    let mut events = world.events(&path(1));
    let main = events.run_pipeline(|plan| plan.on("main").job("build", "build"));
    events.finish_job(main, "build");
    for number in 0..30 {
        let other = format!("branch-{number}");
        let id = events.run_pipeline(|plan| plan.on(&other).job("build", "build"));
        events.finish_job(id, "build");
    }
    let bridge = Bridge::settled(world, Setup::default()).await;
    bridge.pass(2 * MINUTE).await;
    let shown = series(&bridge.snapshot(), "gitlab_pipeline_last_run_status");
    let main = "kind=branch,project_id=1,ref=main,status=success";
    assert_eq!(shown, BTreeMap::from([(main.to_owned(), 1.0)]));
}
