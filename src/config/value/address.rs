//! Addresses: of a GitLab, and to listen on.

use serde_json::{Value as Json, json};
use url::Url;

use super::{Field, Value};
use crate::config::builder::Builder;
use crate::config::error::Error;
use crate::config::input::{Input, Text};
use crate::config::web_url;
use crate::config::wording::{host_and_port, quote};
use crate::export::Listen;

/// The address of a GitLab.
pub struct GitLabUrl(pub Field<Url>);

/// A host and a port to listen on.
pub struct HostAndPort(pub Field<Option<Listen>>);

impl Value for GitLabUrl {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        *self.0(builder) = gitlab_url(&input.text()?)?;
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        Some(self.0(builder).as_str().trim_end_matches('/').to_owned())
    }

    fn schema(&self) -> Option<Json> {
        Some(json!({
            "type": "string",
            "pattern": r"^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+(/[^?#]*)?$",
            "not": {"pattern": "(/api|/api/v4|/api/graphql)/*$|/-/"},
        }))
    }
}

impl Value for HostAndPort {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        *self.0(builder) = Some(listen(&input.text()?)?);
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        self.0(builder).as_ref().map(Listen::to_string)
    }

    fn schema(&self) -> Option<Json> {
        let pattern = r"^([^\s/:\[\]]+|\[[0-9A-Fa-f:.]+\]|[0-9A-Fa-f:.]+)?:[0-9]{1,5}$";
        Some(json!({"type": "string", "pattern": pattern}))
    }
}

/// What the API adds to the address must not be there yet.
fn gitlab_url(item: &Text) -> Result<Url, Error> {
    let mut url = web_url::url(item, "give the token in GITLAB_TOKEN or GITLAB_TOKEN_FILE")?;
    let path = url.path().trim_end_matches('/').to_owned();
    for api in ["/api/v4", "/api/graphql", "/api"] {
        if let Some(before) = path.strip_suffix(api) {
            url.set_path(before);
            let right = url.as_str().trim_end_matches('/');
            return Err(item.error(format!(
                "the URL ends in {api}, which the bridge adds itself: write {right}"
            )));
        }
    }
    if path.contains("/-/") {
        return Err(item.error(format!(
            "{} is a page of GitLab, not its address: name the GitLab itself",
            quote(&item.text)
        )));
    }
    Ok(url)
}

fn listen(item: &Text) -> Result<Listen, Error> {
    let (host, port) = host_and_port(&item.text)
        .ok_or_else(|| item.unexpected("host:port: write for example 0.0.0.0:9464"))?;
    self::host(host).map_err(|problem| item.error(problem))?;
    let port = port.parse();
    Ok(Listen {
        host: host.to_owned(),
        port: port.map_err(|_| item.unexpected("host:port: a port is a number up to 65535"))?,
    })
}

pub const HOST: &str = r"^([^\s/:\[\]]+|[0-9A-Fa-f:.]+)$";

/// A name or address to listen on, without a port.
pub fn host(text: &str) -> Result<(), String> {
    let address = text.parse::<std::net::IpAddr>().is_ok();
    let odd = |letter: char| letter.is_whitespace() || "/:[]".contains(letter);
    match address || !(text.is_empty() || text.contains(odd)) {
        true => Ok(()),
        false => Err(format!(
            "{} is not a host: write a name or an address without a port, such as 127.0.0.1 or ::1",
            quote(text)
        )),
    }
}
