//! What the page and the API say is true.

use std::fs;

use gitlab_metrics_bridge::simulator::{AccessToken, Fault, GitLab, World};
use reqwest::StatusCode;
use serde_json::{Value, json};

use crate::support::process::bridge;
use crate::support::running::{Running, bridge_for};
use crate::{STILL, gitlab, json, polled, wait_for_status};

#[tokio::test]
async fn the_first_line_says_that_all_is_well_and_numbers_are_those_of_gitlab() {
    let gitlab = gitlab().await;
    let bridge = polled(&gitlab).await;
    let status = wait_for_status(&bridge, |status| {
        status["gitlabs"][0]["recent_polls"][0].is_object()
    })
    .await;
    assert_eq!(
        (&status["health"], &status["ready"]),
        (&json!("healthy"), &json!(true))
    );
    let own = &status["gitlabs"][0];
    assert_eq!(own["projects"], 3);
    assert_eq!(own["name"], Value::Null);
    let series = bridge.scrape().await;
    let shown = series.value("gitlab_bridge_series", []).unwrap();
    assert_eq!(own["series"].as_f64(), Some(shown));
    let commits = &own["biggest_by_commits"];
    assert_eq!(
        (&commits[0]["id"], &commits[0]["commits"]),
        (&json!(27), &json!(4_211))
    );
    let (_, page) = bridge.get("/").await;
    for part in [
        "Healthy and ready: 3 projects",
        gitlab.url(),
        "acme/web/storefront",
        "href=\"projects/27\"",
        "4,211",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
}

#[tokio::test]
async fn what_subjects_cost_adds_up_to_all_requests() {
    let gitlab = gitlab().await;
    let program = bridge_for(gitlab.url()).env("GITLAB_BRIDGE_METRICS_ENABLED", "*");
    let bridge = Running::start(program).await;
    bridge.wait_for_readiness(StatusCode::OK).await;
    let own = |status: &Value| status["gitlabs"][0].clone();
    let several = |status: &Value| own(status)["recent_polls"][2].is_object();
    let status = own(&wait_for_status(&bridge, several).await);
    let subjects = status["subjects"].as_array().unwrap();
    let costs = subjects.iter();
    let costs = costs.filter_map(|subject| subject["requests"]["since_start"].as_f64());
    let (sum, all) = (
        costs.sum::<f64>(),
        status["requests"]["since_start"].as_f64(),
    );
    let all = all.unwrap();
    // A poll may be under way, whose requests are counted once they are answered.
    let open = gitlab.read(|world| world.projects().count()) as f64 * 8.0;
    assert!(
        sum > 0.0 && sum <= all + 0.5 && all - sum < open,
        "{sum} of {all}"
    );
    let along = subjects
        .iter()
        .find(|own| own["subject"] == "commits")
        .unwrap();
    assert_eq!(along["requests"]["last_hour"], Value::Null);
    assert_eq!(along["requests"]["read_with"], "projects");
    assert_eq!(
        (&along["on"], &along["state"]),
        (&json!(true), &json!("active"))
    );
}

#[tokio::test]
async fn a_gitlab_that_fails_is_told_with_what_to_do_and_polls_are_kept() {
    let gitlab = gitlab().await;
    let bridge = Running::start(bridge_for(gitlab.url())).await;
    bridge.wait_for_readiness(StatusCode::OK).await;
    gitlab.fault(Fault::on("/api").always().status(500));
    let status = wait_for_status(&bridge, |status| status["health"] == "not_ready").await;
    let summary = status["summary"].as_str().unwrap();
    assert!(summary.starts_with("Not healthy, not ready: "), "{summary}");
    assert!(summary.contains("500"), "{summary}");
    let polls = status["gitlabs"][0]["recent_polls"].as_array().unwrap();
    let complete = |own: &&Value| own["complete"] == true;
    let failed = |own: &&Value| {
        own["failure"]
            .as_str()
            .is_some_and(|text| text.contains("500"))
    };
    assert!(
        polls.iter().any(|own| complete(&own)) && polls.iter().any(|own| failed(&own)),
        "{polls:#?}"
    );
    assert_eq!(status["gitlabs"][0]["projects"], 3, "what was known stays");
    let (_, page) = bridge.get("/").await;
    assert!(
        page.contains("class=\"mark\""),
        "a poll that failed is marked"
    );
    gitlab.clear_faults();
    wait_for_status(&bridge, |status| status["health"] == "healthy").await;
}

#[tokio::test]
async fn a_project_has_every_value_with_its_age_and_why_others_are_absent() {
    let gitlab = gitlab().await;
    let bridge = polled(&gitlab).await;
    let project = json(&bridge, "/api/v1/projects/27").await;
    assert_eq!(project["path"], "acme/web/storefront");
    assert_eq!(
        project["url"],
        format!("{}/acme/web/storefront", gitlab.url().trim_end_matches('/'))
    );
    let metrics = project["metrics"].as_array().unwrap();
    let of = |name: &str| metrics.iter().find(|own| own["metric"] == name).unwrap();
    let commits = of("gitlab_commits_total");
    assert_eq!(commits["series"][0]["value"], 4_211);
    assert!(commits["series"][0]["age_seconds"].is_u64(), "{commits}");
    let read = commits["series"][0]["read"].as_str().unwrap();
    assert!(read.parse::<jiff::Timestamp>().is_ok(), "{read}");
    assert_eq!(commits["asked_as"], json!(["statistics.commitCount"]));
    assert_eq!(commits["unit"], "{commit}");
    let absent = metrics.iter().filter(|own| own["series"] == json!([]));
    for own in absent {
        let why = own["absent"][0]["why"].as_str();
        assert!(why.is_some_and(|why| !why.is_empty()), "{own}");
    }
    assert_eq!(json(&bridge, "/api/v1/projects/acme%2Fapi").await["id"], 28);
    let (_, page) = bridge.get("/projects/27").await;
    for part in [
        "gitlab_commits_total",
        "4,211",
        "statistics.commitCount",
        "state=<bdi>opened</bdi>",
        "href=\"../metrics\"",
    ] {
        assert!(page.contains(part), "{part} is not in {page}");
    }
}

#[tokio::test]
async fn projects_are_found_by_a_part_of_their_path_or_by_their_id() {
    let gitlab = gitlab().await;
    let bridge = polled(&gitlab).await;
    let found = json(&bridge, "/api/v1/projects?q=WEB%20store&unknown=1").await;
    let hit = json!({
        "path": "acme/web/storefront", "id": 27, "gitlab": null, "name": "storefront", "archived": false
    });
    assert_eq!(found["projects"], json!([hit]));
    assert_eq!(
        json(&bridge, "/api/v1/projects?q=28").await["projects"][0]["path"],
        "acme/api"
    );
    let none = json(&bridge, "/api/v1/projects?q=storefornt").await;
    assert_eq!(none["did_you_mean"][0]["path"], "acme/web/storefront");
    let (_, page) = bridge.get("/?q=storefornt").await;
    assert!(page.contains("Did you mean"), "{page}");
    let (_, page) = bridge.get("/?q=%3Cb%3Eodd").await;
    assert!(
        page.contains("&lt;b&gt;odd") && !page.contains("<b>odd"),
        "{page}"
    );
}

#[tokio::test]
async fn names_that_would_do_harm_are_shown_as_text() {
    let gitlab = gitlab().await;
    let bridge = polled(&gitlab).await;
    for path in ["/?q=odd", "/projects/29"] {
        let (_, page) = bridge.get(path).await;
        let shown = "&lt;script&gt;alert(1)&lt;/script&gt;\\u{202e}gnp.exe";
        assert!(page.contains(shown), "{page}");
        assert!(
            !page.contains("<script") && !page.contains('\u{202e}'),
            "{page}"
        );
    }
}

#[tokio::test]
async fn two_gitlabs_with_the_same_id_are_told_apart() {
    let one = gitlab().await;
    let mut world = World::new();
    world.token(AccessToken::new("other-token"));
    world.project_with_id("other/a", 27).commits(7);
    let other = GitLab::start(world).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("bridge.yaml");
    let text = format!(
        "instances:\n  com: {{gitlab: {{url: {}, token_variable: COM}}}}\n  own: {{gitlab: {{url: {}, token_variable: OWN}}}}\n",
        one.url(),
        other.url()
    );
    fs::write(&file, text).unwrap();
    let program = bridge()
        .arg("--config")
        .arg(&file)
        .env("COM", "demo-token")
        .env("OWN", "other-token");
    let bridge = Running::listening(program.args(STILL)).await;
    bridge.wait_for_readiness(StatusCode::OK).await;
    let status = json(&bridge, "/api/v1/status").await;
    let names: Vec<&Value> = status["gitlabs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|own| &own["name"])
        .collect();
    assert_eq!(names, ["com", "own"]);
    let (code, asked) = bridge.get("/api/v1/projects/27").await;
    assert_eq!(code, StatusCode::NOT_FOUND);
    assert!(asked.contains("com and in own"), "{asked}");
    assert_eq!(
        json(&bridge, "/api/v1/projects/27?gitlab=own").await["path"],
        "other/a"
    );
    let (_, page) = bridge.get("/?q=other").await;
    assert!(page.contains("href=\"projects/27?gitlab=own\""), "{page}");
    let sources = status["settings"].as_array().unwrap().iter();
    let mut own = sources.filter(|own| own["gitlab"] == "own");
    assert!(own.any(|own| own["setting"] == "gitlab.token_variable" && own["value"] == "OWN"));
}
