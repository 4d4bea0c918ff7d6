//! GitLabs that come and go while the others go on.

use std::time::Duration;

use gitlab_metrics_bridge::simulator::GitLab;

use crate::load::Scraper;
use crate::support::running::{Running, TOKEN};
use crate::support::{Series, labels};
use crate::{Set, world};

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_is_added_and_removed_while_the_others_go_on_untouched() {
    let set = Set::up(world()).await;
    let (second, third) = (
        GitLab::start(world()).await.unwrap(),
        GitLab::start(world()).await.unwrap(),
    );
    let write = |names: &[(&str, &GitLab)]| {
        let listed = names.iter().map(|(name, gitlab)| {
            let url = gitlab.url();
            format!("  {name}: {{gitlab: {{url: {url}, token_variable: GITLAB_TOKEN}}, state: {{path: state}}}}\n")
        });
        format!(
            "poll: {{interval: 1h}}\ninstances:\n{}",
            listed.collect::<String>()
        )
    };
    let (a, b, c) = (("a", &set.gitlab), ("b", &second), ("c", &third));
    let bridge = start(&set, &write(&[a, b])).await;
    set.gitlab.take_requests();
    let scraper = Scraper::start(&bridge);
    let named = |series: &Series| -> Vec<String> {
        series
            .keys()
            .map(|labels| labels["gitlab_instance"].clone())
            .collect()
    };
    for gitlabs in [&[a, b, c][..], &[a, c], &[c, a], &[a, b]] {
        reload(&set, &bridge, &write(gitlabs)).await;
        let mut wanted: Vec<&str> = gitlabs.iter().map(|(name, _)| *name).collect();
        wanted.sort_unstable();
        let is_so = |series: &Series| named(series) == wanted;
        bridge.wait_for_series("gitlab_project_count", is_so).await;
    }
    let scraped = scraper.end().await;
    scraped.assert_none_is_missing_of("\"gitlab_instance\": \"a\"");
    assert_eq!(set.gitlab.requests().len(), 0, "it was left alone");
    let requests = "gitlab_bridge_api_requests_total";
    let all = bridge.scrape().await.series(requests);
    assert!(all.keys().all(|labels| labels["gitlab_instance"] != "c"));
    assert_eq!(bridge.stop().await.code(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gitlab_that_is_renamed_or_joined_by_another_keeps_what_is_known_of_it() {
    let set = Set::up(world()).await;
    let other = GitLab::start(world()).await.unwrap();
    let one = |name: &str, gitlab: &GitLab| {
        format!(
            "  {name}: {{gitlab: {{url: {}, token_variable: GITLAB_TOKEN}}}}\n",
            gitlab.url()
        )
    };
    let bridge = start(
        &set,
        &format!(
            "poll: {{interval: 1h}}\ninstances:\n{}",
            one("a", &set.gitlab)
        ),
    )
    .await;
    // What was read is shown under the new name before anything is asked again.
    set.gitlab.fault(
        gitlab_metrics_bridge::simulator::Fault::anywhere()
            .always()
            .hang(),
    );
    let both = one("new", &set.gitlab) + &one("other", &other);
    reload(
        &set,
        &bridge,
        &format!("poll: {{interval: 1h}}\ninstances:\n{both}"),
    )
    .await;
    let of_it = labels([("gitlab_instance", "new"), ("project_id", "7")]);
    let is_there = |series: &Series| series.get(&of_it) == Some(&7.0);
    bridge
        .wait_for_series("gitlab_commits_total", is_there)
        .await;
    assert_eq!(bridge.stop().await.code(), 0);
}

async fn start(set: &Set, settings: &str) -> Running {
    std::fs::write(set.path("bridge.yaml"), settings).unwrap();
    let bridge = Running::listening(set.program().env("GITLAB_TOKEN", TOKEN)).await;
    bridge.first_scrape().await;
    let deadline = tokio::time::Instant::now() + Duration::from_secs(60);
    while bridge.scrape().await.series("gitlab_project_count").len()
        < settings.matches("url:").count()
    {
        assert!(tokio::time::Instant::now() < deadline);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    bridge
}

async fn reload(set: &Set, bridge: &Running, settings: &str) {
    std::fs::write(set.path("bridge.yaml"), settings).unwrap();
    let (status, text) = crate::post(bridge, "/-/reload").await;
    assert!(status.is_success(), "{text}");
}
