//! Pipelines and jobs, as GitLab's rules have them.

use super::*;

const SECOND: Duration = Duration::from_secs(1);

const PIPELINES: &str = r#"query Pipelines($source: String, $scope: PipelineScopeEnum, $status: PipelineStatusEnum,
    $ref: String, $since: Time, $first: Int, $after: String) {
  project(fullPath: "group/a") {
    pipelines(source: $source, scope: $scope, status: $status, ref: $ref, updatedAfter: $since, first: $first, after: $after) {
      count
      nodes { id iid status ref refPath source createdAt startedAt finishedAt updatedAt duration queuedDuration coverage totalJobs failedJobsCount }
      pageInfo { hasNextPage endCursor }
    }
  }
}"#;

async fn pipelines(inside: &Inside, variables: Value) -> Value {
    let answer = inside.graphql(PIPELINES, variables).await;
    assert_eq!(answer["errors"], Value::Null, "{answer}");
    answer["data"]["project"]["pipelines"].clone()
}

fn ids(page: &Value) -> Vec<u64> {
    let nodes = page["nodes"].as_array().unwrap().iter();
    let number = |node: &Value| {
        node["id"]
            .as_str()
            .unwrap()
            .rsplit('/')
            .next()
            .unwrap()
            .parse()
    };
    nodes.map(|node| number(node).unwrap()).collect()
}

fn project_a() -> Inside {
    Inside::of(|world| {
        world.project("group/a");
    })
}

async fn seconds(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}

#[tokio::test(start_paused = true)]
async fn a_pipeline_runs_as_planned_while_time_passes() {
    let inside = project_a();
    inside.events("group/a", |events| {
        events.run_pipeline(|p| {
            p.on("main")
                .job("compile", "build")
                .waits(5 * SECOND)
                .takes(30 * SECOND);
            p.job("unit", "test").takes(20 * SECOND).coverage(80.5)
        });
    });
    let mut seen = Vec::new();
    for step in [0, 5, 30, 20] {
        seconds(step).await;
        let page = pipelines(&inside, json!({})).await;
        let node = &page["nodes"][0];
        seen.push((node["status"].clone(), node["updatedAt"].clone()));
    }
    let time = |text: &str| json!(format!("2026-01-01T00:00:{text}Z"));
    let expected = [
        (json!("PENDING"), time("00")),
        (json!("RUNNING"), time("05")),
        // A job has ended and the next has begun, which moves no row.
        (json!("RUNNING"), time("05")),
        (json!("SUCCESS"), time("55")),
    ];
    assert_eq!(seen, expected);
    let page = pipelines(&inside, json!({})).await;
    let node = &page["nodes"][0];
    assert_eq!(node["startedAt"], time("05"));
    assert_eq!(node["finishedAt"], time("55"));
    assert_eq!(
        (&node["duration"], &node["queuedDuration"]),
        (&json!(50), &json!(5))
    );
    assert_eq!(node["coverage"], 80.5);
    assert_eq!(
        (&node["totalJobs"], &node["failedJobsCount"]),
        (&json!(2), &json!(0))
    );
}

