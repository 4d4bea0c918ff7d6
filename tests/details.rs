//! Jobs, test reports, deployments and the queue against the model's ledger: what is counted equals
//! what happened, whatever fails, and what is shown is true.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod simulation;

use std::collections::BTreeMap;
use std::time::Duration;

use fastrand::Rng;
use gitlab_metrics_bridge::metrics::{Catalogue, Choices, EnabledMetrics, Snapshot};
use gitlab_metrics_bridge::simulator::{Entry, Fault, TestReport, World};
use simulation::{Bridge, HOUR, MINUTE, Setup, idle, path};

/// The subjects of this file.
const SUBJECTS: [&str; 6] = [
    "jobs",
    "test_reports",
    "deployments",
    "environments",
    "queue",
    "dora",
];

fn setup(children: bool) -> Setup {
    let catalogue = Catalogue::standard();
    let shows = |name: &str| {
        let metric = catalogue.find(name).unwrap();
        metric.by_default || SUBJECTS.contains(&metric.subject.name)
    };
    let choices = Choices {
        child_pipelines: children,
        ..Choices::default()
    };
    Setup {
        metrics: EnabledMetrics::new(catalogue, shows, choices),
        budget: None,
        ..Setup::default()
    }
}

/// The series of a metric: its attributes, in their order, and its value.
fn shown(snapshot: &Snapshot, metric: &str) -> BTreeMap<Vec<String>, f64> {
    let metric = Catalogue::standard().find(metric).unwrap();
    let mut series = BTreeMap::new();
    let all = 0..snapshot.projects.len();
    metric.observe(
        snapshot,
        all,
        &Choices::default(),
        &mut |attributes, value| {
            let mut named: Vec<_> = attributes.to_vec();
            named.sort_unstable();
            let texts = named.iter().filter(|(_, text)| !text.is_empty());
            let texts = texts.map(|(name, text)| format!("{name}={text}"));
            series.insert(texts.collect(), value);
        },
    );
    series
}

/// The counts of entries by the attributes that `of` makes.
fn counted<'a>(
    entries: impl Iterator<Item = &'a Entry>,
    of: impl Fn(&Entry) -> Vec<String>,
) -> BTreeMap<Vec<String>, f64> {
    let mut counts = BTreeMap::new();
    for entry in entries {
        let mut texts = of(entry);
        texts.sort_unstable();
        *counts.entry(texts).or_default() += 1.0;
    }
    counts
}

fn jobs(world: &World, children: bool) -> BTreeMap<Vec<String>, f64> {
    let jobs = world.ledger().jobs().with("kind", "build");
    let jobs = if children {
        jobs
    } else {
        jobs.without("child")
    };
    counted(jobs.iter(), |job| {
        let mut texts = vec![
            format!("project_id={}", job.project),
            format!("status={}", job.status),
            format!("stage={}", job.attribute("stage").unwrap()),
        ];
        let reason = job.attribute("failure_reason");
        texts.extend(reason.map(|reason| format!("failure_reason={reason}")));
        texts
    })
}

fn deployments(world: &World) -> BTreeMap<Vec<String>, f64> {
    let ended = world.ledger().deployments();
    let ended = ended
        .iter()
        .filter(|own| ["success", "failed", "canceled"].contains(&own.status));
    counted(ended, |own| {
        vec![
            format!("project_id={}", own.project),
            format!("status={}", own.status),
            format!("environment={}", own.attribute("environment").unwrap()),
            format!("tier={}", own.attribute("tier").unwrap()),
        ]
    })
}

/// An hour of churn, and as long as it takes until everything has ended and been read.
async fn churn(children: bool, faults: f64) -> Bridge {
    let bridge = Bridge::settled(idle(8), setup(children)).await;
    bridge.gitlab.chaos(faults, 11);
    let mut random = Rng::with_seed(3);
    for _ in 0..12 {
        bridge
            .gitlab
            .edit(|world| world.churn(5 * MINUTE, &mut random));
        bridge.pass(5 * MINUTE).await;
    }
    bridge.gitlab.chaos(0.0, 0);
    bridge.pass(2 * HOUR).await;
    bridge
}

