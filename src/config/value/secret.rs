//! Tokens and headers: values that no error, no `Debug` and no default shows.

use std::path::{Path, PathBuf};

use http::{HeaderName, HeaderValue};
use secrecy::SecretString;
use serde_json::{Value as Json, json};

use super::text::path;
use super::{Field, Value};
use crate::cluster::Secret;
use crate::config::builder::Builder;
use crate::config::error::{Error, Place};
use crate::config::exposed::exposure;
use crate::config::input::{Input, Raw, Text};
use crate::config::text_file;
use crate::config::yaml::{Content, Node};
use crate::gitlab::CredentialSource;
use crate::webhook::SecretSource;

/// Makes the source of a token of the variable's name and what it holds.
type FromVariable<T> = fn(String, SecretString) -> T;

/// A token that only the named variable can hold.
pub struct Token<T: 'static>(
    pub Field<Option<T>>,
    pub FromVariable<T>,
    pub &'static str,
    pub Another,
);

/// Whether a token may be in another variable, which the key of the token with `_variable` at the end names.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Another {
    Variable,
    Nothing,
}

/// A password that only a variable can hold.
pub struct Password(pub Field<Option<Secret>>);

/// The file that holds a token or a password. Its key and variable are the token's with `_file` at the end.
pub struct TokenFile<T: 'static>(pub Field<Option<T>>, pub fn(PathBuf) -> T);

/// The variable that holds a token.
pub struct TokenVariable<T: 'static>(pub Field<Option<T>>, pub FromVariable<T>);

/// Headers by name.
pub struct Headers<T: 'static> {
    pub field: Field<Vec<(String, T)>>,
    /// Those that can't be among them: the client sends them itself.
    pub reserved: &'static [&'static str],
    /// Makes the source of a value that is written in the configuration, of the header's name and it.
    pub from_text: FromVariable<T>,
    /// Makes the source of a value that a file holds; without it, the file is read only at the start.
    pub from_file: Option<fn(PathBuf) -> T>,
}

/// What stands in place of a secret.
pub const HIDDEN: &str = "(hidden)";
/// The variable that holds the access token unless another one is named.
pub const TOKEN_VARIABLE: &str = "GITLAB_TOKEN";

/// The demo has a token that no variable holds.
fn is_variable(held: &str) -> bool {
    !held.contains(' ')
}

/// Where a secret stands, which may be shown.
pub trait Standing {
    /// The variable, or what else held it.
    fn variable(&self) -> Option<&str>;
    fn file(&self) -> Option<&Path>;
}

impl Standing for CredentialSource {
    fn variable(&self) -> Option<&str> {
        match self {
            CredentialSource::Value(name, _) => Some(name),
            CredentialSource::File(_) => None,
        }
    }

    fn file(&self) -> Option<&Path> {
        match self {
            CredentialSource::Value(..) => None,
            CredentialSource::File(path) => Some(path),
        }
    }
}

impl Standing for Secret {
    fn variable(&self) -> Option<&str> {
        match self {
            Secret::Value(name, _) => Some(name),
            Secret::File(_) => None,
        }
    }

    fn file(&self) -> Option<&Path> {
        match self {
            Secret::Value(..) => None,
            Secret::File(path) => Some(path),
        }
    }
}

impl Standing for SecretSource {
    fn variable(&self) -> Option<&str> {
        match self {
            SecretSource::Variable(name, _) => Some(name),
            SecretSource::File(_) => None,
        }
    }

    fn file(&self) -> Option<&Path> {
        match self {
            SecretSource::Variable(..) => None,
            SecretSource::File(path) => Some(path),
        }
    }
}

impl<T: Standing> Value for Token<T> {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let Token(field, from, variable, another) = self;
        let place = &input.place;
        let (Raw::Variable(text), Place::Variable(name)) = (&input.raw, place) else {
            let Place::File { key, .. } = place else {
                return Err(place.error("a flag can't hold a token"));
            };
            let key = key.unwrap_or_default();
            let by_name = match another {
                Another::Variable => format!(", or name another variable in {key}_variable"),
                Another::Nothing => String::new(),
            };
            return Err(place.error(format!(
                "a token must not be written into a configuration file, which others may read: set {variable}, or name \
                 a file that holds it in {key}_file{by_name}"
            )));
        };
        *field(builder) = Some(from(name.clone(), token(place, text)?));
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        let held = self.0(builder).as_ref()?.variable()?;
        (held == self.2 || !is_variable(held)).then(|| HIDDEN.to_owned())
    }

    fn schema(&self) -> Option<Json> {
        None
    }
}

impl Value for Password {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let place = &input.place;
        let (Raw::Variable(text), Place::Variable(name)) = (&input.raw, place) else {
            let Place::File { key, .. } = place else {
                return Err(place.error("a flag can't hold a password"));
            };
            let key = key.unwrap_or_default();
            let variable = key.replace('.', "_").to_uppercase();
            return Err(place.error(format!(
                "a password must not be written into a configuration file, which others may read: set \
                 GITLAB_BRIDGE_{variable}, or name a file that holds it in {key}_file"
            )));
        };
        let password = text.trim_end_matches(['\r', '\n']);
        if password.is_empty() {
            return Err(place.error("it is empty: write the password into it, or unset it"));
        }
        *self.0(builder) = Some(Secret::Value(name.clone(), password.into()));
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        let secret = self.0(builder).as_ref()?;
        secret.variable().map(|_| HIDDEN.to_owned())
    }

    fn schema(&self) -> Option<Json> {
        None
    }
}

