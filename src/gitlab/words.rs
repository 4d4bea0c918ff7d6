//! The words of a refusal: whether they are GitLab's own, told by their form, and shortened for errors
//! and logs.

use serde_json::Value;

use super::endpoint_class::EndpointClass;
use super::request::ApiResponse;

/// How much of somebody's words is kept.
const LONGEST: usize = 200;

/// Refusals are short; what is longer is not searched for words.
const LARGEST_REFUSAL: usize = 64 * 1024;

/// The members that GitLab's refusals are made of.
const MEMBERS: [&str; 6] = [
    "error_description",
    "message",
    "errors",
    "error",
    "error_uri",
    "scope",
];

/// What a refusal says, and who says it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Words {
    GitLabs(String),
    /// A proxy, a login page or an edge throttle speaks in GitLab's place; this is what came of it.
    Foreign(String),
}

impl Words {
    /// Reads the words of an answer that is a refusal.
    pub(super) fn of(response: &ApiResponse, class: EndpointClass) -> Words {
        if response.is_html() {
            return Words::Foreign("a web page".to_owned());
        }
        if response.body.trim_ascii().is_empty() {
            return Words::Foreign("an empty body".to_owned());
        }
        let Some(body) = document(response) else {
            return Words::Foreign("text that is not GitLab's".to_owned());
        };
        let signed = response.headers.contains_key("x-gitlab-meta");
        match text(&body).map(|text| shorten(&text)) {
            Some(text) if signed || is_gitlabs(response.status, class, &body) => {
                Words::GitLabs(text)
            }
            Some(text) => Words::Foreign(format!("JSON that is not GitLab's: {text}")),
            None if signed => Words::GitLabs(format!("status {}", response.status)),
            None => Words::Foreign("JSON that is not GitLab's".to_owned()),
        }
    }
}

/// What GitLab says in an answer, whatever its form; empty where it says nothing.
pub(super) fn said(response: &ApiResponse) -> String {
    let text = document(response).and_then(|body| text(&body));
    text.map(|text| shorten(&text)).unwrap_or_default()
}

/// Whether a document consists of an error's words and nothing else.
pub(super) fn is_refusal(body: &Value) -> bool {
    let Value::Object(members) = body else {
        return false;
    };
    !members.is_empty() && members.keys().all(|name| MEMBERS.contains(&name.as_str()))
}

