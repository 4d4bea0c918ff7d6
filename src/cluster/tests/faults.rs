//! What happens to requests when the server is gone, can't write, or refuses us.

mod with_redis {
    use std::time::Duration;

    use tokio::time::{Instant, timeout};

    use super::super::*;

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn a_server_that_is_started_again_is_used_by_the_next_request() {
        let mut server = settled();
        let engine = engine(&server, "a");
        let seat = engine.seat(INSTANCE);
        assert!(!engine.health().is_up);
        seat.head().await.unwrap();
        assert!(engine.health().is_up && engine.health().latency.is_some());
        server.kill();
        let error = seat.head().await.unwrap_err();
        assert!(
            matches!(&error, Error::Away(said) if said.contains("can't be reached")),
            "{error}"
        );
        assert_eq!(engine.health().problem, Some(error.to_string()));
        assert!(!engine.health().is_up);
        server.start_again();
        seat.head().await.unwrap();
        assert_eq!(engine.health().problem, None);
        assert!(engine.health().is_up);
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn a_server_that_is_held_ends_a_lease_in_time_and_no_request_waits_for_long() {
        let server = settled();
        let short = Config {
            lease: Duration::from_secs(1),
            ..config(&server)
        };
        let seat = Engine::new(&short, "a".to_owned()).unwrap().seat(INSTANCE);
        let held = lease(&seat, NOTHING).await;
        server.hold();
        let begun = Instant::now();
        let error = seat.head().await.unwrap_err();
        assert!(
            matches!(&error, Error::Away(said) if said.contains("in time")),
            "{error}"
        );
        assert!(begun.elapsed() < Duration::from_millis(700));
        timeout(Duration::from_secs(2), held.over()).await.unwrap();
        server.go_on();
        // Whatever the server does of what was sent meanwhile: what is over stays over.
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert!(held.is_over());
        let next = loop {
            if let Ok(Some(lease)) = seat.contend(NOTHING).await {
                break lease;
            }
            assert!(begun.elapsed() < Duration::from_secs(10));
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        assert!(next.token() > held.token());
    }

    /// As behind a stable name after a failover: the connection stays with a server that no longer takes writes.
    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn a_server_that_was_made_a_replica_is_left_for_a_new_connection() {
        let (server, primary) = (settled(), RedisServer::start());
        let engine = engine(&server, "a");
        let seat = engine.seat(INSTANCE);
        seat.note_seen(1).await.unwrap();
        let connections = || -> u64 {
            let info: String = server.command(&["INFO", "stats"]);
            let line = info
                .lines()
                .find_map(|line| line.strip_prefix("total_connections_received:"));
            line.unwrap().trim().parse().unwrap()
        };
        let port = primary.port().to_string();
        server.command::<()>(&["REPLICAOF", "127.0.0.1", &port]);
        let before = connections();
        let error = seat.note_seen(2).await.unwrap_err();
        assert!(matches!(error, Error::Away(_)), "{error}");
        assert!(
            connections() > before + 1,
            "it was asked on a new connection too"
        );
        server.command::<()>(&["REPLICAOF", "NO", "ONE"]);
        assert_eq!(seat.note_seen(3).await.unwrap(), 3);
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn a_refusal_says_what_to_do_and_no_password() {
        let server = RedisServer::start_with(&["--requirepass", "right"]);
        let with = |user: Option<&str>, password: Option<&str>| {
            let config = Config {
                user: user.map(str::to_owned),
                password: password.map(|password| Secret::Value("X".to_owned(), password.into())),
                ..config(&server)
            };
            Engine::new(&config, "a".to_owned()).unwrap().seat(INSTANCE)
        };
        let right = with(None, Some("right"));
        right.note_seen(1).await.unwrap();
        for (seat, advice) in [
            (with(None, None), "cluster.password_file"),
            (with(None, Some("wr0ng")), "cluster.password_file"),
            (with(Some("nobody"), Some("wr0ng")), "cluster.user"),
        ] {
            let error = seat.note_seen(1).await.unwrap_err();
            let said = error.to_string();
            assert!(matches!(error, Error::Denied(_)), "{said}");
            assert!(said.contains(advice) && !said.contains("wr0ng"), "{said}");
        }
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn a_server_without_room_says_so() {
        let server = settled();
        let seat = seat(&server, "a");
        let held = lease(&seat, NOTHING).await;
        server.command::<()>(&["CONFIG", "SET", "maxmemory", "1"]);
        let error = held.put(&[chunk("one")]).await.unwrap_err();
        assert!(
            matches!(&error, Error::Denied(said) if said.contains("maxmemory")),
            "{error}"
        );
        let error = seat.note_seen(1).await.unwrap_err();
        assert!(
            matches!(&error, Error::Denied(said) if said.contains("maxmemory")),
            "{error}"
        );
    }

    #[tokio::test]
    async fn nobody_waits_for_a_server_that_is_not_there() {
        let config = Config {
            url: Url::parse(&format!("redis://127.0.0.1:{}", redis_server::free_port())).unwrap(),
            ..Config::default()
        };
        let engine = Engine::new(&config, "a".to_owned()).unwrap();
        let seat = engine.seat(INSTANCE);
        let begun = Instant::now();
        assert!(matches!(seat.contend(NOTHING).await, Err(Error::Away(_))));
        assert!(begun.elapsed() < config.lease / 4);
        seat.stirred(Duration::from_millis(10)).await;
        assert_eq!(seat.chunks(&[]).await, Ok(Vec::new()));
    }

    #[test]
    fn what_the_configuration_names_is_read_at_once() {
        let config = Config {
            password: Some(Secret::File("/nowhere/password".into())),
            ..Config::default()
        };
        let error = Engine::new(&config, "a".to_owned()).unwrap_err();
        assert!(
            matches!(&error, Error::Unusable(said) if said.contains("cluster.password_file")),
            "{error}"
        );
    }
}
