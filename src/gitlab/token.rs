//! The token: where it comes from, and the one form in which it leaves the process.

use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OnceCell;

use super::build_error::BuildError;

/// Where the token stands.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// A variable, by its name, and the token that it holds.
    Variable(String, SecretString),
    /// A file that holds nothing else; it is read again on request.
    File(PathBuf),
}

/// The token in use, replaceable while requests are under way.
pub(super) struct TokenHolder {
    origin: TokenSource,
    current: RwLock<Arc<Credential>>,
}

impl TokenHolder {
    pub(super) fn read(origin: TokenSource) -> Result<TokenHolder, BuildError> {
        let credential = Credential::read(&origin)?;
        Ok(TokenHolder {
            origin,
            current: RwLock::new(Arc::new(credential)),
        })
    }

    pub(super) fn reload(&self) -> Result<(), BuildError> {
        let fresh = Credential::read(&self.origin)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        *current = Arc::new(fresh);
        Ok(())
    }

    pub(super) fn current(&self) -> Arc<Credential> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }
}

/// One token, ready to be sent.
pub(super) struct Credential {
    secret: SecretString,
    header: HeaderValue,
    /// Why GitLab refuses this token, asked at most once for each token: GitLab counts failed
    /// authentications and bars an address that collects them.
    pub(super) refusal: OnceCell<Option<String>>,
}

impl Credential {
    fn read(origin: &TokenSource) -> Result<Credential, BuildError> {
        match origin {
            TokenSource::Variable(name, secret) => {
                Self::new(secret.expose_secret(), || format!("in {name}"))
            }
            TokenSource::File(path) => {
                let text = fs::read_to_string(path)
                    .map(SecretString::from)
                    .map_err(|source| BuildError::Unreadable {
                        what: "token file",
                        path: path.clone(),
                        source,
                    })?;
                Self::new(text.expose_secret(), || format!("in {}", path.display()))
            }
        }
    }

    fn new(text: &str, place: impl Fn() -> String) -> Result<Credential, BuildError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(BuildError::EmptyToken { place: place() });
        }
        if !text.chars().all(|character| character.is_ascii_graphic()) {
            return Err(BuildError::MalformedToken { place: place() });
        }
        let mut header = HeaderValue::from_str(&format!("Bearer {text}"))
            .map_err(|_| BuildError::MalformedToken { place: place() })?;
        header.set_sensitive(true);
        Ok(Credential {
            secret: SecretString::from(text),
            header,
            refusal: OnceCell::new(),
        })
    }

    /// The value of the `Authorization` header, marked as sensitive.
    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// The text without the token, should whoever answered have echoed it.
    pub(super) fn redact(&self, text: &str) -> String {
        text.replace(self.secret.expose_secret(), "[token]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(token: &str) -> TokenSource {
        TokenSource::Variable("GITLAB_TOKEN".to_owned(), token.into())
    }

    #[test]
    fn debug_does_not_show_the_token() {
        let text = format!("{:?}", variable("glpat-secret"));
        assert!(!text.contains("glpat-secret"), "{text}");
    }

    #[test]
    fn the_header_is_a_bearer_token_marked_sensitive() {
        let holder = TokenHolder::read(variable(" glpat-a\n")).unwrap();
        let header = holder.current().header();
        assert!(header.is_sensitive());
        assert_eq!(header, "Bearer glpat-a");
    }

    #[test]
    fn a_rotated_file_is_read_again_and_a_broken_one_keeps_the_old_token() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "first\n").unwrap();
        let holder = TokenHolder::read(TokenSource::File(file.path().into())).unwrap();

        fs::write(file.path(), "  second\r\n").unwrap();
        holder.reload().unwrap();
        assert_eq!(holder.current().header(), "Bearer second");

        fs::write(file.path(), " \n").unwrap();
        let error = holder.reload().unwrap_err();
        assert!(matches!(error, BuildError::EmptyToken { .. }));
        assert!(error.to_string().contains(file.path().to_str().unwrap()));
        assert_eq!(holder.current().header(), "Bearer second");
    }

    #[test]
    fn a_token_of_two_lines_is_refused_without_being_shown() {
        let read = TokenHolder::read(variable("one\ntwo"));
        let error = read.err().unwrap();
        assert!(matches!(error, BuildError::MalformedToken { .. }));
        assert!(!error.to_string().contains("one"));
    }
}
