//! Looks at an address without the token: whether a GitLab is there. So no token goes to somebody else.

use std::sync::Arc;

use tokio::time::Instant;

use super::address::{self, Address};
use super::build_error::BuildError;
use super::config::Config;
use super::connections::{Connections, LARGEST_BODY};
use super::error::Error;
use super::json;
use super::refusal::{Failure, judge};
use super::request::{ApiRequest, Outcome};
use super::secrets::Credentials;
use super::sender::Sender;

impl Config {
    /// Asks what is at the address, without the token and the configured headers. It is a GitLab if it answers in
    /// GitLab's words, as to a stranger.
    ///
    /// # Errors
    /// The outer one if the settings can't be used, the inner one if no GitLab is there.
    pub async fn look(&self, deadline: Instant) -> Result<Result<(), Error>, BuildError> {
        let url = Address::new(&self.url)?.rest("version");
        let connections = Connections::build(self, LARGEST_BODY)?;
        let sender = Sender::new(Arc::new(connections), self.request_timeout);
        let (request, nobody) = (ApiRequest::get(url), Credentials::nobody());
        let answered = match sender.send(&request, &nobody, deadline).await {
            Ok(response) => judge(&request, response, &nobody, json::HEAVIEST),
            Err(failure) => Err(failure),
        };
        Ok(match answered {
            Ok(Outcome::Json { .. }) => Ok(()),
            Ok(Outcome::Redirect(to)) => Err(Error::Redirected {
                to: address::without_credentials(&to).to_string(),
                gitlab_url: address::gitlab_of(&to).map(|url| url.to_string()),
            }),
            Err(Failure {
                error: Error::Unauthorized { .. } | Error::Forbidden { .. },
                ..
            }) => Ok(()),
            Err(Failure { error, .. }) => Err(error),
        })
    }
}
