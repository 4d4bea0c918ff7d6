//! From text to typed values, the same for file, environment and flags.

use std::ops::RangeInclusive;
use std::time::Duration;

use globset::GlobBuilder;
use humantime::format_duration;
use url::Url;

use super::error::Error;
use super::words::quote;
use super::written::Item;
use crate::export::Listen;
use crate::gitlab::{Budget, BudgetChoice};

/// An address that is written in the code.
pub fn constant_url(text: &'static str) -> Url {
    // A test reads every default, so one that is no URL can't be released.
    Url::parse(text).expect("a constant of ours is a URL")
}

/// An address of a web server, without anything that does not belong into a setting.
pub fn url(item: &Item, credentials: &str) -> Result<Url, Error> {
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

/// The address of a GitLab: what the API adds must not be there yet.
pub fn gitlab_url(item: &Item) -> Result<Url, Error> {
    let mut url = url(item, "give the token in GITLAB_TOKEN or GITLAB_TOKEN_FILE")?;
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
    if let Some((before, _)) = path.split_once("/-/") {
        url.set_path(before);
        return Err(item.error(format!(
            "{} is a page of GitLab, not its address: name the GitLab itself",
            quote(&item.text)
        )));
    }
    Ok(url)
}

/// A time such as `30s`, or milliseconds where OpenTelemetry counts in them.
pub fn duration(
    item: &Item,
    milliseconds: bool,
    range: &RangeInclusive<Duration>,
) -> Result<Duration, Error> {
    let shown = quote(&item.text);
    let whole = item.text.parse::<u64>().ok();
    let duration = match (whole, milliseconds) {
        (Some(whole), true) => Duration::from_millis(whole),
        (None, true) => return Err(item.unexpected("a number of milliseconds, such as 30000")),
        (Some(0), false) => Duration::ZERO,
        (Some(whole), false) => {
            return Err(item.error(format!("{shown} has no unit: write {whole}s or {whole}m")));
        }
        (None, false) => humantime::parse_duration(&item.text)
            .map_err(|_| item.unexpected("a duration: write for example 30s, 5m or 1h30m"))?,
    };
    if range.contains(&duration) {
        return Ok(duration);
    }
    let (least, most) = (
        format_duration(*range.start()),
        format_duration(*range.end()),
    );
    Err(item.error(match duration < *range.start() {
        true => format!("{shown} is too short: use at least {least}"),
        false => format!("{shown} is too long: use at most {most}"),
    }))
}

/// A budget such as `4500/h` and `90/m`, one of them or both; or `none`.
pub fn budget(items: &[Item]) -> Result<BudgetChoice, Error> {
    let (mut per_hour, mut per_minute) = (None, None);
    for item in items {
        if items.len() == 1 {
            match item.text.to_ascii_lowercase().as_str() {
                "auto" => return Ok(BudgetChoice::Auto),
                "none" => return Ok(BudgetChoice::Unlimited),
                _ => {}
            }
        }
        let (number, unit) = item.text.split_once('/').unwrap_or((&item.text, ""));
        let number = number
            .trim()
            .parse::<u32>()
            .ok()
            .filter(|number| *number > 0);
        let window = match unit.trim() {
            "h" | "hour" => &mut per_hour,
            "m" | "min" | "minute" => &mut per_minute,
            _ => return Err(item.unexpected("a budget: write for example 4500/h, 90/m")),
        };
        let Some(number) = number else {
            return Err(item.unexpected("a budget of at least 1: write for example 4500/h, 90/m"));
        };
        if window.replace(number).is_some() {
            return Err(
                item.error("the same window is given twice: one per hour and one per minute")
            );
        }
    }
    match (per_hour, per_minute) {
        (None, None) => match items.first() {
            Some(item) => Err(item.unexpected("a budget: write for example 4500/h, 90/m")),
            None => Ok(BudgetChoice::Unlimited),
        },
        (per_hour, per_minute) => Ok(BudgetChoice::Limited(Budget {
            per_hour: per_hour
                .or(per_minute.map(|most| most.saturating_mul(60)))
                .unwrap_or(1),
            per_minute: per_minute.or(per_hour).unwrap_or(1),
        })),
    }
}

/// `true` or `false`.
pub fn switch(item: &Item) -> Result<bool, Error> {
    match item.text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(item.error(format!("{} is neither true nor false", quote(&item.text)))),
    }
}

/// A number within bounds.
pub fn number(item: &Item, whole: bool, range: &RangeInclusive<f64>) -> Result<f64, Error> {
    let number = item.text.parse::<f64>().ok();
    let number =
        number.filter(|number| range.contains(number) && (!whole || number.fract() == 0.0));
    number.ok_or_else(|| {
        let kind = if whole { "a whole number" } else { "a number" };
        item.unexpected(&format!("{kind} from {} to {}", range.start(), range.end()))
    })
}

/// Splits at commas, but not within the braces of a pattern.
pub fn split(text: &str) -> Vec<&str> {
    let mut depth = 0_usize;
    let separates = |letter: char| {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ',' && depth == 0
    };
    let items = text.split(separates).map(str::trim);
    items.filter(|item| !item.is_empty()).collect()
}

