//! Fragments, depth and lists of queries.

use super::*;

fn some() -> Inside {
    Inside::of(|world| {
        world.project("group/a");
    })
}

async fn error(inside: &Inside, query: &str) -> Value {
    let answer = inside.graphql(query, Value::Null).await;
    answer["errors"][0].clone()
}

#[tokio::test(start_paused = true)]
async fn fragments_are_read_in_their_places_and_joined_with_what_stands_there() {
    let inside = some();
    let query = "{ projects { ...List pageInfo { hasNextPage } } }
        fragment List on ProjectConnection { nodes { id ... on Project { path } ...Name } pageInfo { endCursor } }
        fragment Name on Project { name }";
    let answer = inside.graphql(query, Value::Null).await;
    assert_eq!(answer["errors"], Value::Null);
    let node = json!({ "id": "gid://gitlab/Project/1", "path": "a", "name": "a" });
    assert_eq!(answer["data"]["projects"]["nodes"][0], node);
    let info = &answer["data"]["projects"]["pageInfo"];
    assert!(info["endCursor"].is_string() && info["hasNextPage"] == false);
    let spelled =
        "{ projects { nodes { id path name } pageInfo { endCursor } pageInfo { hasNextPage } } }";
    assert_eq!(score(query, &Value::Null), score(spelled, &Value::Null));
}

#[tokio::test(start_paused = true)]
async fn wrong_fragments_are_refused_in_words_and_codes() {
    let inside = some();
    let unused = error(
        &inside,
        "{ metadata { version } } fragment F on Project { id }",
    )
    .await;
    assert_eq!(unused["message"], "Fragment F was defined, but not used");
    let undefined = error(&inside, "{ projects { nodes { ...F } } }").await;
    assert_eq!(undefined["extensions"]["code"], "useAndDefineFragment");
    let elsewhere = error(
        &inside,
        "{ projects { ...F } } fragment F on Project { id }",
    )
    .await;
    assert_eq!(elsewhere["extensions"]["code"], "cannotSpreadFragment");
    let circle = "{ projects { nodes { ...F } } } fragment F on Project { id ...G } fragment G on Project { ...F }";
    let circle = error(&inside, circle).await;
    assert_eq!(circle["extensions"]["code"], "infiniteLoop");
    let query = "{ projects { nodes { ...F } } } fragment F on Project { id nothing }";
    let field = error(&inside, query).await;
    assert_eq!(field["extensions"]["code"], "undefinedField");
    assert_eq!(field["path"], json!(["fragment F", "nothing"]));
}

#[tokio::test(start_paused = true)]
async fn variables_in_fragments_are_used() {
    let inside = some();
    let query = "query P($n: Int!) { projects { ...F } } fragment F on ProjectConnection { nodes { pipelines(first: $n) { count } } }";
    let answer = inside.graphql(query, json!({ "n": 1 })).await;
    assert_eq!(answer["errors"], Value::Null);
}

#[tokio::test(start_paused = true)]
async fn a_query_may_be_so_deep_and_no_deeper() {
    let inside = some();
    let nested = |times: usize| {
        let (open, close) = ("upstream { ".repeat(times), " }".repeat(times));
        format!("{{ project(fullPath: \"group/a\") {{ pipeline(iid: 1) {{ {open}id{close} }} }} }}")
    };
    assert_eq!(error(&inside, &nested(17)).await, Value::Null);
    let deep = error(&inside, &nested(18)).await;
    let message = "Query has depth of 21, which exceeds max depth of 20";
    assert_eq!(deep["message"], message);
}

#[tokio::test(start_paused = true)]
async fn one_wrong_query_of_a_list_fails_alone_and_faults_know_the_list_by_its_first() {
    let inside = some();
    let send = async || {
        let body = json!([{ "query": "query First { metadata { version } }" }, { "query": "{ nothing }" }, {}]);
        let address = format!("{}/api/graphql", inside.0.url());
        inside
            .ask(http::Request::post(address), body.to_string())
            .await
            .unwrap()
    };
    let answer: Value = serde_json::from_slice(send().await.body()).unwrap();
    assert_eq!(answer[0]["data"]["metadata"]["version"], "18.8.0-ee");
    assert_eq!(
        answer[1]["errors"][0]["extensions"]["code"],
        "undefinedField"
    );
    assert_eq!(
        answer[2]["errors"][0]["message"],
        "Unexpected end of document"
    );
    inside.0.fault(Fault::operation("First").status(502));
    assert_eq!(send().await.status(), 502);
}

#[tokio::test(start_paused = true)]
async fn pipelines_of_one_project_can_time_out_while_the_others_are_read() {
    let inside = Inside::of(|world| {
        world.project("group/a");
        world.project("group/b");
        world.slow_field("group/a", "pipelines");
    });
    let query = "{ projects(sort: \"id_asc\") { nodes { pipelines { nodes { id } } } } }";
    let answer = inside.graphql(query, Value::Null).await;
    let nodes = &answer["data"]["projects"]["nodes"];
    assert_eq!(
        (&nodes[0]["pipelines"], &nodes[1]["pipelines"]["nodes"]),
        (&Value::Null, &json!([]))
    );
    assert_eq!(
        answer["errors"][0]["message"],
        "Timeout on Project.pipelines"
    );
}
