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

fn family(world: &mut World) {
    for path in ["top/a", "top/b", "top/sub/c", "top/sub/deep/d"] {
        let sizes = Sizes {
            repository: 100,
            packages: 10,
            ..Default::default()
        };
        world.project(path).sizes(sizes);
    }
    world.group_members("top", Role::Owner, [1, 2, 3]);
    world.group_members("top/sub", Role::Developer, [3, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_group_counts_what_is_directly_below_it() {
    let inside = Inside::of(family);
    let query = "{ groups(ids: [\"gid://gitlab/Group/1\", \"gid://gitlab/Group/2\"]) { nodes {
        fullPath visibility projectsCount groupMembersCount descendantGroupsCount } } }";
    let answer = inside.graphql(query, Value::Null).await;
    let expected = json!([
        { "fullPath": "top", "visibility": "private", "projectsCount": 2, "groupMembersCount": 3, "descendantGroupsCount": 1 },
        { "fullPath": "top/sub", "visibility": "private", "projectsCount": 1, "groupMembersCount": 2, "descendantGroupsCount": 1 },
    ]);
    assert_eq!(answer["data"]["groups"]["nodes"], expected);
    let descendants = "{ group(fullPath: \"top\") {
        all: descendantGroups { count nodes { fullPath } }
        own: descendantGroups(includeParentDescendants: false) { nodes { fullPath } } } }";
    let answer = inside.graphql(descendants, Value::Null).await;
    let group = &answer["data"]["group"];
    assert_eq!(group["all"]["count"], 2);
    assert_eq!(group["all"]["nodes"][1]["fullPath"], "top/sub/deep");
    assert_eq!(group["own"]["nodes"], json!([{ "fullPath": "top/sub" }]));
    let listed = async |path: &str| {
        let answer = inside.get(&format!("groups/top/{path}?per_page=1")).await;
        text(&answer, "x-total").unwrap().to_owned()
    };
    assert_eq!(listed("subgroups").await, "1");
    assert_eq!(listed("descendant_groups").await, "2");
    assert_eq!(listed("members/all").await, "3");
    let tops = inside.rest("groups?top_level_only=true").await;
    assert_eq!(tops.as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_storage_of_a_group_is_told_at_the_top_and_not_to_everybody() {
    let inside = Inside::of(family);
    let storage = async || {
        let query = "{ groups { nodes { rootStorageStatistics {
            storageSize repositorySize dependencyProxySize } } } }";
        let answer = inside.graphql(query, Value::Null).await;
        let nodes = answer["data"]["groups"]["nodes"]
            .as_array()
            .unwrap()
            .clone();
        let told = nodes
            .into_iter()
            .map(|mut node| node["rootStorageStatistics"].take());
        told.collect::<Vec<_>>()
    };
    assert_eq!(storage().await, [Value::Null, Value::Null, Value::Null]);
    inside
        .0
        .edit(|world| world.group_role("top", Role::Maintainer));
    let sum = json!({ "storageSize": 440.0, "repositorySize": 400.0, "dependencyProxySize": 0.0 });
    assert_eq!(storage().await, [sum.clone(), Value::Null, Value::Null]);
    inside.0.edit(|world| world.version(Version::V16_0));
    assert_eq!(storage().await[0], Value::Null);
    inside.0.edit(|world| world.group_role("top", Role::Owner));
    assert_eq!(storage().await[0], sum);
}

#[tokio::test(start_paused = true)]
async fn members_are_inherited_and_invited_and_come_once_for_each_way() {
    let inside = Inside::of(|world| {
        family(world);
        world.project_members("top/sub/c", Role::Maintainer, [4]);
        world.group_members("guests", Role::Guest, [4, 5]);
        world.invite_group("top/sub/c", "guests");
    });
    let id = inside
        .0
        .read(|world| world.find_project("top/sub/c").unwrap().id);
    let mut members = Vec::new();
    for page in 1..=4 {
        let path = format!("projects/{id}/members/all?per_page=2&page={page}");
        let rows = inside.rest(&path).await;
        members.extend(rows.as_array().unwrap().iter().map(|row| {
            let number = |name: &str| row[name].as_u64().unwrap();
            (number("id"), number("access_level"))
        }));
    }
    let expected = [
        (1, 50),
        (2, 50),
        (3, 50),
        (3, 30),
        (4, 40),
        (4, 30),
        (4, 10),
        (5, 10),
    ];
    assert_eq!(members, expected);
    let query = "{ project(fullPath: \"top/sub/c\") {
        direct: projectMembers(relations: [DIRECT]) { nodes { user { id } accessLevel { integerValue stringValue } } }
        both: projectMembers { nodes { user { id } } } } }";
    let answer = inside.graphql(query, Value::Null).await;
    let project = &answer["data"]["project"];
    let direct = json!([{ "user": { "id": "gid://gitlab/User/4" },
        "accessLevel": { "integerValue": 40, "stringValue": "MAINTAINER" } }]);
    assert_eq!(project["direct"]["nodes"], direct);
    assert_eq!(project["both"]["nodes"].as_array().unwrap().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_group_sums_the_merge_requests_and_issues_of_its_projects() {
    let inside = Inside::of(|world| {
        for path in ["top/a", "top/sub/b", "top/sub/old"] {
            let two = MergeRequests {
                opened: 2,
                ..Default::default()
            };
            world.project(path).merge_requests(two).issues(3, 0);
        }
        world.project("top/sub/old").archived();
    });
    let query = "{ group(fullPath: \"top\") {
        direct: mergeRequests(state: opened, first: 1) { count }
        all: mergeRequests(state: opened, includeSubgroups: true, first: 1) { count }
        archived: issues(state: opened, includeSubgroups: true, includeArchived: true, first: 1) { count } } }";
    let answer = inside.graphql(query, Value::Null).await;
    let group = &answer["data"]["group"];
    let counts = ["direct", "all", "archived"].map(|name| group[name]["count"].clone());
    assert_eq!(counts, [2, 4, 9]);
}

#[tokio::test(start_paused = true)]
async fn an_administrator_sees_what_the_token_s_user_does_not() {
    let inside = Inside::of(|world| {
        world.project("top/secret").role(Role::None).commits(7);
        world.hide_group("top");
        world.token(AccessToken::new(DEMO_TOKEN));
    });
    let query = "{ projects { nodes { statistics { commitCount } } } groups { count } }";
    let user = inside.graphql(query, Value::Null).await;
    assert_eq!(user["data"]["projects"]["nodes"], json!([]));
    let administrator = AccessToken::new(DEMO_TOKEN).administrator();
    inside.0.edit(|world| world.token(administrator));
    let everything = inside.graphql(query, Value::Null).await;
    let node = &everything["data"]["projects"]["nodes"][0];
    assert_eq!(node["statistics"]["commitCount"], 7.0);
    assert_eq!(everything["data"]["groups"]["count"], 1);
    let body = inside.rest("projects/1?statistics=true").await;
    assert_eq!(body["statistics"]["commit_count"], 7);
}
