//! A query that passed the checks, with what each field needs looked up once and not for every project.

use graphql_parser::Pos;
use graphql_parser::query::{Selection, SelectionSet};
use serde_json::{Map, Value};

use super::complexity;
use super::schema::{self, SCHEMA, type_name};
use super::validate::response_key;

/// A field to be read, and what to read of its value.
pub(super) struct Step<'q> {
    pub(super) key: &'q str,
    pub(super) name: &'q str,
    pub(super) position: Pos,
    /// The field in the schema; `__typename` has none.
    pub(super) known: Option<&'static schema::Field>,
    pub(super) arguments: Map<String, Value>,
    pub(super) steps: Vec<Step<'q>>,
}

/// Plans a selection on a type.
pub(super) fn plan<'q>(
    kind: &str,
    selection: &'q SelectionSet<'q, String>,
    variables: &Map<String, Value>,
) -> Vec<Step<'q>> {
    let fields = selection.items.iter().filter_map(|item| match item {
        Selection::Field(field) => Some(field),
        // Fragments were refused by the checks.
        _ => None,
    });
    let step = |field: &'q graphql_parser::query::Field<'q, String>| {
        let known = SCHEMA.any_field(kind, &field.name);
        let returns = known.map_or("", |known| type_name(&known.returns));
        Step {
            key: response_key(field),
            name: &field.name,
            position: field.position,
            known,
            arguments: complexity::arguments(field, variables),
            steps: plan(returns, &field.selection_set, variables),
        }
    };
    fields.map(step).collect()
}

impl Step<'_> {
    /// The type of what is read.
    pub(super) fn returns(&self) -> &'static str {
        self.known.map_or("", |known| type_name(&known.returns))
    }

    pub(super) fn text(&self, argument: &str) -> Option<&str> {
        self.arguments.get(argument).and_then(Value::as_str)
    }

    /// What is read of the value under that name, if anything is.
    pub(super) fn step(&self, name: &str) -> Option<&Self> {
        self.steps.iter().find(|step| step.name == name)
    }

    /// Whether this reads a connection of its value: each is a query per project.
    pub(super) fn counts_rows(&self) -> bool {
        let connection = |step: &Self| step.known.is_some_and(schema::Field::is_connection);
        self.steps.iter().any(connection)
    }
}
