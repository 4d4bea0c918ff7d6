//! What goes along with every request and is nobody else's to see: the token, and the headers that
//! a front before GitLab wants.

use std::sync::{Arc, PoisonError, RwLock};

use http::header::{self, AUTHORIZATION, HeaderMap, HeaderName, HeaderValue};
use secrecy::ExposeSecret;
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

use super::build_error::BuildError;
use super::credential_source::CredentialSource;

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

const BEARER: &str = "Bearer ";

/// A shorter value stands in many a text that does not give it away.
const SHORTEST_REDACTED: usize = 4;

/// The secrets in use, replaceable while requests are under way.
pub(super) struct Secrets {
    secrets: Vec<Secret>,
    current: RwLock<Arc<Credentials>>,
}

impl Secrets {
    pub(super) fn read(
        token: &CredentialSource,
        headers: &[(String, CredentialSource)],
    ) -> Result<Secrets, BuildError> {
        let mut secrets = vec![Secret {
            header: AUTHORIZATION,
            source: token.clone(),
        }];
        for (name, source) in headers {
            secrets.push(Secret {
                header: header_name(name)?,
                source: source.clone(),
            });
        }
        let mut sent = HeaderMap::new();
        for secret in &secrets {
            sent.insert(&secret.header, secret.read()?);
        }
        Ok(Secrets {
            secrets,
            current: RwLock::new(Arc::new(Credentials::new(sent))),
        })
    }

    /// Reads all files again. A secret that can't be read keeps its value, and the others are
    /// renewed all the same; the first failure is returned.
    pub(super) fn reload(&self) -> Result<(), BuildError> {
        let before = self.current();
        let mut sent = before.headers.clone();
        let mut result = Ok(());
        for secret in &self.secrets {
            match secret.read() {
                Ok(value) => drop(sent.insert(&secret.header, value)),
                Err(error) => result = result.and(Err(error)),
            }
        }
        // What GitLab said of a token stays known as long as nothing has changed.
        if sent != before.headers {
            let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
            *current = Arc::new(Credentials::new(sent));
        }
        result
    }

    pub(super) fn current(&self) -> Arc<Credentials> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&current)
    }
}

/// One header, and where its secret stands.
struct Secret {
    header: HeaderName,
    source: CredentialSource,
}

impl Secret {
    /// The header's value as it is sent, marked as sensitive.
    fn read(&self) -> Result<HeaderValue, BuildError> {
        let is_token = self.header == AUTHORIZATION;
        let what = if is_token { "token" } else { "header's value" };
        let secret = self.source.read(what)?;
        let text = secret.expose_secret();
        let value = match is_token {
            true if !text.bytes().all(|byte| byte.is_ascii_graphic()) => {
                return Err(self.source.malformed(what));
            }
            true => HeaderValue::from_str(&Zeroizing::new(format!("{BEARER}{text}"))),
            false => HeaderValue::from_str(text),
        };
        let mut value = value.map_err(|_| self.source.malformed(what))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

/// The secrets as they are sent.
pub(super) struct Credentials {
    /// The token's header and the others.
    headers: HeaderMap,
    /// Why GitLab refuses this token, asked at most once for each token: GitLab counts failed
    /// authentications and bars an address that collects them.
    pub(super) refusal: OnceCell<Option<String>>,
}

impl Credentials {
    fn new(headers: HeaderMap) -> Credentials {
        Credentials {
            headers,
            refusal: OnceCell::new(),
        }
    }

    /// Those of a stranger.
    pub(super) fn nobody() -> Credentials {
        Credentials::new(HeaderMap::new())
    }

    pub(super) fn headers(&self) -> &HeaderMap {
        &self.headers
    }

    /// The text without the secrets, should whoever answered have echoed them.
    pub(super) fn redact(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for (name, value) in &self.headers {
            let Ok(value) = value.to_str() else {
                continue;
            };
            if *name == AUTHORIZATION {
                text = text.replace(value.trim_start_matches(BEARER), "[token]");
            } else if value.len() >= SHORTEST_REDACTED {
                text = text.replace(value, "[secret]");
            }
        }
        text
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

    fn variable(secret: &str) -> CredentialSource {
        CredentialSource::Value("GITLAB_TOKEN".to_owned(), secret.into())
    }

    fn secrets(token: CredentialSource) -> Result<Secrets, BuildError> {
        Secrets::read(&token, &[])
    }

    /// With one further header.
    fn with_header(name: &str, value: CredentialSource) -> Result<Secrets, BuildError> {
        Secrets::read(&variable("glpat-a"), &[(name.to_owned(), value)])
    }

    fn bearer(secrets: &Secrets) -> HeaderValue {
        secrets.current().headers()[AUTHORIZATION].clone()
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
        let secrets = secrets(CredentialSource::File(file.path().into())).unwrap();

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
    fn a_broken_file_keeps_its_own_secret_only() {
        let files = tempfile::tempdir().unwrap();
        let (token, header) = (files.path().join("token"), files.path().join("header"));
        fs::write(&token, "first").unwrap();
        fs::write(&header, "one").unwrap();
        let headers = [("x-front".to_owned(), CredentialSource::File(header.clone()))];
        let secrets = Secrets::read(&CredentialSource::File(token.clone()), &headers).unwrap();
        let sent = || {
            let current = secrets.current();
            [AUTHORIZATION.as_str(), "x-front"].map(|name| current.headers()[name].clone())
        };

        fs::write(&token, "second").unwrap();
        fs::remove_file(&header).unwrap();
        let error = secrets.reload().unwrap_err();
        assert!(error.to_string().contains("header"), "{error}");
        assert_eq!(sent(), ["Bearer second", "one"]);

        fs::write(&token, "").unwrap();
        fs::write(&header, "\u{feff}two\r\n").unwrap();
        let error = secrets.reload().unwrap_err();
        assert!(error.to_string().contains("token"), "{error}");
        assert_eq!(sent(), ["Bearer second", "two"]);
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
            let error = with_header(name, variable("value")).err().unwrap();
            assert!(
                matches!(error, BuildError::Header { .. }),
                "{name}: {error}"
            );
            assert!(error.to_string().contains("gitlab.headers"));
        }
    }

    #[test]
    fn a_header_of_two_lines_is_refused_without_being_shown() {
        let value = variable("one\r\nHost: two");
        let error = with_header("x-front", value).err().unwrap();
        assert!(!error.to_string().contains("one"), "{error}");
    }

    #[test]
    fn secrets_that_are_echoed_are_redacted() {
        let secrets = with_header("x-front", variable("front-secret")).unwrap();
        let text = secrets.current().redact("got glpat-a and front-secret");
        assert_eq!(text, "got [token] and [secret]");
    }
}
