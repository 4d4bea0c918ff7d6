//! The kinds of settings: which field of the draft one fills, how it is read and how it is shown.

use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use globset::Glob;
use humantime::format_duration;
use reqwest::header::{HeaderName, HeaderValue};
use secrecy::SecretString;
use url::Url;

use super::draft::Draft;
use super::error::{Error, Place};
use super::exporters;
use super::otlp::Endpoint;
use super::parse;
use super::words::{nearest, quote};
use super::written::{Given, Item, Written};
use super::{LogFormat, settings};
use crate::export::{self, Compression, Listen, Protocol, Temporality};
use crate::gitlab::{BudgetChoice, TokenSource};
use crate::poll::{Patterns, Scope};
use crate::webhook::SecretSource;

/// A field of the draft.
type Field<T> = fn(&mut Draft) -> &mut T;
/// Says what is wrong with a text.
type Check = fn(&str) -> Result<(), String>;

/// The kind of a setting and the field it fills.
pub enum Kind {
    /// A token; never in a file or a flag.
    Token(Field<Option<TokenSource>>),
    WebhookToken(Field<Option<SecretSource>>),
    WebhookTokenFile(Field<Option<SecretSource>>),
    /// The file that holds a token. Its key and variables are the token's with `_file` at the end.
    TokenFile(Field<Option<TokenSource>>),
    /// The variable that holds the token.
    TokenVariable(Field<Option<TokenSource>>),
    /// A file that exists.
    File(Field<Option<PathBuf>>),
    /// A file that may be still to be made.
    Path(Field<Option<PathBuf>>),
    /// Requests in an hour and in a minute.
    Budget(Field<BudgetChoice>),
    /// The address of a GitLab.
    GitLab(Field<Url>),
    /// Where to listen, if it is said.
    Address(Field<Option<Listen>>),
    /// The address of a collector, which is understood once the protocol is known.
    Endpoint(Field<Option<Endpoint>>),
    /// A time within bounds.
    Duration(Field<Duration>, RangeInclusive<Duration>),
    /// A time within bounds that may be missing.
    Limit(Field<Option<Duration>>, RangeInclusive<Duration>),
    /// Yes or no.
    Switch(Field<bool>),
    /// Whether an exporter is on: yes or no in a file, else a list of those that are.
    Exporter(&'static str, Field<Option<bool>>),
    /// A number within bounds.
    Number(Field<dyn Number>, RangeInclusive<f64>),
    /// Text.
    Text(Field<String>, Check),
    /// One of several words.
    Choice(Field<dyn Choice>),
    /// Several texts.
    List(Field<Vec<String>>, Check),
    /// Patterns of paths.
    Patterns(Field<Patterns>),
    /// Names of metrics, or patterns that fit at least one.
    Metrics(Field<Vec<String>>),
    /// Names and secret values of headers.
    Headers(Field<Vec<(String, SecretString)>>),
    /// Resource attributes, of which `service.name` is the service's name.
    Attributes(Field<export::Config>),
}

/// A number of whatever type.
pub trait Number {
    /// Whether it has no fraction.
    fn whole(&self) -> bool;
    /// Takes a number that has been checked.
    fn set(&mut self, number: f64);
    /// How it is written.
    fn show(&self) -> String;
}

macro_rules! number {
    ($($type:ty: $whole:literal),*) => {$(
        impl Number for $type {
            fn whole(&self) -> bool {
                $whole
            }

            fn set(&mut self, number: f64) {
                *self = number as $type;
            }

            fn show(&self) -> String {
                self.to_string()
            }
        }
    )*};
}

number!(u16: true, u32: true, usize: true, f64: false);

/// A type that is one of several words. The first is preferred over a later one of the same value.
pub trait Words: Copy + PartialEq + 'static {
    /// The words.
    const WORDS: &'static [(&'static str, Self)];
}

impl Words for Scope {
    const WORDS: &'static [(&'static str, Self)] =
        &[("membership", Scope::Membership), ("all", Scope::All)];
}

impl Words for LogFormat {
    const WORDS: &'static [(&'static str, Self)] =
        &[("text", LogFormat::Text), ("json", LogFormat::Json)];
}

