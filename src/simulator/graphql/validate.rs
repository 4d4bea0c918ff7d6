//! GitLab's checks of a GraphQL document before it runs, with GitLab's words for what is wrong.

use std::collections::BTreeSet;

use graphql_parser::Pos;
use graphql_parser::query::{
    Field, Selection, SelectionSet, Type as QueryType, Value as Literal, VariableDefinition,
};
use serde_json::{Value, json};

use super::fragments::{self, Fragments};
use super::schema::{self, Argument, SCHEMA, type_name};
use super::select::response_key;
use crate::simulator::limits::MAX_VALIDATION_ERRORS;
use crate::simulator::world::version::Profile;

/// Checks fields, arguments, fragments and variables. The errors are as GitLab sends them; none is good.
pub(crate) fn validate<'q>(
    profile: &Profile,
    operation: Option<&str>,
    variables: &[VariableDefinition<'q, String>],
    selection: &SelectionSet<'q, String>,
    fragments: &Fragments<'_, 'q>,
) -> Vec<Value> {
    let root = operation.map_or("query".to_owned(), |name| format!("query {name}"));
    let mut check = Check {
        profile,
        operation: operation.unwrap_or("anonymous query"),
        variables,
        fragments,
        used: BTreeSet::new(),
        errors: Vec::new(),
    };
    check.selection("Query", selection, std::slice::from_ref(&root));
    check.fragments(selection);
    for variable in variables {
        if !check.used.contains(&variable.name) {
            check.error(
                format!(
                    "Variable ${} is declared by {} but not used",
                    variable.name, check.operation
                ),
                variable.position,
                std::slice::from_ref(&root),
                json!({ "code": "variableNotUsed", "variableName": variable.name }),
            );
        }
    }
    check.errors.truncate(MAX_VALIDATION_ERRORS);
    check.errors
}

struct Check<'c, 'q> {
    profile: &'c Profile,
    operation: &'c str,
    variables: &'c [VariableDefinition<'q, String>],
    fragments: &'c Fragments<'c, 'q>,
    used: BTreeSet<String>,
    errors: Vec<Value>,
}

impl Check<'_, '_> {
    fn selection(&mut self, kind: &str, selection: &SelectionSet<'_, String>, path: &[String]) {
        let mut seen: Vec<&Field<'_, String>> = Vec::new();
        for item in &selection.items {
            let field = match item {
                Selection::Field(field) => field,
                Selection::FragmentSpread(spread) => {
                    self.spread(kind, &spread.fragment_name, spread.position, path);
                    continue;
                }
                Selection::InlineFragment(inline) => {
                    let on = inline.type_condition.as_ref();
                    let on = on.map_or(kind, fragments::type_of);
                    self.condition(kind, on, inline.position, path);
                    self.selection(on, &inline.selection_set, path);
                    continue;
                }
            };
            let key = response_key(field);
            let clash = seen.iter().any(|other| {
                response_key(other) == key
                    && (other.name != field.name || other.arguments != field.arguments)
            });
            if clash {
                let message = format!(
                    "Field '{key}' has a field conflict: two different questions under one name"
                );
                let extensions = json!({ "code": "fieldConflict", "fieldName": key });
                self.error(message, field.position, path, extensions);
            }
            seen.push(field);
            self.field(kind, field, path);
        }
    }

    /// Checks the fragments themselves, and that each is used.
    fn fragments(&mut self, selection: &SelectionSet<'_, String>) {
        let all = self.fragments;
        let mut used: BTreeSet<&str> = fragments::spreads(selection).into_iter().collect();
        for fragment in all.values() {
            used.extend(fragments::spreads(&fragment.selection_set));
        }
        for (name, fragment) in all {
            let path = [format!("fragment {name}")];
            if !used.contains(name) {
                let message = format!("Fragment {name} was defined, but not used");
                let extensions = json!({ "code": "useAndDefineFragment", "fragmentName": name });
                self.error(message, fragment.position, &path, extensions);
            }
            let kind = fragments::type_of(&fragment.type_condition);
            self.selection(kind, &fragment.selection_set, &path);
        }
    }