/// The text on one line, without control characters, and cut where it is long.
pub(super) fn shorten(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    let line = words.join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

fn document(response: &ApiResponse) -> Option<Value> {
    let json = response.json();
    (json.len() <= LARGEST_REFUSAL).then(|| serde_json::from_slice(json).ok())?
}

/// Whether GitLab words a refusal like this: `404 Project Not Found`, the errors of OAuth, or
/// those of a query. Of a status that removes nothing and blames nobody, any words will do.
fn is_gitlabs(status: u16, class: EndpointClass, body: &Value) -> bool {
    let member = |name: &str| body.get(name).and_then(Value::as_str);
    let names_status = |text: &str| {
        let rest = text.strip_prefix(&status.to_string());
        rest.is_some_and(|rest| rest.starts_with(' '))
    };
    let is_code = |text: &str| text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    let of_a_query = || {
        let errors = body.get("errors").and_then(Value::as_array);
        errors.is_some_and(|errors| errors.iter().any(|error| error["message"].is_string()))
    };
    is_refusal(body)
        && (member("message").is_some_and(names_status)
            || member("error").is_some_and(names_status)
            || (member("error").is_some_and(is_code) && member("error_description").is_some())
            || (class == EndpointClass::Graphql && of_a_query())
            || !matches!(status, 401 | 403 | 404 | 407))
}

/// The many shapes in which GitLab words an error.
fn text(body: &Value) -> Option<String> {
    match body {
        Value::String(text) => Some(text.clone()),
        Value::Array(parts) => {
            let parts: Vec<String> = parts.iter().filter_map(text).collect();
            (!parts.is_empty()).then(|| parts.join("; "))
        }
        Value::Object(members) => ["error_description", "message", "errors", "error"]
            .into_iter()
            .find_map(|name| text(members.get(name)?)),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn words(status: u16, class: EndpointClass, body: &str) -> Words {
        let response = ApiResponse {
            status,
            headers: Default::default(),
            body: body.into(),
            took: Default::default(),
        };
        Words::of(&response, class)
    }

    #[test]
    fn gitlabs_words_are_found_in_every_shape_it_uses() {
        for (body, expected) in [
            (
                json!({"message": "404 Project Not Found"}),
                "404 Project Not Found",
            ),
            (
                json!({"message": {"error": "too many times"}}),
                "too many times",
            ),
            (
                json!({"error": "invalid_token", "error_description": "Token was revoked."}),
                "Token was revoked.",
            ),
            (
                json!({"error": "order_by does not have a valid value"}),
                "order_by does not have a valid value",
            ),
            (
                json!({"errors": [{"message": "Query too large"}]}),
                "Query too large",
            ),
            (json!({"errors": ["one", "two"]}), "one; two"),
        ] {
            assert_eq!(text(&body).as_deref(), Some(expected));
        }
        assert_eq!(text(&json!({"id": 1})), None);
    }

    #[test]
    fn a_refusal_of_gitlab_is_recognised_by_its_form() {
        use EndpointClass::{Graphql, Rest};
        for (status, class, body) in [
            (404, Rest, r#"{"message":"404 Project Not Found"}"#),
            (404, Rest, r#"{"error":"404 Not Found"}"#),
            (403, Rest, r#"{"message":"403 Forbidden"}"#),
            (401, Rest, r#"{"message":"401 Unauthorized"}"#),
            (
                401,
                Rest,
                "\u{feff}{\"error\":\"invalid_token\",\"error_description\":\"Token was revoked.\"}",
            ),
            (
                403,
                Rest,
                r#"{"error":"insufficient_scope","error_description":"more","scope":"api read_api"}"#,
            ),
            (401, Graphql, r#"{"errors":[{"message":"Invalid token"}]}"#),
            (
                400,
                Rest,
                r#"{"error":"order_by does not have a valid value"}"#,
            ),
            (
                405,
                Rest,
                r#"{"error":"Offset pagination has a maximum allowed offset"}"#,
            ),
            (
                422,
                Graphql,
                r#"{"errors":[{"message":"Query too large"}]}"#,
            ),
        ] {
            let words = words(status, class, body);
            assert!(
                matches!(words, Words::GitLabs(_)),
                "{status} {body}: {words:?}"
            );
        }
    }

    #[test]
    fn a_refusal_in_another_form_is_foreign() {
        for (status, body) in [
            (404, "<html><body>404</body></html>"),
            (404, r#"{"message":"no Route matched with those values"}"#),
            (404, r#"{"detail":"Not Found"}"#),
            (404, r#"{"message":"maintenance"}"#),
            (
                404,
                r#"{"message":"404 Project Not Found","timestamp":1,"path":"/api"}"#,
            ),
            (404, r#"{"message":"4040 Not Found"}"#),
            (404, ""),
            (404, "404 page not found\n"),
            (403, "Forbidden"),
            (403, r#"{"message":"Forbidden"}"#),
            (401, r#"{"message":"Unauthorized"}"#),
            (401, r#"{"errors":[{"message":"Invalid token"}]}"#),
            (400, r#"{"code":400,"message":"Bad Request"}"#),
            (407, r#"{"message":"proxy"}"#),
        ] {
            let words = words(status, EndpointClass::Rest, body);
            assert!(
                matches!(words, Words::Foreign(_)),
                "{status} {body}: {words:?}"
            );
        }
    }

    #[test]
    fn long_words_are_cut_and_stay_on_one_line() {
        let text = shorten(&format!("first\n\u{1b}[31m\tsecond {}", "ä".repeat(500)));
        assert!(text.starts_with("first [31m second ä"));
        assert_eq!(text.chars().count(), LONGEST + 1);
    }
}
