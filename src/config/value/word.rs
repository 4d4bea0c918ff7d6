//! Yes or no, and choices among words.

use serde_json::{Value as Json, json};

use super::{Field, Value};
use crate::config::builder::Builder;
use crate::config::configuration::LogFormat;
use crate::config::error::Error;
use crate::config::input::{Input, Text};
use crate::config::wording::{nearest, quote};
use crate::export::{Compression, JobAttribute, Names, Protocol, Temporality};
use crate::metrics::{HistogramsBy, ScrapeNames};
use crate::poll::Scope;

/// `true` or `false`.
pub struct Switch(pub Field<bool>);

/// One of several words. Case does not matter.
pub struct Choice<T: 'static>(pub Field<T>);

/// A type whose values have names. Of several names for one value the first is shown.
pub trait Named: Copy + PartialEq + 'static {
    const NAMES: &'static [(&'static str, Self)];
}

impl Named for Scope {
    const NAMES: &'static [(&'static str, Self)] =
        &[("membership", Scope::Membership), ("all", Scope::All)];
}

impl Named for HistogramsBy {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("none", HistogramsBy::None),
        ("namespace", HistogramsBy::Namespace),
        ("project", HistogramsBy::Project),
    ];
}

impl Named for ScrapeNames {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("gitlab", ScrapeNames::GitLab),
        ("gitlab-ci-pipelines-exporter", ScrapeNames::CiExporter),
    ];
}

impl Named for LogFormat {
    const NAMES: &'static [(&'static str, Self)] =
        &[("text", LogFormat::Text), ("json", LogFormat::Json)];
}

impl Named for Option<Protocol> {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("http/protobuf", Some(Protocol::Http)),
        ("grpc", Some(Protocol::Grpc)),
    ];
}

impl Named for Option<Compression> {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("none", None),
        ("gzip", Some(Compression::Gzip)),
        ("zstd", Some(Compression::Zstd)),
    ];
}

impl Named for Option<JobAttribute> {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("job", Some(JobAttribute::Job)),
        ("exported_job", Some(JobAttribute::ExportedJob)),
    ];
}

impl Named for Names {
    const NAMES: &'static [(&'static str, Self)] =
        &[("gitlab", Names::Gitlab), ("semconv", Names::Semconv)];
}

impl Named for Temporality {
    const NAMES: &'static [(&'static str, Self)] = &[
        ("cumulative", Temporality::Cumulative),
        ("delta", Temporality::Delta),
        ("low_memory", Temporality::LowMemory),
        ("lowmemory", Temporality::LowMemory), // OpenTelemetry's word in variables
    ];
}

impl Value for Switch {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let text = input.text()?;
        let on = match switch(&text) {
            Err(error) if input.is_opentelemetry() => {
                builder.warn(error.and("it is taken for false"));
                false
            }
            on => on?,
        };
        *self.0(builder) = on;
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        Some(self.0(builder).to_string())
    }

    fn schema(&self) -> Option<Json> {
        Some(json!({"type": "boolean"}))
    }
}

/// `true` or `false`.
pub fn switch(item: &Text) -> Result<bool, Error> {
    match item.text.to_ascii_lowercase().as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(item.error(format!("{} is neither true nor false", quote(&item.text)))),
    }
}

impl<T: Named> Value for Choice<T> {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let text = input.text()?;
        let mut names = T::NAMES.iter();
        let found = names.find(|(name, _)| name.eq_ignore_ascii_case(&text.text));
        let (_, value) = found.ok_or_else(|| {
            let words = self.words();
            let near = nearest(&text.text, words.iter().copied());
            let near = near.map(|near| format!(": did you mean {near:?}?"));
            text.unexpected(&format!(
                "one of {}{}",
                words.join(", "),
                near.unwrap_or_default()
            ))
        })?;
        *self.0(builder) = *value;
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        let value = self.0(builder);
        let found = T::NAMES.iter().find(|(_, named)| named == value);
        found.map(|(name, _)| (*name).to_owned())
    }

    fn schema(&self) -> Option<Json> {
        Some(json!({"enum": self.words()}))
    }

    fn words(&self) -> Vec<&'static str> {
        T::NAMES.iter().map(|(name, _)| *name).collect()
    }
}
