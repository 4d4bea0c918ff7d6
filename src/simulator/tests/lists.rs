//! Lists of projects: orders, cursors, several lists in one query, and what they cost.

use std::collections::BTreeSet;

use super::*;

const WALK: &str = r#"query Walk($after: String) {
  projects(membership: true, sort: "latest_activity_desc", first: 10, after: $after) {
    nodes { id } pageInfo { hasNextPage endCursor }
  }
}"#;

const INCREMENT: &str = r#"query Increment($hot: [ID!], $n: Int, $m: Int, $after: String) {
  hot: projects(ids: $hot, first: $n) {
    nodes { id fullPath lastActivityAt statistics { commitCount storageSize } issueStatusCounts { all opened closed } merged: mergeRequests(state: merged, first: 1) { count } }
  }
  active: projects(membership: true, sort: "latest_activity_desc", first: $m, after: $after) {
    nodes { id lastActivityAt } pageInfo { hasNextPage endCursor }
  }
  queryComplexity { score limit }
}"#;

const GROUPS: &str = "query Groups($a: ID!, $b: ID!, $n: Int, $since: Time) {
  a: group(fullPath: $a) { projects(includeSubgroups: true, sort: ACTIVITY_DESC, first: $n) { nodes { id lastActivityAt } pageInfo { hasNextPage endCursor } } }
  b: group(fullPath: $b) { projects(includeSubgroups: true, first: 25) { nodes { id ci: pipelines(updatedAfter: $since, first: 1) { count } failed: pipelines(status: FAILED, updatedAfter: $since, first: 1) { count } } } }
}";

