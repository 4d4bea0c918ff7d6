//! Which exporters are on, where OTLP goes, and the resource.

use serde_json::{Value as Json, json};

use super::word::switch;
use super::{Field, Value};
use crate::config::builder::Builder;
use crate::config::error::Error;
use crate::config::input::{Input, Raw, Text};
use crate::config::wording::unknown;
use crate::export;

/// Whether the exporter of that name is on: yes or no in a file, else a list of those that are.
pub struct Exporter(pub &'static str, pub Field<Option<bool>>);

/// The address of a collector, which is understood once the protocol is known.
pub struct Endpoint(pub Field<Option<Text>>);

/// Resource attributes, of which `service.name` is the service's name.
pub struct Attributes(pub Field<export::Config>);

/// What can be listed; `none` stands alone.
const EXPORTERS: [&str; 4] = ["prometheus", "otlp", "console", "none"];

impl Value for Exporter {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let Exporter(name, field) = self;
        let on = Some(match input.raw {
            Raw::Yaml(_) => switch(&input.text()?)?,
            _ => {
                let (on, wrong) = exporters(&input.list()?);
                for error in wrong {
                    match input.is_opentelemetry() {
                        true => builder.warn(error.and("it is left out")),
                        false => return Err(error),
                    }
                }
                if on.is_empty() {
                    return Ok(());
                }
                on.contains(name)
            }
        });
        *field(builder) = on;
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        self.1(builder).map(|on| on.to_string())
    }

    fn schema(&self) -> Option<Json> {
        Some(json!({"type": "boolean"}))
    }

    fn words(&self) -> Vec<&'static str> {
        EXPORTERS.to_vec()
    }
}

impl Value for Endpoint {
    /// Metrics would go to another place.
    fn is_essential(&self) -> bool {
        true
    }

    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        *self.0(builder) = Some(input.text()?);
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        let endpoint = self.0(builder).as_ref();
        endpoint.map(|endpoint| endpoint.text.clone())
    }

    fn schema(&self) -> Option<Json> {
        let pattern = r"^([Hh][Tt][Tt][Pp][Ss]?://)?([^\s/?#@:\[\]]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?(/[^?#]*)?$";
        Some(json!({"type": "string", "pattern": pattern}))
    }
}

impl Value for Attributes {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let export = self.0(builder);
        let mut attributes: Vec<(String, String)> = Vec::new();
        for (key, value) in input.pairs(|input, node| input.scalar(node, "one value"))? {
            if key.text.is_empty() {
                return Err(key.error(
                    "an attribute has no name: write for example deployment.environment.name",
                ));
            }
            // Of one that is given twice the last is meant.
            attributes.retain(|(known, _)| *known != key.text);
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

    fn show(&self, builder: &mut Builder) -> Option<String> {
        let attributes = self.0(builder).resource_attributes.iter();
        let attributes = attributes.map(|(key, value)| format!("{key}: {value}"));
        Some(format!("{{{}}}", attributes.collect::<Vec<_>>().join(", ")))
    }

    fn schema(&self) -> Option<Json> {
        Some(json!({
            "type": "object",
            "propertyNames": {"minLength": 1},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        }))
    }
}

/// The exporters that are on, `none` among them, and what is wrong with the list.
fn exporters(items: &[Text]) -> (Vec<&'static str>, Vec<Error>) {
    let (mut on, mut wrong) = (Vec::new(), Vec::new());
    for item in items {
        let mut names = EXPORTERS.iter();
        match names.find(|name| name.eq_ignore_ascii_case(&item.text)) {
            Some(&"none") if items.len() > 1 => {
                let problem = "none can't be listed with others: remove it or the others";
                wrong.push(item.error(problem));
            }
            Some(name) => on.push(*name),
            None => wrong.push(item.error(unknown(
                "there is no exporter",
                &item.text,
                EXPORTERS.into_iter(),
            ))),
        }
    }
    (on, wrong)
}
