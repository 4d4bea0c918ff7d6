//! How TLS is spoken, from the words of a web configuration.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use tokio_rustls::rustls::crypto::{CryptoProvider, SupportedKxGroup, aws_lc_rs};
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::version::{TLS12, TLS13};
use tokio_rustls::rustls::{
    CipherSuite, RootCertStore, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion,
};

use zeroize::Zeroizing;

use super::client_certificates::{self, Wanted};
use super::file::{File, Tls};

/// Builds the server's side of TLS, if any of it is configured.
///
/// # Errors
/// If something is missing, or can't be read or had here; the message names the key.
pub fn build(file: &File) -> Result<Option<Arc<ServerConfig>>> {
    let Some(tls) = file.tls().filter(|tls| is_meant(tls)) else {
        return Ok(None);
    };
    let certificates = certificates(file, tls).context("tls_server_config")?;
    let key = key(file, tls).context("tls_server_config")?;
    let provider = provider(tls).context("tls_server_config")?;
    let provider = Arc::new(provider);
    let clients = client_certificates::verifier(
        wanted(tls).context("tls_server_config")?,
        authorities(file, tls).context("tls_server_config")?,
        tls.client_allowed_sans.clone(),
        Arc::clone(&provider),
    );
    let config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(tls).context("tls_server_config")?)
        .context("tls_server_config: these versions and cipher_suites do not go together")?;
    let config = match clients.context("tls_server_config")? {
        Some(clients) => config.with_client_cert_verifier(clients),
        None => config.with_no_client_auth(),
    };
    let mut config = config
        .with_single_cert(certificates, key)
        .context("tls_server_config: the certificate and the key do not go together")?;
    config.alpn_protocols = match file.http2() {
        true => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
        false => vec![b"http/1.1".to_vec()],
    };
    Ok(Some(Arc::new(config)))
}

fn is_meant(tls: &Tls) -> bool {
    let texts = [&tls.cert, &tls.client_ca, &tls.client_auth_type];
    let files = [&tls.cert_file, &tls.key_file, &tls.client_ca_file];
    texts
        .into_iter()
        .any(|text| given(text.as_deref()).is_some())
        || files
            .into_iter()
            .any(|file| file_given(file.as_deref()).is_some())
        || tls.key.is_some()
}

fn given(text: Option<&str>) -> Option<&str> {
    text.filter(|text| !text.is_empty())
}

fn file_given(path: Option<&Path>) -> Option<&Path> {
    path.filter(|path| !path.as_os_str().is_empty())
}

/// What is written, or what the file holds that is named in its place.
fn pem(
    file: &File,
    key: &str,
    named: Option<&Path>,
    written: Option<&str>,
) -> Result<Option<Zeroizing<Vec<u8>>>> {
    match (file_given(named), given(written)) {
        (Some(_), Some(_)) => bail!("{key} and {key}_file: give one of them"),
        (Some(named), None) => {
            let path = file.path(named);
            let read = fs::read(&path);
            let read = read.with_context(|| format!("{key}_file: reading {}", path.display()))?;
            Ok(Some(Zeroizing::new(read)))
        }
        (None, written) => Ok(written.map(|text| Zeroizing::new(text.as_bytes().to_vec()))),
    }
}

fn certificates(file: &File, tls: &Tls) -> Result<Vec<CertificateDer<'static>>> {
    let text = pem(file, "cert", tls.cert_file.as_deref(), tls.cert.as_deref())?;
    let text = text.context("cert_file is missing, or cert")?;
    let all = CertificateDer::pem_slice_iter(&text).collect::<Result<Vec<_>, _>>();
    let all = all.ok().filter(|all| !all.is_empty());
    all.context("cert_file: it holds no certificate in PEM")
}

fn key(file: &File, tls: &Tls) -> Result<PrivateKeyDer<'static>> {
    let written = tls.key.as_ref().map(|key| key.expose());
    let text = pem(file, "key", tls.key_file.as_deref(), written)?;
    let text = text.context("key_file is missing, or key")?;
    // The cause is not told: it may show a part of the key.
    PrivateKeyDer::from_pem_slice(&text)
        .ok()
        .context("key_file: it holds no private key in PEM that is not encrypted")
}

