//! Secrets planted wherever one may stand, and looked for wherever something can be read: logs at trace,
//! pages, errors, files, command lines, `check` and `plan`, and what is pushed. In every spelling.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod forms;
mod front;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use axum::http::StatusCode;
use gitlab_metrics_bridge::simulator::{AccessToken, GitLab, World};
use reqwest::{Certificate, Client, Method};

use forms::Planted;
use front::Front;
use support::certificates::Certificates;
use support::process::{Finished, Program, bridge};
use support::receiver::{Fault, Receiver};
use support::running::Running;

const TOKEN: &str = "glpat-pl4nted/t0ken+1=";
const HEADER: &str = "pl4nted \"front\" & key+/=";
const PROXY: &str = "pl4nted-proxy/p4ss+";
const COLLECTOR: &str = "pl4nted-collector\\key/+?";
const QUERY: &str = "pl4nted-query-key/+";
const HOOK: &str = "pl4nted-h00k/token+";
const SIGNING: &str = "whsec_cGw0bnRlZC1zaWduaW5nLWtleS0wMTIzNDU2Nzg5";
const PASSWORD: &str = "pl4nted-p4ssword+/ä";

/// Everything around a bridge that knows all secrets.
struct Around {
    planted: Planted,
    certificates: Certificates,
    gitlab: GitLab,
    receiver: Receiver,
    front: Front,
    config: PathBuf,
}

impl Around {
    async fn new() -> Around {
        let mut world = World::new();
        world.project_with_id("group/a", 7).commits(11);
        world.token(AccessToken::new(TOKEN));
        let gitlab = GitLab::start(world).await.unwrap();
        let certificates = Certificates::generate();
        let (folder, hash) = (certificates.folder(), bcrypt::hash(PASSWORD, 4).unwrap());
        let key = fs::read_to_string(&certificates.server_key).unwrap();
        let lines: Vec<_> = key.lines().map(|line| format!("    {line}\n")).collect();
        let web = format!(
            "tls_server_config:\n  cert_file: server.pem\n  key: |\n{}basic_auth_users:\n  alice: {hash}\n",
            lines.concat()
        );
        fs::write(folder.join("web.yaml"), web).unwrap();
        fs::write(folder.join("hook"), HOOK).unwrap();
        let config = folder.join("bridge.yaml");
        let text = "gitlab: {headers: {x-front-key: '${FRONT_KEY}'}}\nstate: {path: state}\n\
                    webhook: {enabled: true, token_file: hook}\n";
        fs::write(&config, text).unwrap();
        let own_key = key.lines().nth(1).unwrap().to_owned();
        let secrets = [
            TOKEN, HEADER, PROXY, COLLECTOR, QUERY, HOOK, SIGNING, PASSWORD, &hash, &own_key,
        ];
        Around {
            planted: Planted::new(&secrets),
            front: Front::start(gitlab.url()).await,
            receiver: Receiver::start(),
            certificates,
            gitlab,
            config,
        }
    }

