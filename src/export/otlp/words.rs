//! What receivers say, made fit for a line of the log: short, printable and without our secrets.

use std::error::Error;

use secrecy::{ExposeSecret, SecretString};

use super::config::OtlpConfig;
use super::outcome::{Outcome, Why};

/// More of it helps nobody.
const LONGEST: usize = 300;
/// What is shorter is found in any text.
const SHORTEST_SECRET: usize = 4;

/// What libraries say of a step of theirs, before what went wrong in it.
const LIBRARIES: [&str; 7] = [
    "client error (Connect)",
    "client error (SendRequest)",
    "dns error",
    "error resolving DNS",
    "error trying to connect",
    "tcp connect error",
    "transport error",
];

/// What must not be repeated, whoever says it: the values of headers and of the endpoint's query.
#[derive(Clone, Debug, Default)]
pub struct Secrets(Vec<SecretString>);

impl Secrets {
    pub fn of(config: &OtlpConfig) -> Secrets {
        let headers = config.headers.iter();
        let headers = headers.flat_map(|(_, value)| {
            let value = value.expose_secret();
            // The token of `Bearer token` is a secret without its scheme as well.
            [Some(value), value.split_whitespace().last()]
        });
        let mut secrets: Vec<String> = headers.flatten().map(str::to_owned).collect();
        secrets.extend(config.endpoint.query().map(str::to_owned));
        let query = config.endpoint.query_pairs();
        secrets.extend(query.map(|(_, value)| value.into_owned()));
        secrets.retain(|secret| secret.len() >= SHORTEST_SECRET);
        // The longest first: else a part of it would be left.
        secrets.sort_unstable_by_key(|secret| std::cmp::Reverse(secret.len()));
        Secrets(secrets.into_iter().map(SecretString::from).collect())
    }

    /// Why something failed, as it may be shown.
    pub fn why(&self, text: &str, hint: Option<&'static str>) -> Why {
        Why {
            text: self.tidy(text),
            hint,
        }
    }

    /// An outcome and an advice with a receiver's words, as they may be shown.
    pub fn tidied(&self, outcome: Outcome, advice: Option<String>) -> (Outcome, Option<String>) {
        let outcome = match outcome {
            Outcome::Partial(why) => Outcome::Partial(self.why(&why.text, why.hint)),
            other => other,
        };
        (outcome, advice.map(|text| self.tidy(&text)))
    }

    /// A text as it may be shown.
    pub fn tidy(&self, text: &str) -> String {
        let mut text = text.trim().to_owned();
        for secret in &self.0 {
            text = text.replace(secret.expose_secret(), "[secret]");
        }
        let mut tidy = String::new();
        for character in text.chars() {
            if tidy.len() >= LONGEST {
                tidy.push('…');
                break;
            }
            match character.is_control() {
                true => tidy.extend(character.escape_default()),
                false => tidy.push(character),
            }
        }
        tidy
    }
}

/// The causes of an error, without the error itself where that only says that something failed, or
/// quotes the URL, which may hold a secret.
pub fn causes(error: &(dyn Error + 'static)) -> String {
    let mut causes = Vec::new();
    let mut source = error.source();
    while let Some(cause) = source {
        causes.push(cause.to_string());
        source = cause.source();
    }
    causes.dedup();
    let says_more = |cause: &String| !LIBRARIES.contains(&cause.as_str());
    if causes.iter().any(says_more) {
        causes.retain(says_more);
    }
    causes.join(": ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_cut_escaped_and_free_of_our_secrets() {
        let config = OtlpConfig {
            headers: vec![
                (
                    "authorization".to_owned(),
                    "Bearer abcd-1234".to_owned().into(),
                ),
                ("x-tenant".to_owned(), "a".to_owned().into()),
            ],
            endpoint: "https://host/v1/metrics?key=s3%20cret".parse().unwrap(),
            ..OtlpConfig::default()
        };
        let secrets = Secrets::of(&config);
        assert_eq!(
            secrets.tidy(
                " bad token abcd-1234 in Bearer abcd-1234,\nkey s3 cret or key=s3%20cret\u{1b}[0m"
            ),
            "bad token [secret] in [secret],\\nkey [secret] or [secret]\\u{1b}[0m"
        );
        let long = secrets.tidy(&"ä".repeat(5_000));
        assert!(long.len() < LONGEST + 8 && long.ends_with('…'), "{long}");
    }
}