/// `key=value,key=value` as in W3C Baggage: `%xx` stands for a byte, and spaces around are nothing.
/// The error shows no value.
pub fn pairs(text: &str) -> Result<Vec<(String, String)>, String> {
    let pairs = text
        .split(',')
        .map(str::trim)
        .filter(|pair| !pair.is_empty());
    let pairs = pairs.enumerate().map(|(index, pair)| {
        let Some((key, value)) = pair.split_once('=') else {
            return Err(format!(
                "pair {} has no =: write key=value,key=value, and %2C for a comma in a value",
                index + 1
            ));
        };
        let decoded = percent_decode(value.trim()).ok_or_else(|| {
            format!(
                "the value of {} has a % that does not begin a %xx of UTF-8 text: write %25 for %",
                quote(key.trim())
            )
        })?;
        Ok((key.trim().to_owned(), decoded))
    });
    pairs.collect()
}

fn percent_decode(text: &str) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            decoded.push(byte);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        decoded.push(u8::try_from(digit()? * 16 + digit()?).ok()?);
    }
    String::from_utf8(decoded).ok()
}

/// Replaces each `${NAME}`.
pub fn interpolate(
    text: &str,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let mut whole = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        let Some((name, after)) = after.split_once('}') else {
            return Err("a ${ is not closed: write ${NAME}".to_owned());
        };
        let valid = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
        if name.is_empty() || !name.chars().all(valid) {
            return Err(format!(
                "${{{name}}} does not name a variable: write ${{NAME}}"
            ));
        }
        let value = variable(name)
            .ok_or_else(|| format!("the variable {name} is not set; ${{{name}}} needs it"))?;
        whole.push_str(before);
        whole.push_str(&value);
        rest = after;
    }
    whole.push_str(rest);
    Ok(whole)
}

/// A pattern for paths: `*` stays within a level, `**` crosses them.
pub fn path_pattern(text: &str) -> Result<(), String> {
    if text.is_empty() || text.starts_with(['/', '!']) || text.ends_with('/') {
        return Err(format!(
            "{} matches no path: write for example group/** or */website",
            quote(text)
        ));
    }
    let glob = GlobBuilder::new(text).literal_separator(true).build();
    glob.map(drop).map_err(|error| {
        format!(
            "{} is not a pattern ({}): write for example group/** or */website",
            quote(text),
            error.kind()
        )
    })
}

/// The full path of a group.
pub fn group(text: &str) -> Result<(), String> {
    path(text, "a group", "group/subgroup")
}

/// A project by id or full path.
pub fn project(text: &str) -> Result<(), String> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) && text.parse::<u64>().is_ok() {
        return Ok(());
    }
    path(text, "a project", "group/project or its id")?;
    match text.contains('/') {
        true => Ok(()),
        false => Err(format!(
            "{} is not the full path of a project: write group/project or its id",
            quote(text)
        )),
    }
}

fn path(text: &str, what: &str, right: &str) -> Result<(), String> {
    let shown = quote(text);
    if text.contains("://") {
        return Err(format!(
            "{shown} is a URL: name {what} by its path, such as {right}"
        ));
    }
    if text.contains(['*', '?', '{', '[']) {
        return Err(format!(
            "{shown} is a pattern: name {what} by its path, such as {right}; patterns go to include and exclude"
        ));
    }
    let odd = |letter: char| letter.is_whitespace() || letter.is_control();
    if text.is_empty() || text.contains(odd) || text.split('/').any(str::is_empty) {
        return Err(format!("{shown} is not the path of {what}: write {right}"));
    }
    Ok(())
}

/// A host and a port to listen on.
pub fn address(item: &Item) -> Result<Listen, Error> {
    let (host, port) = halves(&item.text)
        .ok_or_else(|| item.unexpected("host:port: write for example 0.0.0.0:9464"))?;
    self::host(host).map_err(|problem| item.error(problem))?;
    let port = port.parse();
    Ok(Listen {
        host: host.to_owned(),
        port: port.map_err(|_| item.unexpected("host:port: a port is a number up to 65535"))?,
    })
}

/// What stands before and after the last colon. An IPv6 address stands in brackets.
pub fn halves(text: &str) -> Option<(&str, &str)> {
    let (host, port) = text.rsplit_once(':')?;
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    Some((bare.unwrap_or(host), port))
}

/// A level of the log, or `target=level` directives.
pub fn log_level(text: &str) -> Result<(), String> {
    const LEVELS: [&str; 6] = ["error", "warn", "info", "debug", "trace", "off"];
    for directive in text.split(',') {
        let level = directive.rsplit('=').next().unwrap_or_default().trim();
        if !LEVELS.contains(&level) {
            return Err(format!(
                "{} is not a level: write error, warn, info, debug, trace or off",
                quote(level)
            ));
        }
    }
    Ok(())
}

/// Anything but nothing.
pub fn not_empty(text: &str) -> Result<(), String> {
    match text.is_empty() {
        true => Err("it is empty: give a value, or remove it for the default".to_owned()),
        false => Ok(()),
    }
}

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