#[tokio::test(start_paused = true)]
async fn what_ends_is_in_the_ledger_to_the_millisecond() {
    let inside = project_a();
    inside.events("group/a", |events| {
        events.run_pipeline(|p| {
            p.job("lint", "test")
                .waits(1500 * SECOND / 1000)
                .takes(2250 * SECOND / 1000);
            p.fails(FailureReason::RunnerSystemFailure)
                .job("deploy", "deploy")
        });
    });
    seconds(10).await;
    let ledger = inside.0.read(|world| world.ledger().clone());
    let start = World::new().now();
    let jobs: Vec<Entry> = ledger.jobs().of(1).iter().cloned().collect();
    assert_eq!(jobs.len(), 1, "the job behind the failed one was skipped");
    assert_eq!(jobs[0].status, "failed");
    assert_eq!(jobs[0].at, start + Duration::from_millis(3_750));
    assert_eq!(jobs[0].duration, Some(Duration::from_millis(2_250)));
    assert_eq!(jobs[0].queued, Some(Duration::from_millis(1_500)));
    assert_eq!(
        jobs[0].attribute("failure_reason"),
        Some("runner_system_failure")
    );
    assert_eq!(jobs[0].attribute("stage"), Some("test"));
    let failed = ledger.pipelines().status("failed").since(start);
    assert_eq!(failed.with("ref", "main").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_retry_is_a_new_job_and_the_pipeline_keeps_its_finish_until_it_ends_again() {
    let inside = project_a();
    let mut id = 0;
    inside.events("group/a", |events| {
        id = events.run_pipeline(|p| {
            p.job("unit", "test")
                .waits(SECOND)
                .takes(9 * SECOND)
                .fails(FailureReason::ScriptFailure);
            p.job("ship", "deploy").takes(10 * SECOND)
        });
    });
    seconds(60).await;
    inside.events("group/a", |events| {
        events.retry(id);
    });
    let page = pipelines(&inside, json!({})).await;
    let node = &page["nodes"][0];
    assert_eq!(node["status"], "PENDING");
    assert_eq!(node["finishedAt"], "2026-01-01T00:00:10Z");
    assert_eq!(
        (&node["duration"], &node["totalJobs"]),
        (&Value::Null, &json!(3))
    );
    seconds(5).await;
    assert_eq!(
        pipelines(&inside, json!({})).await["nodes"][0]["startedAt"],
        "2026-01-01T00:00:01Z"
    );
    seconds(55).await;
    let page = pipelines(&inside, json!({})).await;
    assert_eq!(page["nodes"][0]["finishedAt"], "2026-01-01T00:01:20Z");
    let query = r#"{ project(fullPath: "group/a") { pipeline(iid: "1") { jobs { count nodes { id name retried status failureMessage exitCode } } } } }"#;
    let answer = inside.graphql(query, Value::Null).await;
    let jobs = &answer["data"]["project"]["pipeline"]["jobs"];
    assert_eq!(jobs["count"], 3);
    let attempts = jobs["nodes"].as_array().unwrap().iter();
    let attempts: Vec<_> = attempts
        .map(|job| (job["id"].clone(), job["retried"].clone()))
        .collect();
    let id = |number: u64| json!(format!("gid://gitlab/Ci::Build/{number}"));
    let expected = [
        (id(3), json!(false)),
        (id(2), json!(false)),
        (id(1), json!(true)),
    ];
    assert_eq!(attempts, expected);
    assert_eq!(
        jobs["nodes"][2]["failureMessage"],
        Value::Null,
        "a failed script has no text"
    );
    let ledger = inside.0.read(|world| world.ledger().clone());
    assert_eq!(ledger.pipelines().count(), 2);
    assert_eq!(ledger.jobs().with("name", "unit").count(), 2);
}

#[tokio::test(start_paused = true)]
async fn pages_go_by_id_while_new_pipelines_arrive() {
    let inside = project_a();
    inside.events("group/a", |events| {
        for _ in 0..5 {
            events.create_pipeline(PipelineStatus::Success);
        }
    });
    let first = pipelines(&inside, json!({ "first": 2 })).await;
    assert_eq!(ids(&first), [5, 4]);
    inside.events("group/a", |events| {
        events
            .create_pipeline(PipelineStatus::Success)
            .delete_pipeline(4);
    });
    let after = &first["pageInfo"]["endCursor"];
    let second = pipelines(&inside, json!({ "first": 2, "after": after })).await;
    assert_eq!(ids(&second), [3, 2]);
    assert_eq!(second["pageInfo"]["hasNextPage"], true);
}

#[tokio::test(start_paused = true)]
async fn without_the_right_the_list_is_empty_and_its_count_0() {
    let inside = Inside::of(|world| {
        world.project("group/a").role(Role::Guest);
        world
            .events("group/a")
            .create_pipeline(PipelineStatus::Success);
    });
    let page = pipelines(&inside, json!({})).await;
    assert_eq!((&page["count"], &page["nodes"]), (&json!(0), &json!([])));
    assert_eq!(inside.get("projects/1/pipelines").await.status(), 403);
}

#[tokio::test(start_paused = true)]
async fn children_come_only_where_their_source_is_asked_for() {
    let inside = project_a();
    inside.events("group/a", |events| {
        events.run_pipeline(|p| {
            p.child("trigger", "build", |child| {
                child.job("inner", "test").takes(10 * SECOND)
            })
        });
    });
    seconds(5).await;
    let page = pipelines(&inside, json!({})).await;
    assert_eq!(ids(&page), [1]);
    assert_eq!(page["nodes"][0]["status"], "RUNNING");
    let children = pipelines(&inside, json!({ "source": "parent_pipeline" })).await;
    assert_eq!(ids(&children), [2]);
    let rest = inside.rest("projects/1/pipelines").await;
    assert_eq!(rest.as_array().unwrap().len(), 1);
    seconds(6).await;
    let query = r#"{ project(fullPath: "group/a") { pipeline(iid: 1) { status
        downstream { nodes { id upstream { id } sourceJob { name kind } } }
        jobs { nodes { kind status downstreamPipeline { id } } } } } }"#;
    let answer = inside.graphql(query, Value::Null).await;
    let parent = &answer["data"]["project"]["pipeline"];
    assert_eq!(parent["status"], "SUCCESS");
    let child = json!({ "id": "gid://gitlab/Ci::Pipeline/2", "upstream": { "id": "gid://gitlab/Ci::Pipeline/1" },
                        "sourceJob": { "name": "trigger", "kind": "BRIDGE" } });
    assert_eq!(parent["downstream"]["nodes"][0], child);
    assert_eq!(
        parent["jobs"]["nodes"][0]["downstreamPipeline"]["id"],
        child["id"]
    );
    let bridges = inside.rest("projects/1/pipelines/1/bridges").await;
    assert_eq!(bridges[0]["downstream_pipeline"]["id"], 2);
    assert_eq!(inside.rest("projects/1/pipelines/1/jobs").await, json!([]));
}

