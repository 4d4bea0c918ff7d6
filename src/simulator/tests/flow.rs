//! What goes through a project: merge requests, issues, incidents and releases, one by one.

use jiff::Timestamp;

use super::*;

/// A time of the first of January 2026, when the model's clock starts.
fn at(time: &str) -> Timestamp {
    format!("2026-01-01T{time}Z").parse().unwrap()
}

fn before(days: i64) -> Timestamp {
    at("00:00:00") - jiff::SignedDuration::from_hours(24 * days)
}

async fn of_project(inside: &Inside, fields: &str) -> Value {
    let query = format!("{{ project(fullPath: \"group/a\") {{ {fields} }} }}");
    let answer = inside.graphql(&query, Value::Null).await;
    assert_eq!(answer["errors"], Value::Null, "{fields}");
    answer["data"]["project"].clone()
}

async fn count(inside: &Inside, arguments: &str) -> u64 {
    let fields = format!("mergeRequests({arguments}, first: 1) {{ count }}");
    let project = of_project(inside, &fields).await;
    project["mergeRequests"]["count"].as_u64().unwrap()
}

async fn total(inside: &Inside, path: &str) -> u64 {
    let answer = inside.get(&format!("projects/1/{path}per_page=1")).await;
    assert_eq!(answer.status(), 200, "{path}");
    text(&answer, "x-total").unwrap().parse().unwrap()
}

/// A draft, one that waits for a reviewer, one under review, a merged and a closed one.
fn with_merge_requests(world: &mut World) {
    let project = world.project("group/a");
    project.add_merge_request(MergeRequest::opened(before(40)).draft());
    project.add_merge_request(MergeRequest::opened(before(7)));
    project.add_merge_request(MergeRequest::opened(before(1)).reviewers(2));
    let merged = MergeRequest::opened(before(3)).merged(before(2));
    project.add_merge_request(merged.target_branch("release"));
    project.add_merge_request(MergeRequest::opened(before(9)).closed(before(5)));
}

#[tokio::test(start_paused = true)]
async fn merge_requests_are_counted_by_draft_reviewer_and_times_whose_bounds_belong_to_them() {
    let inside = Inside::of(with_merge_requests);
    let counts = [
        ("state: opened", "state=opened&", 3),
        ("state: opened, draft: true", "state=opened&wip=yes&", 1),
        ("state: opened, draft: false", "state=opened&wip=no&", 2),
        (
            "state: opened, reviewerWildcardId: NONE",
            "state=opened&reviewer_id=None&",
            2,
        ),
        (
            "state: opened, createdBefore: \"2025-12-25T00:00:00Z\"",
            "state=opened&created_before=2025-12-25T00:00:00Z&",
            2,
        ),
        (
            "createdAfter: \"2025-12-25T00:00:00Z\"",
            "created_after=2025-12-25T00:00:00Z&",
            3,
        ),
        (
            "createdAfter: \"2025-12-25T00:00:01Z\"",
            "created_after=2025-12-25T00:00:01Z&",
            2,
        ),
        (
            "updatedAfter: \"2025-12-27T00:00:00Z\"",
            "updated_after=2025-12-27T00:00:00Z&",
            3,
        ),
    ];
    for (arguments, parameters, expected) in counts {
        assert_eq!(count(&inside, arguments).await, expected, "{arguments}");
        let rest = total(&inside, &format!("merge_requests?{parameters}")).await;
        assert_eq!(rest, expected, "{parameters}");
    }
    let merged = "2025-12-30T00:00:00Z";
    assert_eq!(
        count(&inside, &format!("mergedAfter: \"{merged}\"")).await,
        1
    );
    // REST has no such parameter, and ignores what it does not know.
    let ignored = format!("merge_requests?merged_after={merged}&");
    assert_eq!(total(&inside, &ignored).await, 5);
    let by_merge = "projects/1/merge_requests?order_by=merged_at";
    assert_eq!(inside.rest(by_merge).await[0]["iid"], 4);
    inside.0.edit(|world| world.version(Version::V16_0));
    assert_eq!(inside.get(by_merge).await.status(), 400);
}

