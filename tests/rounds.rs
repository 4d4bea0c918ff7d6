//! Subjects of projects with a pace of their own: their values are those of the model, over both APIs
//! and on each version; they are asked at their pace, and what can't be had comes back by itself.

mod client;

use std::sync::Arc;
use std::time::Duration;

use gitlab_metrics_bridge::metrics::{Catalogue, Choices, EnabledMetrics, Snapshot, SubjectState};
use gitlab_metrics_bridge::poll::{self, Poller, Rhythm, Selection, Source};
use gitlab_metrics_bridge::simulator::{
    Fault, GitLab, License, Pipelines, RepositoryCounts, Role, Schedule, Severities, Version,
    Vulnerabilities, World,
};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// A poller of these subjects, and of who the projects are.
fn poller(gitlab: &GitLab, subjects: &[&str]) -> Poller {
    let config = poll::Config {
        selection: Selection::from(&[Source::All][..]),
        rhythm: Rhythm {
            interval: MINUTE,
            glance: 15 * MINUTE,
            sweep: HOUR,
        },
        timeout: MINUTE,
        ..poll::Config::default()
    };
    let catalogue = Catalogue::standard();
    let wanted = |name: &str| {
        let metric = catalogue.find(name).unwrap();
        name == "gitlab_project_info"
            || name == "gitlab_pipelines"
            || subjects.contains(&metric.subject.name)
    };
    let enabled = EnabledMetrics::new(catalogue, wanted, Choices::default());
    config.build(client::config(gitlab.url(), 1).build().unwrap(), enabled)
}

/// The series of a metric of project 1 without its id, sorted.
fn series(snapshot: &Snapshot, metric: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let metric = Catalogue::standard().find(metric).unwrap();
    metric.observe(
        snapshot,
        0..snapshot.projects.len(),
        &Choices::default(),
        &mut |labels, value| {
            if !labels.contains(&("project_id", "1")) {
                return;
            }
            let own = labels.iter().filter(|(key, _)| *key != "project_id");
            let mut own: Vec<_> = own.map(|(key, value)| format!("{key}={value}")).collect();
            own.sort();
            lines.push(format!("{} {value}", own.join(",")).trim().to_owned());
        },
    );
    lines.sort();
    lines
}

fn missing(snapshot: &Snapshot, metric: &str) -> Vec<&'static str> {
    let of_metric = snapshot
        .missing
        .iter()
        .filter(|missing| missing.metric == metric);
    of_metric.map(|missing| missing.reason.name()).collect()
}

const SUBJECTS: [&str; 7] = [
    "repository",
    "members",
    "packages",
    "pipeline_schedules",
    "incidents",
    "security",
    "tokens",
];

/// What a project has, and what is to be shown of it.
fn furnish(world: &mut World) {
    world.license(Some(License::new("ultimate", 10, 7)));
    world
        .project_with_id("top/a", 1)
        .role(Role::Owner)
        .pipelines(Pipelines {
            success: 5,
            failed: 2,
            running: 1,
            ..Pipelines::default()
        })
        .language("Rust", 75.0)
        .language("Shell", 25.0)
        .packages(4)
        .container_repositories(3)
        .repository(RepositoryCounts {
            branches: 12,
            tags: 3,
            contributors: 6,
            ..RepositoryCounts::default()
        })
        .vulnerabilities(Vulnerabilities {
            detected: Severities {
                critical: 2,
                ..Severities::default()
            },
            ..Vulnerabilities::default()
        });
    let now = world.now();
    let project = world.project("top/a");
    project.schedule(Schedule::active("nightly", now));
    project.schedule(Schedule::active("weekly", now).inactive());
    world.project_token("top/a", "deploy", Some("2027-01-31"));
    world.group_members("top", Role::Developer, [11, 12]);
    world.project_members("top/a", Role::Maintainer, [12, 13]);
}

fn expected() -> [(&'static str, Vec<&'static str>); 9] {
    [
        ("gitlab_project_branches", vec!["12"]),
        ("gitlab_project_tags", vec!["3"]),
        ("gitlab_project_contributors", vec!["6"]),
        (
            "gitlab_project_language_ratio",
            vec!["language=Rust 0.75", "language=Shell 0.25"],
        ),
        ("gitlab_project_packages", vec!["4"]),
        ("gitlab_project_container_repositories", vec!["3"]),
        (
            "gitlab_pipeline_schedules",
            vec!["active=false 1", "active=true 1"],
        ),
        (
            "gitlab_vulnerabilities",
            vec![
                "severity=critical 2",
                "severity=high 0",
                "severity=info 0",
                "severity=low 0",
                "severity=medium 0",
                "severity=unknown 0",
            ],
        ),
        (
            "gitlab_access_token_expiry_timestamp_seconds",
            vec!["token_id=1001,token_name=deploy 1801353600"],
        ),
    ]
}

