//! The token: on every request, nowhere else, and what GitLab says about it.

use std::fs;

use serde_json::json;

use super::*;
use crate::gitlab::Error;

const EXPIRED: &str = "Token is expired. You can either do re-authorization or token refresh.";

#[tokio::test]
async fn every_request_carries_the_token_and_says_who_asks() {
    let server = Server::start(|_, _| json(200, &json!({"data": {}}))).await;
    let client = server.client();
    client.graphql("{ a }", json!({}), soon()).await.unwrap();
    client.get("user", soon()).await.unwrap();
    for seen in server.seen() {
        assert_eq!(seen.header("authorization"), format!("Bearer {TOKEN}"));
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(
            seen.header("user-agent"),
            format!("gitlab-metrics-bridge/{version}")
        );
        assert_eq!(seen.header("accept"), "application/json");
    }
}

#[tokio::test]
async fn rotated_secrets_are_used_from_the_next_request() {
    let server = Server::start(|_, _| json(200, &json!([]))).await;
    let folder = tempfile::tempdir().unwrap();
    let (token, key) = (folder.path().join("token"), folder.path().join("key"));
    fs::write(&token, "first\n").unwrap();
    fs::write(&key, "one\n").unwrap();
    let client = client(Config {
        token: Some(CredentialSource::File(token.clone())),
        headers: vec![("x-front".to_owned(), CredentialSource::File(key.clone()))],
        ..config(&server.url)
    });
    client.get("user", soon()).await.unwrap();
    fs::write(&token, "second\n").unwrap();
    fs::write(&key, "two\n").unwrap();
    client.reload_secrets().unwrap();
    client.get("user", soon()).await.unwrap();
    let seen = server.seen();
    let sent = seen
        .iter()
        .map(|seen| (seen.header("authorization"), seen.header("x-front")));
    assert!(sent.eq([("Bearer first", "one"), ("Bearer second", "two")]));
}

#[tokio::test]
async fn graphql_asks_rest_once_why_a_token_is_refused() {
    let server = Server::start(|seen, _| match seen.target.as_str() {
        "/api/graphql" => json(401, &json!({"errors": [{"message": "Invalid token"}]})),
        _ => json(
            401,
            &json!({"error": "invalid_token", "error_description": EXPIRED}),
        ),
    })
    .await;
    let client = server.client();
    for _ in 0..3 {
        let error = client
            .graphql("{ a }", json!({}), soon())
            .await
            .unwrap_err();
        assert!(matches!(&error, Error::Unauthorized { detail } if detail == EXPIRED));
        assert!(error.advice().unwrap().contains("read_api"));
    }
    let rest = server
        .seen()
        .iter()
        .filter(|seen| seen.method == "GET")
        .count();
    assert_eq!(rest, 1);
}

#[tokio::test]
async fn where_rest_knows_no_better_graphqls_words_stay() {
    let server = Server::start(|seen, _| match seen.target.as_str() {
        "/api/graphql" => json(401, &json!({"errors": [{"message": "Invalid token"}]})),
        _ => html(404),
    })
    .await;
    let error = server
        .client()
        .graphql("{ a }", json!({}), soon())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unauthorized { detail } if detail == "Invalid token"));
}

#[tokio::test]
async fn a_token_that_is_echoed_does_not_reach_an_error() {
    let server = Server::start(|seen, _| {
        json(
            400,
            &json!({"message": format!("bad header: {}", seen.header("authorization"))}),
        )
    })
    .await;
    let error = server.client().get("user", soon()).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains(TOKEN));
}

