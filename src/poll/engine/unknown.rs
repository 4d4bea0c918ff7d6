//! What an error of GitLab's says that it does not have.

use crate::gitlab::GraphqlError;

/// What an error says is missing, however it is worded.
#[derive(Debug, PartialEq, Eq)]
pub enum Unknown {
    Field { kind: String, field: String },
    Argument { field: String, argument: String },
}

impl Unknown {
    /// By what the error names, or by its words: `Field 'x' doesn't exist on type 'Y'`.
    pub fn read(error: &GraphqlError) -> Option<Unknown> {
        if !is_unknown(error) {
            return None;
        }
        // What is quoted; `doesn't` has a mark of its own.
        let message = error.message.replace("doesn't", "does not");
        let quoted: Vec<&str> = message.split('\'').skip(1).step_by(2).collect();
        let word = |at: usize| quoted.get(at).map(|word| (*word).to_owned());
        if is_argument(error) {
            let (field, argument) = match error.message.contains("doesn't accept argument") {
                true => (word(0), word(1)),
                // `Argument 'x' on Field 'y' has an invalid value`
                false => (word(1), word(0)),
            };
            let argument = error.argument_name.clone().or(argument)?;
            return Some(Unknown::Argument {
                field: field?,
                argument,
            });
        }
        let field = error.field_name.clone().or(word(0))?;
        let kind = error.type_name.clone().or(word(1))?;
        Some(Unknown::Field { kind, field })
    }
}

impl std::fmt::Display for Unknown {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Unknown::Field { kind, field } => write!(formatter, "{kind}.{field}"),
            Unknown::Argument { field, argument } => write!(formatter, "{field}({argument})"),
        }
    }
}

/// Whether a validation error says that a field or an argument does not exist.
pub fn is_unknown(error: &GraphqlError) -> bool {
    error.code.as_deref() == Some("undefinedField")
        || error.message.contains("doesn't exist on type")
        || is_argument(error)
}

pub fn is_argument(error: &GraphqlError) -> bool {
    ["argumentNotAccepted", "argumentLiteralsIncompatible"]
        .map(Some)
        .contains(&error.code.as_deref())
        || error.message.contains("doesn't accept argument")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unknown_is_read_from_names_or_from_words() {
        let error = |message: &str| GraphqlError {
            message: message.to_owned(),
            ..GraphqlError::default()
        };
        let field = |kind: &str, field: &str| Unknown::Field {
            kind: kind.to_owned(),
            field: field.to_owned(),
        };
        let worded = error("Field 'source' doesn't exist on type 'Pipeline' (Did you mean `x`?)");
        assert_eq!(Unknown::read(&worded), Some(field("Pipeline", "source")));
        let named = GraphqlError {
            code: Some("undefinedField".to_owned()),
            type_name: Some("CiJob".to_owned()),
            field_name: Some("kind".to_owned()),
            ..error("no words of use")
        };
        assert_eq!(Unknown::read(&named), Some(field("CiJob", "kind")));
        let argument = error("Field 'pipelines' doesn't accept argument 'source'");
        let expected = Unknown::Argument {
            field: "pipelines".to_owned(),
            argument: "source".to_owned(),
        };
        assert_eq!(Unknown::read(&argument), Some(expected));
        assert_eq!(Unknown::read(&error("Timeout on Project.releases")), None);
    }
}
