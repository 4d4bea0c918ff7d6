//! Addresses of web servers.

use url::Url;

use super::error::Error;
use super::input::Text;
use super::wording::quote;

/// An address of a web server, without anything that does not belong into a setting.
pub fn url(item: &Text, credentials: &str) -> Result<Url, Error> {
    let text = item.text.as_str();
    // Before @ may stand a password, after ? a token.
    let shown = match text.contains(['@', '?']) {
        true => "it".to_owned(),
        false => quote(text),
    };
    if !text.contains("://") {
        return Err(item.error(format!(
            "{shown} is not a URL: it begins with https:// or http://"
        )));
    }
    let url =
        Url::parse(text).map_err(|cause| item.error(format!("{shown} is not a URL: {cause}")))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(item.error(format!("the URL holds a user or password: {credentials}")));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(item.error("the URL has a ? or #: leave out everything from there on"));
    }
    match url.scheme() {
        "http" | "https" => Ok(url),
        other => Err(item.error(format!(
            "{other:?} is not a scheme for it: use https:// or http://"
        ))),
    }
}