    /// The bridge with all of them, which sees GitLab through a proxy.
    fn bridge(&self, protocol: &str) -> Program {
        let encoded =
            |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        bridge()
            .arg("--config")
            .arg(&self.config)
            .env("GITLAB_URL", "http://gitlab.example")
            .env("GITLAB_TOKEN", TOKEN)
            .env("GITLAB_BRIDGE_ATTEMPTS", "1")
            .env("FRONT_KEY", HEADER)
            .env(
                "http_proxy",
                format!("http://user:{}@{}", encoded(PROXY), self.front.address),
            )
            .env("no_proxy", "127.0.0.1")
            .env("GITLAB_BRIDGE_WEBHOOK_SIGNING_TOKEN", SIGNING)
            .env(
                "GITLAB_BRIDGE_PROMETHEUS_WEB_CONFIG_FILE",
                self.certificates.folder().join("web.yaml"),
            )
            .env("OTEL_METRICS_EXPORTER", "otlp,prometheus")
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", self.receiver.endpoint())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .env(
                "OTEL_EXPORTER_OTLP_HEADERS",
                format!("x-key={}", encoded(COLLECTOR).replace('+', "%20")),
            )
            .env("OTEL_METRIC_EXPORT_INTERVAL", "300")
            .args(["--log-level", "trace"])
    }

    fn client(&self) -> Client {
        let authority = fs::read(&self.certificates.ca).unwrap();
        let authority = Certificate::from_pem(&authority).unwrap();
        Client::builder()
            .no_proxy()
            .tls_certs_only([authority])
            .build()
            .unwrap()
    }

    #[track_caller]
    fn silent(&self, what: &str, finished: &Finished) {
        self.planted
            .assert_absent(what, finished.stdout().as_bytes());
        self.planted
            .assert_absent(what, finished.stderr().as_bytes());
    }

    /// What is told to whoever knows a password, whoever does not, and GitLab.
    async fn look_at_pages(&self, bridge: &Running) {
        let client = self.client();
        let url = |path: &str| format!("https://localhost:{}{path}", bridge.port());
        for path in [
            "/",
            "/metrics",
            "/-/healthy",
            "/-/ready",
            "/-/reload",
            "/-/log-level",
            "/nothing",
            "/webhook",
            "/webhook/x",
        ] {
            for method in [Method::GET, Method::POST, Method::PUT] {
                for password in [Some(PASSWORD), Some("wrong"), None] {
                    let request = client.request(method.clone(), url(path));
                    let request = request
                        .header("X-Gitlab-Token", password.map_or(HOOK, |_| "wrong"))
                        .header("Accept", "text/html, application/openmetrics-text");
                    let request = match password {
                        Some(password) => request.basic_auth("alice", Some(password)),
                        None => request,
                    };
                    let answer = request.send().await.unwrap();
                    let told = format!("{:?} {}", answer.headers(), answer.status());
                    self.planted.assert_absent(path, told.as_bytes());
                    self.planted
                        .assert_absent(path, &answer.bytes().await.unwrap());
                }
            }
        }
    }

    /// The state, the queue and what else lies beside them, unpacked where it is packed. Whether there is
    /// something in each.
    fn look_at_files(&self) -> bool {
        let (mut state, mut queue) = (false, false);
        for path in files(self.certificates.folder()) {
            let name = path.display().to_string();
            if !name.contains("/state") {
                continue;
            }
            let bytes = fs::read(&path).unwrap();
            self.planted.assert_absent(&name, &bytes);
            for (at, _) in bytes
                .windows(4)
                .enumerate()
                .filter(|(_, four)| is_packed(four))
            {
                let mut text = Vec::new();
                let _ = flate2::read::GzDecoder::new(&bytes[at..]).read_to_end(&mut text);
                text.extend(zstd::decode_all(&bytes[at..]).unwrap_or_default());
                self.planted.assert_absent(&name, &text);
                state |= !text.is_empty() && name.ends_with("/state");
                queue |= !text.is_empty() && name.contains("otlp-queue");
            }
        }
        state && queue
    }
}