#[track_caller]
fn assert_counts(bridge: &Bridge, children: bool) {
    let snapshot = bridge.snapshot();
    let (jobs, deployments) = bridge
        .gitlab
        .read(|world| (jobs(world, children), deployments(world)));
    assert!(
        jobs.len() > 20 && deployments.len() > 2,
        "{} {}",
        jobs.len(),
        deployments.len()
    );
    assert_same(&shown(&snapshot, "gitlab_jobs_total"), &jobs);
    assert_same(&shown(&snapshot, "gitlab_deployments_total"), &deployments);
}

#[track_caller]
fn assert_same(shown: &BTreeMap<Vec<String>, f64>, truth: &BTreeMap<Vec<String>, f64>) {
    let other =
        |one: &BTreeMap<Vec<String>, f64>, other: &BTreeMap<Vec<String>, f64>| -> Vec<String> {
            let differs = one
                .iter()
                .filter(|(series, value)| other.get(*series) != Some(value));
            let told = |(series, value): (&Vec<String>, &f64)| {
                format!("{series:?} {value} {:?}", other.get(series))
            };
            differs.take(5).map(told).collect()
        };
    assert!(
        shown == truth,
        "shown: {:#?}\ntrue: {:#?}",
        other(shown, truth),
        other(truth, shown)
    );
}

#[tokio::test(start_paused = true)]
async fn each_attempt_of_a_job_and_each_deployment_is_counted_once() {
    let bridge = churn(false, 0.0).await;
    assert_counts(&bridge, false);
}

#[tokio::test(start_paused = true)]
async fn with_the_switch_the_jobs_of_child_pipelines_are_counted_too() {
    let bridge = churn(true, 0.0).await;
    assert_counts(&bridge, true);
}

#[tokio::test(start_paused = true)]
async fn whatever_fails_nothing_is_lost_and_nothing_counted_twice() {
    let bridge = churn(false, 0.05).await;
    assert_counts(&bridge, false);
}

#[tokio::test(start_paused = true)]
async fn whatever_fails_nothing_of_child_pipelines_is_lost_or_counted_twice() {
    let bridge = churn(true, 0.05).await;
    assert_counts(&bridge, true);
}

#[tokio::test(start_paused = true)]
async fn over_rest_alone_the_same_is_counted() {
    let bridge = Bridge::start(idle(4), setup(false));
    bridge
        .gitlab
        .fault(Fault::on("/api/graphql").always().status(404));
    bridge.pass(20 * MINUTE).await;
    let mut random = Rng::with_seed(5);
    for _ in 0..6 {
        bridge
            .gitlab
            .edit(|world| world.churn(5 * MINUTE, &mut random));
        bridge.pass(5 * MINUTE).await;
    }
    bridge.pass(2 * HOUR).await;
    let snapshot = bridge.snapshot();
    let (jobs, deployments) = bridge
        .gitlab
        .read(|world| (jobs(world, false), deployments(world)));
    assert_same(&shown(&snapshot, "gitlab_jobs_total"), &jobs);
    assert_same(&shown(&snapshot, "gitlab_deployments_total"), &deployments);
}

/// The feed lists what ended within its overlap again at each poll: none of it is forgotten meanwhile.
#[tokio::test(start_paused = true)]
async fn more_pipelines_than_are_remembered_end_at_once_and_each_job_is_counted_once() {
    let bridge = Bridge::settled(idle(1), setup(false)).await;
    bridge.pass(10 * MINUTE).await;
    bridge.gitlab.edit(|world| {
        let mut events = world.events(&path(1));
        for _ in 0..150 {
            let id = events.run_pipeline(|plan| plan.on("main").job("build", "build"));
            events.finish_job(id, "build");
        }
    });
    bridge.pass(HOUR + 20 * MINUTE).await;
    let counted = shown(&bridge.snapshot(), "gitlab_jobs_total");
    assert_eq!(counted.values().sum::<f64>(), 150.0, "{counted:?}");
}

