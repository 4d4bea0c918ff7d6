//! GitLab's REST API, version 4: which endpoint answers, and what all endpoints share.

mod pages;
pub(crate) mod request;
pub(crate) mod route;

use serde_json::json;

use self::request::{Endpoint, RestRequest};
use super::answer::Answer;

/// Answers a request. The token is known and active.
pub(super) fn answer(
    endpoints: &[&[Endpoint]],
    mut request: RestRequest<'_>,
    resource: &str,
) -> Answer {
    let named = |scope: &str| request.token.scopes.iter().any(|known| known == scope);
    let readable = match resource {
        "/personal_access_tokens/self" => true,
        "/user" => named("api") || named("read_api") || named("read_user"),
        _ => named("api") || named("read_api"),
    };
    if !readable {
        return insufficient_scope();
    }
    for (template, answer) in endpoints.iter().copied().flatten() {
        if let Some(named) = route::named_in(template, resource) {
            request.named = named;
            return answer(&request).unwrap_or_else(|refusal| refusal);
        }
    }
    Answer::unknown_endpoint()
}

fn insufficient_scope() -> Answer {
    Answer::json(
        403,
        &json!({
            "error": "insufficient_scope",
            "error_description": "The request requires higher privileges than provided by the access token.",
            "scope": "api read_api",
        }),
    )
}

/// What REST says to a token that is no longer good.
pub(super) fn invalid_token(description: &str) -> Answer {
    let body = json!({ "error": "invalid_token", "error_description": description });
    Answer::json(401, &body)
}
