//! The access token: from the environment, or from a file that may change while we run.

use std::path::PathBuf;
use std::sync::{PoisonError, RwLock};

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};

use super::BuildError;

/// Where the access token comes from.
#[derive(Clone, Debug)]
pub enum Token {
    /// The token itself.
    Value(SecretString),
    /// A file that holds it, and may be replaced.
    File(PathBuf),
}

/// The `Authorization` header of every request.
pub struct Authorization {
    token: Token,
    header: RwLock<HeaderValue>,
}

impl Authorization {
    /// Reads the token.
    pub fn new(token: Token) -> Result<Authorization, BuildError> {
        let header = RwLock::new(read(&token)?);
        Ok(Authorization { token, header })
    }

    /// Reads the token again. If that fails, the last one stays.
    pub fn reload(&self) -> Result<(), BuildError> {
        if let Token::File(_) = self.token {
            let header = read(&self.token)?;
            *self.header.write().unwrap_or_else(PoisonError::into_inner) = header;
        }
        Ok(())
    }

    /// The header, marked as sensitive.
    pub fn header(&self) -> HeaderValue {
        self.header
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn read(token: &Token) -> Result<HeaderValue, BuildError> {
    let text = match token {
        Token::Value(value) => value.clone(),
        Token::File(file) => {
            let text = std::fs::read_to_string(file).map_err(|cause| BuildError::File {
                what: "the token file",
                file: file.display().to_string(),
                cause: cause.to_string(),
            })?;
            text.into()
        }
    };
    let text = text.expose_secret().trim();
    if text.is_empty() {
        return Err(BuildError::Token("is empty"));
    }
    if text.contains(char::is_whitespace) {
        return Err(BuildError::Token("contains white space"));
    }
    let header = HeaderValue::from_str(&format!("Bearer {text}"));
    let mut header =
        header.map_err(|_| BuildError::Token("contains characters that no token has"))?;
    header.set_sensitive(true);
    Ok(header)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_token_file_is_read_again_and_a_broken_one_leaves_the_last_token() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("token");
        std::fs::write(&file, "one\n").unwrap();
        let authorization = Authorization::new(Token::File(file.clone())).unwrap();
        assert_eq!(authorization.header(), "Bearer one");
        std::fs::write(&file, "two").unwrap();
        authorization.reload().unwrap();
        assert_eq!(authorization.header(), "Bearer two");
        std::fs::write(&file, " \n").unwrap();
        authorization.reload().unwrap_err();
        assert_eq!(authorization.header(), "Bearer two");
    }

    #[test]
    fn neither_the_token_nor_its_header_can_be_printed() {
        let token = Token::Value("glpat-secret".to_owned().into());
        let authorization = Authorization::new(token.clone()).unwrap();
        assert!(!format!("{token:?} {:?}", authorization.header()).contains("secret"));
    }
}
