//! The budget that replicas share.

mod with_redis {
    use std::time::Duration;

    use tokio::time::{Instant, sleep};

    use super::super::*;

    const BUCKET: &str = "user";

    fn rate(milliseconds: u64, burst: f64) -> Rate {
        Rate {
            interval: Duration::from_millis(milliseconds),
            burst,
        }
    }

    /// Makes the bucket full.
    fn fill(server: &RedisServer) {
        let run = server.run_id();
        let key = format!("{{gmb}}:budget:{BUCKET}");
        server.command::<()>(&["DEL", &key]);
        server.command::<u64>(&["HSET", &key, "run", &run, "full_at", "0", "most", "0"]);
    }

    /// How many are granted at once, and how long the next has to wait.
    async fn at_once(lease: &Lease, rate: Rate) -> (u32, Duration) {
        let mut granted = 0;
        loop {
            match lease.take(BUCKET, rate).await.unwrap() {
                Taken::Granted { .. } => granted += 1,
                Taken::Wait(wait) => return (granted, wait),
            }
        }
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn a_full_bucket_grants_its_burst_and_then_its_rate() {
        let server = settled();
        let held = lease(&seat(&server, "a"), NOTHING).await;
        fill(&server);
        let slow = rate(60_000, 4.0);
        let (granted, wait) = at_once(&held, slow).await;
        assert_eq!(granted, 4);
        assert!(wait > Duration::from_secs(50) && wait <= Duration::from_secs(60));
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn a_bucket_that_is_missing_or_of_another_life_of_the_server_is_empty_and_fills_up() {
        let mut server = settled();
        let seat = seat(&server, "a");
        let held = lease(&seat, NOTHING).await;
        let quick = rate(200, 3.0);
        let (granted, wait) = at_once(&held, quick).await;
        assert_eq!(granted, 0, "a missing bucket");
        assert!(wait <= Duration::from_millis(200));
        sleep(wait).await;
        let taken = held.take(BUCKET, quick).await.unwrap();
        assert!(matches!(taken, Taken::Granted { .. }), "{taken:?}");
        fill(&server);
        let key = format!("{{gmb}}:budget:{BUCKET}");
        server.command::<u64>(&["HSET", &key, "run", "another"]);
        assert_eq!(at_once(&held, quick).await.0, 0, "a bucket of another life");
        server.start_again();
        settle(&server);
        let held = lease(&seat, NOTHING).await;
        assert_eq!(
            at_once(&held, quick).await.0,
            0,
            "a server that was started again"
        );
        sleep(Duration::from_millis(1000)).await;
        // On a busy machine it fills up while it is emptied.
        let (granted, _) = at_once(&held, quick).await;
        assert!((3..6).contains(&granted), "it has filled up: {granted}");
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn a_bucket_after_the_clock_was_set_back_is_empty_and_not_shut_for_that_long() {
        let server = settled();
        let held = lease(&seat(&server, "a"), NOTHING).await;
        fill(&server);
        let key = format!("{{gmb}}:budget:{BUCKET}");
        let tomorrow = "99999999999999999";
        server.command::<u64>(&["HSET", &key, "full_at", tomorrow]);
        let (granted, wait) = at_once(&held, rate(500, 3.0)).await;
        assert_eq!(granted, 0);
        assert!(wait <= Duration::from_millis(500), "{wait:?}");
    }

    /// However requests arrive, a window of length W sees at most burst + W / interval of them.
    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn greedy_holders_of_two_gitlabs_share_one_budget_and_never_exceed_it() {
        let server = settled();
        let run = server.run_id();
        let interval = Duration::from_millis(5);
        let rate = Rate {
            interval,
            burst: 10.0,
        };
        fill(&server);
        let mut takers = Vec::new();
        for name in ["x", "y"] {
            let life = format!("{{gmb}}:{GROUP}:{name}:life");
            server.command::<u64>(&["HSET", &life, "run", &run, "since", "0"]);
            let held = lease(&engine(&server, name).seat(name), NOTHING).await;
            takers.push(tokio::spawn(async move {
                let mut granted = Vec::new();
                let begun = Instant::now();
                while begun.elapsed() < Duration::from_secs(2) {
                    let sent = Instant::now();
                    match held.take(BUCKET, rate).await.unwrap() {
                        Taken::Granted { .. } => granted.push((sent, Instant::now())),
                        Taken::Wait(wait) => sleep(wait.min(interval / 2)).await,
                    }
                }
                granted
            }));
        }
        let mut granted = Vec::new();
        for taker in takers {
            granted.extend(taker.await.unwrap());
        }
        granted.sort();
        // The grant lies between the two moments: what lies in a window for certain must not be too much.
        for (first, _) in &granted {
            for window in [50, 200, 1000].map(Duration::from_millis) {
                let inside = granted
                    .iter()
                    .filter(|(sent, got)| sent >= first && *got <= *first + window);
                let most = 10.0 + window.as_secs_f64() / interval.as_secs_f64();
                let inside = inside.count();
                assert!(inside as f64 <= most, "{inside} in {window:?}");
            }
        }
        // Two seconds at two hundred a second, less what a busy machine takes.
        assert!(granted.len() > 200, "only {} were granted", granted.len());
    }
}
