//! A lively GitLab: all kinds of pipelines, the same for the same seed, and all of it in the ledger.

use std::collections::BTreeSet;

use fastrand::Rng;

use super::*;

const MINUTE: Duration = Duration::from_secs(60);

/// An hour of churn in some projects.
fn hour(seed: u64) -> World {
    let mut world = World::new();
    for number in 0..30 {
        world.project(&format!("group/{number}"));
    }
    let mut random = Rng::with_seed(seed);
    for _ in 0..60 {
        world.churn(MINUTE, &mut random);
        world.advance(MINUTE, &mut random);
    }
    // Nothing new, so that everything ends.
    for _ in 0..30 {
        world.pass(MINUTE);
    }
    world
}

#[test]
fn the_same_seed_writes_the_same_ledger() {
    let entries = |seed| {
        hour(seed)
            .ledger()
            .all()
            .iter()
            .cloned()
            .collect::<Vec<Entry>>()
    };
    let first = entries(3);
    assert!(first.len() > 1_000, "{}", first.len());
    assert_eq!(first, entries(3));
    assert_ne!(first, entries(4));
}

#[test]
fn all_kinds_of_things_happen() {
    let world = hour(5);
    let ledger = world.ledger();
    for status in ["success", "failed", "canceled", "skipped"] {
        assert!(ledger.pipelines().status(status).count() > 0, "{status}");
    }
    let count = |attribute: &str, value: &str| ledger.pipelines().with(attribute, value).count();
    assert!(count("child", "true") > 0);
    assert!(count("source", "merge_request_event") > 0);
    let both = |name: &str| {
        let of = |path: String| count("ref_path", &path) > 0;
        of(format!("refs/tags/{name}")) && of(format!("refs/heads/{name}"))
    };
    assert!(["v0", "v1", "v2", "v3"].into_iter().any(both));
    assert!(
        ledger
            .jobs()
            .with("failure_reason", "runner_system_failure")
            .count()
            > 0
    );
    assert!(
        ledger
            .deployments()
            .with("tier", "production")
            .status("failed")
            .count()
            > 0
    );
    assert!(ledger.merge_requests().status("merged").count() > 0);
    for action in ["opened", "closed"] {
        assert!(ledger.incidents().status(action).count() > 0, "{action}");
    }
    assert!(ledger.shipped().with("tier", "production").count() > 0);
    let ends: Vec<u64> = ledger.pipelines().iter().map(|entry| entry.key).collect();
    let once: BTreeSet<u64> = ends.iter().copied().collect();
    assert!(once.len() < ends.len(), "a retried pipeline ends twice");
    let short = |entry: &&Entry| {
        entry
            .duration
            .is_some_and(|took| took < Duration::from_secs(2))
    };
    assert!(ledger.pipelines().iter().any(|entry| short(&entry)));
}

#[tokio::test(start_paused = true)]
async fn what_rest_tells_of_jobs_and_pipelines_is_what_the_ledger_says() {
    let inside = Inside(GitLab::in_process(hour(6)));
    let ledger = inside.0.read(|world| world.ledger().clone());
    for project in 1..=30 {
        let mut jobs = BTreeSet::new();
        for source in ["", "&source=parent_pipeline"] {
            let path = format!("projects/{project}/pipelines?per_page=100{source}");
            for row in inside.rest(&path).await.as_array().unwrap() {
                let id = row["id"].as_u64().unwrap();
                let path = format!("projects/{project}/pipelines/{id}");
                let whole = inside.rest(&path).await;
                let ends = ledger.pipelines().of(project);
                let last = ends
                    .iter()
                    .filter(|entry| entry.key == id)
                    .last()
                    .map(|entry| entry.at);
                if whole["finished_at"].is_string() {
                    let at: jiff::Timestamp =
                        whole["finished_at"].as_str().unwrap().parse().unwrap();
                    assert_eq!(Some(at), last, "{path}");
                }
                for kind in ["jobs", "bridges"] {
                    for page in 1..3 {
                        let path =
                            format!("{path}/{kind}?include_retried=true&per_page=100&page={page}");
                        let rows = inside.rest(&path).await;
                        let ended = rows.as_array().unwrap().iter();
                        let ended = ended.filter(|job| job["finished_at"].is_string());
                        jobs.extend(ended.map(|job| job["id"].as_u64().unwrap()));
                    }
                }
            }
        }
        let written: BTreeSet<u64> = ledger
            .jobs()
            .of(project)
            .iter()
            .map(|entry| entry.key)
            .collect();
        assert_eq!(jobs, written, "project {project}");
    }
}

#[test]
fn the_demo_has_pipelines_of_all_kinds_and_some_that_run() {
    let now = World::new().now();
    let demo = World::demo(now);
    let running = demo.projects().flat_map(|project| project.pipeline_rows());
    let running = running.filter(|row| row.status == PipelineStatus::Running);
    assert!(running.count() > 0);
    assert!(demo.ledger().pipelines().count() > 100);
    assert!(demo.ledger().deployments().count() > 10);
    assert!(demo.ledger().all().iter().all(|entry| entry.at <= now));
}

#[test]
fn a_large_world_carries_no_rows() {
    let world = World::large(200);
    let rows = world.projects().flat_map(|project| project.pipeline_rows());
    assert_eq!(rows.count(), 0);
}