#[tokio::test(start_paused = true)]
async fn a_downstream_pipeline_is_in_its_own_project_and_its_bridge_does_not_wait() {
    let inside = Inside::of(|world| {
        world.project("group/a");
        world.project("group/b");
    });
    inside.events("group/a", |events| {
        events.run_pipeline(|p| {
            p.downstream("deploy", "deploy", "group/b", |far| {
                far.job("ship", "deploy")
            });
            p.downstream("lost", "deploy", "group/none", |far| far)
        });
    });
    let down = inside.rest("projects/2/pipelines").await;
    assert_eq!(down[0]["source"], "pipeline");
    let bridges = inside.rest("projects/1/pipelines/1/bridges").await;
    assert_eq!(bridges[1]["status"], "success");
    assert_eq!(
        bridges[0]["failure_reason"],
        "downstream_pipeline_creation_failed"
    );
    assert_eq!(
        inside.rest("projects/1/pipelines/1").await["status"],
        "failed"
    );
}

#[tokio::test(start_paused = true)]
async fn a_merge_request_pipeline_has_the_ref_of_the_request_and_the_path_of_its_branch() {
    let inside = project_a();
    inside.events("group/a", |events| {
        events.run_pipeline(|p| p.on_merge_request(7, "topic").job("unit", "test"));
    });
    let page = pipelines(&inside, json!({})).await;
    let node = &page["nodes"][0];
    assert_eq!(node["ref"], "refs/merge-requests/7/head");
    assert_eq!(node["refPath"], "refs/heads/topic");
    assert_eq!(node["source"], "merge_request_event");
}

