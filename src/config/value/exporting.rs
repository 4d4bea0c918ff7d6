//! Which exporters are on, where OTLP goes, and the resource.

use serde_json::{Value as Json, json};

use super::word::switch;
use super::{Field, Value};
use crate::config::builder::Builder;
use crate::config::error::Error;
use crate::config::input::{Input, Raw, Text};
use crate::config::wording::quote;
use crate::export;

/// Whether the exporter of that name is on: yes or no in a file, else a list of those that are.
pub struct Exporter(pub &'static str, pub Field<Option<bool>>);

/// The address of a collector, which is understood once the protocol is known.
pub struct Endpoint(pub Field<Option<Text>>);

/// Resource attributes, of which `service.name` is the service's name.
pub struct Attributes(pub Field<export::Config>);

/// What can be listed; `none` stands alone.
const EXPORTERS: [&str; 3] = ["prometheus", "otlp", "none"];

impl Value for Exporter {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let Exporter(name, field) = self;
        *field(builder) = Some(match input.raw {
            Raw::Yaml(_) => switch(&input.text()?)?,
            _ => exporters(&input.list()?)?.contains(name),
        });
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

    fn show(&self, _: &mut Builder) -> Option<String> {
        Some("{}".to_owned())
    }

    fn schema(&self) -> Option<Json> {
        Some(json!({
            "type": "object",
            "propertyNames": {"minLength": 1},
            "additionalProperties": {"type": ["string", "number", "boolean"]},
        }))
    }
}

/// The exporters that are on.
fn exporters(items: &[Text]) -> Result<Vec<&'static str>, Error> {
    let mut on = Vec::new();
    for item in items {
        let mut names = EXPORTERS.iter();
        match names.find(|name| name.eq_ignore_ascii_case(&item.text)) {
            Some(&"none") if items.len() > 1 => {
                return Err(item.error("none can't be listed with others: remove it or the others"));
            }
            Some(&"none") => {}
            Some(name) => on.push(*name),
            None if item.text == "console" => {
                return Err(item.error(
                    "there is no console exporter: use prometheus, otlp or none, and the command \
                     `once` to see the metrics",
                ));
            }
            None => {
                return Err(item.error(format!(
                    "{} is not an exporter: use prometheus, otlp or none",
                    quote(&item.text)
                )));
            }
        }
    }
    Ok(on)
}
