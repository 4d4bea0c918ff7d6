//! What lies beside the projects: groups, runners and the GitLab itself, as the token may see them.

mod client;
mod simulation;

use std::collections::BTreeSet;
use std::time::Duration;

use gitlab_metrics_bridge::gitlab::Client;
use gitlab_metrics_bridge::metrics::{
    Catalogue, Choices, EnabledMetrics, Grain, Snapshot, SubjectState,
};
use gitlab_metrics_bridge::poll::{self, Poller, Rhythm, Selection, Source};
use gitlab_metrics_bridge::simulator::{AccessToken, Fault, GitLab, License, Role, Version, World};
use simulation::{Bridge, MINUTE, Setup};

const HOUR: Duration = Duration::from_secs(3600);

fn client(gitlab: &GitLab) -> Client {
    client::config(gitlab.url(), 3).build().unwrap()
}

fn poller(gitlab: &GitLab, sources: &[Source]) -> Poller {
    let catalogue = Catalogue::standard();
    poller_of(gitlab, sources, |name| {
        let metric = catalogue.find(name).unwrap();
        metric.subject.of != Grain::Project && metric.is_about_gitlab()
            || name == "gitlab_project_info"
    })
}

fn poller_of(gitlab: &GitLab, sources: &[Source], wanted: impl Fn(&str) -> bool) -> Poller {
    let config = poll::Config {
        selection: Selection::from(sources),
        rhythm: Rhythm {
            interval: Duration::from_secs(60),
            glance: Duration::from_secs(900),
            sweep: HOUR,
        },
        timeout: Duration::from_secs(60),
        ..poll::Config::default()
    };
    config.build(
        client(gitlab),
        EnabledMetrics::new(Catalogue::standard(), wanted, Choices::default()),
    )
}

