//! The engine that replicas share, as people run it: with a user of few rights, TLS and Sentinels. And what `check`
//! says of it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use gitlab_metrics_bridge::cluster::{
    Config, Digest, Engine, Known, Lease, Published, Rate, Seat, Secret, Sentinel, Taken,
};
use gitlab_metrics_bridge::simulator::{GitLab, World};
use serde_json::Value;
use url::Url;

use support::certificates::Certificates;
use support::redis_server::{RedisServer, free_port};
use support::running::{Running, TOKEN, bridge_for};

/// How long a lease may take to be had.
const PATIENCE: Duration = Duration::from_secs(30);

fn config(url: &str) -> Config {
    Config {
        url: Url::parse(url).unwrap(),
        name: "group".to_owned(),
        ..Config::default()
    }
}

fn seat(config: &Config) -> Seat {
    let engine = Engine::new(config, "a".to_owned()).unwrap();
    engine.seat("gitlab")
}

async fn lease(seat: &Seat, known: Known) -> Lease {
    let begun = Instant::now();
    loop {
        match seat.contend(known).await {
            Ok(Some(lease)) => return lease,
            answer => assert!(begun.elapsed() < PATIENCE, "{:?}", answer.err()),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Everything that a replica does.
async fn do_everything(seat: &Seat) {
    let lease = lease(seat, Known::default()).await;
    let rate = Rate {
        interval: Duration::from_millis(1),
        burst: 1.0,
    };
    while let Taken::Wait(wait) = lease.take("user", rate).await.unwrap() {
        tokio::time::sleep(wait).await;
    }
    let mut digests = Vec::new();
    for version in 1..=2 {
        let chunk = bytes::Bytes::from(format!("version {version}"));
        digests = vec![Digest::of(&chunk)];
        lease.put(&[(digests[0], chunk.clone())]).await.unwrap();
        let published = lease.publish(version, chunk, &digests).await.unwrap();
        assert_eq!(published, Published::Stored);
    }
    assert_eq!(seat.head().await.unwrap().unwrap().version, 2);
    assert!(seat.chunks(&digests).await.unwrap()[0].is_some());
    assert_eq!(seat.holder().await.unwrap().as_deref(), Some("a"));
    assert_eq!(seat.note_seen(2).await.unwrap(), 2);
    seat.hint(&["7".to_owned()]).await.unwrap();
    assert_eq!(lease.drain().await.unwrap(), ["7"]);
    seat.stirred(Duration::from_secs(1)).await;
    lease.resign().await.unwrap();
}

/// The rights of the user, as the page for people has them.
fn documented_rights() -> Vec<String> {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/several-replicas.md");
    let page = fs::read_to_string(page).unwrap();
    let line = page
        .lines()
        .find_map(|line| line.strip_prefix("user gitlab-metrics-bridge "));
    let words = line
        .expect("the page has a line of an ACL file")
        .split_whitespace();
    words.map(str::to_owned).collect()
}

/// A server with the user, who has these rights beside the documented ones and lacks those without a plus.
fn with_user(change: &[&str]) -> (RedisServer, Config) {
    let server = RedisServer::start();
    let rights = documented_rights();
    let mut words = vec!["ACL", "SETUSER", "gitlab-metrics-bridge"];
    words.extend(rights.iter().map(String::as_str));
    words.extend(change);
    server.command::<()>(&words);
    let config = Config {
        user: Some("gitlab-metrics-bridge".to_owned()),
        password: Some(Secret::Value("X".to_owned(), "s3cret".into())),
        ..config(&server.url())
    };
    (server, config)
}

mod with_redis {
    use super::*;

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn the_documented_rights_are_enough() {
        let (_server, config) = with_user(&[">s3cret"]);
        do_everything(&seat(&config)).await;
        let engine = Engine::new(&config, "a".to_owned()).unwrap();
        let examined = engine.examine().await.unwrap();
        assert_eq!(examined.lacking, Vec::<String>::new());
        assert!(examined.product.is_some() && examined.is_new_enough);
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn none_of_the_documented_rights_is_more_than_needed() {
        let (server, config) = with_user(&[">s3cret"]);
        let user = format!(
            "redis://gitlab-metrics-bridge:s3cret@127.0.0.1:{}",
            server.port()
        );
        let mut other = redis::Client::open(user).unwrap().get_connection().unwrap();
        let read = redis::cmd("GET").arg("other").exec(&mut other);
        assert_eq!(read.unwrap_err().code(), Some("NOPERM"));
        for right in documented_rights() {
            let Some(command) = right.strip_prefix('+') else {
                continue;
            };
            // Without these there is no connection, or it is in another database.
            if ["hello", "select", "subscribe"].contains(&command) {
                continue;
            }
            let without = format!("-{command}");
            let words = ["ACL", "SETUSER", "gitlab-metrics-bridge", &without];
            if server.try_command::<()>(&words).is_err() {
                continue; // Before 7.0, a part of a command can't be taken away.
            }
            let engine = Engine::new(&config, "a".to_owned()).unwrap();
            let lacking = engine.examine().await.unwrap().lacking;
            assert_eq!(lacking, [right.as_str()]);
            server.command::<()>(&["ACL", "SETUSER", "gitlab-metrics-bridge", &right]);
        }
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn keys_and_channels_that_the_user_lacks_are_named() {
        let (_server, config) = with_user(&[">s3cret", "resetkeys", "resetchannels"]);
        let engine = Engine::new(&config, "a".to_owned()).unwrap();
        let lacking = engine.examine().await.unwrap().lacking;
        assert_eq!(lacking, ["&{gmb}:*", "~{gmb}:*"]);
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn an_engine_behind_tls_is_trusted_by_its_authority_and_told_who_we_are() {
        let certificates = Certificates::generate();
        let port = free_port().to_string();
        let path = |path: &PathBuf| path.display().to_string();
        let server = RedisServer::start_with(&[
            "--tls-port",
            &port,
            "--tls-cert-file",
            &path(&certificates.server),
            "--tls-key-file",
            &path(&certificates.server_key),
            "--tls-ca-cert-file",
            &path(&certificates.ca),
            "--tls-auth-clients",
            "yes",
        ]);
        let plain = config(&format!("rediss://localhost:{port}"));
        let trusting = Config {
            ca_file: Some(certificates.ca.clone()),
            ..plain.clone()
        };
        let known = Config {
            cert_file: Some(certificates.client.clone()),
            key_file: Some(certificates.client_key.clone()),
            ..trusting.clone()
        };
        for (stranger, of_certificates) in [(plain, true), (trusting, false)] {
            let error = seat(&stranger).head().await.unwrap_err().to_string();
            let advised = error.contains("cluster.ca_file");
            assert!(advised || !of_certificates, "{error}");
        }
        do_everything(&seat(&known)).await;
        drop(server);
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn sentinels_lead_to_the_server_that_takes_writes_after_a_failover_too() {
        let mut primary = RedisServer::start();
        let port = primary.port().to_string();
        let copy = RedisServer::start_with(&["--replicaof", "127.0.0.1", &port]);
        let sentinels = [
            start_sentinel(&port),
            start_sentinel(&port),
            start_sentinel(&port),
        ];
        let gone = free_port();
        let addresses = sentinels.iter().map(RedisServer::port);
        let addresses = std::iter::once(gone).chain(addresses);
        let config = Config {
            lease: Duration::from_secs(5),
            sentinel: Some(Sentinel {
                master: "mymaster".to_owned(),
                addresses: addresses.map(|port| format!("127.0.0.1:{port}")).collect(),
                password: None,
            }),
            ..config("redis://ignored")
        };
        let seat = seat(&config);
        let first = lease(&seat, Known::default()).await;
        let rising = |token| Known { token, version: 1 };
        first.publish(1, bytes::Bytes::new(), &[]).await.unwrap();
        wait_until(|| copy.command::<u64>(&["DBSIZE"]) > 0).await;
        primary.kill();
        let second = lease(&seat, rising(first.token())).await;
        assert!(second.token() > first.token());
        assert_eq!(second.newest(), 1);
        let head = seat.head().await.unwrap().unwrap();
        assert_eq!((head.token, head.version), (first.token(), 1));
        let role: Vec<Value> = roles(&copy);
        assert_eq!(role[0], "master");
    }

    fn roles(server: &RedisServer) -> Vec<Value> {
        let info: String = server.command(&["INFO", "replication"]);
        let role = info.lines().find_map(|line| line.strip_prefix("role:"));
        vec![role.unwrap().trim().into()]
    }

    /// A Sentinel that watches over the server on this port.
    fn start_sentinel(port: &str) -> RedisServer {
        RedisServer::start_sentinel(&[
            &format!("sentinel monitor mymaster 127.0.0.1 {port} 2"),
            "sentinel down-after-milliseconds mymaster 500",
            "sentinel failover-timeout mymaster 3000",
        ])
    }

    async fn wait_until(condition: impl Fn() -> bool) {
        let begun = Instant::now();
        while !condition() {
            assert!(begun.elapsed() < PATIENCE);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// What `check` finds of the engine, by the name of the check: the level and the text.
    async fn checked(url: &str, variables: &[(&str, &str)]) -> Vec<(String, String, String)> {
        let mut world = World::new();
        world.project_with_id("group/a", 7);
        let gitlab = GitLab::start(world).await.unwrap();
        let program = bridge_for(gitlab.url())
            .args(["check", "--format", "json"])
            .env("GITLAB_BRIDGE_CLUSTER_URL", url);
        let program = variables
            .iter()
            .fold(program, |program, (name, value)| program.env(name, value));
        let finished = program.finish().await;
        let report: Value = serde_json::from_str(&finished.stdout()).unwrap();
        let findings = report["findings"].as_array().unwrap().iter();
        let findings = findings.filter(|finding| finding["area"] == "engine");
        let text = |finding: &Value, name: &str| finding[name].as_str().unwrap().to_owned();
        findings
            .map(|finding| {
                (
                    text(finding, "check"),
                    text(finding, "level"),
                    text(finding, "text"),
                )
            })
            .collect()
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn check_tells_the_version_the_eviction_and_the_rights() {
        let server = RedisServer::start();
        let found = checked(&server.url(), &[]).await;
        let levels: Vec<_> = found
            .iter()
            .map(|(check, level, _)| (check.as_str(), level.as_str()))
            .collect();
        assert_eq!(
            levels,
            [("engine", "ok"), ("eviction", "ok"), ("rights", "ok")]
        );
        assert!(found[0].2.contains(" answers in "), "{found:?}");
        server.command::<()>(&["CONFIG", "SET", "maxmemory", "1gb"]);
        server.command::<()>(&["CONFIG", "SET", "maxmemory-policy", "volatile-lru"]);
        let found = checked(&server.url(), &[]).await;
        assert_eq!(found[1].1, "note");
        assert!(found[1].2.contains("volatile-lru") && found[1].2.contains("noeviction"));
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn nothing_that_a_replica_says_or_stores_holds_the_password_or_the_token() {
        const PASSWORD: &str = "pl4nted/engine+password";
        let server = RedisServer::start();
        let rule = format!(">{PASSWORD}");
        server.command::<()>(&["ACL", "SETUSER", "bridge", "on", "~*", "&*", "+@all", &rule]);
        let mut world = World::new();
        world.project_with_id("group/a", 7).commits(11);
        let gitlab = GitLab::start(world).await.unwrap();
        let encoded = "pl4nted%2Fengine+password";
        let url = format!("redis://bridge:{encoded}@127.0.0.1:{}", server.port());
        let program = bridge_for(gitlab.url())
            .env("GITLAB_BRIDGE_CLUSTER_URL", url)
            .args(["--log-level", "trace"]);
        let bridge = Running::start(program).await;
        bridge.first_scrape().await;
        let mut said = String::new();
        for page in [
            "/",
            "/metrics",
            "/metrics/bridge",
            "/api/v1/status",
            "/-/ready",
        ] {
            said += &bridge.get(page).await.1;
        }
        let keys: Vec<String> = server.command(&["KEYS", "*"]);
        assert!(keys.iter().any(|key| key.ends_with(":head")), "{keys:?}");
        for key in &keys {
            said += key;
            let kind: String = server.command(&["TYPE", key]);
            let reading = match kind.as_str() {
                "hash" => "HGETALL",
                "set" => "SMEMBERS",
                _ => "GET",
            };
            let stored: redis::Value = server.command(&[reading, key]);
            let parts = match stored {
                redis::Value::Array(parts) => parts,
                whole => vec![whole],
            };
            for part in parts {
                let bytes: Vec<u8> = redis::from_redis_value(part).unwrap();
                said += &String::from_utf8_lossy(&bytes);
            }
        }
        let finished = bridge.stop().await;
        said += &finished.stdout();
        said += &finished.stderr();
        assert!(said.contains("group/a"), "what is stored was read");
        for secret in [PASSWORD, encoded, "pl4nted", TOKEN] {
            assert!(!said.contains(secret), "{secret}");
        }
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn check_names_the_rights_that_are_lacking_and_how_to_give_them() {
        let (server, _) = with_user(&[">s3cret", "-spop", "-hget"]);
        let found = checked(
            &server.url(),
            &[
                ("GITLAB_BRIDGE_CLUSTER_USER", "gitlab-metrics-bridge"),
                ("GITLAB_BRIDGE_CLUSTER_PASSWORD", "s3cret"),
            ],
        )
        .await;
        assert_eq!(found[2].1, "problem");
        let command = "ACL SETUSER gitlab-metrics-bridge +hget +spop";
        assert!(found[2].2.contains(command), "{found:?}");
    }

    #[tokio::test]
    #[ignore = "needs redis-server"]
    async fn check_says_what_to_do_about_an_engine_that_is_away_or_refuses() {
        let url = format!("redis://127.0.0.1:{}", free_port());
        let found = checked(&url, &[]).await;
        assert_eq!((found.len(), found[0].1.as_str()), (1, "problem"));
        assert!(found[0].2.contains("See whether it is up"), "{found:?}");
        let server = RedisServer::start_with(&["--requirepass", "right"]);
        let found = checked(
            &server.url(),
            &[("GITLAB_BRIDGE_CLUSTER_PASSWORD", "wr0ng")],
        )
        .await;
        assert_eq!((found.len(), found[0].1.as_str()), (1, "problem"));
        assert!(found[0].2.contains("cluster.password_file"), "{found:?}");
        assert!(!found[0].2.contains("wr0ng"), "{found:?}");
    }
}
