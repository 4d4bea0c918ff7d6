//! The engine that replicas share: its address, the names of replicas and of servers.

use secrecy::SecretString;
use serde_json::{Value as Json, json};
use url::Url;

use super::{Field, Value};
use crate::cluster::Secret;
use crate::config::builder::Builder;
use crate::config::error::{Error, Place};
use crate::config::input::{Input, Text, percent_decode};
use crate::config::wording::{host_and_port, quote};

/// The address of the engine. A user and a password in it fill their own settings.
pub struct EngineUrl;

/// A text with its check, and the same as a pattern for the schema; none if it is not said.
pub struct Word(
    pub Field<Option<String>>,
    pub fn(&str) -> Result<(), String>,
    pub &'static str,
);

impl Value for EngineUrl {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let text = input.text()?;
        let mut url = engine_url(&text)?;
        let (user, password) = credentials(&text, &url)?;
        if password.is_some() && !text.is_from_variable() {
            return Err(text.error(
                "a password must not be written into a configuration file or flag, which others may read: set \
                 GITLAB_BRIDGE_CLUSTER_PASSWORD, or name a file that holds it in cluster.password_file",
            ));
        }
        let config = &mut builder.cluster.config;
        config.user = user.or(config.user.take());
        config.password = password.or(config.password.take());
        // Neither fails for an address with a host.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        builder.cluster.url = Some(url);
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        builder.cluster.url.as_ref().map(Url::to_string)
    }

    fn schema(&self) -> Option<Json> {
        Some(
            json!({"type": "string", "pattern": r"^[Rr][Ee][Dd][Ii][Ss][Ss]?://[^/?#]+(/[0-9]*)?$"}),
        )
    }
}

/// An address of a Redis, with nothing that would be left unread.
fn engine_url(item: &Text) -> Result<Url, Error> {
    const RIGHT: &str = "write for example redis://redis.example.com:6379/0, or rediss:// for TLS";
    let text = item.text.as_str();
    // Before @ may stand a password.
    let shown = match text.contains(['@', '?']) {
        true => "it".to_owned(),
        false => quote(text),
    };
    let url = Url::parse(text).ok().filter(|url| url.has_host());
    let Some(url) = url else {
        return Err(item.error(format!("{shown} is not the address of a Redis: {RIGHT}")));
    };
    if !["redis", "rediss"].contains(&url.scheme()) {
        let scheme = url.scheme();
        return Err(item.error(format!("{scheme:?} is not a scheme for it: {RIGHT}")));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(item.error("the URL has a ? or #: leave out everything from there on"));
    }
    let database = url.path().trim_start_matches('/');
    match database.is_empty() || database.parse::<u16>().is_ok() {
        true => Ok(url),
        false => Err(item.error(format!(
            "after the host stands the number of a database, or nothing: {RIGHT}"
        ))),
    }
}

/// The user and the password in an address.
fn credentials(item: &Text, url: &Url) -> Result<(Option<String>, Option<Secret>), Error> {
    let decoded = |text: &str| {
        let bytes = percent_decode(text);
        let wrong = "the user or password in it has a % that does not begin a %xx of UTF-8 text: write %25 for %";
        bytes.ok_or_else(|| item.error(wrong))
    };
    let user = match url.username() {
        "" => None,
        user => Some(decoded(user)?),
    };
    let password = url.password().filter(|password| !password.is_empty());
    let password = password.map(decoded).transpose()?;
    let place = match &item.place {
        Place::Variable(name) => name.clone(),
        place => place.to_string(),
    };
    let password = password.map(|password| Secret::Value(place, SecretString::from(password)));
    Ok((user, password))
}

impl Value for Word {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        *self.0(builder) = Some(input.text()?.checked(self.1)?);
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        self.0(builder).clone()
    }

    fn schema(&self) -> Option<Json> {
        Some(json!({"type": "string", "pattern": self.2}))
    }
}

pub const NAME: &str = r"^[A-Za-z0-9._:@/-]{1,128}$";

/// The name of a group or a replica: it is part of the names of keys.
pub fn name(text: &str) -> Result<(), String> {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"._:@/-".contains(&byte);
    match text.bytes().all(letters) && (1..=128).contains(&text.len()) {
        true => Ok(()),
        false => Err(format!(
            "{} is not a name: up to 128 letters, digits and . _ : @ / - may be in it",
            quote(text)
        )),
    }
}

pub const WORD: &str = r"^\S+$";

/// What the engine calls something.
pub fn word(text: &str) -> Result<(), String> {
    match text.is_empty() || text.contains(char::is_whitespace) {
        true => Err(format!("{} is not a name: write one word", quote(text))),
        false => Ok(()),
    }
}

pub const SERVER: &str = r"^\S+:[0-9]{1,5}$";

/// A server to ask.
pub fn server(text: &str) -> Result<(), String> {
    let right = match text.starts_with(':') {
        true => None,
        false => host_and_port(text),
    };
    match right.is_some_and(|(_, port)| port.parse::<u16>().is_ok()) {
        true => Ok(()),
        false => Err(format!(
            "{} is not host:port: write for example sentinel-0:26379",
            quote(text)
        )),
    }
}
