//! Environments and deployments, as GitLab's rules have them.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn deployed() -> Inside {
    Inside::of(|world| {
        let project = world.project("group/a");
        project.environment("production", Tier::Production);
        world
            .project("group/b")
            .environment("production", Tier::Production);
    })
}

async fn seconds(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

const NAMED: &str = r#"query Named($name: String!) { projects(sort: "id_asc") { nodes { environment(name: $name) {
    name state tier environmentType
    ok: lastDeployment(status: SUCCESS) { iid ref createdAt finishedAt job { name } }
    bad: lastDeployment(status: FAILED) { iid }
    now: lastDeployment(status: RUNNING) { iid } } } } }"#;

#[tokio::test(start_paused = true)]
async fn a_job_deploys_and_named_environments_tell_of_it_in_many_projects_at_once() {
    let inside = deployed();
    inside.events("group/a", |events| {
        events.run_pipeline(|p| {
            p.job("ship", "deploy")
                .takes(30 * SECOND)
                .deploys_to("production")
        });
    });
    let read = async || {
        let answer = inside.graphql(NAMED, json!({ "name": "production" })).await;
        assert_eq!(answer["errors"], Value::Null);
        answer["data"]["projects"]["nodes"].clone()
    };
    seconds(10).await;
    let nodes = read().await;
    assert_eq!(nodes[0]["environment"]["now"], json!({ "iid": "1" }));
    assert_eq!(nodes[0]["environment"]["ok"], Value::Null);
    assert_eq!(nodes[1]["environment"]["tier"], "PRODUCTION");
    seconds(30).await;
    let ok = json!({ "iid": "1", "ref": "main", "createdAt": "2026-01-01T00:00:00Z",
                     "finishedAt": "2026-01-01T00:00:30Z", "job": { "name": "ship" } });
    assert_eq!(read().await[0]["environment"]["ok"], ok);
    let missing = inside.graphql(NAMED, json!({ "name": "staging" })).await;
    assert_eq!(
        missing["data"]["projects"]["nodes"][0]["environment"],
        Value::Null
    );
}

