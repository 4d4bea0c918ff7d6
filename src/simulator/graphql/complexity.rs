//! What GitLab charges for a GraphQL query before it runs it.
//!
//! The rules are those of `app/graphql/types/base_field.rb` and
//! `app/graphql/resolvers/base_resolver.rb`: the score depends on the text and
//! the page sizes, never on how many rows exist.

use graphql_parser::query::{
    Definition, Document, Field, OperationDefinition, Selection, SelectionSet,
};
use serde_json::{Map, Value};

use super::fragments;
use super::schema::{self, SCHEMA, type_name};
use super::values::arguments;
use crate::simulator::limits::MAX_PAGE_SIZE;
use crate::simulator::world::version::Version;

/// Computes the score of the first query in `query` with these variables.
///
/// The newest schema is the price list, so the score is an upper bound for older
/// versions. A field that the model's schema doesn't know is an error, in words.
pub fn score(query: &str, variables: &Value) -> Result<u32, String> {
    let document: Document<'_, String> =
        graphql_parser::parse_query(query).map_err(|error| error.to_string())?;
    let empty = Map::new();
    let variables = variables.as_object().unwrap_or(&empty);
    let selection = document
        .definitions
        .iter()
        .find_map(|definition| match definition {
            Definition::Operation(OperationDefinition::Query(query)) => Some(&query.selection_set),
            Definition::Operation(OperationDefinition::SelectionSet(selection)) => Some(selection),
            _ => None,
        })
        .ok_or("the document holds no query")?;
    let selection = fragments::expand(selection, &fragments::of(&document));
    score_selection("Query", &selection, variables, Version::V18_8)
}

/// The sum over the fields that are selected on a type, with fragments expanded, in a version of GitLab.
pub(crate) fn score_selection(
    kind: &str,
    selection: &SelectionSet<'_, String>,
    variables: &Map<String, Value>,
    version: Version,
) -> Result<u32, String> {
    let mut total = 0;
    for item in &selection.items {
        if let Selection::Field(field) = item {
            total += score_field(kind, field, variables, version)?;
        }
    }
    Ok(total)
}

fn score_field(
    kind: &str,
    field: &Field<'_, String>,
    variables: &Map<String, Value>,
    version: Version,
) -> Result<u32, String> {
    if field.name == "__typename" {
        return Ok(1);
    }
    let known = SCHEMA
        .any_field(kind, &field.name)
        .ok_or_else(|| format!("the model knows no field {kind}.{}", field.name))?;
    let returns = type_name(&known.returns);
    let children = score_selection(returns, &field.selection_set, variables, version)?;
    let arguments = arguments(field, variables);
    let given = |name: &str| arguments.get(name).is_some_and(|value| !value.is_null());
    let used = |name: &str| {
        let default = || {
            let argument = known
                .arguments
                .iter()
                .find(|argument| argument.name == name);
            argument.is_some_and(|argument| argument.has_default)
        };
        given(name) || (!arguments.contains_key(name) && default())
    };

    let mut cost =
        children + 1 + u32::from(known.traits.asks_gitaly(version)) + known.traits.extra_cost;
    cost += u32::from(used("sort"));
    cost += if used("search") { 5 } else { 0 };
    for argument in &known.arguments {
        if given(&argument.name) {
            cost += argument.traits.extra_cost;
        }
    }
    let discount = |argument: &schema::Argument| match given(&argument.name) {
        true => argument.traits.bonus,
        false => 0,
    };
    let bonus = known.arguments.iter().map(discount).max();
    cost = cost.saturating_sub(bonus.unwrap_or_default()).max(1);
    if known.is_connection() && !known.traits.plain && !given("iid") && !given("iids") {
        let size = |name: &str| arguments.get(name).and_then(Value::as_u64);
        let asked = size("first").into_iter().chain(size("last")).min();
        // One per cent for each thing on the page; GitLab cuts the fraction off.
        let items = asked.unwrap_or(MAX_PAGE_SIZE).min(MAX_PAGE_SIZE) as u32;
        cost += cost * items / 100;
    }
    Ok(cost)
}
