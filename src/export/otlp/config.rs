//! Where to push and how, and the certificates for it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use reqwest::{Certificate, ClientBuilder, Identity};
use secrecy::SecretString;
use url::Url;
use zeroize::Zeroizing;

use super::job_attribute::JobAttribute;
use super::names::Names;
use super::queue::QueueConfig;

pub use opentelemetry_sdk::metrics::Temporality;

/// A limit of time that nothing comes to.
pub const NO_LIMIT: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// Who we are to receivers.
pub const PRODUCT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// Where to push and how.
#[derive(Clone, Debug)]
pub struct OtlpConfig {
    pub protocol: Protocol,
    /// The endpoint as it is asked: for HTTP with its path.
    pub endpoint: Url,
    /// Headers or gRPC metadata of every request; the names in lower case.
    pub headers: Vec<(String, SecretString)>,
    pub compression: Option<Compression>,
    /// How long one request may take, retries included.
    pub timeout: Duration,
    /// How long all requests of one export may take together.
    pub export_timeout: Duration,
    /// Certificates to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Our certificate, for mutual TLS; never without its key.
    pub client_certificate: Option<PathBuf>,
    pub client_key: Option<PathBuf>,
    /// How often to push.
    pub interval: Duration,
    /// The temporality of counters.
    pub temporality: Temporality,
    /// What the attribute `job` is called; `job` unless it is said.
    pub job_attribute: Option<JobAttribute>,
    /// By which names metrics go.
    pub names: Names,
    /// How messages wait while the receiver is away.
    pub queue: QueueConfig,
}

/// The OTLP transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// gRPC.
    Grpc,
    /// Protobuf over HTTP.
    Http,
}

/// How messages are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    Gzip,
    Zstd,
}

impl Default for OtlpConfig {
    fn default() -> OtlpConfig {
        OtlpConfig {
            protocol: Protocol::Http,
            // A constant, which every test reads.
            endpoint: Url::parse("http://localhost:4318/v1/metrics").expect("a URL"),
            headers: Vec::new(),
            compression: None,
            timeout: Duration::from_secs(10),
            export_timeout: NO_LIMIT,
            ca_file: None,
            client_certificate: None,
            client_key: None,
            interval: Duration::from_secs(60),
            temporality: Temporality::Cumulative,
            job_attribute: None,
            names: Names::default(),
            queue: QueueConfig::default(),
        }
    }
}

/// Certificates in PEM form, read and found to be some.
#[derive(Default)]
pub struct Certificates {
    /// Who is trusted besides the system's authorities.
    pub authorities: Option<Vec<u8>>,
    pub identity: Option<OwnCertificate>,
}

/// Our certificate and its key.
pub struct OwnCertificate {
    pub certificate: Vec<u8>,
    pub key: Zeroizing<Vec<u8>>,
}

impl OtlpConfig {
    /// The endpoint as it may be shown: without its query, which may hold a key.
    pub fn shown_endpoint(&self) -> Url {
        let mut endpoint = self.endpoint.clone();
        endpoint.set_query(None);
        endpoint
    }

    /// Reads the certificates, whatever the endpoint.
    ///
    /// # Errors
    /// If a file can't be read, or does not hold what its setting is for. Both are named.
    pub fn certificates(&self) -> Result<Certificates> {
        let mut read = Certificates::default();
        if let Some(file) = &self.ca_file {
            let named = || format!("otlp.ca_file, {}", file.display());
            let pem = certificate(file).with_context(named)?;
            let trusting = add_authorities(reqwest::Client::builder(), &pem)?;
            trusting.build().with_context(named)?;
            read.authorities = Some(pem);
        }
        if let (Some(file), Some(key_file)) = (&self.client_certificate, &self.client_key) {
            let named = || format!("otlp.client_certificate, {}", file.display());
            let own = OwnCertificate {
                certificate: certificate(file).with_context(named)?,
                key: key(key_file)
                    .with_context(|| format!("otlp.client_key, {}", key_file.display()))?,
            };
            let fits = reqwest::Client::builder().identity(own.identity()?).build();
            fits.with_context(|| {
                let key_file = key_file.display();
                format!(
                    "{} and otlp.client_key, {key_file}, do not belong together",
                    named()
                )
            })?;
            read.identity = Some(own);
        }
        Ok(read)
    }
}

impl OwnCertificate {
    /// # Errors
    /// If the one file holds no certificate or the other no key.
    pub fn identity(&self) -> Result<Identity> {
        let pem = Zeroizing::new([&self.certificate[..], b"\n", &self.key].concat());
        Ok(Identity::from_pem(&pem)?)
    }
}

/// Trusts these authorities besides the system's.
///
/// # Errors
/// If they are no certificates.
pub fn add_authorities(client: ClientBuilder, pem: &[u8]) -> Result<ClientBuilder> {
    Ok(client.tls_certs_merge(Certificate::from_pem_bundle(pem)?))
}

fn certificate(file: &Path) -> Result<Vec<u8>> {
    let pem = std::fs::read(file).context("it can't be read")?;
    let found = Certificate::from_pem_bundle(&pem).unwrap_or_default();
    ensure!(
        !found.is_empty(),
        "it holds no certificate in PEM form, which begins with -----BEGIN CERTIFICATE-----"
    );
    Ok(pem)
}

fn key(file: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let pem = std::fs::read(file).context("it can't be read")?;
    let pem = Zeroizing::new(pem);
    let text = String::from_utf8_lossy(&pem);
    ensure!(
        text.contains("PRIVATE KEY-----"),
        "it holds no private key in PEM form, which begins with -----BEGIN PRIVATE KEY-----"
    );
    ensure!(
        !text.contains("ENCRYPTED"),
        "its private key is encrypted: only one without a passphrase can be used"
    );
    Ok(pem)
}
