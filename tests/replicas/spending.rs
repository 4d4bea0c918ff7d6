//! One budget of requests, whoever asks.

mod with_redis {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::sleep;

    use crate::checks::{self, Budget};
    use crate::group::{self, Group, LEASE};
    use crate::support::running::Running;

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs redis-server"]
    async fn two_deployments_with_one_token_share_its_budget_where_they_share_the_engine() {
        // Four requests at once, and one and a half each second. Each of the two would ask more.
        let settings = [("GITLAB_BRIDGE_POLL_BUDGET", "7200/h,100/m".to_owned())];
        let budget = Budget {
            per_minute: 100,
            burst: 13.0,
            rate: 1.5,
        };
        let gitlab = Arc::new(group::gitlab().await);
        let mut group = Group::of(Arc::clone(&gitlab), 2, &settings).await;
        let other = group.program(0).env("GITLAB_BRIDGE_CLUSTER_NAME", "other");
        let other = Running::listening(other).await;
        group.wait_until_ready().await;
        other.first_scrape().await;
        let begin = gitlab.requests().len();
        let beating = group::beating(&gitlab, Duration::from_millis(100));
        sleep(Duration::from_secs(6)).await;
        // A crash of the holder spends nothing twice.
        let leader = group.wait_for_leader().await;
        group.kill(leader).await;
        sleep(LEASE + Duration::from_secs(4)).await;
        beating.abort();
        let requests = group::requests(&gitlab);
        assert_eq!(checks::over_budget(&requests, budget), Vec::<String>::new());
        assert!(requests.len() > begin + 5, "{}", requests.len());
        let of = |replica: usize| group.shown(replica);
        assert!(of((leader + 1) % 2).await > 2);
        let body = other.get("/metrics/bridge").await.1;
        assert!(body.contains("gitlab_bridge_leader 1"), "{body}");
    }
}
