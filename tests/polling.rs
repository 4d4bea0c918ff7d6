//! Polls of a model GitLab over real HTTP: what is read is what is there, whatever stands in the way.

mod client;

use std::sync::Arc;
use std::time::Duration;

use gitlab_metrics_bridge::gitlab::Client;
use gitlab_metrics_bridge::metrics::{Cadence, Catalogue, Choices, EnabledMetrics, Snapshot};
use gitlab_metrics_bridge::poll::{self, Filter, Poller, Rhythm, Selection, Source};
use gitlab_metrics_bridge::simulator::{
    Fault, GitLab, MergeRequests, Role, Version, Visibility, World,
};

const MEMBERSHIP: &[Source] = &[Source::Membership];

fn client(gitlab: &GitLab) -> Client {
    client::config(gitlab.url(), 3).build().unwrap()
}

fn filter() -> Filter {
    Filter::default()
}

fn poller(gitlab: &GitLab, sources: &[Source], filter: Filter) -> Poller {
    poller_with_timeout(gitlab, sources, filter, Duration::from_secs(60))
}

/// What is asked along with projects: what has a pace of its own has tests of its own.
fn counts() -> EnabledMetrics {
    EnabledMetrics::by_default(|metric| metric.subject.cadence == Cadence::WithOwner)
}

fn poller_with_timeout(
    gitlab: &GitLab,
    sources: &[Source],
    filter: Filter,
    timeout: Duration,
) -> Poller {
    let config = poll::Config {
        selection: Selection {
            filter,
            ..sources.into()
        },
        // Every poll asks everything.
        rhythm: Rhythm {
            interval: Duration::from_secs(60),
            glance: Duration::from_secs(60),
            sweep: Duration::from_secs(60),
        },
        timeout,
        ..poll::Config::default()
    };
    config.build(client(gitlab), counts())
}

/// The series of a metric as `labels=value` texts, sorted; the project's id as `id`.
fn series(snapshot: &Snapshot, metric: &str) -> Vec<String> {
    let mut lines = Vec::new();
    Catalogue::standard().find(metric).unwrap().observe(
        snapshot,
        0..snapshot.projects.len(),
        &Choices::default(),
        &mut |labels, value| {
            let labels: Vec<_> = labels
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            lines.push(format!("{} {value}", labels.join(",")));
        },
    );
    lines.sort();
    lines
}

fn total(snapshot: &Snapshot) -> Option<String> {
    series(snapshot, "gitlab_merge_requests_total")
        .pop()
        .map(|line| line.trim().to_owned())
}

fn failure(snapshot: &Snapshot) -> Option<String> {
    snapshot.report.clone().unwrap().failure
}

fn missing(snapshot: &Snapshot, metric: &str) -> Vec<(&'static str, u64)> {
    let of_metric = snapshot
        .missing
        .iter()
        .filter(|missing| missing.metric == metric);
    of_metric
        .map(|missing| (missing.reason.name(), missing.count))
        .collect()
}

fn now() -> jiff::Timestamp {
    jiff::Timestamp::from_second(1_790_000_000).unwrap()
}

fn merge_requests(opened: u64, closed: u64, merged: u64, locked: u64) -> MergeRequests {
    MergeRequests {
        opened,
        closed,
        merged,
        locked,
    }
}

async fn gitlab_of_two() -> GitLab {
    let gitlab = GitLab::start(World::new()).await.unwrap();
    gitlab.edit(|world| {
        world
            .project_with_id("group/a", 1)
            .commits(250)
            .issues(3, 1)
            .merge_requests(merge_requests(2, 1, 7, 1));
        world
            .project_with_id("group/b", 2)
            .commits(11)
            .issues(0, 0)
            .merge_requests(merge_requests(0, 0, 40, 0));
    });
    gitlab
}

async fn poll(gitlab: &GitLab) -> Arc<Snapshot> {
    poller(gitlab, MEMBERSHIP, filter()).poll().await
}