fn authorities(file: &File, tls: &Tls) -> Result<Option<RootCertStore>> {
    let named = tls.client_ca_file.as_deref();
    let Some(text) = pem(file, "client_ca", named, tls.client_ca.as_deref())? else {
        return Ok(None);
    };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let certificate = certificate.context("client_ca_file: it is not valid PEM")?;
        let added = roots.add(certificate);
        added.context("client_ca_file: a certificate in it can't be an authority")?;
    }
    ensure!(
        !roots.is_empty(),
        "client_ca_file: it holds no certificate in PEM"
    );
    Ok(Some(roots))
}

fn wanted(tls: &Tls) -> Result<Wanted> {
    Ok(match tls.client_auth_type.as_deref().unwrap_or_default() {
        "" | "NoClientCert" => Wanted::Nothing,
        "RequestClientCert" => Wanted::AnyIfGiven,
        "RequireAnyClientCert" | "RequireClientCert" => Wanted::Any,
        "VerifyClientCertIfGiven" => Wanted::VerifiedIfGiven,
        "RequireAndVerifyClientCert" => Wanted::Verified,
        other => bail!(
            "client_auth_type: {other:?} is none of NoClientCert, RequestClientCert, \
             RequireAnyClientCert, VerifyClientCertIfGiven and RequireAndVerifyClientCert"
        ),
    })
}

fn versions(tls: &Tls) -> Result<Vec<&'static SupportedProtocolVersion>> {
    let least = version("min_version", tls.min_version.as_deref().unwrap_or("TLS12"))?;
    let most = version("max_version", tls.max_version.as_deref().unwrap_or("TLS13"))?;
    let all = [(12, &TLS12), (13, &TLS13)].into_iter();
    let all = all.filter(|(number, _)| (least..=most).contains(number));
    let all: Vec<_> = all.map(|(_, version)| version).collect();
    ensure!(
        !all.is_empty(),
        "min_version and max_version leave none of TLS12 and TLS13, the versions that are supported"
    );
    Ok(all)
}

fn version(key: &str, text: &str) -> Result<u8> {
    Ok(match text {
        "TLS10" => 10,
        "TLS11" => 11,
        "TLS12" => 12,
        "TLS13" => 13,
        _ => bail!("{key}: {text:?} is none of TLS10, TLS11, TLS12 and TLS13"),
    })
}

/// The cryptography, with the cipher suites and curves that are named.
fn provider(tls: &Tls) -> Result<CryptoProvider> {
    let mut provider = aws_lc_rs::default_provider();
    if let Some(names) = tls.cipher_suites.as_ref().filter(|names| !names.is_empty()) {
        let chosen = names.iter().map(|name| suite(&provider, name));
        let chosen = chosen.collect::<Result<Vec<_>>>()?;
        // As in Go, those of TLS 1.3 are not chosen among.
        let of_13 = provider.cipher_suites.iter().copied();
        let of_13 = of_13.filter(|suite| suite.tls13().is_some());
        provider.cipher_suites = of_13.chain(chosen).collect();
    }
    let curves = tls.curve_preferences.as_ref();
    if let Some(names) = curves.filter(|names| !names.is_empty()) {
        let chosen = names.iter().map(|name| curve(name));
        provider.kx_groups = chosen.collect::<Result<_>>()?;
    }
    Ok(provider)
}

fn suite(provider: &CryptoProvider, name: &str) -> Result<SupportedCipherSuite> {
    let spoken = provider.cipher_suites.iter();
    let spoken = spoken.filter(|suite| suite.tls13().is_none());
    let names: Vec<_> = spoken
        .map(|suite| (go_name(suite.suite()), *suite))
        .collect();
    let found = names.iter().find(|(known, _)| known == name);
    found.map(|(_, suite)| *suite).with_context(|| {
        let names = names.iter().map(|(name, _)| name.as_str());
        let names = names.collect::<Vec<_>>().join(", ");
        format!("cipher_suites: {name:?} is not supported; those of TLS 1.2 that are: {names}")
    })
}

/// The name of a suite in Go, which is that of its standard.
fn go_name(suite: CipherSuite) -> String {
    suite.as_str().unwrap_or_default().to_owned()
}

fn curve(name: &str) -> Result<&'static dyn SupportedKxGroup> {
    Ok(match name {
        "CurveP256" => aws_lc_rs::kx_group::SECP256R1,
        "CurveP384" => aws_lc_rs::kx_group::SECP384R1,
        "X25519" => aws_lc_rs::kx_group::X25519,
        _ => bail!(
            "curve_preferences: {name:?} is not supported; those that are: CurveP256, CurveP384, X25519"
        ),
    })
}