#[tokio::test]
async fn what_is_shown_is_what_is_there_over_both_apis_and_on_each_version() {
    for version in [Version::V18_8, Version::V18_4, Version::V16_0] {
        for rest_only in [false, true] {
            let gitlab = GitLab::start(World::new()).await.unwrap();
            gitlab.edit(|world| {
                world.version(version);
                furnish(world);
            });
            if rest_only {
                gitlab.fault(Fault::on("/api/graphql").always().status(404));
            }
            let snapshot = poller(&gitlab, &SUBJECTS).poll().await;
            for (metric, expected) in expected() {
                if rest_only && metric == "gitlab_vulnerabilities" {
                    assert_eq!(missing(&snapshot, metric), ["unsupported"]);
                    continue;
                }
                let why = missing(&snapshot, metric);
                let what = format!("{metric} {version:?}, over REST alone: {rest_only}, {why:?}");
                assert_eq!(series(&snapshot, metric), expected, "{what}");
            }
            let pipelines = series(&snapshot, "gitlab_pipelines");
            assert!(
                pipelines.contains(&"status=success 5".to_owned()),
                "{version:?} {pipelines:?}"
            );
            let members = series(&snapshot, "gitlab_project_members");
            assert!(
                members.contains(&"access_level=developer 1".to_owned()),
                "{members:?}"
            );
            assert!(
                members.contains(&"access_level=maintainer 2".to_owned()),
                "{members:?}"
            );
        }
    }
}

#[tokio::test]
async fn issues_are_counted_for_each_label_that_is_chosen_whatever_it_is_called() {
    let gitlab = GitLab::start(World::new()).await.unwrap();
    gitlab.edit(|world| {
        world.project_with_id("top/a", 1).issues(3, 2);
    });
    let labels = ["bug", "needs: \"care\", (soon)"].map(str::to_owned);
    let choices = Choices {
        issue_labels: labels.to_vec(),
        ..Choices::default()
    };
    let wanted = |name: &str| name == "gitlab_issues_by_label";
    let enabled = EnabledMetrics::new(Catalogue::standard(), wanted, choices);
    let config = poll::Config {
        selection: Selection::from(&[Source::All][..]),
        ..poll::Config::default()
    };
    let client = client::config(gitlab.url(), 1).build().unwrap();
    let snapshot = config.build(client, enabled).poll().await;
    let told = series(&snapshot, "gitlab_issues_by_label");
    let why = missing(&snapshot, "gitlab_issues_by_label");
    assert_eq!(told.len(), 4, "{told:?} {why:?}");
    assert!(
        told.contains(&"label=bug,state=opened 0".to_owned()),
        "{told:?}"
    );
}

#[tokio::test]
async fn who_may_not_see_something_is_shown_nothing_of_it() {
    let gitlab = GitLab::start(World::new()).await.unwrap();
    gitlab.edit(|world| {
        furnish(world);
        world.project("top/a").role(Role::Guest);
    });
    let snapshot = poller(&gitlab, &SUBJECTS).poll().await;
    for metric in [
        "gitlab_access_token_expiry_timestamp_seconds",
        "gitlab_vulnerabilities",
    ] {
        assert!(series(&snapshot, metric).is_empty(), "{metric}");
        assert_eq!(missing(&snapshot, metric).len(), 1, "{metric}");
    }
}