#[tokio::test(start_paused = true)]
async fn a_merge_request_has_its_times_and_the_time_to_merge_is_their_sum() {
    let inside = Inside::of(with_merge_requests);
    let fields = "mergeRequests(mergedAfter: \"2025-12-01T00:00:00Z\") {
        count totalTimeToMerge nodes { iid createdAt mergedAt preparedAt targetBranch draft } }
        none: mergeRequests(mergedAfter: \"2026-12-01T00:00:00Z\") { totalTimeToMerge }";
    let project = of_project(&inside, fields).await;
    let node = json!({
        "iid": "4", "createdAt": "2025-12-29T00:00:00Z", "mergedAt": "2025-12-30T00:00:00Z",
        "preparedAt": "2025-12-29T00:00:00Z", "targetBranch": "release", "draft": false,
    });
    let expected = json!({ "count": 1, "totalTimeToMerge": 86_400.0, "nodes": [node] });
    assert_eq!(project["mergeRequests"], expected);
    assert_eq!(project["none"]["totalTimeToMerge"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn pages_of_merge_requests_lose_none_while_new_ones_are_merged() {
    let inside = Inside::of(|world| {
        let project = world.project("group/a");
        for day in 1..=5 {
            // Two of each time, so that the number decides.
            for _ in 0..2 {
                let created = MergeRequest::opened(before(9));
                project.add_merge_request(created.merged(before(day)));
            }
        }
    });
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let fields = format!(
            "mergeRequests(mergedAfter: \"2025-01-01T00:00:00Z\", sort: MERGED_AT_DESC, first: 3, after: {}) {{
                nodes {{ iid }} pageInfo {{ hasNextPage endCursor }} }}",
            json!(after)
        );
        let page = of_project(&inside, &fields).await["mergeRequests"].clone();
        let nodes = page["nodes"].as_array().unwrap().iter();
        seen.extend(nodes.map(|node| node["iid"].as_str().unwrap().to_owned()));
        after = page["pageInfo"]["endCursor"].as_str().unwrap().to_owned();
        if page["pageInfo"]["hasNextPage"] == false {
            break;
        }
        inside.events("group/a", |events| {
            events.open_merge_request().merge_merge_request();
        });
    }
    assert_eq!(seen, ["2", "1", "4", "3", "6", "5", "8", "7", "10", "9"]);
}

#[tokio::test(start_paused = true)]
async fn the_far_past_has_plausible_times_and_its_counts_are_those_that_were_set() {
    let inside = Inside::of(|world| {
        let counts = MergeRequests {
            opened: 20,
            closed: 10,
            merged: 70,
            locked: 0,
        };
        let project = world.project("group/a");
        project.created_at(before(1_000)).merge_requests(counts);
        project.issues(10, 30);
    });
    let older = async |days: i64| {
        let bound = before(days).strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        count(
            &inside,
            &format!("state: opened, createdBefore: \"{bound}\""),
        )
        .await
    };
    let ages = [
        older(0).await,
        older(7).await,
        older(30).await,
        older(300).await,
    ];
    assert_eq!(ages[0], 20);
    assert!(
        ages.is_sorted_by(|one, other| one >= other) && ages[2] > 0,
        "{ages:?}"
    );
    assert_eq!(ages[3], 0, "{ages:?}");
    for arguments in ["draft: true", "reviewerWildcardId: NONE"] {
        let some = count(&inside, &format!("state: opened, {arguments}")).await;
        assert!((1..20).contains(&some), "{arguments}: {some}");
    }
    let all = count(&inside, "createdAfter: \"2000-01-01T00:00:00Z\"").await;
    assert_eq!(all, 100);
    let oldest = "oldest: issues(state: opened, sort: CREATED_ASC, first: 1) { nodes { iid createdAt } }
        merged: mergeRequests(state: merged, sort: MERGED_AT_DESC, first: 1) { nodes { createdAt mergedAt } }";
    let first = of_project(&inside, oldest).await;
    assert_eq!(first, of_project(&inside, oldest).await);
    assert_eq!(first["oldest"]["nodes"][0]["iid"], "31");
    let merged = &first["merged"]["nodes"][0];
    assert!(merged["createdAt"].as_str() < merged["mergedAt"].as_str());
    // What happens to them makes them rows, and changes no other.
    inside.events("group/a", |events| {
        events.merge_merge_request();
    });
    assert_eq!(
        count(&inside, "mergedAfter: \"2026-01-01T00:00:00Z\"").await,
        1
    );
    assert_eq!(count(&inside, "state: opened").await, 19);
    assert_eq!(
        count(&inside, "createdAfter: \"2000-01-01T00:00:00Z\"").await,
        100
    );
}