#[tokio::test]
async fn every_count_is_the_whole_count() {
    let gitlab = gitlab_of_two().await;
    let snapshot = poll(&gitlab).await;
    assert_eq!(failure(&snapshot), None);
    assert_eq!(
        series(&snapshot, "gitlab_commits_total"),
        ["project_id=1 250", "project_id=2 11"]
    );
    assert_eq!(total(&snapshot).as_deref(), Some("51"));
    assert_eq!(series(&snapshot, "gitlab_project_count"), [" 2"]);
    assert_eq!(
        series(&snapshot, "gitlab_merge_requests")[..4],
        [
            "project_id=1,state=closed 1",
            "project_id=1,state=locked 1",
            "project_id=1,state=merged 7",
            "project_id=1,state=opened 2"
        ]
    );
    assert_eq!(
        series(&snapshot, "gitlab_issues")[..2],
        ["project_id=1,state=closed 1", "project_id=1,state=opened 3"]
    );
    assert_eq!(missing(&snapshot, "gitlab_issues"), []);
    assert_eq!(gitlab.requests().len(), 2, "a probe and one page");
}

#[tokio::test]
async fn rest_gives_the_same_series_where_graphql_is_blocked() {
    let gitlab = GitLab::start(World::demo(now())).await.unwrap();
    let over_graphql = poll(&gitlab).await;
    gitlab.fault(
        Fault::on("/api/graphql")
            .always()
            .body(403, "text/html", "<html>blocked</html>"),
    );
    let over_rest = poll(&gitlab).await;
    assert_eq!((failure(&over_graphql), failure(&over_rest)), (None, None));
    for metric in Catalogue::standard()
        .metrics()
        .iter()
        .filter(|metric| metric.is_about_gitlab())
    {
        assert_eq!(
            series(&over_graphql, metric.name),
            series(&over_rest, metric.name),
            "{}",
            metric.name
        );
    }
}

#[tokio::test]
async fn a_feature_that_is_switched_off_counts_nothing_and_the_totals_go_on() {
    for version in [Version::V18_8, Version::V16_0] {
        let gitlab = gitlab_of_two().await;
        gitlab.edit(|world| {
            world.version(version);
            world.project("group/a").features(|on| {
                on.merge_requests = false;
                on.issues = false;
            });
        });
        let snapshot = poll(&gitlab).await;
        assert_eq!(total(&snapshot).as_deref(), Some("40"));
        let issues = series(&snapshot, "gitlab_issues");
        assert!(issues.iter().all(|line| line.starts_with("project_id=2")));
        assert_eq!(missing(&snapshot, "gitlab_issues"), []);
        assert_eq!(missing(&snapshot, "gitlab_merge_requests"), []);
    }
}

#[tokio::test]
async fn hidden_statistics_are_asked_of_the_repository() {
    for (version, way) in [(Version::V18_8, "/sequence"), (Version::V16_0, "page=")] {
        let gitlab = gitlab_of_two().await;
        gitlab.edit(|world| {
            world.version(version);
            world
                .project("group/a")
                .visibility(Visibility::Public)
                .role(Role::Guest);
        });
        let snapshot = poll(&gitlab).await;
        assert_eq!(
            series(&snapshot, "gitlab_commits_total"),
            ["project_id=1 250", "project_id=2 11"]
        );
        assert!(
            gitlab
                .requests()
                .iter()
                .any(|request| request.path.contains(way)),
            "{way}"
        );
        assert_eq!(
            missing(&snapshot, "gitlab_storage_size_bytes"),
            [("hidden", 10)]
        );
    }
}

#[tokio::test]
async fn a_repository_of_many_commits_is_counted_in_few_requests() {
    for commits in [0, 1, 99, 100, 101, 12_345, 1_000_000] {
        let gitlab = GitLab::start(World::new()).await.unwrap();
        gitlab.edit(|world| {
            world.version(Version::V16_0);
            let project = world
                .project_with_id("group/a", 1)
                .visibility(Visibility::Public)
                .role(Role::Guest);
            match commits {
                0 => project.empty_repository(),
                commits => project.commits(commits),
            };
        });
        let snapshot = poll(&gitlab).await;
        assert_eq!(
            series(&snapshot, "gitlab_commits_total"),
            [format!("project_id=1 {commits}")]
        );
        assert!(
            gitlab.requests().len() < 35,
            "{commits}: {}",
            gitlab.requests().len()
        );
    }
}

