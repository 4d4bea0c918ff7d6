//! GraphQL: one query, its data, and the errors that belong to parts of it.

use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::Client;
use super::call::{Call, Outcome};
use super::error::Error;

/// What a query brought: data, of which parts may be missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The data as asked for. A null in it is unknown, never zero.
    pub data: Value,
    /// What is wrong with parts of the data.
    pub errors: Vec<GraphqlError>,
    /// How long GitLab took, without waiting for limits and without earlier tries.
    pub took: Duration,
}

/// What is wrong with a query or a part of its answer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GraphqlError {
    /// GitLab's words.
    pub message: String,
    /// The way to the part: names of fields, and numbers of elements.
    pub path: Vec<Value>,
    /// The kind of error, such as `undefinedField`.
    pub code: Option<String>,
    /// The type that lacks something.
    pub type_name: Option<String>,
    /// The field that is meant.
    pub field_name: Option<String>,
    /// The argument that is meant.
    pub argument_name: Option<String>,
}

impl Client {
    /// Sends one query; it must not be a mutation, as it may be sent more than once.
    ///
    /// # Errors
    /// [`Error::Graphql`] where there is no data at all. [`Error::Timeout`] where GitLab gave up
    /// on the query: ask for less.
    pub async fn graphql(
        &self,
        query: &str,
        variables: Value,
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let url = self.parts.address.graphql().clone();
        let body = json!({ "query": query, "variables": variables }).to_string();
        let call = Call::query(url, body.into_bytes());
        match self.ask(&call, deadline).await {
            Ok(Outcome::Json { body, took, .. }) => {
                let credential = self.parts.token.current();
                answer(body, took, &|text| credential.redact(text))
            }
            Ok(Outcome::Redirect(to)) => Err(Error::redirected(&to)),
            Err(Error::Unauthorized { detail }) => Err(self.unauthorized(detail, deadline).await),
            Err(error) => Err(error),
        }
    }

    /// GraphQL says "Invalid token" whatever the matter is; REST says expired or revoked.
    async fn unauthorized(&self, detail: String, deadline: Instant) -> Error {
        let credential = self.parts.token.current();
        let explain = || async {
            let call = Call::get(self.parts.address.rest("user"));
            match self.ask(&call, deadline).await {
                Err(Error::Unauthorized { detail }) => Some(detail),
                _ => None,
            }
        };
        let explained = credential.refusal.get_or_init(explain).await;
        Error::Unauthorized {
            detail: explained.clone().unwrap_or(detail),
        }
    }
}

/// `redact` takes the token out of GitLab's words, should it have echoed it.
fn answer(
    mut body: Value,
    took: Duration,
    redact: &dyn Fn(&str) -> String,
) -> Result<Answer, Error> {
    let errors = body.get("errors").and_then(Value::as_array);
    let errors = errors
        .into_iter()
        .flatten()
        .map(|error| GraphqlError::read(error, redact))
        .collect();
    match body.get_mut("data").map(Value::take) {
        None | Some(Value::Null) => Err(Error::Graphql { errors }),
        Some(data) => Ok(Answer { data, errors, took }),
    }
}

impl GraphqlError {
    fn read(error: &Value, redact: &dyn Fn(&str) -> String) -> GraphqlError {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let extension = |name: &str| text(error.get("extensions").and_then(|all| all.get(name)));
        GraphqlError {
            message: redact(&text(error.get("message")).unwrap_or_default()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_parts_leave_the_rest_of_the_data() {
        let body = json!({
            "data": {"projects": {"nodes": [{"id": "1", "releases": null}]}},
            "errors": [{"message": "Timeout on Project.releases", "path": ["projects", "nodes", 0, "releases"]}],
        });
        let answer = answer(body, Duration::ZERO, &str::to_owned).unwrap();
        assert_eq!(answer.data["projects"]["nodes"][0]["id"], "1");
        assert_eq!(
            answer.errors[0].path,
            [
                json!("projects"),
                json!("nodes"),
                json!(0),
                json!("releases")
            ]
        );
    }

    #[test]
    fn an_unknown_field_is_named() {
        let body = json!({"errors": [{
            "message": "Field 'updatedAt' doesn't exist on type 'Project'",
            "extensions": {"code": "undefinedField", "typeName": "Project", "fieldName": "updatedAt"},
        }]});
        let Err(Error::Graphql { errors }) = answer(body, Duration::ZERO, &str::to_owned) else {
            panic!("an answer without data is no answer");
        };
        assert_eq!(errors[0].code.as_deref(), Some("undefinedField"));
        assert_eq!(errors[0].type_name.as_deref(), Some("Project"));
        assert_eq!(errors[0].field_name.as_deref(), Some("updatedAt"));
    }

    #[test]
    fn an_answer_without_data_is_an_error() {
        for body in [json!({"data": null}), json!({}), json!([]), json!("ok")] {
            assert!(matches!(
                answer(body, Duration::ZERO, &str::to_owned),
                Err(Error::Graphql { .. })
            ));
        }
    }
}
