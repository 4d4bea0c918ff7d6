//! Who the token is, and which GitLab it talks to.

use jiff::civil::Date;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::client::Client;
use super::error::Error;

/// What GitLab tells about the token and itself. What it does not tell is absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TokenInfo {
    /// The user that the token acts for.
    pub username: Option<String>,
    pub token_name: Option<String>,
    /// What the token may do.
    pub scopes: Option<Vec<String>>,
    /// The first day on which the token is no longer valid.
    pub expires_at: Option<Date>,
    pub version: Option<String>,
    /// Whether it is the Enterprise Edition.
    pub enterprise: Option<bool>,
}

impl Client {
    /// Asks GitLab who the token is. Where REST is blocked, GraphQL tells a part of it.
    ///
    /// # Errors
    /// When neither API knows the token, or GitLab cannot be asked at all.
    pub async fn token_info(&self, deadline: Instant) -> Result<TokenInfo, Error> {
        let user = match self.get("user", deadline).await {
            Ok(document) => document.body,
            Err(refusal) if is_refusal(&refusal) => {
                return self
                    .token_info_by_graphql(deadline)
                    .await
                    .map_err(|_| refusal);
            }
            Err(error) => return Err(error),
        };
        let token = self
            .get_if_allowed("personal_access_tokens/self", deadline)
            .await?;
        // `metadata` is of GitLab 15.2; `version` is older, and gone one day.
        let metadata = match self.get_if_allowed("metadata", deadline).await? {
            Value::Null => self.get_if_allowed("version", deadline).await?,
            metadata => metadata,
        };
        let date = |text: String| text.parse().ok();
        Ok(TokenInfo {
            username: text(&user["username"]),
            token_name: text(&token["name"]),
            scopes: token["scopes"]
                .as_array()
                .map(|all| all.iter().filter_map(text).collect()),
            expires_at: text(&token["expires_at"]).and_then(date),
            version: text(&metadata["version"]),
            enterprise: metadata["enterprise"].as_bool(),
        })
    }

    /// The id of the user that the token acts for, which GitLab counts its requests by.
    ///
    /// # Errors
    /// When GitLab does not tell it.
    pub async fn user(&self, deadline: Instant) -> Result<Option<u64>, Error> {
        let query = "{ currentUser { id } }";
        let id = match self.graphql(query, json!({}), deadline).await {
            Ok(answer) => text(&answer.data["currentUser"]["id"]),
            Err(error) if is_refusal(&error) => {
                let user = self.get("user", deadline).await?.body;
                return Ok(user["id"].as_u64());
            }
            Err(error) => return Err(error),
        };
        let number = |id: String| id.rsplit('/').next().and_then(|id| id.parse().ok());
        Ok(id.and_then(number))
    }

    async fn token_info_by_graphql(&self, deadline: Instant) -> Result<TokenInfo, Error> {
        const QUERY: &str = "{ currentUser { username } metadata { version enterprise } }";
        let data = self.graphql(QUERY, json!({}), deadline).await?.data;
        Ok(TokenInfo {
            username: text(&data["currentUser"]["username"]),
            version: text(&data["metadata"]["version"]),
            enterprise: data["metadata"]["enterprise"].as_bool(),
            ..TokenInfo::default()
        })
    }

    /// The document, or null where this GitLab or this token has none.
    async fn get_if_allowed(&self, path: &str, deadline: Instant) -> Result<Value, Error> {
        match self.get(path, deadline).await {
            Ok(document) => Ok(document.body),
            Err(error) if is_refusal(&error) => Ok(Value::Null),
            Err(Error::Unauthorized { .. }) => Ok(Value::Null),
            Err(error) => Err(error),
        }
    }
}

/// Whether GitLab, or what stands before it, refuses this question in particular.
fn is_refusal(error: &Error) -> bool {
    matches!(
        error,
        Error::Forbidden { .. }
            | Error::NotFound { .. }
            | Error::Refused { .. }
            | Error::NotGitLab { .. }
            | Error::NotJson { .. }
    )
}

fn text(value: &Value) -> Option<String> {
    value.as_str().map(str::to_owned)
}
