//! Reaching a bridge that runs, as the commands `health` and `explain` do: where it is, and how it is asked.

use anyhow::{Context, Result, bail};
use reqwest::ClientBuilder;
use reqwest::redirect::Policy;
use url::Url;

use super::{Config, Listen, Web};

/// Where a bridge with this configuration has a page.
pub fn own_address(config: &Config, path: &str) -> Result<Url> {
    let speaks_tls = Web::build(config)?.is_some_and(|web| web.rules().tls.is_some());
    let scheme = if speaks_tls { "https" } else { "http" };
    let Listen { host, port } = &config.listen;
    if *port == 0 {
        bail!(
            "prometheus.port is 0, so only the bridge knows its port: give its address with --url"
        );
    }
    // A bridge that listens on every address listens on loopback too.
    let host = match host.as_str() {
        "0.0.0.0" => "127.0.0.1",
        "::" => "::1",
        host => host,
    };
    let listen = Listen {
        host: host.to_owned(),
        port: *port,
    };
    let address = format!("{scheme}://{listen}{path}");
    address
        .parse()
        .with_context(|| format!("reading the address {address}"))
}

/// How a bridge at this address is asked. On the way to our own address there is nobody between, and the
/// certificate is for another name.
pub fn client(url: &Url, is_own: bool) -> ClientBuilder {
    let client = reqwest::Client::builder()
        .redirect(Policy::none())
        .tls_danger_accept_invalid_certs(is_own);
    let client = match is_own {
        true => client.no_proxy(),
        false => client,
    };
    match url.scheme() {
        // A container may hold no certificates at all.
        "http" => client.tls_certs_only([]),
        _ => client,
    }
}

/// The address without the question, and without a password.
pub fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    shown.set_query(None);
    // These fail for addresses that can't hold a password.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    shown.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listening_on(host: &str, port: u16) -> Config {
        Config {
            listen: Listen {
                host: host.to_owned(),
                port,
            },
            ..Config::default()
        }
    }

    #[test]
    fn who_listens_on_every_address_is_asked_on_loopback() {
        for (host, url) in [
            ("0.0.0.0", "http://127.0.0.1:9464/-/healthy"),
            ("::", "http://[::1]:9464/-/healthy"),
            ("bridge.internal", "http://bridge.internal:9464/-/healthy"),
        ] {
            let asked = own_address(&listening_on(host, 9464), "/-/healthy").unwrap();
            assert_eq!(asked.as_str(), url);
        }
        own_address(&listening_on("127.0.0.1", 0), "/").unwrap_err();
    }
}