/// The beginning of gzip or of zstd.
fn is_packed(four: &[u8]) -> bool {
    four.starts_with(&[0x1f, 0x8b, 8]) || four == [0x28, 0xb5, 0x2f, 0xfd]
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let below = entries.flat_map(|path| match path.is_dir() {
        true => files(&path),
        false => vec![path],
    });
    below.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_told_by_a_bridge_at_work() {
    for protocol in ["grpc", "http/protobuf"] {
        let around = Around::new().await;
        let bridge = Running::start(around.bridge(protocol)).await;
        around
            .receiver
            .wait_for(|received| received.requests.len() > 2)
            .await;
        assert!(around.front.saw(PROXY), "GitLab is seen through the proxy");
        around.look_at_pages(&bridge).await;
        let pid = bridge.process.id();
        let arguments = fs::read(format!("/proc/{pid}/cmdline")).unwrap();
        around.planted.assert_absent("the command line", &arguments);
        // Exports that wait lie on disk.
        around.receiver.fail(Fault::Unavailable);
        around
            .receiver
            .wait_for(|received| received.refused.len() > 2)
            .await;
        let until = Instant::now() + support::PATIENCE;
        while !around.look_at_files() {
            assert!(
                Instant::now() < until,
                "no state, or no message in the queue"
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        around.receiver.read(|received| {
            for request in &received.requests {
                let told = format!("{:?}", request.resource_metrics);
                around.planted.assert_absent("an export", told.as_bytes());
            }
        });
        let finished = bridge.stop().await;
        around.silent(protocol, &finished);
        let log = finished.stderr();
        assert!(
            log.contains("level=debug") && log.contains("webhooks were refused"),
            "{log}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_told_by_commands_and_by_errors_that_repeat_it() {
    for protocol in ["grpc", "http/protobuf"] {
        let around = Around::new().await;
        for echo in [false, true] {
            if echo {
                around.front.repeat_secrets(&[TOKEN, HEADER]);
                let words = format!("{COLLECTOR} is wrong");
                around.receiver.fail(Fault::Refused(403, words));
            }
            for command in [
                &["once"][..],
                &["check"],
                &["plan"],
                &["plan", "--format", "json"],
            ] {
                let program = around.bridge(protocol).args(command);
                let finished = program.args(["--listen", "127.0.0.1:0"]).finish().await;
                around.silent(&format!("{command:?} {protocol}"), &finished);
                let output = finished.stdout() + &finished.stderr();
                assert!(output.len() > 100, "{output}");
            }
        }
        let bridge = Running::start(around.bridge(protocol)).await;
        around
            .receiver
            .wait_for(|received| !received.refused.is_empty())
            .await;
        around.look_at_pages(&bridge).await;
        around.silent(protocol, &bridge.stop().await);
    }
}

#[tokio::test]
async fn no_secret_is_told_by_a_complaint_about_where_it_stands() {
    let around = Around::new().await;
    for (name, value) in [
        (
            "OTEL_EXPORTER_OTLP_ENDPOINT",
            format!("http://127.0.0.1:1/?key={QUERY}"),
        ),
        ("OTEL_EXPORTER_OTLP_HEADERS", QUERY.to_owned()),
        ("GITLAB_URL", format!("http://user:{QUERY}@127.0.0.1:1")),
        ("GITLAB_TOKEN", format!("{QUERY} {QUERY}")),
        (
            "GITLAB_BRIDGE_WEBHOOK_SIGNING_TOKEN",
            format!("whsec_{QUERY}*"),
        ),
        ("FRONT_KEY", format!("{QUERY}\n")),
    ] {
        let program = around.bridge("grpc").env(name, value);
        let finished = program
            .args(["check", "--listen", "127.0.0.1:0"])
            .finish()
            .await;
        around.silent(name, &finished);
    }
}

#[tokio::test]
async fn a_file_with_a_secret_that_every_user_can_read_is_warned_about() {
    let around = Around::new().await;
    let folder = around.certificates.folder();
    let may =
        |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let (token, web) = (folder.join("token"), folder.join("web.yaml"));
    fs::write(&token, TOKEN).unwrap();
    let said = async |closed: bool| {
        let program = bridge()
            .env("GITLAB_URL", around.gitlab.url())
            .env("GITLAB_TOKEN_FILE", &token)
            .args(["once", "--web.config.file"])
            .arg(&web);
        may(folder, if closed { 0o700 } else { 0o755 });
        program.finish().await.stderr()
    };
    for path in [&token, &web, &around.certificates.server_key] {
        may(path, 0o644);
    }
    let text = said(false).await;
    for (setting, path) in [
        ("gitlab.token_file", &token),
        ("prometheus.web_config_file", &web),
    ] {
        let line = text
            .lines()
            .find(|line| line.contains(setting))
            .unwrap_or(&text);
        let path = path.to_str().unwrap();
        assert!(
            line.contains("warn") && line.contains(path) && line.contains("chmod 600"),
            "{text}"
        );
    }
    assert!(!said(true).await.contains("chmod"));
    for path in [&token, &web] {
        may(path, 0o640);
    }
    assert!(!said(false).await.contains("chmod"));
}

/// The test would find them: one that is told is seen, whatever it is spelt like.
#[tokio::test]
async fn a_secret_that_is_told_is_found_in_every_spelling() {
    let around = Around::new().await;
    let client = Client::builder().no_proxy().build().unwrap();
    let known = client.get(format!("{}/api/v4/user", around.gitlab.url()));
    let known = known.bearer_auth(TOKEN).send().await.unwrap();
    assert_eq!(known.status(), StatusCode::OK, "the model takes the token");
    forms::assert_found(TOKEN);
    forms::assert_found(HEADER);
}
