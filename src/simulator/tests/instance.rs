//! The instance: runners, licence, totals and tokens, and who may know of them.

use jiff::{SignedDuration, Timestamp};

use super::*;

fn ago(hours: i64) -> Timestamp {
    World::new().now() - SignedDuration::from_hours(hours)
}

fn administrator(world: &mut World) {
    world.token(AccessToken::new(DEMO_TOKEN).administrator());
}

fn with_runners(world: &mut World) {
    world.project("top/sub/a");
    world.project("other/b");
    let old = ago(2_000);
    world
        .runner("online")
        .tags(&["linux", "docker"])
        .busy(true)
        .jobs(5_000);
    world.runner("offline").created_at(old).contacted_at(ago(3));
    world
        .runner("stale")
        .created_at(old)
        .contacted_at(ago(8 * 24));
    world.runner("new").never_contacted();
    world.group_runner("top", "group").paused(true);
    world
        .group_runner("top/sub", "subgroup")
        .managers(&["18.8.0", "18.7.1"]);
    world.project_runner("top/sub/a", "project");
    world.project_runner("other/b", "elsewhere");
}

/// The descriptions of a list of runners.
fn names(list: &Value) -> Vec<&str> {
    let nodes = list.as_array().unwrap().iter();
    nodes
        .map(|node| node["description"].as_str().unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn runners_are_counted_by_status_type_and_pause_for_administrators_alone() {
    let inside = Inside::of(with_runners);
    let query = "{ online: runners(status: ONLINE, first: 1) { count }
        offline: runners(status: OFFLINE, first: 1) { count }
        stale: runners(status: STALE, first: 1) { count }
        never: runners(status: NEVER_CONTACTED, first: 1) { count }
        paused: runners(paused: true, first: 1) { count }
        project: runners(type: PROJECT_TYPE, first: 1) { count } }";
    let answer = inside.graphql(query, Value::Null).await;
    assert_eq!(answer["data"]["online"], Value::Null);
    assert_eq!(inside.get("runners/all").await.status(), 403);
    inside.0.edit(administrator);
    let answer = inside.graphql(query, Value::Null).await;
    let names = ["online", "offline", "stale", "never", "paused", "project"];
    let counts = names.map(|name| answer["data"][name]["count"].clone());
    assert_eq!(counts, [5, 1, 1, 1, 1, 2]);
    let online = inside.get("runners/all?status=online&per_page=1").await;
    assert_eq!(text(&online, "x-total"), Some("5"));
    // Old versions wait three months before they call a runner stale.
    inside.0.edit(|world| world.version(Version::V16_0));
    let answer = inside.graphql(query, Value::Null).await;
    assert_eq!(answer["data"]["offline"]["count"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_runner_tells_its_tags_machines_and_whether_it_works() {
    let inside = Inside::of(|world| {
        with_runners(world);
        administrator(world);
    });
    let query =
        "{ runners { nodes { id description status jobExecutionStatus jobCount tagList contactedAt
        managers(first: 10) { count nodes { version status systemId } } } } }";
    let answer = inside.graphql(query, Value::Null).await;
    let nodes = &answer["data"]["runners"]["nodes"];
    let online = &nodes[7];
    assert_eq!(online["id"], "gid://gitlab/Ci::Runner/1");
    assert_eq!(online["tagList"], json!(["linux", "docker"]));
    assert_eq!(online["jobExecutionStatus"], "ACTIVE");
    assert_eq!(online["jobCount"], 1_001);
    assert_eq!(online["contactedAt"], "2026-01-01T00:00:00Z");
    let managers = &nodes[2]["managers"];
    assert_eq!(managers["count"], 2);
    assert_eq!(managers["nodes"][1]["version"], "18.7.1");
    assert_eq!(nodes[4]["contactedAt"], Value::Null);
    inside.0.edit(|world| world.version(Version::V16_0));
    let old = "{ runners { nodes { version jobExecutionStatus } } }";
    let answer = inside.graphql(old, Value::Null).await;
    let expected = json!({ "version": "18.8.0", "jobExecutionStatus": "RUNNING" });
    assert_eq!(answer["data"]["runners"]["nodes"][7], expected);
}

#[tokio::test(start_paused = true)]
async fn a_group_lists_its_runners_to_those_who_maintain_it() {
    let inside = Inside::of(with_runners);
    let query = "{ group(fullPath: \"top/sub\") {
        direct: runners(membership: DIRECT) { nodes { description } }
        default: runners { nodes { description } }
        available: runners(membership: ALL_AVAILABLE) { nodes { description } } } }";
    let answer = inside.graphql(query, Value::Null).await;
    assert_eq!(answer["data"]["group"]["direct"], Value::Null);
    assert_eq!(answer["errors"], Value::Null);
    assert_eq!(inside.get("groups/top/runners").await.status(), 403);
    inside
        .0
        .edit(|world| world.group_role("top", Role::Maintainer));
    let answer = inside.graphql(query, Value::Null).await;
    let group = &answer["data"]["group"];
    assert_eq!(names(&group["direct"]["nodes"]), ["subgroup"]);
    assert_eq!(names(&group["default"]["nodes"]), ["project", "subgroup"]);
    let available = [
        "project", "subgroup", "group", "new", "stale", "offline", "online",
    ];
    assert_eq!(names(&group["available"]["nodes"]), available);
    let usable = inside.rest("groups/top%2Fsub/runners").await;
    assert_eq!(names(&usable), available[1..]);
    inside.0.edit(|world| world.version(Version::V16_0));
    let answer = inside.graphql(query, Value::Null).await;
    assert_eq!(answer["data"]["group"]["direct"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_project_lists_shared_runners_too_and_a_user_the_own_ones() {
    let inside = Inside::of(with_runners);
    let query = "{ project(fullPath: \"top/sub/a\") { runners { nodes { description } } }
        currentUser { runners { nodes { description } } } }";
    let answer = inside.graphql(query, Value::Null).await;
    assert_eq!(answer["data"]["project"]["runners"], Value::Null);
    assert_eq!(answer["data"]["currentUser"]["runners"]["nodes"], json!([]));
    assert_eq!(inside.get("projects/1/runners").await.status(), 403);
    inside.0.edit(|world| {
        world.project("top/sub/a").role(Role::Maintainer);
        world.group_role("top/sub", Role::Owner);
    });
    let answer = inside.graphql(query, Value::Null).await;
    let shared = [
        "project", "subgroup", "group", "new", "stale", "offline", "online",
    ];
    let project = &answer["data"]["project"]["runners"]["nodes"];
    assert_eq!(names(project), shared);
    assert_eq!(names(&inside.rest("projects/1/runners").await), shared);
    let own = ["project", "subgroup"];
    assert_eq!(
        names(&answer["data"]["currentUser"]["runners"]["nodes"]),
        own
    );
    let listed = inside.rest("runners?type=group_type").await;
    assert_eq!(names(&listed), ["subgroup"]);
    assert_eq!(listed[0]["status"], "online");
    assert!(listed[0].get("contacted_at").is_none());
    let id = listed[0]["id"].as_u64().unwrap();
    let one = inside.rest(&format!("runners/{id}")).await;
    assert_eq!(one["version"], "18.8.0");
}

#[tokio::test(start_paused = true)]
async fn the_totals_of_the_instance_are_those_of_the_last_night() {
    let inside = Inside::of(|world| {
        world.project("top/a").issues(3, 4);
    });
    let query = "{ issues: usageTrendsMeasurements(identifier: ISSUES, first: 1) { nodes { count recordedAt } }
        groups: usageTrendsMeasurements(identifier: GROUPS, first: 1) { nodes { count } } }";
    let answer = inside.graphql(query, Value::Null).await;
    assert_eq!(answer["data"]["issues"], Value::Null);
    inside.0.edit(administrator);
    let told = async || inside.graphql(query, Value::Null).await["data"].clone();
    let mut random = fastrand::Rng::with_seed(1);
    inside
        .0
        .edit(|world| world.happen(Duration::from_millis(1), &mut random));
    let last_night = json!([{ "count": 7, "recordedAt": "2025-12-31T23:50:00Z" }]);
    assert_eq!(told().await["issues"]["nodes"], last_night);
    assert_eq!(told().await["groups"]["nodes"], json!([{ "count": 1 }]));
    inside.events("top/a", |events| {
        events.open_issue();
    });
    pass(60).await;
    assert_eq!(told().await["issues"]["nodes"], last_night);
    pass(23 * 60).await;
    inside
        .0
        .edit(|world| world.happen(Duration::from_millis(1), &mut random));
    let tonight = json!([{ "count": 8, "recordedAt": "2026-01-01T23:50:00Z" }]);
    assert_eq!(told().await["issues"]["nodes"], tonight);
}