impl Words for Protocol {
    const WORDS: &'static [(&'static str, Self)] =
        &[("http/protobuf", Protocol::Http), ("grpc", Protocol::Grpc)];
}

impl Words for Option<Compression> {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("none", None),
        ("gzip", Some(Compression::Gzip)),
        ("zstd", Some(Compression::Zstd)),
    ];
}

impl Words for Temporality {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("cumulative", Temporality::Cumulative),
        ("delta", Temporality::Delta),
        ("low_memory", Temporality::LowMemory),
        ("lowmemory", Temporality::LowMemory), // OpenTelemetry's word in variables
    ];
}

/// A choice among words, whatever its type.
pub trait Choice {
    /// What can be chosen.
    fn words(&self) -> Vec<&'static str>;
    /// Chooses, if it is one of the words. Case does not matter.
    fn choose(&mut self, word: &str) -> bool;
    /// What is chosen, if anything.
    fn chosen(&self) -> Option<&'static str>;
}

impl<T: Words> Choice for T {
    fn words(&self) -> Vec<&'static str> {
        words::<T>()
    }

    fn choose(&mut self, word: &str) -> bool {
        let chosen = value(word);
        *self = chosen.unwrap_or(*self);
        chosen.is_some()
    }

    fn chosen(&self) -> Option<&'static str> {
        let found = T::WORDS.iter().find(|(_, value)| value == self);
        found.map(|(word, _)| *word)
    }
}

impl<T: Words> Choice for Option<T> {
    fn words(&self) -> Vec<&'static str> {
        words::<T>()
    }

    fn choose(&mut self, word: &str) -> bool {
        let chosen = value(word);
        *self = chosen.or(*self);
        chosen.is_some()
    }

    fn chosen(&self) -> Option<&'static str> {
        self.as_ref().and_then(|value| value.chosen())
    }
}

fn words<T: Words>() -> Vec<&'static str> {
    T::WORDS.iter().map(|(word, _)| *word).collect()
}

fn value<T: Words>(word: &str) -> Option<T> {
    let found = T::WORDS
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(word));
    found.map(|(_, value)| *value)
}

impl Kind {
    /// Reads what is written into the field.
    pub fn read(&self, draft: &mut Draft, written: &Written<'_>) -> Result<(), Error> {
        match self {
            Kind::Token(field) => {
                let (name, token) = token(written)?;
                *field(draft) = Some(TokenSource::Variable(name, token));
            }
            Kind::TokenFile(field) => {
                *field(draft) = Some(TokenSource::File(written.text()?.file()?));
            }
            Kind::TokenVariable(field) => {
                let (name, token) = token_in_variable(written)?;
                *field(draft) = Some(TokenSource::Variable(name, token));
            }
            Kind::WebhookToken(field) => {
                let (name, token) = token(written)?;
                *field(draft) = Some(SecretSource::Variable(name, token));
            }
            Kind::WebhookTokenFile(field) => {
                *field(draft) = Some(SecretSource::File(written.text()?.file()?));
            }
            Kind::Patterns(field) => {
                let items = written.list()?.into_iter();
                let items = items.map(|item| checked(item, parse::path_pattern));
                let items = items.collect::<Result<Vec<_>, _>>()?;
                let patterns = Patterns::new(items);
                *field(draft) = patterns.map_err(|error| written.place.error(error.to_string()))?;
            }
            Kind::File(field) => *field(draft) = Some(written.text()?.file()?),
            Kind::Path(field) => *field(draft) = Some(written.text()?.path()?),
            Kind::Budget(field) => *field(draft) = parse::budget(&written.words()?)?,
            Kind::GitLab(field) => *field(draft) = parse::gitlab_url(&written.text()?)?,
            Kind::Address(field) => *field(draft) = Some(parse::address(&written.text()?)?),
            Kind::Endpoint(field) => *field(draft) = Some(Endpoint::new(written.text()?)),
            Kind::Duration(field, range) => {
                let milliseconds = written.is_opentelemetry();
                *field(draft) = parse::duration(&written.text()?, milliseconds, range)?;
            }
            Kind::Limit(field, range) => {
                let milliseconds = written.is_opentelemetry();
                *field(draft) = Some(parse::duration(&written.text()?, milliseconds, range)?);
            }
            Kind::Switch(field) => *field(draft) = parse::switch(&written.text()?)?,
            Kind::Exporter(name, field) => {
                *field(draft) = Some(match written.given {
                    Given::Node(_) => parse::switch(&written.text()?)?,
                    _ => exporters::named(&written.list()?)?.contains(name),
                });
            }
            Kind::Number(field, range) => {
                let number = field(draft);
                number.set(parse::number(&written.text()?, number.whole(), range)?);
            }
            Kind::Text(field, check) => *field(draft) = checked(written.text()?, *check)?,
            Kind::Choice(field) => choose(field(draft), &written.text()?)?,
            Kind::List(field, check) => {
                let items = written.list()?.into_iter();
                *field(draft) = items
                    .map(|item| checked(item, *check))
                    .collect::<Result<_, _>>()?;
            }
            Kind::Metrics(field) => {
                let items = written.list()?.into_iter();
                let names = items.map(|item| metric(item, &draft.metric_names));
                *field(draft) = names.collect::<Result<_, _>>()?;
            }
            Kind::Headers(field) => *field(draft) = headers(written)?,
            Kind::Attributes(field) => attributes(field(draft), written)?,
        }
        Ok(())
    }

