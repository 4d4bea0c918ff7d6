//! What a web configuration may say, and what is said about one that is wrong.

use std::fs;

use rcgen::{CertificateParams, KeyPair};
use tempfile::TempDir;

use super::*;
use crate::tests::fuzz::Target;

const HASH: &str = "$2y$04$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";

/// A folder with a certificate, its key and a web configuration.
fn folder(text: &str) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let key = KeyPair::generate().unwrap();
    let parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = parameters.self_signed(&key).unwrap();
    fs::write(folder.path().join("cert.pem"), certificate.pem()).unwrap();
    fs::write(folder.path().join("key.pem"), key.serialize_pem()).unwrap();
    fs::write(folder.path().join("web.yaml"), text).unwrap();
    folder
}

fn open(folder: &TempDir) -> Result<Web> {
    Web::open(&folder.path().join("web.yaml"), false)
}

fn rules(text: &str) -> Arc<Rules> {
    let folder = folder(text);
    open(&folder)
        .unwrap_or_else(|error| panic!("{text}: {error:#}"))
        .rules()
}

fn problem(text: &str) -> String {
    let folder = folder(text);
    match open(&folder) {
        Ok(_) => panic!("{text} is taken"),
        Err(error) => format!("{error:#}"),
    }
}

const TLS: &str = "tls_server_config: {cert_file: cert.pem, key_file: key.pem";

#[test]
fn everything_the_exporter_toolkit_has_is_understood() {
    let none = rules("");
    assert!(none.tls.is_none() && none.users.is_empty() && none.headers.is_empty() && none.http2);
    let all = rules(&format!(
        "
tls_server_config:
  cert_file: cert.pem
  key_file: key.pem
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: cert.pem
  client_allowed_sans: [scraper.example.com]
  min_version: TLS12
  max_version: TLS13
  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256]
  curve_preferences: [X25519, CurveP256, CurveP384]
  prefer_server_cipher_suites: false
http_server_config:
  http2: false
  headers:
    X-Frame-Options: deny
    X-Content-Type-Options: nosniff
    Strict-Transport-Security: max-age=31536000
    X-XSS-Protection: \"1\"
    Content-Security-Policy: default-src 'self'
basic_auth_users:
  alice: {HASH}
rate_limit: {{interval: 1s, burst: 20}}
"
    ));
    let tls = all.tls.as_ref().unwrap();
    assert_eq!(tls.alpn_protocols, [b"http/1.1".to_vec()]);
    assert_eq!(all.headers.len(), 5);
    assert!(!all.users.is_empty() && all.rate.is_some() && !all.http2);
    for word in [
        "NoClientCert",
        "RequestClientCert",
        "RequireAnyClientCert",
        "RequireClientCert",
    ] {
        assert!(
            rules(&format!("{TLS}, client_auth_type: {word}}}"))
                .tls
                .is_some()
        );
    }
    for versions in [
        "min_version: TLS10",
        "max_version: TLS12",
        "min_version: TLS13",
    ] {
        assert!(rules(&format!("{TLS}, {versions}}}")).tls.is_some());
    }
}

#[test]
fn certificates_and_keys_may_stand_in_the_file() {
    let folder = folder("");
    let inline = |name: &str| {
        let text = fs::read_to_string(folder.path().join(name)).unwrap();
        let lines = text.lines().map(|line| format!("    {line}\n"));
        lines.collect::<String>()
    };
    let (cert, key) = (inline("cert.pem"), inline("key.pem"));
    let text = format!(
        "tls_server_config:\n  cert: |\n{cert}  key: |\n{key}  client_ca: |\n{cert}  client_auth_type: VerifyClientCertIfGiven\n"
    );
    fs::write(folder.path().join("web.yaml"), text).unwrap();
    assert!(open(&folder).unwrap().rules().tls.is_some());
}

