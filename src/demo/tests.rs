//! The model over real HTTP: its limits, its bodies and its faults.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use reqwest::{Client, Response, redirect};
use serde_json::{Value, json};

use super::*;

/// A client that shows redirects and never waits for ever.
fn client() -> Client {
    Client::builder()
        .redirect(redirect::Policy::none())
        .timeout(Duration::from_secs(5))
        .build()
        .unwrap()
}

struct Asked {
    gitlab: GitLab,
    client: Client,
}

impl Asked {
    async fn of(build: impl FnOnce(&mut World)) -> Asked {
        let mut world = World::new();
        build(&mut world);
        let gitlab = GitLab::start(world).await.unwrap();
        Asked {
            gitlab,
            client: client(),
        }
    }

    async fn send(&self, query: &str, variables: Value) -> Result<Response, reqwest::Error> {
        let address = format!("{}/api/graphql", self.gitlab.url());
        let body = json!({ "query": query, "variables": variables });
        let request = self.client.post(address).bearer_auth(DEMO_TOKEN);
        request.json(&body).send().await
    }

    async fn graphql(&self, query: &str, variables: Value) -> Value {
        let response = self.send(query, variables).await.unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    }

    async fn get(&self, path: &str) -> Response {
        let address = format!("{}/api/v4/{path}", self.gitlab.url());
        let request = self.client.get(address).header("PRIVATE-TOKEN", DEMO_TOKEN);
        request.send().await.unwrap()
    }

    async fn rest(&self, path: &str) -> Value {
        self.get(path).await.json().await.unwrap()
    }
}

fn header<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
    response
        .headers()
        .get(name)
        .and_then(|value| value.to_str().ok())
}