    /// What the field of the draft is, as YAML; nothing if it is not set or a secret. It is asked for
    /// defaults, so headers and attributes are none.
    pub fn show(&self, draft: &mut Draft) -> Option<String> {
        match self {
            Kind::Token(_)
            | Kind::TokenFile(_)
            | Kind::TokenVariable(_)
            | Kind::WebhookToken(_)
            | Kind::WebhookTokenFile(_) => None,
            Kind::Patterns(field) => Some(format!("[{}]", field(draft).texts().join(", "))),
            Kind::File(field) | Kind::Path(field) => {
                field(draft).as_ref().map(|file| file.display().to_string())
            }
            Kind::Budget(field) => Some(match field(draft) {
                BudgetChoice::Auto => "auto".to_owned(),
                BudgetChoice::Limited(budget) => {
                    format!("[{}/h, {}/m]", budget.per_hour, budget.per_minute)
                }
                BudgetChoice::Unlimited => "none".to_owned(),
            }),
            Kind::GitLab(field) => Some(field(draft).as_str().trim_end_matches('/').to_owned()),
            Kind::Address(field) => field(draft).as_ref().map(Listen::to_string),
            Kind::Endpoint(field) => field(draft)
                .as_ref()
                .map(|endpoint| endpoint.text().to_owned()),
            Kind::Duration(field, _) => Some(format_duration(*field(draft)).to_string()),
            Kind::Limit(field, _) => field(draft).map(|limit| format_duration(limit).to_string()),
            Kind::Switch(field) => Some(field(draft).to_string()),
            Kind::Exporter(_, field) => field(draft).map(|on| on.to_string()),
            Kind::Number(field, _) => Some(field(draft).show()),
            Kind::Text(field, _) => Some(field(draft).clone()),
            Kind::Choice(field) => field(draft).chosen().map(str::to_owned),
            Kind::List(field, _) | Kind::Metrics(field) => {
                Some(format!("[{}]", field(draft).join(", ")))
            }
            Kind::Headers(_) | Kind::Attributes(_) => Some("{}".to_owned()),
        }
    }

    /// Whether it says where the token is: one such setting replaces another.
    pub fn is_token(&self) -> bool {
        matches!(
            self,
            Kind::Token(_)
                | Kind::TokenFile(_)
                | Kind::TokenVariable(_)
                | Kind::WebhookToken(_)
                | Kind::WebhookTokenFile(_)
        )
    }

    /// The words to choose from, if there are any.
    pub fn words(&self, draft: &mut Draft) -> Vec<&'static str> {
        match self {
            Kind::Choice(field) => field(draft).words(),
            Kind::Exporter(..) => exporters::NAMES.to_vec(),
            _ => Vec::new(),
        }
    }
}

