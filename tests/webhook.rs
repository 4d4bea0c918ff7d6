//! Webhooks over real sockets: what is taken, what is refused, and that nothing suffers from it.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use futures::future::join_all;
use gitlab_metrics_bridge::simulator::{GitLab, World};
use gitlab_metrics_bridge::webhook::{Counts, Event, Hint, Receiver, Secrets};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Instant;

use support::Series;
use support::process::{Program, bridge, http_client};
use support::running::{Running, bridge_for};

const SECRET: &str = "s3cret-of-the-webhook";
const SIGNING_TOKEN: &str = "whsec_c2lnbmluZy1zM2NyZXQtb2YtdGhlLXdlYmhvb2s=";
const TOTAL: &str = "gitlab_bridge_webhooks_total";

async fn gitlab() -> GitLab {
    let mut world = World::new();
    world.project_with_id("group/a", 7).commits(1);
    GitLab::start(world).await.unwrap()
}

/// Takes webhooks.
fn taking(gitlab: &GitLab) -> Program {
    bridge_for(gitlab.url())
        .env("GITLAB_BRIDGE_WEBHOOK", "true")
        .env("GITLAB_BRIDGE_WEBHOOK_TOKEN", SECRET)
        .env("GITLAB_BRIDGE_WEBHOOK_SIGNING_TOKEN", SIGNING_TOKEN)
}

fn post(url: &str) -> RequestBuilder {
    http_client()
        .post(url)
        .header("X-Gitlab-Event", "Push Hook")
        .header("X-Gitlab-Instance", "https://gitlab.example.com")
}

async fn send(request: RequestBuilder) -> (StatusCode, String) {
    let response: Response = request.send().await.unwrap();
    (response.status(), response.text().await.unwrap())
}

/// A push with as much in it as one of twenty commits has.
fn push() -> String {
    let commit = r#"{"id":"a4bf10d93a2d136f1db911b6f1c03d26d835a44f","message":"Say what it does","url":"https://gitlab.example.com/group/a/-/commit/a4bf10d93a2d136f1db911b6f1c03d26d835a44f","added":["a"],"modified":[],"removed":[]}"#;
    let commits = vec![commit; 20].join(",");
    format!(
        r#"{{"object_kind":"push","project_id":7,"project":{{"id":7,"name":"a"}},"commits":[{commits}]}}"#
    )
}

/// HMAC-SHA256 as RFC 2104 writes it, from nothing but the hash.
fn hmac(key: &[u8], message: &[u8]) -> Vec<u8> {
    let padded = |pad: u8| {
        let mut block = [pad; 64];
        block
            .iter_mut()
            .zip(key)
            .for_each(|(byte, key)| *byte ^= key);
        block
    };
    let hash = |parts: [&[u8]; 2]| digest(&SHA256, &parts.concat()).as_ref().to_vec();
    hash([&padded(0x5c), &hash([&padded(0x36), message])])
}

fn signed(request: RequestBuilder, id: &str, at: SystemTime, body: &str) -> RequestBuilder {
    let timestamp = at.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let key = BASE64.decode(&SIGNING_TOKEN["whsec_".len()..]).unwrap();
    let tag = hmac(&key, format!("{id}.{timestamp}.{body}").as_bytes());
    request
        .header("webhook-id", id)
        .header("webhook-timestamp", timestamp)
        .header("webhook-signature", format!("v1,{}", BASE64.encode(tag)))
        .body(body.to_owned())
}

