//! Fields that a GitLab lacks: none is asked where it tells what it has, and where it does not, each is
//! refused once, whichever document asked it and however the error is worded.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod simulation;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use gitlab_metrics_bridge::metrics::{Catalogue, Choices, EnabledMetrics, View};
use gitlab_metrics_bridge::simulator::{Answer, Fault, Request, Version, World};
use serde_json::Value;
use simulation::{Bridge, HOUR, MINUTE, Setup, idle};

/// All metrics, so that all documents are sent.
fn setup() -> Setup {
    let choices = Choices {
        child_pipelines: true,
        ..Choices::default()
    };
    Setup {
        metrics: EnabledMetrics::new(Catalogue::standard(), |_| true, choices),
        budget: None,
        ..Setup::default()
    }
}

/// How GitLab's errors may name what is unknown.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wording {
    AsGitLabDoes,
    WithoutPath,
    WordsOnly,
}

/// What was refused, by the name of the operation.
#[derive(Default)]
struct Refused {
    count: AtomicUsize,
    operations: Mutex<BTreeSet<String>>,
    words: Mutex<BTreeSet<String>>,
}

impl Refused {
    /// Notes what GitLab refuses as unknown, and words it.
    fn note(&self, request: &Request, answer: &mut Answer, wording: Wording) {
        answer.edit_json(|body| {
            for error in body["errors"].as_array_mut().into_iter().flatten() {
                if !error["message"].as_str().unwrap().contains("doesn't exist") {
                    continue;
                }
                self.count.fetch_add(1, Ordering::Relaxed);
                let operation = request.operation.clone().unwrap_or_default();
                self.operations.lock().unwrap().insert(operation);
                let words = error["message"].as_str().unwrap().to_owned();
                self.words.lock().unwrap().insert(words);
                let error = error.as_object_mut().unwrap();
                if wording != Wording::AsGitLabDoes {
                    error.remove("path");
                }
                if wording == Wording::WordsOnly {
                    error.remove("extensions");
                }
            }
        });
    }
}

fn series(bridge: &Bridge, metric: &str) -> usize {
    let view = View::from(bridge.snapshot());
    let metric = Catalogue::standard().find(metric).unwrap();
    let (mut count, all) = (0, 0..view.projects());
    view.observe(metric, all, &Choices::default(), &mut |_, _| count += 1);
    count
}

/// A bridge at a GitLab where pipelines ran for an hour, and what it was refused.
async fn after_an_hour(world: World, wording: Wording, silent: bool) -> (Bridge, Arc<Refused>) {
    let refused = Arc::new(Refused::default());
    let noted = Arc::clone(&refused);
    let bridge = Bridge::start(world, setup());
    let fault = Fault::on("/api/graphql")
        .always()
        .tamper(move |request, answer| {
            if silent && request.operation.as_deref() == Some("Probe") {
                answer.edit_each("fields", |fields| *fields = Value::Null);
            }
            noted.note(request, answer, wording);
        });
    bridge.gitlab.fault(fault);
    bridge.pass(10 * MINUTE).await;
    let random = &mut Rng::with_seed(1);
    bridge.gitlab.edit(|world| world.churn(HOUR, random));
    bridge.pass(2 * HOUR).await;
    (bridge, refused)
}

#[tokio::test(start_paused = true)]
async fn a_field_that_a_version_lacks_is_never_asked() {
    for version in [Version::V18_4, Version::V16_0] {
        let mut world = idle(6);
        world.version(version);
        let (bridge, refused) = after_an_hour(world, Wording::AsGitLabDoes, false).await;
        let words = refused.words.lock().unwrap().clone();
        assert_eq!(words, BTreeSet::new(), "{version:?}");
        assert!(series(&bridge, "gitlab_pipeline_last_run_status") > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_field_is_left_out_of_each_document_and_the_rest_is_told() {
    /// A field of each document, below a list or deeper.
    const LACKS: &[(&str, &str)] = &[
        ("Pipeline", "source"),
        ("Pipeline", "totalJobs"),
        ("ProjectStatistics", "wikiSize"),
        ("CiJob", "queuedDuration"),
        ("CiJob", "queuedAt"),
        ("Environment", "tier"),
        ("Deployment", "job"),
        ("CiRunner", "tagList"),
        ("Group", "visibility"),
    ];
    for wording in [
        Wording::AsGitLabDoes,
        Wording::WithoutPath,
        Wording::WordsOnly,
    ] {
        let mut world = idle(6);
        for (kind, field) in LACKS {
            world.remove_field(kind, field);
        }
        let (bridge, refused) = after_an_hour(world, wording, true).await;
        let operations = refused.operations.lock().unwrap().clone();
        let asked = bridge.asked();
        let others: BTreeSet<&str> = asked
            .iter()
            .map(|asked| asked.operation.as_deref().unwrap_or(&asked.path))
            .collect();
        assert!(
            operations.len() >= 3,
            "{wording:?}: {operations:?} of {others:?} {:?}",
            refused.words.lock().unwrap()
        );
        // What was learnt is asked anew with the probe, by each of the documents that are under way then.
        let count = refused.count.load(Ordering::Relaxed);
        let hours = 3;
        assert!(
            count <= hours * 4 * LACKS.len(),
            "{wording:?}: {count} refusals, {operations:?} {:?}",
            refused.words.lock().unwrap()
        );
        let over_rest = asked
            .iter()
            .filter(|asked| asked.path.contains("/pipelines?"));
        assert_eq!(
            over_rest.count(),
            0,
            "{wording:?}: the feed is asked over GraphQL"
        );
        for metric in [
            "gitlab_pipeline_last_run_status",
            "gitlab_pipeline_last_success_timestamp_seconds",
            "gitlab_jobs_total",
        ] {
            assert!(series(&bridge, metric) > 0, "{wording:?}: {metric}");
        }
    }
}
