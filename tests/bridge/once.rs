//! `once`: one complete poll, the exposition and nothing else on stdout.

use gitlab_metrics_bridge::simulator::{Fault, World};
use serde_json::json;

use crate::support::exposition::Exposition;
use crate::support::process::bridge;
use crate::support::receiver::Receiver;
use crate::support::running::bridge_for;
use crate::{assert_same, gitlab_of_two, world_of_two};

#[tokio::test]
async fn a_url_and_a_token_are_enough_for_the_exposition_and_nothing_else_on_stdout() {
    let gitlab = gitlab_of_two().await;
    let once = bridge_for(gitlab.url()).arg("once").finish().await;
    assert_eq!(once.code(), 0, "{once:#?}");
    let exposition = Exposition::parse(&once.stdout()).unwrap();
    assert_eq!(
        exposition.value("gitlab_bridge_last_poll_success", []),
        Some(1.0)
    );
    for seed in [
        "# HELP gitlab_commits_total Total number of commits\n\
         # TYPE gitlab_commits_total gauge\n\
         gitlab_commits_total{project_id=\"2540\"} 11\n\
         gitlab_commits_total{project_id=\"2541\"} 250\n",
        "# HELP gitlab_merge_requests_total Total number of merge requests\n\
         # TYPE gitlab_merge_requests_total gauge\n\
         gitlab_merge_requests_total 11\n",
        "# HELP gitlab_project_count Total number of projects\n\
         # TYPE gitlab_project_count gauge\n\
         gitlab_project_count 2\n",
    ] {
        assert!(
            once.stdout().contains(seed),
            "{seed} is not in {}",
            once.stdout()
        );
    }
    assert!(once.stderr().contains("projects=2"), "{}", once.stderr());
}

#[tokio::test]
async fn the_demo_world_comes_out_whole() {
    let now = jiff::Timestamp::from_second(1_790_000_000).unwrap();
    let world = World::demo(now);
    let projects = world.projects().count();
    let gitlab = gitlab_metrics_bridge::simulator::GitLab::start(world)
        .await
        .unwrap();
    let once = bridge_for(gitlab.url()).arg("once").finish().await;
    assert_eq!(once.code(), 0, "{once:#?}");
    let exposition = Exposition::parse(&once.stdout()).unwrap();
    assert_eq!(exposition.series("gitlab_commits_total").len(), projects);
    assert_eq!(exposition.series("gitlab_project_info").len(), projects);
}

#[tokio::test]
async fn with_otlp_what_is_printed_is_pushed_once() {
    for protocol in ["grpc", "http/protobuf"] {
        let (gitlab, receiver) = (gitlab_of_two().await, Receiver::start());
        let once = bridge_for(gitlab.url())
            .arg("once")
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .finish()
            .await;
        assert_eq!(once.code(), 0, "{once:#?}");
        // It has ended, so what has not arrived by now never will.
        assert_eq!(receiver.read(|received| received.ended()), 1, "{protocol}");
        assert_same(
            &receiver.last_export(),
            &Exposition::parse(&once.stdout()).unwrap(),
        );
    }
}

#[tokio::test]
async fn a_collector_that_is_down_fails_the_job_and_not_the_exposition() {
    let (gitlab, receiver) = (gitlab_of_two().await, Receiver::refusing());
    for protocol in ["grpc", "http/protobuf"] {
        let once = bridge_for(gitlab.url())
            .arg("once")
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .env("OTEL_EXPORTER_OTLP_TIMEOUT", "500")
            .finish()
            .await;
        assert_eq!(once.code(), 1, "{once:#?}");
        assert!(
            once.stderr().contains("pushing over OTLP"),
            "{}",
            once.stderr()
        );
        let exposition = Exposition::parse(&once.stdout()).unwrap();
        assert_eq!(exposition.series("gitlab_commits_total").len(), 2);
    }
}

