//! GraphQL: one query, its data, and the errors that belong to parts of it.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::client::Client;
use super::error::Error;
use super::graphql_error::GraphqlError;
use super::rate_limit;
use super::request::{ApiRequest, Outcome};

/// What a query brought: data, of which parts may be missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The data as asked for. A null in it is unknown, never zero.
    pub data: Value,
    /// What is wrong with parts of the data.
    pub errors: Vec<GraphqlError>,
    /// How long GitLab took, without waiting for limits and without earlier tries.
    pub took: Duration,
    /// When GitLab answered, by its own clock, if it says so.
    pub date: Option<SystemTime>,
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
        let url = self.shared.address.graphql().clone();
        let body = json!({ "query": query, "variables": variables }).to_string();
        let request = ApiRequest::query(url, body.into_bytes());
        match self.ask(&request, deadline).await {
            Ok(Outcome::Json {
                body,
                took,
                headers,
            }) => {
                let credentials = self.shared.secrets.current();
                let answer = answer(body, took, &|text| credentials.redact(text))?;
                let date = rate_limit::date(&headers);
                Ok(Answer { date, ..answer })
            }
            Ok(Outcome::Redirect(to)) => Err(self.redirected(&to)),
            Err(Error::Unauthorized { detail }) => Err(self.unauthorized(detail, deadline).await),
            Err(error) => Err(error),
        }
    }

    /// GraphQL says "Invalid token" whatever the matter is; REST says expired or revoked.
    async fn unauthorized(&self, detail: String, deadline: Instant) -> Error {
        let credentials = self.shared.secrets.current();
        let explain = || async {
            let request = ApiRequest::get(self.shared.address.rest("user"));
            match self.ask(&request, deadline).await {
                Err(Error::Unauthorized { detail }) => Some(detail),
                _ => None,
            }
        };
        let explained = credentials.refusal.get_or_init(explain).await;
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
        Some(data) => Ok(Answer {
            data,
            errors,
            took,
            date: None,
        }),
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
        for body in [json!({"data": null}), json!({"errors": []})] {
            assert!(matches!(
                answer(body, Duration::ZERO, &str::to_owned),
                Err(Error::Graphql { .. })
            ));
        }
    }
}