#[tokio::test]
async fn what_the_token_may_not_see_is_absent_and_so_is_the_total() {
    for version in [Version::V18_8, Version::V16_0] {
        let gitlab = gitlab_of_two().await;
        gitlab.edit(|world| {
            world.version(version);
            world.project("group/a").role(Role::Guest);
        });
        let snapshot = poll(&gitlab).await;
        assert_eq!(failure(&snapshot), None);
        assert_eq!(
            series(&snapshot, "gitlab_commits_total"),
            ["project_id=2 11"]
        );
        assert_eq!(total(&snapshot), None);
        assert_eq!(series(&snapshot, "gitlab_project_count"), [" 2"]);
        assert_eq!(missing(&snapshot, "gitlab_merge_requests"), [("hidden", 4)]);
    }
}

#[tokio::test]
async fn an_older_gitlab_loses_the_metric_it_lacks_only() {
    let gitlab = gitlab_of_two().await;
    gitlab.edit(|world| {
        world.version(Version::V16_0);
        world.remove_field("Project", "releases");
        world.remove_field("ProjectStatistics", "containerRegistrySize");
    });
    let snapshot = poll(&gitlab).await;
    assert_eq!(failure(&snapshot), None);
    assert_eq!(series(&snapshot, "gitlab_commits_total").len(), 2);
    assert_eq!(
        missing(&snapshot, "gitlab_project_releases"),
        [("unsupported", 2)]
    );
    assert_eq!(
        missing(&snapshot, "gitlab_storage_size_bytes"),
        [("unsupported", 2)]
    );
    assert_eq!(series(&snapshot, "gitlab_storage_size_bytes").len(), 16);
}

#[tokio::test]
async fn a_slow_field_costs_smaller_pages_and_no_value() {
    let gitlab = gitlab_of_two().await;
    gitlab.edit(|world| {
        world.slow_field("group/a", "mergeRequests");
    });
    let snapshot = poll(&gitlab).await;
    assert_eq!(failure(&snapshot), None);
    assert_eq!(total(&snapshot).as_deref(), Some("51"));
}

#[tokio::test]
async fn a_project_that_breaks_its_page_is_read_all_the_same() {
    let gitlab = GitLab::start(World::new()).await.unwrap();
    gitlab.edit(|world| {
        for id in 1..=150 {
            world
                .project_with_id(&format!("group/p{id}"), id)
                .commits(id)
                .merge_requests(merge_requests(1, 0, 0, 0));
        }
        world.breaks_page("group/p77", 0);
    });
    let snapshot = poll(&gitlab).await;
    assert_eq!(failure(&snapshot), None);
    assert_eq!(series(&snapshot, "gitlab_commits_total").len(), 150);
    assert_eq!(total(&snapshot).as_deref(), Some("150"));
}

#[tokio::test]
async fn removed_projects_vanish_with_the_next_poll_and_new_ones_appear() {
    let gitlab = gitlab_of_two().await;
    let mut poller = poller(&gitlab, MEMBERSHIP, filter());
    poller.poll().await;
    gitlab.edit(|world| {
        world.remove_project("group/a");
        world.project_with_id("group/c", 3).commits(5);
    });
    let snapshot = poller.poll().await;
    assert_eq!(
        series(&snapshot, "gitlab_commits_total"),
        ["project_id=2 11", "project_id=3 5"]
    );
}

#[tokio::test]
async fn a_failed_poll_keeps_the_last_good_values_and_says_so() {
    let gitlab = gitlab_of_two().await;
    let mut poller = poller(&gitlab, MEMBERSHIP, filter());
    let before = poller.poll().await;
    gitlab.fault(Fault::on("/api").always().status(500));
    let after = poller.poll().await;
    assert_eq!(
        series(&after, "gitlab_commits_total"),
        series(&before, "gitlab_commits_total")
    );
    assert_eq!(total(&after), total(&before));
    let report = after.report.clone().unwrap();
    assert!(report.failure.unwrap().contains("500"));
    assert_eq!(report.errors[&("projects", "server_error")], 1);
    assert_eq!(
        report.last_complete,
        before.report.clone().unwrap().last_complete
    );
}

