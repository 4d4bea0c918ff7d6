//! GraphQL: one document, its variables, and an answer that may be partial.

use serde_json::{Value, json};
use tokio::time::Instant;

use super::transport::{Method, Retry};
use super::{Answer, Client, Error, GraphqlError};

impl Client {
    /// Asks GraphQL.
    ///
    /// A timeout is not retried: the caller asks for less then.
    ///
    /// # Errors
    /// See [`Error`]; [`Error::Graphql`] if there are errors and no data.
    pub async fn graphql(
        &self,
        query: &str,
        variables: Value,
        deadline: Instant,
    ) -> Result<Answer, Error> {
        let body = json!({ "query": query, "variables": variables });
        let url = self.0.url("api/graphql");
        let answer = self
            .0
            .ask(
                "graphql",
                Method::Post(&body),
                url,
                Retry::UnlessTimeout,
                deadline,
            )
            .await;
        let body = match answer {
            Ok(answer) => answer.body,
            Err(Error::Unauthorized { detail }) => {
                return Err(self.why_unauthorized(detail, deadline).await);
            }
            Err(error) => return Err(error),
        };
        let errors = body["errors"]
            .as_array()
            .map(|errors| errors.iter().map(read_error).collect());
        let errors: Vec<GraphqlError> = errors.unwrap_or_default();
        match &body["data"] {
            Value::Null => Err(Error::Graphql { errors }),
            data => Ok(Answer {
                data: data.clone(),
                errors,
            }),
        }
    }

    /// GraphQL only says that the token is invalid; REST says whether it has expired or was revoked.
    async fn why_unauthorized(&self, detail: String, deadline: Instant) -> Error {
        match self.get("user", deadline).await {
            Err(error @ Error::Unauthorized { .. }) => error,
            _ => Error::Unauthorized { detail },
        }
    }
}

fn read_error(error: &Value) -> GraphqlError {
    GraphqlError {
        message: error["message"]
            .as_str()
            .unwrap_or("an error without a message")
            .to_owned(),
        path: error["path"].as_array().cloned().unwrap_or_default(),
        code: error["extensions"]["code"].as_str().map(str::to_owned),
    }
}
