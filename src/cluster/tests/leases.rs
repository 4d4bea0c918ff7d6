//! Who gets a lease, with which token, and how long it lasts.

mod with_redis {
    use std::time::Duration;

    use tokio::time::{Instant, sleep, timeout};

    use super::super::*;

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn one_of_two_replicas_holds_a_lease_and_each_gitlab_has_its_own() {
        let server = settled();
        let (a, b) = (seat(&server, "a"), seat(&server, "b"));
        let held = lease(&a, NOTHING).await;
        assert!(b.contend(NOTHING).await.unwrap().is_none());
        assert_eq!(b.holder().await.unwrap().as_deref(), Some("a"));
        assert!(!held.is_over());
        let run = server.run_id();
        let life = "{gmb}:group:other:life";
        server.command::<u64>(&["HSET", life, "run", &run, "since", "0"]);
        let other = engine(&server, "b").seat("other");
        assert!(other.contend(NOTHING).await.unwrap().is_some());
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn a_token_never_repeats_whatever_the_server_forgets() {
        let server = settled();
        let seat = seat(&server, "a");
        let first = lease(&seat, NOTHING).await;
        first.resign().await.unwrap();
        let second = lease(&seat, NOTHING).await;
        assert!(second.token() > first.token());
        server.wipe();
        settle(&server);
        // As the two seconds after a wipe do, that are left out here.
        sleep(Duration::from_millis(20)).await;
        let third = lease(&seat, NOTHING).await;
        assert!(third.token() > second.token());
        third.resign().await.unwrap();
        // The clock of the server is behind what a replica saw elsewhere.
        let ahead = Known {
            token: third.token() + 1_000_000_000,
            version: 0,
        };
        let fourth = lease(&seat, ahead).await;
        assert_eq!(fourth.token(), ahead.token + 1);
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn a_lease_is_renewed_as_long_as_somebody_has_it() {
        let server = settled();
        let short = Config {
            lease: Duration::from_secs(1),
            ..config(&server)
        };
        let a = Engine::new(&short, "a".to_owned()).unwrap().seat(INSTANCE);
        let b = Engine::new(&short, "b".to_owned()).unwrap().seat(INSTANCE);
        let held = lease(&a, NOTHING).await;
        for _ in 0..5 {
            sleep(Duration::from_millis(500)).await;
            assert!(!held.is_over());
            assert!(b.contend(NOTHING).await.unwrap().is_none());
        }
        // As a crash would leave it.
        drop(held);
        let dropped = Instant::now();
        while b.contend(NOTHING).await.unwrap().is_none() {
            sleep(Duration::from_millis(20)).await;
        }
        assert!(dropped.elapsed() < Duration::from_millis(2500));
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn the_end_of_a_lease_wakes_whoever_saw_its_holder_and_the_next_leads_within_the_lease() {
        let server = settled();
        let (a, b) = (seat(&server, "a"), seat(&server, "b"));
        let held = lease(&a, NOTHING).await;
        assert_eq!(b.holder().await.unwrap().as_deref(), Some("a"));
        let crashed = Instant::now();
        drop(held);
        let next = loop {
            // A minute is not over before the test is.
            b.stirred(Duration::from_secs(60)).await;
            if b.holder().await.unwrap().is_none() {
                break b.contend(NOTHING).await.unwrap();
            }
        };
        assert!(next.is_some());
        let took = crashed.elapsed();
        assert!(took <= config(&server).lease, "{took:?}");
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn a_lease_is_over_at_once_when_another_replica_holds_it() {
        let server = settled();
        let held = lease(&seat(&server, "a"), NOTHING).await;
        server.command::<()>(&["DEL", &key("lease")]);
        let _other = lease(&seat(&server, "b"), NOTHING).await;
        let begun = Instant::now();
        timeout(Duration::from_secs(5), held.over()).await.unwrap();
        // The next renewal told so: before the own end, which is after four seconds.
        assert!(begun.elapsed() < Duration::from_millis(3800));
        assert!(held.is_over());
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn what_only_the_holder_may_do_is_refused_in_the_engine_and_counted() {
        let server = settled();
        let engine = engine(&server, "a");
        let seat = engine.seat(INSTANCE);
        let rate = Rate {
            interval: Duration::from_millis(1),
            burst: 1.0,
        };
        for (kind, times) in [("take", 1), ("publish", 1), ("drain", 1)] {
            let held = lease(&seat, NOTHING).await;
            // The engine gave it to another one; this replica does not know yet.
            server.command::<()>(&["SET", &key("lease"), "1:other/1"]);
            match kind {
                "take" => assert_eq!(held.take("x", rate).await, Err(Error::Refused)),
                "drain" => assert_eq!(held.drain().await, Err(Error::Refused)),
                _ => {
                    let published = held.publish(1, bytes::Bytes::new(), &[]).await.unwrap();
                    assert_eq!(published, Published::Refused);
                }
            }
            assert!(held.is_over(), "{kind}");
            let refused = engine.health().refused;
            let counted = refused.iter().find(|(own, _)| *own == kind);
            assert_eq!(counted, Some(&(kind, times)));
            server.command::<()>(&["DEL", &key("lease")]);
        }
        assert_eq!(seat.head().await.unwrap(), None);
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn whoever_gives_a_lease_up_wakes_the_next() {
        let server = settled();
        let (a, b) = (seat(&server, "a"), seat(&server, "b"));
        let held = lease(&a, NOTHING).await;
        b.contend(NOTHING).await.unwrap();
        // The connection itself was news.
        b.stirred(Duration::from_millis(100)).await;
        let waiting = tokio::spawn(async move {
            b.stirred(Duration::from_secs(10)).await;
            (b.contend(NOTHING).await.unwrap(), Instant::now())
        });
        sleep(Duration::from_millis(50)).await;
        let resigned = Instant::now();
        held.resign().await.unwrap();
        assert!(held.is_over());
        let (next, at) = waiting.await.unwrap();
        assert!(next.is_some_and(|next| next.token() > held.token()));
        assert!(at - resigned < Duration::from_secs(1));
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn a_lease_whose_answer_was_lost_is_got_again_by_the_same_process_alone() {
        let server = settled();
        let seat_a = seat(&server, "a");
        let lost = lease(&seat_a, NOTHING).await;
        let again = lease(&seat_a, NOTHING).await;
        assert!(again.token() > lost.token());
        // Another process of that name waits like everybody else.
        let twin = seat(&server, "a");
        assert!(twin.contend(NOTHING).await.unwrap().is_none());
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn after_a_wipe_whoever_knows_the_newest_version_leads() {
        let server = RedisServer::start();
        let known = |version| Known { token: 0, version };
        let (old, new) = (seat(&server, "old"), seat(&server, "new"));
        let begun = Instant::now();
        let mut is_first = true;
        let leader = loop {
            assert!(old.contend(known(8)).await.unwrap().is_none());
            if !is_first && let Some(lease) = new.contend(known(9)).await.unwrap() {
                break lease;
            }
            is_first = false;
            sleep(Duration::from_millis(100)).await;
        };
        assert!(
            begun.elapsed() >= Duration::from_secs(2),
            "others need time to say theirs"
        );
        assert!(begun.elapsed() < Duration::from_secs(6));
        assert_eq!(leader.newest(), 9);
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn a_replica_that_knows_more_and_does_not_contend_holds_nobody_up_for_long() {
        let server = RedisServer::start();
        let (leads, serves) = (seat(&server, "leads"), seat(&server, "serves"));
        assert_eq!(serves.note_seen(9).await.unwrap(), 9);
        let begun = Instant::now();
        let known = Known {
            token: 0,
            version: 8,
        };
        let lease = loop {
            assert_eq!(serves.note_seen(9).await.unwrap(), 9);
            if let Some(lease) = leads.contend(known).await.unwrap() {
                break lease;
            }
            sleep(Duration::from_millis(100)).await;
        };
        assert!((6..12).contains(&begun.elapsed().as_secs()));
        assert_eq!(lease.newest(), 9, "what it publishes must be newer");
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn a_version_that_is_in_the_engine_makes_up_for_not_knowing_it() {
        let server = RedisServer::start();
        let a = seat(&server, "a");
        settle(&server);
        let held = lease(&a, NOTHING).await;
        held.publish(7, bytes::Bytes::new(), &[]).await.unwrap();
        a.note_seen(7).await.unwrap();
        held.resign().await.unwrap();
        // Even right after a start of the server, once it has settled.
        let run = server.run_id();
        let now: (String, String) = server.command(&["TIME"]);
        let since = (now.0.parse::<u64>().unwrap() - 3) * 1000;
        let since = since.to_string();
        server.command::<u64>(&["HSET", &key("life"), "run", &run, "since", &since]);
        assert_eq!(lease(&seat(&server, "b"), NOTHING).await.newest(), 7);
    }
}
