//! How long a REST list is: told by GitLab, or searched for. Exact, or an error.

use std::collections::HashMap;

use reqwest::Url;
use serde_json::Value;
use tokio::time::Instant;

use super::client::Client;
use super::error::Error;
use super::link;
use super::paging::LARGEST_PAGE;
use super::rest::Document;

/// No list is longer than so many pages; one that seems to be has no end.
const MOST_PAGES: u64 = 1 << 24;

impl Client {
    /// How long a paginated list is, exactly.
    ///
    /// Takes one request where GitLab tells totals. Where it does not, the number of the last
    /// page is searched for with a number of requests that grows with its logarithm.
    ///
    /// # Errors
    /// See [`Error`]. A list whose length cannot be proven is an error, never a guess.
    pub async fn count(&self, path: &str, deadline: Instant) -> Result<u64, Error> {
        let url = self.address().rest(path);
        let page = self.get_url(page_url(&url, 1, 1), deadline).await?;
        let items = items_of(&page, 1, 1)?;
        match page.paging.total {
            Some(total) if total < items.len() as u64 => Err(Error::not_understood(
                "the page has more items than the whole list",
            )),
            Some(total) => Ok(total),
            None if items.is_empty() => Ok(0),
            None => {
                let mut search = Search {
                    client: self,
                    url,
                    deadline,
                    pages_by_first_item: HashMap::new(),
                };
                search.count().await
            }
        }
    }
}

/// The search for the last page of a list that has no total.
struct Search<'client> {
    client: &'client Client,
    url: Url,
    deadline: Instant,
    /// Two pages that begin with the same item are one page: something on the way, as a cache,
    /// does not heed the number.
    pages_by_first_item: HashMap<String, u64>,
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
    async fn count(&mut self) -> Result<u64, Error> {
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
            if behind > MOST_PAGES {
                return Err(Error::not_understood("the list has no end"));
            }
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

    async fn probe(&mut self, number: u64) -> Result<Probe, Error> {
        let url = page_url(&self.url, number, LARGEST_PAGE);
        let page = match self.client.get_url(url, self.deadline).await {
            Ok(page) => page,
            Err(error @ Error::Refused { status: 405, .. }) => return Ok(Probe::Beyond(error)),
            Err(error) => return Err(error),
        };
        let items = items_of(&page, number, LARGEST_PAGE)?;
        let Some(first) = items.first() else {
            return Ok(Probe::Empty);
        };
        let before = self.pages_by_first_item.insert(first.to_string(), number);
        match before {
            Some(before) if before != number => Err(Error::not_understood(format!(
                "page {number} of the list is page {before} again"
            ))),
            _ => Ok(Probe::Items(items.len() as u64)),
        }
    }
}

/// The items of a page; an error if it is no list or not the page that was asked for.
fn items_of(page: &Document, number: u64, size: usize) -> Result<&[Value], Error> {
    let Some(items) = page.body.as_array() else {
        return Err(Error::not_understood("the answer is not a list"));
    };
    let paging = &page.paging;
    // GitLab may allow smaller pages than asked for, never larger ones.
    let other_page = paging.number.is_some_and(|told| told != number)
        || paging.per_page.is_some_and(|told| told > size)
        || items.len() > LARGEST_PAGE;
    if other_page {
        let detail = format!("another page came than page {number} of the list");
        return Err(Error::not_understood(detail));
    }
    Ok(items)
}

/// Pages before the last that differ in length make the total unknowable without reading all.
fn full(items: u64, first: u64) -> Result<(), Error> {
    match items == first {
        true => Ok(()),
        false => Err(unequal_pages()),
    }
}

fn unequal_pages() -> Error {
    Error::not_understood("the pages of the list differ in length, it cannot be counted")
}

fn page_url(url: &Url, number: u64, size: usize) -> Url {
    let (number, size) = (number.to_string(), size.to_string());
    link::with_query(url, &[("page", &number), ("per_page", &size)])
}
