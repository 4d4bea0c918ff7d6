//! The file of a web configuration as it is written: its keys, and what is wrong with it.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, bail};
use axum::http::{HeaderName, HeaderValue};
use serde::{Deserialize, Deserializer};
use serde_saphyr::localizer::Localizer;
use serde_saphyr::{Location, UserMessageFormatter};
use zeroize::Zeroizing;

use super::go;
use super::rate::Rate;

/// Nothing in it is nested as deep.
const DEEPEST: usize = 32;

/// A web configuration as it is written.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    #[serde(skip)]
    folder: PathBuf,
    tls_server_config: Option<Tls>,
    http_server_config: Option<Http>,
    basic_auth_users: Option<BTreeMap<String, Secret>>,
    rate_limit: Option<RateLimit>,
}

/// The part about TLS.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Tls {
    pub cert: Option<String>,
    pub key: Option<Secret>,
    pub client_ca: Option<String>,
    pub cert_file: Option<PathBuf>,
    pub key_file: Option<PathBuf>,
    pub client_ca_file: Option<PathBuf>,
    pub client_auth_type: Option<String>,
    pub client_allowed_sans: Option<Vec<String>>,
    pub min_version: Option<String>,
    pub max_version: Option<String>,
    pub cipher_suites: Option<Vec<String>>,
    pub curve_preferences: Option<Vec<String>>,
    /// Accepted and without effect, in the exporter-toolkit too.
    #[serde(rename = "prefer_server_cipher_suites")]
    _prefer_server_cipher_suites: Option<bool>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Http {
    http2: Option<bool>,
    headers: Option<BTreeMap<String, String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RateLimit {
    interval: Option<String>,
    burst: Option<i64>,
}

/// A text that is not to be shown.
pub struct Secret(secrecy::SecretString);

impl Secret {
    pub fn expose(&self) -> &str {
        secrecy::ExposeSecret::expose_secret(&self.0)
    }
}

impl<'de> Deserialize<'de> for Secret {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Secret, D::Error> {
        Ok(Secret(String::deserialize(deserializer)?.into()))
    }
}

/// The headers that may be set, with their values where these are known.
const HEADERS: [(&str, &[&str]); 5] = [
    ("Strict-Transport-Security", &[]),
    ("X-Content-Type-Options", &["nosniff"]),
    ("X-Frame-Options", &["deny", "sameorigin"]),
    ("X-XSS-Protection", &[]),
    ("Content-Security-Policy", &[]),
];

impl File {
    /// Reads a file.
    ///
    /// # Errors
    /// If it can't be read, or has a key or a type that is not known; with the line.
    pub fn read(path: &Path) -> Result<File> {
        let shown = path.display();
        let text = fs::read_to_string(path).with_context(|| format!("reading {shown}"))?;
        let text = Zeroizing::new(text);
        let options = serde_saphyr::options! {
            strict_booleans: true,
            with_snippet: false,
            budget: serde_saphyr::budget! { max_depth: DEEPEST },
        };
        // A file without a word in it is a valid one.
        let parsed = serde_saphyr::from_str_with_options::<Option<File>>(&text, options);
        let parsed = parsed.map_err(|error| {
            let formatter = UserMessageFormatter;
            let message = error.render_with_formatter(&formatter.with_localizer(&Unplaced));
            let message = without_values(&message);
            match error.location() {
                Some(at) => anyhow!("{shown}:{}:{}: {message}", at.line(), at.column()),
                None => anyhow!("{shown}: {message}"),
            }
        })?;
        let folder = path.parent().unwrap_or(Path::new("")).to_owned();
        Ok(File {
            folder,
            ..parsed.unwrap_or_default()
        })
    }

    /// The files that it names.
    pub fn names(&self) -> Vec<PathBuf> {
        let tls = self.tls();
        let named = tls.map(|tls| [&tls.cert_file, &tls.key_file, &tls.client_ca_file]);
        let named = named.into_iter().flatten().flatten();
        named
            .filter(|path| !path.as_os_str().is_empty())
            .map(|path| self.path(path))
            .collect()
    }

    /// The file of the key, and this file if it holds a key or hashes itself.
    pub fn secret_files(&self, own: &Path) -> Vec<PathBuf> {
        let tls = self.tls();
        let key = tls.and_then(|tls| tls.key_file.as_deref());
        let mut files: Vec<_> = key.map(|key| self.path(key)).into_iter().collect();
        if tls.is_some_and(|tls| tls.key.is_some()) || self.users().next().is_some() {
            files.push(own.to_owned());
        }
        files
    }

    /// The path of a file that it names: relative to its own folder.
    pub fn path(&self, named: &Path) -> PathBuf {
        self.folder.join(named)
    }

    pub fn tls(&self) -> Option<&Tls> {
        self.tls_server_config.as_ref()
    }

    pub fn http2(&self) -> bool {
        let http = self.http_server_config.as_ref();
        http.and_then(|http| http.http2).unwrap_or(true)
    }

    /// The names of users and the hashes of their passwords.
    pub fn users(&self) -> impl Iterator<Item = (&str, &str)> {
        let users = self.basic_auth_users.iter().flatten();
        users.map(|(name, hash)| (name.as_str(), hash.expose()))
    }

    /// The headers of every answer. One without a value is not set.
    pub fn headers(&self) -> Result<Vec<(HeaderName, HeaderValue)>> {
        let http = self.http_server_config.as_ref();
        let headers = http.and_then(|http| http.headers.as_ref());
        let headers = headers.into_iter().flatten();
        let headers = headers.map(|(name, value)| checked(name, value));
        let set =
            headers.filter(|header| !header.as_ref().is_ok_and(|(_, value)| value.is_empty()));
        set.collect()
    }

    /// How many requests are answered, if that is limited.
    pub fn rate(&self) -> Result<Option<Rate>> {
        let Some(limit) = &self.rate_limit else {
            return Ok(None);
        };
        let interval = limit.interval.as_deref().unwrap_or("0");
        let interval = go::duration(interval).with_context(|| {
            format!(
                "rate_limit.interval: {interval:?} is not a duration: write for example 1s or 500ms"
            )
        })?;
        if interval.is_zero() {
            return Ok(None);
        }
        match limit.burst.and_then(|burst| u32::try_from(burst).ok()) {
            Some(burst @ 1..) => Ok(Some(Rate { interval, burst })),
            _ => bail!("rate_limit.burst: write 1 or more, else no request is ever answered"),
        }
    }
}

fn checked(name: &str, value: &str) -> Result<(HeaderName, HeaderValue)> {
    let known = HEADERS.iter().find(|(known, _)| *known == name);
    let Some((_, values)) = known else {
        let names = HEADERS.map(|(name, _)| name).join(", ");
        bail!("http_server_config.headers: {name} can't be set; those that can are {names}");
    };
    if !values.is_empty() && !values.contains(&value) {
        let values = values.join(" or ");
        bail!("http_server_config.headers: {name} has to be {values}");
    }
    let value = value.parse();
    let value = value.with_context(|| format!("http_server_config.headers: {name}"))?;
    Ok((name.parse()?, value))
}

/// A message without the text that was found in place of something else: it may be a secret.
fn without_values(message: &str) -> Cow<'_, str> {
    match (message.find("string \""), message.rfind('"')) {
        (Some(from), Some(to)) if to > from + "string \"".len() - 1 => {
            Cow::Owned(format!("{}a text{}", &message[..from], &message[to + 1..]))
        }
        _ => Cow::Borrowed(message),
    }
}

/// Leaves positions out of messages: ours begin with them.
struct Unplaced;

impl Localizer for Unplaced {
    fn attach_location<'a>(&self, base: Cow<'a, str>, _: Location) -> Cow<'a, str> {
        base
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("…")
    }
}
