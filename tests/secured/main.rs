//! The endpoint with a web configuration of Prometheus: TLS, client certificates, passwords and what
//! happens when the file changes. Over real sockets, and with the real Prometheus and promtool.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod clients;
mod hooks;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::{Path, PathBuf};

use gitlab_metrics_bridge::simulator::{GitLab, World};
use reqwest::{Certificate, Client, ClientBuilder, Identity, StatusCode};

use support::certificates::Certificates;
use support::process::{Program, bridge};
use support::running::{Running, bridge_for};
use support::tools::{Prometheus, promtool};

const PASSWORD: &str = "s3cret-of-the-scraper";

async fn gitlab() -> GitLab {
    let mut world = World::new();
    world.project_with_id("group/a", 7).commits(11);
    GitLab::start(world).await.unwrap()
}

/// A web configuration beside its certificates.
struct Secured {
    certificates: Certificates,
    gitlab: GitLab,
    file: PathBuf,
}

impl Secured {
    async fn new(text: &str) -> Secured {
        let certificates = Certificates::generate();
        let file = certificates.folder().join("web.yaml");
        fs::write(&file, text).unwrap();
        Secured {
            certificates,
            gitlab: gitlab().await,
            file,
        }
    }

    fn bridge(&self) -> Program {
        bridge_for(self.gitlab.url())
            .arg("--web.config.file")
            .arg(&self.file)
    }

    /// A client that trusts the authority.
    fn client(&self) -> ClientBuilder {
        let authority = fs::read(&self.certificates.ca).unwrap();
        let authority = Certificate::from_pem(&authority).unwrap();
        Client::builder().no_proxy().tls_certs_only([authority])
    }

    /// A client that the authority vouches for.
    fn known_client(&self) -> ClientBuilder {
        let Certificates {
            client, client_key, ..
        } = &self.certificates;
        self.client().identity(identity(client, client_key))
    }
}

/// What a client with this certificate and key shows.
fn identity(certificate: &Path, key: &Path) -> Identity {
    let files = [certificate, key].map(|path| fs::read(path).unwrap());
    Identity::from_pem(&files.concat()).unwrap()
}

const TLS: &str = "tls_server_config: {cert_file: server.pem, key_file: server.key";

fn users() -> String {
    let hash = bcrypt::hash(PASSWORD, 4).unwrap();
    format!("basic_auth_users: {{alice: {hash}}}\n")
}

async fn status(client: &Client, url: &str, user: Option<(&str, &str)>) -> StatusCode {
    let mut request = client.get(url);
    if let Some((name, password)) = user {
        request = request.basic_auth(name, Some(password));
    }
    request.send().await.unwrap().status()
}

fn https(bridge: &Running, path: &str) -> String {
    format!("https://localhost:{}{path}", bridge.port())
}

#[tokio::test]
async fn tls_and_headers_are_as_the_file_says() {
    let secured = Secured::new(&format!(
        "{TLS}}}\nhttp_server_config: {{headers: {{X-Frame-Options: deny}}}}\n"
    ))
    .await;
    let bridge = Running::start(secured.bridge()).await;
    let client = secured.client().build().unwrap();
    for path in ["/", "/-/healthy", "/nothing"] {
        let answer = client.get(https(&bridge, path)).send().await.unwrap();
        assert_eq!(answer.headers()["x-frame-options"], "deny");
        assert_eq!(answer.version(), reqwest::Version::HTTP_2);
    }
    // Without TLS it is said what is wrong.
    let (status, text) = bridge.get("/metrics").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(text.contains("https"), "{text}");
}

#[tokio::test]
async fn only_clients_of_the_authority_get_in() {
    let secured = Secured::new(&format!(
        "{TLS}, client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert}}\n"
    ))
    .await;
    let bridge = Running::start(secured.bridge()).await;
    let url = https(&bridge, "/-/healthy");
    let known = secured.known_client().build().unwrap();
    assert_eq!(status(&known, &url, None).await, StatusCode::OK);
    let stranger = secured.client().build().unwrap();
    assert!(stranger.get(&url).send().await.is_err());
    // One of another authority is a stranger too.
    let other = Secured::new("").await;
    let other = identity(&other.certificates.client, &other.certificates.client_key);
    let other = secured.client().identity(other);
    assert!(other.build().unwrap().get(&url).send().await.is_err());
}

