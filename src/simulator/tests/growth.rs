//! Lists of things that are not projects: the same pages, limits and permissions for all of them.

use super::*;

fn with_environments(world: &mut World) {
    for path in ["group/a", "group/b"] {
        let project = world.project(path);
        project.environment("production", Tier::Production);
        project.environment("staging", Tier::Staging);
        project.environment("review/1", Tier::Development);
        project.environments[2].available = false;
    }
}

#[tokio::test(start_paused = true)]
async fn environments_come_page_by_page_over_graphql_and_rest() {
    let inside = Inside::of(with_environments);
    let query = r#"query E($after: String) { project(fullPath: "group/a") {
        environments(first: 2, after: $after) {
            nodes { name state tier } pageInfo { hasNextPage endCursor } } } }"#;
    let first = inside.graphql(query, Value::Null).await;
    let page = &first["data"]["project"]["environments"];
    let production = json!({ "name": "production", "state": "available", "tier": "PRODUCTION" });
    assert_eq!(page["nodes"][0], production);
    assert_eq!(page["pageInfo"]["hasNextPage"], true);
    let after = &page["pageInfo"]["endCursor"];
    let second = inside.graphql(query, json!({ "after": after })).await;
    let page = &second["data"]["project"]["environments"];
    assert_eq!(page["nodes"][0]["name"], "review/1");
    assert_eq!(page["pageInfo"]["hasNextPage"], false);

    let listed = inside.get("projects/1/environments?per_page=2").await;
    assert_eq!(text(&listed, "x-total"), Some("3"));
    assert_eq!(text(&listed, "x-next-page"), Some("2"));
    let stopped = inside.rest("projects/1/environments?states=stopped").await;
    assert_eq!(stopped[0]["name"], "review/1");
    assert_eq!(stopped[0]["tier"], "development");
}

#[tokio::test(start_paused = true)]
async fn a_field_that_is_limited_to_one_project_is_null_for_the_next() {
    let inside = Inside::of(with_environments);
    let query = "{ projects { nodes { environments { nodes { name } } } } }";
    let answer = inside.graphql(query, Value::Null).await;
    let nodes = &answer["data"]["projects"]["nodes"];
    assert!(nodes[0]["environments"].is_object());
    assert_eq!(nodes[1]["environments"], Value::Null);
    assert_eq!(
        answer["errors"][0]["message"],
        "\"environments\" field can be requested only for 1 Project(s) at a time."
    );
}

#[tokio::test(start_paused = true)]
async fn groups_are_listed_by_page_and_found_by_id() {
    let inside = Inside::of(|world| {
        for name in ["one", "three", "two"] {
            world.group(name);
        }
        world.personal_project("alice/notes");
        world.hide_group("three");
    });
    let query = "query G($ids: [ID!], $after: String) {
        groups(ids: $ids, first: 1, after: $after) {
            nodes { id fullPath } pageInfo { hasNextPage endCursor } } }";
    let first = inside.graphql(query, Value::Null).await;
    let page = &first["data"]["groups"];
    assert_eq!(page["nodes"][0]["fullPath"], "one");
    let after = &page["pageInfo"]["endCursor"];
    let second = inside.graphql(query, json!({ "after": after })).await;
    let page = &second["data"]["groups"];
    assert_eq!(page["nodes"][0]["fullPath"], "two");
    assert_eq!(page["pageInfo"]["hasNextPage"], false);
    let ids = json!({ "ids": [page["nodes"][0]["id"], "gid://gitlab/Group/99"] });
    let found = inside.graphql(query, ids).await;
    assert_eq!(found["data"]["groups"]["nodes"], page["nodes"]);
    let listed = inside.rest("groups").await;
    assert_eq!(listed.as_array().unwrap().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_field_that_is_selected_twice_is_answered_once_with_all_of_it() {
    let inside = Inside::of(|world| {
        world.project("group/a");
    });
    let query = "{ projects { count nodes { id } nodes { path } } }";
    let answer = inside.send(query, Value::Null).await.unwrap();
    let expected =
        r#"{"data":{"projects":{"count":1,"nodes":[{"id":"gid://gitlab/Project/1","path":"a"}]}}}"#;
    assert_eq!(answer.body(), expected);
}

#[tokio::test(start_paused = true)]
async fn above_ten_thousand_rows_pages_go_on_without_a_total() {
    let inside = Inside::of(|world| *world = World::large(10_050));
    let page = async |number: u64| {
        let path = format!("projects?per_page=100&page={number}");
        let answer = inside.get(&path).await;
        let next = text(&answer, "x-next-page").map(str::to_owned);
        let total = text(&answer, "x-total").map(str::to_owned);
        let rows: Value = serde_json::from_slice(answer.body()).unwrap();
        (rows.as_array().unwrap().len(), next.unwrap(), total)
    };
    assert_eq!(page(1).await, (100, "2".to_owned(), None));
    assert_eq!(page(100).await, (100, "101".to_owned(), None));
    assert_eq!(page(101).await, (50, String::new(), None));
    inside.0.edit(|world| {
        for number in 10_000..10_050 {
            world.remove_project(&format!("group-{:03}/project-{number:06}", number % 300));
        }
    });
    let total = Some("10000".to_owned());
    assert_eq!(page(100).await, (100, String::new(), total));
}
