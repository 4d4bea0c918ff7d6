//! The flags of all settings, derived from the list. None takes a secret.

use std::collections::BTreeMap;

use clap::builder::PossibleValuesParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueHint};

use super::error::{Error, Place};
use super::setting::{Flag, Setting, Takes};
use super::settings::everything;
use super::wording::{host_and_port, quote};

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

fn argument(flag: &Flag, setting: &Setting) -> Arg {
    let mut help = flag.help.to_owned();
    if let (Takes::Value(_) | Takes::Values(_), Some(variable)) =
        (flag.takes, setting.variables().first())
    {
        help = format!("{help} [env: {variable}]");
    }
    let argument = Arg::new(flag.name)
        .long(flag.name)
        .help(help)
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