    fn spread(&mut self, kind: &str, name: &str, position: Pos, path: &[String]) {
        let Some(fragment) = self.fragments.get(name) else {
            let message = format!("Fragment {name} was used, but not defined");
            let extensions = json!({ "code": "useAndDefineFragment", "fragmentName": name });
            return self.error(message, position, path, extensions);
        };
        if fragments::is_circular(name, self.fragments) {
            let message = format!("Fragment {name} contains an infinite loop");
            let extensions = json!({ "code": "infiniteLoop", "fragmentName": name });
            return self.error(message, position, path, extensions);
        }
        let on = fragments::type_of(&fragment.type_condition);
        self.condition(kind, on, position, path);
    }

    /// The model has no interfaces, so a fragment must be about the type it stands in.
    fn condition(&mut self, kind: &str, on: &str, position: Pos, path: &[String]) {
        if !SCHEMA.is_object(on) {
            let message = format!("No such type {on}, so it can't be a fragment condition");
            let extensions = json!({ "code": "undefinedType", "typeName": on });
            self.error(message, position, path, extensions);
        } else if kind != on {
            let message = format!("Fragment on {on} can't be spread inside {kind}");
            let extensions = json!({ "code": "cannotSpreadFragment", "typeName": kind });
            self.error(message, position, path, extensions);
        }
    }

    fn field(&mut self, kind: &str, field: &Field<'_, String>, path: &[String]) {
        if field.name == "__typename" {
            return;
        }
        let mut path = path.to_vec();
        path.push(response_key(field).to_owned());
        let Some(known) = SCHEMA.field(self.profile, kind, &field.name) else {
            let name = &field.name;
            let message = format!("Field '{name}' doesn't exist on type '{kind}'");
            let extensions =
                json!({ "code": "undefinedField", "typeName": kind, "fieldName": name });
            // What stands inside an unknown field can't be checked, but its variables count as used.
            self.note_variables_within(field);
            return self.error(message, field.position, &path, extensions);
        };
        self.arguments(known, field, &path);

        let returns = type_name(&known.returns);
        let leaf = !SCHEMA.is_object(returns);
        if leaf != field.selection_set.items.is_empty() {
            let message = if leaf {
                format!(
                    "Selections can't be made on scalars (field '{}' returns {returns} but has selections)",
                    field.name
                )
            } else {
                format!(
                    "Field must have selections (field '{}' returns {returns} but has no selections. Did you mean '{} {{ ... }}'?)",
                    field.name, field.name
                )
            };
            let extensions = json!({ "code": "selectionMismatch", "nodeName": format!("field '{}'", field.name), "typeName": returns });
            return self.error(message, field.position, &path, extensions);
        }
        self.selection(returns, &field.selection_set, &path);
    }

    fn arguments(&mut self, known: &schema::Field, field: &Field<'_, String>, path: &[String]) {
        for (name, value) in &field.arguments {
            self.note_variables(value);
            let mut path = path.to_vec();
            path.push(name.clone());
            let Some(argument) = known.argument(self.profile, name) else {
                let message = format!("Field '{}' doesn't accept argument '{name}'", field.name);
                let extensions = json!({ "code": "argumentNotAccepted", "name": field.name, "typeName": "Field", "argumentName": name });
                self.error(message, field.position, &path, extensions);
                continue;
            };
            match value {
                Literal::Variable(variable) => {
                    self.variable(argument, variable, field.position, &path)
                }
                literal if !fits(self.profile, &argument.accepts, literal) => {
                    let message = format!(
                        "Argument '{name}' on Field '{}' has an invalid value ({literal}). Expected type '{}'.",
                        field.name, argument.accepts
                    );
                    let extensions = json!({ "code": "argumentLiteralsIncompatible", "typeName": "Field", "argumentName": name });
                    self.error(message, field.position, &path, extensions);
                }
                _ => {}
            }
        }
        let given = |argument: &&Argument| {
            field
                .arguments
                .iter()
                .any(|(name, _)| *name == argument.name)
        };
        let missing: Vec<&str> = known
            .accepted_arguments(self.profile)
            .filter(|argument| matches!(argument.accepts, schema::Type::NonNullType(_)))
            .filter(|argument| !argument.has_default && !given(argument))
            .map(|argument| argument.name.as_str())
            .collect();
        if !missing.is_empty() {
            let arguments = missing.join(", ");
            let message = format!(
                "Field '{}' is missing required arguments: {arguments}",
                field.name
            );
            let extensions = json!({ "code": "missingRequiredArguments", "className": "Field", "name": field.name, "arguments": arguments });
            self.error(message, field.position, path, extensions);
        }
    }

