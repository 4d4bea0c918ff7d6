//! GraphQL as GitLab answers it: limits first, then the query, field by field.
//!
//! `schema.graphql` says what exists and what it costs; the objects are in `resources`.

pub(crate) mod complexity;
pub(crate) mod connection;
mod execute;
mod fragments;
pub(crate) mod introspection;
pub(crate) mod object;
mod schema;
pub(crate) mod select;
mod validate;
mod values;

use std::collections::HashMap;

use fastrand::Rng;
use graphql_parser::query::{
    Definition, Document, OperationDefinition, SelectionSet, VariableDefinition,
};
use serde_json::{Map, Value, json};

use self::execute::Calls;
use self::object::{Context, Object};
use super::answer::Answer;
use super::limits::{
    MAX_ANONYMOUS_COMPLEXITY, MAX_ANONYMOUS_DEPTH, MAX_COMPLEXITY, MAX_DEPTH, MAX_QUERY_TEXT,
};
use super::world::World;
use super::world::counts::Viewer;
use super::world::version::Version;

/// Who asks, and which fields time out.
pub(super) struct Asking<'w> {
    pub(super) world: &'w World,
    pub(super) viewer: Viewer,
    /// With this, some fields of some projects time out.
    pub(super) timeouts: Option<Rng>,
}

/// Answers the body of a `POST /api/graphql`, whose fields are those of `query`.
///
/// A list of queries is answered by a list; they share what a query may cost.
pub(super) fn answer<'w>(query: &dyn Object<'w>, asking: &Asking<'w>, body: &Value) -> Answer {
    let Value::Array(bodies) = body else {
        let mut calls = Calls::new();
        let answered = parse(body).and_then(|asked| {
            let operation = asked.prepare(asking)?;
            operation.affordable(operation.score)?;
            operation.answer(query, asking, &mut calls)
        });
        return answered.unwrap_or_else(|refusal| *refusal);
    };
    let parsed: Vec<_> = bodies.iter().map(parse).collect();
    let mut prepared = Vec::new();
    for asked in &parsed {
        prepared.push(match asked {
            Ok(asked) => asked.prepare(asking),
            Err(refusal) => Err(refusal.clone()),
        });
    }
    let together = prepared.iter().flatten().map(|operation| operation.score);
    let together = together.sum();
    // Old servers count fields that are limited over the whole list, new ones for each text.
    let by_text = asking.world.profile.version >= Version::V18_4;
    let mut calls: HashMap<String, Calls> = HashMap::new();
    let mut projects = 0;
    let answers = prepared.into_iter().map(|operation| {
        let answered = operation.and_then(|operation| {
            operation.affordable(together)?;
            let text = operation.text.to_owned();
            let fingerprint = if by_text { text } else { String::new() };
            operation.answer(query, asking, calls.entry(fingerprint).or_default())
        });
        answered.unwrap_or_else(|refusal| *refusal)
    });
    let bodies: Vec<Value> = answers
        .map(|answer| {
            projects += answer.projects;
            answer.body_json()
        })
        .collect();
    let mut answer = Answer::json(200, &bodies);
    answer.projects = projects;
    answer
}

/// A query that could be read.
struct Asked<'b> {
    text: &'b str,
    wanted: Option<&'b str>,
    variables: Map<String, Value>,
    document: Document<'static, String>,
}

fn parse(body: &Value) -> Result<Asked<'_>, Box<Answer>> {
    let refuse = |message| Box::new(Answer::graphql_error(422, message));
    let Some(text) = body["query"].as_str() else {
        return Err(refuse("Unexpected end of document"));
    };
    if text.len() > MAX_QUERY_TEXT {
        return Err(refuse("Query too large"));
    }
    let variables = match &body["variables"] {
        Value::Object(variables) => variables.clone(),
        Value::Null => Map::new(),
        _ => return Err(refuse("Could not parse variables")),
    };
    let document = graphql_parser::parse_query::<String>(text)
        .map_err(|error| refused(&format!("Parse error: {error}")))?;
    Ok(Asked {
        text,
        wanted: body["operationName"].as_str(),
        variables,
        document: document.into_static(),
    })
}

impl Asked<'_> {
    /// Chooses the operation, checks it and prices it.
    fn prepare(&self, asking: &Asking<'_>) -> Result<Prepared<'_>, Box<Answer>> {
        let operation = Operation::choose(&self.document, self.wanted)?;
        let (profile, fragments) = (&asking.world.profile, fragments::of(&self.document));
        let errors = validate::validate(
            profile,
            operation.name,
            operation.variables,
            operation.selection,
            &fragments,
        );
        if !errors.is_empty() {
            return Err(Box::new(Answer::json(200, &json!({ "errors": errors }))));
        }
        let mut variables = self.variables.clone();
        operation.complete(&mut variables)?;
        let selection = fragments::expand(operation.selection, &fragments);
        let (limit, deepest) = match asking.viewer {
            Viewer::User | Viewer::Administrator => (MAX_COMPLEXITY, MAX_DEPTH),
            Viewer::Anonymous => (MAX_ANONYMOUS_COMPLEXITY, MAX_ANONYMOUS_DEPTH),
        };
        let depth = fragments::depth(&selection);
        if depth > deepest {
            let message =
                format!("Query has depth of {depth}, which exceeds max depth of {deepest}");
            return Err(refused(&message));
        }
        let score = complexity::score_selection("Query", &selection, &variables, profile.version);
        Ok(Prepared {
            text: self.text,
            selection,
            variables,
            score: score.map_err(|message| refused(&message))?,
            limit,
        })
    }
}

/// A query that passed the checks.
struct Prepared<'b> {
    text: &'b str,
    selection: SelectionSet<'static, String>,
    variables: Map<String, Value>,
    score: u32,
    limit: u32,
}

impl Prepared<'_> {
    fn affordable(&self, score: u32) -> Result<(), Box<Answer>> {
        let limit = self.limit;
        if score > limit {
            return Err(refused(&format!(
                "Query has complexity of {score}, which exceeds max complexity of {limit}"
            )));
        }
        Ok(())
    }

    fn answer<'w>(
        &self,
        query: &dyn Object<'w>,
        asking: &Asking<'w>,
        calls: &mut Calls,
    ) -> Result<Answer, Box<Answer>> {
        let fields = select::select("Query", &[&self.selection], &self.variables);
        let context = Context::new(asking.world, asking.viewer, self.score, self.limit);
        let body = execute::execute(&context, query, &fields, asking.timeouts.clone(), calls)?;
        let mut answer = Answer::of(200, "application/json", body);
        answer.projects = context.projects();
        Ok(answer)
    }
}

/// The operation of a document that is to run.
struct Operation<'q> {
    name: Option<&'q str>,
    variables: &'q [VariableDefinition<'static, String>],
    selection: &'q SelectionSet<'static, String>,
}

impl<'q> Operation<'q> {
    fn choose(
        document: &'q Document<'static, String>,
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
