//! Each of several replicas, in good times.

/// Without `cluster.url` there is no group.
#[tokio::test]
async fn one_process_alone_tells_nothing_of_a_group() {
    use crate::support::running::{Running, bridge_for};

    let gitlab = crate::group::gitlab().await;
    let bridge = Running::start(bridge_for(gitlab.url())).await;
    bridge.first_scrape().await;
    let (_, text) = bridge.get("/metrics").await;
    for present in [
        "gitlab_commits_total",
        "gitlab_bridge_build_info",
        "process_threads",
    ] {
        assert!(text.contains(present), "{present}");
    }
    for absent in [
        "gitlab_bridge_leader",
        "gitlab_bridge_engine",
        "gitlab_bridge_lease",
        "gitlab_bridge_version",
    ] {
        assert!(!text.contains(absent), "{absent}");
    }
}

mod with_redis {
    use std::sync::Arc;
    use std::time::Duration;

    use gitlab_metrics_bridge::simulator::{GitLab, World};
    use reqwest::StatusCode;
    use tokio::time::{Instant, sleep};

    use crate::group::{self, GROUP, Group, beat, name};
    use crate::pushed;
    use crate::support::process::{Program, bridge};
    use crate::support::received::Received;
    use crate::support::receiver::Receiver;
    use crate::support::redis_server::RedisServer;
    use crate::support::running::{Running, TOKEN};
    use crate::support::{PATIENCE, Series};

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs redis-server"]
    async fn a_follower_serves_what_the_leader_published_byte_for_byte_and_nothing_of_its_own() {
        let group = Group::start(2, &[]).await;
        group.wait_until_ready().await;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let (_, one) = group.running(0).get("/metrics").await;
            let (_, other) = group.running(1).get("/metrics").await;
            if one == other {
                let own = one
                    .lines()
                    .find(|line| line.contains("gitlab_bridge_") || line.contains("process_"));
                assert_eq!(own, None);
                assert!(one.contains("gitlab_project_info{"), "{one}");
                break;
            }
            // One may be a version ahead.
            assert!(Instant::now() < deadline, "{one}\n\n{other}");
        }
        for replica in 0..2 {
            let (_, own) = group.running(replica).get("/metrics/bridge").await;
            assert!(own.contains("process_threads "), "{own}");
            assert!(!own.contains("\ngitlab_commits_total{"), "{own}");
        }
        let leaders = [
            group.own(0, "gitlab_bridge_leader").await,
            group.own(1, "gitlab_bridge_leader").await,
        ];
        assert_eq!(leaders.into_iter().flatten().sum::<f64>(), 1.0);
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs redis-server"]
    async fn the_leader_alone_pushes_the_groups_series_and_each_its_own() {
        let receiver = Receiver::start();
        let settings = [
            ("OTEL_METRICS_EXPORTER", "otlp,prometheus".to_owned()),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint()),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf".to_owned()),
            ("OTEL_METRIC_EXPORT_INTERVAL", "200".to_owned()),
        ];
        let group = Group::start(2, &settings).await;
        group.wait_until_ready().await;
        let both = |received: &Received| {
            let senders = pushed::senders(received);
            let count = |name: &str| senders.iter().filter(|own| *own == name).count();
            count(GROUP) > 3 && count(&name(0)) > 3 && count(&name(1)) > 3
        };
        receiver.wait_for(both).await;
        receiver.read(|received| {
            let points = pushed::points(received);
            let of_gitlab = |name: &str| points.iter().any(|point| point.series.starts_with(name));
            assert!(
                of_gitlab("gitlab_commits_total{"),
                "{:?}",
                pushed::senders(received)
            );
            let own = points
                .iter()
                .find(|point| point.series.starts_with("gitlab_bridge_"));
            assert_eq!(own, None);
            let mut senders = pushed::senders(received);
            senders.sort();
            senders.dedup();
            assert_eq!(senders, [name(0), name(1), GROUP.to_owned()]);
        });
    }

    /// Two GitLabs, and the settings for both.
    async fn two_gitlabs(folder: &std::path::Path) -> [GitLab; 2] {
        let mut gitlabs = Vec::new();
        for _ in 0..2 {
            gitlabs.push(GitLab::start(group::world()).await.unwrap());
        }
        let gitlabs: [GitLab; 2] = gitlabs.try_into().unwrap_or_else(|_| panic!("two"));
        let text = format!(
            "poll: {{interval: 300ms}}\ninstances:\n  one: {{gitlab: {{url: {}, token_variable: GITLAB_TOKEN}}}}\n  \
             two: {{gitlab: {{url: {}, token_variable: GITLAB_TOKEN}}}}\n",
            gitlabs[0].url(),
            gitlabs[1].url()
        );
        std::fs::write(folder.join("bridge.yaml"), text).unwrap();
        gitlabs
    }

    fn of_file(folder: &std::path::Path, engine: &RedisServer, replica: usize) -> Program {
        bridge()
            .env("GITLAB_BRIDGE_CONFIG", folder.join("bridge.yaml"))
            .env("GITLAB_TOKEN", TOKEN)
            .env("GITLAB_BRIDGE_CLUSTER_URL", engine.url())
            .env("GITLAB_BRIDGE_CLUSTER_NAME", GROUP)
            .env("GITLAB_BRIDGE_CLUSTER_REPLICA", name(replica))
            .env("GITLAB_BRIDGE_CLUSTER_LEASE", "2s")
            .args(["--listen", "127.0.0.1:0", "--web.enable-lifecycle"])
    }

    /// How many GitLabs a replica reads.
    async fn leads(replica: &Running) -> f64 {
        let (_, own) = replica.get("/metrics/bridge").await;
        let own = crate::support::exposition::Exposition::parse(&own).unwrap();
        own.series("gitlab_bridge_leader").values().sum()
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs redis-server"]
    async fn two_gitlabs_are_spread_over_two_replicas_and_shown_by_both() {
        let (folder, engine) = (tempfile::tempdir().unwrap(), RedisServer::start());
        let _gitlabs = two_gitlabs(folder.path()).await;
        let [one, two] = [
            Running::listening(of_file(folder.path(), &engine, 0)).await,
            Running::listening(of_file(folder.path(), &engine, 1)).await,
        ];
        let both = |series: &Series| series.len() == 6;
        one.wait_for_series("gitlab_commits_total", both).await;
        two.wait_for_series("gitlab_commits_total", both).await;
        assert_eq!([leads(&one).await, leads(&two).await], [1.0, 1.0]);
        // The one that is left reads both.
        two.stop().await;
        let deadline = Instant::now() + PATIENCE;
        while leads(&one).await < 2.0 {
            assert!(Instant::now() < deadline, "{:?}", one.process.output());
            sleep(Duration::from_millis(50)).await;
        }
        assert!(both(&one.scrape().await.series("gitlab_commits_total")));
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs redis-server"]
    async fn a_webhook_at_a_follower_reaches_the_leader() {
        let settings = [("GITLAB_BRIDGE_POLL_INTERVAL", "10m".to_owned())];
        let group = Group::start(2, &settings).await;
        group.wait_until_ready().await;
        let leader = group.wait_for_leader().await;
        group.gitlab.edit(|world| beat(world, 5));
        for id in group::TOGETHER {
            let answer = group.webhook(1 - leader, id).send().await.unwrap();
            assert_eq!(answer.status(), StatusCode::OK);
        }
        group.wait_until_all_show(5).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs redis-server"]
    async fn a_replica_that_starts_without_the_engine_is_ready_once_it_is_there() {
        let gitlab = Arc::new(group::gitlab().await);
        let mut group = Group::without_replicas(gitlab, 1, &[]).await;
        group.engine.kill();
        group.start_replica(0).await;
        sleep(Duration::from_secs(1)).await;
        let running = group.running(0);
        assert_eq!(running.get("/-/healthy").await.0, StatusCode::OK);
        assert_eq!(
            running.get("/-/ready").await.0,
            StatusCode::SERVICE_UNAVAILABLE
        );
        assert_eq!(running.get("/metrics").await.0, StatusCode::OK);
        assert_eq!(group.own(0, "gitlab_bridge_engine_up").await, Some(0.0));
        assert_eq!(
            group.gitlab.requests().len(),
            0,
            "nobody asks without a lease"
        );
        group.engine.start_again();
        group.running(0).wait_for_readiness(StatusCode::OK).await;
        group.wait_until_ready().await;
        assert_eq!(group.own(0, "gitlab_bridge_engine_up").await, Some(1.0));
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs redis-server"]
    async fn a_reload_of_a_leader_and_of_a_follower_keeps_what_is_shown_and_counts_nothing_twice() {
        let (folder, engine) = (tempfile::tempdir().unwrap(), RedisServer::start());
        let gitlab = Arc::new(group::gitlab().await);
        let write = |interval: u32| {
            let text = format!(
                "gitlab: {{url: {}}}\npoll: {{interval: {interval}ms}}\n",
                gitlab.url()
            );
            std::fs::write(folder.path().join("bridge.yaml"), text).unwrap();
        };
        write(300);
        let program = |replica| of_file(folder.path(), &engine, replica);
        let replicas = [
            Running::listening(program(0)).await,
            Running::listening(program(1)).await,
        ];
        for replica in &replicas {
            replica
                .wait_for_series("gitlab_commits_total", |series| series.len() == 3)
                .await;
            replica.wait_for_readiness(StatusCode::OK).await;
        }
        let beating = group::beating(&gitlab, Duration::from_millis(100));
        for round in 0..4 {
            write(310 + round);
            for replica in &replicas {
                let answer = replica.ask(reqwest::Method::POST, "/-/reload").await;
                assert_eq!(answer.status(), StatusCode::OK);
                let shown = replica.scrape().await.series("gitlab_commits_total");
                assert_eq!(shown.len(), 3, "nothing is missing after a reload");
            }
            sleep(Duration::from_millis(500)).await;
        }
        beating.abort();
        let ended =
            gitlab.read(|world: &World| world.ledger().pipelines().of(group::COUNTED).count());
        for replica in &replicas {
            let is_exact = |series: &Series| series.values().sum::<f64>() == ended as f64;
            replica
                .wait_for_series("gitlab_pipeline_runs_total", is_exact)
                .await;
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs redis-server"]
    async fn a_state_file_is_neither_read_nor_written_where_the_engine_keeps_the_state() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        std::fs::write(&state, "of an earlier process").unwrap();
        let path = state.to_str().unwrap().to_owned();
        let settings = [("GITLAB_BRIDGE_STATE_PATH", path)];
        let mut group = Group::start(1, &settings).await;
        group.wait_until_ready().await;
        group.stop(0).await;
        let left = std::fs::read_to_string(&state).unwrap();
        assert_eq!(left, "of an earlier process");
        let files = std::fs::read_dir(folder.path()).unwrap();
        let names = files.map(|file| file.unwrap().file_name());
        assert_eq!(names.collect::<Vec<_>>(), ["state"]);
    }
}
