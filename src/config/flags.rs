//! The flags of all settings, derived from the list. None takes a secret.

use std::collections::BTreeMap;

use clap::builder::PossibleValuesParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueHint};

use super::builder::Builder;
use super::configuration::LogFormat;
use super::environment::Environment;
use super::error::{Error, Place};
use super::setting::{Flag, Setting, Takes};
use super::settings::everything;
use super::wording::{host_and_port, quote};

/// What holds without flags whose settings depend on others.
const EXPORTERS: &str = "prometheus, and otlp if an endpoint is given";
const OTLP_ENDPOINT: &str = "none; with --exporter otlp http://localhost:4318";
const OTLP_PROTOCOL: &str = "grpc for port 4317, else http/protobuf";

/// The flags that were given, by name.
#[derive(Clone, Debug, Default)]
pub struct Flags(BTreeMap<&'static str, Vec<String>>);

impl Flags {
    /// These flags and one more, named without its dashes. One that takes no value has `""`.
    ///
    /// # Errors
    /// If there is no such flag.
    pub fn with(mut self, name: &str, value: &str) -> Result<Flags, Error> {
        let Some((flag, _)) = all().find(|(flag, _)| flag.name == name) else {
            return Err(Place::Flag(name.to_owned()).error("no such flag"));
        };
        match flag.takes {
            Takes::Nothing(stands_for) => self.add(flag.name, stands_for.to_owned()),
            _ => self.add(flag.name, value.to_owned()),
        }
        Ok(self)
    }

    /// These flags without some, named without their dashes.
    #[must_use]
    pub fn without(&self, names: &[&str]) -> Flags {
        let mut fewer = self.clone();
        fewer.0.retain(|name, _| !names.contains(name));
        fewer
    }

    /// Whether a flag is given, named without its dashes.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// What is given by a flag, as it is written.
    pub fn values(&self, name: &str) -> Option<&[String]> {
        self.0.get(name).map(Vec::as_slice)
    }

    fn add(&mut self, name: &'static str, value: String) {
        self.0.entry(name).or_default().push(value);
    }

    /// What is given for a setting.
    ///
    /// # Errors
    /// If a host and port is none.
    pub(super) fn given(
        &self,
        flag: &Flag,
        setting: &Setting,
    ) -> Result<Option<Vec<String>>, Error> {
        let Some(values) = self.0.get(flag.name) else {
            return Ok(None);
        };
        let (Takes::HostAndPort(_), Some(value)) = (flag.takes, values.last()) else {
            return Ok(Some(values.clone()));
        };
        let Some((host, port)) = host_and_port(value) else {
            return Err(Place::Flag(flag.name.to_owned()).error(format!(
                "{} is not host:port: write for example 0.0.0.0:9464",
                quote(value)
            )));
        };
        let half = if setting.key.ends_with("host") {
            host
        } else {
            port
        };
        Ok(Some(vec![half.to_owned()]))
    }
}

/// The format of the log as far as flags or the variable say, for a command that can't read its configuration.
pub fn log_format(
    arguments: impl Iterator<Item = String>,
    environment: &Environment,
) -> Option<LogFormat> {
    const FLAG: &str = "--log-format";
    let arguments: Vec<String> = arguments.collect();
    let mut said = None;
    for (index, argument) in arguments.iter().enumerate() {
        match argument.strip_prefix(FLAG) {
            Some("") => said = arguments.get(index + 1).map(String::as_str).or(said),
            Some(value) => said = value.strip_prefix('=').or(said),
            None => {}
        }
    }
    let said = said.or_else(|| environment.get("GITLAB_BRIDGE_LOG_FORMAT"))?;
    let known = [("text", LogFormat::Text), ("json", LogFormat::Json)];
    let found = known
        .into_iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(said));
    found.map(|(_, format)| format)
}