#[tokio::test]
async fn by_default_nothing_is_taken() {
    let gitlab = gitlab().await;
    let bridge = Running::start(bridge_for(gitlab.url())).await;
    for path in ["/webhook", "/webhook/main"] {
        let (status, _) = send(post(&bridge.url(path)).body(push())).await;
        assert_eq!(status, StatusCode::NOT_FOUND);
    }
    assert!(bridge.first_scrape().await.series(TOTAL).is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_webhooks_are_answered_about_as_fast_as_nothing_is() {
    const SENDERS: usize = 8;
    const EACH: usize = 1250;
    /// A scheduler with other work may be slow once; reading a body may not be, often.
    const SLOWER: u32 = 5;
    let gitlab = gitlab().await;
    let bridge = Running::start(taking(&gitlab)).await;
    let (url, healthy) = (bridge.url("/webhook"), bridge.url("/-/healthy"));
    let body = push();
    let senders = (0..SENDERS).map(|_| {
        let (url, healthy, body) = (url.clone(), healthy.clone(), body.clone());
        tokio::spawn(async move {
            let client = http_client(); // Its one connection is kept.
            let (mut answers, mut nothings) = (Vec::new(), Vec::new());
            for number in 0..EACH {
                let request = client.post(&url).header("X-Gitlab-Token", SECRET);
                answers.push(timed(request.body(body.clone())).await);
                if number % 4 == 0 {
                    nothings.push(timed(client.get(&healthy)).await);
                }
            }
            (answers, nothings)
        })
    });
    let (mut answers, mut nothings) = (Vec::new(), Vec::new());
    for sender in join_all(senders).await {
        let (some, other) = sender.unwrap();
        answers.extend(some);
        nothings.extend(other);
    }
    assert_eq!(answers.len(), 10_000);
    let (answer, nothing) = (late(&mut answers), late(&mut nothings));
    assert!(answer < nothing * SLOWER, "{answer:?} beside {nothing:?}");
    let labels = [("event", "push"), ("outcome", "accepted")];
    assert_eq!(bridge.scrape().await.value(TOTAL, labels), Some(10_000.0));
}

#[tokio::test(flavor = "multi_thread")]
async fn hinted_projects_are_asked_within_seconds_and_in_a_handful_of_requests() {
    const PROJECTS: u64 = 200;
    const HOOKS_EACH: usize = 10;
    let gitlab = GitLab::start(World::large(300)).await.unwrap();
    let program = taking(&gitlab).args(["--listen", "127.0.0.1:0", "--interval", "1h"]);
    let bridge = Running::listening(program).await;
    bridge.first_scrape().await;
    gitlab.take_requests();
    // Nothing else would tell of stars before the sweep comes by.
    gitlab.edit(|world| {
        for id in 1..=PROJECTS {
            let path = world
                .projects()
                .find(|project| project.id == id)
                .unwrap()
                .full_path
                .clone();
            world.project(&path).stars(1_000 + id);
        }
    });
    let client = http_client();
    for _ in 0..HOOKS_EACH {
        let hooks = (1..=PROJECTS).map(|id| {
            let body = format!(r#"{{"object_kind":"push","project":{{"id":{id}}}}}"#);
            let request = client
                .post(bridge.url("/webhook"))
                .header("X-Gitlab-Token", SECRET);
            send(request.body(body))
        });
        for (status, _) in join_all(hooks).await {
            assert_eq!(status, StatusCode::OK);
        }
    }
    let all_seen = |series: &Series| {
        series.values().filter(|stars| **stars >= 1_000.0).count() as u64 == PROJECTS
    };
    bridge
        .wait_for_series("gitlab_project_stars", all_seen)
        .await;
    let asked = gitlab.requests().len();
    assert!(asked <= 6, "{asked} requests for {PROJECTS} projects");
}

async fn timed(request: RequestBuilder) -> Duration {
    let began = Instant::now();
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::OK);
    response.bytes().await.unwrap();
    began.elapsed()
}

/// What 99 of 100 are faster than.
fn late(times: &mut [Duration]) -> Duration {
    times.sort_unstable();
    times[times.len() * 99 / 100]
}

#[tokio::test]
async fn only_who_knows_a_secret_is_heard() {
    let gitlab = gitlab().await;
    let bridge = Running::start(taking(&gitlab).args(["--log-level", "trace"])).await;
    let url = bridge.url("/webhook");
    let now = SystemTime::now();
    let body = push();
    let token = |token: &str| post(&url).header("X-Gitlab-Token", token).body(push());

    assert_eq!(send(token(SECRET)).await, (StatusCode::OK, String::new()));
    let (status, _) = send(signed(post(&url), "1", now, &body)).await;
    assert_eq!(status, StatusCode::OK);

    let old = now - Duration::from_secs(301);
    for refused in [
        post(&url).body(push()),
        token(""),
        token("s3cret-of-the-webhool"),
        signed(post(&url), "1", old, &body),
        signed(post(&url), "1", now, &body).body(push() + " "),
        signed(token(SECRET), "1", now, &body).body(push() + " "),
    ] {
        let (status, text) = send(refused).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!(text, "The secret of this webhook is missing or wrong.\n");
    }

    let scrape = bridge.scrape().await;
    for (outcome, count) in [("accepted", 2.0), ("unauthorized", 6.0)] {
        let labels = [("event", "push"), ("outcome", outcome)];
        assert_eq!(scrape.value(TOTAL, labels), Some(count), "{outcome}");
    }
    let mut told = vec![bridge.get("/").await.1, bridge.get("/metrics").await.1];
    let finished = bridge.stop().await;
    told.extend([finished.stdout(), finished.stderr()]);
    let warned = finished.stderr().matches("webhooks were refused").count();
    assert_eq!(warned, 1, "{finished:#?}");
    for secret in ["s3cret", SIGNING_TOKEN, &SIGNING_TOKEN["whsec_".len()..]] {
        assert!(told.iter().all(|text| !text.contains(secret)), "{told:#?}");
    }
}

#[tokio::test]
async fn garbage_is_refused_and_harms_nobody() {
    let gitlab = gitlab().await;
    let bridge = Running::start(taking(&gitlab)).await;
    let url = bridge.url("/webhook");
    let whole = push();
    for garbage in [
        Vec::new(),
        b"null".to_vec(),
        b"{}".to_vec(),
        b"[]".to_vec(),
        whole.as_bytes()[..whole.len() / 2].to_vec(),
        b"{\"object_kind\":\"\xff\xfe\"}".to_vec(),
        br#"{"object_kind":"push","project_id":1e400}"#.to_vec(),
        br#"{"object_kind":"push","project_id":340282366920938463463374607431768211456}"#.to_vec(),
        vec![b'['; 10 << 20],
        [
            br#"{"object_kind":"push","a":"#.to_vec(),
            vec![b'['; 10 << 20],
        ]
        .concat(),
    ] {
        let shown = String::from_utf8_lossy(&garbage[..garbage.len().min(60)]).into_owned();
        let request = http_client().post(&url).header("X-Gitlab-Token", SECRET);
        let (status, text) = send(request.body(garbage)).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{shown}");
        assert!(text.starts_with("This is no webhook of GitLab: "), "{text}");
        assert!(text.len() < 100, "{text}");
    }
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let response = bridge.ask(method, "/webhook").await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
    }
    let (status, _) = send(post(&bridge.url("/webhook/nobody")).body(push())).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let labels = [("event", "other"), ("outcome", "invalid")];
    assert_eq!(bridge.scrape().await.value(TOTAL, labels), Some(10.0));
}

#[tokio::test]
async fn a_body_is_read_up_to_what_gitlab_sends_and_no_further() {
    let gitlab = gitlab().await;
    let bridge = Running::start(taking(&gitlab)).await;
    let limit = 25 << 20;
    let mut body = push();
    body.push_str(&" ".repeat(limit - body.len()));
    let large = post(&bridge.url("/webhook")).header("X-Gitlab-Token", SECRET);
    let (status, _) = send(large.body(body)).await;
    assert_eq!(status, StatusCode::OK);

    let head = format!("POST /webhook HTTP/1.1\r\nHost: a\r\nX-Gitlab-Token: {SECRET}\r\n");
    let announced = format!("{head}Content-Length: {}\r\n\r\n", limit + 1);
    let status = spoken(bridge.port(), announced.as_bytes()).await;
    assert!(status.starts_with("HTTP/1.1 413 "), "{status}");

    let mut chunk = format!(
        "{head}Transfer-Encoding: chunked\r\n\r\n{:x}\r\n",
        limit + 1
    )
    .into_bytes();
    chunk.resize(chunk.len() + limit + 1, b' ');
    let status = spoken(bridge.port(), &chunk).await;
    assert!(status.starts_with("HTTP/1.1 413 "), "{status}");

    // Nobody else's body is waited for at all.
    let stranger = "POST /webhook HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n";
    let status = spoken(bridge.port(), stranger.as_bytes()).await;
    assert!(status.starts_with("HTTP/1.1 401 "), "{status}");
}

/// Sends just this, and returns the beginning of the answer.
async fn spoken(port: u16, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(request).await.unwrap();
    let mut answer = vec![0; 64];
    let length = stream.read(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer[..length]).into_owned()
}

#[tokio::test]
async fn webhooks_may_have_an_address_of_their_own() {
    let gitlab = gitlab().await;
    let program = taking(&gitlab).env("GITLAB_BRIDGE_WEBHOOK_LISTEN", "127.0.0.1:0");
    let mut bridge = Running::start(program).await;
    let line = bridge.process.wait_for_line("taking webhooks").await;
    let address = line.split_once("listen=").unwrap().1;
    let address = address.split(' ').next().unwrap().to_owned();
    let token = |url: &str| post(url).header("X-Gitlab-Token", SECRET).body(push());

    let (status, _) = send(token(&format!("http://{address}/webhook"))).await;
    assert_eq!(status, StatusCode::OK);
    let (status, _) = send(token(&bridge.url("/webhook"))).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = send(http_client().get(format!("http://{address}/metrics"))).await;
    assert_eq!(status, StatusCode::NOT_FOUND);

    let taken = taking(&gitlab)
        .env("GITLAB_BRIDGE_WEBHOOK_LISTEN", address)
        .args(["--listen", "127.0.0.1:0"]);
    let finished = taken.finish().await;
    assert_eq!(finished.code(), 1);
    let stderr = finished.stderr();
    assert!(
        stderr.contains("choose another address with webhook.listen"),
        "{stderr}"
    );
    assert_eq!(bridge.stop().await.code(), 0);
}

#[tokio::test]
async fn a_secret_that_is_none_is_told_before_anything_starts() {
    let start = || {
        bridge()
            .env("GITLAB_TOKEN", "x")
            .env("GITLAB_BRIDGE_WEBHOOK", "true")
    };
    let finished = start().finish().await;
    assert_eq!(finished.code(), 2);
    let stderr = finished.stderr();
    assert!(
        stderr.contains("set GITLAB_BRIDGE_WEBHOOK_TOKEN or"),
        "{stderr}"
    );

    let program = start()
        .args(["--listen", "127.0.0.1:0"])
        .env("GITLAB_BRIDGE_WEBHOOK_SIGNING_TOKEN", "whsec_s3cret");
    let finished = program.finish().await;
    assert_eq!(finished.code(), 2);
    let stderr = finished.stderr();
    assert!(
        stderr.contains("webhook.signing_token: a signing token is whsec_"),
        "{stderr}"
    );
    assert!(!stderr.contains("s3cret"), "{stderr}");

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "\n").unwrap();
    let program = start()
        .args(["--listen", "127.0.0.1:0"])
        .env("GITLAB_BRIDGE_WEBHOOK_TOKEN_FILE", &file);
    let finished = program.finish().await;
    assert_eq!(finished.code(), 2);
    assert!(
        finished
            .stderr()
            .contains("is empty: write the token into it"),
        "{finished:?}"
    );
}