#[tokio::test(start_paused = true)]
async fn application_statistics_are_texts_with_commas_and_guessed_when_large() {
    let inside = Inside::of(|world| {
        world.project("top/a").issues(1_234, 0);
        let merged = MergeRequests {
            merged: 1_234_567,
            ..Default::default()
        };
        world.project("top/b").merge_requests(merged);
    });
    assert_eq!(inside.get("application/statistics").await.status(), 403);
    inside.0.edit(administrator);
    let told = inside.rest("application/statistics").await;
    assert_eq!(told["issues"], "1,234");
    assert_eq!(told["merge_requests"], "1,234,500");
    assert_eq!(told["projects"], "2");
}

#[tokio::test(start_paused = true)]
async fn the_licence_is_for_administrators_of_the_enterprise_edition() {
    let inside = Inside::of(|world| {
        let license = License::new("ultimate", 100, 120);
        world.license(Some(license.expires_at(Some("2026-06-30"))));
    });
    let query = "{ currentLicense { plan type expiresAt usersInLicenseCount billableUsersCount usersOverLicenseCount }
        licenseHistoryEntries(first: 1) { nodes { plan } } }";
    let answer = inside.graphql(query, Value::Null).await;
    assert_eq!(answer["data"]["currentLicense"], Value::Null);
    assert_eq!(answer["data"]["licenseHistoryEntries"], Value::Null);
    assert_eq!(inside.get("license").await.status(), 403);
    inside.0.edit(administrator);
    let answer = inside.graphql(query, Value::Null).await;
    let expected = json!({
        "plan": "ultimate", "type": "legacy_license", "expiresAt": "2026-06-30",
        "usersInLicenseCount": 100, "billableUsersCount": 120, "usersOverLicenseCount": 20,
    });
    assert_eq!(answer["data"]["currentLicense"], expected);
    let body = inside.rest("license").await;
    assert_eq!(
        (&body["user_limit"], &body["active_users"]),
        (&json!(100), &json!(120))
    );
    inside.0.edit(|world| world.license(None));
    let answer = inside.graphql(query, Value::Null).await;
    assert_eq!(answer["data"]["currentLicense"], Value::Null);
    inside.0.edit(|world| world.community_edition(true));
    let answer = inside.graphql(query, Value::Null).await;
    let lacking = &answer["errors"][0]["extensions"]["fieldName"];
    assert_eq!(lacking, "currentLicense");
    assert_eq!(inside.get("license").await.status(), 404);
}