#[tokio::test(start_paused = true)]
async fn gitlab_guesses_the_tier_from_the_name_and_sees_folders() {
    let inside = deployed();
    inside.events("group/a", |events| {
        for name in ["prod-eu", "staging", "qa", "review/topic", "elsewhere"] {
            events.deploy(name, DeploymentStatus::Success);
        }
        events.stop_environment("qa");
    });
    let rows = inside.rest("projects/1/environments").await;
    let tiers: Vec<&str> = rows.as_array().unwrap()[1..]
        .iter()
        .map(|row| row["tier"].as_str().unwrap())
        .collect();
    assert_eq!(
        tiers,
        ["production", "staging", "testing", "development", "other"]
    );
    let stopped = inside.rest("projects/1/environments?states=stopped").await;
    assert_eq!(
        (&stopped[0]["name"], &stopped[1]),
        (&json!("qa"), &Value::Null)
    );
    let query = r#"{ project(fullPath: "group/a") { environments(type: "review") { nodes { name environmentType } } } }"#;
    let answer = inside.graphql(query, Value::Null).await;
    let found = json!([{ "name": "review/topic", "environmentType": "review" }]);
    assert_eq!(answer["data"]["project"]["environments"]["nodes"], found);
    assert_eq!(
        inside
            .get("projects/1/environments?search=pr")
            .await
            .status(),
        400
    );
    let found = inside.rest("projects/1/environments?search=prod").await;
    assert_eq!(found.as_array().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn deployments_over_rest_take_times_only_with_their_order() {
    let inside = deployed();
    inside.events("group/a", |events| {
        events.deploy("production", DeploymentStatus::Success);
        events.deploy("production", DeploymentStatus::Failed);
    });
    let since = "2026-01-01T00:00:00Z";
    let status = async |query: String| {
        inside
            .get(&format!("projects/1/deployments?{query}"))
            .await
            .status()
    };
    for refused in [
        format!("updated_after={since}"),
        format!("updated_after={since}&order_by=finished_at"),
        format!("finished_after={since}&status=success"),
        format!("finished_after={since}&order_by=finished_at"),
        format!("finished_after={since}&updated_after={since}&order_by=finished_at&status=success"),
    ] {
        assert_eq!(status(refused.clone()).await, 400, "{refused}");
    }
    assert_eq!(
        status(format!(
            "finished_after={since}&order_by=finished_at&status=success"
        ))
        .await,
        200
    );
    let rows = inside
        .rest(&format!(
            "projects/1/deployments?updated_after={since}&order_by=updated_at&sort=asc"
        ))
        .await;
    assert_eq!(
        (&rows[0]["id"], &rows[1]["id"]),
        (&json!(1), &json!(2)),
        "ids decide"
    );
    assert_eq!(rows[0].get("finished_at"), None);
    assert_eq!(rows[0]["environment"].get("tier"), None);
    assert_eq!(
        rows[0]["deployable"],
        Value::Null,
        "it was made over the API"
    );
}

#[tokio::test(start_paused = true)]
async fn pages_of_changed_deployments_shift_while_rows_change() {
    let inside = deployed();
    inside.events("group/a", |events| {
        for _ in 0..4 {
            events.deploy("production", DeploymentStatus::Running);
        }
    });
    let page = async |number: u64| {
        let path =
            format!("projects/1/deployments?order_by=updated_at&sort=asc&per_page=2&page={number}");
        let rows = inside.rest(&path).await;
        let ids = rows
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["id"].as_u64().unwrap());
        ids.collect::<Vec<u64>>()
    };
    assert_eq!(page(1).await, [1, 2]);
    seconds(1).await;
    inside.events("group/a", |events| {
        events.set_deployment(1, DeploymentStatus::Success);
    });
    // The third has moved to the page that was read before.
    assert_eq!(page(2).await, [4, 1]);
}

#[tokio::test(start_paused = true)]
async fn the_first_deployment_links_all_that_was_merged_before_and_failures_link_nothing() {
    let inside = deployed();
    let at = async |hour: u64| {
        seconds(3_600 * hour).await;
        inside.events("group/a", |events| {
            events.open_merge_request().merge_merge_request();
        });
    };
    at(1).await;
    at(1).await;
    inside.events("group/a", |events| {
        events.deploy("production", DeploymentStatus::Failed);
        events.deploy("review/x", DeploymentStatus::Success);
    });
    seconds(60).await;
    inside.events("group/a", |events| {
        events.deploy("production", DeploymentStatus::Success);
    });
    at(1).await;
    inside.events("group/a", |events| {
        events.deploy("production", DeploymentStatus::Success);
        events.deploy("staging", DeploymentStatus::Success);
    });
    let linked = async |id: u64| {
        let rows = inside
            .rest(&format!("projects/1/deployments/{id}/merge_requests"))
            .await;
        rows.as_array().unwrap().len()
    };
    let of = [
        linked(1).await,
        linked(2).await,
        linked(3).await,
        linked(4).await,
        linked(5).await,
    ];
    assert_eq!(of, [0, 0, 2, 1, 3]);
    let ledger = inside.0.read(|world| world.ledger().clone());
    assert_eq!(
        ledger.shipped().with("environment", "production").count(),
        3
    );
    assert_eq!(ledger.shipped().with("environment", "staging").count(), 3);
    assert_eq!(ledger.deployments().with("tier", "production").count(), 3);
    assert_eq!(ledger.merge_requests().status("merged").count(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_retried_deployment_job_is_a_new_deployment_with_the_next_number() {
    let inside = deployed();
    let mut id = 0;
    inside.events("group/a", |events| {
        id = events.run_pipeline(|p| {
            p.job("ship", "deploy")
                .takes(10 * SECOND)
                .deploys_to("production");
            p.fails(FailureReason::ScriptFailure)
        });
    });
    seconds(20).await;
    inside.events("group/a", |events| {
        events.retry(id);
    });
    seconds(20).await;
    let query = r#"{ project(fullPath: "group/a") { a: deployment(iid: 1) { status } b: deployment(iid: "2") { status finishedAt }
        c: deployment(iid: 3) { status } } }"#;
    let answer = inside.graphql(query, Value::Null).await;
    let found = json!({ "a": { "status": "FAILED" }, "b": { "status": "SUCCESS", "finishedAt": "2026-01-01T00:00:30Z" }, "c": null });
    assert_eq!(answer["data"]["project"], found);
    let one = inside.rest("projects/1/environments/1001").await;
    assert_eq!(one["last_deployment"]["deployable"]["name"], "ship");
    let last = one["last_deployment"]["deployable"]["finished_at"].clone();
    assert_eq!(last, "2026-01-01T00:00:30.000Z");
}

#[tokio::test(start_paused = true)]
async fn environments_of_several_projects_come_in_one_list_of_queries() {
    let inside = deployed();
    let one = |name: &str, path: &str| {
        let query = format!(
            "query {name}($path: ID!) {{ project(fullPath: $path) {{ environments {{ nodes {{ name }} }} }} }}"
        );
        json!({ "query": query, "variables": { "path": path } })
    };
    let send = async |body: Value| {
        let address = format!("{}/api/graphql", inside.0.url());
        let answer = inside
            .ask(http::Request::post(address), body.to_string())
            .await
            .unwrap();
        serde_json::from_slice::<Value>(answer.body()).unwrap()
    };
    let names = |answer: &Value| answer["data"]["project"]["environments"]["nodes"].clone();
    let both = send(json!([one("A", "group/a"), one("B", "group/b")])).await;
    assert_eq!(names(&both[0]), names(&both[1]));
    assert!(names(&both[1]).is_array());
    // One text counts once, whatever its variables.
    let same = send(json!([one("A", "group/a"), one("A", "group/b")])).await;
    assert_eq!(
        (names(&same[0]).is_array(), names(&same[1])),
        (true, Value::Null)
    );
    inside.0.edit(|world| world.version(Version::V16_0));
    let old = send(json!([one("A", "group/a"), one("B", "group/b")])).await;
    assert_eq!(
        names(&old[1]),
        Value::Null,
        "an old server counts over the whole list"
    );
    inside.0.edit(|world| world.version(Version::V18_8));
    let many: Vec<Value> = (0..9).map(|n| one(&format!("Q{n}"), "group/a")).collect();
    let score = score(many[0]["query"].as_str().unwrap(), &Value::Null).unwrap();
    let enough = 250 / score as usize;
    let dear: Vec<Value> = (0..=enough)
        .map(|n| one(&format!("Q{n}"), "group/a"))
        .collect();
    let refused = send(json!(dear)).await;
    let message = refused[0]["errors"][0]["message"].as_str().unwrap();
    assert!(
        message.contains("exceeds max complexity of 250"),
        "{message}"
    );
}
