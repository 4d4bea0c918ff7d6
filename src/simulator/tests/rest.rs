//! REST: pages, totals, tokens and refusals.

use super::*;

#[tokio::test]
async fn tokens_are_told_apart() {
    let asked = Asked::of(|world| {
        world.token(AccessToken::new("good").expires_at("2026-12-31"));
        world.token(AccessToken::new("old").expired());
        world.token(AccessToken::new("gone").revoked());
        world.token(AccessToken::new("narrow").scopes(&["read_user"]));
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
        world.project("group/invisible").role(Role::None);
        world
            .project("group/guest")
            .role(Role::Guest)
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