#[tokio::test]
async fn passing_faults_cost_a_retry_and_no_value() {
    type Break = fn(gitlab_metrics_bridge::simulator::FaultBuilder) -> Fault;
    let faults: [(&str, Break); 7] = [
        ("500", |fault| fault.status(500)),
        ("502", |fault| fault.status(502)),
        ("503", |fault| fault.status(503)),
        ("429", |fault| fault.retry_later(Duration::from_secs(1))),
        ("truncated", |fault| fault.truncated()),
        ("invalid", |fault| fault.invalid_json()),
        ("reset", |fault| fault.reset()),
    ];
    for (name, fault) in faults {
        for prefix in ["/api/graphql", "/api/v4"] {
            let gitlab = gitlab_of_two().await;
            if prefix == "/api/v4" {
                gitlab.fault(Fault::on("/api/graphql").always().status(404));
            }
            gitlab.fault(fault(Fault::on(prefix).after(1).times(1)));
            let snapshot = poll(&gitlab).await;
            assert_eq!(failure(&snapshot), None, "{name} on {prefix}");
            assert_eq!(
                total(&snapshot).as_deref(),
                Some("51"),
                "{name} on {prefix}"
            );
            assert_eq!(
                series(&snapshot, "gitlab_commits_total").len(),
                2,
                "{name} on {prefix}"
            );
        }
    }
}

#[tokio::test]
async fn groups_projects_and_everything_can_be_selected() {
    let gitlab = GitLab::start(World::demo(now())).await.unwrap();
    let paths: Vec<String> = gitlab.read(|world| {
        world
            .projects()
            .map(|project| project.full_path.clone())
            .collect()
    });
    let group = paths[0].split('/').next().unwrap().to_owned();
    let snapshot = poller(&gitlab, &[Source::Group(group.clone())], filter())
        .poll()
        .await;
    assert!(!snapshot.projects.is_empty());
    assert!(
        snapshot
            .projects
            .iter()
            .all(|project| project.identity.path.starts_with(&format!("{group}/")))
    );

    for version in [Version::V18_8, Version::V16_0] {
        gitlab.edit(|world| {
            world.version(version);
        });
        let id = gitlab.read(|world| world.find_project(&paths[1]).unwrap().id);
        let names = vec![paths[0].clone(), id.to_string()];
        let snapshot = poller(&gitlab, &[Source::Projects(names)], filter())
            .poll()
            .await;
        let mut found: Vec<_> = snapshot
            .projects
            .iter()
            .map(|project| project.identity.path.to_string())
            .collect();
        found.sort();
        let mut wanted = paths[..2].to_vec();
        wanted.sort();
        assert_eq!(found, wanted);
    }
}

#[tokio::test]
async fn a_group_that_does_not_exist_is_said_and_an_empty_one_counts_zero() {
    let gitlab = gitlab_of_two().await;
    gitlab.edit(|world| {
        world.group("empty");
    });
    let snapshot = poller(&gitlab, &[Source::Group("empty".to_owned())], filter())
        .poll()
        .await;
    assert_eq!(failure(&snapshot), None);
    assert_eq!(series(&snapshot, "gitlab_project_count"), [" 0"]);
    assert_eq!(total(&snapshot).as_deref(), Some("0"));

    let snapshot = poller(&gitlab, &[Source::Group("nope".to_owned())], filter())
        .poll()
        .await;
    let failure = failure(&snapshot).unwrap();
    assert!(
        failure.contains("\"nope\"") && failure.contains("Check the path"),
        "{failure}"
    );
    assert_eq!(series(&snapshot, "gitlab_project_count"), [""; 0]);
}

#[tokio::test]
async fn a_renamed_project_stays_the_same_project() {
    let gitlab = gitlab_of_two().await;
    let mut poller = poller(
        &gitlab,
        &[Source::Projects(vec!["group/a".to_owned()])],
        filter(),
    );
    poller.poll().await;
    gitlab.edit(|world| {
        world.rename_project("group/a", "other/z");
    });
    let snapshot = poller.poll().await;
    assert_eq!(
        series(&snapshot, "gitlab_commits_total"),
        ["project_id=1 250"]
    );
    assert_eq!(&*snapshot.projects[0].identity.path, "other/z");
}

