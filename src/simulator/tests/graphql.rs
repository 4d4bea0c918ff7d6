//! GraphQL: what it answers, what it refuses, and what it costs.

use super::*;

#[tokio::test]
async fn counts_are_answered_under_their_aliases() {
    let asked = Asked::of(|world| {
        let counts = MergeRequests {
            opened: 2,
            closed: 1,
            merged: 7,
            locked: 0,
        };
        world
            .project("group/a")
            .commits(11)
            .issues(3, 1)
            .merge_requests(counts);
    })
    .await;
    let answer = asked.graphql(COUNTS, json!({})).await;
    let project = &answer["data"]["projects"]["nodes"][0];
    assert_eq!(project["id"], "gid://gitlab/Project/1");
    assert_eq!(project["statistics"]["commitCount"], 11.0);
    assert_eq!(
        project["issueStatusCounts"],
        json!({ "all": 4, "opened": 3, "closed": 1 })
    );
    assert_eq!(project["all"]["count"], 10);
    assert_eq!(project["merged"]["count"], 7);
    assert_eq!(answer["data"]["queryComplexity"]["limit"], 250);
    assert_eq!(answer["errors"], Value::Null);
}

#[tokio::test]
async fn what_is_hidden_or_switched_off_is_null_or_an_empty_list() {
    let asked = Asked::of(|world| {
        world.project("group/guest").role(Role::Guest);
        let off = world.project("group/off");
        off.features(|on| (on.issues, on.merge_requests) = (false, false));
        world.project("group/empty").empty_repository();
        world.project("group/invisible").role(Role::None);
    })
    .await;
    let answer = asked.graphql(COUNTS, json!({})).await;
    let nodes = answer["data"]["projects"]["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 3);
    let (empty, off, guest) = (&nodes[0], &nodes[1], &nodes[2]);
    assert_eq!(
        empty["repository"],
        json!({ "rootRef": null, "empty": true })
    );
    assert_eq!(off["issueStatusCounts"], Value::Null);
    assert_eq!(off["all"], json!({ "count": 0 }));
    assert_eq!(off["statistics"]["commitCount"], 1.0);
    assert_eq!(guest["statistics"], Value::Null);
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_overlap() {
    let asked = Asked::of(|world| *world = World::large(250)).await;
    for sort in ["id_desc", "id_asc", "latest_activity_desc"] {
        let query = "query Discover($after: String, $sort: String) { projects(membership: true, sort: $sort, first: 500, after: $after) { nodes { id lastActivityAt } pageInfo { hasNextPage endCursor } } }";
        let (mut after, mut sizes, mut seen) = (Value::Null, Vec::new(), Vec::new());
        loop {
            let answer = asked
                .graphql(query, json!({ "after": after, "sort": sort }))
                .await;
            let page = &answer["data"]["projects"];
            let nodes = page["nodes"].as_array().unwrap();
            sizes.push(nodes.len());
            seen.extend(
                nodes
                    .iter()
                    .map(|node| node["id"].as_str().unwrap().to_owned()),
            );
            after = page["pageInfo"]["endCursor"].clone();
            if page["pageInfo"]["hasNextPage"] == false {
                break;
            }
        }
        assert_eq!(sizes, [100, 100, 50], "{sort}");
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 250, "{sort}");
    }
}

#[tokio::test]
async fn a_dear_query_is_refused_with_its_score() {
    let asked = Asked::of(|_| {}).await;
    let aliases: String = (0..50)
        .map(|n| format!("m{n}: mergeRequests(first: 1) {{ count }} "))
        .collect();
    let query = format!("{{ projects(first: 100) {{ nodes {{ {aliases} }} }} }}");
    let answer = asked.graphql(&query, Value::Null).await;
    let score = score(&query, &Value::Null).unwrap();
    assert_eq!(score, 304);
    assert_eq!(
        answer,
        json!({ "errors": [{ "message": "Query has complexity of 304, which exceeds max complexity of 250" }] })
    );
}

#[tokio::test]
async fn an_old_gitlab_names_the_fields_and_arguments_it_lacks() {
    let asked = Asked::of(|world| {
        world.version(Version::V16_0);
        world.remove_field("Project", "releases");
    })
    .await;
    let query = r#"query Q { projects(fullPaths: ["a"]) { nodes { updatedAt releases(first: 1) { count } } } }"#;
    let answer = asked.graphql(query, Value::Null).await;
    let codes: Vec<&Value> = answer["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| &error["extensions"])
        .collect();
    assert_eq!(codes[0]["code"], "argumentNotAccepted");
    assert_eq!(codes[0]["argumentName"], "fullPaths");
    assert_eq!(
        *codes[1],
        json!({ "code": "undefinedField", "typeName": "Project", "fieldName": "updatedAt" })
    );
    assert_eq!(codes[2]["fieldName"], "releases");
    assert_eq!(
        answer["errors"][1]["path"],
        json!(["query Q", "projects", "nodes", "updatedAt"])
    );
    assert_eq!(answer["data"], Value::Null);
}

#[tokio::test]
async fn the_probe_shows_what_exists() {
    let asked = Asked::of(|world| world.version(Version::V16_0)).await;
    let probe = r#"query Probe {
        metadata { version enterprise } currentUser { username }
        project: __type(name: "Project") { fields(includeDeprecated: true) { name type { name ofType { name } } } }
        query: __type(name: "Query") { fields { name args { name } } }
        nothing: __type(name: "Nothing") { name }
    }"#;
    let answer = asked.graphql(probe, Value::Null).await;
    let data = &answer["data"];
    assert_eq!(
        data["metadata"],
        json!({ "version": "16.0.0-ee", "enterprise": true })
    );
    assert_eq!(data["nothing"], Value::Null);
    let names = |list: &Value| -> Vec<String> {
        let list = list.as_array().unwrap().iter();
        list.map(|item| item["name"].as_str().unwrap().to_owned())
            .collect()
    };
    let project = names(&data["project"]["fields"]);
    assert!(project.contains(&"statistics".to_owned()));
    assert!(!project.contains(&"isForked".to_owned()));
    let arguments = names(&data["query"]["fields"][0]["args"]);
    assert!(arguments.contains(&"membership".to_owned()));
    assert!(!arguments.contains(&"fullPaths".to_owned()));
}

#[tokio::test]
async fn variables_are_checked() {
    let asked = Asked::of(|_| {}).await;
    let cases = [
        ("query Q($a: Int) { currentUser { id } }", "variableNotUsed"),
        (
            "query Q { projects(first: $n) { count } }",
            "variableNotDefined",
        ),
        (
            "query Q($n: String) { projects(first: $n) { count } }",
            "variableMismatch",
        ),
        (
            "query Q { projects { nodes { statistics } } }",
            "selectionMismatch",
        ),
        ("query Q { project { id } }", "missingRequiredArguments"),
        (
            "query Q { projects(archived: SOME) { count } }",
            "argumentLiteralsIncompatible",
        ),
    ];
    for (query, code) in cases {
        let answer = asked.graphql(query, Value::Null).await;
        assert_eq!(answer["errors"][0]["extensions"]["code"], code, "{answer}");
    }
    let answer = asked
        .graphql(
            "query Q($n: Int!) { projects(first: $n) { count } }",
            json!({}),
        )
        .await;
    assert_eq!(
        answer["errors"][0]["message"],
        "Variable $n of type Int! was provided invalid value"
    );
}

#[tokio::test]
async fn a_slow_field_leaves_the_rest_of_its_page() {
    let asked = Asked::of(|world| {
        world.project("group/a");
        world.project("group/b");
        world.slow_field("group/a", "mergeRequests");
    })
    .await;
    let answer = asked.graphql(COUNTS, json!({})).await;
    assert_eq!(
        answer["data"]["projects"]["nodes"][1]["merged"],
        Value::Null
    );
    assert_eq!(answer["data"]["projects"]["nodes"][0]["merged"]["count"], 0);
    let errors = answer["errors"].as_array().unwrap();
    assert_eq!(errors.len(), 2);
    assert_eq!(errors[1]["message"], "Timeout on Project.mergeRequests");
    assert_eq!(errors[1]["path"], json!(["projects", "nodes", 1, "merged"]));
}

#[tokio::test]
async fn a_heavy_page_fails_where_a_light_one_passes() {
    let asked = Asked::of(|world| {
        world.project("group/a");
        world.project("group/b");
        world.breaks_page("group/a", 1);
    })
    .await;
    let response = asked.send(COUNTS, json!({})).await.unwrap();
    assert_eq!(response.status(), 503);
    let light = asked
        .graphql("{ projects { nodes { id } } }", json!({}))
        .await;
    assert_eq!(
        light["data"]["projects"]["nodes"].as_array().unwrap().len(),
        2
    );
    let alone = asked
        .graphql(COUNTS, json!({ "ids": ["gid://gitlab/Project/1"] }))
        .await;
    assert_eq!(alone["errors"], Value::Null);
    asked.gitlab.edit(|world| {
        world.recover();
        world.page_cost(Duration::from_secs(20), Duration::from_secs(30));
    });
    assert_eq!(asked.send(COUNTS, json!({})).await.unwrap().status(), 503);
}

#[tokio::test]
async fn groups_list_their_projects_and_null_when_absent() {
    let asked = Asked::of(|world| {
        world.project("top/a");
        world.project("top/sub/b");
        world.project("topless/c");
        world.group("empty");
    })
    .await;
    let query = "query G($path: ID!, $deep: Boolean) { group(fullPath: $path) { id projects(includeSubgroups: $deep, first: 100) { count nodes { fullPath group { fullPath } } } } }";
    let paths = async |path: &str, deep: bool| {
        let answer = asked
            .graphql(query, json!({ "path": path, "deep": deep }))
            .await;
        answer["data"]["group"]["projects"]["count"].clone()
    };
    assert_eq!(paths("top", true).await, 2);
    assert_eq!(paths("top", false).await, 1);
    assert_eq!(paths("empty", true).await, 0);
    assert_eq!(paths("absent", true).await, Value::Null);
}

mod with_shared {
    use super::*;

    /// The scores that the reference calculation gives with the newest real schema.
    #[test]
    #[ignore = "needs ../shared: queries with their scores"]
    fn scores_are_those_of_the_reference() {
        let queries = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/gitlab/queries");
        let reference = [
            ("bulk_ids", 100, 153),
            ("bulk_ids", 50, 115),
            ("bulk_ids", 25, 96),
            ("bulk_ids", 10, 85),
            ("bulk_max", 100, 215),
            ("bulk_max", 50, 162),
            ("bulk_max", 25, 135),
            ("bulk_max", 10, 119),
            ("bulk_min", 100, 75),
            ("bulk_min", 50, 57),
            ("bulk_min", 25, 48),
            ("bulk_min", 10, 42),
            ("group_bulk", 100, 104),
            ("group_bulk", 50, 79),
            ("group_bulk", 25, 66),
            ("group_bulk", 10, 59),
            ("discover", 100, 25),
            ("discover", 50, 19),
            ("discover", 25, 16),
            ("discover", 10, 15),
            ("pipelines_incremental", 100, 33),
            ("pipelines_incremental", 10, 19),
            ("environments_one_project", 100, 28),
            ("runners_admin", 100, 19),
        ];
        for (name, size, expected) in reference {
            let text = fs::read_to_string(queries.join(format!("{name}.graphql"))).unwrap();
            let variables = json!({ "n": size, "ids": ["gid://gitlab/Project/1"], "path": "group", "since": "2026-01-01T00:00:00Z" });
            assert_eq!(score(&text, &variables), Ok(expected), "{name} at {size}");
        }
    }
}
