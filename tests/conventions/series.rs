//! How series by the names of the conventions begin, end and go on.

use gitlab_metrics_bridge::simulator::GitLab;
use reqwest::Method;

use crate::support::process::bridge;
use crate::support::received::Received;
use crate::support::receiver::Receiver;
use crate::support::running::{Running, TOKEN};
use crate::{BRIDGE, pushing, world};

/// Whether the series of a project end in an export.
fn ends(received: &Received, metric: &str) -> bool {
    let mut exports = received.exports().iter();
    exports.any(|export| {
        let ended = export.ended(metric);
        !ended.is_empty()
            && ended.iter().all(|labels| {
                let url = labels.get("vcs.repository.url.full");
                url.is_some_and(|url| url.ends_with(BRIDGE))
            })
    })
}

#[tokio::test]
async fn the_series_of_a_project_that_is_gone_end_by_their_other_names() {
    let (gitlab, receiver) = (GitLab::start(world()).await.unwrap(), Receiver::start());
    let bridge = Running::start(pushing(&gitlab, &receiver.endpoint(), "grpc")).await;
    let is_there = |received: &Received| received.last_export().count("vcs.contributor.count") > 0;
    receiver.wait_for(is_there).await;
    gitlab.edit(|world| world.remove_project(BRIDGE));
    let metrics = [
        "vcs.change.count",
        "vcs.contributor.count",
        "gitlab.issue.count",
    ];
    let is_over = |received: &Received| metrics.iter().all(|metric| ends(received, metric));
    receiver.wait_for(is_over).await;
    assert_eq!(bridge.stop().await.code(), 0);
}

#[tokio::test]
async fn a_reload_to_other_names_ends_the_series_that_were() {
    let (gitlab, receiver) = (GitLab::start(world()).await.unwrap(), Receiver::start());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bridge.yaml");
    let write = |names: &str| {
        let text = format!(
            "gitlab: {{url: {}}}\nselect: {{scope: all}}\npoll: {{interval: 1s}}\n\
             otlp: {{endpoint: {}, protocol: grpc, interval: 500ms, names: {names}}}\n",
            gitlab.url(),
            receiver.endpoint(),
        );
        std::fs::write(&file, text).unwrap();
    };
    write("gitlab");
    let program = bridge()
        .env("GITLAB_TOKEN", TOKEN)
        .arg("--config")
        .arg(&file);
    let program = program.args(["--listen", "127.0.0.1:0", "--web.enable-lifecycle"]);
    let bridge = Running::listening(program).await;
    for (before, after, names) in [
        ("gitlab_merge_requests", "vcs.change.count", "semconv"),
        ("vcs.change.count", "gitlab_merge_requests", "gitlab"),
    ] {
        receiver
            .wait_for(|received| received.last_export().count(before) > 0)
            .await;
        write(names);
        let answer = bridge.ask(Method::POST, "/-/reload").await;
        assert!(
            answer.status().is_success(),
            "{}",
            answer.text().await.unwrap()
        );
        let changed = |received: &Received| {
            let export = received.last_export();
            let was_ended = received
                .exports()
                .iter()
                .any(|own| !own.ended(before).is_empty());
            was_ended && export.count(after) > 0 && export.count(before) == 0
        };
        receiver.wait_for(changed).await;
    }
    assert_eq!(bridge.stop().await.code(), 0);
}