#[tokio::test(start_paused = true)]
async fn a_branch_and_a_tag_of_one_name_both_match_and_scopes_know_what_exists() {
    let inside = project_a();
    inside.events("group/a", |events| {
        for _ in 0..2 {
            events.run_pipeline(|p| p.on("v1").rests(PipelineStatus::Success));
            events.run_pipeline(|p| p.on_tag("v1").rests(PipelineStatus::Failed));
        }
        events.run_pipeline(|p| p.on("gone").rests(PipelineStatus::Success));
        events.run_pipeline(|p| p.on_merge_request(1, "v1").rests(PipelineStatus::Success));
        events.delete_branch("gone");
    });
    let of = async |variables: Value| ids(&pipelines(&inside, variables).await);
    assert_eq!(of(json!({ "ref": "v1" })).await, [4, 3, 2, 1]);
    assert_eq!(of(json!({ "scope": "BRANCHES" })).await, [3]);
    assert_eq!(of(json!({ "scope": "TAGS" })).await, [4]);
    let query = r#"{ project(fullPath: "group/a") { pipelines(ref: "v1", refType: TAGS) { nodes { refPath } } } }"#;
    let answer = inside.graphql(query, Value::Null).await;
    let nodes = &answer["data"]["project"]["pipelines"]["nodes"];
    assert_eq!(
        *nodes,
        json!([{ "refPath": "refs/tags/v1" }, { "refPath": "refs/tags/v1" }])
    );
    inside.events("group/a", |events| {
        events.run_pipeline(|p| p.on("gone").rests(PipelineStatus::Failed));
    });
    assert_eq!(of(json!({ "scope": "BRANCHES" })).await, [7, 3]);
}

#[tokio::test(start_paused = true)]
async fn finished_is_success_failed_and_canceled_and_the_others_are_one_status_each() {
    use PipelineStatus as Status;
    let inside = project_a();
    let all = [
        Status::Created,
        Status::WaitingForResource,
        Status::WaitingForCallback,
        Status::Preparing,
        Status::Pending,
        Status::Running,
        Status::Success,
        Status::Failed,
        Status::Canceling,
        Status::Canceled,
        Status::Skipped,
        Status::Manual,
        Status::Scheduled,
    ];
    inside.events("group/a", |events| {
        for status in all {
            events.create_pipeline(status);
        }
    });
    let page = pipelines(&inside, json!({})).await;
    assert_eq!(page["count"], 13);
    for node in page["nodes"].as_array().unwrap() {
        let ended = ["SUCCESS", "FAILED", "CANCELED"].contains(&node["status"].as_str().unwrap());
        assert_eq!(node["finishedAt"].is_string(), ended, "{node}");
    }
    let of = async |variables: Value| ids(&pipelines(&inside, variables).await);
    assert_eq!(of(json!({ "scope": "FINISHED" })).await, [10, 8, 7]);
    assert_eq!(of(json!({ "scope": "RUNNING" })).await, [6]);
    assert_eq!(of(json!({ "scope": "PENDING" })).await, [5]);
    assert_eq!(of(json!({ "status": "SKIPPED" })).await, [11]);
}

#[tokio::test(start_paused = true)]
async fn the_latest_of_the_head_commit_is_null_when_the_head_has_none() {
    let inside = project_a();
    let query = r#"{ project(fullPath: "group/a") { repository { rootRef } pipeline { iid } } }"#;
    let head =
        async || inside.graphql(query, Value::Null).await["data"]["project"]["pipeline"].clone();
    inside.events("group/a", |events| {
        events.push(1).create_pipeline(PipelineStatus::Failed);
        events.run_pipeline(|p| p.on("topic").rests(PipelineStatus::Success));
    });
    assert_eq!(head().await, json!({ "iid": "1" }));
    inside.events("group/a", |events| {
        events.push(1);
    });
    assert_eq!(head().await, Value::Null);
    inside.0.edit(|world| world.version(Version::V16_0));
    let answer = inside.graphql(query, Value::Null).await;
    assert_eq!(
        answer["errors"][0]["message"],
        "Provide one of an IID or SHA"
    );
}

#[tokio::test(start_paused = true)]
async fn old_versions_lack_fields_of_pipelines() {
    let inside = project_a();
    let missing = async |version: Version, field: &str| {
        inside.0.edit(|world| world.version(version));
        let query = format!(
            "{{ project(fullPath: \"group/a\") {{ pipelines {{ nodes {{ {field} }} }} }} }}"
        );
        let answer = inside.graphql(&query, Value::Null).await;
        answer["errors"][0]["extensions"]["code"] == "undefinedField"
    };
    for field in ["source", "name", "totalJobs", "child"] {
        assert!(missing(Version::V16_0, field).await, "{field}");
        assert!(!missing(Version::V18_4, field).await, "{field}");
    }
    assert!(missing(Version::V18_4, "failedJobsCount").await);
    assert!(!missing(Version::V18_8, "failedJobsCount").await);
    assert!(!missing(Version::V16_0, "refPath").await);
}