/// Each flag once, with the first setting that it fills.
pub fn all() -> impl Iterator<Item = (&'static Flag, &'static Setting)> {
    let mut seen = Vec::new();
    let flags = everything().flat_map(|setting| setting.flags().map(move |flag| (flag, setting)));
    flags.filter(move |(flag, _)| {
        let new = !seen.contains(&flag.name);
        seen.push(flag.name);
        new
    })
}

impl FromArgMatches for Flags {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Flags, clap::Error> {
        let mut flags = Flags::default();
        flags.update_from_arg_matches(matches)?;
        Ok(flags)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        for (flag, _) in all() {
            if matches.value_source(flag.name) != Some(ValueSource::CommandLine) {
                continue;
            }
            self.0.remove(flag.name);
            match flag.takes {
                Takes::Nothing(stands_for) => self.add(flag.name, stands_for.to_owned()),
                _ => {
                    for value in matches.get_many::<String>(flag.name).into_iter().flatten() {
                        self.add(flag.name, value.clone());
                    }
                }
            }
        }
        Ok(())
    }
}

impl Args for Flags {
    fn augment_args(command: Command) -> Command {
        command.args(all().map(|(flag, setting)| argument(flag, setting)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Flags::augment_args(command)
    }
}

/// What a flag means, its variables and what holds without it, in the form of clap's own.
fn help(flag: &Flag, setting: &Setting) -> String {
    let settings: Vec<_> = everything()
        .filter(|setting| setting.flags().any(|own| own.name == flag.name))
        .collect();
    let variables: Vec<_> = match flag.takes {
        // Its value is the one of a variable among others.
        Takes::Nothing(_) => Vec::new(),
        Takes::HostAndPort(_) => {
            let all = settings.iter().flat_map(|setting| setting.variables());
            all.map(|name| name.to_string()).collect()
        }
        Takes::Value(_) | Takes::Values(_) => {
            let all = setting.variables();
            all.first().map(ToString::to_string).into_iter().collect()
        }
    };
    let mut help = flag.help.to_owned();
    if !variables.is_empty() {
        help = format!("{help} [env: {}]", variables.join(", "));
    }
    format!("{help} [default: {}]", default(flag, &settings))
}

/// What holds without the flag.
fn default(flag: &Flag, settings: &[&Setting]) -> String {
    let mut defaults = Builder::default();
    let mut shown = |setting: &Setting| {
        let value = setting.value.show(&mut defaults);
        value.filter(|value| !["", "[]", "{}"].contains(&value.as_str()))
    };
    let values: Vec<_> = settings
        .iter()
        .filter_map(|setting| shown(setting))
        .collect();
    match flag.takes {
        Takes::HostAndPort(_) => values.join(":"),
        _ if flag.name == "exporter" => EXPORTERS.to_owned(),
        _ if flag.name == "otlp-endpoint" => OTLP_ENDPOINT.to_owned(),
        _ if flag.name == "otlp-protocol" => OTLP_PROTOCOL.to_owned(),
        _ => values.first().cloned().unwrap_or_else(|| "none".to_owned()),
    }
}

fn argument(flag: &Flag, setting: &Setting) -> Arg {
    let argument = Arg::new(flag.name)
        .long(flag.name)
        .help(help(flag, setting))
        .help_heading("Settings")
        .global(true);
    let (argument, takes) = match flag.takes {
        Takes::Nothing(_) => return argument.action(ArgAction::SetTrue),
        Takes::Value(takes) | Takes::HostAndPort(takes) => (argument, takes),
        Takes::Values(takes) => (argument.action(ArgAction::Append), takes),
    };
    let argument = argument.value_name(takes).value_hint(match takes {
        "FILE" => ValueHint::FilePath,
        "URL" => ValueHint::Url,
        _ => ValueHint::Unknown,
    });
    let words = setting.value.words();
    match words.is_empty() {
        true => argument,
        false => argument
            .value_parser(PossibleValuesParser::new(words))
            .ignore_case(true),
    }
}