#[tokio::test]
async fn an_introduction_tells_who_the_token_is() {
    let server = Server::start(|seen, _| match seen.target.as_str() {
        "/api/v4/user" => json(200, &json!({"id": 1, "username": "bridge"})),
        "/api/v4/personal_access_tokens/self" => json(
            200,
            &json!({"name": "metrics", "scopes": ["read_api"], "expires_at": "2027-01-31"}),
        ),
        "/api/v4/metadata" => json(200, &json!({"version": "18.8.1-ee", "enterprise": true})),
        _ => json(404, &json!({"error": "404 Not Found"})),
    })
    .await;
    let introduction = server.client().token_info(soon()).await.unwrap();
    assert_eq!(introduction.username.as_deref(), Some("bridge"));
    assert_eq!(introduction.token_name.as_deref(), Some("metrics"));
    assert_eq!(introduction.scopes, Some(vec!["read_api".to_owned()]));
    assert_eq!(
        introduction.expires_at,
        Some(jiff::civil::date(2027, 1, 31))
    );
    assert_eq!(introduction.version.as_deref(), Some("18.8.1-ee"));
    assert_eq!(introduction.enterprise, Some(true));
}

#[tokio::test]
async fn what_an_old_gitlab_does_not_tell_is_absent() {
    let server = Server::start(|seen, _| match seen.target.as_str() {
        "/api/v4/user" => json(200, &json!({"username": "bridge"})),
        "/api/v4/version" => json(200, &json!({"version": "14.10.0"})),
        _ => json(404, &json!({"error": "404 Not Found"})),
    })
    .await;
    let introduction = server.client().token_info(soon()).await.unwrap();
    assert_eq!(introduction.version.as_deref(), Some("14.10.0"));
    assert_eq!(
        (introduction.token_name, introduction.enterprise),
        (None, None)
    );
}

#[tokio::test]
async fn where_rest_is_blocked_graphql_introduces() {
    let server = Server::start(|seen, _| match seen.target.as_str() {
        "/api/graphql" => json(
            200,
            &json!({"data": {"currentUser": {"username": "bridge"}, "metadata": {"version": "18.8.1", "enterprise": false}}}),
        ),
        _ => html(403),
    })
    .await;
    let introduction = server.client().token_info(soon()).await.unwrap();
    assert_eq!(introduction.username.as_deref(), Some("bridge"));
    assert_eq!(introduction.enterprise, Some(false));
}

#[tokio::test]
async fn a_wrong_token_has_no_introduction() {
    let server = Server::start(|_, _| json(401, &json!({"message": "401 Unauthorized"}))).await;
    let error = server.client().token_info(soon()).await.unwrap_err();
    assert!(matches!(error, Error::Unauthorized { .. }));
    assert_eq!(server.requests(), 1);
}

fn header(name: &str, value: &str) -> (String, CredentialSource) {
    let place = "gitlab.headers".to_owned();
    (
        name.to_owned(),
        CredentialSource::Value(place, value.into()),
    )
}

#[tokio::test]
async fn configured_headers_go_along_with_every_request_to_gitlab_and_nowhere_else() {
    let elsewhere = Server::start(|_, _| json(200, &json!([]))).await;
    let location = format!("{}/login", elsewhere.url);
    let server = Server::start(move |seen, _| match seen.target.as_str() {
        "/api/v4/moved" => answer(302, &[("location", "/api/v4/here")], ""),
        "/api/v4/away" => answer(302, &[("location", &location)], ""),
        "/api/v4/echo" => json(400, &json!({"message": seen.header("x-front")})),
        _ => json(200, &json!({"data": {}})),
    })
    .await;
    let config = Config {
        headers: vec![
            header("X-Front", "front-secret"),
            header("user-agent", "agent/1"),
        ],
        ..config(&server.url)
    };
    assert!(!format!("{config:?}").contains("agent/1"));
    let client = client(config);
    client.get("moved", soon()).await.unwrap();
    client.graphql("{ a }", json!({}), soon()).await.unwrap();
    client.get("away", soon()).await.unwrap_err();
    let error = client.get("echo", soon()).await.unwrap_err();
    assert!(error.to_string().contains("[secret]"), "{error}");

    let seen = server.seen();
    let fronts: Vec<_> = seen.iter().map(|seen| seen.header("x-front")).collect();
    assert_eq!(fronts, ["front-secret"; 5]);
    assert!(
        seen.iter()
            .all(|seen| seen.header("user-agent") == "agent/1")
    );
    assert_eq!(elsewhere.requests(), 0);
}