fn ids(nodes: &Value) -> Vec<&str> {
    let nodes = nodes.as_array().unwrap().iter();
    nodes
        .map(|node| node["id"].as_str().unwrap())
        .map(|id| id.strip_prefix("gid://gitlab/Project/").unwrap())
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_walk_misses_nothing_that_stays_and_repeats_nothing() {
    // All fifty are tied: only ids tell them apart.
    let inside = Inside::of(|world| {
        for number in 1..=50 {
            world.project(&format!("group/p{number}"));
        }
    });
    pass(90).await;
    let (mut after, mut seen) = (Value::Null, Vec::new());
    // 45 has been seen and 3 has not when they move to the top.
    for busy in ["group/p45", "group/p3", "", "", ""] {
        let answer = inside.graphql(WALK, json!({ "after": after })).await;
        let page = &answer["data"]["projects"];
        seen.extend(ids(&page["nodes"]).into_iter().map(str::to_owned));
        after = page["pageInfo"]["endCursor"].clone();
        if !busy.is_empty() {
            inside.events(busy, |events| {
                events.push(1);
            });
        }
    }
    let expected: Vec<String> = (1..=50)
        .rev()
        .filter(|id| *id != 3)
        .map(|id| id.to_string())
        .collect();
    assert_eq!(seen, expected);
    let answer = inside.graphql(WALK, Value::Null).await;
    assert_eq!(
        ids(&answer["data"]["projects"]["nodes"])[..3],
        ["45", "3", "50"]
    );
}

#[tokio::test(start_paused = true)]
async fn several_lists_share_a_query_and_keep_their_pages() {
    let inside = Inside::of(|world| {
        for number in 1..=30 {
            world.project(&format!("group/p{number}"));
        }
        world.project("group/far").not_a_member();
    });
    pass(61).await;
    inside.events("group/p9", |events| {
        events.push(4);
    });
    let hot = json!([
        "gid://gitlab/Project/9",
        "gid://gitlab/Project/31",
        "gid://gitlab/Project/99"
    ]);
    let variables = json!({ "hot": hot, "n": 100, "m": 7 });
    let answer = inside.graphql(INCREMENT, variables.clone()).await;
    let data = &answer["data"];
    assert_eq!(ids(&data["hot"]["nodes"]), ["31", "9"]);
    assert_eq!(data["hot"]["nodes"][1]["statistics"]["commitCount"], 5.0);
    assert_eq!(
        ids(&data["active"]["nodes"]),
        ["9", "30", "29", "28", "27", "26", "25"]
    );
    assert_eq!(data["active"]["pageInfo"]["hasNextPage"], true);

    // Each list has its faults, and all share the time.
    inside
        .0
        .edit(|world| world.slow_field("group/p9", "mergeRequests"));
    let answer = inside.graphql(INCREMENT, variables).await;
    assert_eq!(
        answer["errors"][0]["path"],
        json!(["hot", "nodes", 1, "merged"])
    );
    assert_eq!(answer["errors"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn heavy_lists_of_a_query_share_the_time_it_has() {
    let inside = Inside::of(|world| {
        world.project("group/a");
        world.project("group/b");
        world.page_cost(Duration::from_secs(10), Duration::from_secs(25));
    });
    let heavy = "projects(first: 2) { nodes { mergeRequests(first: 1) { count } } }";
    let status = async |query: String| inside.send(&query, Value::Null).await.unwrap().status();
    assert_eq!(status(format!("{{ a: {heavy} }}")).await, 200);
    assert_eq!(status(format!("{{ a: {heavy} b: {heavy} }}")).await, 503);
    assert_eq!(
        status(format!("{{ a: {heavy} b: projects {{ nodes {{ id }} }} }}")).await,
        200
    );
}

#[tokio::test(start_paused = true)]
async fn a_group_lists_its_own_by_activity() {
    let inside = Inside::of(|world| {
        for path in ["top/a", "other/x", "top/sub/b", "top/c", "topless/y"] {
            world.project(path);
        }
    });
    pass(60).await;
    for path in ["top/sub/b", "other/x"] {
        inside.events(path, |events| {
            events.note();
        });
    }
    let variables = json!({ "a": "top", "b": "other", "n": 2, "since": "2026-01-01T00:30:00Z" });
    let answer = inside.graphql(GROUPS, variables).await;
    let first = &answer["data"]["a"]["projects"];
    assert_eq!(ids(&first["nodes"]), ["3", "4"]);
    assert_eq!(first["pageInfo"]["hasNextPage"], true);
    assert_eq!(
        answer["data"]["b"]["projects"]["nodes"][0]["ci"]["count"],
        0
    );

    let shallow = "{ group(fullPath: \"top\") { projects(sort: ACTIVITY_DESC) { nodes { id } } } }";
    let answer = inside.graphql(shallow, Value::Null).await;
    assert_eq!(
        ids(&answer["data"]["group"]["projects"]["nodes"]),
        ["4", "1"]
    );
}

#[tokio::test(start_paused = true)]
async fn rest_lists_what_was_active_after_a_time() {
    let inside = Inside::of(|world| {
        for number in 1..=9 {
            world.project(&format!("group/p{number}"));
        }
    });
    pass(60).await;
    for path in ["group/p2", "group/p7", "group/p5"] {
        inside.events(path, |events| {
            events.push(1);
        });
        pass(1).await;
    }
    let changed = "order_by=last_activity_at&sort=desc&last_activity_after=2026-01-01T00:30:00Z";
    for list in ["projects", "groups/group/projects"] {
        let (mut pages, mut totals) = (Vec::new(), BTreeSet::new());
        for page in 1..=2 {
            let path = format!("{list}?{changed}&per_page=2&page={page}");
            let answer = inside.get(&path).await;
            totals.insert(text(&answer, "x-total").unwrap().to_owned());
            let rows: Value = serde_json::from_slice(answer.body()).unwrap();
            let rows = rows.as_array().unwrap().clone();
            pages.extend(rows.iter().map(|row| row["id"].as_u64().unwrap()));
        }
        assert_eq!(pages, [5, 7, 2], "{list}");
        assert_eq!(totals, BTreeSet::from(["3".to_owned()]), "{list}");
    }
    let rows = inside
        .rest("projects?order_by=last_activity_at&sort=asc&per_page=1")
        .await;
    assert_eq!(rows[0]["last_activity_at"], "2026-01-01T00:00:00.000Z");
}

#[tokio::test(start_paused = true)]
async fn the_orders_of_a_group_are_those_of_the_version() {
    let inside = Inside::of(|world| {
        world.version(Version::V16_0);
        world.project("group/a");
    });
    let code = async |sort: &str| {
        let query =
            format!("{{ group(fullPath: \"group\") {{ projects(sort: {sort}) {{ count }} }} }}");
        let answer = inside.graphql(&query, Value::Null).await;
        answer["errors"][0]["extensions"]["code"].clone()
    };
    let refused = json!("argumentLiteralsIncompatible");
    assert_eq!(code("ACTIVITY_DESC").await, Value::Null);
    assert_eq!(code("PATH_ASC").await, refused);
    assert_eq!(code("STORAGE").await, Value::Null);
    inside.0.edit(|world| world.version(Version::V18_4));
    assert_eq!(code("PATH_ASC").await, Value::Null);
    assert_eq!(code("STORAGE").await, refused);
}

/// The scores that the reference calculation gives for both queries with the 18.8 schema.
#[test]
fn lists_in_one_query_are_priced_together() {
    for (size, increment, groups) in [(100, 49, 61), (30, 38, 48), (7, 35, 44)] {
        let variables =
            json!({ "n": size, "m": 100, "a": "a", "b": "b", "hot": ["a"], "since": "t" });
        assert_eq!(score(INCREMENT, &variables), Ok(increment), "{size}");
        assert_eq!(score(GROUPS, &variables), Ok(groups), "{size}");
    }
}
