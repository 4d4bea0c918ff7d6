//! A certificate authority for one test, with a server and a client that it vouches for.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use tempfile::TempDir;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// PEM files that last as long as this value.
#[derive(Debug)]
pub struct Certificates {
    /// The authority's certificate.
    pub ca: PathBuf,
    /// A certificate for `localhost` and 127.0.0.1.
    pub server: PathBuf,
    /// The server's private key.
    pub server_key: PathBuf,
    /// A certificate for a client.
    pub client: PathBuf,
    /// The client's private key.
    pub client_key: PathBuf,
    authority: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

impl Certificates {
    /// Makes new keys and writes everything into a folder of its own.
    pub fn generate() -> Self {
        Self::good_until(None)
    }

    /// The same, where the server's certificate ends on a day: year, month and day.
    pub fn good_until(end: Option<(i32, u8, u8)>) -> Self {
        let mut parameters = named("authority of a test", &[]);
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority =
            CertifiedIssuer::self_signed(parameters, new_key()).expect("the parameters are valid");

        let folder = tempfile::tempdir().expect("a temporary folder");
        let issue =
            |name: &str, hosts: &[&str], end| issue(&authority, folder.path(), name, hosts, end);
        let (server, server_key) = issue("server", &["localhost", "127.0.0.1"], end);
        let (client, client_key) = issue("client", &[], None);
        let ca = write(folder.path(), "ca.pem", &authority.pem());
        Self {
            ca,
            server,
            server_key,
            client,
            client_key,
            authority,
            folder,
        }
    }

    /// Issues another certificate with these names in it, and returns it and its key.
    pub fn issue(&self, name: &str, hosts: &[&str]) -> (PathBuf, PathBuf) {
        issue(&self.authority, self.folder(), name, hosts, None)
    }

    /// The folder that all of them are in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The server's side of TLS, for HTTP/1.1 alone.
    pub fn http1_acceptor(&self) -> TlsAcceptor {
        let mut config = ServerConfig::clone(self.acceptor(false).config());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }

    /// The server's side of TLS, for HTTP/2 and HTTP/1.1. With `mutual`, only for clients of the
    /// same authority.
    pub fn acceptor(&self, mutual: bool) -> TlsAcceptor {
        // Said explicitly: with two providers in the tree the default would be a panic.
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("the provider has TLS 1.2 and 1.3");
        let config = if mutual {
            let mut roots = RootCertStore::empty();
            roots
                .add(read_certificate(&self.ca))
                .expect("our own authority");
            let verifier = WebPkiClientVerifier::builder_with_provider(roots.into(), provider);
            config.with_client_cert_verifier(verifier.build().expect("one root"))
        } else {
            config.with_no_client_auth()
        };
        let key = PrivateKeyDer::from_pem_file(&self.server_key).expect("our own key");
        let mut config = config
            .with_single_cert(vec![read_certificate(&self.server)], key)
            .expect("the key belongs to the certificate");
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        TlsAcceptor::from(Arc::new(config))
    }
}

fn issue(
    authority: &CertifiedIssuer<'_, KeyPair>,
    folder: &Path,
    name: &str,
    hosts: &[&str],
    end: Option<(i32, u8, u8)>,
) -> (PathBuf, PathBuf) {
    let key = new_key();
    let mut parameters = named(name, hosts);
    if let Some((year, month, day)) = end {
        parameters.not_after = rcgen::date_time_ymd(year, month, day);
    }
    let certificate = parameters
        .signed_by(&key, authority)
        .expect("the parameters are valid");
    (
        write(folder, &format!("{name}.pem"), &certificate.pem()),
        write(folder, &format!("{name}.key"), &key.serialize_pem()),
    )
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    fs::write(&path, text).expect("writing a certificate");
    path
}

fn named(name: &str, hosts: &[&str]) -> CertificateParams {
    let hosts: Vec<String> = hosts.iter().map(|&host| host.to_owned()).collect();
    let mut parameters = CertificateParams::new(hosts).expect("host names and addresses");
    parameters.distinguished_name.push(DnType::CommonName, name);
    parameters
}

fn new_key() -> KeyPair {
    KeyPair::generate().expect("a new key")
}

fn read_certificate(path: &Path) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(path).expect("our own certificate")
}
