//! The order in which sources are read: file, environment, flags. A later one wins.

use std::collections::BTreeMap;

use super::document::Document;
use super::draft::Draft;
use super::error::{Error, Place};
use super::settings::{CONFIG_FILE, SETTINGS, Setting};
use super::written::{Given, Written};
use super::{Config, Environment, Flags, Instance};

/// Reads everything.
pub fn load(flags: &Flags, environment: &Environment, metrics: &[&str]) -> Result<Config, Error> {
    environment.refuse_unknown()?;
    if environment.is_empty("GITLAB_URL") {
        // The default would take the token to somebody else's GitLab.
        let place = Place::Variable("GITLAB_URL".to_owned());
        return Err(place
            .error("is empty: write the address of GitLab, or unset it for https://gitlab.com"));
    }
    let mut draft = Draft {
        metric_names: metrics.iter().map(|name| (*name).to_owned()).collect(),
        ..Draft::default()
    };
    let sources = Sources { flags, environment };
    for written in sources
        .environment(&CONFIG_FILE)
        .into_iter()
        .chain(sources.flag(&CONFIG_FILE)?)
    {
        CONFIG_FILE.kind.read(&mut draft, &written)?;
        draft.places.insert(CONFIG_FILE.key, written.place);
    }
    let document = match (&draft.config.file, draft.places.get(CONFIG_FILE.key)) {
        (Some(file), Some(named)) => Some(Document::open(file, named)?),
        _ => None,
    };
    if let Some(document) = &document {
        sources.read(&mut draft, |setting| {
            Ok(document.written(document.root(), setting, environment))
        })?;
    }
    sources.read(&mut draft, |setting| Ok(sources.environment(setting)))?;
    sources.read(&mut draft, |setting| {
        Ok(sources.flag(setting)?.into_iter().collect())
    })?;
    let instances = match &document {
        Some(document) => instances(document, &draft, &sources)?,
        None => Vec::new(),
    };
    draft.finish(instances)
}

/// The GitLabs that the file lists, if it does. What it says of one is more than what any source says
/// of all.
fn instances(
    document: &Document,
    shared: &Draft,
    sources: &Sources<'_>,
) -> Result<Vec<Instance>, Error> {
    let listed = document.instances()?.into_iter();
    let read = listed.map(|(place, name, node)| {
        let mut draft = shared.for_instance(name);
        sources.read(&mut draft, |setting| {
            Ok(document.written(node, setting, sources.environment))
        })?;
        let gitlab = &mut draft.instance.gitlab;
        if gitlab.token.is_none() && gitlab.url == shared.instance.gitlab.url {
            gitlab.token.clone_from(&shared.instance.gitlab.token);
        }
        if gitlab.token.is_none() {
            return Err(place.error(format!(
                "{name} has no token: give it gitlab.token_file or gitlab.token_variable; a token \
                 for all is sent to {} alone",
                shared.instance.gitlab.url
            )));
        }
        draft.finished_instance()
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
        draft: &mut Draft,
        written: impl Fn(&'static Setting) -> Result<Vec<Written<'w>>, Error>,
    ) -> Result<(), Error> {
        let mut tokens = BTreeMap::<&str, Place>::new();
        for setting in SETTINGS {
            for written in written(setting)? {
                // Of two tokens for one thing nobody knows which is meant.
                if let Some(token) = setting.token()
                    && let Some(other) = tokens.insert(token, written.place.clone())
                {
                    let problem = format!("{other} is set too: unset one of them");
                    return Err(written.place.error(problem));
                }
                setting.kind.read(draft, &written)?;
                draft.places.insert(setting.key, written.place);
            }
        }
        Ok(())
    }

    fn environment(&self, setting: &Setting) -> Vec<Written<'a>> {
        let variables = setting.variables.iter();
        let set = variables.filter_map(|name| Some((name, self.environment.get(name)?)));
        let written = set.map(|(name, value)| Written {
            place: Place::Variable((*name).to_owned()),
            given: Given::Variable(value),
            environment: self.environment,
        });
        written.collect()
    }

    fn flag(&self, setting: &Setting) -> Result<Option<Written<'a>>, Error> {
        let Some(flag) = &setting.flag else {
            return Ok(None);
        };
        let values = self.flags.given(flag, setting)?;
        Ok(values.map(|values| Written {
            place: Place::Flag(flag.name.to_owned()),
            given: Given::Flag(values),
            environment: self.environment,
        }))
    }
}
