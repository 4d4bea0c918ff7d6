//! `plan`: what polling will cost, with a GitLab at hand and without.

use std::io::Write;

use gitlab_metrics_bridge::simulator::{Fault, GitLab, World};
use jiff::SignedDuration;
use serde_json::Value;

use crate::support::process::{Program, bridge, free_ports};
use crate::support::running::bridge_for;

/// The forecasts for a program.
async fn forecasts(program: Program, arguments: &[&str]) -> Value {
    let program = program.args(["plan", "--format", "json"]).args(arguments);
    let finished = program.finish().await;
    assert_eq!(finished.code(), 0, "{finished:#?}");
    serde_json::from_str(&finished.stdout()).unwrap()
}

/// Projects of which one in ten was active lately, and one in two is archived.
async fn gitlab_of(projects: usize) -> GitLab {
    let mut world = World::at(jiff::Timestamp::now());
    let now = world.now();
    for index in 0..projects {
        let path = format!("group/project-{index}");
        let minutes = if index % 10 == 0 { 30 } else { 3_000 };
        let project = world.project(&path);
        project.created_at(now - SignedDuration::from_hours(9_000));
        project.last_activity_at(now - SignedDuration::from_mins(minutes));
        if index % 2 == 0 {
            project.archived();
        }
    }
    GitLab::start(world).await.unwrap()
}

#[tokio::test]
async fn without_a_gitlab_neither_a_token_nor_an_address_is_needed() {
    let finished = bridge()
        .args(["plan", "--projects", "1240", "--active", "62"])
        .finish()
        .await;
    assert_eq!((finished.code(), finished.stderr().as_str()), (0, ""));
    let stdout = finished.stdout();
    for part in [
        "1,240 projects: 35 requests for the first sweep, about ",
        "fits poll.budget (4,500/h, 90/min), 5,000/h, 15,000/h and 25,000/h\n",
        "\nrecent activity ",
        "\nprice of a subject ",
        "\njobs (off) ",
        "assumed: 62 projects are active in an hour",
    ] {
        assert!(stdout.contains(part), "{part}: {stdout}");
    }
}

#[tokio::test]
async fn the_configured_interval_and_budget_are_judged() {
    let finished = bridge()
        .args(["plan", "--projects", "300", "--active", "50%"])
        .args(["--interval", "15s", "--budget", "600/h,60/m"])
        .finish()
        .await;
    assert_eq!(finished.code(), 0, "{finished:#?}");
    let stdout = finished.stdout();
    let advice = "does not fit poll.budget (600/h, 60/min): set poll.interval to ";
    assert!(stdout.contains(advice), "{stdout}");
}

#[tokio::test]
async fn a_gitlab_is_asked_little_and_tells_how_many_are_there_and_active() {
    let gitlab = gitlab_of(450).await;
    let forecasts = forecasts(bridge_for(gitlab.url()), &[]).await;
    let forecast = &forecasts[0];
    assert_eq!(forecast["surveyed"], true);
    assert_eq!(forecast["projects"], 450);
    assert_eq!(forecast["active_an_hour"], 45.0);
    let requests = gitlab.requests();
    assert!(requests.len() <= 4, "{requests:#?}");
    assert_eq!(forecast["first_sweep"], 15);
}

#[tokio::test]
async fn what_is_not_selected_and_what_is_assumed_instead_is_heeded() {
    let gitlab = gitlab_of(450).await;
    let program = bridge_for(gitlab.url()).env("GITLAB_BRIDGE_ARCHIVED", "false");
    let forecasts = forecasts(program, &["--group", "group", "--active", "90"]).await;
    assert_eq!(forecasts[0]["projects"], 450);
    assert_eq!(forecasts[0]["selected"], 225);
    assert_eq!(forecasts[0]["active_an_hour"], 90.0);
}

#[tokio::test]
async fn named_projects_are_asked_for_by_name() {
    let gitlab = gitlab_of(30).await;
    let names = ["group/project-0", "group/project-1", "group/project-2"];
    let named = names.map(|name| ["--project", name]).concat();
    let forecasts = forecasts(bridge_for(gitlab.url()), &named).await;
    assert_eq!(forecasts[0]["projects"], 3);
    assert_eq!(forecasts[0]["active_an_hour"], 1.0);
}

#[tokio::test]
async fn where_graphql_is_blocked_rest_tells_the_same_and_costs_more() {
    let gitlab = gitlab_of(100).await;
    let blocked = Fault::on("/api/graphql").always();
    gitlab.fault(blocked.body(403, "text/html", "<html>blocked</html>"));
    let forecasts = forecasts(bridge_for(gitlab.url()), &[]).await;
    let forecast = &forecasts[0];
    assert_eq!(forecast["projects"], 100);
    assert_eq!(forecast["active_an_hour"], 10.0);
    assert_eq!(forecast["graphql"], false);
    assert!(forecast["first_sweep"].as_u64() > Some(1_000), "{forecast}");
}

#[tokio::test]
async fn every_configured_gitlab_has_a_forecast() {
    let mut file = tempfile::NamedTempFile::with_suffix(".yaml").unwrap();
    let yaml = "instances:\n  home: {select: {groups: [a]}}\n  cloud: {poll: {interval: 5m}}\n";
    file.write_all(yaml.as_bytes()).unwrap();
    let path = file.path().to_str().unwrap();
    let forecasts = forecasts(
        bridge().env("GITLAB_TOKEN", "any"),
        &["--config", path, "--projects", "10"],
    )
    .await;
    let names = forecasts.as_array().unwrap().iter();
    let names: Vec<_> = names.map(|forecast| &forecast["instance"]).collect();
    assert_eq!(names, ["home", "cloud"]);
}

#[tokio::test]
async fn a_gitlab_that_can_not_be_asked_is_told_with_what_to_do() {
    let [port] = free_ports();
    let url = format!("http://127.0.0.1:{port}");
    let refused = bridge_for(&url).env("GITLAB_BRIDGE_ATTEMPTS", "1");
    let tokenless = bridge().env("GITLAB_URL", &url);
    for (program, code, parts) in [
        (
            refused,
            1,
            &[url.as_str(), "refuses the connection", "GITLAB_URL"][..],
        ),
        (tokenless, 2, &["no token", "GITLAB_TOKEN"]),
    ] {
        let finished = program.arg("plan").finish().await;
        assert_eq!((finished.code(), finished.stdout().as_str()), (code, ""));
        for part in parts.iter().chain(&["--projects"]) {
            assert!(finished.stderr().contains(part), "{part}: {finished:#?}");
        }
    }
}

#[tokio::test]
async fn a_group_that_is_not_there_is_told() {
    let gitlab = gitlab_of(3).await;
    let program = bridge_for(gitlab.url()).args(["plan", "--group", "nope"]);
    let finished = program.finish().await;
    assert_eq!(finished.code(), 1, "{finished:#?}");
    assert!(
        finished.stderr().contains("Check the path"),
        "{finished:#?}"
    );
}
