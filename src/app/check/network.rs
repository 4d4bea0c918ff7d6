//! The way to a server: which proxy it takes, whether its name resolves, and what the server's certificate says.

use std::net::IpAddr;
use std::time::Duration;

use hyper_util::client::proxy::matcher::Matcher;
use jiff::Timestamp;
use tokio::net::lookup_host;
use tokio::time::{Instant, timeout};
use url::{Host, Url};

use super::findings::{Finding, Findings, good, note, problem};
use crate::app::waiting;
use crate::gitlab::{self, Certificate, NetworkFailure};
use crate::prose::{counted, duration};

/// How long name servers may take.
const PATIENCE: Duration = Duration::from_secs(20);
/// A certificate that ends sooner is worth a note.
const SOON: i64 = 14;

/// The way to one server.
pub struct Way<'a> {
    /// What it is called in sentences, such as GitLab.
    pub whose: &'static str,
    pub url: &'a Url,
    /// The setting that names it.
    pub setting: &'static str,
    /// Whether the client takes proxies at all.
    pub takes_proxies: bool,
}

/// A proxy on the way.
struct Proxy {
    host: String,
    port: u16,
    variable: Option<&'static str>,
}

impl Way<'_> {
    /// Tells of the proxy and the name. False if the name does not resolve, so that nothing can be asked.
    pub async fn check(&self, findings: &mut Findings) -> bool {
        let proxy = self.check_proxy(findings);
        match (&proxy, self.url.host()) {
            (Some(proxy), _) => self.check_name(&proxy.host, proxy.port, findings).await,
            (None, Some(Host::Domain(name))) => {
                let port = self.url.port_or_known_default().unwrap_or_default();
                self.check_name(name, port, findings).await
            }
            (None, Some(address)) => {
                let text = format!("{}'s host {address} is an address, not a name", self.whose);
                findings.tell(good("dns", text).with("host", address.to_string()));
                true
            }
            (None, None) => true,
        }
    }

    fn check_proxy(&self, findings: &mut Findings) -> Option<Proxy> {
        let whose = self.whose;
        let (finding, proxy) = match self.proxy() {
            Some(proxy) => {
                let from = proxy.variable.map_or("the system", |name| name);
                let text = format!(
                    "requests to {whose} go through the proxy {}:{}, from {from}",
                    proxy.host, proxy.port
                );
                let finding = good("proxy", text)
                    .with("proxy", format!("{}:{}", proxy.host, proxy.port))
                    .with("variable", proxy.variable);
                (finding, Some(proxy))
            }
            None => {
                let text = match (self.takes_proxies, self.variable(), first_set(&NO_PROXY)) {
                    (false, ..) => format!("requests to {whose} take no proxy, as gRPC never does"),
                    (true, Some(set), Some(no)) => {
                        format!("requests to {whose} take no proxy: {no} excepts it from {set}")
                    }
                    (true, ..) => format!("requests to {whose} take no proxy"),
                };
                (good("proxy", text).with("proxy", None::<String>), None)
            }
        };
        findings.tell(finding.with("target", self.url.host_str()));
        proxy
    }

    fn proxy(&self) -> Option<Proxy> {
        let uri = self
            .url
            .as_str()
            .parse()
            .ok()
            .filter(|_| self.takes_proxies)?;
        let found = Matcher::from_env().intercept(&uri)?;
        let proxy: Url = found.uri().to_string().parse().ok()?;
        Some(Proxy {
            // Neither a user nor a password of it.
            host: proxy.host_str()?.trim_matches(['[', ']']).to_owned(),
            port: proxy.port_or_known_default()?,
            variable: self.variable(),
        })
    }

    /// The variable that names a proxy for such addresses.
    fn variable(&self) -> Option<&'static str> {
        let own = match self.url.scheme() {
            "https" => ["HTTPS_PROXY", "https_proxy"],
            _ => ["HTTP_PROXY", "http_proxy"],
        };
        first_set(&own).or_else(|| first_set(&["ALL_PROXY", "all_proxy"]))
    }

    async fn check_name(&self, name: &str, port: u16, findings: &mut Findings) -> bool {
        if name.parse::<IpAddr>().is_ok() {
            return true;
        }
        let began = Instant::now();
        let looking = timeout(PATIENCE, lookup_host((name, port)));
        let what = format!("the name servers to tell the address of {name}");
        let found = waiting::told(&what, looking).await;
        let took = began.elapsed();
        let problem = match found {
            Ok(Ok(addresses)) => {
                let mut addresses: Vec<_> =
                    addresses.map(|address| address.ip().to_string()).collect();
                addresses.dedup();
                let text = format!(
                    "{name} resolves to {} in {}",
                    addresses.join(", "),
                    duration(took)
                );
                let finding = good("dns", text).with("addresses", addresses);
                findings.tell(
                    finding
                        .with("host", name)
                        .with_seconds("took_seconds", took),
                );
                return true;
            }
            Ok(Err(error)) => {
                let error = error.to_string();
                let why = error.strip_prefix("failed to lookup address information: ");
                let why = why.unwrap_or(&error);
                problem(
                    "dns",
                    format!("{name} does not resolve to an address: {why}"),
                )
            }
            Err(_) => {
                let text = format!(
                    "the name servers do not tell the address of {name} within {}",
                    duration(PATIENCE)
                );
                problem("dns", text)
            }
        };
        let advice = format!(
            "Check the host name in {} and the name servers of this machine.",
            self.setting
        );
        let finding = problem.advising(advice).with("host", name);
        findings.tell(finding.with_seconds("took_seconds", took));
        false
    }
}

