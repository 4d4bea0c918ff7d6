//! What goes along with every request and is nobody else's to see: the token, and the headers that
//! a front before GitLab wants.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use http::header::{self, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::OnceCell;

use super::build_error::BuildError;
use super::files;

/// Headers that are ours or the connection's to set.
const OURS: [HeaderName; 11] = [
    AUTHORIZATION,
    header::HOST,
    header::ACCEPT,
    header::ACCEPT_ENCODING,
    header::CONTENT_TYPE,
    header::CONTENT_LENGTH,
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::TE,
    header::UPGRADE,
    header::EXPECT,
];

/// Other names under which GitLab takes a token: they would contradict ours.
const TOKENS: [&str; 3] = ["private-token", "job-token", "deploy-token"];

/// A shorter value stands in many a text that does not give it away.
const SHORTEST_REDACTED: usize = 4;

/// Where the token, or another secret, stands.
#[derive(Clone, Debug)]
pub enum TokenSource {
    /// A variable, by its name, and what it holds.
    Variable(String, SecretString),
    /// A file that holds nothing else; it is read again on request.
    File(PathBuf),
}

impl TokenSource {
    fn read(&self, what: &'static str) -> Result<SecretString, BuildError> {
        let text = match self {
            TokenSource::Variable(_, secret) => secret.expose_secret().to_owned(),
            TokenSource::File(path) => {
                let bytes = files::read(what, path)?;
                String::from_utf8(bytes).map_err(|_| BuildError::MalformedSecret {
                    what,
                    place: self.place(),
                })?
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

    fn place(&self) -> String {
        match self {
            TokenSource::Variable(name, _) => format!("in {name}"),
            TokenSource::File(path) => format!("in {}", path.display()),
        }
    }
}

/// The secrets in use, replaceable while requests are under way.
pub(super) struct Secrets {
    token: TokenSource,
    headers: Vec<(HeaderName, TokenSource)>,
    current: RwLock<Arc<Credentials>>,
}

impl Secrets {
    pub(super) fn read(
        token: TokenSource,
        headers: &[(String, SecretString)],
    ) -> Result<Secrets, BuildError> {
        let headers = headers.iter().map(|(name, value)| {
            let setting = format!("{name} of gitlab.headers");
            let value = TokenSource::Variable(setting, value.clone());
            Ok((header_name(name)?, value))
        });
        let headers = headers.collect::<Result<Vec<_>, BuildError>>()?;
        let current = Credentials::read(&token, &headers)?;
        Ok(Secrets {
            token,
            headers,
            current: RwLock::new(Arc::new(current)),
        })
    }

    pub(super) fn reload(&self) -> Result<(), BuildError> {
        let fresh = Credentials::read(&self.token, &self.headers)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        // What GitLab said of a token goes on to be known as long as it is the same.
        if !fresh.is_same(&current) {
            *current = Arc::new(fresh);
        }
        Ok(())
    }

    pub(super) fn current(&self) -> Arc<Credentials> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }
}

/// The secrets as they are sent.
pub(super) struct Credentials {
    token: SecretString,
    /// The token's header and the others, all marked as sensitive.
    headers: HeaderMap,
    /// Why GitLab refuses this token, asked at most once for each token: GitLab counts failed
    /// authentications and bars an address that collects them.
    pub(super) refusal: OnceCell<Option<String>>,
}

impl Credentials {
    fn read(
        token: &TokenSource,
        headers: &[(HeaderName, TokenSource)],
    ) -> Result<Credentials, BuildError> {
        const TOKEN: &str = "token";
        const HEADER: &str = "header's value";
        let malformed = |what, source: &TokenSource| BuildError::MalformedSecret {
            what,
            place: source.place(),
        };
        let mut sent = HeaderMap::new();
        for (name, source) in headers {
            let value = source.read(HEADER)?;
            let value = HeaderValue::from_str(value.expose_secret());
            sent.insert(name, value.map_err(|_| malformed(HEADER, source))?);
        }
        let secret = token.read(TOKEN)?;
        let text = secret.expose_secret();
        if !text.chars().all(|character| character.is_ascii_graphic()) {
            return Err(malformed(TOKEN, token));
        }
        let bearer = HeaderValue::from_str(&format!("Bearer {text}"));
        sent.insert(AUTHORIZATION, bearer.map_err(|_| malformed(TOKEN, token))?);
        sent.values_mut()
            .for_each(|value| value.set_sensitive(true));
        Ok(Credentials {
            token: secret,
            headers: sent,
            refusal: OnceCell::new(),
        })
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The text without the secrets, should whoever answered have echoed them.
    pub(super) fn redact(&self, text: &str) -> String {
        let text = text.replace(self.token.expose_secret(), "[token]");
        let values = self
            .headers
            .iter()
            .filter(|(name, _)| *name != AUTHORIZATION);
        let values = values.filter_map(|(_, value)| value.to_str().ok());
        values
            .filter(|value| value.len() >= SHORTEST_REDACTED)
            .fold(text, |text, value| text.replace(value, "[secret]"))
    }

    fn is_same(&self, other: &Credentials) -> bool {
        self.headers == other.headers
    }
}

fn header_name(name: &str) -> Result<HeaderName, BuildError> {
    let refused = |why| BuildError::Header {
        name: name.to_owned(),
        why,
    };
    let parsed: HeaderName = name
        .parse()
        .map_err(|_| refused("it is not a header's name"))?;
    let is_ours = OURS.contains(&parsed) || TOKENS.contains(&parsed.as_str());
    match is_ours {
        true => Err(refused("the bridge sets it itself")),
        false => Ok(parsed),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn variable(secret: &str) -> TokenSource {
        TokenSource::Variable("GITLAB_TOKEN".to_owned(), secret.into())
    }

    fn secrets(token: TokenSource) -> Result<Secrets, BuildError> {
        Secrets::read(token, &[])
    }

    fn bearer(secrets: &Secrets) -> HeaderValue {
        secrets.current().headers()[AUTHORIZATION].clone()
    }

    #[test]
    fn debug_does_not_show_a_secret() {
        let text = format!("{:?}", variable("glpat-secret"));
        assert!(!text.contains("glpat-secret"), "{text}");
    }

    #[test]
    fn the_header_is_a_bearer_token_marked_sensitive() {
        for token in [" glpat-a\n", "\u{feff}glpat-a"] {
            let header = bearer(&secrets(variable(token)).unwrap());
            assert!(header.is_sensitive());
            assert_eq!(header, "Bearer glpat-a");
        }
    }

    #[test]
    fn a_rotated_file_is_read_again_and_a_broken_one_keeps_the_old_token() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "first\n").unwrap();
        let secrets = secrets(TokenSource::File(file.path().into())).unwrap();

        fs::write(file.path(), "\u{feff}  second\r\n").unwrap();
        secrets.reload().unwrap();
        assert_eq!(bearer(&secrets), "Bearer second");

        for broken in [&b" \n"[..], b"\xFF\xFEt\0", b"t\xFFo"] {
            fs::write(file.path(), broken).unwrap();
            let error = secrets.reload().unwrap_err();
            assert!(error.to_string().contains(file.path().to_str().unwrap()));
            assert_eq!(bearer(&secrets), "Bearer second");
        }
    }

    #[test]
    fn what_is_known_of_a_token_outlasts_reading_it_again() {
        let secrets = secrets(variable("glpat-a")).unwrap();
        let before = secrets.current();
        secrets.reload().unwrap();
        assert!(Arc::ptr_eq(&before, &secrets.current()));
    }

    #[test]
    fn a_token_of_two_lines_is_refused_without_being_shown() {
        let error = secrets(variable("one\ntwo")).err().unwrap();
        assert!(matches!(error, BuildError::MalformedSecret { .. }));
        assert!(!error.to_string().contains("one"));
    }

    #[test]
    fn a_header_that_the_bridge_or_the_connection_sets_is_refused() {
        for name in [
            "Authorization",
            "PRIVATE-TOKEN",
            "host",
            "Content-Length",
            "te",
            "a b",
            "",
        ] {
            let headers = [(name.to_owned(), "value".into())];
            let error = Secrets::read(variable("glpat-a"), &headers).err().unwrap();
            assert!(
                matches!(error, BuildError::Header { .. }),
                "{name}: {error}"
            );
            assert!(error.to_string().contains("gitlab.headers"));
        }
    }

    #[test]
    fn a_header_of_two_lines_is_refused_without_being_shown() {
        let headers = [("x-front".to_owned(), "one\r\nHost: two".into())];
        let error = Secrets::read(variable("glpat-a"), &headers).err().unwrap();
        assert!(!error.to_string().contains("one"), "{error}");
    }

    #[test]
    fn secrets_that_are_echoed_are_redacted() {
        let headers = [("x-front".to_owned(), "front-secret".into())];
        let secrets = Secrets::read(variable("glpat-a"), &headers).unwrap();
        let text = secrets.current().redact("got glpat-a and front-secret");
        assert_eq!(text, "got [token] and [secret]");
    }
}
