//! Versions, their chunks, and hints.

mod with_redis {
    use std::time::Duration;

    use bytes::Bytes;

    use super::super::*;

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn a_version_is_the_newest_once_all_its_chunks_are_there() {
        let server = settled();
        let (a, b) = (seat(&server, "a"), seat(&server, "b"));
        let held = lease(&a, NOTHING).await;
        let (one, two) = (chunk("one"), chunk("two"));
        let body = Bytes::from_static(b"one two");
        held.put(std::slice::from_ref(&one)).await.unwrap();
        let digests = [one.0, two.0];
        let lacking = held.publish(1, body.clone(), &digests).await.unwrap();
        assert_eq!(lacking, Published::Lacks(vec![two.0]));
        assert_eq!(b.head().await.unwrap(), None);
        held.put(&[one.clone(), two.clone()]).await.unwrap();
        let published = held.publish(1, body.clone(), &digests).await.unwrap();
        assert_eq!(published, Published::Stored);
        let head = b.head().await.unwrap().unwrap();
        assert_eq!(
            (head.token, head.version, head.body),
            (held.token(), 1, body)
        );
        let missing = Digest::of(b"three");
        let chunks = b.chunks(&[two.0, missing, one.0]).await.unwrap();
        assert_eq!(chunks, [Some(two.1), None, Some(one.1)]);
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn a_version_only_goes_up_and_the_same_again_is_no_harm() {
        let server = settled();
        let seat = seat(&server, "a");
        let held = lease(&seat, NOTHING).await;
        let body = Bytes::from_static(b"five");
        for _ in 0..2 {
            let published = held.publish(5, body.clone(), &[]).await.unwrap();
            assert_eq!(published, Published::Stored);
        }
        let other = Bytes::from_static(b"other");
        for version in [4, 5] {
            let published = held.publish(version, other.clone(), &[]).await.unwrap();
            assert_eq!(published, Published::Behind(5));
        }
        held.resign().await.unwrap();
        let next = lease(&seat, NOTHING).await;
        assert_eq!(next.newest(), 5);
        let published = next.publish(5, body.clone(), &[]).await.unwrap();
        assert_eq!(
            published,
            Published::Behind(5),
            "another lease, another version"
        );
        assert_eq!(seat.head().await.unwrap().unwrap().body, body);
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn the_engine_keeps_what_the_newest_version_needs_and_lets_the_rest_go() {
        let server = settled();
        let held = lease(&seat(&server, "a"), NOTHING).await;
        let (one, two, three) = (chunk("one"), chunk("two"), chunk("three"));
        let left =
            |digest: Digest| -> i64 { server.command(&["PTTL", &key(&format!("chunk:{digest}"))]) };
        let (quarter, day) = (15 * 60_000, 24 * 60 * 60_000);
        held.put(&[one.clone(), two.clone()]).await.unwrap();
        assert!((1..=quarter).contains(&left(one.0)));
        held.publish(1, Bytes::new(), &[one.0, two.0])
            .await
            .unwrap();
        assert!(left(one.0) > day && left(two.0) > day);
        held.put(&[two.clone(), three.clone()]).await.unwrap();
        assert!(
            left(two.0) > day,
            "what a version needs is not made to go sooner"
        );
        held.publish(2, Bytes::new(), &[two.0, three.0])
            .await
            .unwrap();
        assert!((1..=quarter).contains(&left(one.0)));
        assert!(left(two.0) > day && left(three.0) > day);
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn a_chunk_with_other_bytes_than_its_digest_says_is_none() {
        let server = settled();
        let (digest, _) = chunk("one");
        server.command::<()>(&["SET", &key(&format!("chunk:{digest}")), "forged"]);
        assert_eq!(seat(&server, "a").chunks(&[digest]).await.unwrap(), [None]);
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn the_newest_version_of_any_live_replica_is_known() {
        let server = settled();
        let (a, b) = (seat(&server, "a"), seat(&server, "b"));
        assert_eq!(a.note_seen(3).await.unwrap(), 3);
        assert_eq!(b.note_seen(2).await.unwrap(), 3);
        assert_eq!(a.note_seen(4).await.unwrap(), 4);
        // One that has said nothing for long is dead.
        server.command::<u64>(&["HSET", &key("seen"), "dead", "99:1"]);
        assert_eq!(b.note_seen(2).await.unwrap(), 4);
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn hints_wake_the_holder_come_once_and_are_not_hoarded() {
        let server = settled();
        let (a, b) = (seat(&server, "a"), seat(&server, "b"));
        let held = lease(&a, NOTHING).await;
        a.stirred(Duration::from_millis(100)).await;
        b.hint(&["7".to_owned(), "7".to_owned(), "8".to_owned()])
            .await
            .unwrap();
        let begun = tokio::time::Instant::now();
        a.stirred(Duration::from_secs(10)).await;
        assert!(begun.elapsed() < Duration::from_secs(2));
        let mut hints = held.drain().await.unwrap();
        hints.sort();
        assert_eq!(hints, ["7", "8"]);
        assert_eq!(held.drain().await.unwrap(), Vec::<String>::new());
        let many: Vec<_> = (0..12_000).map(|id| id.to_string()).collect();
        b.hint(&many).await.unwrap();
        assert_eq!(held.drain().await.unwrap().len(), 10_000);
        b.hint(&["9".to_owned()]).await.unwrap();
        let left: i64 = server.command(&["PTTL", &key("hints")]);
        assert!((1..=10 * 60_000).contains(&left));
    }

    /// Twenty-five megabytes in four hundred chunks: a hundred thousand projects. A busy machine makes any command
    /// slow, so one round of some without a slow one is enough; a command that is slow by itself is so in all.
    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn no_script_and_no_command_holds_the_server_for_ten_milliseconds() {
        const ROUNDS: u64 = 8;
        let server = settled();
        server.command::<()>(&["CONFIG", "SET", "slowlog-log-slower-than", "10000"]);
        let seat = seat(&server, "a");
        let held = lease(&seat, NOTHING).await;
        let mut slow = Vec::new();
        for version in 1..=ROUNDS {
            server.command::<()>(&["SLOWLOG", "RESET"]);
            publish_and_read(&seat, &held, version).await;
            let hints: Vec<_> = (0..10_000).map(|id| id.to_string()).collect();
            seat.hint(&hints).await.unwrap();
            assert_eq!(held.drain().await.unwrap().len(), 10_000);
            slow = server.command::<Vec<redis::Value>>(&["SLOWLOG", "GET", "10"]);
            if slow.is_empty() && version > 1 {
                return;
            }
        }
        panic!("in {ROUNDS} rounds, at last {slow:?}");
    }

    async fn publish_and_read(seat: &Seat, held: &Lease, version: u64) {
        let chunks: Vec<_> = (0..400_u64)
            .map(|number| {
                let mut bytes = vec![0; 64 * 1024];
                bytes[..8].copy_from_slice(&(number + 400 * version).to_le_bytes());
                let bytes = Bytes::from(bytes);
                (Digest::of(&bytes), bytes)
            })
            .collect();
        let digests: Vec<_> = chunks.iter().map(|(digest, _)| *digest).collect();
        held.put(&chunks).await.unwrap();
        let body = Bytes::from(vec![b'x'; 64 * 1024]);
        let published = held.publish(version, body, &digests).await.unwrap();
        assert_eq!(published, Published::Stored);
        let read = seat.chunks(&digests).await.unwrap();
        let mut pairs = read.iter().zip(&chunks);
        assert!(pairs.all(|(read, (_, sent))| read.as_ref() == Some(sent)));
    }
}