const COUNTS: &str = "query Counts($ids: [ID!], $after: String) {
  projects(ids: $ids, first: 100, after: $after) {
    nodes {
      id fullPath statistics { commitCount storageSize }
      issueStatusCounts { all opened closed }
      all: mergeRequests(first: 1) { count }
      merged: mergeRequests(state: merged, first: 1) { count }
      repository { rootRef empty }
    }
    pageInfo { hasNextPage endCursor }
  }
  queryComplexity { score limit }
}";

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
async fn what_is_hidden_or_switched_off_is_null() {
    let asked = Asked::of(|world| {
        world.project("group/guest").access(Access::Guest);
        let off = world.project("group/off");
        off.features(|on| (on.issues, on.merge_requests) = (false, false));
        world.project("group/empty").empty_repository();
        world.project("group/invisible").access(Access::None);
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
    assert_eq!(off["all"], Value::Null);
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

#[tokio::test]
async fn tokens_are_told_apart() {
    let asked = Asked::of(|world| {
        world.token(Token::new("good").expires_at("2026-12-31"));
        world.token(Token::new("old").expired());
        world.token(Token::new("gone").revoked());
        world.token(Token::new("narrow").scopes(&["read_user"]));
    })
    .await;
    let get = async |token: &str, path: &str| {
        let address = format!("{}/api/v4/{path}", asked.gitlab.url());
        let response = asked
            .client
            .get(address)
            .bearer_auth(token)
            .send()
            .await
            .unwrap();
        let status = response.status().as_u16();
        (status, response.json::<Value>().await.unwrap())
    };
    assert_eq!(
        get(DEMO_TOKEN, "version").await,
        (401, json!({ "message": "401 Unauthorized" }))
    );
    assert_eq!(get("old", "version").await.1["error"], "invalid_token");
    assert_eq!(
        get("gone", "version").await.1["error_description"],
        "Token was revoked. You have to re-authorize from the user."
    );
    assert_eq!(
        get("narrow", "projects").await.1["error"],
        "insufficient_scope"
    );
    assert_eq!(get("narrow", "user").await.0, 200);
    assert_eq!(
        get("good", "personal_access_tokens/self").await.1["expires_at"],
        "2026-12-31"
    );
    let refused = asked
        .send("{ currentUser { id } }", Value::Null)
        .await
        .unwrap();
    assert_eq!(refused.status(), 401);
    assert_eq!(
        refused.json::<Value>().await.unwrap(),
        json!({ "errors": [{ "message": "Invalid token" }] })
    );
}

#[tokio::test]
async fn rest_pages_of_twenty_carry_totals_and_keysets_do_not() {
    let asked = Asked::of(|world| *world = World::large(45)).await;
    let first = asked.get("projects").await;
    assert_eq!(header(&first, "x-total"), Some("45"));
    assert_eq!(header(&first, "x-next-page"), Some("2"));
    assert!(header(&first, "link").unwrap().contains("rel=\"last\""));
    assert_eq!(
        first
            .json::<Value>()
            .await
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        20
    );

    let keyset = "projects?pagination=keyset&order_by=id&sort=asc&per_page=40&statistics=true";
    let first = asked.get(keyset).await;
    assert_eq!(header(&first, "x-total"), None);
    let link = header(&first, "link").unwrap();
    let next = link
        .strip_prefix('<')
        .and_then(|link| link.split_once('>'))
        .unwrap()
        .0
        .to_owned();
    assert!(next.contains("id_after=40"), "{next}");
    let second = asked
        .client
        .get(next)
        .bearer_auth(DEMO_TOKEN)
        .send()
        .await
        .unwrap();
    assert_eq!(header(&second, "link"), None);
    let rows: Value = second.json().await.unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 5);
    assert!(rows[0]["statistics"]["commit_count"].is_u64());
}

#[tokio::test]
async fn rest_names_no_total_above_ten_thousand_rows() {
    let asked = Asked::of(|world| {
        let many = MergeRequests {
            opened: 10_000,
            merged: 1,
            ..Default::default()
        };
        world.project("group/a").merge_requests(many);
    })
    .await;
    let opened = asked
        .get("projects/1/merge_requests?state=opened&per_page=1")
        .await;
    assert_eq!(header(&opened, "x-total"), Some("10000"));
    let all = asked
        .get("projects/group%2Fa/merge_requests?per_page=1")
        .await;
    assert_eq!(header(&all, "x-total"), None);
    assert!(!header(&all, "link").unwrap().contains("rel=\"last\""));
    let far = asked.get("projects?page=1000&per_page=100").await;
    assert_eq!(far.status(), 405);
}

#[tokio::test]
async fn commits_have_no_total_and_end_with_an_empty_page() {
    let asked = Asked::of(|world| {
        world.project("group/a").commits(21);
        world.project("group/empty").empty_repository();
    })
    .await;
    let second = asked
        .get("projects/1/repository/commits?ref_name=main&page=2")
        .await;
    assert_eq!(header(&second, "x-total"), None);
    assert_eq!(header(&second, "x-next-page"), Some(""));
    assert_eq!(
        second
            .json::<Value>()
            .await
            .unwrap()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        asked.rest("projects/1/repository/commits?page=3").await,
        json!([])
    );
    assert_eq!(
        asked
            .rest("projects/1/repository/commits/main/sequence")
            .await,
        json!({ "count": 21 })
    );
    assert_eq!(
        asked.rest("projects/2/repository/commits").await,
        json!({ "message": "404 Repository Not Found" })
    );
    asked.gitlab.edit(|world| world.version(Version::V16_0));
    assert_eq!(
        asked
            .get("projects/1/repository/commits/main/sequence")
            .await
            .status(),
        404
    );
}

#[tokio::test]
async fn rest_refuses_what_is_switched_off_and_hides_what_is_invisible() {
    let asked = Asked::of(|world| {
        world
            .project("group/off")
            .features(|on| (on.issues, on.merge_requests) = (false, false));
        world.project("group/invisible").access(Access::None);
        world
            .project("group/guest")
            .access(Access::Guest)
            .visibility(Visibility::Public);
    })
    .await;
    let forbidden = json!({ "message": "403 Forbidden" });
    assert_eq!(asked.rest("projects/1/merge_requests").await, forbidden);
    assert_eq!(asked.rest("projects/1/issues_statistics").await, forbidden);
    assert_eq!(
        asked.rest("projects/2").await,
        json!({ "message": "404 Project Not Found" })
    );
    let guest = asked.rest("projects/3?statistics=true").await;
    assert_eq!(guest.get("statistics"), None);
    assert_eq!(guest["namespace"]["kind"], "group");
    assert_eq!(
        asked
            .rest("projects/3/repository/commits/main/sequence")
            .await,
        json!({ "count": 1 })
    );
}

#[tokio::test]
async fn a_renamed_project_redirects_to_its_id() {
    let asked = Asked::of(|world| {
        *world = std::mem::take(world).sub_path("/gitlab");
        world.project("group/old");
        world.rename_project("group/old", "other/new");
    })
    .await;
    assert!(asked.gitlab.url().ends_with("/gitlab"));
    let moved = asked.get("projects/group%2Fold/releases?per_page=1").await;
    assert_eq!(moved.status(), 301);
    let expected = format!(
        "{}/api/v4/projects/1/releases?per_page=1",
        asked.gitlab.url()
    );
    assert_eq!(header(&moved, "location"), Some(expected.as_str()));
    assert_eq!(asked.rest("projects/other%2Fnew").await["id"], 1);
}

#[tokio::test]
async fn requests_are_remembered_with_their_connection_but_not_their_token() {
    let asked = Asked::of(|_| {}).await;
    asked
        .graphql(COUNTS, json!({ "ids": ["gid://gitlab/Project/1"] }))
        .await;
    asked.rest("version").await;
    let requests = asked.gitlab.requests();
    assert_eq!(requests[0].operation.as_deref(), Some("Counts"));
    assert_eq!(requests[0].variables["ids"][0], "gid://gitlab/Project/1");
    assert_eq!(requests[0].token, Some(TokenHeader::Bearer));
    assert_eq!(requests[1].token, Some(TokenHeader::PrivateToken));
    assert_eq!(requests[1].status, Some(200));
    assert_eq!(requests[0].peer_port, requests[1].peer_port);
    assert!(!format!("{requests:?}").contains(DEMO_TOKEN));
}

#[tokio::test]
async fn faults_strike_in_turn_and_end() {
    let asked = Asked::of(|_| {}).await;
    let query = "query Q { currentUser { id } }";
    asked
        .gitlab
        .fault(Fault::on("/api/graphql").times(2).status(503));
    asked.gitlab.fault(Fault::operation("Q").status(502));
    asked
        .gitlab
        .fault(Fault::anywhere().retry_later(Duration::from_secs(42)));
    asked.gitlab.fault(Fault::anywhere().login_page());
    let mut statuses = Vec::new();
    for _ in 0..6 {
        let response = asked.send(query, Value::Null).await.unwrap();
        statuses.push((
            response.status().as_u16(),
            header(&response, "retry-after").map(str::to_owned),
        ));
    }
    let plain: Vec<u16> = statuses.iter().map(|(status, _)| *status).collect();
    assert_eq!(plain, [503, 503, 502, 429, 200, 200]);
    assert_eq!(statuses[3].1.as_deref(), Some("42"));
}

#[tokio::test]
async fn broken_answers_are_broken_on_the_wire() {
    let asked = Asked::of(|_| {}).await;
    let query = "{ currentUser { id } }";
    asked.gitlab.fault(Fault::anywhere().reset());
    assert!(asked.send(query, Value::Null).await.is_err());
    asked.gitlab.fault(Fault::anywhere().truncated());
    let cut = asked.send(query, Value::Null).await.unwrap();
    assert_eq!(cut.status(), 200);
    assert!(cut.bytes().await.is_err());
    asked.gitlab.fault(Fault::anywhere().invalid_json());
    let invalid = asked.send(query, Value::Null).await.unwrap();
    assert!(invalid.json::<Value>().await.unwrap_err().is_decode());
    asked
        .gitlab
        .fault(Fault::anywhere().drip(Duration::from_millis(1)));
    let slow = asked.graphql(query, Value::Null).await;
    assert_eq!(slow["data"]["currentUser"]["id"], "gid://gitlab/User/1");
}

#[tokio::test]
async fn stopping_ends_a_request_that_hangs() {
    let asked = Asked::of(|_| {}).await;
    asked.gitlab.fault(Fault::anywhere().hang());
    let started = Instant::now();
    let Asked { gitlab, client } = asked;
    let address = format!("{}/api/v4/version", gitlab.url());
    let hanging = tokio::spawn(async move { client.get(address).send().await });
    while gitlab.requests().is_empty() {
        tokio::task::yield_now().await;
    }
    gitlab.stop().await;
    assert!(hanging.await.unwrap().is_err());
    assert!(started.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn the_rate_limit_announces_itself() {
    let asked = Asked::of(|world| world.rate_limit(1, Duration::from_secs(60))).await;
    let first = asked.get("version").await;
    assert_eq!(header(&first, "ratelimit-remaining"), Some("0"));
    let second = asked.get("version").await;
    assert_eq!(second.status(), 429);
    assert!(
        header(&second, "retry-after")
            .unwrap()
            .parse::<u64>()
            .unwrap()
            <= 60
    );
    assert!(header(&second, "ratelimit-reset").is_some());
    assert_eq!(second.text().await.unwrap(), "Retry later\n");
}

#[test]
fn time_passes_the_same_way_for_the_same_seed() {
    let after_a_day = || {
        let mut world = World::demo(jiff::Timestamp::UNIX_EPOCH);
        let mut random = fastrand::Rng::with_seed(3);
        for _ in 0..24 {
            world.advance(Duration::from_secs(3600), &mut random);
        }
        world
            .projects()
            .map(|project| project.commits)
            .collect::<Vec<_>>()
    };
    let before = World::demo(jiff::Timestamp::UNIX_EPOCH);
    assert!((110..=130).contains(&before.projects().count()));
    assert_eq!(after_a_day(), after_a_day());
    let commits: Vec<u64> = before.projects().map(|project| project.commits).collect();
    assert_ne!(after_a_day(), commits);
}

/// The scores that the reference calculation gives with the newest real schema.
#[test]
fn scores_are_those_of_the_reference() {
    let queries = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/gitlab/queries");
    if !queries.exists() {
        return;
    }
    let reference = [
        ("bulk_ids", 100, 141),
        ("bulk_ids", 50, 106),
        ("bulk_ids", 25, 89),
        ("bulk_ids", 10, 78),
        ("bulk_max", 100, 195),
        ("bulk_max", 50, 147),
        ("bulk_max", 25, 123),
        ("bulk_max", 10, 108),
        ("bulk_min", 100, 73),
        ("bulk_min", 50, 55),
        ("bulk_min", 25, 46),
        ("bulk_min", 10, 41),
        ("group_bulk", 100, 98),
        ("group_bulk", 50, 74),
        ("group_bulk", 25, 62),
        ("group_bulk", 10, 55),
        ("discover", 100, 25),
        ("discover", 50, 19),
        ("discover", 25, 16),
        ("discover", 10, 15),
        ("pipelines_incremental", 100, 31),
        ("pipelines_incremental", 10, 18),
        ("environments_one_project", 100, 28),
        ("runners_admin", 100, 19),
    ];
    for (name, size, expected) in reference {
        let text = fs::read_to_string(queries.join(format!("{name}.graphql"))).unwrap();
        let variables = json!({ "n": size, "ids": ["gid://gitlab/Project/1"], "path": "group", "since": "2026-01-01T00:00:00Z" });
        assert_eq!(score(&text, &variables), Ok(expected), "{name} at {size}");
    }
}