#[tokio::test(start_paused = true)]
async fn merge_requests_are_reviewed_readied_merged_closed_and_opened_again() {
    let inside = Inside::of(|world| {
        world.project("group/a");
    });
    inside.events("group/a", |events| {
        events
            .open_draft()
            .open_merge_request()
            .open_merge_request();
        events.mark_ready().request_review();
    });
    assert_eq!(count(&inside, "state: opened, draft: true").await, 0);
    assert_eq!(
        count(&inside, "state: opened, reviewerWildcardId: NONE").await,
        2
    );
    pass(1).await;
    inside.events("group/a", |events| {
        events.merge_numbered(2).close_merge_request();
    });
    assert_eq!(count(&inside, "state: merged").await, 1);
    let closed = "closedAfter: \"2026-01-01T00:01:00Z\", closedBefore: \"2026-02-01T00:00:00Z\"";
    assert_eq!(count(&inside, closed).await, 1);
    inside.events("group/a", |events| {
        events.reopen_merge_request();
    });
    assert_eq!(count(&inside, closed).await, 0);
    assert_eq!(count(&inside, "state: opened").await, 2);
}

#[tokio::test(start_paused = true)]
async fn newer_gitlabs_take_the_end_of_the_day_for_merged_before() {
    let inside = Inside::of(|world| {
        let merged = MergeRequest::opened(before(3)).merged(at("12:00:00"));
        world.project("group/a").add_merge_request(merged);
    });
    let bound = "mergedBefore: \"2026-01-01T01:00:00Z\"";
    assert_eq!(count(&inside, bound).await, 1);
    inside.0.edit(|world| world.version(Version::V16_0));
    assert_eq!(count(&inside, bound).await, 0);
}