#[tokio::test]
async fn a_poll_that_fails_exits_1_and_makes_nothing_up() {
    let gitlab = gitlab_of_two().await;
    gitlab.fault(Fault::operation("Projects").always().status(500));
    gitlab.fault(Fault::on("/api/v4").always().status(500));
    let once = bridge_for(gitlab.url())
        .arg("once")
        .env("GITLAB_BRIDGE_ATTEMPTS", "1")
        .finish()
        .await;
    assert_eq!(once.code(), 1, "{once:#?}");
    assert!(once.stderr().contains("500"), "{}", once.stderr());
    let exposition = Exposition::parse(&once.stdout()).unwrap();
    assert_eq!(exposition.series("gitlab_project_count").len(), 0);
    assert_eq!(
        exposition.value("gitlab_bridge_last_poll_success", []),
        Some(0.0)
    );
}

#[tokio::test]
async fn values_that_fail_exit_1_and_leave_the_others() {
    let gitlab = gitlab_metrics_bridge::simulator::GitLab::start(world_of_two())
        .await
        .unwrap();
    gitlab.fault(Fault::on("/api/graphql").always().status(404));
    gitlab.fault(
        Fault::on("/api/v4/projects/2540/issues_statistics")
            .always()
            .status(500),
    );
    let once = bridge_for(gitlab.url())
        .arg("once")
        .env("GITLAB_BRIDGE_ATTEMPTS", "1")
        .finish()
        .await;
    assert_eq!(once.code(), 1, "{once:#?}");
    let exposition = Exposition::parse(&once.stdout()).unwrap();
    assert_eq!(exposition.series("gitlab_issues").len(), 2);
    assert_eq!(
        exposition.value("gitlab_merge_requests_total", []),
        Some(11.0)
    );
    assert_eq!(
        exposition.value(
            "gitlab_bridge_missing_series",
            [("metric", "gitlab_issues"), ("reason", "server_error")]
        ),
        Some(2.0)
    );
}

#[tokio::test]
async fn a_wrong_configuration_exits_2_and_prints_nothing() {
    for (name, value) in [
        ("GITLAB_URL", "gitlab.example.com"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "collector"),
        ("GITLAB_BRIDGE_POLL_INTERVAL", "60"),
    ] {
        let once = bridge().arg("once").env(name, value).finish().await;
        assert_eq!(once.code(), 2, "{once:#?}");
        assert!(once.stderr().contains(name), "{}", once.stderr());
        assert_eq!(once.stdout(), "");
    }
    let once = bridge().args(["once", "--no-such-flag"]).finish().await;
    assert_eq!(once.code(), 2, "{once:#?}");
}

#[tokio::test]
async fn a_command_that_waits_says_for_what() {
    let gitlab = gitlab_of_two().await;
    for command in ["once", "check", "plan"] {
        let mut waiting = bridge_for(gitlab.url())
            .args([command, "--budget", "1000/h,2/m"])
            .start();
        let line = waiting.wait_for_line("for the request budget").await;
        assert!(line.contains("requests="), "{line}");
    }
    gitlab.fault(Fault::anywhere().always().hang());
    for command in ["once", "check", "plan"] {
        let mut waiting = bridge_for(gitlab.url()).arg(command).start();
        waiting.wait_for_line("waiting for GitLab to answer").await;
    }
}

#[tokio::test]
async fn an_answer_that_is_not_understood_exits_1_and_is_no_zero() {
    for nonsense in [
        json!({}),
        json!({"id": "gid://gitlab/Project/none"}),
        json!(7),
    ] {
        let gitlab = gitlab_of_two().await;
        let shown = nonsense.to_string();
        let list = format!("[{shown}]");
        gitlab.fault(Fault::on("/api/graphql").always().tamper(move |_, answer| {
            answer.edit_each("nodes", |nodes| *nodes = json!([nonsense]));
        }));
        let listing = Fault::on("/api/v4/projects").always();
        gitlab.fault(listing.body(200, "application/json", &list));
        let once = bridge_for(gitlab.url()).arg("once").finish().await;
        assert_eq!(once.code(), 1, "{shown}: {once:#?}");
        assert!(
            once.stderr().contains("not understood"),
            "{shown}: {once:#?}"
        );
        let exposition = Exposition::parse(&once.stdout()).unwrap();
        assert_eq!(
            exposition.value("gitlab_project_count", []),
            None,
            "{shown}"
        );
    }
}
