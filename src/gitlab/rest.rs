//! REST: one page of a list, and how long a list is.

use reqwest::Url;
use serde_json::Value;
use tokio::time::Instant;

use super::Client;
use super::address;
use super::call::{Call, Outcome};
use super::error::Error;
use super::link;

/// GitLab moves the addresses of renamed projects; more hops than this are a loop.
const MOST_REDIRECTS: usize = 5;

/// GitLab's largest page; it quietly cuts what asks for more.
const PAGE_SIZE: u64 = 100;

/// One answer of the REST API.
#[derive(Debug, Clone, PartialEq)]
pub struct Page {
    /// The document.
    pub body: Value,
    /// What to ask for the next page; none at the end of the list.
    pub next: Option<String>,
    /// How long the whole list is, where GitLab says so: not for commits, jobs or long lists.
    pub total: Option<u64>,
}

impl Client {
    /// Asks for a path below the REST API, query included: `projects?per_page=100`.
    ///
    /// Follows redirects within this GitLab, as a renamed project has them.
    ///
    /// # Errors
    /// See [`Error`]; a redirect to elsewhere is not followed.
    pub async fn get(&self, path: &str, deadline: Instant) -> Result<Page, Error> {
        self.get_url(self.parts.address.rest(path), deadline).await
    }

    /// How long a paginated list is, exactly.
    ///
    /// Takes one request where GitLab tells totals. Where it does not, the number of the last
    /// page is searched for with a number of requests that grows with its logarithm.
    ///
    /// # Errors
    /// See [`Error`]. A list whose length cannot be proven is [`Error::Refused`], never a guess.
    pub async fn count(&self, path: &str, deadline: Instant) -> Result<u64, Error> {
        let url = self.parts.address.rest(path);
        let page = self.get_url(page_url(&url, 1, 1), deadline).await?;
        if let Some(total) = page.total {
            return Ok(total);
        }
        if length(&page)? == 0 {
            return Ok(0);
        }
        Search {
            client: self,
            url,
            deadline,
        }
        .count()
        .await
    }

    async fn get_url(&self, mut url: Url, deadline: Instant) -> Result<Page, Error> {
        for _ in 0..=MOST_REDIRECTS {
            let call = Call::get(url);
            match self.ask(&call, deadline).await? {
                Outcome::Json { headers, body, .. } => {
                    let total = headers.get("x-total").and_then(|value| value.to_str().ok());
                    return Ok(Page {
                        next: next_path(link::next(&headers, &call.url))?,
                        total: total.and_then(|value| value.trim().parse().ok()),
                        body,
                    });
                }
                Outcome::Redirect(to) if self.parts.address.is_same_origin(&to) => url = to,
                Outcome::Redirect(to) => return Err(Error::redirected(&to)),
            }
        }
        // A loop: GitLab's address is right, and no better one is known.
        Err(Error::Redirected {
            to: address::without_credentials(&url).into(),
            gitlab_url: None,
        })
    }
}

impl Error {
    pub(super) fn redirected(to: &Url) -> Error {
        Error::Redirected {
            to: address::without_credentials(to).into(),
            gitlab_url: address::gitlab_of(to).map(Into::into),
        }
    }
}

/// A link that leads out of the API is an error: passing over it would cut the list short.
fn next_path(next: Option<Url>) -> Result<Option<String>, Error> {
    let Some(next) = next else {
        return Ok(None);
    };
    match address::rest_path(&next) {
        Some(path) => Ok(Some(path)),
        None => Err(unusable("the link to the next page leads out of the API")),
    }
}

/// The search for the last page of a list that has no total.
struct Search<'client> {
    client: &'client Client,
    url: Url,
    deadline: Instant,
}

/// A page of the list, as far as it matters here.
enum Probe {
    Items(u64),
    Empty,
    /// GitLab does not page so far (405): whether there is more is not known.
    Beyond(Error),
}

impl Search<'_> {
    /// Gallops to a page behind the last, then halves the distance to it. The last page is the one
    /// before an empty one; a short page alone proves nothing, as GitLab leaves out of a page
    /// what the token may not see.
    async fn count(&self) -> Result<u64, Error> {
        let first = match self.probe(1).await? {
            Probe::Items(items) => items,
            Probe::Empty => return Ok(0),
            Probe::Beyond(error) => return Err(error),
        };
        let (mut last, mut last_items) = (1, first);
        let mut behind = 2;
        let mut end = self.probe(behind).await?;
        while let Probe::Items(items) = end {
            full(last_items, first)?;
            (last, last_items) = (behind, items);
            behind *= 2;
            end = self.probe(behind).await?;
        }
        while behind - last > 1 {
            let middle = last + (behind - last) / 2;
            match self.probe(middle).await? {
                Probe::Items(items) => {
                    full(last_items, first)?;
                    (last, last_items) = (middle, items);
                }
                nothing => (behind, end) = (middle, nothing),
            }
        }
        match end {
            Probe::Beyond(error) => Err(error),
            _ if last_items > first => Err(unequal_pages()),
            // A server that allows only smaller pages than asked for shows it in the first one.
            _ => Ok((last - 1) * first + last_items),
        }
    }

    async fn probe(&self, page: u64) -> Result<Probe, Error> {
        let url = page_url(&self.url, page, PAGE_SIZE);
        match self.client.get_url(url, self.deadline).await {
            Ok(page) => Ok(match length(&page)? {
                0 => Probe::Empty,
                items => Probe::Items(items),
            }),
            Err(error @ Error::Refused { status: 405, .. }) => Ok(Probe::Beyond(error)),
            Err(error) => Err(error),
        }
    }
}

/// Pages before the last that differ in length make the total unknowable without reading all.
fn full(items: u64, first: u64) -> Result<(), Error> {
    if items == first {
        return Ok(());
    }
    Err(unequal_pages())
}

fn unequal_pages() -> Error {
    unusable("the pages of the list differ in length, it cannot be counted")
}

fn length(page: &Page) -> Result<u64, Error> {
    let list = page.body.as_array();
    list.map(|list| list.len() as u64)
        .ok_or_else(|| unusable("the answer is not a list"))
}

fn page_url(url: &Url, page: u64, size: u64) -> Url {
    link::with_query(
        url,
        &[("page", &page.to_string()), ("per_page", &size.to_string())],
    )
}

/// A 200 that cannot be worked with.
fn unusable(detail: &str) -> Error {
    Error::Refused {
        status: 200,
        detail: detail.to_owned(),
    }
}
