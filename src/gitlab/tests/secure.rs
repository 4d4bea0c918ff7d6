//! TLS: private authorities, client certificates, and files that are not what they should be.

use std::fs;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::*;
use crate::gitlab::{BuildError, Error, NetworkFailure};

/// An authority and a folder for the files it makes.
pub(super) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Authority {
    pub(super) fn new() -> Authority {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Authority {
            issuer: CertifiedIssuer::self_signed(parameters, key).unwrap(),
            folder: TempDir::new().unwrap(),
        }
    }

    /// A certificate and its key, in PEM.
    fn issue(&self, name: &str) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let parameters = CertificateParams::new([name.to_owned()]).unwrap();
        let certificate = parameters.signed_by(&key, &self.issuer).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    pub(super) fn ca_file(&self) -> PathBuf {
        self.write("ca.pem", &self.issuer.pem())
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

/// A TLS server that answers every request with an empty list.
pub(super) async fn start(
    authority: &Authority,
    name: &str,
    wants_client_certificate: bool,
) -> String {
    start_with(authority, authority.issue(name), wants_client_certificate).await
}

/// The same with this certificate and key.
async fn start_with(
    authority: &Authority,
    (certificate, key): (String, String),
    wants_client_certificate: bool,
) -> String {
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let config = ServerConfig::builder();
    let config = if wants_client_certificate {
        let mut roots = RootCertStore::empty();
        roots.add(authority.issuer.der().clone()).unwrap();
        config
            .with_client_cert_verifier(WebPkiClientVerifier::builder(roots.into()).build().unwrap())
    } else {
        config.with_no_client_auth()
    };
    let acceptor = TlsAcceptor::from(Arc::new(config.with_single_cert(chain, key).unwrap()));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n[]";
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    format!("https://127.0.0.1:{port}")
}

async fn failure(config: Config) -> (NetworkFailure, Error) {
    let client = client(config);
    let error = client.get("projects", soon()).await.unwrap_err();
    assert_eq!(
        client.usage().retries,
        0,
        "a certificate does not become right by itself"
    );
    match error {
        Error::Network { kind, .. } => (kind, error),
        error => panic!("{error}"),
    }
}

#[tokio::test]
async fn a_private_authority_is_trusted_when_its_file_is_named() {
    let authority = Authority::new();
    let url = start(&authority, "127.0.0.1", false).await;
    let client = client(Config {
        ca_file: Some(authority.ca_file()),
        ..config(&url)
    });
    assert_eq!(
        client.get("projects", soon()).await.unwrap().body,
        json!([])
    );
}

#[tokio::test]
async fn an_unknown_authority_is_not_trusted_and_the_advice_names_the_setting() {
    let url = start(&Authority::new(), "127.0.0.1", false).await;
    let other = Authority::new();
    let (kind, error) = failure(Config {
        ca_file: Some(other.ca_file()),
        ..config(&url)
    })
    .await;
    assert_eq!(kind, NetworkFailure::Certificate);
    let advice = error.advice().unwrap();
    assert!(advice.contains("gitlab.ca_file") && advice.contains("SSL_CERT_FILE"));
}

/// A certificate that signs itself, for this machine.
fn self_signed(change: impl FnOnce(&mut CertificateParams)) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::new(["127.0.0.1".to_owned()]).unwrap();
    change(&mut parameters);
    let certificate = parameters.self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

/// What comes of asking a server with that certificate, which `gitlab.ca_file` names.
async fn ask_self_signed(certificate: (String, String)) -> Result<(), Error> {
    let authority = Authority::new();
    let ca_file = authority.write("self.pem", &format!("\u{feff}{}", certificate.0));
    let url = start_with(&authority, certificate, false).await;
    let client = client(Config {
        ca_file: Some(ca_file),
        attempts: 1,
        ..config(&url)
    });
    client.get("projects", soon()).await.map(drop)
}

#[tokio::test]
async fn a_self_signed_certificate_that_is_named_is_trusted() {
    for is_ca in [IsCa::NoCa, IsCa::ExplicitNoCa] {
        let certificate = self_signed(|parameters| parameters.is_ca = is_ca);
        ask_self_signed(certificate).await.unwrap();
    }
}

#[tokio::test]
async fn a_certificate_that_is_refused_says_why() {
    for (kind, certificate) in [
        (
            NetworkFailure::CertificateOfAuthority,
            self_signed(|certificate| {
                certificate.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            }),
        ),
        (
            NetworkFailure::CertificateTime,
            self_signed(|certificate| certificate.not_after = rcgen::date_time_ymd(2020, 1, 1)),
        ),
        (
            NetworkFailure::CertificateTime,
            self_signed(|certificate| certificate.not_before = rcgen::date_time_ymd(2090, 1, 1)),
        ),
        (
            NetworkFailure::CertificateName,
            self_signed(|certificate| certificate.subject_alt_names.clear()),
        ),
    ] {
        let error = ask_self_signed(certificate).await.unwrap_err();
        assert!(
            matches!(error, Error::Network { kind: told, .. } if told == kind),
            "{kind:?}: {error:?}"
        );
    }
}

#[tokio::test]
async fn a_certificate_for_another_host_is_not_trusted() {
    let authority = Authority::new();
    let url = start(&authority, "gitlab.example.com", false).await;
    let (kind, _) = failure(Config {
        ca_file: Some(authority.ca_file()),
        ..config(&url)
    })
    .await;
    assert_eq!(kind, NetworkFailure::CertificateName);
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_a_gitlab_that_wants_one() {
    let authority = Authority::new();
    let url = start(&authority, "127.0.0.1", true).await;
    let (certificate, key) = authority.issue("bridge");
    let apart = Config {
        ca_file: Some(authority.ca_file()),
        client_certificate: Some(authority.write("client.pem", &certificate)),
        client_key: Some(authority.write("client.key", &key)),
        ..config(&url)
    };
    let together = Config {
        client_certificate: Some(authority.write("both.pem", &format!("{certificate}{key}"))),
        client_key: None,
        ..apart.clone()
    };
    for config in [apart, together] {
        client(config).get("projects", soon()).await.unwrap();
    }
}

#[tokio::test]
async fn a_missing_client_certificate_is_told_as_such() {
    let authority = Authority::new();
    let url = start(&authority, "127.0.0.1", true).await;
    let (kind, error) = failure(Config {
        ca_file: Some(authority.ca_file()),
        ..config(&url)
    })
    .await;
    assert_eq!(kind, NetworkFailure::ClientCertificate);
    assert!(
        error
            .advice()
            .unwrap()
            .contains("gitlab.client_certificate")
    );
}

#[tokio::test]
async fn https_to_a_plain_port_is_told_as_such() {
    let server = Server::start(|_, _| json(200, &json!([]))).await;
    let (kind, _) = failure(Config {
        ca_file: Some(Authority::new().ca_file()),
        ..config(&server.url.replace("http:", "https:"))
    })
    .await;
    assert_eq!(kind, NetworkFailure::Tls);
}

#[tokio::test]
async fn http2_is_spoken_where_it_is_offered() {
    let authority = Authority::new();
    let (certificate, key) = authority.issue("127.0.0.1");
    let chain = vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()];
    let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap();
    let server = ServerConfig::builder().with_no_client_auth();
    let mut server = server.with_single_cert(chain, key).unwrap();
    server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let agreed = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let stream = TlsAcceptor::from(Arc::new(server))
            .accept(stream)
            .await
            .unwrap();
        stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec)
    });
    let client = client(Config {
        ca_file: Some(authority.ca_file()),
        attempts: 1,
        ..config(&url)
    });
    // The server leaves after the handshake: how far they agreed is all that is asked here.
    client.get("projects", soon()).await.unwrap_err();
    assert_eq!(agreed.await.unwrap().unwrap(), b"h2");
}

