//! An engine that is away, comes back empty or as an old copy of itself.

mod with_redis {
    use std::time::Duration;

    use reqwest::StatusCode;
    use tokio::time::sleep;

    use crate::checks;
    use crate::faults::copy_of;
    use crate::group::{self, Group, LEASE};
    use crate::history::{History, now};
    use crate::support::exposition::Exposition;
    use crate::support::running::Running;
    use crate::watching::Watching;

    async fn begun() -> (Group, Watching) {
        // What was polled two minutes ago is still fresh.
        let settings = [("GITLAB_BRIDGE_POLL_INTERVAL", "1s".to_owned())];
        let group = Group::start(2, &settings).await;
        group.wait_until_ready().await;
        let watching = Watching::begin(&group);
        (group, watching)
    }

    fn broken(history: &History) -> Vec<String> {
        let broken = [
            checks::asked_while_away(history, LEASE),
            checks::gaps(history),
            checks::halves_of_versions(&history.scrapes),
            checks::texts_that_return(&history.scrapes),
            checks::counters_that_fall(&history.scrapes),
            checks::versions_that_fall(history),
            checks::two_holders_of_a_token(history),
        ];
        broken.concat()
    }

    /// The oldest that anything shown is, in seconds.
    async fn age(running: &Running) -> f64 {
        let body = running.get("/metrics/bridge").await.1;
        let own = Exposition::parse(&body).unwrap();
        let ages = own.series("gitlab_bridge_data_age_seconds");
        ages.values().copied().fold(0.0, f64::max)
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs redis-server"]
    async fn while_the_engine_is_away_all_show_on_with_honest_ages_and_nobody_asks_gitlab() {
        let (mut group, watching) = begun().await;
        let beating = group::beating(&group.gitlab, Duration::from_millis(100));
        sleep(Duration::from_secs(2)).await;
        let begin = now();
        group.engine.kill();
        sleep(LEASE).await;
        let (asked, before) = (group.gitlab.requests().len(), age(group.running(0)).await);
        sleep(Duration::from_secs(3)).await;
        assert_eq!(group.gitlab.requests().len(), asked);
        for replica in 0..2 {
            let running = group.running(replica);
            let old = age(running).await;
            assert!(old >= before + 2.0, "{old} s after {before} s");
            assert!(running.scrape().await.series("gitlab_commits_total").len() == 3);
            assert_eq!(
                group.own(replica, "gitlab_bridge_engine_up").await,
                Some(0.0)
            );
            assert_eq!(group.own(replica, "gitlab_bridge_leader").await, Some(0.0));
            assert_eq!(running.get("/-/healthy").await.0, StatusCode::OK);
        }
        // Ready follows the limit of freshness that holds for one process too.
        for replica in 0..2 {
            let unready = StatusCode::SERVICE_UNAVAILABLE;
            group.running(replica).wait_for_readiness(unready).await;
        }
        watching.engine_was_away(begin, true);
        group.engine.start_again();
        for replica in 0..2 {
            group
                .running(replica)
                .wait_for_readiness(StatusCode::OK)
                .await;
        }
        beating.abort();
        let mut history = watching.end();
        history.requests = group::requests(&group.gitlab);
        assert_eq!(broken(&history), Vec::<String>::new());
    }

    /// Forgets in some way what the engine knew, while numbers move. What was shown is newer afterwards, not older.
    async fn forgets(is_copy: bool) {
        let (mut group, watching) = begun().await;
        let beating = group::beating(&group.gitlab, Duration::from_millis(100));
        sleep(Duration::from_secs(1)).await;
        for _ in 0..2 {
            let mut begin = now();
            if is_copy {
                let copy = copy_of(&group.engine).await;
                copy.command::<()>(&["REPLICAOF", "NO", "ONE"]);
                sleep(Duration::from_secs(2)).await;
                begin = now();
                group
                    .wires
                    .iter()
                    .for_each(|wire| wire.lead_to(copy.port()));
                group.engine_port.send_replace(copy.port());
                group.engine = copy;
            } else {
                group.engine.start_again();
            }
            watching.engine_was_away(begin, true);
            let heads = watching.so_far().heads;
            let known = heads.iter().map(|head| head.version).max().unwrap();
            for replica in 0..2 {
                while group.shown(replica).await <= known + 1 {
                    sleep(Duration::from_millis(50)).await;
                }
            }
        }
        beating.abort();
        let number = group.gitlab.read(group::number);
        group.wait_until_all_show(number).await;
        assert_eq!(broken(&watching.end()), Vec::<String>::new());
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs redis-server"]
    async fn an_engine_that_comes_back_empty_gets_the_newest_version_again() {
        forgets(false).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs redis-server"]
    async fn an_old_copy_of_the_engine_that_takes_its_place_gets_the_newest_version_again() {
        forgets(true).await;
    }
}
