//! Finds the GitLab that an address means: `https://` may be missing, and a page of it may be named instead.

use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use tokio::time::Instant;
use url::Url;

use super::questions::say;
use crate::app::misconfigured::misconfigured;
use crate::gitlab::{Config, Error};

/// How long GitLab may take to answer a stranger.
const PATIENCE: Duration = Duration::from_secs(15);
/// A GitLab lies no deeper below its host.
const DEEPEST: usize = 3;

/// The address of the GitLab that is meant. No token is sent.
///
/// # Errors
/// If none is found; says what is there instead and what to do.
pub async fn find(text: &str, config: &Config) -> Result<Url> {
    let mut first: Option<(Url, Error)> = None;
    for base in bases(text)? {
        for url in with_parents(&base) {
            match look(&url, config).await? {
                Ok(()) => return Ok(taken(text, url)),
                Err(Error::Redirected {
                    gitlab_url: Some(to),
                    ..
                }) if to.parse::<Url>().is_ok_and(|to| to != url) => {
                    let to: Url = to.parse()?;
                    if look(&to, config).await?.is_ok() {
                        return Ok(taken(text, to));
                    }
                }
                Err(error) => {
                    let is_away = matches!(
                        error,
                        Error::Network { .. } | Error::Timeout { .. } | Error::Deadline
                    );
                    first.get_or_insert((url, error));
                    if is_away {
                        // Nobody is there, whatever the path.
                        break;
                    }
                }
            }
        }
    }
    match first {
        Some((url, error)) => Err(anyhow!(
            "no GitLab is found at {url}: {}",
            error.with_advice()
        )),
        None => bail!("no GitLab is found at {text}"),
    }
}

async fn look(url: &Url, config: &Config) -> Result<Result<(), Error>> {
    let config = Config {
        url: url.clone(),
        ..config.clone()
    };
    config
        .look(Instant::now() + PATIENCE)
        .await
        .map_err(misconfigured)
}

fn taken(text: &str, url: Url) -> Url {
    let shown = url.as_str().trim_end_matches('/');
    say(&format!("{shown} is a GitLab."));
    if url.scheme() == "http" && !is_near(&url) {
        say("It is not encrypted: the token can be read on the way. Use https:// if it has that.");
    }
    if shown != text.trim_end_matches('/') {
        tracing::debug!(%url, "another address than was said");
    }
    url
}

/// Whether it is this machine.
fn is_near(url: &Url) -> bool {
    matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

/// What a text may mean as an address: with `https://`, and without encryption where nothing answers there.
fn bases(text: &str) -> Result<Vec<Url>> {
    let schemes: &[&str] = match text.contains("://") {
        true => &[""],
        false => &["https://", "http://"],
    };
    let urls = schemes.iter().map(|scheme| {
        let url: Result<Url, _> = format!("{scheme}{text}").parse();
        let url = url
            .ok()
            .filter(|url| matches!(url.scheme(), "http" | "https"));
        let url = url.filter(|url| url.has_host());
        url.ok_or_else(|| {
            anyhow!("{text:?} is not an address: write it as https://gitlab.example.com")
        })
    });
    let urls: Vec<Url> = urls.collect::<Result<_>>()?;
    if urls
        .iter()
        .any(|url| !url.username().is_empty() || url.password().is_some())
    {
        bail!("an address holds no password: give the token in GITLAB_TOKEN or GITLAB_TOKEN_FILE");
    }
    Ok(urls)
}

/// The address, and those above it up to its host: a page of GitLab may have been named.
fn with_parents(base: &Url) -> Vec<Url> {
    let mut base = base.clone();
    base.set_query(None);
    base.set_fragment(None);
    let path = base.path().trim_matches('/').to_owned();
    // Of a page only what is before it can be the address.
    let path = ["/api/", "/-/", "/users/sign_in"]
        .iter()
        .fold(format!("/{path}/"), |path, page| {
            path.split(page).next().unwrap_or_default().to_owned() + "/"
        });
    let segments: Vec<&str> = path
        .split('/')
        .filter(|segment| !segment.is_empty())
        .collect();
    let deepest = segments.len().min(DEEPEST);
    let depths = (0..=deepest).rev();
    depths
        .map(|depth| {
            let mut url = base.clone();
            url.set_path(&segments[..depth].join("/"));
            url
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_lack_its_scheme_or_name_a_page() {
        let tried = |text: &str| -> Vec<String> {
            let bases = bases(text).unwrap();
            let all = bases.iter().flat_map(with_parents);
            all.map(|url| url.as_str().trim_end_matches('/').to_owned())
                .collect()
        };
        assert_eq!(
            tried("gitlab.example.com"),
            ["https://gitlab.example.com", "http://gitlab.example.com"]
        );
        assert_eq!(
            tried("localhost:8080"),
            ["https://localhost:8080", "http://localhost:8080"]
        );
        assert_eq!(
            tried("https://x.org/git/group?a=b"),
            [
                "https://x.org/git/group",
                "https://x.org/git",
                "https://x.org"
            ]
        );
        for page in [
            "https://x.org/git/api/v4",
            "https://x.org/git/-/profile",
            "https://x.org/git/users/sign_in",
        ] {
            assert_eq!(
                tried(page),
                ["https://x.org/git", "https://x.org"],
                "{page}"
            );
        }
        for wrong in ["ftp://x.org", "https://", "https://me:secret@x.org", "a b"] {
            bases(wrong).unwrap_err();
        }
    }
}
