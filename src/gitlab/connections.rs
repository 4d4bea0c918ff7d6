//! The transport to a real GitLab: connections, TLS, proxies and the size limit.

use std::time::Duration;

use futures::FutureExt;
use futures::future::BoxFuture;
use http::{Request, Response};
use reqwest::redirect::Policy;
use reqwest::tls::TlsInfo;
use reqwest::{ClientBuilder, Identity};
use zeroize::Zeroizing;

use super::build_error::BuildError;
use super::certificate::Certificate;
use super::config::Config;
use super::error::Error;
use super::files;
use super::network::NetworkFailure;
use super::transport::{Transport, TransportError};

/// The largest answer that is read: a hundred projects with all that is asked of them stay below
/// a tenth of it.
pub(super) const LARGEST_BODY: usize = 8 * 1024 * 1024;

/// How often a shared HTTP/2 connection is asked for a sign of life while requests wait on it:
/// without it a dead one would swallow every retry.
const PING_INTERVAL: Duration = Duration::from_secs(20);

/// How long that sign of life may take.
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// The connections to GitLab. The proxy variables (`HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY`,
/// `NO_PROXY`) are honoured.
pub(super) struct Connections {
    http: reqwest::Client,
    largest_body: usize,
}

impl Connections {
    pub(super) fn build(config: &Config, largest_body: usize) -> Result<Connections, BuildError> {
        let http = Connections::client(config, |builder| builder)?;
        Ok(Connections { http, largest_body })
    }

    /// The certificate that GitLab shows, as far as a connection tells; none over plain HTTP. No token is sent.
    ///
    /// # Errors
    /// If there can't be a connection.
    pub(super) async fn certificate(config: &Config) -> Result<Option<Certificate>, Error> {
        let unbuilt = |error: BuildError| Error::not_understood(error.to_string());
        let client = Connections::client(config, |builder| builder.tls_info(true));
        let client = client.map_err(unbuilt)?;
        let url = config.address().map_err(unbuilt)?;
        let asked = client.get(url).timeout(config.request_timeout).send().await;
        let answer = asked.map_err(|error| {
            let source = error.without_url();
            Error::Network {
                kind: NetworkFailure::of(&source),
                source: Box::new(source),
            }
        })?;
        let told = answer.extensions().get::<TlsInfo>();
        let shown = told.and_then(TlsInfo::peer_certificate);
        Ok(shown.and_then(Certificate::read))
    }

    /// A client that trusts and shows what the configuration says.
    fn client(
        config: &Config,
        with: impl Fn(ClientBuilder) -> ClientBuilder,
    ) -> Result<reqwest::Client, BuildError> {
        let authorities = authorities(config)?;
        let identity = identity(config)?;
        let builder = || {
            let mut builder = with(builder(config));
            if let Some(identity) = identity.clone() {
                builder = builder.identity(identity);
            }
            builder
        };
        let built = builder().tls_certs_merge(authorities).build();
        let built = match built {
            // Plain HTTP trusts nobody: it works on a system without any certificates.
            Err(_) if config.url.scheme() == "http" => builder().tls_certs_only([]).build(),
            built => built,
        };
        built.map_err(BuildError::Tls)
    }

    async fn send_and_read(
        &self,
        request: Request<Vec<u8>>,
    ) -> Result<Response<Vec<u8>>, TransportError> {
        let request = request.try_into().map_err(broken)?;
        let mut response = self.http.execute(request).await.map_err(broken)?;
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(broken)? {
            // Counted as it unpacks: a small compressed answer may be a huge one.
            if body.len() + piece.len() > self.largest_body {
                let limit = self.largest_body;
                return Err(TransportError::TooLarge { limit });
            }
            body.extend_from_slice(&piece);
        }
        let mut whole = Response::new(body);
        *whole.status_mut() = response.status();
        *whole.headers_mut() = std::mem::take(response.headers_mut());
        Ok(whole)
    }
}

impl Transport for Connections {
    fn exchange(
        &self,
        request: Request<Vec<u8>>,
    ) -> BoxFuture<'_, Result<Response<Vec<u8>>, TransportError>> {
        self.send_and_read(request).boxed()
    }
}

fn builder(config: &Config) -> ClientBuilder {
    reqwest::Client::builder()
        // Followed by hand, so that the token never leaves for another place.
        .redirect(Policy::none())
        .connect_timeout(config.connect_timeout)
        .read_timeout(config.read_timeout)
        .http2_keep_alive_interval(PING_INTERVAL)
        .http2_keep_alive_timeout(PING_TIMEOUT)
        .gzip(true)
}

fn broken(error: reqwest::Error) -> TransportError {
    let source = error.without_url();
    if source.is_timeout() && !source.is_connect() {
        return TransportError::Silent;
    }
    TransportError::Network {
        kind: NetworkFailure::of(&source),
        source: Box::new(source),
    }
}

fn authorities(config: &Config) -> Result<Vec<reqwest::Certificate>, BuildError> {
    const WHAT: &str = "CA file";
    let Some(path) = &config.ca_file else {
        return Ok(Vec::new());
    };
    let not_pem = |source| BuildError::NotPem {
        what: WHAT,
        path: path.clone(),
        expected: "one or more certificates",
        source,
    };
    let pem = files::read(WHAT, path)?;
    let certificates =
        reqwest::Certificate::from_pem_bundle(&pem).map_err(|error| not_pem(Some(error)))?;
    if certificates.is_empty() {
        return Err(not_pem(None));
    }
    Ok(certificates)
}

fn identity(config: &Config) -> Result<Option<Identity>, BuildError> {
    const WHAT: &str = "client certificate";
    let (certificate, key) = match (&config.client_certificate, &config.client_key) {
        (None, None) => return Ok(None),
        (None, Some(key)) => return Err(BuildError::KeyWithoutCertificate(key.clone())),
        (Some(certificate), key) => (certificate, key),
    };
    let mut pem = files::read(WHAT, certificate)?;
    if let Some(key) = key {
        let key = files::read("client key", key)?;
        pem = Zeroizing::new([&pem[..], b"\n", &key].concat());
    }
    let identity = Identity::from_pem(&pem).map_err(|source| BuildError::NotPem {
        what: WHAT,
        path: certificate.clone(),
        expected: "a certificate, and its private key unless gitlab.client_key names it,",
        source: Some(source),
    })?;
    Ok(Some(identity))
}