const NO_PROXY: [&str; 2] = ["NO_PROXY", "no_proxy"];

/// The first of these variables that holds something.
fn first_set(names: &[&'static str]) -> Option<&'static str> {
    let is_set = |name: &&&str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    names.iter().find(is_set).copied()
}

/// Looks at the certificate that GitLab shows. A connection that fails for another reason is told where GitLab is asked.
pub async fn check_certificate(config: &gitlab::Config, findings: &mut Findings) {
    if config.url.scheme() != "https" {
        return findings.tell(plain(&config.url));
    }
    let roots = match &config.ca_file {
        Some(file) => format!("the system's authorities and those of {}", file.display()),
        None => "the system's authorities".to_owned(),
    };
    let asked = waiting::told("GitLab to show its certificate", config.certificate()).await;
    match asked {
        Ok(Some(certificate)) => findings.tell(shown(&certificate, &roots)),
        Ok(None) => {
            let text = format!("GitLab's certificate is trusted by {roots}");
            findings.tell(good("tls", text));
        }
        Err(error) => {
            let kind = match &error {
                gitlab::Error::Network { kind, .. } => Some(*kind),
                _ => None,
            };
            if kind.is_some_and(is_about_tls) {
                let finding = problem("tls", error.to_string());
                findings.tell(match error.advice() {
                    Some(advice) => finding.advising(advice),
                    None => finding,
                });
            }
        }
    }
}

/// Of an address without TLS.
fn plain(url: &Url) -> Finding {
    let is_near = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if is_near {
        return good(
            "tls",
            "GitLab is asked over plain HTTP, within this machine",
        );
    }
    note(
        "tls",
        "GitLab is asked over plain HTTP: the token can be read on the way",
    )
    .advising("Use https:// for gitlab.url.")
}

/// Of a certificate that is trusted.
fn shown(certificate: &Certificate, roots: &str) -> Finding {
    let left = certificate.good_until.duration_since(Timestamp::now());
    let days = left.as_hours().div_euclid(24);
    let until = certificate.good_until.strftime("%Y-%m-%d");
    let issuer = certificate.issuer.as_deref();
    let issuer = issuer.unwrap_or("an authority without a name");
    let text = format!(
        "GitLab's certificate was issued by {issuer}, is trusted by {roots}, and is good until {until} ({} left)",
        counted(days, "day")
    );
    let finding = match days < SOON {
        true => {
            note("tls", text).advising("Renew it before it ends: nothing can be read after that.")
        }
        false => good("tls", text),
    };
    let finding = finding.with("issuer", issuer).with("days_left", days);
    finding.with("expires_at", certificate.good_until.to_string())
}

fn is_about_tls(kind: NetworkFailure) -> bool {
    matches!(
        kind,
        NetworkFailure::Certificate
            | NetworkFailure::CertificateName
            | NetworkFailure::CertificateOfAuthority
            | NetworkFailure::CertificateTime
            | NetworkFailure::ClientCertificate
            | NetworkFailure::Tls
    )
}