#[tokio::test]
async fn ten_thousand_projects_cost_a_hundred_and_one_requests() {
    let gitlab = GitLab::start(World::large(10_000)).await.unwrap();
    let snapshot = poll(&gitlab).await;
    assert_eq!(failure(&snapshot), None);
    assert_eq!(snapshot.projects.len(), 10_000);
    assert!(total(&snapshot).is_some());
    assert_eq!(gitlab.requests().len(), 101);
}

#[tokio::test]
async fn a_selected_project_that_never_was_there_is_a_mistake_and_one_that_was_is_gone() {
    for version in [Version::V18_8, Version::V16_0] {
        let gitlab = gitlab_of_two().await;
        gitlab.edit(|world| {
            world.version(version);
        });
        let names = ["group/a", "group/nope", "999"].map(str::to_owned).to_vec();
        let snapshot = poller(&gitlab, &[Source::Projects(names)], filter())
            .poll()
            .await;
        let failure = failure(&snapshot).unwrap();
        assert!(
            failure.contains("\"group/nope\"") && failure.contains("\"999\""),
            "{failure}"
        );
        assert_eq!(
            series(&snapshot, "gitlab_commits_total"),
            ["project_id=1 250"]
        );
        assert_eq!(total(&snapshot), None);
        assert_eq!(series(&snapshot, "gitlab_project_count"), [""; 0]);

        let names = ["group/a", "2"].map(str::to_owned).to_vec();
        let mut poller = poller(&gitlab, &[Source::Projects(names)], filter());
        assert_eq!(total(&*poller.poll().await).as_deref(), Some("51"));
        gitlab.edit(|world| {
            world.remove_project("group/a");
        });
        let snapshot = poller.poll().await;
        assert_eq!(snapshot.report.clone().unwrap().absent, ["group/a"]);
        assert_eq!(total(&snapshot).as_deref(), Some("40"));
        assert_eq!(series(&snapshot, "gitlab_project_count"), [" 1"]);
    }
}

#[tokio::test]
async fn a_group_that_is_gone_takes_its_projects_and_the_totals_with_it() {
    let gitlab = gitlab_of_two().await;
    gitlab.edit(|world| {
        world
            .project_with_id("other/c", 3)
            .merge_requests(merge_requests(5, 0, 0, 0));
    });
    let groups = ["group", "other"].map(|path| Source::Group(path.to_owned()));
    let mut poller = poller(&gitlab, &groups, filter());
    assert_eq!(total(&*poller.poll().await).as_deref(), Some("56"));
    gitlab.edit(|world| {
        world.remove_project("other/c");
        world.remove_group("other");
    });
    let snapshot = poller.poll().await;
    let report = snapshot.report.clone().unwrap();
    assert!(report.failure.unwrap().contains("other"));
    assert_eq!(report.absent, ["other"]);
    assert_eq!(
        report.last_complete,
        Some(report.ended),
        "the others are served"
    );
    assert_eq!(total(&snapshot), None);
    assert_eq!(
        series(&snapshot, "gitlab_commits_total"),
        ["project_id=1 250", "project_id=2 11"]
    );
}

#[tokio::test]
async fn a_list_that_fails_half_way_loses_no_project_and_shows_what_it_read() {
    let gitlab = GitLab::start(World::large(150)).await.unwrap();
    let mut poller = poller(&gitlab, MEMBERSHIP, filter());
    let before = poller.poll().await;
    gitlab.edit(|world| {
        world.project("new/one").commits(1);
    });
    gitlab.fault(Fault::on("/api/graphql").after(1).always().status(403));
    gitlab.fault(Fault::on("/api/v4").always().status(403));
    let after = poller.poll().await;
    assert!(failure(&after).is_some());
    assert_eq!(after.projects.len(), 151);
    assert_eq!(series(&after, "gitlab_project_count"), [" 151"]);
    assert_eq!(total(&after), total(&before));
}

#[tokio::test]
async fn an_old_path_finds_a_renamed_project() {
    for blocked in [false, true] {
        let gitlab = gitlab_of_two().await;
        gitlab.edit(|world| {
            world.rename_project("group/a", "other/z");
        });
        if blocked {
            gitlab.fault(Fault::on("/api/graphql").always().status(403));
        }
        let sources = [Source::Projects(vec!["group/a".to_owned()])];
        let mut poller = poller(&gitlab, &sources, filter());
        for _ in 0..2 {
            let snapshot = poller.poll().await;
            assert_eq!(failure(&snapshot), None);
            assert_eq!(
                series(&snapshot, "gitlab_commits_total"),
                ["project_id=1 250"]
            );
        }
    }
}

