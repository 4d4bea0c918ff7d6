//! The order in which sources are read: file, environment, flags. A later one wins.

use std::collections::BTreeMap;

use super::builder::Builder;
use super::configuration::{Config, Instance};
use super::document::Document;
use super::environment::Environment;
use super::error::{Error, Place};
use super::flags::Flags;
use super::input::{Input, Raw};
use super::setting::Setting;
use super::settings::{CONFIG_FILE, SETTINGS, everything};
use super::wording::{is_one_letter_off, nearest};

impl Config {
    /// Reads the file that the flags or the environment name, then the environment, then the flags.
    ///
    /// # Errors
    /// For the first thing that is wrong, with its place and what would be right. It never shows a
    /// secret.
    pub fn load(flags: &Flags, environment: &Environment) -> Result<Config, Error> {
        refuse_unknown(environment)?;
        // Of an address and a token that are meant for each other, one would go without the other.
        if let Some(error) = mistyped(environment, "GITLAB_").next() {
            return Err(error);
        }
        if environment.is_empty("GITLAB_URL") {
            // The default would take the token to somebody else's GitLab.
            let place = Place::Variable("GITLAB_URL".to_owned());
            return Err(place.error(
                "is empty: write the address of GitLab, or unset it for https://gitlab.com",
            ));
        }
        let mut builder = Builder::default();
        mistyped(environment, "OTEL_").for_each(|warning| builder.warn(warning));
        let sources = Sources { flags, environment };
        let named = sources.environment(&CONFIG_FILE).into_iter();
        for input in named.chain(sources.flag(&CONFIG_FILE)?) {
            CONFIG_FILE.value.read(&mut builder, &input)?;
            builder.said.note(CONFIG_FILE.key, &input);
            builder.places.insert(CONFIG_FILE.key, input.place);
        }
        let document = match (&builder.config.file, builder.places.get(CONFIG_FILE.key)) {
            (Some(file), Some(named)) => Some(Document::open(file, named, environment)?),
            _ => None,
        };
        if let Some(document) = &document {
            let root = document.root();
            sources.read(&mut builder, |setting| {
                Ok(document
                    .input(root, setting, environment)
                    .into_iter()
                    .collect())
            })?;
        }
        sources.read(&mut builder, |setting| Ok(sources.environment(setting)))?;
        sources.read(&mut builder, |setting| {
            Ok(sources.flag(setting)?.into_iter().collect())
        })?;
        let instances = match &document {
            Some(document) => instances(document, &builder, &sources)?,
            None => Vec::new(),
        };
        builder.finish(instances)
    }
}

/// Refuses a variable that looks like ours and is none: a typo must not go unnoticed.
fn refuse_unknown(environment: &Environment) -> Result<(), Error> {
    const PREFIX: &str = "GITLAB_BRIDGE_";
    let known: Vec<_> = everything().flat_map(Setting::variables).collect();
    let ours = environment.names_like(PREFIX);
    let unknown = ours.filter(|name| !known.iter().any(|known| known == name));
    let Some(name) = unknown.into_iter().next() else {
        return Ok(());
    };
    let known = known.iter().map(|name| &**name);
    let near = nearest(name, known.filter(|name| name.starts_with(PREFIX)));
    let hint = match near {
        Some(near) => format!("did you mean {near}?"),
        None => "the reference lists all variables".to_owned(),
    };
    let place = Place::Variable(name.to_owned());
    Err(place.error(format!("no such setting; {hint}")))
}

/// What is wrong with variables that are one letter off one that we read and that is not set.
fn mistyped(environment: &Environment, prefix: &'static str) -> impl Iterator<Item = Error> {
    let known: Vec<_> = everything().flat_map(Setting::variables).collect();
    environment.names_like(prefix).filter_map(move |name| {
        if known.iter().any(|known| known == name) {
            return None;
        }
        let mut unset = known
            .iter()
            .filter(|known| environment.get(known).is_none());
        let meant = unset.find(|known| is_one_letter_off(name, known))?;
        let place = Place::Variable(name.to_owned());
        Some(place.error(format!("nothing reads it; did you mean {meant}?")))
    })
}

/// The GitLabs that the file lists, if it does. What it says of one wins over what any source says of
/// all.
fn instances(
    document: &Document,
    shared: &Builder,
    sources: &Sources<'_>,
) -> Result<Vec<Instance>, Error> {
    let listed = document.instances()?;
    let several = listed.len() > 1;
    let read = listed.into_iter().map(|(place, name, node)| {
        let mut builder = shared.for_instance(name);
        sources.read(&mut builder, |setting| {
            let input = document.input(node, setting, sources.environment);
            Ok(input.into_iter().collect())
        })?;
        let (gitlab, of_all) = (&mut builder.instance.gitlab, &shared.instance.gitlab);
        if gitlab.url == of_all.url {
            gitlab.token = gitlab.token.take().or_else(|| of_all.token.clone());
            if gitlab.headers.is_empty() {
                gitlab.headers.clone_from(&of_all.headers);
            }
        }
        if gitlab.token.is_none() {
            return Err(place.error(format!(
                "{name} has no token: give it gitlab.token_file or gitlab.token_variable; a token \
                 for all is sent to {} alone",
                of_all.url
            )));
        }
        if several && let Some(state) = &mut builder.instance.poll.state {
            state.as_mut_os_string().push(format!(".{name}"));
        }
        builder.finished_instance()
    });
    read.collect()
}

/// What stands outside the file.
struct Sources<'a> {
    flags: &'a Flags,
    environment: &'a Environment,
}

impl<'a> Sources<'a> {
    /// Reads all settings from one source, in the order of the list.
    fn read<'w>(
        &self,
        builder: &mut Builder,
        inputs: impl Fn(&'static Setting) -> Result<Vec<Input<'w>>, Error>,
    ) -> Result<(), Error> {
        let mut tokens = BTreeMap::<&str, Place>::new();
        for setting in SETTINGS {
            for input in inputs(setting)? {
                // Of two tokens for one thing nobody knows which is meant.
                if let Some(token) = setting.token()
                    && let Some(other) = tokens.insert(token, input.place.clone())
                {
                    let problem = format!("{other} is set too: unset one of them");
                    return Err(input.place.error(problem));
                }
                match setting.value.read(builder, &input) {
                    Ok(()) => {
                        builder.said.note(setting.key, &input);
                        builder.places.insert(setting.key, input.place);
                    }
                    // A platform sets them for every container.
                    Err(error) if input.is_opentelemetry() && !setting.value.is_essential() => {
                        builder.warn(error.and("it is left out"));
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn environment(&self, setting: &Setting) -> Vec<Input<'a>> {
        let variables = setting.variables().into_iter();
        let set = variables.filter_map(|name| Some((self.environment.get(&name)?, name)));
        let inputs = set.map(|(value, name)| Input {
            place: Place::Variable(name.into_owned()),
            raw: Raw::Variable(value),
            environment: self.environment,
        });
        inputs.collect()
    }

    fn flag(&self, setting: &Setting) -> Result<Option<Input<'a>>, Error> {
        let mut last = None;
        for flag in setting.flags() {
            if let Some(values) = self.flags.given(flag, setting)? {
                last = Some(Input {
                    place: Place::Flag(flag.name.to_owned()),
                    raw: Raw::Flag(values),
                    environment: self.environment,
                });
            }
        }
        Ok(last)
    }
}
