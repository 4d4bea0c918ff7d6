//! Where a secret stands: the token, or the value of a header.

use std::path::PathBuf;

use secrecy::{ExposeSecret, SecretString};

use super::build_error::BuildError;
use super::files;

/// Where a secret stands.
#[derive(Clone, Debug)]
pub enum CredentialSource {
    /// The secret itself, after the name of the variable or the setting that held it.
    Value(String, SecretString),
    /// A file that holds nothing else. It is read again before each poll, so it may be replaced
    /// while the bridge runs.
    File(PathBuf),
}

impl CredentialSource {
    /// The secret without the white space around it. `what` names it in an error.
    pub(super) fn read(&self, what: &'static str) -> Result<SecretString, BuildError> {
        let bytes;
        let text = match self {
            CredentialSource::Value(_, secret) => secret.expose_secret(),
            CredentialSource::File(path) => {
                bytes = files::read(what, path)?;
                std::str::from_utf8(&bytes).map_err(|_| self.malformed(what))?
            }
        };
        let text = text.trim_start_matches('\u{feff}').trim();
        match text.is_empty() {
            true => Err(BuildError::EmptySecret {
                what,
                place: self.place(),
            }),
            false => Ok(SecretString::from(text)),
        }
    }

    /// The error for a secret that can't be sent.
    pub(super) fn malformed(&self, what: &'static str) -> BuildError {
        BuildError::MalformedSecret {
            what,
            place: self.place(),
        }
    }

    fn place(&self) -> String {
        match self {
            CredentialSource::Value(name, _) => format!("in {name}"),
            CredentialSource::File(path) => format!("in {}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_does_not_show_a_secret() {
        let source = CredentialSource::Value("GITLAB_TOKEN".to_owned(), "glpat-secret".into());
        let text = format!("{source:?}");
        assert!(!text.contains("glpat-secret"), "{text}");
    }
}
