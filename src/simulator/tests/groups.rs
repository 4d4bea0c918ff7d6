//! Groups that move, hide and go, and projects that wait for their deletion.

use super::*;

async fn group(inside: &Inside, path: &str) -> Value {
    let query = "query G($path: ID!) { group(fullPath: $path) { id projects(includeSubgroups: true) { nodes { fullPath } } } }";
    let answer = inside.graphql(query, json!({ "path": path })).await;
    answer["data"]["group"].clone()
}

#[tokio::test(start_paused = true)]
async fn a_renamed_group_keeps_its_id_and_takes_its_projects_along() {
    let inside = Inside::of(|world| {
        world.project("top/old/sub/site.example.org");
        world.project("top/older/a");
    });
    let id = inside.0.read(|world| world.group_id("top/old")).unwrap();
    inside
        .0
        .edit(|world| world.rename_group("top/old", "other/new"));
    assert_eq!(group(&inside, "top/old").await, Value::Null);
    assert_eq!(inside.get("groups/top%2Fold").await.status(), 404);
    let moved = group(&inside, "other/new").await;
    assert_eq!(moved["id"], format!("gid://gitlab/Group/{id}"));
    let path = "other/new/sub/site.example.org";
    assert_eq!(moved["projects"]["nodes"], json!([{ "fullPath": path }]));
    let by_id = inside.rest(&format!("groups/{id}")).await;
    assert_eq!(by_id["full_path"], "other/new");
    let old = inside.get("projects/top%2Fold%2Fsub%2Fsite%2Eexample%2Eorg");
    assert_eq!(old.await.status(), 301);
    let named = inside.rest("projects/other%2Fnew%2Fsub%2Fsite.example.org");
    assert_eq!(named.await["id"], 1);
    assert!(group(&inside, "top/older").await["id"].is_string());
}

#[tokio::test(start_paused = true)]
async fn a_hidden_group_is_as_good_as_gone_until_it_is_shown() {
    let inside = Inside::of(|world| {
        world.project("top/a");
        world.project("other/b");
        world.group("top/empty");
    });
    let id = inside.0.read(|world| world.group_id("top")).unwrap();
    inside.0.edit(|world| world.hide_group("top"));
    assert_eq!(group(&inside, "top").await, Value::Null);
    assert_eq!(group(&inside, "top/empty").await, Value::Null);
    assert_eq!(inside.get(&format!("groups/{id}")).await.status(), 404);
    assert_eq!(inside.get("projects/1").await.status(), 404);
    let listed = inside.rest("projects").await;
    assert_eq!(listed.as_array().unwrap().len(), 1);
    inside.0.edit(|world| world.show_group("top"));
    assert_eq!(inside.get("projects/1").await.status(), 200);
    inside.0.edit(|world| world.remove_group("top"));
    assert_eq!(inside.get(&format!("groups/{id}")).await.status(), 404);
}

#[tokio::test(start_paused = true)]
async fn a_project_that_is_marked_for_deletion_says_so_and_can_be_left_out() {
    let inside = Inside::of(|world| {
        world.project("group/a");
        world.project("group/b");
    });
    inside.events("group/b", |events| {
        events.mark_for_deletion();
    });
    let query = "{ projects { nodes { id markedForDeletion markedForDeletionOn } }
        kept: projects(notAimedForDeletion: true) { count }
        doomed: projects(aimedForDeletion: true) { count }
        active: projects(active: true) { count }
        group(fullPath: \"group\") { projects(notAimedForDeletion: true) { count } } }";
    let answer = inside.graphql(query, Value::Null).await;
    let data = &answer["data"];
    let (marked, kept) = (&data["projects"]["nodes"][0], &data["projects"]["nodes"][1]);
    assert_eq!(marked["markedForDeletion"], true);
    assert_eq!(marked["markedForDeletionOn"], "2026-01-01T00:00:00Z");
    assert_eq!(kept["markedForDeletion"], false);
    assert_eq!(kept["markedForDeletionOn"], Value::Null);
    let counts = ["kept", "doomed", "active"].map(|list| data[list]["count"].clone());
    assert_eq!(counts, [1, 1, 1]);
    assert_eq!(data["group"]["projects"]["count"], 1);
    let body = inside.rest("projects/2").await;
    assert_eq!(body["marked_for_deletion_on"], "2026-01-01");
    assert_eq!(
        inside
            .rest("projects?active=true")
            .await
            .as_array()
            .unwrap()
            .len(),
        1
    );
}