/// GitLab answers 401 to a good token where it wants more rights, as it does for access tokens.
#[tokio::test]
async fn a_token_that_is_refused_for_one_thing_is_asked_for_all_others() {
    let gitlab = GitLab::start(World::new()).await.unwrap();
    gitlab.edit(|world| {
        for id in 1..=30 {
            let project = world.project_with_id(&format!("top/p{id}"), id);
            project.role(Role::Reporter).packages(4);
        }
    });
    let everywhere = Fault::on("/members/all").always();
    gitlab.fault(everywhere.body(401, "application/json", r#"{"message":"401 Unauthorized"}"#));
    let mut poller = poller(
        &gitlab,
        &["tokens", "members", "pipeline_schedules", "packages"],
    );
    let snapshot = poller.poll().await;
    assert_eq!(series(&snapshot, "gitlab_project_packages"), ["4"]);
    let schedules = series(&snapshot, "gitlab_pipeline_schedules");
    assert_eq!(schedules, ["active=false 0", "active=true 0"]);
    let why = missing(&snapshot, "gitlab_access_token_expiry_timestamp_seconds");
    assert_eq!(why.first(), Some(&"forbidden"), "{why:?}");
    let report = snapshot.report.as_ref().unwrap();
    assert_eq!(report.failure, None);
}

fn state(snapshot: &Snapshot, subject: &str) -> SubjectState {
    let mut states = snapshot.states.iter();
    states.find(|(name, _)| *name == subject).unwrap().1
}

#[tokio::test]
async fn a_subject_that_is_had_nowhere_says_why() {
    let gitlab = GitLab::start(World::new()).await.unwrap();
    gitlab.edit(|world| {
        furnish(world);
        world.license(None);
        world.project("top/a").role(Role::Reporter);
    });
    let project = |path: &str| Fault::on(&format!("/api/v4/projects/1/{path}")).always();
    let forbidden = r#"{"message":"403 Forbidden"}"#;
    gitlab.fault(project("members").body(403, "application/json", forbidden));
    gitlab.fault(project("repository/branches").status(500));
    gitlab.fault(project("repository/tags").status(500));
    let snapshot = poller(&gitlab, &SUBJECTS).poll().await;
    for (subject, expected) in [
        ("members", SubjectState::Forbidden),
        ("tokens", SubjectState::Forbidden),
        ("security", SubjectState::Unlicensed),
        ("packages", SubjectState::Active),
        ("incidents", SubjectState::Active),
        ("storage", SubjectState::Disabled),
    ] {
        assert_eq!(state(&snapshot, subject), expected, "{subject}");
    }
    let mut parts = snapshot.parts.iter();
    let branches = parts.find(|part| part.metrics.contains(&"gitlab_project_branches"));
    assert_eq!(branches.unwrap().state, SubjectState::Failing);
}

#[tokio::test]
async fn a_subject_that_is_had_again_is_active_again() {
    let gitlab = GitLab::start(World::new()).await.unwrap();
    gitlab.edit(|world| {
        furnish(world);
        world.project("top/a").role(Role::Reporter);
    });
    let mut poller = poller(&gitlab, &["tokens"]);
    let snapshot = poller.poll().await;
    assert_eq!(state(&snapshot, "tokens"), SubjectState::Forbidden);
    gitlab.edit(|world| {
        world.project("top/a").role(Role::Owner);
    });
    tokio::time::pause();
    tokio::time::advance(HOUR + MINUTE).await;
    tokio::time::resume();
    let snapshot = poller.poll().await;
    assert_eq!(state(&snapshot, "tokens"), SubjectState::Active);
}

/// Whatever a project has switched off is not asked for over REST, where GitLab would refuse it.
#[tokio::test]
async fn what_a_project_has_switched_off_is_nothing_over_both_apis() {
    for rest_only in [false, true] {
        let gitlab = GitLab::start(World::new()).await.unwrap();
        gitlab.edit(|world| {
            furnish(world);
            world
                .project("top/a")
                .features(|features| features.issues = false);
        });
        if rest_only {
            gitlab.fault(Fault::on("/api/graphql").always().status(404));
        }
        let snapshot = poller(&gitlab, &["incidents"]).poll().await;
        assert!(series(&snapshot, "gitlab_incidents").is_empty());
        assert!(
            missing(&snapshot, "gitlab_incidents").is_empty(),
            "{rest_only}"
        );
    }
}

#[tokio::test]
async fn a_list_that_the_user_may_not_read_holds_nothing_else_up() {
    for status in [401, 403, 404] {
        let gitlab = GitLab::start(World::new()).await.unwrap();
        gitlab.edit(furnish);
        gitlab.fault(
            Fault::on("/api/v4/projects/1/access_tokens")
                .always()
                .status(status),
        );
        let mut poller = poller(&gitlab, &SUBJECTS);
        let snapshot = poller.poll().await;
        for (metric, expected) in expected() {
            if metric != "gitlab_access_token_expiry_timestamp_seconds" {
                assert_eq!(series(&snapshot, metric), expected, "{metric}, {status}");
                continue;
            }
            assert!(series(&snapshot, metric).is_empty(), "{status}");
            // Those of the group are refused to who owns a project of it alone.
            let of_project = if status == 404 { "hidden" } else { "forbidden" };
            let why = missing(&snapshot, metric);
            assert!(why.contains(&of_project), "{status}: {why:?}");
            let others = why.iter().filter(|why| **why != of_project);
            assert!(
                others.into_iter().all(|why| *why == "forbidden"),
                "{status}: {why:?}"
            );
        }
        gitlab.take_requests();
        poller.poll().await;
        let asked = gitlab.take_requests();
        let again = asked
            .iter()
            .filter(|one| one.path.contains("access_tokens"));
        assert_eq!(again.count(), 0, "one try an hour, {status}");
    }
}

#[tokio::test]
async fn a_hundred_projects_are_asked_once_in_their_time_and_not_at_every_poll() {
    let gitlab = Arc::new(GitLab::start(World::new()).await.unwrap());
    gitlab.edit(|world| {
        for id in 1..=100 {
            world
                .project_with_id(&format!("top/p{id}"), id)
                .role(Role::Owner);
        }
    });
    let mut poller = poller(&gitlab, &["packages"]);
    poller.poll().await;
    let asked = || {
        let requests = gitlab.requests();
        let with = |text: &str| {
            requests
                .iter()
                .filter(|own| own.query.as_ref().is_some_and(|query| query.contains(text)))
                .count()
        };
        (requests.len(), with("containerRepositoriesCount"))
    };
    let (before, first) = asked();
    assert!(first >= 1);
    poller.poll().await;
    let (after, again) = asked();
    assert!(again - first <= 1, "a poll rides along at the most");
    assert!(after - before <= 2, "{before} {after}");
}