fn build_error(change: impl FnOnce(&mut Config)) -> BuildError {
    let mut config = config("https://gitlab.example.com");
    change(&mut config);
    config.build().err().unwrap()
}

#[test]
fn a_wrong_file_is_named_with_what_belongs_into_it() {
    let authority = Authority::new();
    let missing = authority.folder.path().join("missing.pem");
    let text = authority.write("text.pem", "no certificate at all");

    let error = build_error(|config| config.ca_file = Some(missing.clone()));
    assert!(matches!(error, BuildError::Unreadable { .. }));
    assert!(error.to_string().contains("missing.pem"));

    let error = build_error(|config| config.ca_file = Some(text.clone()));
    assert!(
        error.to_string().contains("text.pem is not usable"),
        "{error}"
    );

    let error = build_error(|config| config.client_certificate = Some(text));
    assert!(matches!(error, BuildError::NotPem { .. }));

    let error = build_error(|config| config.client_key = Some(missing));
    assert!(matches!(error, BuildError::KeyWithoutCertificate(_)));
}

#[test]
fn a_rate_that_says_nothing_is_refused() {
    for rate in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        let error = build_error(|config| config.requests_per_second = rate);
        assert!(matches!(error, BuildError::RequestsPerSecond(_)));
    }
}

#[test]
fn settings_show_no_secret() {
    let config = config("https://user:password@gitlab.example.com");
    let text = format!("{config:?}");
    assert!(
        !text.contains("password") && !text.contains(TOKEN),
        "{text}"
    );
}