#[tokio::test(start_paused = true)]
async fn a_window_of_closing_needs_both_ends() {
    let inside = Inside::of(with_merge_requests);
    let query = "{ project(fullPath: \"group/a\") {
        mergeRequests(closedAfter: \"2025-12-01T00:00:00Z\") { count } } }";
    let answer = inside.graphql(query, Value::Null).await;
    assert_eq!(answer["data"]["project"]["mergeRequests"], Value::Null);
    let message = answer["errors"][0]["message"].as_str().unwrap();
    assert!(message.contains("closedBefore"), "{message}");
    inside.0.edit(|world| world.version(Version::V18_4));
    let answer = inside.graphql(query, Value::Null).await;
    let code = &answer["errors"][0]["extensions"]["code"];
    assert_eq!(code, "argumentNotAccepted");
}

#[tokio::test(start_paused = true)]
async fn the_first_deployment_drags_in_what_was_ever_merged_and_each_environment_has_its_own() {
    let inside = Inside::of(|world| {
        let project = world.project("group/a");
        for merged in ["01:00:00", "02:00:00", "03:00:00"] {
            let merge_request = MergeRequest::opened(before(1));
            project.add_merge_request(merge_request.merged(at(merged)));
        }
        let elsewhere = MergeRequest::opened(before(1)).target_branch("release");
        project.add_merge_request(elsewhere.merged(at("01:00:00")));
        project.deployed("production", at("02:30:00"));
        // A redeploy brings nothing new.
        project.deployed("production", at("02:40:00"));
        project.deployed("staging", at("03:30:00"));
        project.deployed("review/x", at("03:30:00"));
    });
    let shipped = async |environment: &str, after: &str| {
        let arguments =
            format!("environmentName: \"{environment}\", deployedAfter: \"2026-01-01T{after}Z\"");
        let parameters =
            format!("merge_requests?environment={environment}&deployed_after=2026-01-01T{after}Z&");
        let count = count(&inside, &arguments).await;
        assert_eq!(total(&inside, &parameters).await, count, "{arguments}");
        count
    };
    assert_eq!(shipped("production", "00:00:00").await, 2);
    assert_eq!(shipped("production", "02:29:59").await, 2);
    assert_eq!(shipped("production", "02:30:00").await, 0);
    assert_eq!(shipped("staging", "00:00:00").await, 3);
    assert_eq!(shipped("review/x", "00:00:00").await, 0);
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_merge_requests_their_list_is_empty_and_rest_refuses() {
    let inside = Inside::of(|world| {
        with_merge_requests(world);
        world.project("group/a").role(Role::Guest);
    });
    let fields = "mergeRequests { count totalTimeToMerge nodes { iid } }";
    let nothing = json!({ "count": 0, "totalTimeToMerge": null, "nodes": [] });
    assert_eq!(of_project(&inside, fields).await["mergeRequests"], nothing);
    assert_eq!(inside.get("projects/1/merge_requests").await.status(), 403);
}

#[tokio::test(start_paused = true)]
async fn issues_are_counted_by_label_type_assignee_and_times() {
    let inside = Inside::of(|world| {
        let project = world.project("group/a");
        let issue = |kind| Issue::opened(kind, before(10));
        project.add_issue(issue(IssueKind::Issue).labels(&["bug", "urgent"]));
        project.add_issue(issue(IssueKind::Issue).labels(&["bug"]).assignees(1));
        project.add_issue(issue(IssueKind::Issue).labels(&["bug"]).closed(before(2)));
        project.add_issue(issue(IssueKind::Incident));
        project.add_issue(issue(IssueKind::Incident).closed(before(1)));
        project.add_issue(issue(IssueKind::Task));
    });
    let fields = "all: issueStatusCounts { all opened closed }
        bugs: issueStatusCounts(labelName: [\"bug\"]) { opened closed }
        urgent: issueStatusCounts(labelName: [\"bug\", \"urgent\"]) { opened closed }
        incidents: issueStatusCounts(types: [INCIDENT]) { opened closed }
        stale: issueStatusCounts(updatedBefore: \"2025-12-22T00:00:00Z\") { opened closed }
        created: issueStatusCounts(createdAfter: \"2025-12-23T00:00:00Z\") { all }
        closed: issueStatusCounts(closedAfter: \"2025-12-31T00:00:00Z\") { opened closed }
        unassigned: issueStatusCounts(assigneeWildcardId: NONE) { opened closed }";
    let project = of_project(&inside, fields).await;
    assert_eq!(
        project["all"],
        json!({ "all": 6, "opened": 4, "closed": 2 })
    );
    let both = |opened: u64, closed: u64| json!({ "opened": opened, "closed": closed });
    assert_eq!(project["bugs"], both(2, 1));
    assert_eq!(project["urgent"], both(1, 0));
    assert_eq!(project["incidents"], both(1, 1));
    assert_eq!(project["stale"], both(4, 0));
    assert_eq!(project["created"], json!({ "all": 0 }));
    assert_eq!(project["closed"], both(0, 1));
    assert_eq!(project["unassigned"], both(3, 2));

    let statistics = async |parameters: &str| {
        let path = format!("projects/1/issues_statistics?{parameters}");
        let counts = inside.rest(&path).await["statistics"]["counts"].clone();
        both(
            counts["opened"].as_u64().unwrap(),
            counts["closed"].as_u64().unwrap(),
        )
    };
    assert_eq!(statistics("labels=bug,urgent").await, both(1, 0));
    assert_eq!(statistics("issue_type=incident").await, both(1, 1));
    assert_eq!(
        total(&inside, "issues?issue_type=incident&state=closed&").await,
        1
    );
    assert_eq!(total(&inside, "issues?labels=bug&").await, 3);
}

#[tokio::test(start_paused = true)]
async fn a_reopened_incident_is_closed_at_another_time() {
    let inside = Inside::of(|world| {
        world.project("group/a");
    });
    inside.events("group/a", |events| {
        events.open_issue().open_incident();
    });
    let closed = async || {
        let fields = "issues(types: [INCIDENT], closedAfter: \"2026-01-01T00:00:00Z\") {
            nodes { iid createdAt closedAt } }";
        of_project(&inside, fields).await["issues"]["nodes"].clone()
    };
    let closed_at = |time: &str| {
        json!([{
            "iid": "2", "createdAt": "2026-01-01T00:00:00Z", "closedAt": format!("2026-01-01T{time}Z"),
        }])
    };
    pass(5).await;
    inside.events("group/a", |events| {
        events.close_numbered_issue(2);
    });
    assert_eq!(closed().await, closed_at("00:05:00"));
    inside.events("group/a", |events| {
        events.reopen_numbered_issue(2);
    });
    assert_eq!(closed().await, json!([]));
    pass(5).await;
    inside.events("group/a", |events| {
        events.close_numbered_issue(2);
    });
    assert_eq!(closed().await, closed_at("00:10:00"));
}

#[tokio::test(start_paused = true)]
async fn the_newest_release_comes_first_and_tells_when_it_was_released() {
    let inside = Inside::of(|world| {
        let project = world.project("group/a");
        project.created_at(before(100)).releases(4);
    });
    let newest = async || {
        let fields =
            "releases(first: 1, sort: RELEASED_AT_DESC) { count nodes { tagName releasedAt } }";
        of_project(&inside, fields).await["releases"].clone()
    };
    let node = json!({ "tagName": "v0.4", "releasedAt": "2025-12-12T00:00:00Z" });
    assert_eq!(newest().await, json!({ "count": 4, "nodes": [node] }));
    pass(1).await;
    inside.events("group/a", |events| {
        events.release();
    });
    assert_eq!(
        newest().await["nodes"][0]["releasedAt"],
        "2026-01-01T00:01:00Z"
    );
    let listed = inside.rest("projects/1/releases?per_page=1").await;
    assert_eq!(listed[0]["released_at"], "2026-01-01T00:01:00.000Z");
}