#[tokio::test(start_paused = true)]
async fn coverage_and_tests_are_filled_in_after_the_finish_and_move_no_row() {
    let inside = project_a();
    let report = TestReport {
        success: 8,
        failed: 1,
        skipped: 1,
        error: 0,
        seconds: 12.5,
    };
    inside.events("group/a", |events| {
        events.run_pipeline(|p| {
            let p = p.job("unit", "test").takes(10 * SECOND).late(20 * SECOND);
            p.coverage(75.0).tests(report).artifact("junit", 1_234)
        });
    });
    let query = r#"{ project(fullPath: "group/a") { pipeline(iid: 1) { status coverage updatedAt
        testReportSummary { total { count success failed time } testSuites { nodes { name totalCount buildIds } } }
        jobs { nodes { artifacts { nodes { fileType size } } } } } } }"#;
    let read =
        async || inside.graphql(query, Value::Null).await["data"]["project"]["pipeline"].clone();
    seconds(11).await;
    let early = read().await;
    assert_eq!(
        (&early["status"], &early["coverage"]),
        (&json!("SUCCESS"), &Value::Null)
    );
    let none = json!({ "count": 0, "success": 0, "failed": 0, "time": 0.0 });
    assert_eq!(early["testReportSummary"]["total"], none);
    seconds(20).await;
    let late = read().await;
    assert_eq!(
        (&late["updatedAt"], &late["coverage"]),
        (&early["updatedAt"], &json!(75.0))
    );
    let total = json!({ "count": 10, "success": 8, "failed": 1, "time": 12.5 });
    assert_eq!(late["testReportSummary"]["total"], total);
    let suite =
        json!({ "name": "unit", "totalCount": 10, "buildIds": ["gid://gitlab/Ci::Build/1"] });
    assert_eq!(
        late["testReportSummary"]["testSuites"]["nodes"],
        json!([suite])
    );
    let artifact = json!({ "fileType": "JUNIT", "size": "1234" });
    assert_eq!(late["jobs"]["nodes"][0]["artifacts"]["nodes"][0], artifact);
    let rest = inside
        .rest("projects/1/pipelines/1/test_report_summary")
        .await;
    assert_eq!(
        (&rest["total"]["count"], &rest["test_suites"][0]["name"]),
        (&json!(10), &json!("unit"))
    );
}

#[tokio::test(start_paused = true)]
async fn canceling_ends_what_has_not_ended_and_manual_jobs_rest() {
    let inside = project_a();
    let (mut run, mut rest) = (0, 0);
    inside.events("group/a", |events| {
        run = events.run_pipeline(|p| {
            p.job("long", "test")
                .takes(100 * SECOND)
                .job("next", "deploy")
                .takes(SECOND)
        });
        rest = events.run_pipeline(|p| {
            p.job("unit", "test")
                .takes(SECOND)
                .job("ship", "deploy")
                .manual()
        });
    });
    seconds(2).await;
    inside.events("group/a", |events| {
        events.cancel(run);
    });
    let status =
        async |id: u64| inside.rest(&format!("projects/1/pipelines/{id}")).await["status"].clone();
    assert_eq!(status(run).await, "canceled");
    assert_eq!(status(rest).await, "manual");
    let ledger = inside.0.read(|world| world.ledger().clone());
    assert_eq!(ledger.jobs().status("canceled").count(), 2);
    assert_eq!(ledger.pipelines().count(), 1);
    inside.events("group/a", |events| {
        events.play_job(rest, "ship").finish_job(rest, "ship");
    });
    assert_eq!(status(rest).await, "success");
}

