//! Literals and variables of a query as JSON.

use graphql_parser::query::{Field, Type, Value as Literal};
use serde_json::{Map, Value};

/// The arguments that a field was given, with variables filled in.
///
/// An argument whose variable has no value is absent, as GraphQL has it.
pub(super) fn arguments(
    field: &Field<'_, String>,
    variables: &Map<String, Value>,
) -> Map<String, Value> {
    field
        .arguments
        .iter()
        .filter_map(|(name, value)| Some((name.clone(), literal(value, variables)?)))
        .collect()
}

/// A literal of the query language as JSON.
pub(super) fn literal(
    value: &Literal<'_, String>,
    variables: &Map<String, Value>,
) -> Option<Value> {
    Some(match value {
        Literal::Variable(name) => variables.get(name)?.clone(),
        Literal::Int(number) => number.as_i64().into(),
        Literal::Float(number) => (*number).into(),
        Literal::String(text) | Literal::Enum(text) => text.clone().into(),
        Literal::Boolean(flag) => (*flag).into(),
        Literal::Null => Value::Null,
        Literal::List(items) => items
            .iter()
            .filter_map(|item| literal(item, variables))
            .collect(),
        Literal::Object(fields) => fields
            .iter()
            .filter_map(|(name, value)| Some((name.clone(), literal(value, variables)?)))
            .collect::<Map<_, _>>()
            .into(),
    })
}

/// Whether a variable's value is of its declared type.
pub(super) fn fits(kind: &Type<'_, String>, value: &Value) -> bool {
    match (kind, value) {
        (Type::NonNullType(_), Value::Null) => false,
        (_, Value::Null) => true,
        (Type::NonNullType(inner), value) => fits(inner, value),
        (Type::ListType(inner), Value::Array(items)) => items.iter().all(|item| fits(inner, item)),
        (Type::ListType(inner), value) => fits(inner, value),
        (Type::NamedType(name), value) => match name.as_str() {
            "Int" => value.is_i64(),
            "Float" => value.is_number(),
            "Boolean" => value.is_boolean(),
            "ID" => value.is_string() || value.is_i64(),
            _ => value.is_string(),
        },
    }
}
