//! Asks a running bridge whether it is well: for containers, which hold no other program to ask with.

use std::error::Error;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use reqwest::StatusCode;
use url::Url;

use super::Config;
use super::running::{client, own_address, shown};
use crate::prose::{advised, duration};

/// Shorter than the 5 s after which a container's health check is ended without a reason.
const PATIENCE: Duration = Duration::from_secs(4);

/// Asks `/-/healthy` where the configuration says that a bridge listens, or another address.
///
/// # Errors
/// If there is no answer in time, or another one than 200.
pub async fn ask_health(config: &Config, other: Option<Url>) -> Result<()> {
    let is_own = other.is_none();
    let url = match other {
        Some(url) => url,
        None => own_address(config, "/-/healthy")?,
    };
    let client = client(&url, is_own).no_proxy().timeout(PATIENCE).build();
    let client = client.context("building the client")?;
    let answer = client.get(url.clone()).send().await;
    let answer = answer.map_err(|error| anyhow!(unanswered(&url, &error)))?;
    let url = shown(&url);
    match answer.status() {
        StatusCode::OK => Ok(()),
        StatusCode::UNAUTHORIZED => {
            bail!("{url} wants a password: prometheus.open_health answers without one")
        }
        status => bail!("{url} answers {status}"),
    }
}

/// What is said where there is no answer.
fn unanswered(url: &Url, error: &reqwest::Error) -> String {
    let url = shown(url);
    if error.is_timeout() {
        let limit = duration(PATIENCE);
        return advised(
            format!("asking {url}: no answer within {limit}"),
            "Look at the log of the bridge.",
        );
    }
    // What is said first only says that something failed.
    let mut root: &dyn Error = error;
    while let Some(cause) = root.source() {
        root = cause;
    }
    advised(
        format!("asking {url}: {root}"),
        "Does the bridge run, and with this configuration?",
    )
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;
    use crate::export::Listen;

    fn listening_on(host: &str, port: u16) -> Config {
        Config {
            listen: Listen {
                host: host.to_owned(),
                port,
            },
            ..Config::default()
        }
    }

    /// What is said of a bridge that gives one answer.
    async fn said_of(status: &'static str) -> Result<(), String> {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answering = tokio::spawn(async move {
            let (mut connection, _) = listener.accept().await.unwrap();
            let asked = connection.read(&mut [0; 1024]).await.unwrap();
            assert!(asked > 0);
            let answer =
                format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            connection.write_all(answer.as_bytes()).await.unwrap();
        });
        let said = ask_health(&listening_on("0.0.0.0", port), None).await;
        answering.await.unwrap();
        said.map_err(|error| format!("{error:#}"))
    }

    #[tokio::test]
    async fn a_bridge_is_well_if_it_answers_200_and_nothing_else() {
        assert_eq!(said_of("200 OK").await, Ok(()));
        let refused = said_of("401 Unauthorized").await.unwrap_err();
        assert!(refused.contains("prometheus.open_health"), "{refused}");
        let failed = said_of("503 Service Unavailable").await.unwrap_err();
        assert!(failed.contains("answers 503"), "{failed}");
    }

    #[tokio::test]
    async fn a_bridge_that_does_not_run_is_not_well() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let said = ask_health(&listening_on("127.0.0.1", port), None).await;
        let said = format!("{:#}", said.unwrap_err());
        assert!(
            said.contains(&format!("asking http://127.0.0.1:{port}/-/healthy")),
            "{said}"
        );
    }

    #[tokio::test]
    async fn a_password_in_an_address_is_in_no_answer() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = format!("http://user:s3cret@127.0.0.1:{port}/-/healthy");
        for status in ["401 Unauthorized", "503 Service Unavailable"] {
            let answering = async {
                let (mut connection, _) = listener.accept().await.unwrap();
                let asked = connection.read(&mut [0; 1024]).await.unwrap();
                assert!(asked > 0);
                let answer =
                    format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
                connection.write_all(answer.as_bytes()).await.unwrap();
            };
            let config = Config::default();
            let asking = ask_health(&config, Some(url.parse().unwrap()));
            let (said, ()) = tokio::join!(asking, answering);
            let said = format!("{:#}", said.unwrap_err());
            assert!(!said.contains("s3cret"), "{said}");
        }
    }
}
