//! The queries that the model is to answer, as they stand beside the project.

use super::*;

mod with_shared {
    use super::*;

    /// Each query, the fields that GitLab 18.4 and 16.0 lack in it, and its score by the newest schema for
    /// pages of 100 projects and 20 things of each.
    const QUERIES: [(&str, &[&str], &[&str], u32); 15] = [
        ("ci_glance", &[], &[], 73),
        (
            "ci_changed",
            &["failedJobsCount"],
            &["source", "name", "totalJobs"],
            67,
        ),
        ("ci_children", &[], &[], 61),
        ("ci_follow", &[], &[], 9),
        ("ci_jobs_page", &[], &[], 58),
        (
            "ci_latest",
            &["failedJobsCount"],
            &["source", "totalJobs"],
            103,
        ),
        ("ci_queue", &[], &[], 133),
        ("ci_queue_admin", &[], &[], 31),
        ("ci_refs", &[], &["source"], 169),
        ("ci_tests", &[], &[], 75),
        ("env_list_batch", &[], &[], 42),
        ("env_named", &[], &[], 45),
        ("environments_one_project", &[], &[], 28),
        ("pipelines_incremental", &[], &[], 33),
        // Too dear for 100 projects.
        ("ci_jobs", &[], &[], 281),
    ];

    fn text(name: &str) -> String {
        let queries = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/gitlab/queries");
        fs::read_to_string(queries.join(format!("{name}.graphql"))).unwrap()
    }

    /// All that the queries ask for; each is sent those that it declares.
    fn variables(query: &str, projects: u64) -> Value {
        let all = json!({
            "ids": ["gid://gitlab/Project/1"], "a": ["gid://gitlab/Project/1"], "b": [], "c": [], "d": [], "e": [],
            "n": projects, "k": 20, "since": "2026-01-01T00:00:00Z", "path": "group/a", "name": "production",
            "p0": "group/a", "p1": "group/a", "p2": "group/a", "i0": "1", "i1": "2", "i2": "99", "iid": "1",
            "r0": "main", "r1": "v1",
        });
        let declared = |name: &str| query.contains(&format!("${name}:"));
        let all = all.as_object().unwrap().clone();
        all.into_iter().filter(|(name, _)| declared(name)).collect()
    }

    fn lively() -> Inside {
        Inside::of(|world| {
            world
                .project("group/a")
                .environment("production", Tier::Production);
            world
                .events("group/a")
                .deploy("production", DeploymentStatus::Success);
            let mut random = fastrand::Rng::with_seed(9);
            for _ in 0..60 {
                world.churn(Duration::from_secs(600), &mut random);
                world.advance(Duration::from_secs(600), &mut random);
            }
            world.token(AccessToken::new(DEMO_TOKEN).administrator());
        })
    }

    #[test]
    #[ignore = "needs ../shared: queries with their scores"]
    fn queries_about_ci_cost_what_the_reference_says() {
        for (name, _, _, expected) in QUERIES {
            let query = text(name);
            assert_eq!(
                score(&query, &variables(&query, 100)),
                Ok(expected),
                "{name}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    #[ignore = "needs ../shared: queries"]
    async fn queries_about_ci_are_answered_by_each_version_without_what_it_lacks() {
        let inside = lively();
        for version in [Version::V18_8, Version::V18_4, Version::V16_0] {
            inside.0.edit(|world| world.version(version));
            for (name, in_18_4, in_16_0, _) in QUERIES {
                let mut query = text(name);
                let lacking = match version {
                    Version::V18_8 => Vec::new(),
                    Version::V18_4 => in_18_4.to_vec(),
                    _ => [in_18_4, in_16_0].concat(),
                };
                for field in lacking {
                    let whole = inside.graphql(&query, variables(&query, 50)).await;
                    let code = &whole["errors"][0]["extensions"]["code"];
                    assert_eq!(*code, "undefinedField", "{name} {version} has {field}");
                    query = query.replace(&format!(" {field}"), "");
                }
                if version == Version::V16_0 {
                    query = query.replace("head: pipeline { ...P }", "");
                }
                let answer = inside.graphql(&query, variables(&query, 50)).await;
                assert_eq!(answer["errors"], Value::Null, "{name} {version}");
                assert!(answer["data"].is_object(), "{name} {version}: {answer}");
            }
        }
    }

    #[tokio::test(start_paused = true)]
    #[ignore = "needs ../shared: queries"]
    async fn a_glance_sees_that_pipelines_moved_and_the_feed_sees_which() {
        let inside = lively();
        let glance = text("ci_glance");
        let answer = inside.graphql(&glance, variables(&glance, 100)).await;
        assert!(answer["data"]["a"]["nodes"][0]["pipelines"]["nodes"][0]["updatedAt"].is_string());
        let feed = text("ci_changed");
        let answer = inside.graphql(&feed, variables(&feed, 100)).await;
        let page = &answer["data"]["projects"]["nodes"][0]["pipelines"];
        assert_eq!(page["nodes"].as_array().unwrap().len(), 20);
        assert_eq!(page["pageInfo"]["hasNextPage"], true);
        assert_eq!(answer["data"]["queryComplexity"]["score"], 67);
    }
}
