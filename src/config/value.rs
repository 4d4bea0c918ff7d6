//! Single values, the same from a file, the environment or a flag: each error says what would be right.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use globset::Glob;
use secrecy::SecretString;
use serde::Deserialize;
use serde::de::{Deserializer, Error};
use url::Url;

/// No interval or timeout makes sense beyond it.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

pub fn default_gitlab() -> Url {
    // A constant that is a URL.
    Url::parse("https://gitlab.com/").unwrap_or_else(|_| unreachable!("a constant URL"))
}

pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let right = "write a number with its unit, such as 30s, 5m or 1h30m";
    let duration = humantime::parse_duration(text.trim())
        .map_err(|_| format!("{text:?} is not a duration: {right}"))?;
    match duration {
        Duration::ZERO => Err(format!("{text:?} is no time at all: {right}")),
        duration if duration > LONGEST => Err(format!("{text:?} is more than a year: {right}")),
        duration => Ok(duration),
    }
}

/// Milliseconds, as the variables of OpenTelemetry count.
pub fn parse_milliseconds(text: &str) -> Result<Duration, String> {
    match text.trim().parse() {
        Ok(0) | Err(_) => Err(format!(
            "{text:?} is not a number of milliseconds, such as 60000"
        )),
        Ok(milliseconds) => Ok(Duration::from_millis(milliseconds)),
    }
}

pub fn parse_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text.trim())
        .map_err(|error| format!("{text:?} is not a URL ({error}): write https://host"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
        return Err(format!(
            "{text:?} is not an http or https URL: write https://host"
        ));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("a URL must not hold a user or a password: secrets belong in a variable or a file of their own".to_owned());
    }
    Ok(url)
}

pub fn parse_gitlab_url(text: &str) -> Result<Url, String> {
    let url = parse_url(text)?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!(
            "{text:?} has a query: write the address of GitLab alone, such as https://gitlab.example.com"
        ));
    }
    if let Some((before, _)) = url.path().split_once("/api") {
        let mut right = url.clone();
        right.set_path(before);
        return Err(format!(
            "{text:?} is the address of an API: write the address of GitLab, {right}"
        ));
    }
    Ok(url)
}

pub fn parse_bool(text: &str) -> Result<bool, String> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("{text:?} is neither true nor false")),
    }
}

pub fn parse_number<T: FromStr>(text: &str) -> Result<T, String> {
    text.trim()
        .parse()
        .map_err(|_| format!("{text:?} is not a number that fits here"))
}

/// One of a few words.
pub fn parse_word<T: clap::ValueEnum>(text: &str) -> Result<T, String> {
    T::from_str(text.trim(), true).map_err(|_| {
        let words = T::value_variants().iter().filter_map(T::to_possible_value);
        let words: Vec<_> = words.map(|word| word.get_name().to_owned()).collect();
        format!("{text:?} is not one of {}", words.join(", "))
    })
}

pub fn parse_list(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|item| !item.is_empty())
        .map(str::to_owned)
        .collect()
}

pub fn parse_globs(patterns: Vec<String>) -> Result<Vec<String>, String> {
    for pattern in &patterns {
        Glob::new(pattern)
            .map_err(|error| format!("{error}: write a path with * or **, such as group/**"))?;
    }
    Ok(patterns)
}

/// `key=value` pairs with commas between them, percent-encoded, as OpenTelemetry writes lists.
pub fn parse_pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut pairs = Vec::new();
    for item in parse_list(text) {
        // Not the item itself: it may be a secret.
        let pair = item
            .split_once('=')
            .ok_or("an entry without =: write key=value,key2=value2")?;
        pairs.push((decoded(pair.0.trim())?, decoded(pair.1.trim())?));
    }
    Ok(pairs)
}

fn decoded(text: &str) -> Result<String, String> {
    // A plus is a plus here, unlike in a form.
    let encoded = format!("v={}", text.replace('+', "%2B").replace('&', "%26"));
    let pair = url::form_urlencoded::parse(encoded.as_bytes()).next();
    Ok(pair
        .map(|(_, value)| value.into_owned())
        .unwrap_or_default())
}

pub fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    parse_duration(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

pub fn optional_duration<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    let text = Option::<String>::deserialize(deserializer)?;
    text.map(|text| parse_duration(&text).map_err(D::Error::custom))
        .transpose()
}

pub fn gitlab_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Url, D::Error> {
    parse_gitlab_url(&String::deserialize(deserializer)?).map_err(D::Error::custom)
}

pub fn globs<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<String>, D::Error> {
    parse_globs(Vec::deserialize(deserializer)?).map_err(D::Error::custom)
}

pub fn secrets<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, SecretString>, D::Error> {
    let texts = BTreeMap::<String, String>::deserialize(deserializer)?;
    Ok(texts
        .into_iter()
        .map(|(name, text)| (name, text.into()))
        .collect())
}
