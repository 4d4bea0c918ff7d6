//! The JSON schema of the configuration file, for editors: the rows once more.

use serde_json::{Map, Value as Json, json};

use super::builder::{Builder, PAIRS};
use super::setting::Setting;
use super::settings::{INSTANCES, SECTIONS, SETTINGS, instance_sections, sections};

/// The schema, in the draft that editors know best.
pub fn schema() -> String {
    let mut builder = Builder::default();
    let definitions: Map<_, _> = SECTIONS
        .iter()
        .map(|(name, about)| ((*name).to_owned(), section(name, about, &mut builder)))
        .collect();
    let mut properties = references(sections());
    properties.insert(INSTANCES.to_owned(), instances());
    let schema = json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "The configuration of gitlab-metrics-bridge",
        "type": ["object", "null"],
        "properties": properties,
        "additionalProperties": false,
        "definitions": definitions,
    });
    format!("{schema:#}\n")
}

fn section(name: &str, about: &str, builder: &mut Builder) -> Json {
    let mut properties = Map::new();
    let mut dependencies = Map::new();
    for setting in SETTINGS {
        let Some(key) = setting.in_section(name) else {
            continue;
        };
        if let Some(value) = property(setting, builder) {
            insert(&mut properties, key, value);
        }
        let needs = PAIRS.iter().find_map(|(one, other)| match setting.key {
            key if key == *one => Some(other),
            key if key == *other => Some(one),
            _ => None,
        });
        if let Some((_, needed)) = needs.and_then(|other| other.split_once('.')) {
            dependencies.insert(key.to_owned(), json!([needed]));
        }
    }
    let mut section = json!({
        "description": about,
        "type": ["object", "null"],
        "properties": properties,
        "additionalProperties": false,
    });
    if !dependencies.is_empty() {
        section["dependencies"] = dependencies.into();
    }
    if let Some(mut contradiction) = contradiction(name) {
        contradiction["type"] = "object".into();
        section["not"] = contradiction;
    }
    section
}

/// Puts a property in its place: `refs.tags` is a property of the mapping `refs`.
fn insert(properties: &mut Map<String, Json>, key: &str, value: Json) {
    let Some((mapping, key)) = key.split_once('.') else {
        properties.insert(key.to_owned(), value);
        return;
    };
    let empty =
        || json!({"type": ["object", "null"], "properties": {}, "additionalProperties": false});
    let mapping = properties.entry(mapping).or_insert_with(empty);
    if let Some(properties) = mapping["properties"].as_object_mut() {
        insert(properties, key, value);
    }
}

fn property(setting: &Setting, builder: &mut Builder) -> Option<Json> {
    let mut value = or_variable(setting.value.schema()?);
    value["description"] = setting.whole_meaning().into();
    if let Some(default) = setting.value.show(builder) {
        value["default"] = json(&default);
    }
    if !setting.example.is_empty() {
        value["examples"] = json!([json(setting.example)]);
    }
    Some(value)
}

/// The schema, where `${NAME}` may stand for each text, number and switch in it.
fn or_variable(mut schema: Json) -> Json {
    for part in ["items", "additionalProperties"] {
        if let Some(part) = schema.get_mut(part).filter(|part| part.is_object()) {
            *part = or_variable(part.take());
        }
    }
    if let Some(properties) = schema.get_mut("properties").and_then(Json::as_object_mut) {
        for property in properties.values_mut() {
            *property = or_variable(property.take());
        }
    }
    if let Some(alternatives) = schema.get_mut("anyOf").and_then(Json::as_array_mut) {
        alternatives.push(variable());
        return schema;
    }
    let is_of = |kind: &str| {
        let kinds = &schema["type"];
        kinds == kind
            || kinds
                .as_array()
                .is_some_and(|kinds| kinds.contains(&kind.into()))
    };
    let is_scalar = ["string", "number", "integer", "boolean"]
        .into_iter()
        .any(is_of);
    match (is_scalar || schema["enum"].is_array()) && !is_of("object") && !is_of("array") {
        true => json!({"anyOf": [schema, variable()]}),
        false => schema,
    }
}

/// A text that a variable has a part in. What it stands for is known when the file is read.
fn variable() -> Json {
    json!({"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"})
}

/// What is refused although each of its settings is right.
fn contradiction(section: &str) -> Option<Json> {
    match section {
        "gitlab" => Some(json!({"required": ["token_file", "token_variable"]})),
        "select" => {
            let named =
                |key: &str| json!({"properties": {key: {"minItems": 1}}, "required": [key]});
            Some(json!({
                "properties": {"scope": {"const": "all"}},
                "required": ["scope"],
                "anyOf": [named("groups"), named("projects")],
            }))
        }
        "metrics" => Some(json!({
            "properties": {
                "project_path_label": {"const": true},
                "project_labels": {"not": {"contains": {"const": "path"}}},
            },
            "required": ["project_path_label", "project_labels"],
        })),
        "otlp" => Some(json!({
            "properties": {"protocol": {"const": "grpc"}, "endpoint": {"pattern": "^([^/]*//[^/]+/+[^/]|[^/]*[^:/]/+[^/])"}},
            "required": ["protocol", "endpoint"],
        })),
        _ => None,
    }
}

/// Several GitLabs by name.
fn instances() -> Json {
    json!({
        "description": "Several GitLabs, or several tokens for one, by name.",
        "type": "object",
        "minProperties": 1,
        "propertyNames": {"pattern": "^[a-z0-9._-]+$"},
        "additionalProperties": {
            "type": ["object", "null"],
            "properties": references(instance_sections()),
            "additionalProperties": false,
        },
    })
}

fn references(sections: impl Iterator<Item = &'static str>) -> Map<String, Json> {
    let reference = |name: &str| json!({"$ref": format!("#/definitions/{name}")});
    sections
        .map(|name| (name.to_owned(), reference(name)))
        .collect()
}

/// YAML of our own as JSON.
fn json(yaml: &str) -> Json {
    serde_saphyr::from_str(yaml).unwrap_or_else(|_| yaml.into())
}
