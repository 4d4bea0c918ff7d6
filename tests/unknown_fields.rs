//! Fields that a GitLab lacks: none is asked where it tells what it has.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod simulation;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use fastrand::Rng;
use gitlab_metrics_bridge::metrics::{Catalogue, Choices, EnabledMetrics, View};
use gitlab_metrics_bridge::simulator::{Fault, Version, World};
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

/// What a GitLab refused as unknown, in its words.
type Refused = Arc<Mutex<BTreeSet<String>>>;

fn series(bridge: &Bridge, metric: &str) -> usize {
    let view = View::from(bridge.snapshot());
    let metric = Catalogue::standard().find(metric).unwrap();
    let (mut count, all) = (0, 0..view.projects());
    view.observe(metric, all, &Choices::default(), &mut |_, _| count += 1);
    count
}

/// A bridge at a GitLab where pipelines ran for an hour, and what it was refused.
async fn after_an_hour(world: World) -> (Bridge, Refused) {
    let refused = Refused::default();
    let noted = Arc::clone(&refused);
    let bridge = Bridge::start(world, setup());
    let fault = Fault::on("/api/graphql").always().tamper(move |_, answer| {
        for error in answer.body_json()["errors"]
            .as_array()
            .into_iter()
            .flatten()
        {
            let words = error["message"].as_str().unwrap().to_owned();
            if words.contains("doesn't exist") {
                noted.lock().unwrap().insert(words);
            }
        }
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
        let (bridge, refused) = after_an_hour(world).await;
        let words = refused.lock().unwrap().clone();
        assert_eq!(words, BTreeSet::new(), "{version:?}");
        assert!(series(&bridge, "gitlab_pipeline_last_run_status") > 0);
    }
}
