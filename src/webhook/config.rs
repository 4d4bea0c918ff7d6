//! What taking webhooks needs to know.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use secrecy::{ExposeSecret, SecretString};

use super::secrets::Secrets;

/// Whether webhooks are taken, and what they are checked against. When they are, there is a secret.
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub enabled: bool,
    /// The secret token that webhooks carry.
    pub token: Option<SecretSource>,
    /// The token that webhooks are signed with.
    pub signing_token: Option<SecretSource>,
}

/// Where a secret stands.
#[derive(Clone, Debug)]
pub enum SecretSource {
    /// A variable, by its name, and the secret that it holds.
    Variable(String, SecretString),
    /// A file that holds one, or several, one a line.
    File(PathBuf),
}

impl Config {
    /// Reads the secrets.
    ///
    /// # Errors
    /// If there is none, or one can't be read.
    pub fn build(&self) -> Result<Secrets> {
        let tokens = read(self.token.as_ref()).context("webhook.token")?;
        let signing_tokens = read(self.signing_token.as_ref()).context("webhook.signing_token")?;
        // The configuration is refused if there is no secret at all.
        Secrets::build(&tokens, &signing_tokens).context("webhook.signing_token")
    }
}

fn read(source: Option<&SecretSource>) -> Result<Vec<SecretString>> {
    match source {
        None => Ok(Vec::new()),
        Some(SecretSource::Variable(_, secret)) => Ok(vec![secret.clone()]),
        Some(SecretSource::File(file)) => {
            let text = fs::read_to_string(file).map(SecretString::from);
            let text = text.with_context(|| format!("reading {}", file.display()))?;
            let lines = text.expose_secret().lines().map(str::trim);
            let secrets: Vec<_> = lines
                .filter(|line| !line.is_empty())
                .map(SecretString::from)
                .collect();
            ensure!(
                !secrets.is_empty(),
                "{} is empty: write the token into it",
                file.display()
            );
            Ok(secrets)
        }
    }
}