#[test]
fn a_mistake_is_told_with_its_line_and_what_would_be_right() {
    for (text, parts) in [
        (
            "tls_server_config:\n  cert_fil: cert.pem\n",
            &["web.yaml:2:3", "cert_fil", "cert_file"][..],
        ),
        ("basic_auth: {}\n", &["web.yaml:1:1", "basic_auth_users"]),
        ("basic_auth_users:\n  a: b\n  a: c\n", &["web.yaml:3", "a"]),
        ("http_server_config: {http2: maybe}\n", &["web.yaml:1:"]),
        ("a: [\n", &["web.yaml:"]),
        (
            "tls_server_config: {cert_file: cert.pem}\n",
            &["key_file is missing"],
        ),
        (
            "tls_server_config: {key_file: key.pem}\n",
            &["cert_file is missing"],
        ),
        (
            "tls_server_config: {cert_file: none.pem, key_file: key.pem}\n",
            &["cert_file", "none.pem"],
        ),
        (
            "tls_server_config: {cert_file: key.pem, key_file: key.pem}\n",
            &["no certificate"],
        ),
        (
            "tls_server_config: {cert_file: cert.pem, key_file: cert.pem}\n",
            &["no private key"],
        ),
        (
            "http_server_config: {headers: {Server: a}}\n",
            &["Server can't be set", "X-Frame-Options"],
        ),
        (
            "http_server_config: {headers: {X-Frame-Options: never}}\n",
            &["deny or sameorigin"],
        ),
        (
            "rate_limit: {interval: 1d, burst: 1}\n",
            &["rate_limit.interval", "500ms"],
        ),
        ("rate_limit: {interval: 1s}\n", &["rate_limit.burst"]),
    ] {
        let problem = problem(text);
        assert!(
            parts.iter().all(|part| problem.contains(part)),
            "{text}: {problem}"
        );
    }
}

