//! The exposition in shards, at a bridge that runs: they are all of it, each series once, in every form and in a
//! Prometheus that scrapes them as the documentation says.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use gitlab_metrics_bridge::simulator::{GitLab, World};
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH};
use reqwest::{Client, StatusCode};

use support::exposition::{Exposition, is_own};
use support::running::{Running, bridge_for};
use support::tools::Prometheus;

const OPENMETRICS: &str = "application/openmetrics-text;version=1.0.0";

/// A bridge that has read everything once, and polls no more: all scrapes are of one view.
async fn everything() -> (GitLab, Running) {
    let world = World::demo(jiff::Timestamp::now());
    let gitlab = GitLab::start(world).await.unwrap();
    let program = bridge_for(gitlab.url())
        .env("GITLAB_BRIDGE_METRICS_ENABLED", "*")
        .args(["--all", "--listen", "127.0.0.1:0", "--interval", "1h"]);
    let bridge = Running::listening(program).await;
    bridge.wait_for_readiness(StatusCode::OK).await;
    (gitlab, bridge)
}

/// The text of a shard in some form. A length that is told is right.
async fn shard(bridge: &Running, shard: &str, accept: &str, coding: &str) -> String {
    let client = Client::builder().no_proxy().no_gzip().build().unwrap();
    let request = client.get(bridge.url(&format!("/metrics?shard={shard}")));
    let request = request
        .header(ACCEPT, accept)
        .header(ACCEPT_ENCODING, coding);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    let told = |name| Some(answer.headers().get(name)?.to_str().unwrap().to_owned());
    let (coded, length) = (told(CONTENT_ENCODING), told(CONTENT_LENGTH));
    assert_eq!(coded.as_deref().unwrap_or("identity"), coding);
    let body = answer.bytes().await.unwrap();
    if let Some(length) = length {
        assert_eq!(length, body.len().to_string());
    }
    match coding {
        "gzip" => std::io::read_to_string(flate2::read::GzDecoder::new(&body[..])).unwrap(),
        "zstd" => String::from_utf8(zstd::decode_all(&body[..]).unwrap()).unwrap(),
        _ => String::from_utf8(body.to_vec()).unwrap(),
    }
}

/// The lines of series about GitLab.
fn of_gitlab(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let lines = lines.filter(|line| !is_own(line.split(['{', ' ']).next().unwrap()));
    lines.map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_shards_of_any_number_are_the_whole_each_series_once() {
    let (_gitlab, bridge) = everything().await;
    let mut whole = of_gitlab(&bridge.get("/metrics").await.1);
    whole.sort();
    assert!(whole.len() > 1_000, "{}", whole.len());
    for of in [1, 2, 3, 64] {
        let mut union = Vec::new();
        for number in 1..=of {
            let text = shard(&bridge, &format!("{number}/{of}"), "text/plain", "identity").await;
            union.extend(of_gitlab(&text));
        }
        union.sort();
        assert!(union == whole, "{of} shards are not the whole");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_form_of_a_shard_tells_the_same_with_all_headers_and_what_it_holds() {
    let (_gitlab, bridge) = everything().await;
    let whole = bridge.scrape().await;
    let projects = whole.value("gitlab_project_count", []).unwrap();
    let mut shown = 0.0;
    for number in ["1", "2", "3"] {
        let asked = format!("{number}%2F3");
        let text = shard(&bridge, &asked, "text/plain", "identity").await;
        let read = Exposition::parse(&text).unwrap();
        for coding in ["gzip", "zstd"] {
            let other = shard(&bridge, &asked, "text/plain", coding).await;
            assert!(of_gitlab(&other) == of_gitlab(&text), "{coding}");
        }
        let labels = [("shard", number), ("shards", "3")];
        shown += read.value("gitlab_bridge_shard_projects", labels).unwrap();
        let has_own = read.families.contains_key("gitlab_bridge_build_info");
        assert_eq!(has_own, number == "1");
        for (name, family) in whole.families.iter().filter(|(name, _)| !is_own(name)) {
            let told = &read.families[name];
            assert_eq!((&told.kind, &told.help), (&family.kind, &family.help));
        }
        for coding in ["identity", "gzip", "zstd"] {
            let openmetrics = shard(&bridge, &asked, OPENMETRICS, coding).await;
            assert!(openmetrics.ends_with("# EOF\n"));
            let names = |text: &str| {
                let lines = of_gitlab(text);
                let name = |line: &String| line.split("le=\"").next().unwrap().to_owned();
                lines.iter().map(name).collect::<Vec<_>>()
            };
            assert!(names(&openmetrics) == names(&text), "{coding}");
        }
    }
    assert_eq!(shown, projects);
}

#[tokio::test]
async fn a_shard_that_there_is_not_is_told_what_would_be_right() {
    let gitlab = GitLab::start(World::new()).await.unwrap();
    let bridge = Running::start(bridge_for(gitlab.url())).await;
    for asked in [
        "0/4",
        "5/4",
        "1/65",
        "2",
        "",
        "a/b",
        "1/4&shard=2/4",
        "%FF/%00",
    ] {
        let (status, text) = bridge.get(&format!("/metrics?shard={asked}")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{asked}");
        assert!(text.contains("shard=2/4"), "{asked}: {text}");
    }
    let (status, _) = bridge.get("/metrics?shards=1/4&other").await;
    assert_eq!(status, StatusCode::OK, "other parameters say nothing");
}

/// The configuration of Prometheus that a document shows, for a bridge at another address.
fn documented(port: u16) -> String {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/sizing.md");
    let text = fs::read_to_string(path).unwrap();
    let block = text.split("```yaml\n").nth(1).expect("a configuration");
    let block = block.split("```").next().unwrap();
    assert!(block.contains("__param_shard"), "{block}");
    let here = block.replace("gitlab-metrics-bridge:9464", &format!("127.0.0.1:{port}"));
    format!("global: {{scrape_interval: 1s, scrape_timeout: 1s}}\n{here}")
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs Prometheus: run tests/run"]
async fn a_prometheus_that_is_set_up_as_the_document_says_has_each_series_once_and_misses_none() {
    let (_gitlab, bridge) = everything().await;
    let prometheus = Prometheus::start(&documented(bridge.port())).await;
    let all_up = |up: &support::Series| up.len() == 2 && up.values().all(|up| *up == 1.0);
    prometheus.wait_for("up", all_up).await;
    let missing = "sum(gitlab_bridge_shard_projects) - sum(gitlab_project_count)";
    let none = |missing: &support::Series| missing.values().eq([&0.0]);
    prometheus.wait_for(missing, none).await;
    let whole = bridge.scrape().await;
    let commits = whole.series("gitlab_commits_total").len() as f64;
    let scraped = prometheus.query("count(gitlab_commits_total)").await;
    assert_eq!(scraped, BTreeMap::from([(BTreeMap::new(), commits)]));
    let twice = "count by (project_id) (gitlab_commits_total) > 1";
    assert!(prometheus.query(twice).await.is_empty());
}
