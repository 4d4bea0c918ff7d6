//! GraphQL as GitLab answers it: limits first, then the query, field by field.
//!
//! `schema.graphql` says what exists and what it costs; the objects are in `resources`.

pub(crate) mod complexity;
pub(crate) mod connection;
mod execute;
pub(crate) mod introspection;
pub(crate) mod object;
mod schema;
pub(crate) mod select;
mod validate;
mod values;

use fastrand::Rng;
use graphql_parser::query::{
    Definition, Document, OperationDefinition, SelectionSet, VariableDefinition,
};
use serde_json::{Map, Value, json};

use self::object::{Context, Object};
use super::answer::Answer;
use super::limits::{MAX_ANONYMOUS_COMPLEXITY, MAX_COMPLEXITY, MAX_QUERY_TEXT};
use super::world::World;
use super::world::counts::Viewer;

/// Answers the body of a `POST /api/graphql`, whose fields are those of `query`.
///
/// With `timeouts`, some fields of some projects time out.
pub(super) fn answer<'w>(
    query: &dyn Object<'w>,
    world: &'w World,
    viewer: Viewer,
    body: &Value,
    timeouts: Option<Rng>,
) -> Answer {
    let Some(text) = body["query"].as_str() else {
        return Answer::graphql_error(422, "Unexpected end of document");
    };
    if text.len() > MAX_QUERY_TEXT {
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
    let answered = Operation::choose(&document, body["operationName"].as_str())
        .and_then(|operation| operation.answer(query, world, viewer, variables, timeouts));
    answered.unwrap_or_else(|refusal| *refusal)
}

/// The operation of a document that is to run.
struct Operation<'q> {
    name: Option<&'q str>,
    variables: &'q [VariableDefinition<'q, String>],
    selection: &'q SelectionSet<'q, String>,
}

impl<'q> Operation<'q> {
    fn choose(
        document: &'q Document<'q, String>,
        wanted: Option<&str>,
    ) -> Result<Operation<'q>, Box<Answer>> {
        let operations = document.definitions.iter();
        let mut queries = operations.filter_map(|definition| match definition {
            Definition::Operation(OperationDefinition::Query(query)) => Some(Operation {
                name: query.name.as_deref(),
                variables: &query.variable_definitions,
                selection: &query.selection_set,
            }),
            Definition::Operation(OperationDefinition::SelectionSet(selection)) => {
                Some(Operation {
                    name: None,
                    variables: &[],
                    selection,
                })
            }
            _ => None,
        });
        let message = "The model answers queries only, and found none of that name";
        queries
            .find(|query| wanted.is_none() || query.name == wanted)
            .ok_or_else(|| refused(message))
    }

    fn answer<'w>(
        self,
        query: &dyn Object<'w>,
        world: &'w World,
        viewer: Viewer,
        mut variables: Map<String, Value>,
        timeouts: Option<Rng>,
    ) -> Result<Answer, Box<Answer>> {
        let errors = validate::validate(&world.profile, self.name, self.variables, self.selection);
        if !errors.is_empty() {
            return Err(Box::new(Answer::json(200, &json!({ "errors": errors }))));
        }
        self.complete(&mut variables)?;
        let score = complexity::score_selection("Query", self.selection, &variables);
        let score = score.map_err(|message| refused(&message))?;
        let limit = match viewer {
            Viewer::Anonymous => MAX_ANONYMOUS_COMPLEXITY,
            Viewer::User | Viewer::Administrator => MAX_COMPLEXITY,
        };
        if score > limit {
            return Err(refused(&format!(
                "Query has complexity of {score}, which exceeds max complexity of {limit}"
            )));
        }
        let fields = select::select("Query", &[self.selection], &variables);
        let context = Context::new(world, viewer, score, limit);
        let body = execute::execute(&context, query, &fields, timeouts)?;
        let mut answer = Answer::of(200, "application/json", body);
        answer.projects = context.projects();
        Ok(answer)
    }

    /// Gives variables their defaults, and refuses values of another type.
    fn complete(&self, variables: &mut Map<String, Value>) -> Result<(), Box<Answer>> {
        for declared in self.variables {
            if let Some(default) = &declared.default_value
                && !variables.contains_key(&declared.name)
                && let Some(default) = values::literal(default, &Map::new())
            {
                variables.insert(declared.name.clone(), default);
            }
            let value = variables.get(&declared.name).unwrap_or(&Value::Null);
            if !values::fits(&declared.var_type, value) {
                let (name, kind) = (&declared.name, &declared.var_type);
                let message = format!("Variable ${name} of type {kind} was provided invalid value");
                return Err(refused(&message));
            }
        }
        Ok(())
    }
}

fn refused(message: &str) -> Box<Answer> {
    Box::new(Answer::graphql_error(200, message))
}