#[test]
fn a_mistake_in_tls_is_told_with_its_key_and_what_would_be_right() {
    for (more, parts) in [
        (
            "client_auth_type: Always",
            &["client_auth_type", "RequireAndVerifyClientCert"][..],
        ),
        (
            "client_auth_type: RequireAndVerifyClientCert",
            &["client_ca_file"],
        ),
        ("client_ca_file: cert.pem", &["client_auth_type"]),
        ("min_version: TLS14", &["min_version", "TLS13"]),
        ("max_version: TLS11", &["TLS12 and TLS13"]),
        (
            "cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]",
            &["cipher_suites", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"],
        ),
        (
            "curve_preferences: [CurveP521]",
            &["curve_preferences", "CurveP384"],
        ),
        ("cert: text", &["cert and cert_file"]),
    ] {
        let problem = problem(&format!("{TLS}, {more}}}\n"));
        assert!(
            parts.iter().all(|part| problem.contains(part)),
            "{more}: {problem}"
        );
    }
}

#[test]
fn no_mistake_shows_a_secret() {
    const SECRET: &str = "s3cret-w0rd";
    for text in [
        format!("basic_auth_users: {SECRET}\n"),
        format!("basic_auth_users: {{alice: {SECRET}}}\n"),
        format!("basic_auth_users: [\"{SECRET}\"]\n"),
        format!("{TLS}, key: {SECRET}}}\n"),
        format!("tls_server_config: {{cert_file: cert.pem, key: {SECRET}}}\n"),
        format!("tls_server_config: {SECRET}\n"),
    ] {
        let problem = problem(&text);
        assert!(!problem.contains(SECRET), "{problem}");
    }
}

#[test]
fn a_change_holds_at_once_and_a_broken_one_leaves_the_last_good_one() {
    let folder = folder("");
    let web = open(&folder).unwrap();
    let write = |text: &str| fs::write(folder.path().join("web.yaml"), text).unwrap();
    assert!(web.rules().users.is_empty());
    write(&format!("basic_auth_users: {{alice: {HASH}}}\n"));
    assert!(!web.rules().users.is_empty());
    write("basic_auth_users: {alice: no hash}\n");
    assert!(!web.rules().users.is_empty());
    fs::remove_file(folder.path().join("web.yaml")).unwrap();
    assert!(!web.rules().users.is_empty());
    write(&format!("{TLS}}}\n"));
    let first = web.rules();
    assert!(first.users.is_empty() && first.tls.is_some());
    assert!(Arc::ptr_eq(&first, &web.rules()), "nothing has changed");
    // A new certificate comes before its key: the old pair goes on until both are there.
    let other = self::folder("");
    for (name, same) in [("cert.pem", true), ("key.pem", false)] {
        fs::copy(other.path().join(name), folder.path().join(name)).unwrap();
        assert_eq!(Arc::ptr_eq(&first, &web.rules()), same, "{name}");
    }
}

#[tokio::test]
async fn health_is_open_by_a_switch_and_webhooks_have_their_own_secret() {
    let text = format!("basic_auth_users: {{alice: {HASH}}}\n");
    let folder = folder(&text);
    for open_health in [false, true] {
        let web = Web::open(&folder.path().join("web.yaml"), open_health).unwrap();
        let rules = web.rules();
        for (path, open) in [
            ("/metrics", false),
            ("/", false),
            ("/nothing", false),
            ("/-/ready", false),
            ("/-/healthy", open_health),
            ("/webhook", true),
            ("/webhook/main", true),
            ("/webhooks", false),
        ] {
            let refusal = web.admit(&rules, path, &HeaderMap::new()).await;
            let status = refusal.map(|refusal| refusal.status());
            let expected = (!open).then_some(StatusCode::UNAUTHORIZED);
            assert_eq!(status, expected, "{path} {open_health}");
        }
    }
}

#[tokio::test]
async fn more_requests_than_the_limit_are_refused() {
    let folder = folder("rate_limit: {interval: 1h, burst: 2}\n");
    let web = open(&folder).unwrap();
    let mut answers = Vec::new();
    for _ in 0..3 {
        let refusal = web.admit(&web.rules(), "/metrics", &HeaderMap::new()).await;
        answers.push(refusal.map(|refusal| refusal.status()));
    }
    assert_eq!(answers, [None, None, Some(StatusCode::TOO_MANY_REQUESTS)]);
}

/// Whatever the file says: it is taken or refused in a line, without the hashes and keys in it, and what is
/// taken is taken again.
#[test]
fn any_web_configuration() {
    const KEY: &str = "s3cret-7f31";
    let folder = folder("");
    Target::new("web-configuration")
        .seeds(["basic_auth_users:\n  alice: @\n", "tls_server_config:\n  cert_file: cert.pem\n  key: #\n"])
        .seeds([format!(
            "{TLS}, client_ca_file: cert.pem, client_auth_type: RequireAndVerifyClientCert, \
             client_allowed_sans: [a], min_version: TLS12, max_version: TLS13, \
             cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256], curve_preferences: [X25519]}}\n\
             http_server_config: {{http2: false, headers: {{X-Frame-Options: deny}}}}\n\
             rate_limit: {{interval: 1m30s, burst: 5}}\n"
        )])
        .words(["tls_server_config: ", "cert: ", "key: #", "alice: @", "client_ca: ", "basic_auth_users: "])
        .words(["interval: ", "burst: ", "headers: ", "{", "}", "[", "]", "- ", "&a ", "*a", "|\n  ", "!!binary "])
        .memory(2_000, 16 << 20)
        .run(|input| {
            let text = String::from_utf8_lossy(input);
            let text = text.replace("alice: @", &format!("alice: \"{HASH}\""));
            let text = text.replace("key: #", &format!("key: \"{KEY}\""));
            fs::write(folder.path().join("web.yaml"), text).unwrap();
            let judged = || open(&folder).map(drop).map_err(|error| format!("{error:#}"));
            let outcome = judged();
            assert_eq!(outcome, judged());
            let error = outcome.err().unwrap_or_default();
            assert!(!error.contains(HASH) && !error.contains(KEY), "{error}");
            assert!(error.len() < 4_000 && !error.contains(['\n', '\r', '\u{1b}']), "{error:?}");
            error
        });
}
