//! REST: bodies, pages and the sizes of lists.

use reqwest::header::{HeaderMap, HeaderName, LINK};
use tokio::time::Instant;
use url::Url;

use super::transport::{Method, Retry};
use super::{Client, Error, Page};

/// GitLab's largest page; a larger one is cut to it without a word.
const PER_PAGE: usize = 100;

impl Client {
    /// Reads a path below `/api/v4/`, with its query.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn get(&self, path: &str, deadline: Instant) -> Result<Page, Error> {
        let url = self.0.url(&format!("api/v4/{path}"));
        let answer = self
            .0
            .ask("rest", Method::Get, url, Retry::Always, deadline)
            .await?;
        Ok(Page {
            next: next(&answer.headers, &self.0.url("api/v4/")),
            total: total(&answer.headers),
            body: answer.body,
        })
    }

    /// The exact number of entries of a paginated list.
    ///
    /// GitLab tells it for most lists of up to 10,000 entries. For the others the last page is
    /// searched by doubling and halving: O(log n) requests.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn count(&self, path: &str, deadline: Instant) -> Result<u64, Error> {
        let separator = if path.contains('?') { '&' } else { '?' };
        let first = self
            .get(&format!("{path}{separator}per_page=1"), deadline)
            .await?;
        if let Some(total) = first.total {
            return Ok(total);
        }
        // The last page that is known to be full, and the first that is known to be empty.
        let (mut full, mut empty) = (0, None);
        loop {
            let page = match empty {
                None if full == 0 => 1,
                None => full * 2,
                Some(empty) if empty - full > 1 => full + (empty - full) / 2,
                Some(_) => return Ok((full * PER_PAGE) as u64),
            };
            let query = format!("{path}{separator}per_page={PER_PAGE}&page={page}");
            let body = self.get(&query, deadline).await?.body;
            match body.as_array().map(Vec::len) {
                Some(PER_PAGE..) => full = page,
                Some(0) => empty = Some(page),
                Some(entries) => return Ok(((page - 1) * PER_PAGE + entries) as u64),
                None => {
                    return Err(Error::NotJson {
                        status: 200,
                        html: false,
                    });
                }
            }
        }
    }
}

fn total(headers: &HeaderMap) -> Option<u64> {
    headers
        .get(HeaderName::from_static("x-total"))?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()
}

/// The `next` link, relative to the API. Its host is not used: behind a proxy GitLab may not know
/// its own, and the token goes nowhere else.
fn next(headers: &HeaderMap, api: &Url) -> Option<String> {
    let links = headers
        .get_all(LINK)
        .iter()
        .filter_map(|value| value.to_str().ok());
    for link in links.flat_map(|links| links.split(", <")) {
        let (target, parameters) = link.trim_start_matches('<').split_once('>')?;
        if !parameters.contains("rel=\"next\"") {
            continue;
        }
        let url = api.join(target).ok()?;
        let (_, below) = url.path().split_once("/api/v4/")?;
        return Some(match url.query() {
            Some(query) => format!("{below}?{query}"),
            None => below.to_owned(),
        });
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn next_of(link: &str) -> Option<String> {
        let headers = [(LINK, link.parse().unwrap())].into_iter().collect();
        next(
            &headers,
            &"https://gitlab.example.com/sub/api/v4/".parse().unwrap(),
        )
    }

    #[test]
    fn the_next_link_is_found_among_others_and_its_host_is_not_trusted() {
        let links = "<http://internal:8080/sub/api/v4/projects?id_after=7&per_page=100>; rel=\"next\", \
                     <https://gitlab.example.com/sub/api/v4/projects?page=1>; rel=\"first\"";
        assert_eq!(
            next_of(links).as_deref(),
            Some("projects?id_after=7&per_page=100")
        );
        let links = "<https://x/api/v4/projects?page=1>; rel=\"prev\", <https://x/api/v4/groups/a%2Fb/projects?page=3>; rel=\"next\"";
        assert_eq!(
            next_of(links).as_deref(),
            Some("groups/a%2Fb/projects?page=3")
        );
        assert_eq!(
            next_of("<https://x/api/v4/projects?page=1>; rel=\"first\""),
            None
        );
        assert_eq!(next_of("nonsense"), None);
    }
}
