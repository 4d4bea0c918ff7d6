//! REST: one document, and what its headers say about the list it belongs to.

use std::time::SystemTime;

use reqwest::Url;
use serde_json::Value;
use tokio::time::Instant;

use super::address;
use super::client::Client;
use super::error::Error;
use super::paging::Paging;
use super::rate_limit;
use super::request::{ApiRequest, Outcome};
use super::words;

/// GitLab moves the addresses of renamed projects; more hops than this are a loop.
const MOST_REDIRECTS: usize = 5;

/// One answer of the REST API.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    pub body: Value,
    /// Where the document stands in a list, if it is a page of one.
    pub paging: Paging,
    /// When GitLab answered, by its own clock, if it says so.
    pub date: Option<SystemTime>,
}

impl Client {
    /// Asks for a path below the REST API, query included: `projects?per_page=100`.
    ///
    /// Follows redirects within this GitLab, as a renamed project has them.
    ///
    /// # Errors
    /// See [`Error`]; a redirect to elsewhere is not followed.
    pub async fn get(&self, path: &str, deadline: Instant) -> Result<Document, Error> {
        self.get_url(self.address().rest(path), deadline).await
    }

    pub(super) async fn get_url(&self, url: Url, deadline: Instant) -> Result<Document, Error> {
        let mut asked = vec![url];
        loop {
            let url = asked[asked.len() - 1].clone();
            let request = ApiRequest::get(url);
            let to = match self.ask(&request, deadline).await? {
                Outcome::Json { headers, body, .. } => {
                    let paging = Paging::read(&headers, &request.url)?;
                    let date = rate_limit::date(&headers);
                    return Ok(Document { body, paging, date });
                }
                Outcome::Redirect(to) => to,
            };
            let ours = self.address().on_this_gitlab(&to);
            match ours.filter(|next| !asked.contains(next)) {
                Some(next) if asked.len() <= MOST_REDIRECTS => asked.push(next),
                _ => return Err(self.redirected(&to)),
            }
        }
    }

    /// A redirect that is not followed. Whoever sent it may have put anything into it, the token too.
    pub(super) fn redirected(&self, to: &Url) -> Error {
        let credentials = self.shared.secrets.current();
        let shown = |url: Url| words::shorten(&credentials.redact(url.as_str()));
        let elsewhere = address::gitlab_of(to).filter(|url| !self.address().is(url));
        Error::Redirected {
            to: shown(address::without_credentials(to)),
            gitlab_url: elsewhere.map(shown),
        }
    }
}
