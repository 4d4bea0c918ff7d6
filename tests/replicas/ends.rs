//! A leader that ends, by itself or not: who comes next, how soon, and that nobody who scrapes the others sees it.

mod with_redis {
    use std::sync::Arc;
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use crate::group::{self, COUNTED, Group, LEASE};
    use crate::history::{History, Moment, now};
    use crate::watching::Watching;
    use crate::{checks, support};

    /// From one poll to the next, and what a busy machine takes for one.
    const POLL: Duration = Duration::from_secs(2);

    async fn begun() -> (Group, Watching) {
        let group = Group::start(3, &[]).await;
        group.wait_until_ready().await;
        let watching = Watching::begin(&group);
        sleep(Duration::from_millis(300)).await;
        (group, watching)
    }

    /// From a moment until another one holds the lease, and until it has published.
    async fn until_next(watching: &Watching, begin: Moment) -> (Duration, Duration) {
        let deadline = Instant::now() + LEASE * 3 + POLL;
        loop {
            let history = watching.so_far();
            let held = history.holders.iter().find(|holder| holder.at > begin);
            let heads = history.heads.iter();
            let published =
                held.and_then(|held| heads.clone().find(|head| head.token >= held.token));
            if let (Some(held), Some(published)) = (held, published) {
                return (held.at - begin, published.at - begin);
            }
            assert!(Instant::now() < deadline, "nobody leads: {history:?}");
            sleep(Duration::from_millis(10)).await;
        }
    }

    fn assert_whole(mut history: History, group: &Group) {
        history.excused.clone_from(&group.excused);
        let broken = [
            checks::gaps(&history),
            checks::halves_of_versions(&history.scrapes),
            checks::texts_that_return(&history.scrapes),
            checks::counters_that_fall(&history.scrapes),
            checks::versions_that_fall(&history),
            checks::two_holders_of_a_token(&history),
        ];
        assert_eq!(broken.concat(), Vec::<String>::new());
        assert!(history.scrapes.len() > 10, "{}", history.scrapes.len());
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs redis-server"]
    async fn after_a_crash_of_the_leader_the_next_one_publishes_within_a_lease_and_a_poll() {
        let (mut group, watching) = begun().await;
        let beating = group::beating(&group.gitlab, Duration::from_millis(100));
        for _ in 0..2 {
            let leader = group.wait_for_leader().await;
            let killed = now();
            group.kill(leader).await;
            let (held, published) = until_next(&watching, killed).await;
            println!("after a crash: the lease after {held:?}, a version after {published:?}");
            assert!(held < LEASE + Duration::from_millis(1_200), "{held:?}");
            assert!(published < LEASE + POLL, "{published:?}");
            group.start_replica(leader).await;
        }
        beating.abort();
        assert_whole(watching.end(), &group);
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs redis-server"]
    async fn a_leader_that_is_told_to_end_leaves_to_the_next_one_at_once() {
        let (mut group, watching) = begun().await;
        let beating = group::beating(&group.gitlab, Duration::from_millis(100));
        let mut all = Vec::new();
        for _ in 0..3 {
            let leader = group.wait_for_leader().await;
            let told = now();
            let took = group.stop(leader).await;
            let (held, published) = until_next(&watching, told).await;
            println!(
                "after SIGTERM: the lease after {held:?}, a version after {published:?}, gone after {took:?}"
            );
            all.push(held);
            assert!(published < POLL, "{published:?}");
            group.start_replica(leader).await;
        }
        beating.abort();
        // One of them may have met a poll that had just begun.
        all.sort();
        assert!(all[1] < LEASE / 2, "{all:?}");
        assert_whole(watching.end(), &group);
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs redis-server"]
    async fn a_rolling_update_leaves_no_gap_and_counts_everything_once() {
        let (mut group, watching) = begun().await;
        let gitlab = Arc::clone(&group.gitlab);
        let beating = group::beating(&gitlab, Duration::from_millis(50));
        for replica in 0..3 {
            group.stop(replica).await;
            group.start_replica(replica).await;
            group
                .running(replica)
                .wait_for_readiness(reqwest::StatusCode::OK)
                .await;
        }
        beating.abort();
        let ended = gitlab.read(|world| world.ledger().pipelines().of(COUNTED).count());
        for replica in 0..3 {
            let is_exact = |series: &support::Series| series.values().sum::<f64>() == ended as f64;
            let running = group.running(replica);
            running
                .wait_for_series("gitlab_pipeline_runs_total", is_exact)
                .await;
        }
        assert_whole(watching.end(), &group);
    }
}
