//! Several GitLabs in one process, two of which have projects of the same ids.

use std::collections::BTreeMap;

use gitlab_metrics_bridge::simulator::{AccessToken, Fault, GitLab, MergeRequests, World};
use reqwest::StatusCode;
use tempfile::TempDir;

use crate::support::exposition::Exposition;
use crate::support::exposition::is_own;
use crate::support::process::{Program, bridge};
use crate::support::receiver::Receiver;
use crate::support::running::{Running, TOKEN, bridge_for};
use crate::support::{Labels, Series, labels};
use crate::{assert_same, gitlab_of_two, world_of_two};

/// The token that the second GitLab takes, and no other.
const OTHER_TOKEN: &str = "other-token";

/// Two GitLabs, and the folder of a configuration that calls them `com` and `internal`.
struct Two {
    com: GitLab,
    internal: GitLab,
    folder: TempDir,
}

impl Two {
    async fn start() -> Two {
        let com = gitlab_of_two().await;
        let mut world = World::new();
        world.token(AccessToken::new(OTHER_TOKEN));
        let merge_requests = MergeRequests {
            opened: 5,
            ..MergeRequests::default()
        };
        world
            .project_with_id("other/a", 2540)
            .commits(7)
            .merge_requests(merge_requests);
        let internal = GitLab::start(world).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        Two {
            com,
            internal,
            folder,
        }
    }

    /// The bridge for both.
    fn bridge(&self) -> Program {
        self.bridge_with("")
    }

    /// The bridge for both, with more settings of `gitlab` for the second.
    fn bridge_with(&self, internal: &str) -> Program {
        let text = format!(
            "instances:\n  \
               com: {{gitlab: {{url: {}, token_variable: COM_TOKEN}}}}\n  \
               internal: {{gitlab: {{url: {}, token_variable: INTERNAL_TOKEN{internal}}}}}\n",
            self.com.url(),
            self.internal.url()
        );
        configured(&self.folder, &text)
    }
}

/// The bridge with this configuration and the tokens of both GitLabs.
fn configured(folder: &TempDir, text: &str) -> Program {
    let file = folder.path().join("bridge.yaml");
    std::fs::write(&file, text).unwrap();
    bridge()
        .env("GITLAB_BRIDGE_CONFIG", file)
        .env("COM_TOKEN", TOKEN)
        .env("INTERNAL_TOKEN", OTHER_TOKEN)
}

/// A series of one of them that has no other labels.
fn of(name: &str) -> Labels {
    labels([("gitlab_instance", name)])
}

/// The series of project 2540 of one of them.
fn of_project(name: &str) -> Labels {
    labels([("gitlab_instance", name), ("project_id", "2540")])
}

/// The values of a metric of which each instance has one series.
fn by_instance(series: &Series) -> Vec<(&str, f64)> {
    let by_instance = series
        .iter()
        .map(|(labels, value)| (labels["gitlab_instance"].as_str(), *value));
    by_instance.collect()
}

/// The bodies of the metrics about GitLab, without the bridge's own.
fn about_gitlab(text: &str) -> String {
    let name = |line: &str| {
        let words = line
            .trim_start_matches("# HELP ")
            .trim_start_matches("# TYPE ");
        words
            .split(['{', ' '])
            .next()
            .map(str::to_owned)
            .unwrap_or_default()
    };
    let lines = text.lines().filter(|line| !is_own(&name(line)));
    lines.collect::<Vec<_>>().join("\n")
}

/// Parts of the names of metrics that are about the process, whatever GitLabs it polls.
const OF_THE_PROCESS: [&str; 6] = [
    "build_info",
    "config_info",
    "connections",
    "export",
    "memory",
    "panics",
];