#[tokio::test]
async fn check_tells_where_webhooks_are_taken() {
    let gitlab = gitlab().await;
    let program = taking(&gitlab).args(["check", "--listen", "127.0.0.1:0"]);
    let finished = program.finish().await;
    assert_eq!(finished.code(), 0, "{finished:#?}");
    let stdout = finished.stdout();
    assert!(
        stdout.contains("webhooks are taken at http://127.0.0.1:0/webhook"),
        "{stdout}"
    );
}

/// A receiver without the rest of the bridge, and the hints it takes.
async fn receiver() -> (String, mpsc::UnboundedReceiver<Hint>) {
    let (sender, hints) = mpsc::unbounded_channel();
    let receiver = Receiver {
        secrets: Secrets::build(&["old".into(), SECRET.into()], &[]).unwrap(),
        names: vec!["main".to_owned()],
        take_hint: Arc::new(move |hint| drop(sender.send(hint))),
        counts: Arc::new(Counts::default()),
        memory: Default::default(),
    };
    let routes = receiver.routes();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, routes).await });
    (url, hints)
}

#[tokio::test]
async fn a_webhook_becomes_a_hint() {
    let (url, mut hints) = receiver().await;
    let sent_by = Some("https://gitlab.example.com".to_owned());
    for (path, token, body, gitlab, event, project) in [
        ("/webhook", SECRET, push(), None, Event::Push, Some(7)),
        (
            "/webhook/main",
            "old",
            push(),
            Some("main"),
            Event::Push,
            Some(7),
        ),
        (
            "/webhook",
            SECRET,
            r#"{"event_name":"group_create","group_id":3}"#.to_owned(),
            None,
            Event::Group,
            None,
        ),
        // The header tells what a body with a template of its own does not.
        (
            "/webhook",
            SECRET,
            r#"{"project_id":9}"#.to_owned(),
            None,
            Event::Push,
            Some(9),
        ),
    ] {
        let request = post(&format!("{url}{path}")).header("X-Gitlab-Token", token);
        let (status, _) = send(request.body(body)).await;
        assert_eq!(status, StatusCode::OK);
        let hint = Hint {
            gitlab: gitlab.map(str::to_owned),
            sent_by: sent_by.clone(),
            project,
            event,
        };
        assert_eq!(hints.recv().await, Some(hint));
    }
    let unknown = post(&format!("{url}/webhook/other")).header("X-Gitlab-Token", SECRET);
    assert_eq!(send(unknown.body(push())).await.0, StatusCode::NOT_FOUND);
    assert!(hints.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_end_is_not_waited_for() {
    let (url, hints) = receiver().await;
    let port = url.rsplit(':').next().unwrap().parse().unwrap();
    let began = Instant::now();
    let endless = format!(
        "POST /webhook HTTP/1.1\r\nHost: a\r\nX-Gitlab-Token: {SECRET}\r\nContent-Length: 9\r\n\r\n{{"
    );
    let status = spoken(port, endless.as_bytes()).await;
    assert!(status.starts_with("HTTP/1.1 408 "), "{status}");
    assert!(began.elapsed() < Duration::from_secs(11));
    assert!(hints.is_empty());
}

/// What a stranger writes who knows how GitLab signs, and not with what.
fn as_if_signed(length: usize) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    format!(
        "POST /webhook HTTP/1.1\r\nHost: a\r\nwebhook-id: 1\r\nwebhook-timestamp: {}\r\n\
         webhook-signature: v1,AAAA\r\nContent-Length: {length}\r\n\r\n",
        now.as_secs()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_of_strangers_that_do_not_end_delay_no_honest_hook() {
    const LARGE: usize = 25 << 20;
    let gitlab = gitlab().await;
    let bridge = Running::start(taking(&gitlab)).await;
    let mut held = Vec::new();
    for sent in [vec![], vec![b' '; LARGE - 1]] {
        for _ in 0..8 {
            let address = ("127.0.0.1", bridge.port());
            let mut stream = TcpStream::connect(address).await.unwrap();
            let head = as_if_signed(LARGE);
            stream.write_all(head.as_bytes()).await.unwrap();
            // An earlier one of theirs has to give way, and may be this one.
            let _ = stream.write_all(&sent).await;
            held.push(stream);
        }
        let url = bridge.url("/webhook");
        let mut large = push();
        large.push_str(&" ".repeat(5 << 20));
        for body in [push(), large] {
            let began = Instant::now();
            let (status, text) = send(signed(post(&url), "1", SystemTime::now(), &body)).await;
            assert_eq!(status, StatusCode::OK, "{text}");
            let (status, text) = send(post(&url).header("X-Gitlab-Token", SECRET).body(body)).await;
            assert_eq!(status, StatusCode::OK, "{text}");
            assert!(
                began.elapsed() < Duration::from_secs(5),
                "{:?}",
                began.elapsed()
            );
        }
    }
    let labels = [("event", "push"), ("outcome", "accepted")];
    assert_eq!(bridge.scrape().await.value(TOTAL, labels), Some(8.0));
}