/// One pipeline of more jobs than a page holds, one of which is retried once the pipeline has ended.
#[tokio::test(start_paused = true)]
async fn a_pipeline_of_more_jobs_than_a_page_is_read_to_its_end() {
    let bridge = Bridge::settled(idle(1), setup(false)).await;
    let pipeline = bridge.gitlab.edit(|world| {
        world.events(&path(1)).run_pipeline(|plan| {
            for job in 0..130 {
                plan.job(&format!("job-{job}"), "test").takes(MINUTE);
            }
            plan
        })
    });
    bridge.pass(10 * MINUTE).await;
    let total = |bridge: &Bridge| -> f64 {
        shown(&bridge.snapshot(), "gitlab_jobs_total")
            .values()
            .sum()
    };
    assert_eq!(total(&bridge), 130.0);
    bridge.gitlab.edit(|world| {
        world.events(&path(1)).retry_job(pipeline, "job-7");
    });
    bridge.pass(10 * MINUTE).await;
    assert_eq!(total(&bridge), 131.0);
    assert_eq!(
        shown(&bridge.snapshot(), "gitlab_job_last_run_status").len(),
        130
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_idle_costs_nothing_with_jobs_and_test_reports_on() {
    let requests = async |setup: Setup| {
        let bridge = Bridge::settled(idle(1_000), setup).await;
        bridge.pass(HOUR).await;
        bridge.asked();
        bridge.pass(HOUR).await;
        bridge.asked().len()
    };
    let catalogue = Catalogue::standard();
    let with = |name: &str| {
        let metric = catalogue.find(name).unwrap();
        metric.by_default || ["jobs", "test_reports"].contains(&metric.subject.name)
    };
    let with = Setup {
        metrics: EnabledMetrics::new(catalogue, with, Choices::default()),
        ..Setup::default()
    };
    let (without, with) = (requests(Setup::default()).await, requests(with).await);
    assert!(
        with <= without + 12,
        "{with} requests an hour with them, {without} without"
    );
}

/// The time within which all of this is seen is an interval.
#[tokio::test(start_paused = true)]
async fn a_job_shows_how_it_goes_within_an_interval() {
    let mut bridge = Bridge::settled(idle(200), setup(false)).await;
    bridge.pass(30 * MINUTE).await;
    bridge.gitlab.edit(|world| {
        world.events(&path(7)).run_pipeline(|plan| {
            plan.job("unit", "test")
                .takes(5 * MINUTE)
                .waits(90 * SECOND)
        })
    });
    let status = |snapshot: &Snapshot| -> Option<String> {
        let series = shown(snapshot, "gitlab_job_last_run_status");
        let of = series
            .into_keys()
            .find(|series| series.contains(&"job=unit".to_owned()))?;
        of.into_iter()
            .find_map(|text| Some(text.strip_prefix("status=")?.to_owned()))
    };
    bridge
        .seen_within(MINUTE, |snapshot| {
            status(snapshot).as_deref() == Some("pending")
        })
        .await;
    bridge.pass(90 * SECOND).await;
    bridge
        .seen_within(MINUTE, |snapshot| {
            status(snapshot).as_deref() == Some("running")
        })
        .await;
    bridge.pass(5 * MINUTE).await;
    bridge
        .seen_within(MINUTE, |snapshot| {
            status(snapshot).as_deref() == Some("success")
        })
        .await;
}

const SECOND: Duration = Duration::from_secs(1);

/// Test reports come a moment after the end: GitLab's worker stores them.
#[tokio::test(start_paused = true)]
async fn a_test_report_is_seen_by_the_poll_after_the_end_and_stays_until_the_next_one() {
    let mut bridge = Bridge::settled(idle(3), setup(false)).await;
    let report = TestReport {
        success: 7,
        failed: 2,
        skipped: 1,
        error: 0,
        seconds: 12.5,
    };
    let run = |bridge: &Bridge, tests: Option<TestReport>| {
        bridge.gitlab.edit(|world| {
            world.events(&path(2)).run_pipeline(|plan| {
                let plan = plan.job("unit", "test").takes(MINUTE);
                match tests {
                    Some(tests) => plan.tests(tests).late(20 * SECOND),
                    None => plan,
                }
            })
        });
    };
    run(&bridge, Some(report));
    bridge.pass(2 * MINUTE).await;
    let cases = |snapshot: &Snapshot| shown(snapshot, "gitlab_test_report_cases");
    bridge
        .seen_within(3 * MINUTE, |snapshot| !cases(snapshot).is_empty())
        .await;
    let snapshot = bridge.snapshot();
    let by_status: Vec<f64> = cases(&snapshot).into_values().collect();
    assert_eq!(
        by_status,
        [0.0, 2.0, 1.0, 7.0],
        "error, failed, skipped, success"
    );
    let took = shown(&snapshot, "gitlab_test_report_duration_seconds");
    assert_eq!(took.into_values().collect::<Vec<_>>(), [12.5]);
    assert_eq!(shown(&snapshot, "gitlab_test_suite_cases").len(), 4);
    run(&bridge, None);
    bridge.pass(5 * MINUTE).await;
    assert_eq!(
        cases(&bridge.snapshot()).len(),
        4,
        "the newest pipeline has no report"
    );
}

/// A worker that is behind takes its time; GitLab moves nothing when it is done.
#[tokio::test(start_paused = true)]
async fn a_test_report_that_comes_minutes_after_the_end_is_seen_within_an_interval_of_coming() {
    for (interval, late) in [
        (MINUTE, 230 * SECOND),
        (SECOND, Duration::from_millis(2_500)),
        (10 * SECOND, 95 * SECOND),
        (10 * MINUTE, 4 * MINUTE),
    ] {
        let mut setup = setup(false);
        setup.rhythm.interval = interval;
        let mut bridge = Bridge::settled(idle(3), setup).await;
        let tests = TestReport {
            success: 7,
            ..TestReport::default()
        };
        bridge.gitlab.edit(|world| {
            world.events(&path(2)).run_pipeline(|plan| {
                let plan = plan.job("unit", "test").takes(30 * SECOND);
                plan.job("late", "test")
                    .takes(20 * SECOND)
                    .tests(tests)
                    .late(late)
            })
        });
        bridge.pass(20 * SECOND + late).await;
        // The pauses between two readings grow to a minute.
        let within = interval.max(late).min(MINUTE.max(interval));
        bridge
            .seen_within(within, |snapshot| {
                !shown(snapshot, "gitlab_test_report_cases").is_empty()
            })
            .await;
        bridge.pass(MINUTE + interval).await;
        let jobs = shown(&bridge.snapshot(), "gitlab_jobs_total");
        assert_eq!(jobs.into_values().sum::<f64>(), 2.0);
    }
}

/// After five minutes nothing comes late any more.
#[tokio::test(start_paused = true)]
async fn what_has_ended_costs_nothing_once_its_values_can_not_come_late_any_more() {
    let bridge = Bridge::settled(idle(3), setup(false)).await;
    bridge.gitlab.edit(|world| {
        world
            .events(&path(2))
            .run_pipeline(|plan| plan.job("unit", "test").takes(MINUTE))
    });
    bridge.pass(2 * MINUTE).await;
    bridge.asked();
    let of_details = |bridge: &Bridge| {
        let asked = bridge.asked();
        let texts = asked.iter().filter_map(|request| request.query.as_deref());
        texts
            .filter(|query| query.contains("testReportSummary"))
            .count()
    };
    bridge.pass(6 * MINUTE).await;
    let while_late = of_details(&bridge);
    assert!((4..=6).contains(&while_late), "{while_late}");
    bridge.pass(HOUR).await;
    assert_eq!(of_details(&bridge), 0);
}

/// What waits, as an administrator and as anybody else is told it.
#[tokio::test(start_paused = true)]
async fn waiting_jobs_are_counted_by_their_tags() {
    let bridge = Bridge::settled(idle(3), setup(false)).await;
    bridge.gitlab.edit(|world| {
        for id in [1, 2] {
            world.events(&path(id)).run_pipeline(|plan| {
                let plan = plan
                    .job("a", "test")
                    .tags(&["linux", "docker"])
                    .waits(HOUR)
                    .takes(MINUTE);
                plan.job("b", "test").waits(HOUR).takes(MINUTE)
            });
        }
    });
    let since = bridge.seconds() as f64;
    bridge.pass(3 * MINUTE).await;
    let snapshot = bridge.snapshot();
    let waiting = shown(&snapshot, "gitlab_jobs_queued");
    let tagged = vec!["tags=docker,linux".to_owned()];
    assert_eq!(
        waiting,
        BTreeMap::from([(Vec::new(), 2.0), (tagged.clone(), 2.0)])
    );
    let oldest = shown(&snapshot, "gitlab_jobs_queued_oldest_timestamp_seconds");
    assert_eq!(oldest[&tagged], since);
    bridge.pass(2 * HOUR).await;
    assert!(shown(&bridge.snapshot(), "gitlab_jobs_queued").is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_named_environment_shows_what_it_is_and_its_last_deployments() {
    let bridge = Bridge::settled(idle(3), setup(false)).await;
    bridge.gitlab.edit(|world| {
        world.events(&path(2)).run_pipeline(|plan| {
            plan.job("deploy", "deploy")
                .takes(2 * MINUTE)
                .deploys_to("production")
        })
    });
    bridge.pass(5 * MINUTE).await;
    let snapshot = bridge.snapshot();
    let info = shown(&snapshot, "gitlab_environment_info");
    let texts = [
        "environment=production",
        "project_id=2",
        "state=available",
        "tier=production",
    ];
    assert_eq!(
        info,
        BTreeMap::from([(texts.map(str::to_owned).to_vec(), 1.0)])
    );
    let took = shown(
        &snapshot,
        "gitlab_environment_last_deployment_duration_seconds",
    );
    assert_eq!(took.into_values().collect::<Vec<_>>(), [120.0]);
    let last = shown(
        &snapshot,
        "gitlab_environment_last_deployment_timestamp_seconds",
    );
    let (series, at) = last.into_iter().next().unwrap();
    assert!(series.contains(&"status=success".to_owned()));
    assert!(bridge.seconds() as f64 - at < 300.0);
}

/// The first deployment of an environment drags in all that was merged before it, which says nothing;
/// a repeated deployment brings nothing new.
#[tokio::test(start_paused = true)]
async fn a_merge_request_is_led_to_production_once_and_not_by_the_first_deployment() {
    let bridge = Bridge::settled(idle(3), setup(false)).await;
    let merge_and_deploy = async |merges: usize| {
        bridge.gitlab.edit(|world| {
            for _ in 0..merges {
                world
                    .events(&path(2))
                    .open_merge_request()
                    .merge_merge_request();
            }
        });
        bridge.pass(10 * MINUTE).await;
        bridge.gitlab.edit(|world| {
            world.events(&path(2)).run_pipeline(|plan| {
                plan.job("deploy", "deploy")
                    .takes(2 * MINUTE)
                    .deploys_to("production")
            })
        });
        bridge.pass(10 * MINUTE).await;
    };
    let counted = || {
        let (mut count, snapshot) = (0, bridge.snapshot());
        let metric = Catalogue::standard()
            .find("gitlab_lead_time_for_changes_seconds")
            .unwrap();
        let all = 0..snapshot.projects.len();
        metric.observe_ended(&snapshot, all, &Choices::default(), &mut |_, series, _| {
            count += series.count
        });
        count
    };
    merge_and_deploy(2).await;
    assert_eq!(counted(), 0, "the first deployment");
    merge_and_deploy(3).await;
    assert_eq!(counted(), 3);
    merge_and_deploy(0).await;
    assert_eq!(counted(), 3, "the same once more");
}
