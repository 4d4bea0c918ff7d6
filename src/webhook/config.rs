//! What taking webhooks needs to know.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

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
            let bytes = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
            let text = text(&Zeroizing::new(bytes))
                .with_context(|| format!("reading {}", file.display()))?;
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

/// Text in UTF-8, without a byte order mark. No error shows a byte of it.
fn text(bytes: &[u8]) -> Result<SecretString> {
    let wide = bytes.starts_with(b"\xff\xfe") || bytes.starts_with(b"\xfe\xff");
    ensure!(!wide, "it is in UTF-16: save it in UTF-8");
    let text = std::str::from_utf8(bytes).ok();
    let text = text.context("it is not in UTF-8")?;
    Ok(text.trim_start_matches('\u{feff}').into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_begin_with_a_byte_order_mark_but_not_be_in_utf_16() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let source = SecretSource::File(file.path().into());
        fs::write(file.path(), "\u{feff}one\r\ntwo\r\n").unwrap();
        let secrets = read(Some(&source)).unwrap();
        let secrets: Vec<_> = secrets.iter().map(ExposeSecret::expose_secret).collect();
        assert_eq!(secrets, ["one", "two"]);
        fs::write(file.path(), b"\xff\xfeo\0").unwrap();
        let error = read(Some(&source)).unwrap_err();
        assert!(format!("{error:#}").contains("UTF-16"), "{error:#}");
    }
}
