//! Jobs of a pipeline, of a project and of the instance.

use super::*;

fn with_jobs(count: usize) -> Inside {
    Inside::of(|world| {
        for runner in ["one", "two", "three"] {
            world.runner(runner);
        }
        for path in ["group/a", "group/b"] {
            world.project(path);
            world.events(path).run_pipeline(|p| {
                for number in 0..count {
                    p.job(&format!("job-{number}"), "test").tags(&["linux"]);
                }
                p
            });
        }
    })
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_of_101_jobs_takes_two_pages() {
    let inside = with_jobs(101);
    let query = r#"query J($after: String) { project(fullPath: "group/a") { pipeline(iid: 1) {
        jobs(first: 200, after: $after) { nodes { id } pageInfo { hasNextPage endCursor } } } } }"#;
    let page = async |after: &Value| {
        let answer = inside.graphql(query, json!({ "after": after })).await;
        answer["data"]["project"]["pipeline"]["jobs"].clone()
    };
    let first = page(&Value::Null).await;
    assert_eq!(first["nodes"].as_array().unwrap().len(), 100);
    assert_eq!(first["nodes"][0]["id"], "gid://gitlab/Ci::Build/101");
    let second = page(&first["pageInfo"]["endCursor"]).await;
    assert_eq!(
        second["nodes"],
        json!([{ "id": "gid://gitlab/Ci::Build/1" }])
    );
    assert_eq!(second["pageInfo"]["hasNextPage"], false);
}

#[tokio::test(start_paused = true)]
async fn jobs_are_chosen_by_status_kind_and_attempt() {
    let inside = with_jobs(3);
    inside.events("group/a", |events| {
        events.fail_job(1, "job-0", FailureReason::StuckOrTimeoutFailure);
        events.retry_job(1, "job-0");
        events.start_job(1, "job-1");
    });
    let names = async |arguments: &str| {
        let query = format!(
            "{{ project(fullPath: \"group/a\") {{ pipeline(iid: 1) {{ jobs({arguments}) {{ nodes {{ name failureMessage tags runner {{ id }} }} }} }} }} }}"
        );
        let answer = inside.graphql(&query, Value::Null).await;
        answer["data"]["project"]["pipeline"]["jobs"]["nodes"].clone()
    };
    let old = names("retried: true").await;
    assert_eq!((&old[0]["name"], &old[1]), (&json!("job-0"), &Value::Null));
    let text = old[0]["failureMessage"].as_str().unwrap();
    assert!(
        text.starts_with("There has been a timeout failure"),
        "{text}"
    );
    let running = names("statuses: [RUNNING]").await;
    assert_eq!(running[0]["name"], "job-1");
    assert!(running[0]["runner"]["id"].is_string());
    assert_eq!(running[0]["tags"], json!(["linux"]));
    assert_eq!(names("jobKind: BRIDGE").await, json!([]));
    assert_eq!(
        names("statuses: [PENDING], first: 1").await[0]["name"],
        "job-0"
    );
    let rest = inside.rest("projects/1/pipelines/1/jobs").await;
    assert_eq!(rest.as_array().unwrap().len(), 3);
    let path = "projects/1/pipelines/1/jobs?include_retried=true&scope[]=failed";
    let failed = inside.rest(path).await;
    assert_eq!(failed[0]["failure_reason"], "stuck_or_timeout_failure");
    assert_eq!(failed[1], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn jobs_of_projects_come_for_one_project_a_request() {
    let inside = with_jobs(1);
    let query = "{ projects { nodes { jobs { nodes { name } } } } }";
    let answer = inside.graphql(query, Value::Null).await;
    let message = "\"jobs\" field can be requested only for 1 Project(s) at a time.";
    assert_eq!(answer["errors"][0]["message"], message);
}

#[tokio::test(start_paused = true)]
async fn jobs_of_a_project_over_rest_have_keysets_and_a_limit_of_their_own() {
    let inside = with_jobs(3);
    let page = inside
        .get("projects/1/jobs?pagination=keyset&per_page=2")
        .await;
    let link = text(&page, "link").unwrap();
    let next = link
        .split_once("/api/v4/")
        .unwrap()
        .1
        .split_once('>')
        .unwrap()
        .0;
    assert_eq!(text(&page, "x-total"), None);
    let rest = inside.rest(next).await;
    assert_eq!((&rest[0]["id"], &rest[1]), (&json!(1), &Value::Null));
    let mut refused = 0;
    for _ in 0..600 {
        refused += u64::from(inside.get("projects/1/jobs?per_page=1").await.status() == 429);
    }
    assert_eq!(refused, 2);
    assert_eq!(
        inside.get("projects/1/pipelines/1/jobs").await.status(),
        200
    );
}

#[tokio::test(start_paused = true)]
async fn too_many_rows_in_a_request_time_out() {
    let inside = with_jobs(100);
    let query = "query J($n: Int) { projects { nodes { pipelines { nodes { jobs(first: $n) { nodes { id } } } } } } }";
    inside
        .0
        .edit(|world| world.row_cost(Duration::from_millis(200), Duration::from_secs(30)));
    assert_eq!(
        inside
            .send(query, json!({ "n": 50 }))
            .await
            .unwrap()
            .status(),
        200
    );
    assert_eq!(
        inside
            .send(query, json!({ "n": 100 }))
            .await
            .unwrap()
            .status(),
        503
    );
    inside.0.edit(World::recover);
    assert_eq!(
        inside
            .send(query, json!({ "n": 100 }))
            .await
            .unwrap()
            .status(),
        200
    );
}

#[tokio::test(start_paused = true)]
async fn jobs_of_the_instance_are_for_administrators_and_others_get_an_empty_list() {
    let inside = with_jobs(600);
    let query =
        "{ jobs(statuses: [PENDING], first: 1) { count nodes { id tags project { fullPath } } } }";
    let answer = inside.graphql(query, Value::Null).await;
    assert_eq!(answer["data"]["jobs"], json!({ "count": 0, "nodes": [] }));
    inside
        .0
        .edit(|world| world.token(AccessToken::new(DEMO_TOKEN).administrator()));
    let answer = inside.graphql(query, Value::Null).await;
    assert_eq!(answer["data"]["jobs"]["count"], 1_001);
    let newest = json!({ "id": "gid://gitlab/Ci::Build/1200", "tags": ["linux"], "project": { "fullPath": "group/b" } });
    assert_eq!(answer["data"]["jobs"]["nodes"], json!([newest]));
}

#[tokio::test(start_paused = true)]
async fn jobs_of_a_project_over_rest_are_never_counted_and_hold_all_attempts() {
    let inside = with_jobs(2);
    inside.events("group/a", |events| {
        events.fail_job(1, "job-0", FailureReason::ScriptFailure);
        events.retry_job(1, "job-0");
    });
    let all = inside.get("projects/1/jobs?per_page=2").await;
    assert_eq!(
        (text(&all, "x-total"), text(&all, "x-next-page")),
        (None, Some("2"))
    );
    let failed = inside
        .rest("projects/1/jobs?scope[]=failed&scope[]=success")
        .await;
    assert_eq!((&failed[0]["id"], &failed[1]), (&json!(1), &Value::Null));
}
