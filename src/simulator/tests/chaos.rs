//! Failures by chance: how many, in which ways, and that they end.

use std::collections::BTreeMap;

use super::*;

const QUERY: &str = "query Counts { projects(first: 50) { nodes { id statistics { commitCount } mergeRequests(first: 1) { count } } } }";

/// How a request ended, in a word.
async fn ending(inside: &Inside, graphql: bool) -> String {
    let asked = async {
        match graphql {
            true => inside.send(QUERY, Value::Null).await,
            false => inside.try_get("projects/1").await,
        }
    };
    let Ok(asked) = tokio::time::timeout(Duration::from_secs(3_600), asked).await else {
        return "hangs".to_owned();
    };
    let Ok(response) = asked else {
        return "cut".to_owned();
    };
    let body: Option<Value> = serde_json::from_slice(response.body()).ok();
    let what = match body {
        None => "text",
        Some(body) if !body["errors"].is_null() && !body["data"].is_null() => "partial",
        Some(body) if !body["errors"].is_null() => "errors",
        Some(_) => "json",
    };
    let waits = text(&response, "retry-after").is_some();
    let wait = if waits { " with a wait" } else { "" };
    format!("{} {what}{wait}", response.status().as_u16())
}

async fn endings(share: f64, seed: u64, graphql: bool, requests: usize) -> Vec<String> {
    let inside = Inside::of(|world| {
        for number in 0..20 {
            world.project(&format!("group/p{number}"));
        }
    });
    inside.0.chaos(share, seed);
    let mut endings = Vec::new();
    for _ in 0..requests {
        endings.push(ending(&inside, graphql).await);
    }
    endings
}

#[tokio::test(start_paused = true)]
async fn chaos_fails_in_every_way_of_gitlab_and_never_refuses_the_token() {
    let count = |endings: Vec<String>| {
        let mut counts = BTreeMap::new();
        for ending in endings {
            *counts.entry(ending).or_insert(0_usize) += 1;
        }
        counts
    };
    let seen = count(endings(1.0, 1, true, 300).await);
    let ways: Vec<&str> = seen.keys().map(String::as_str).collect();
    let expected = [
        "200 errors",
        "200 json",
        "200 partial",
        "200 text",
        "403 text",
        "429 json",
        "429 text with a wait",
        "500 errors",
        "502 text",
        "503 errors",
        "503 errors with a wait",
        "cut",
        "hangs",
    ];
    assert_eq!(ways, expected, "{seen:?}");
    let seen = count(endings(1.0, 1, false, 300).await);
    let ways: Vec<&str> = seen.keys().map(String::as_str).collect();
    let expected = [
        "200 json",
        "200 text",
        "403 text",
        "429 json",
        "429 text with a wait",
        "500 json",
        "502 text",
        "503 json with a wait",
        "cut",
        "hangs",
    ];
    assert_eq!(ways, expected, "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn the_seed_decides_and_the_share_holds() {
    let twice = [
        endings(0.1, 5, true, 400).await,
        endings(0.1, 5, true, 400).await,
    ];
    assert_eq!(twice[0], twice[1]);
    assert_ne!(twice[0], endings(0.1, 6, true, 400).await);
    let inside = Inside::of(|_| {});
    inside.0.chaos(0.1, 5);
    for _ in 0..1_000 {
        ending(&inside, true).await;
    }
    let struck = inside.0.requests();
    let struck = struck.iter().filter(|request| request.struck).count();
    assert!((70..130).contains(&struck), "{struck}");
    inside.0.chaos(0.0, 0);
    for _ in 0..100 {
        assert_eq!(ending(&inside, true).await, "200 json");
    }
}

#[tokio::test(start_paused = true)]
async fn a_partial_answer_names_each_field_it_lost() {
    let inside = Inside::of(|world| {
        for number in 0..20 {
            world.project(&format!("group/p{number}"));
        }
    });
    inside.0.fault(Fault::anywhere().loses_fields(3));
    let answer = inside.graphql(QUERY, Value::Null).await;
    let nodes = answer["data"]["projects"]["nodes"].as_array().unwrap();
    let mut lost = Vec::new();
    for (index, node) in nodes.iter().enumerate() {
        assert!(node["id"].is_string());
        for field in ["statistics", "mergeRequests"] {
            if node[field].is_null() {
                lost.push(json!(["projects", "nodes", index, field]));
            }
        }
    }
    let errors = answer["errors"].as_array().unwrap();
    let named: Vec<Value> = errors.iter().map(|error| error["path"].clone()).collect();
    assert_eq!(named, lost);
    assert!((2..38).contains(&lost.len()), "{}", lost.len());
    let message = errors[0]["message"].as_str().unwrap();
    assert!(message.starts_with("Timeout on Project."), "{message}");
}
