//! Webhooks joined to the rest: what they are checked against, where they arrive, where hints go.

use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use axum::Router;
use secrecy::{ExposeSecret, SecretString};

use crate::config::{self, Token};
use crate::export::Server;
use crate::webhook::{self, Counts, Hint, Receiver, Secrets};

/// Webhooks, ready to be taken.
pub struct Webhooks {
    /// The routes they arrive at.
    pub routes: Router,
    /// Where these are served, unless it is with the pages.
    pub server: Option<Server>,
    /// What came.
    pub counts: Arc<Counts>,
}

/// Builds what takes webhooks, if they are wanted, and binds their listener if they have their own.
///
/// # Errors
/// If a secret can't be read or the listener can't be bound; the message says what to do.
pub async fn build(config: &config::Webhook) -> Result<Option<Webhooks>> {
    if !config.enabled {
        return Ok(None);
    }
    let server = match &config.listen {
        Some(own) => Some(Server::bind(&own.host, own.port, "webhook.listen:").await?),
        None => None,
    };
    let counts = Arc::new(Counts::default());
    let receiver = Receiver {
        secrets: secrets(config)?,
        instances: Vec::new(),
        take: Arc::new(take),
        counts: Arc::clone(&counts),
    };
    Ok(Some(Webhooks {
        routes: webhook::router(receiver),
        server,
        counts,
    }))
}

/// What webhooks are checked against.
///
/// # Errors
/// If there is none, or one can't be read.
fn secrets(config: &config::Webhook) -> Result<Secrets> {
    let tokens = read(config.token.as_ref()).context("webhook.token")?;
    let signing_tokens = read(config.signing_token.as_ref()).context("webhook.signing_token")?;
    // Without any secret there is no configuration.
    Secrets::build(&tokens, &signing_tokens).context("webhook.signing_token")
}

/// Where hints go: the poller will take them here.
fn take(hint: Hint) {
    tracing::debug!(?hint, "GitLab tells of a change");
}

/// A file may hold several, one a line.
fn read(token: Option<&Token>) -> Result<Vec<SecretString>> {
    match token {
        None => Ok(Vec::new()),
        Some(Token::Variable(_, token)) => Ok(vec![token.clone()]),
        Some(Token::File(file)) => {
            let text = fs::read_to_string(file).map(SecretString::from);
            let text = text.with_context(|| format!("reading {}", file.display()))?;
            let lines = text.expose_secret().lines().map(str::trim);
            let tokens: Vec<_> = lines
                .filter(|line| !line.is_empty())
                .map(SecretString::from)
                .collect();
            ensure!(
                !tokens.is_empty(),
                "{} is empty: write the token into it",
                file.display()
            );
            Ok(tokens)
        }
    }
}