#[tokio::test]
async fn only_users_with_their_password_get_in_and_health_may_stay_open() {
    let secured = Secured::new(&users()).await;
    let program = secured.bridge().args(["--log-level", "trace"]);
    let bridge = Running::start(program.env("GITLAB_BRIDGE_PROMETHEUS_OPEN_HEALTH", "true")).await;
    let client = Client::builder().no_proxy().build().unwrap();
    let ask = async |path: &str, user| status(&client, &bridge.url(path), user).await;
    let right = Some(("alice", PASSWORD));
    for _ in 0..3 {
        assert_eq!(ask("/metrics", right).await, StatusCode::OK);
    }
    for wrong in [
        None,
        Some(("alice", "wrong")),
        Some(("bob", PASSWORD)),
        Some(("", "")),
    ] {
        assert_eq!(ask("/metrics", wrong).await, StatusCode::UNAUTHORIZED);
        assert_eq!(ask("/", wrong).await, StatusCode::UNAUTHORIZED);
        assert_eq!(ask("/nothing", wrong).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(ask("/-/healthy", None).await, StatusCode::OK);
    let answer = client.get(bridge.url("/metrics")).send().await.unwrap();
    let challenge = answer.headers()["www-authenticate"].to_str().unwrap();
    assert!(challenge.starts_with("Basic"), "{challenge}");
    let log = bridge.stop().await.stderr();
    assert!(!log.contains(PASSWORD) && !log.contains("$2b$"), "{log}");
}

#[tokio::test]
async fn a_changed_file_holds_for_the_next_request_and_a_broken_one_is_told_once() {
    let secured = Secured::new(&users()).await;
    let bridge = Running::start(secured.bridge()).await;
    let client = Client::builder().no_proxy().build().unwrap();
    let ask = async |user| status(&client, &bridge.url("/metrics"), user).await;
    assert_eq!(ask(Some(("alice", PASSWORD))).await, StatusCode::OK);

    let hash = bcrypt::hash("another", 4).unwrap();
    fs::write(
        &secured.file,
        format!("basic_auth_users: {{alice: {hash}}}\n"),
    )
    .unwrap();
    assert_eq!(
        ask(Some(("alice", PASSWORD))).await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(ask(Some(("alice", "another"))).await, StatusCode::OK);

    fs::write(&secured.file, "basic_auth_users: {alice: plain}\n").unwrap();
    for _ in 0..3 {
        assert_eq!(ask(None).await, StatusCode::UNAUTHORIZED);
        assert_eq!(ask(Some(("alice", "another"))).await, StatusCode::OK);
    }

    // A connection that is open does not go on without TLS once there is TLS.
    fs::write(&secured.file, format!("{TLS}}}\n")).unwrap();
    assert_eq!(ask(None).await, StatusCode::BAD_REQUEST);
    let trusting = secured.client().build().unwrap();
    let url = https(&bridge, "/-/healthy");
    assert_eq!(status(&trusting, &url, None).await, StatusCode::OK);

    let log = bridge.stop().await.stderr();
    assert_eq!(
        log.matches("the last good one still holds").count(),
        1,
        "{log}"
    );
    assert!(!log.contains("plain"), "{log}");
}

#[tokio::test]
async fn a_mistake_ends_the_start_and_check_tells_it() {
    let secured = Secured::new("tls_server_config:\n  cert_fil: server.pem\n").await;
    for command in ["run", "check"] {
        let program = secured.bridge().args([command, "--listen", "127.0.0.1:0"]);
        let finished = program.finish().await;
        assert_ne!(finished.code(), 0, "{command}");
        let told = finished.stdout() + &finished.stderr();
        assert!(
            told.contains("web.yaml:2:3") && told.contains("cert_file"),
            "{told}"
        );
    }
    let missing = bridge().args(["--web.config.file", "/nowhere/web.yaml"]);
    let finished = missing.finish().await;
    assert_ne!(finished.code(), 0);
    assert!(finished.stderr().contains("/nowhere/web.yaml"));
}

#[tokio::test]
#[ignore = "needs promtool: run tests/run"]
async fn promtool_accepts_what_we_accept() {
    let (certificates, gitlab) = (Certificates::generate(), gitlab().await);
    for (text, accepted) in [
        (String::new(), true),
        (users(), true),
        (format!("{TLS}}}\n"), true),
        (
            format!(
                "{TLS}, client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert, \
            client_allowed_sans: [a.example.com], min_version: TLS13, curve_preferences: [X25519], \
            cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256], prefer_server_cipher_suites: true}}\n"
            ),
            true,
        ),
        (
            "http_server_config: {http2: false, headers: {X-Content-Type-Options: nosniff}}\n"
                .to_owned(),
            true,
        ),
        ("rate_limit: {interval: 1m30s, burst: 5}\n".to_owned(), true),
        (
            "tls_server_config: {cert_fil: server.pem}\n".to_owned(),
            false,
        ),
        ("basic_auth_users: {alice: plain}\n".to_owned(), false),
        (
            "http_server_config: {headers: {Server: a}}\n".to_owned(),
            false,
        ),
        (format!("{TLS}, client_ca_file: ca.pem}}\n"), false),
    ] {
        let file = certificates.folder().join("web.yaml");
        fs::write(&file, &text).unwrap();
        let path = file.to_str().unwrap();
        let judged = promtool(["check", "web-config", path]).finish().await;
        assert_eq!(judged.code() == 0, accepted, "{text}: {judged:?}");
        let ours = bridge_for(gitlab.url())
            .args([
                "check",
                "--listen",
                "127.0.0.1:0",
                "--web.config.file",
                path,
            ])
            .finish()
            .await;
        let told = ours.stdout();
        assert_eq!(
            told.contains("the web configuration is valid"),
            accepted,
            "{text}: {told}"
        );
    }
}

#[tokio::test]
#[ignore = "needs Prometheus: run tests/run"]
async fn prometheus_scrapes_over_tls_with_a_certificate_and_a_password() {
    let text = format!(
        "{TLS}, client_ca_file: ca.pem, client_auth_type: RequireAndVerifyClientCert}}\n{}",
        users()
    );
    let secured = Secured::new(&text).await;
    let bridge = Running::start(secured.bridge()).await;
    let prometheus = Prometheus::start(&format!(
        "
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: bridge
    scheme: https
    basic_auth: {{username: alice, password: {PASSWORD}}}
    tls_config: {{ca_file: {ca}, cert_file: {cert}, key_file: {key}, server_name: localhost}}
    static_configs: [{{targets: ['127.0.0.1:{port}']}}]
",
        ca = secured.certificates.ca.display(),
        cert = secured.certificates.client.display(),
        key = secured.certificates.client_key.display(),
        port = bridge.port(),
    ))
    .await;
    let series = prometheus
        .wait_for("gitlab_commits_total", |series| !series.is_empty())
        .await;
    assert!(series.values().all(|value| *value == 11.0));
}

/// The certificate is for the bridge's name, and the health check of a container asks on loopback.
#[tokio::test]
async fn the_program_asks_a_bridge_with_tls_and_passwords_whether_it_is_well() {
    let secured = Secured::new(&format!("{TLS}}}\n{}", users())).await;
    for (open_health, code) in [("true", 0), ("false", 1)] {
        let program = secured.bridge();
        let running =
            Running::start(program.env("GITLAB_BRIDGE_PROMETHEUS_OPEN_HEALTH", open_health)).await;
        let health = secured.bridge().arg("health").arg("--port");
        let said = health.arg(running.port().to_string()).finish().await;
        assert_eq!(said.code(), code, "{said:#?}");
        let advised = said.stderr().contains("prometheus.open_health");
        assert_eq!(advised, code == 1, "{said:#?}");
    }
}
