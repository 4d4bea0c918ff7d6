//! What GraphQL says is wrong with a query or with a part of its answer.

use serde_json::Value;

use super::words;

/// What is wrong with a query or a part of its answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GraphqlError {
    pub message: String,
    /// The way to the part: names of fields, and numbers of elements.
    pub path: Vec<Value>,
    /// The kind of error, such as `undefinedField`.
    pub code: Option<String>,
    /// The type that lacks something.
    pub type_name: Option<String>,
    pub field_name: Option<String>,
    pub argument_name: Option<String>,
}

impl GraphqlError {
    /// `redact` takes the token out of GitLab's words, should it have echoed it.
    pub(super) fn read(error: &Value, redact: &dyn Fn(&str) -> String) -> GraphqlError {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(redact);
        let extension = |name: &str| text(error.get("extensions").and_then(|all| all.get(name)));
        GraphqlError {
            message: text(error.get("message")).unwrap_or_default(),
            path: error
                .get("path")
                .and_then(Value::as_array)
                .cloned()
                .unwrap_or_default(),
            code: extension("code"),
            type_name: extension("typeName"),
            field_name: extension("fieldName"),
            argument_name: extension("argumentName"),
        }
    }
}

/// The first words of a failed query.
pub(super) fn summary(errors: &[GraphqlError]) -> String {
    if errors.is_empty() {
        return "it names no reason".to_owned();
    }
    let messages: Vec<&str> = errors.iter().map(|error| error.message.as_str()).collect();
    words::shorten(&messages.join("; "))
}
