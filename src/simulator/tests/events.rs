//! What happens in projects: which of it is activity, when it is seen, and how much of it is counted.

use super::*;

const ACTIVITY: &str = r#"query Activity {
  projects(ids: ["gid://gitlab/Project/1"]) { nodes { lastActivityAt updatedAt archived } }
}"#;

const SINCE: &str = r#"query Since($since: Time!) {
  project(fullPath: "group/a") {
    all: pipelines(updatedAfter: $since, first: 1) { count }
    failed: pipelines(updatedAfter: $since, status: FAILED, first: 1) { count }
    running: pipelines(status: RUNNING, first: 1) { count }
    changed: mergeRequests(updatedAfter: $since, first: 1) { count }
    merged: mergeRequests(updatedAfter: $since, state: merged, first: 1) { count }
    opened: mergeRequests(updatedAfter: $since, state: opened, first: 1) { count }
    issues(updatedAfter: $since, state: closed, first: 1) { count }
    issueStatusCounts(updatedAfter: $since) { all opened closed }
  }
}"#;

async fn project(inside: &Inside) -> Value {
    let answer = inside.graphql(ACTIVITY, Value::Null).await;
    answer["data"]["projects"]["nodes"][0].clone()
}

async fn counts(inside: &Inside, since: &str) -> Vec<Option<u64>> {
    let answer = inside.graphql(SINCE, json!({ "since": since })).await;
    let project = &answer["data"]["project"];
    let names = [
        "all", "failed", "running", "changed", "merged", "opened", "issues",
    ];
    let count = |name: &&str| project[name]["count"].as_u64();
    names.iter().map(count).collect()
}

#[tokio::test(start_paused = true)]
async fn activity_moves_at_most_once_an_hour() {
    let inside = Inside::of(|world| {
        world.project("group/a");
    });
    let mut seen = Vec::new();
    for minutes in [0, 59, 1, 30, 30] {
        pass(minutes).await;
        inside.events("group/a", |events| {
            events.push(1);
        });
        seen.push(project(&inside).await["lastActivityAt"].clone());
    }
    let expected = ["00:00", "00:00", "01:00", "01:00", "02:00"];
    let expected = expected.map(|time| json!(format!("2026-01-01T{time}:00Z")));
    assert_eq!(seen, expected);
    assert_eq!(
        inside
            .0
            .read(|world| world.projects().next().unwrap().commits),
        6
    );
}