    fn variable(&mut self, argument: &Argument, name: &str, position: Pos, path: &[String]) {
        let Some(declared) = self.variables.iter().find(|declared| declared.name == name) else {
            let message = format!(
                "Variable ${name} is used by {} but not declared",
                self.operation
            );
            let extensions = json!({ "code": "variableNotDefined", "variableName": name });
            return self.error(message, position, path, extensions);
        };
        let never_null = declared.default_value.is_some() || argument.has_default;
        if !accepts(&argument.accepts, &declared.var_type, never_null) {
            let message = format!(
                "Type mismatch on variable ${name} and argument {} ({} / {})",
                argument.name, declared.var_type, argument.accepts
            );
            let extensions = json!({ "code": "variableMismatch", "variableName": name, "typeName": declared.var_type.to_string(), "argumentName": argument.name, "errorMessage": "Type mismatch" });
            self.error(message, position, path, extensions);
        }
    }

    fn note_variables_within(&mut self, field: &Field<'_, String>) {
        for (_, value) in &field.arguments {
            self.note_variables(value);
        }
        for item in &field.selection_set.items {
            if let Selection::Field(field) = item {
                self.note_variables_within(field);
            }
        }
    }

    fn note_variables(&mut self, value: &Literal<'_, String>) {
        match value {
            Literal::Variable(name) => {
                self.used.insert(name.clone());
            }
            Literal::List(items) => items.iter().for_each(|item| self.note_variables(item)),
            _ => {}
        }
    }

    fn error(&mut self, message: String, position: Pos, path: &[String], extensions: Value) {
        self.errors.push(json!({
            "message": message,
            "locations": [location(position)],
            "path": path,
            "extensions": extensions,
        }));
    }
}

/// A place in the text, as GraphQL reports it.
pub(crate) fn location(position: Pos) -> Value {
    json!({ "line": position.line, "column": position.column })
}

fn fits(profile: &Profile, kind: &schema::Type, literal: &Literal<'_, String>) -> bool {
    match (kind, literal) {
        (schema::Type::NonNullType(_), Literal::Null) => false,
        (_, Literal::Null | Literal::Variable(_)) => true,
        (schema::Type::NonNullType(inner), literal) => fits(profile, inner, literal),
        (schema::Type::ListType(inner), Literal::List(items)) => {
            items.iter().all(|item| fits(profile, inner, item))
        }
        (schema::Type::ListType(inner), literal) => fits(profile, inner, literal),
        (schema::Type::NamedType(name), literal) => match (name.as_str(), literal) {
            ("Int", Literal::Int(_)) => true,
            ("Float", Literal::Int(_) | Literal::Float(_)) => true,
            ("Boolean", Literal::Boolean(_)) => true,
            ("ID", Literal::String(_) | Literal::Int(_)) => true,
            ("String" | "Time" | "CiPipelineID", Literal::String(_)) => true,
            ("Int" | "Float" | "Boolean" | "ID" | "String" | "Time" | "CiPipelineID", _) => false,
            (name, Literal::Enum(value)) => SCHEMA.is_value(profile, name, value),
            _ => false,
        },
    }
}

/// Whether a variable of the declared type may stand where the argument is.
fn accepts(wanted: &schema::Type, declared: &QueryType<'_, String>, never_null: bool) -> bool {
    match (wanted, declared) {
        (schema::Type::NonNullType(wanted), QueryType::NonNullType(declared)) => {
            accepts(wanted, declared, false)
        }
        (schema::Type::NonNullType(wanted), declared) => {
            never_null && accepts(wanted, declared, false)
        }
        (wanted, QueryType::NonNullType(declared)) => accepts(wanted, declared, false),
        (schema::Type::ListType(wanted), QueryType::ListType(declared)) => {
            accepts(wanted, declared, false)
        }
        (schema::Type::NamedType(wanted), QueryType::NamedType(declared)) => wanted == declared,
        _ => false,
    }
}
