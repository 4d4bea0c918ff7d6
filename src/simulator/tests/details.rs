//! What is counted of a project only where somebody asks: repository, packages, schedules, vulnerabilities.

use super::*;

async fn of_project(inside: &Inside, fields: &str) -> Value {
    let query = format!("{{ project(fullPath: \"group/a\") {{ {fields} }} }}");
    let answer = inside.graphql(&query, Value::Null).await;
    assert_eq!(answer["errors"], Value::Null, "{fields}");
    answer["data"]["project"].clone()
}

#[tokio::test(start_paused = true)]
async fn what_is_in_a_repository_is_counted_by_the_totals_of_rest() {
    let inside = Inside::of(|world| {
        let counts = RepositoryCounts {
            branches: 12,
            tags: 10_001,
            contributors: 5,
            protected_branches: 2,
        };
        let project = world.project("group/a").repository(counts);
        project
            .milestones(3, 4)
            .packages(6)
            .container_repositories(7);
        world.project("group/b").releases(3);
    });
    let total = async |path: &str| {
        let answer = inside.get(&format!("projects/{path}per_page=1")).await;
        let total = text(&answer, "x-total").map(str::to_owned);
        (answer.status().as_u16(), total)
    };
    let some = |count: &str| (200, Some(count.to_owned()));
    assert_eq!(total("1/repository/branches?").await, some("12"));
    assert_eq!(total("1/repository/contributors?").await, some("5"));
    // GitLab counts no further than ten thousand.
    assert_eq!(total("1/repository/tags?").await, (200, None));
    assert_eq!(total("1/milestones?state=active&").await, some("3"));
    assert_eq!(total("1/packages?").await, some("6"));
    assert_eq!(total("1/registry/repositories?").await, some("7"));
    assert_eq!(total("1/protected_branches?").await, (403, None));
    assert_eq!(total("2/repository/tags?").await, some("3"));
    assert_eq!(total("2/repository/branches?").await, some("1"));
    inside.0.edit(|world| {
        world.project("group/a").role(Role::Maintainer);
        world.project("group/b").role(Role::Guest);
    });
    assert_eq!(total("1/protected_branches?").await, some("2"));
    assert_eq!(total("2/repository/branches?").await, (403, None));
}

#[tokio::test(start_paused = true)]
async fn languages_packages_containers_and_milestones_are_told_in_bulk() {
    let inside = Inside::of(|world| {
        let project = world.project("group/a").language("Rust", 87.5);
        project.language("Shell", 12.5).milestones(2, 1);
        project.packages(6).container_repositories(7);
    });
    let fields = "languages { name share } packages(first: 1) { count } containerRepositoriesCount
        milestones(state: active) { nodes { id } }";
    let project = of_project(&inside, fields).await;
    let rust = json!({ "name": "Rust", "share": 87.5 });
    assert_eq!(project["languages"][0], rust);
    assert_eq!(project["packages"]["count"], 6);
    assert_eq!(project["containerRepositoriesCount"], 7);
    assert_eq!(project["milestones"]["nodes"].as_array().unwrap().len(), 2);
    assert_eq!(inside.rest("projects/1/languages").await["Shell"], 12.5);
    inside.0.edit(|world| {
        let project = world.project("group/a");
        project.features(|on| (on.packages, on.container_registry) = (false, false));
    });
    let project = of_project(&inside, fields).await;
    assert_eq!(project["packages"], Value::Null);
    assert_eq!(project["containerRepositoriesCount"], Value::Null);
    assert_eq!(inside.get("projects/1/packages").await.status(), 403);
}

#[tokio::test(start_paused = true)]
async fn schedules_are_told_for_one_project_a_request() {
    let inside = Inside::of(|world| {
        let next = world.now();
        let project = world.project("group/a");
        project.schedule(Schedule::active("nightly", next));
        project.schedule(Schedule::active("old", next).inactive());
        world.project("group/b");
    });
    let fields = "active: pipelineSchedules(status: ACTIVE) { count nodes { id description active nextRunAt } }";
    let project = of_project(&inside, fields).await;
    let nightly = json!({ "id": "gid://gitlab/Ci::PipelineSchedule/101", "description": "nightly",
        "active": true, "nextRunAt": "2026-01-01T00:00:00Z" });
    assert_eq!(project["active"], json!({ "count": 1, "nodes": [nightly] }));
    let both = "{ projects { nodes { pipelineSchedules { count } } } }";
    let answer = inside.graphql(both, Value::Null).await;
    let message = "\"pipelineSchedules\" field can be requested only for 1 Project(s) at a time.";
    assert_eq!(answer["errors"][0]["message"], message);
    let listed = inside
        .rest("projects/1/pipeline_schedules?scope=inactive")
        .await;
    assert_eq!(listed.as_array().unwrap().len(), 1);
    assert_eq!(listed[0]["active"], false);
    assert_eq!(listed[0]["next_run_at"], "2026-01-01T00:00:00.000Z");
}

#[tokio::test(start_paused = true)]
async fn vulnerabilities_need_ultimate_and_a_developer() {
    let inside = Inside::of(|world| {
        let severities = |critical, high| Severities {
            critical,
            high,
            ..Default::default()
        };
        let all = Vulnerabilities {
            detected: severities(2, 5),
            confirmed: severities(1, 0),
            resolved: severities(9, 9),
            ..Default::default()
        };
        world.project("group/a").vulnerabilities(all);
    });
    let fields =
        "open: vulnerabilitySeveritiesCount(state: [DETECTED, CONFIRMED]) { critical high low }
        all: vulnerabilitySeveritiesCount { critical }";
    let told = async || of_project(&inside, fields).await;
    assert_eq!(told().await["open"], Value::Null);
    inside.0.edit(|world| {
        world.project("group/a").role(Role::Developer);
        world.license(Some(License::new("premium", 10, 1)));
    });
    assert_eq!(told().await["open"], Value::Null);
    inside
        .0
        .edit(|world| world.license(Some(License::new("ultimate", 10, 1))));
    let open = json!({ "critical": 3, "high": 5, "low": 0 });
    assert_eq!(told().await["open"], open);
    assert_eq!(told().await["all"]["critical"], 12);
    inside.0.edit(|world| {
        world.project("group/a").role(Role::Reporter);
    });
    assert_eq!(told().await["open"], Value::Null);
}