#[tokio::test]
async fn series_are_told_apart_by_name_and_each_gitlab_has_its_totals() {
    let (two, receiver) = (Two::start().await, Receiver::start());
    let once = two
        .bridge()
        .arg("once")
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
        .finish()
        .await;
    assert_eq!(once.code(), 0, "{once:#?}");
    let shown = Exposition::parse(&once.stdout()).unwrap();
    assert_same(&receiver.last_export(), &shown);

    let commits = shown.series("gitlab_commits_total");
    assert_eq!(commits.len(), 3);
    assert_eq!(commits[&of_project("com")], 11.0);
    assert_eq!(commits[&of_project("internal")], 7.0);
    for (metric, com, internal) in [
        ("gitlab_project_count", 2.0, 1.0),
        ("gitlab_merge_requests_total", 11.0, 5.0),
        ("gitlab_bridge_last_poll_success", 1.0, 1.0),
        ("gitlab_bridge_up", 1.0, 1.0),
    ] {
        assert_eq!(
            by_instance(&shown.series(metric)),
            [("com", com), ("internal", internal)],
            "{metric}"
        );
    }
    let told = shown.series("gitlab_bridge_series").into_values();
    let told = told.sum::<f64>() as usize;
    let about_gitlab = shown.families.keys().filter(|name| !is_own(name));
    let counted: BTreeMap<&str, usize> = about_gitlab
        .map(|name| (name.as_str(), shown.series(name).len()))
        .collect();
    assert_eq!(told, counted.values().sum::<usize>());
    let mut told = BTreeMap::<String, usize>::new();
    for (labels, series) in shown.series("gitlab_bridge_metric_series") {
        *told.entry(labels["metric"].clone()).or_default() += series as usize;
    }
    let told: BTreeMap<&str, usize> = told
        .iter()
        .map(|(name, series)| (&**name, *series))
        .collect();
    assert_eq!(told, counted);
    for name in shown.families.keys() {
        let named = |labels: &Labels| labels.contains_key("gitlab_instance");
        let of_the_bridge =
            !name.starts_with("gitlab_") || OF_THE_PROCESS.iter().any(|part| name.contains(part));
        assert!(
            shown
                .series(name)
                .keys()
                .all(|labels| named(labels) != of_the_bridge),
            "{name}"
        );
    }
}

#[tokio::test]
async fn the_only_gitlab_has_no_name_on_any_series() {
    let gitlab = gitlab_of_two().await;
    let plain = bridge_for(gitlab.url()).arg("once").finish().await;
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "instances:\n  com: {{gitlab: {{url: {}, token_variable: COM_TOKEN}}}}\n",
        gitlab.url()
    );
    let named = configured(&folder, &text).arg("once").finish().await;
    assert_eq!((plain.code(), named.code()), (0, 0), "{named:#?}");
    assert_eq!(about_gitlab(&plain.stdout()), about_gitlab(&named.stdout()));
    assert!(!named.stdout().contains("gitlab_instance="));
    assert!(!named.stderr().contains("gitlab_instance"));
}

#[tokio::test]
async fn one_that_fails_keeps_its_values_and_does_not_hold_up_the_other() {
    let two = Two::start().await;
    let bridge = Running::start(two.bridge()).await;
    bridge.wait_for_readiness(StatusCode::OK).await;
    two.internal.fault(Fault::anywhere().always().reset());
    two.com.edit(|world| {
        world.project("group/a").commits(12);
    });
    let url = format!("{}/", two.internal.url());
    let up = labels([("gitlab_instance", "internal"), ("instance_url", &url)]);
    let down = |series: &Series| series.get(&up) == Some(&0.0);
    bridge.wait_for_series("gitlab_bridge_up", down).await;
    let moved = |series: &Series| series.get(&of_project("com")) == Some(&12.0);
    let shown = bridge.wait_for_series("gitlab_commits_total", moved).await;
    assert_eq!(
        shown.series("gitlab_commits_total")[&of_project("internal")],
        7.0
    );
    assert_eq!(
        by_instance(&shown.series("gitlab_bridge_up")),
        [("com", 1.0), ("internal", 0.0)]
    );
    let complaint = bridge
        .wait_for_readiness(StatusCode::SERVICE_UNAVAILABLE)
        .await;
    assert!(
        complaint.starts_with("Not ready: internal: the last complete poll"),
        "{complaint}"
    );
    assert!(!complaint.contains("com: "), "{complaint}");

    two.internal.clear_faults();
    bridge.wait_for_readiness(StatusCode::OK).await;
}

#[tokio::test]
async fn one_is_shown_before_the_other_has_answered() {
    let two = Two::start().await;
    two.internal.fault(Fault::anywhere().always().hang());
    let bridge = Running::start(two.bridge()).await;
    let shown = bridge.first_scrape().await;
    assert_eq!(
        by_instance(&shown.series("gitlab_project_count")),
        [("com", 2.0)]
    );
    assert_eq!(shown.series("gitlab_bridge_api_retries_total").len(), 2);
    let (status, complaint) = bridge.get("/-/ready").await;
    assert_eq!(
        (status, complaint.as_str()),
        (
            StatusCode::SERVICE_UNAVAILABLE,
            "Not ready: internal: the first poll has not ended yet\n"
        )
    );
    let (_, landing) = bridge.get("/").await;
    for (name, url, projects) in [
        ("com", two.com.url(), 2),
        ("internal", two.internal.url(), 0),
    ] {
        let line = format!("{name}: {url}/: {projects} projects");
        assert!(landing.contains(&line), "{line} is not in {landing}");
    }

    two.internal.clear_faults();
    let known = |series: &Series| series.contains_key(&of("internal"));
    bridge.wait_for_series("gitlab_project_count", known).await;
}