fn token(written: &Written<'_>) -> Result<(String, SecretString), Error> {
    let (Given::Variable(text), Place::Variable(name)) = (&written.given, &written.place) else {
        let key = match &written.place {
            Place::File { key, .. } => key.unwrap_or_default(),
            _ => "",
        };
        let variable = settings::named(key).and_then(|setting| setting.variables.first());
        return Err(written.place.error(format!(
            "a token does not belong into a file that is shared: set {}, or name a file that holds \
             it in {key}_file",
            variable.unwrap_or(&"its variable")
        )));
    };
    Ok((name.clone(), secret(&written.place, text)?))
}

fn token_in_variable(written: &Written<'_>) -> Result<(String, SecretString), Error> {
    let Item { place, text: name } = written.text()?;
    let Some(text) = written.environment.get(&name) else {
        // Its name is not repeated: somebody may have written the token itself.
        return Err(place.error("no such variable is set: name one that holds an access token"));
    };
    let token = secret(&Place::Variable(name.clone()), text)?;
    Ok((name, token))
}

/// No error shows the token.
fn secret(place: &Place, token: &str) -> Result<SecretString, Error> {
    match token.trim().bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(token.trim().into()),
        false => {
            Err(place
                .error("it holds a character that no token has, such as a space or a line break"))
        }
    }
}

fn checked(item: Item, check: Check) -> Result<String, Error> {
    match check(&item.text) {
        Ok(()) => Ok(item.text),
        Err(problem) => Err(item.error(problem)),
    }
}

fn choose(choice: &mut dyn Choice, item: &Item) -> Result<(), Error> {
    match choice.choose(&item.text) {
        true => Ok(()),
        false => Err(item.unexpected(&format!("one of {}", choice.words().join(", ")))),
    }
}

fn metric(item: Item, names: &[String]) -> Result<String, Error> {
    let glob = Glob::new(&item.text).map_err(|error| {
        item.unexpected(&format!(
            "a pattern ({}): write for example gitlab_project_*",
            error.kind()
        ))
    })?;
    let glob = glob.compile_matcher();
    if names.iter().any(|name| glob.is_match(name)) {
        return Ok(item.text);
    }
    let near = nearest(&item.text, names.iter().map(String::as_str));
    let near = near.map_or("the command `metrics` lists them".to_owned(), |near| {
        format!("did you mean {near:?}?")
    });
    Err(item.error(format!("no metric is called {}: {near}", quote(&item.text))))
}

/// No error shows a value.
fn headers(written: &Written<'_>) -> Result<Vec<(String, SecretString)>, Error> {
    let mut headers: Vec<(String, SecretString)> = Vec::new();
    for (name, value) in written.pairs()? {
        let Ok(valid) = HeaderName::from_bytes(name.text.as_bytes()) else {
            return Err(name.unexpected("the name of a header: write for example x-api-key"));
        };
        let text = match written.given {
            Given::Node(_) => {
                let variable = |name: &str| written.environment.get(name).map(str::to_owned);
                parse::interpolate(&value.text, variable).map_err(|problem| value.error(problem))?
            }
            _ => value.text.clone(),
        };
        if HeaderValue::from_str(&text).is_err() {
            return Err(value.error(format!(
                "the value of {valid} holds a character that no header has, such as a line break"
            )));
        }
        if headers.iter().any(|(known, _)| known == valid.as_str()) {
            return Err(name.error(format!("the header {valid} is given twice")));
        }
        headers.push((valid.as_str().to_owned(), text.into()));
    }
    Ok(headers)
}

fn attributes(export: &mut export::Config, written: &Written<'_>) -> Result<(), Error> {
    let mut attributes: Vec<(String, String)> = Vec::new();
    for (key, value) in written.pairs()? {
        if key.text.is_empty() {
            return Err(key
                .error("an attribute has no name: write for example deployment.environment.name"));
        }
        if attributes.iter().any(|(known, _)| *known == key.text) {
            return Err(key.error(format!("the attribute {} is given twice", key.text)));
        }
        attributes.push((key.text, value.text));
    }
    attributes.retain(|(key, value)| {
        let is_name = key == "service.name";
        if is_name && !value.is_empty() {
            export.service_name.clone_from(value);
        }
        !is_name
    });
    export.resource_attributes = attributes;
    Ok(())
}
