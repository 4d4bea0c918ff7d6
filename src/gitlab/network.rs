//! What went wrong below HTTP, in words a person can act on.

use std::error::Error as StdError;
use std::io;

/// Why there is no answer at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NetworkFailure {
    /// The host's name is not known.
    Dns,
    /// Nobody listens there.
    Refused,
    /// No connection came to stand in time.
    ConnectTimeout,
    /// The certificate of the other side is not trusted.
    Certificate,
    /// The certificate of the other side is for another name.
    CertificateName,
    /// The certificate of the other side is no longer valid, or not yet.
    CertificateTime,
    /// The other side shows the certificate of an authority in place of one of its own.
    CertificateOfAuthority,
    /// The other side wants a certificate of ours, or another one.
    ClientCertificate,
    /// A secure connection could not be agreed on.
    Tls,
    /// The proxy would not let us through.
    Proxy,
    /// The connection ended before the answer did.
    Interrupted,
    Other,
}

impl NetworkFailure {
    pub(super) fn of(error: &reqwest::Error) -> NetworkFailure {
        // The TLS library's errors are told apart by their text: its types are no dependency of
        // ours. The TLS tests hold the words.
        let chain = chain(error);
        let says = |words: &[&str]| words.iter().any(|word| chain.contains(word));
        if says(&["invalid peer certificate"]) {
            certificate(&chain)
        } else if says(&[
            "CertificateRequired",
            "BadCertificate",
            "received fatal alert: Certificate",
        ]) {
            NetworkFailure::ClientCertificate
        } else if says(&["tunnel error", "proxy"]) {
            NetworkFailure::Proxy
        } else if error.is_dns() || says(&["dns error"]) {
            NetworkFailure::Dns
        } else if has_io_kind(error, io::ErrorKind::ConnectionRefused) {
            NetworkFailure::Refused
        } else if error.is_connect() && error.is_timeout() {
            NetworkFailure::ConnectTimeout
        } else if says(&[
            "received corrupt message",
            "received fatal alert",
            "tls handshake",
        ]) {
            NetworkFailure::Tls
        } else if error.is_connect() {
            NetworkFailure::Other
        } else {
            NetworkFailure::Interrupted
        }
    }

    /// Whether the same may succeed a moment later.
    pub(super) fn may_pass(self) -> bool {
        !matches!(
            self,
            NetworkFailure::Certificate
                | NetworkFailure::CertificateName
                | NetworkFailure::CertificateTime
                | NetworkFailure::CertificateOfAuthority
                | NetworkFailure::ClientCertificate
                | NetworkFailure::Tls
        )
    }

    pub(super) fn summary(self) -> &'static str {
        match self {
            NetworkFailure::Dns => "the host name of GitLab is not known",
            NetworkFailure::Refused => "GitLab's host refuses the connection",
            NetworkFailure::ConnectTimeout => "no connection to GitLab could be made in time",
            NetworkFailure::Certificate => "GitLab's certificate is not trusted",
            NetworkFailure::CertificateName => "GitLab's certificate is for another host name",
            NetworkFailure::CertificateTime => {
                "GitLab's certificate has expired, or is not valid yet"
            }
            NetworkFailure::CertificateOfAuthority => {
                "GitLab shows a certificate that is marked as an authority's (CA:TRUE)"
            }
            NetworkFailure::ClientCertificate => "GitLab does not accept the client certificate",
            NetworkFailure::Tls => "no secure connection to GitLab could be agreed on",
            NetworkFailure::Proxy => "the proxy does not let the request through",
            NetworkFailure::Interrupted => "the connection to GitLab was interrupted",
            NetworkFailure::Other => "GitLab cannot be reached",
        }
    }

    pub(super) fn advice(self) -> &'static str {
        match self {
            NetworkFailure::Dns => "Check the host name in GITLAB_URL and the name servers.",
            NetworkFailure::Refused | NetworkFailure::Other => {
                "Check the host and port in GITLAB_URL, the proxy if one is set, and that GitLab \
                 is running."
            }
            NetworkFailure::ConnectTimeout => {
                "Check the host in GITLAB_URL, firewalls, and whether a proxy has to be set with \
                 HTTPS_PROXY."
            }
            NetworkFailure::Certificate => {
                "Name the file of the authority that signed it with gitlab.ca_file or \
                 SSL_CERT_FILE; of a self-signed certificate, name the certificate itself."
            }
            NetworkFailure::CertificateName => {
                "Set GITLAB_URL to a host name that the certificate was issued for, or issue it \
                 for this one as a subject alternative name."
            }
            NetworkFailure::CertificateTime => {
                "Renew GitLab's certificate, and check this machine's clock."
            }
            NetworkFailure::CertificateOfAuthority => {
                "Issue a self-signed certificate again with basicConstraints CA:FALSE (openssl req \
                 -x509 -addext basicConstraints=CA:FALSE) and name it with gitlab.ca_file, or have \
                 an authority sign it and name that one."
            }
            NetworkFailure::ClientCertificate => {
                "Set gitlab.client_certificate and gitlab.client_key to a certificate that GitLab \
                 accepts."
            }
            NetworkFailure::Tls => {
                "Check that GITLAB_URL has the right scheme and port: https needs a server that \
                 speaks TLS 1.2 or later."
            }
            NetworkFailure::Proxy => {
                "Check HTTPS_PROXY, HTTP_PROXY and their credentials, or except GitLab's host with \
                 NO_PROXY."
            }
            NetworkFailure::Interrupted => {
                "Check what stands between the bridge and GitLab: a proxy or a load balancer may \
                 cut answers off."
            }
        }
    }
}

/// What is wrong with the certificate of the other side, in the words of the TLS library.
fn certificate(chain: &str) -> NetworkFailure {
    if chain.contains("not valid for name") || chain.contains("NotValidForName") {
        NetworkFailure::CertificateName
    } else if ["expired", "Expired", "not valid yet", "NotValidYet"]
        .iter()
        .any(|word| chain.contains(word))
    {
        NetworkFailure::CertificateTime
    } else if chain.contains("CaUsedAsEndEntity") {
        NetworkFailure::CertificateOfAuthority
    } else {
        NetworkFailure::Certificate
    }
}

fn chain(error: &reqwest::Error) -> String {
    let mut text = String::new();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&error.to_string());
        text.push('\n');
        cause = error.source();
    }
    text
}

fn has_io_kind(error: &reqwest::Error, kind: io::ErrorKind) -> bool {
    let mut cause = error.source();
    while let Some(error) = cause {
        if error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == kind)
        {
            return true;
        }
        cause = error.source();
    }
    false
}