#[tokio::test]
async fn over_rest_too_a_forbidden_value_is_rarely_asked_again() {
    let gitlab = gitlab_of_two().await;
    gitlab.fault(Fault::on("/api/graphql").always().status(403));
    gitlab.edit(|world| {
        world.project("group/a").role(Role::Guest);
    });
    let mut poller = poller(&gitlab, MEMBERSHIP, filter());
    for _ in 0..5 {
        poller.poll().await;
    }
    let asked = gitlab.requests();
    let asked = asked
        .iter()
        .filter(|request| request.path.contains("projects/1/merge_requests"));
    assert_eq!(asked.count(), 10, "once for each question");
}

#[tokio::test]
async fn a_proxy_that_answers_404_to_everything_removes_nothing() {
    let gitlab = gitlab_of_two().await;
    for sources in [
        MEMBERSHIP.to_vec(),
        vec![Source::Group("group".to_owned())],
        vec![Source::Projects(vec!["1".to_owned()])],
    ] {
        gitlab.clear_faults();
        let mut poller = poller(&gitlab, &sources, filter());
        let before = poller.poll().await;
        gitlab.fault(
            Fault::on("/")
                .always()
                .body(404, "text/html", "<html>not found</html>"),
        );
        let after = poller.poll().await;
        assert!(failure(&after).is_some());
        assert_eq!(
            series(&after, "gitlab_commits_total"),
            series(&before, "gitlab_commits_total")
        );
    }
}

#[tokio::test]
async fn what_one_poll_has_no_time_for_the_next_ones_read_first() {
    let gitlab = GitLab::start(World::new()).await.unwrap();
    gitlab.edit(|world| {
        for id in 1..=15 {
            world
                .project_with_id(&format!("group/p{id}"), id)
                .merge_requests(merge_requests(1, 0, 0, 0));
        }
        world.latency(Duration::from_millis(15), Duration::ZERO);
    });
    gitlab.fault(Fault::on("/api/graphql").always().status(404));
    let mut poller = poller_with_timeout(&gitlab, MEMBERSHIP, filter(), Duration::from_millis(600));
    let mut polls = 1;
    while total(&*poller.poll().await).is_none() {
        polls += 1;
        assert!(polls < 120, "starved");
    }
    assert!(polls > 1, "the first poll had time for all");
}

#[tokio::test]
async fn what_gitlab_forbids_is_asked_again_at_every_tenth_poll() {
    let gitlab = gitlab_of_two().await;
    gitlab.edit(|world| {
        world
            .project("group/a")
            .visibility(Visibility::Public)
            .role(Role::Guest);
    });
    let repository = "/api/v4/projects/1/repository";
    gitlab.fault(Fault::on(repository).always().status(403));
    let mut poller = poller(&gitlab, MEMBERSHIP, filter());
    let mut asked = Vec::new();
    for _ in 1..=10 {
        let snapshot = poller.poll().await;
        assert_eq!(failure(&snapshot), None);
        assert_eq!(
            missing(&snapshot, "gitlab_commits_total"),
            [("forbidden", 1)]
        );
        let requests = gitlab.requests();
        let of_the_repository = requests
            .iter()
            .filter(|request| request.path.contains(repository));
        asked.push(of_the_repository.count());
    }
    assert_eq!(asked, [1, 1, 1, 1, 1, 1, 1, 1, 1, 2]);
}

#[tokio::test]
async fn rest_gives_the_same_series_where_graphql_is_broken() {
    let gitlab = gitlab_of_two().await;
    let before = poll(&gitlab).await;
    gitlab.fault(Fault::on("/api/graphql").always().status(500));
    let after = poll(&gitlab).await;
    assert_eq!(failure(&after), None);
    assert_eq!(total(&after), total(&before));
    assert_eq!(
        series(&after, "gitlab_commits_total"),
        series(&before, "gitlab_commits_total")
    );
}