#[tokio::test(start_paused = true)]
async fn tokens_tell_when_they_end_to_those_who_may_know() {
    let inside = Inside::of(|world| {
        world.token(AccessToken::new(DEMO_TOKEN).expires_at("2026-02-01"));
        world.token(AccessToken::new("root").administrator());
        world.project_token("top/a", "deploy", Some("2026-01-09"));
        world.project_token("top/a", "past", Some("2025-12-31"));
        world.project_token("top/a", "gone", None).revoked();
        world.group_token("top", "robot", Some("2026-03-01"));
    });
    let own = inside.rest("personal_access_tokens/self").await;
    assert_eq!(own["expires_at"], "2026-02-01");
    let listed = inside.rest("personal_access_tokens?state=active").await;
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(inside.get("projects/1/access_tokens").await.status(), 401);
    assert_eq!(inside.get("groups/top/access_tokens").await.status(), 401);
    inside.0.edit(|world| {
        world.project("top/a").role(Role::Maintainer);
        world.group_role("top", Role::Owner);
    });
    let all = inside.rest("projects/1/access_tokens").await;
    let active = |index: usize| all[index]["active"].as_bool().unwrap();
    assert_eq!([0, 1, 2].map(active), [true, false, false]);
    let active = inside.rest("projects/1/access_tokens?state=active").await;
    assert_eq!(active.as_array().unwrap().len(), 1);
    assert_eq!(active[0]["expires_at"], "2026-01-09");
    let robots = inside.rest("groups/top/access_tokens").await;
    assert_eq!(robots[0]["name"], "robot");
}

#[tokio::test(start_paused = true)]
async fn the_metadata_tells_of_the_version_and_its_agents() {
    let inside = Inside::of(|_| {});
    let query = "{ metadata { version revision enterprise kas { enabled version } } }";
    let answer = inside.graphql(query, Value::Null).await;
    let kas = json!({ "enabled": false, "version": null });
    assert_eq!(answer["data"]["metadata"]["kas"], kas);
}