#[tokio::test(start_paused = true)]
async fn rest_orders_pipelines_by_their_change_and_tells_milliseconds() {
    let inside = project_a();
    let mut first = 0;
    inside.events("group/a", |events| {
        first = events.run_pipeline(|p| p.job("unit", "test"));
        events.create_pipeline(PipelineStatus::Success);
    });
    tokio::time::advance(Duration::from_millis(1_234)).await;
    inside.events("group/a", |events| {
        events.finish_job(first, "unit");
    });
    let path =
        "projects/1/pipelines?order_by=updated_at&sort=asc&updated_after=2026-01-01T00:00:01.234Z";
    let changed = inside.rest(path).await;
    assert_eq!(changed.as_array().unwrap().len(), 1);
    assert_eq!(changed[0]["updated_at"], "2026-01-01T00:00:01.234Z");
    assert_eq!(changed[0].get("finished_at"), None);
    let whole = inside.rest("projects/1/pipelines/1").await;
    assert_eq!(whole["finished_at"], "2026-01-01T00:00:01.234Z");
    assert_eq!(
        inside.get("projects/1/pipelines?scope=odd").await.status(),
        400
    );
    assert_eq!(inside.get("projects/1/pipelines/99").await.status(), 404);
}

#[tokio::test(start_paused = true)]
async fn a_child_ends_though_its_parent_was_deleted() {
    let inside = project_a();
    let mut parent = 0;
    inside.events("group/a", |events| {
        parent = events.run_pipeline(|p| {
            p.child("trigger", "build", |child| {
                child.job("inner", "test").takes(10 * SECOND)
            })
        });
        events.delete_pipeline(parent);
    });
    seconds(11).await;
    let ledger = inside.0.read(|world| world.ledger().clone());
    assert_eq!(ledger.pipelines().with("child", "true").count(), 1);
}

#[tokio::test(start_paused = true)]
async fn running_jobs_are_canceling_for_a_moment_which_old_versions_call_running() {
    let inside = project_a();
    let mut id = 0;
    inside.events("group/a", |events| {
        id = events.run_pipeline(|p| p.job("unit", "test").takes(60 * SECOND));
    });
    seconds(1).await;
    inside.events("group/a", |events| {
        events.begin_to_cancel(id);
    });
    let status = async || pipelines(&inside, json!({})).await["nodes"][0]["status"].clone();
    assert_eq!(status().await, "CANCELING");
    let query = r#"{ project(fullPath: "group/a") { pipeline(iid: 1) { status jobs { nodes { status } } } } }"#;
    inside.0.edit(|world| world.version(Version::V16_0));
    let old = inside.graphql(query, Value::Null).await;
    let running = json!({ "status": "RUNNING", "jobs": { "nodes": [{ "status": "RUNNING" }] } });
    assert_eq!(old["data"]["project"]["pipeline"], running);
    inside.0.edit(|world| world.version(Version::V18_8));
    seconds(4).await;
    assert_eq!(status().await, "CANCELED");
}

#[tokio::test(start_paused = true)]
async fn pipelines_of_the_far_past_are_counted_by_status_and_are_no_rows() {
    let inside = Inside::of(|world| {
        world.project("group/a").pipelines(Pipelines {
            success: 12_000,
            failed: 7,
            ..Pipelines::default()
        });
        world
            .events("group/a")
            .create_pipeline(PipelineStatus::Failed);
    });
    let failed = pipelines(&inside, json!({ "status": "FAILED" })).await;
    assert_eq!((&failed["count"], ids(&failed)), (&json!(8), vec![1]));
    let counted = inside
        .get("projects/1/pipelines?status=failed&per_page=1")
        .await;
    assert_eq!(text(&counted, "x-total"), Some("8"));
    let many = inside
        .get("projects/1/pipelines?status=success&per_page=1")
        .await;
    assert_eq!(text(&many, "x-total"), None, "REST counts to 10,000");
    let since = pipelines(
        &inside,
        json!({ "since": "2026-01-01T00:00:00Z", "status": "FAILED" }),
    )
    .await;
    assert_eq!(since["count"], 8, "the project is no older");
    let all = inside.rest("projects/1/pipelines").await;
    assert_eq!(all.as_array().unwrap().len(), 1);
}