#[tokio::test(start_paused = true)]
async fn people_are_activity_and_machines_are_not() {
    type Event = for<'e, 'w> fn(&'e mut Events<'w>) -> &'e mut Events<'w>;
    let people: [(&str, Event); 9] = [
        ("push", |events| events.push(1)),
        ("open", |events| events.open_merge_request()),
        ("merge", |events| events.merge_merge_request()),
        ("close", |events| events.close_merge_request()),
        ("reopen", |events| events.reopen_merge_request()),
        ("issue", |events| events.open_issue()),
        ("closed issue", |events| events.close_issue()),
        ("release", |events| events.release()),
        ("note", |events| events.note()),
    ];
    let machines: [(&str, Event); 8] = [
        ("pipeline", |events| {
            events.create_pipeline(PipelineStatus::Running)
        }),
        ("change", |events| {
            events.change_pipeline(PipelineStatus::Running, PipelineStatus::Failed)
        }),
        ("star", |events| events.star()),
        ("fork", |events| events.fork()),
        ("growth", |events| events.grow(1_000)),
        ("artifacts", |events| events.store_artifacts(1_000)),
        ("archive", |events| events.archive()),
        ("unarchive", |events| events.unarchive()),
    ];
    let inside = Inside::of(|world| {
        let two = MergeRequests {
            opened: 2,
            ..Default::default()
        };
        world.project("group/a").merge_requests(two);
    });
    let all = people.iter().map(|event| (event, true));
    let all = all.chain(machines.iter().map(|event| (event, false)));
    for ((name, happen), moves) in all {
        pass(60).await;
        let before = project(&inside).await["lastActivityAt"].clone();
        inside.events("group/a", |events| {
            happen(events);
        });
        let after = project(&inside).await["lastActivityAt"].clone();
        assert_eq!(before != after, moves, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_changed_since_a_time_is_counted_in_its_present_state() {
    let inside = Inside::of(|world| {
        let counts = MergeRequests {
            opened: 1,
            merged: 5,
            ..Default::default()
        };
        let project = world.project("group/a").merge_requests(counts).issues(1, 3);
        project.pipelines(Pipelines {
            failed: 9,
            ..Default::default()
        });
    });
    pass(10).await;
    inside.events("group/a", |events| {
        events.create_pipeline(PipelineStatus::Running);
        events.open_merge_request().open_merge_request();
    });
    pass(10).await;
    inside.events("group/a", |events| {
        events.change_pipeline(PipelineStatus::Running, PipelineStatus::Failed);
        // The one that was open before all this is merged first.
        events
            .merge_merge_request()
            .merge_merge_request()
            .close_issue();
    });
    let since = async |time: &str| counts(&inside, &format!("2026-01-01T{time}Z")).await;
    // Everything, what was set among it.
    let all = [10, 10, 0, 8, 7, 1, 4].map(Some);
    assert_eq!(since("00:00:00").await, all);
    assert_eq!(since("00:10:00").await, [1, 1, 0, 3, 2, 1, 1].map(Some));
    assert_eq!(since("00:10:01").await, [1, 1, 0, 2, 2, 0, 1].map(Some));
    assert_eq!(since("00:20:01").await, [0, 0, 0, 0, 0, 0, 0].map(Some));
}

#[tokio::test(start_paused = true)]
async fn what_the_model_has_forgotten_is_an_error_and_no_count() {
    let inside = Inside::of(|world| {
        world.project("group/a");
    });
    pass(1).await;
    inside.events("group/a", |events| {
        events.create_pipeline(PipelineStatus::Success);
    });
    pass(1).await;
    inside.events("group/a", |events| {
        for _ in 0..1_000 {
            events.create_pipeline(PipelineStatus::Success);
        }
    });
    let all = async |since: &str| counts(&inside, since).await[0];
    assert_eq!(all("2026-01-01T00:00:00Z").await, Some(1_001));
    assert_eq!(all("2026-01-01T00:00:30Z").await, None);
    assert_eq!(all("2026-01-01T00:02:00Z").await, Some(1_000));
}

#[tokio::test(start_paused = true)]
async fn statistics_lag_behind_the_push_where_they_are_told_to() {
    let inside = Inside::of(|world| {
        world.statistics_lag(Duration::from_secs(15 * 60));
        world.project("group/a").commits(10);
    });
    let shown = async || {
        let project = inside.rest("projects/1?statistics=true").await;
        let sequence = "projects/1/repository/commits/main/sequence";
        let exact = inside.rest(sequence).await["count"].clone();
        (project["statistics"]["commit_count"].clone(), exact)
    };
    let push = |commits| {
        inside.events("group/a", |events| {
            events.push(commits);
        });
    };
    push(1);
    assert_eq!(shown().await, (json!(10), json!(11)));
    pass(10).await;
    push(2);
    pass(5).await;
    assert_eq!(shown().await, (json!(11), json!(13)));
    pass(10).await;
    assert_eq!(shown().await, (json!(13), json!(13)));
}

#[tokio::test(start_paused = true)]
async fn projects_move_vanish_and_return_as_themselves_without_activity() {
    let inside = Inside::of(|world| {
        world.project("group/a").commits(7);
        world.project("other/b");
    });
    pass(90).await;
    inside.0.edit(|world| {
        world.rename_project("group/a", "group/c");
        world.transfer_project("group/c", "other");
    });
    let moved = project(&inside).await;
    assert_eq!(moved["lastActivityAt"], "2026-01-01T00:00:00Z");
    assert_eq!(moved["updatedAt"], "2026-01-01T01:30:00Z");
    let names = async |group: &str| {
        let rows = inside
            .rest(&format!("groups/{group}/projects?sort=asc"))
            .await;
        let rows = rows.as_array().unwrap().iter();
        let paths = rows.map(|row| row["path_with_namespace"].as_str().unwrap().to_owned());
        paths.collect::<Vec<_>>()
    };
    assert_eq!(names("other").await, ["other/c", "other/b"]);
    assert_eq!(names("group").await, [""; 0]);

    inside.0.edit(|world| world.remove_project("other/c"));
    assert_eq!(names("other").await, ["other/b"]);
    inside.0.edit(|world| world.restore_project("other/c"));
    let back = inside.rest("projects/other%2Fc?statistics=true").await;
    assert_eq!(
        (&back["id"], &back["statistics"]["commit_count"]),
        (&json!(1), &json!(7))
    );
}
