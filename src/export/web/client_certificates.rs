//! Which certificates of clients are accepted.

use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use tokio_rustls::rustls::client::danger::HandshakeSignatureValid;
use tokio_rustls::rustls::crypto::{
    CryptoProvider, verify_tls12_signature, verify_tls13_signature,
};
use tokio_rustls::rustls::pki_types::{CertificateDer, UnixTime};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use tokio_rustls::rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore,
    SignatureScheme,
};

use super::certificate_names;

/// What is wanted of a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    Nothing,
    /// Its certificate, if it has one, whoever issued it.
    AnyIfGiven,
    /// A certificate, whoever issued it.
    Any,
    /// If it shows a certificate, one of our authorities.
    VerifiedIfGiven,
    /// A certificate of our authorities.
    Verified,
}

/// What checks the certificates of clients, if they are asked for any. With `names`, one must be in a
/// certificate that is shown.
///
/// # Errors
/// If authorities are missing, or given for nothing.
pub fn verifier(
    wanted: Wanted,
    authorities: Option<RootCertStore>,
    names: Option<Vec<String>>,
    provider: Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>> {
    let issued = match (wanted, authorities) {
        (Wanted::Nothing, None) => return Ok(None),
        (Wanted::Nothing, Some(_)) => {
            bail!("client_ca_file is given, but no client_auth_type that asks for certificates")
        }
        (Wanted::AnyIfGiven | Wanted::Any, _) => None,
        (Wanted::VerifiedIfGiven | Wanted::Verified, authorities) => {
            let authorities = authorities
                .context("this client_auth_type needs the authorities in client_ca_file")?;
            let builder = WebPkiClientVerifier::builder_with_provider(
                Arc::new(authorities),
                Arc::clone(&provider),
            );
            Some(builder.allow_unauthenticated().build()?)
        }
    };
    ensure!(
        names.as_ref().is_none_or(|names| !names.is_empty()),
        "client_allowed_sans: it is empty, which would let no certificate in: name some, or remove it"
    );
    Ok(Some(Arc::new(Verifier {
        needed: matches!(wanted, Wanted::Any | Wanted::Verified),
        issued,
        names,
        provider,
    })))
}

#[derive(Debug)]
struct Verifier {
    needed: bool,
    /// Checks by whom a certificate was issued, if that matters.
    issued: Option<Arc<dyn ClientCertVerifier>>,
    names: Option<Vec<String>>,
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for Verifier {
    fn client_auth_mandatory(&self) -> bool {
        self.needed
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.issued
            .as_ref()
            .map_or(&[], |issued| issued.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        own: &CertificateDer<'_>,
        between: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        if let Some(issued) = &self.issued {
            issued.verify_client_cert(own, between, now)?;
        }
        if let Some(names) = &self.names {
            let own = certificate_names::of(own).ok_or(CertificateError::BadEncoding)?;
            if !own.iter().any(|name| names.contains(name)) {
                return Err(CertificateError::ApplicationVerificationFailure.into());
            }
        }
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