#[tokio::test]
async fn a_job_fails_with_the_name_of_the_one_that_is_incomplete() {
    let two = Two::start().await;
    two.internal.fault(Fault::anywhere().always().status(500));
    let once = two
        .bridge()
        .arg("once")
        .env("GITLAB_BRIDGE_ATTEMPTS", "1")
        .finish()
        .await;
    assert_eq!(once.code(), 1, "{once:#?}");
    let error = once.output.stderr.last().unwrap();
    assert!(
        error.starts_with("gitlab-metrics-bridge: internal: ") && error.contains("500"),
        "{error}"
    );
    let shown = Exposition::parse(&once.stdout()).unwrap();
    assert_eq!(
        by_instance(&shown.series("gitlab_project_count")),
        [("com", 2.0)]
    );
}

#[tokio::test]
async fn a_check_is_about_each_by_name() {
    let two = Two::start().await;
    let check = || two.bridge().args(["check", "--listen", "127.0.0.1:0"]);
    let good = check().finish().await;
    assert_eq!(good.code(), 0, "{good:#?}");
    let bad = check().env("INTERNAL_TOKEN", "wrong").finish().await;
    assert_eq!(bad.code(), 1, "{bad:#?}");
    for (said, line) in [
        (
            &good,
            format!("ok    com: {}/ is GitLab 18.8", two.com.url()),
        ),
        (&good, "ok    com: 2 projects are selected".to_owned()),
        (&good, "ok    internal: 1 project is selected".to_owned()),
        (&good, "ok    the configuration is valid".to_owned()),
        (&bad, "ok    com: 2 projects are selected".to_owned()),
        (&bad, format!("FAIL  internal: {}/: ", two.internal.url())),
    ] {
        let lines = &said.output.stdout;
        assert!(
            lines.iter().any(|told| told.contains(&line)),
            "{line}: {said:#?}"
        );
    }
}

#[tokio::test]
async fn a_line_of_the_log_says_which_it_is_about() {
    let two = Two::start().await;
    for (format, com, internal) in [
        ("text", "gitlab_instance=com", "gitlab_instance=internal"),
        (
            "json",
            r#""gitlab_instance":"com""#,
            r#""gitlab_instance":"internal""#,
        ),
    ] {
        let once = two
            .bridge()
            .args(["once", "--log-format", format])
            .finish()
            .await;
        let done = once
            .output
            .stderr
            .iter()
            .filter(|line| line.contains("poll done"));
        let done: Vec<_> = done.collect();
        assert_eq!(done.len(), 2, "{once:#?}");
        for name in [com, internal] {
            assert!(
                done.iter().any(|line| line.contains(name)),
                "{name}: {done:#?}"
            );
        }
    }
    // However little is logged, what is wrong with one is said with its name.
    two.internal.fault(Fault::anywhere().always().status(404));
    let once = two
        .bridge()
        .args(["once", "--log-level", "warn"])
        .finish()
        .await;
    let warned = once
        .output
        .stderr
        .iter()
        .filter(|line| line.contains("level=warn"));
    let warned: Vec<_> = warned.collect();
    assert!(!warned.is_empty(), "{once:#?}");
    assert!(
        warned
            .iter()
            .all(|line| line.contains("gitlab_instance=internal")),
        "{warned:#?}"
    );
}

#[tokio::test]
async fn one_that_can_not_be_built_fails_the_start_by_name() {
    let two = Two::start().await;
    std::fs::write(two.folder.path().join("company.pem"), "no certificate").unwrap();
    let run = two
        .bridge_with(", ca_file: company.pem")
        .args(["run", "--listen", "127.0.0.1:0"])
        .finish()
        .await;
    assert_eq!(run.code(), 2, "{run:#?}");
    let error = run.output.stderr.last().unwrap();
    assert!(
        error.starts_with("gitlab-metrics-bridge: internal: building the GitLab client")
            && error.contains("company.pem"),
        "{error}"
    );
}

#[tokio::test]
async fn one_gitlab_is_asked_with_two_tokens() {
    let mut world = world_of_two();
    world.token(AccessToken::new(TOKEN));
    world.token(AccessToken::new(OTHER_TOKEN));
    let gitlab = GitLab::start(world).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "gitlab: {{url: {}}}\n\
         instances:\n  \
           all: {{gitlab: {{token_variable: COM_TOKEN}}}}\n  \
           one: {{gitlab: {{token_variable: INTERNAL_TOKEN}}, select: {{projects: [2541]}}}}\n",
        gitlab.url()
    );
    let once = configured(&folder, &text).arg("once").finish().await;
    assert_eq!(once.code(), 0, "{once:#?}");
    let shown = Exposition::parse(&once.stdout()).unwrap();
    assert_eq!(
        by_instance(&shown.series("gitlab_project_count")),
        [("all", 2.0), ("one", 1.0)]
    );
}
