//! Which clients get in, by the certificate that they show in a real handshake.

use std::fs;

use reqwest::{ClientBuilder, Identity, tls};

use super::support::certificates::Certificates;
use super::support::running::Running;
use super::{Secured, TLS, https, identity};

/// What a client shows.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Shows {
    Nothing,
    /// A certificate of the authority that is configured, with no name in it.
    Ours,
    /// One with the name `scraper.example.com`.
    OursNamed,
    /// One with another name.
    OursOtherwiseNamed,
    /// A certificate of an authority that nobody knows, with the name `scraper.example.com`.
    Strange,
}

use Shows::{Nothing, Ours, OursNamed, OursOtherwiseNamed, Strange};

const ALL: [Shows; 5] = [Nothing, Ours, OursNamed, OursOtherwiseNamed, Strange];

/// A client for each of them.
struct Clients {
    identities: Vec<(Shows, Option<Identity>)>,
}

impl Clients {
    fn new(ours: &Certificates) -> Clients {
        let strange = Certificates::generate();
        let issued = |by: &Certificates, file, name: &[&str]| {
            let (certificate, key) = by.issue(file, name);
            Some(identity(&certificate, &key))
        };
        let named = &["scraper.example.com"];
        Clients {
            identities: vec![
                (Nothing, None),
                (Ours, issued(ours, "plain", &[])),
                (OursNamed, issued(ours, "named", named)),
                (
                    OursOtherwiseNamed,
                    issued(ours, "other", &["b.example.com"]),
                ),
                (Strange, issued(&strange, "strange", named)),
            ],
        }
    }

    /// Those who get an answer, each over a connection of its own.
    async fn admitted(&self, client: impl Fn() -> ClientBuilder, url: &str) -> Vec<Shows> {
        let mut admitted = Vec::new();
        for (shows, identity) in &self.identities {
            let client = match identity {
                Some(identity) => client().identity(identity.clone()),
                None => client(),
            };
            let answer = client.build().unwrap().get(url).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                admitted.push(*shows);
            }
        }
        admitted
    }
}

#[tokio::test]
async fn each_client_auth_type_lets_in_whom_its_name_says() {
    let secured = Secured::new(&format!("{TLS}}}\n")).await;
    let clients = Clients::new(&secured.certificates);
    let bridge = Running::start(secured.bridge()).await;
    let url = https(&bridge, "/-/healthy");
    let ours = [Ours, OursNamed, OursOtherwiseNamed];
    let known = ", client_ca_file: ca.pem";
    for (kind, authority, admitted) in [
        ("NoClientCert", "", ALL.to_vec()),
        ("RequestClientCert", "", ALL.to_vec()),
        // An authority that is named here is not asked, in Go too.
        ("RequestClientCert", known, ALL.to_vec()),
        ("RequireAnyClientCert", "", ALL[1..].to_vec()),
        ("RequireClientCert", "", ALL[1..].to_vec()),
        ("VerifyClientCertIfGiven", known, ALL[..4].to_vec()),
        ("RequireAndVerifyClientCert", known, ours.to_vec()),
    ] {
        let text = format!("{TLS}{authority}, client_auth_type: {kind}}}\n");
        fs::write(&secured.file, text).unwrap();
        for version in [tls::Version::TLS_1_2, tls::Version::TLS_1_3] {
            let client = || secured.client().tls_version_max(version);
            let got_in = clients.admitted(client, &url).await;
            assert_eq!(got_in, admitted, "{kind}{authority} {version:?}");
        }
    }
    let log = bridge.stop().await.stderr();
    assert!(!log.contains("can't be used"), "{log}");
}

#[tokio::test]
async fn only_certificates_with_an_allowed_name_get_in() {
    let secured = Secured::new(&format!("{TLS}}}\n")).await;
    let clients = Clients::new(&secured.certificates);
    let bridge = Running::start(secured.bridge()).await;
    let url = https(&bridge, "/-/healthy");
    let known = "client_ca_file: ca.pem, client_auth_type";
    for (kind, admitted) in [
        (
            format!("{known}: RequireAndVerifyClientCert"),
            vec![OursNamed],
        ),
        (
            format!("{known}: VerifyClientCertIfGiven"),
            vec![Nothing, OursNamed],
        ),
        // Whoever issued it: the name alone is looked at.
        (
            "client_auth_type: RequireAnyClientCert".to_owned(),
            vec![OursNamed, Strange],
        ),
    ] {
        let names = "client_allowed_sans: [other.example.com, scraper.example.com]";
        fs::write(&secured.file, format!("{TLS}, {kind}, {names}}}\n")).unwrap();
        for version in [tls::Version::TLS_1_2, tls::Version::TLS_1_3] {
            let client = || secured.client().tls_version_max(version);
            let got_in = clients.admitted(client, &url).await;
            assert_eq!(got_in, admitted, "{kind} {version:?}");
        }
    }
}