/// The series of a metric as `labels=value` texts, sorted.
fn series(snapshot: &Snapshot, metric: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let metric = Catalogue::standard().find(metric).unwrap();
    metric.observe(
        snapshot,
        0..snapshot.projects.len(),
        &Choices::default(),
        &mut |labels, value| {
            let mut labels: Vec<_> = labels
                .iter()
                .map(|(key, value)| format!("{key}={value}"))
                .collect();
            labels.sort();
            lines.push(format!("{} {value}", labels.join(",")));
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

/// A group of two projects with a subgroup that has one.
async fn gitlab(version: Version) -> GitLab {
    let gitlab = GitLab::start(World::new()).await.unwrap();
    gitlab.edit(|world| {
        world.version(version);
        for (id, path) in [(1, "top/a"), (2, "top/b"), (3, "top/sub/c")] {
            world.project_with_id(path, id).role(Role::Maintainer);
        }
    });
    gitlab
}

const VERSIONS: [Version; 3] = [Version::V18_8, Version::V18_4, Version::V16_0];

#[tokio::test]
async fn groups_are_those_of_the_selected_projects_and_count_what_lies_directly_in_them() {
    for version in VERSIONS {
        for rest_only in [false, true] {
            let gitlab = gitlab(version).await;
            if rest_only {
                gitlab.fault(Fault::on("/api/graphql").always().status(404));
            }
            let snapshot = poller(&gitlab, &[Source::Membership]).poll().await;
            let what = format!("{version:?}, over REST alone: {rest_only}");
            assert_eq!(snapshot.groups.len(), 2, "{what}");
            let id = |path: &str| {
                let mut groups = snapshot.groups.iter();
                let found = groups.find(|group| *group.identity.path == *path);
                found.unwrap().identity.id
            };
            let (top, sub) = (id("top"), id("top/sub"));
            let mut projects = vec![format!("group_id={top} 2"), format!("group_id={sub} 1")];
            projects.sort();
            assert_eq!(
                series(&snapshot, "gitlab_group_projects"),
                projects,
                "{what}"
            );
            let mut subgroups = vec![format!("group_id={top} 1"), format!("group_id={sub} 0")];
            subgroups.sort();
            assert_eq!(
                series(&snapshot, "gitlab_group_subgroups"),
                subgroups,
                "{what}"
            );
        }
    }
}

/// How groups were asked for since this was called last.
fn asked_of_groups(bridge: &Bridge) -> Vec<String> {
    let asked = bridge.asked().into_iter();
    let asked = asked.map(|request| request.operation.unwrap_or(request.path));
    asked.filter(|name| name.contains("roups")).collect()
}

async fn groups_become(bridge: &mut Bridge, expected: &[String]) {
    let paths = |snapshot: &Snapshot| {
        let groups = snapshot.groups.iter();
        groups
            .map(|group| group.identity.path.to_string())
            .collect()
    };
    let expected: BTreeSet<String> = expected.iter().cloned().collect();
    bridge
        .seen_within(2 * HOUR, |snapshot| expected == paths(snapshot))
        .await;
}

#[tokio::test(start_paused = true)]
async fn groups_that_are_known_take_one_request_an_hour_and_are_followed_where_they_go() {
    let is_wanted = |name: &str| name == "gitlab_group_projects" || name == "gitlab_project_info";
    let setup = Setup {
        metrics: EnabledMetrics::new(Catalogue::standard(), is_wanted, Choices::default()),
        ..Setup::default()
    };
    let mut paths: Vec<String> = (0..40).map(|id| format!("group-{id:02}")).collect();
    let mut world = World::new();
    for path in &paths {
        world.project(&format!("{path}/project"));
    }
    let mut bridge = Bridge::start(world, setup);
    groups_become(&mut bridge, &paths).await;
    assert_eq!(
        asked_of_groups(&bridge),
        ["Groups"; 3],
        "fifteen by their paths"
    );
    bridge.pass(HOUR + MINUTE).await;
    assert_eq!(asked_of_groups(&bridge), ["GroupsOfIds"]);

    bridge
        .gitlab
        .edit(|world| world.rename_group("group-07", "moved"));
    paths[7] = "moved".to_owned();
    groups_become(&mut bridge, &paths).await;

    bridge.gitlab.edit(|world| world.remove_group("group-08"));
    paths.remove(8);
    groups_become(&mut bridge, &paths).await;
}

#[tokio::test]
async fn a_selected_group_comes_with_all_below_it() {
    for rest_only in [false, true] {
        let gitlab = gitlab(Version::V18_8).await;
        gitlab.edit(|world| {
            world.project_with_id("other/d", 4);
        });
        if rest_only {
            gitlab.fault(Fault::on("/api/graphql").always().status(404));
        }
        let sources = [Source::Group("top".to_owned())];
        let snapshot = poller(&gitlab, &sources).poll().await;
        let paths: Vec<_> = snapshot
            .groups
            .iter()
            .map(|group| &*group.identity.path)
            .collect();
        assert_eq!(paths.len(), 2, "{paths:?}");
        assert!(
            paths.contains(&"top") && paths.contains(&"top/sub"),
            "{paths:?}"
        );
    }
}

#[tokio::test]
async fn the_gitlab_says_what_it_is_over_both_apis() {
    for version in VERSIONS {
        let gitlab = gitlab(version).await;
        let over_graphql = poller(&gitlab, &[Source::Membership]).poll().await;
        gitlab.fault(Fault::on("/api/graphql").always().status(404));
        let over_rest = poller(&gitlab, &[Source::Membership]).poll().await;
        let told = series(&over_graphql, "gitlab_instance_info");
        assert_eq!(told.len(), 1, "{version:?}");
        assert!(told[0].contains("enterprise=true"), "{told:?}");
        assert_eq!(series(&over_rest, "gitlab_instance_info"), told);
    }
}

#[tokio::test]
async fn the_end_of_our_own_token_is_told_to_everybody() {
    let gitlab = gitlab(Version::V18_8).await;
    let snapshot = poller(&gitlab, &[Source::Membership]).poll().await;
    let told = series(&snapshot, "gitlab_bridge_token_expiry_timestamp_seconds");
    let why = missing(&snapshot, "gitlab_bridge_token_expiry_timestamp_seconds");
    assert_eq!(told.len() + why.len(), 1, "{told:?} {why:?}");
    assert_eq!(missing(&snapshot, "gitlab_instance_objects"), ["hidden"]);
    assert_eq!(missing(&snapshot, "gitlab_license_seats"), ["hidden"]);
}

fn with_runners(world: &mut World) {
    world.runner("shared").busy(true).tags(&["linux", "docker"]);
    world.runner("new").never_contacted();
    world.group_runner("top", "of the group").paused(true);
    world.group_runner("top/sub", "below").managers(&["18.7.1"]);
}

const ALL: [&str; 3] = [
    "paused=false,runner_type=group_type,status=online 1",
    "paused=false,runner_type=instance_type,status=never_contacted 1",
    "paused=false,runner_type=instance_type,status=online 1",
];

#[tokio::test]
async fn an_administrator_counts_all_runners_over_both_apis() {
    for rest_only in [false, true] {
        let gitlab = gitlab(Version::V18_8).await;
        gitlab.edit(|world| {
            world.token(AccessToken::new("demo-token").administrator());
            world.license(Some(License::new("ultimate", 10, 7)));
            with_runners(world);
        });
        if rest_only {
            gitlab.fault(Fault::on("/api/graphql").always().status(404));
        }
        let snapshot = poller(&gitlab, &[Source::All]).poll().await;
        let told = series(&snapshot, "gitlab_runners");
        let paused = "paused=true,runner_type=group_type,status=online 1".to_owned();
        let mut all: Vec<String> = ALL.map(str::to_owned).to_vec();
        all.push(paused);
        assert_eq!(told, all, "over REST alone: {rest_only}");
        assert_eq!(snapshot.runners.len(), 4);
        let busy = series(&snapshot, "gitlab_runner_busy");
        assert_eq!(
            busy.iter().filter(|line| line.ends_with(" 1")).count(),
            1,
            "{busy:?}"
        );
        if !rest_only {
            let info = series(&snapshot, "gitlab_runner_info").join("\n");
            assert!(
                info.contains("tags=docker,linux") && info.contains("version=18.7.1"),
                "{info}"
            );
            assert_eq!(series(&snapshot, "gitlab_license_seats").len(), 2);
            assert_eq!(series(&snapshot, "gitlab_instance_objects").len(), 6);
        }
    }
}

#[tokio::test]
async fn a_maintainer_counts_the_runners_of_selected_groups_each_once() {
    let gitlab = gitlab(Version::V18_8).await;
    gitlab.edit(|world| {
        with_runners(world);
        world.group_role("top", Role::Maintainer);
        world.group_role("top/sub", Role::Maintainer);
    });
    let sources = ["top", "top/sub"].map(|path| Source::Group(path.to_owned()));
    let snapshot = poller(&gitlab, &sources).poll().await;
    let top = snapshot
        .groups
        .iter()
        .find(|group| &*group.identity.path == "top");
    let top = top.unwrap().identity.id;
    assert_eq!(
        series(&snapshot, "gitlab_runners"),
        [
            format!("group_id={top},paused=false,runner_type=group_type,status=online 1"),
            format!("group_id={top},paused=true,runner_type=group_type,status=online 1"),
        ]
    );
}

#[tokio::test]
async fn the_tokens_of_groups_are_told_to_their_owners_with_those_of_projects() {
    const EXPIRY: &str = "gitlab_access_token_expiry_timestamp_seconds";
    for rest_only in [false, true] {
        let gitlab = gitlab(Version::V18_8).await;
        gitlab.edit(|world| {
            world.group_role("top/sub", Role::Owner);
            world.group_token("top", "robot", Some("2027-03-01"));
            world.group_token("top/sub", "helper", Some("2027-03-02"));
            world.project("top/a").role(Role::Owner);
            world.project_token("top/a", "deploy", Some("2027-01-31"));
        });
        if rest_only {
            gitlab.fault(Fault::on("/api/graphql").always().status(404));
        }
        let mut poller = poller_of(&gitlab, &[Source::All], |name| name == EXPIRY);
        let snapshot = poller.poll().await;
        let told = series(&snapshot, EXPIRY);
        let of = |owner: &str| told.iter().filter(|line| line.contains(owner)).count();
        assert_eq!((of("group_id="), of("project_id=")), (1, 1), "{told:?}");
        assert!(told[0].contains("token_name=helper"), "{told:?}");
        // The owner of one group may be nobody in another.
        let why = missing(&snapshot, EXPIRY);
        assert!(why.contains(&"forbidden"), "{why:?}");
        let asked = || {
            let requests = gitlab.requests();
            let paths = requests.iter().map(|own| own.path.clone());
            let tokens = paths.filter(|path| path.contains("/access_tokens"));
            tokens.collect::<Vec<_>>()
        };
        let before = asked();
        poller.poll().await;
        assert_eq!(
            asked(),
            before,
            "each is asked once a day, and a refusal costs one try an hour"
        );
    }
}

#[tokio::test]
async fn a_token_that_may_not_see_tokens_is_still_a_good_token() {
    let gitlab = gitlab(Version::V18_8).await;
    gitlab.edit(|world| {
        for path in ["top/a", "top/b", "top/sub/c"] {
            world.project(path).role(Role::Reporter);
        }
    });
    let mut poller = poller_of(&gitlab, &[Source::All], |_| true);
    let snapshot = poller.poll().await;
    let report = snapshot.report.as_ref().unwrap();
    assert_eq!(report.failure, None);
    let state = |subject: &str| {
        let mut states = snapshot.states.iter();
        states.find(|(name, _)| *name == subject).unwrap().1
    };
    assert_eq!(state("tokens"), SubjectState::Forbidden);
    assert_eq!(state("runners"), SubjectState::Forbidden);
    assert_eq!(state("members"), SubjectState::Active);
}

#[tokio::test]
async fn who_may_see_no_runners_is_shown_none_and_not_zero() {
    for rest_only in [false, true] {
        let gitlab = gitlab(Version::V18_8).await;
        gitlab.edit(with_runners);
        if rest_only {
            gitlab.fault(Fault::on("/api/graphql").always().status(404));
        }
        let snapshot = poller(&gitlab, &[Source::Membership]).poll().await;
        assert!(series(&snapshot, "gitlab_runners").is_empty());
        assert_eq!(missing(&snapshot, "gitlab_runners"), ["forbidden"]);
    }
}