impl<T: Standing> Value for TokenFile<T> {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        *self.0(builder) = Some(self.1(input.text()?.file()?));
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        let file = self.0(builder).as_ref()?.file()?;
        Some(file.display().to_string())
    }

    fn schema(&self) -> Option<Json> {
        Some(path())
    }
}

impl<T: Standing> Value for TokenVariable<T> {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let Text {
            place, text: name, ..
        } = input.text()?;
        let Some(text) = input.environment.get(&name) else {
            return Err(place.error(match is_like_a_variable(&name) {
                true => format!("the variable {name} is not set: set it to an access token with the scope read_api"),
                // It is not repeated: somebody may have written the token itself.
                false => "no such variable is set: name one that holds an access token".to_owned(),
            }));
        };
        let token = token(&Place::Variable(name.clone()), text)?;
        *self.0(builder) = Some(self.1(name, token));
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        let held = self.0(builder).as_ref()?.variable()?;
        (held != TOKEN_VARIABLE && is_variable(held)).then(|| held.to_owned())
    }

    fn schema(&self) -> Option<Json> {
        Some(json!({"type": "string", "pattern": r"^[^\s=]+$"}))
    }
}

impl<T> Value for Headers<T> {
    fn read(&self, builder: &mut Builder, input: &Input<'_>) -> Result<(), Error> {
        let mut headers: Vec<(String, T)> = Vec::new();
        for (name, HeaderText { value, file }) in input.pairs(header_text)? {
            let Ok(valid) = HeaderName::from_bytes(name.text.as_bytes()) else {
                return Err(name.unexpected("the name of a header: write for example x-api-key"));
            };
            if HeaderValue::from_str(&value.text).is_err() {
                return Err(value.error(format!(
                    "the value of {valid} holds a character that no header has, such as a line break"
                )));
            }
            if self.reserved.contains(&valid.as_str()) {
                return Err(name.error(format!("the bridge sends {valid} itself: remove it")));
            }
            if headers.iter().any(|(known, _)| known == valid.as_str()) {
                return Err(name.error(format!("the header {valid} is given twice")));
            }
            // What is read again later is looked at where it is used.
            if let (Some(file), None) = (&file, self.from_file) {
                let problem = exposure(file);
                problem
                    .into_iter()
                    .for_each(|problem| builder.warn(value.error(problem)));
            }
            let source = match (file, self.from_file) {
                (Some(file), Some(from_file)) => from_file(file),
                _ => (self.from_text)(valid.to_string(), value.text.into()),
            };
            headers.push((valid.to_string(), source));
        }
        *(self.field)(builder) = headers;
        Ok(())
    }

    fn show(&self, builder: &mut Builder) -> Option<String> {
        let headers = (self.field)(builder).iter();
        let headers = headers.map(|(name, _)| format!("{name}: {HIDDEN}"));
        Some(format!("{{{}}}", headers.collect::<Vec<_>>().join(", ")))
    }

    fn schema(&self) -> Option<Json> {
        const NAME: &str = "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$";
        let file = json!({
            "type": "object",
            "properties": {"file": path()},
            "required": ["file"],
            "additionalProperties": false,
        });
        let value = json!({"type": ["string", "number", "boolean"], "pattern": r"^[^\r\n]*$"});
        let mut name = json!({"pattern": NAME});
        if !self.reserved.is_empty() {
            name["not"] = json!({"enum": self.reserved});
        }
        Some(json!({
            "type": "object",
            "propertyNames": name,
            "additionalProperties": {"anyOf": [value, file]},
        }))
    }
}

/// Whether a text is what people call variables, and no token.
fn is_like_a_variable(text: &str) -> bool {
    let letters = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    let is_random = text.bytes().any(|byte| byte.is_ascii_digit()) && !text.contains('_');
    !text.is_empty() && text.bytes().all(letters) && !is_random
}

fn token(place: &Place, token: &str) -> Result<SecretString, Error> {
    match token.trim().bytes().all(|byte| byte.is_ascii_graphic()) {
        true => Ok(token.trim().into()),
        false => {
            Err(place
                .error("it holds a character that no token has, such as a space or a line break"))
        }
    }
}

/// The value of a header, and the file that holds it, if one does.
struct HeaderText {
    value: Text,
    file: Option<PathBuf>,
}

impl From<Text> for HeaderText {
    fn from(value: Text) -> HeaderText {
        HeaderText { value, file: None }
    }
}

/// The value of a header in a file: a text, or `{file: path}`.
fn header_text(input: &Input<'_>, node: &Node) -> Result<HeaderText, Error> {
    let Content::Map(entries) = &node.content else {
        return Ok(input.scalar(node, "one value")?.into());
    };
    match entries.as_slice() {
        [(key, path)] if key.content == Content::Scalar("file".to_owned()) => {
            let named = input.scalar(path, "one value")?;
            let path = named.file()?;
            let text = text_file::read(&path);
            let text =
                text.map_err(|cause| named.error(format!("{path:?} can't be read: {cause}")))?;
            match text.trim() {
                "" => Err(named.error(format!("{path:?} is empty: write the value into it"))),
                text => Ok(HeaderText {
                    value: Text::new(&named.place, text),
                    file: Some(path),
                }),
            }
        }
        _ => Err(input
            .at(node)
            .error("expected one value, or {file: path} for a file that holds it")),
    }
}
