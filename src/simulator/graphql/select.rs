//! A query that passed the checks, with what each field needs looked up once and not for every project.

use graphql_parser::Pos;
use graphql_parser::query::{Field, Selection, SelectionSet};
use serde_json::{Map, Value};

use super::schema::{self, SCHEMA, type_name};
use super::values::arguments;

/// A field that a query selects, and what it selects of the field's value.
pub(crate) struct SelectedField<'q> {
    /// The name under which the value is answered.
    pub(super) key: &'q str,
    pub(crate) name: &'q str,
    pub(super) position: Pos,
    /// The field in the schema; `__typename` has none.
    pub(super) known: Option<&'static schema::Field>,
    pub(crate) arguments: Map<String, Value>,
    pub(super) fields: Vec<SelectedField<'q>>,
}

/// The fields that are selected on a type. What is selected twice under one name is read once.
pub(super) fn select<'q, 't>(
    kind: &str,
    selections: &[&'q SelectionSet<'t, String>],
    variables: &Map<String, Value>,
) -> Vec<SelectedField<'q>> {
    let mut by_key: Vec<(&str, Vec<&'q Field<'t, String>>)> = Vec::new();
    for item in selections.iter().flat_map(|selection| &selection.items) {
        // Fragments were expanded.
        let Selection::Field(field) = item else {
            continue;
        };
        let key = response_key(field);
        match by_key.iter_mut().find(|(known, _)| *known == key) {
            Some((_, fields)) => fields.push(field),
            None => by_key.push((key, vec![field])),
        }
    }
    let selected = |(key, fields): (&'q str, Vec<&'q Field<'t, String>>)| {
        let field = fields[0];
        let known = SCHEMA.any_field(kind, &field.name);
        let returns = known.map_or("", |known| type_name(&known.returns));
        let inner: Vec<_> = fields.iter().map(|field| &field.selection_set).collect();
        SelectedField {
            key,
            name: &field.name,
            position: field.position,
            known,
            arguments: arguments(field, variables),
            fields: select(returns, &inner, variables),
        }
    };
    by_key.into_iter().map(selected).collect()
}

/// The name under which a field's value is answered.
pub(super) fn response_key<'f>(field: &'f Field<'_, String>) -> &'f str {
    field.alias.as_ref().unwrap_or(&field.name)
}

impl SelectedField<'_> {
    /// The type of the value.
    pub(super) fn returns(&self) -> &'static str {
        self.known.map_or("", |known| type_name(&known.returns))
    }

    pub(crate) fn text(&self, argument: &str) -> Option<&str> {
        self.arguments.get(argument).and_then(Value::as_str)
    }

    /// The value of an ID, which may be written as a text or a number.
    pub(crate) fn text_or_number(&self, argument: &str) -> Option<String> {
        match self.arguments.get(argument)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    pub(crate) fn flag(&self, argument: &str) -> Option<bool> {
        self.arguments.get(argument).and_then(Value::as_bool)
    }

    pub(crate) fn number(&self, argument: &str) -> Option<u64> {
        self.arguments.get(argument).and_then(Value::as_u64)
    }

    /// A list of texts; GraphQL takes a single value for a list of one.
    pub(crate) fn texts(&self, argument: &str) -> Option<Vec<String>> {
        let text = |value: &Value| {
            value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned)
        };
        match self.arguments.get(argument)? {
            Value::Array(items) => Some(items.iter().map(text).collect()),
            Value::Null => None,
            single => Some(vec![text(single)]),
        }
    }

    /// What is selected of the value under that name, if anything is.
    pub(crate) fn selected(&self, name: &str) -> Option<&Self> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether a connection of the value is read: the server counts its rows for every project.
    pub(crate) fn counts_rows(&self) -> bool {
        let connection = |field: &Self| field.known.is_some_and(schema::Field::is_connection);
        self.fields.iter().any(connection)
    }
}
