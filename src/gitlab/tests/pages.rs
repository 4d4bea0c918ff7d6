//! Lists and redirects.

use serde_json::json;

use super::*;
use crate::gitlab::{Error, NextPage};

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
    assert_eq!(first.paging.total, Some(3));
    let NextPage::At(next) = first.paging.next else {
        panic!("the list goes on");
    };
    let second = client.get(&next, soon()).await.unwrap();
    assert_eq!(
        (second.body, second.paging.next, second.paging.total),
        (json!([3]), NextPage::Untold, None)
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
    assert!(matches!(error, Error::NotUnderstood { .. }));
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
async fn a_moved_project_is_found_at_our_own_address_whatever_host_and_scheme_are_named() {
    for location in [
        "http://10.0.0.7:8080/api/v4/projects/7?statistics=true",
        "https://internal.example/gitlab/api/v4/projects/7?statistics=true",
        "/api/v4/projects/7?statistics=true",
    ] {
        let server = Server::start(move |seen, _| match seen.target.contains("old") {
            true => answer(301, &[("location", location)], ""),
            false => json(200, &json!({"id": 7})),
        })
        .await;
        let client = client(config(&format!("{}/sub", server.url)));
        let path = "projects/old%2Fname?statistics=true";
        let project = client.get(path, soon()).await.unwrap();
        assert_eq!(project.body, json!({"id": 7}));
        let target = &server.seen()[1].target;
        assert_eq!(target, "/sub/api/v4/projects/7?statistics=true");
    }
}

#[tokio::test]
async fn a_dot_in_a_path_is_sent_encoded_before_and_after_a_redirect() {
    let location = "/api/v4/projects/new%2Fpage.io?statistics=true";
    let server = Server::start(move |seen, _| match seen.target.contains("old") {
        true => answer(301, &[("location", location)], ""),
        false => json(200, &json!({"id": 7})),
    })
    .await;
    let path = "projects/old%2Fsite.js/issues?search=a.b";
    server.client().get(path, soon()).await.unwrap();
    let targets: Vec<_> = server.seen().into_iter().map(|seen| seen.target).collect();
    assert_eq!(
        targets,
        [
            "/api/v4/projects/old%2Fsite%2Ejs/issues?search=a.b",
            "/api/v4/projects/new%2Fpage%2Eio?statistics=true",
        ]
    );
}

#[tokio::test]
async fn a_circle_of_redirects_ends_with_the_first_address_that_returns() {
    for (length, requests) in [(1, 1), (2, 2), (100, 6)] {
        let server = Server::start(move |_, before| {
            let to = format!("/api/v4/projects/{}", (before + 1) % length);
            answer(302, &[("location", &to)], "")
        })
        .await;
        let error = server.client().get("projects/0", soon()).await;
        let error = error.unwrap_err();
        assert!(matches!(
            error,
            Error::Redirected {
                gitlab_url: None,
                ..
            }
        ));
        assert_eq!(server.requests(), requests);
    }
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
    assert!(matches!(error, Error::NotGitLab { status: 200, .. }));
}
