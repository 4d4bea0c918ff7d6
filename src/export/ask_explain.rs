//! Asks a running bridge to explain a metric.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::{Certificate, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use url::Url;

use super::Config;
use super::running::{client, own_address, shown};

/// A bridge with very many projects may look through all of them.
const PATIENCE: Duration = Duration::from_secs(30);
const PATH: &str = "/api/v1/explain";

/// Who asks: a user of the web configuration.
pub struct User {
    pub name: String,
    pub password: SecretString,
}

/// What a bridge answers.
#[derive(Debug)]
pub enum Answered {
    Explained(String),
    /// It knows no such metric or GitLab.
    Unknown(String),
    /// The question is wrong.
    Wrong(String),
    /// Nobody is there, or somebody else.
    Nobody(String),
}

/// Asks the bridge of a configuration, or the one at another address. `wanted` are the parameters of the question.
///
/// # Errors
/// If there is a bridge and it may not be asked.
pub async fn ask_explain(
    config: &Config,
    other: Option<&Url>,
    user: Option<&User>,
    ca: Option<&[u8]>,
    wanted: &[(&str, &str)],
) -> Result<Answered> {
    let is_own = other.is_none();
    let mut url = match other {
        Some(url) => at_path(url)?,
        None => match own_address(config, PATH) {
            Ok(url) => url,
            Err(error) => return Ok(Answered::Nobody(format!("{error:#}"))),
        },
    };
    url.query_pairs_mut().extend_pairs(wanted);
    let mut client = client(&url, is_own).timeout(PATIENCE);
    if let Some(pem) = ca.filter(|_| url.scheme() == "https") {
        let certificates = Certificate::from_pem_bundle(pem).context("reading --ca-file")?;
        client = client.tls_certs_merge(certificates);
    }
    let client = client.build().context("building the client")?;
    let mut asked = client.get(url.clone());
    if let Some(User { name, password }) = user {
        asked = asked.basic_auth(name, Some(password.expose_secret()));
    }
    let shown = shown(&url);
    let answer = match asked.send().await.map_err(reqwest::Error::without_url) {
        Ok(answer) => answer,
        Err(error) => {
            let error = anyhow::Error::from(error).context(format!("asking {shown}"));
            return Ok(Answered::Nobody(format!("{error:#}")));
        }
    };
    let status = answer.status();
    let body = answer.text().await.map_err(reqwest::Error::without_url);
    let body = body.with_context(|| format!("reading the answer of {shown}"))?;
    told(status, body, &shown)
}

fn told(status: StatusCode, body: String, shown: &str) -> Result<Answered> {
    let ours = |body: &str| {
        let told: serde_json::Value = serde_json::from_str(body).ok()?;
        told["reason"].as_str()?;
        told["error"].as_str().map(str::to_owned)
    };
    match (status, ours(&body)) {
        (StatusCode::OK, _) => Ok(Answered::Explained(body)),
        (StatusCode::NOT_FOUND, Some(error)) => Ok(Answered::Unknown(error)),
        (StatusCode::BAD_REQUEST, Some(error)) => Ok(Answered::Wrong(error)),
        (StatusCode::UNAUTHORIZED, _) => bail!(
            "{shown} wants a password: say --user NAME, and --password-file FILE or answer the question for it"
        ),
        (StatusCode::NOT_FOUND, None) => Ok(Answered::Nobody(format!(
            "{shown} is not there: is it an older bridge?"
        ))),
        (status, _) => bail!("{shown} answers {status}"),
    }
}

/// The page below an address of a bridge, whatever page of it is named.
fn at_path(other: &Url) -> Result<Url> {
    if other.cannot_be_a_base() || !matches!(other.scheme(), "http" | "https") {
        bail!(
            "--url: {:?} is no address such as http://localhost:9464",
            other.as_str()
        );
    }
    let mut url = other.clone();
    url.set_query(None);
    url.set_fragment(None);
    let mut base = url.path().trim_end_matches('/').to_owned();
    for page in [PATH, "/metrics", "/-/healthy", "/-/ready"] {
        if let Some(before) = base.strip_suffix(page) {
            base = before.to_owned();
        }
    }
    url.set_path(&format!("{base}{PATH}"));
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_found_below_any_address_of_a_bridge() {
        for (other, url) in [
            (
                "http://localhost:9464",
                "http://localhost:9464/api/v1/explain",
            ),
            (
                "http://localhost:9464/metrics",
                "http://localhost:9464/api/v1/explain",
            ),
            ("https://x/bridge/", "https://x/bridge/api/v1/explain"),
            (
                "https://x/bridge/-/ready?a=b#c",
                "https://x/bridge/api/v1/explain",
            ),
        ] {
            let other: Url = other.parse().unwrap();
            assert_eq!(at_path(&other).unwrap().as_str(), url);
        }
        at_path(&"file:///etc/passwd".parse().unwrap()).unwrap_err();
    }

    #[test]
    fn an_answer_that_is_not_ours_is_nobodys() {
        let nobody = told(StatusCode::NOT_FOUND, "nothing here".to_owned(), "x").unwrap();
        assert!(matches!(nobody, Answered::Nobody(_)), "{nobody:?}");
        let unknown = r#"{"reason": "no_such_metric", "error": "no"}"#.to_owned();
        let unknown = told(StatusCode::NOT_FOUND, unknown, "x").unwrap();
        assert!(matches!(unknown, Answered::Unknown(_)), "{unknown:?}");
        let refused = told(StatusCode::UNAUTHORIZED, String::new(), "x").unwrap_err();
        assert!(refused.to_string().contains("--user"), "{refused}");
    }
}
