//! Lists and redirects.

use serde_json::json;

use super::*;
use crate::gitlab::Error;

#[tokio::test]
async fn a_list_is_followed_by_its_links() {
    // GitLab believes to be https://gitlab.example.com; the bridge reaches it on loopback.
    let next = r#"<https://gitlab.example.com/sub/api/v4/projects?id_after=2&pagination=keyset>; rel="next""#;
    let server = Server::start(move |seen, _| match seen.query("id_after") {
        None => answer(200, &[("link", next), ("x-total", "3")], "[1, 2]"),
        Some(_) => answer(200, &[], "[3]"),
    })
    .await;
    let client = client(config(&format!("{}/sub", server.url)));
    let first = client
        .get("projects?pagination=keyset", soon())
        .await
        .unwrap();
    assert_eq!(first.body, json!([1, 2]));
    assert_eq!(first.total, Some(3));
    let second = client.get(&first.next.unwrap(), soon()).await.unwrap();
    assert_eq!(
        (second.body, second.next, second.total),
        (json!([3]), None, None)
    );
    assert_eq!(
        server.seen()[1].target,
        "/sub/api/v4/projects?id_after=2&pagination=keyset"
    );
}

#[tokio::test]
async fn a_link_out_of_the_api_is_an_error_and_not_the_end() {
    let next = r#"<https://gitlab.example.com/elsewhere>; rel="next""#;
    let server = Server::start(move |_, _| answer(200, &[("link", next)], "[]")).await;
    let error = server.client().get("projects", soon()).await.unwrap_err();
    assert!(matches!(error, Error::Refused { status: 200, .. }));
}

#[tokio::test]
async fn a_renamed_project_is_found_at_its_new_address() {
    let server = Server::start(|seen, _| match seen.target.as_str() {
        "/api/v4/projects/old%2Fname" => answer(301, &[("location", "/api/v4/projects/7")], ""),
        _ => json(200, &json!({"id": 7})),
    })
    .await;
    let page = server
        .client()
        .get("projects/old%2Fname", soon())
        .await
        .unwrap();
    assert_eq!(page.body, json!({"id": 7}));
    assert_eq!(
        server.seen()[1].header("authorization"),
        format!("Bearer {TOKEN}")
    );
}

#[tokio::test]
async fn a_loop_of_redirects_ends() {
    let server = Server::start(|_, _| answer(302, &[("location", "/api/v4/user")], "")).await;
    let error = server.client().get("user", soon()).await.unwrap_err();
    assert!(matches!(error, Error::Redirected { .. }));
    assert_eq!(server.requests(), 6);
}

#[tokio::test]
async fn the_token_is_never_sent_to_another_place() {
    let elsewhere = Server::start(|_, _| json(200, &json!([]))).await;
    let location = format!("{}/gitlab/api/v4/projects?state=secret", elsewhere.url);
    let server = Server::start(move |_, _| answer(301, &[("location", &location)], "")).await;
    let error = server.client().get("projects", soon()).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "GitLab redirects to {}/gitlab/api/v4/projects",
            elsewhere.url
        )
    );
    assert_eq!(
        error.advice(),
        Some(format!("Set GITLAB_URL to {}/gitlab.", elsewhere.url))
    );
    assert_eq!(elsewhere.requests(), 0);
}

#[tokio::test]
async fn a_redirected_query_is_not_sent_again() {
    let server = Server::start(|_, _| answer(301, &[("location", "/api/graphql/")], "")).await;
    let error = server
        .client()
        .graphql("{ a }", json!({}), soon())
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Redirected { .. }));
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_login_page_behind_a_redirect_points_at_the_address() {
    let server = Server::start(|seen, _| match seen.target.as_str() {
        "/users/sign_in" => html(200),
        _ => answer(302, &[("location", "/users/sign_in")], ""),
    })
    .await;
    let error = server.client().get("projects", soon()).await.unwrap_err();
    assert!(matches!(error, Error::NotJson { html: true, .. }));
}
