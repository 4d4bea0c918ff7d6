//! GraphQL as GitLab answers it: limits first, then the query, field by field.

use fastrand::Rng;
use graphql_parser::query::{
    Definition, Document, OperationDefinition, SelectionSet, VariableDefinition,
};
use serde_json::{Map, Value, json};

use super::answer::Answer;
use super::complexity;
use super::execution::{Execution, Object};
use super::plan::plan;
use super::project::Viewer;
use super::validate;
use super::world::World;

/// Longer query texts are refused.
const MAX_TEXT: usize = 10_000;
/// The score that a signed-in user may ask for, and an anonymous one.
const MAX_COMPLEXITY: u32 = 250;
const MAX_ANONYMOUS_COMPLEXITY: u32 = 200;

/// Answers the body of a `POST /api/graphql`.
/// With `timeouts`, some fields of some projects time out.
pub(super) fn answer(world: &World, viewer: Viewer, body: &Value, timeouts: Option<Rng>) -> Answer {
    let Some(text) = body["query"].as_str() else {
        return Answer::graphql_error(422, "Unexpected end of document");
    };
    if text.len() > MAX_TEXT {
        return Answer::graphql_error(422, "Query too large");
    }
    let variables = match &body["variables"] {
        Value::Object(variables) => variables.clone(),
        Value::Null => Map::new(),
        _ => return Answer::graphql_error(422, "Could not parse variables"),
    };
    let document = match graphql_parser::parse_query::<String>(text) {
        Ok(document) => document,
        Err(error) => return Answer::graphql_error(200, &format!("Parse error: {error}")),
    };
    match Request::choose(&document, body["operationName"].as_str()) {
        Ok(request) => request.answer(world, viewer, variables, timeouts),
        Err(message) => Answer::graphql_error(200, message),
    }
}

/// The operation of a document that is to run.
struct Request<'q> {
    name: Option<&'q str>,
    variables: &'q [VariableDefinition<'q, String>],
    selection: &'q SelectionSet<'q, String>,
}

impl<'q> Request<'q> {
    fn choose(
        document: &'q Document<'q, String>,
        wanted: Option<&str>,
    ) -> Result<Request<'q>, &'static str> {
        let mut queries = document
            .definitions
            .iter()
            .filter_map(|definition| match definition {
                Definition::Operation(OperationDefinition::Query(query)) => Some(Request {
                    name: query.name.as_deref(),
                    variables: &query.variable_definitions,
                    selection: &query.selection_set,
                }),
                Definition::Operation(OperationDefinition::SelectionSet(selection)) => {
                    Some(Request {
                        name: None,
                        variables: &[],
                        selection,
                    })
                }
                _ => None,
            });
        queries
            .find(|query| wanted.is_none() || query.name == wanted)
            .ok_or("The model answers queries only, and found none of that name")
    }

    fn answer(
        self,
        world: &World,
        viewer: Viewer,
        mut variables: Map<String, Value>,
        timeouts: Option<Rng>,
    ) -> Answer {
        let errors = validate::validate(&world.profile, self.name, self.variables, self.selection);
        if !errors.is_empty() {
            return Answer::json(200, &json!({ "errors": errors }));
        }
        for declared in self.variables {
            if let Some(default) = &declared.default_value
                && !variables.contains_key(&declared.name)
                && let Some(default) = complexity::literal(default, &Map::new())
            {
                variables.insert(declared.name.clone(), default);
            }
            let value = variables.get(&declared.name).unwrap_or(&Value::Null);
            if !value_fits(&declared.var_type, value) {
                let (name, kind) = (&declared.name, &declared.var_type);
                let message = format!("Variable ${name} of type {kind} was provided invalid value");
                return Answer::graphql_error(200, &message);
            }
        }
        let score = match complexity::score_selection("Query", self.selection, &variables) {
            Ok(score) => score,
            Err(message) => return Answer::graphql_error(200, &message),
        };
        let limit = match viewer {
            Viewer::User => MAX_COMPLEXITY,
            Viewer::Anonymous => MAX_ANONYMOUS_COMPLEXITY,
        };
        if score > limit {
            let message =
                format!("Query has complexity of {score}, which exceeds max complexity of {limit}");
            return Answer::graphql_error(200, &message);
        }
        let steps = plan("Query", self.selection, &variables);
        let mut execution = Execution {
            world,
            viewer,
            score,
            limit,
            timeouts,
            path: Vec::new(),
            projects: 0,
            heavy_projects: 0,
            errors: Vec::new(),
        };
        let data = match execution.object("Query", &Object::Query, &steps) {
            Ok(data) => data,
            Err(answer) => return *answer,
        };
        let mut body = Map::from_iter([("data".to_owned(), data)]);
        if !execution.errors.is_empty() {
            body.insert("errors".to_owned(), execution.errors.into());
        }
        Answer {
            projects: execution.projects,
            ..Answer::json(200, &Value::Object(body))
        }
    }
}

/// The revision that this GitLab says it was built from.
pub(super) const REVISION: &str = "0a1b2c3d4e5";
/// The name under which the token's user signs in.
pub(super) const USERNAME: &str = "bridge";
/// The display name of the token's user.
pub(super) const USER_NAME: &str = "Metrics Bridge";

/// Whether a variable's value is of its declared type.
fn value_fits(kind: &graphql_parser::query::Type<'_, String>, value: &Value) -> bool {
    use graphql_parser::query::Type;
    match (kind, value) {
        (Type::NonNullType(_), Value::Null) => false,
        (_, Value::Null) => true,
        (Type::NonNullType(inner), value) => value_fits(inner, value),
        (Type::ListType(inner), Value::Array(items)) => {
            items.iter().all(|item| value_fits(inner, item))
        }
        (Type::ListType(inner), value) => value_fits(inner, value),
        (Type::NamedType(name), value) => match name.as_str() {
            "Int" => value.is_i64(),
            "Float" => value.is_number(),
            "Boolean" => value.is_boolean(),
            "ID" => value.is_string() || value.is_i64(),
            _ => value.is_string(),
        },
    }
}
