//! From a request to the one who answers it, once it is known who asks.

use axum::body::Bytes;
use axum::http::request::Parts;
use fastrand::Rng;
use serde_json::Value;
use url::Url;

use super::answer::{Answer, Dialect};
use super::project::Viewer;
use super::record::{operation, sent_token};
use super::token::{Token, TokenState};
use super::world::World;
use super::{graphql, rest};

/// What a request asks, as far as the model needs it.
pub(super) struct Arrival {
    pub(super) path: String,
    pub(super) text: String,
    pub(super) graphql: Value,
    pub(super) operation: Option<String>,
}

impl Arrival {
    pub(super) fn new(parts: &Parts, body: &Bytes) -> Self {
        let text = String::from_utf8_lossy(body).into_owned();
        let graphql: Value = serde_json::from_str(&text).unwrap_or_default();
        let operation = operation(&graphql);
        let path = parts.uri.path().to_owned();
        Arrival {
            path,
            text,
            graphql,
            operation,
        }
    }

    pub(super) fn dialect(&self) -> Dialect {
        match self.path.ends_with("/api/graphql") {
            true => Dialect::GraphQl,
            false => Dialect::Rest,
        }
    }
}

/// Finds who answers, once it is known who asks.
///
/// With `timeouts`, some fields of a GraphQL answer time out.
pub(super) fn route(
    world: &World,
    parts: &Parts,
    arrival: &Arrival,
    timeouts: Option<Rng>,
) -> Answer {
    let sent = sent_token(&parts.headers).map(|(_, secret)| secret);
    let known = sent.and_then(|secret| world.known_token(secret));
    let path = arrival.path.strip_prefix(&world.base);
    let path = path.filter(|path| path.starts_with('/'));
    match path {
        Some("/api/graphql") if parts.method == "POST" => {
            match viewer(sent.is_some(), known.as_ref()) {
                Some(viewer) => graphql::answer(world, viewer, &arrival.graphql, timeouts),
                None => Answer::for_status(401, Dialect::GraphQl),
            }
        }
        Some("/users/sign_in") => Answer::login_page(),
        Some(path) => match path.strip_prefix("/api/v4/") {
            Some(resource) => rest(world, parts, resource, known.as_ref()),
            None => elsewhere(world),
        },
        None => Answer::for_status(404, Dialect::GraphQl),
    }
}

/// GraphQL's view of a token: any that is not good is refused, and none is anonymous.
fn viewer(sent: bool, known: Option<&Token>) -> Option<Viewer> {
    let may_read = |token: &&Token| {
        let read = |scope: &String| scope == "api" || scope == "read_api";
        token.state == TokenState::Active && token.scopes.iter().any(read)
    };
    match (sent, known.filter(may_read)) {
        (false, _) => Some(Viewer::Anonymous),
        (true, Some(_)) => Some(Viewer::User),
        (true, None) => None,
    }
}

fn rest(world: &World, parts: &Parts, resource: &str, token: Option<&Token>) -> Answer {
    let token = match token {
        Some(token) if token.state == TokenState::Active => token,
        Some(token) if token.state == TokenState::Expired => {
            return rest::invalid_token(
                "Token is expired. You can either do re-authorization or token refresh.",
            );
        }
        Some(_) => {
            return rest::invalid_token(
                "Token was revoked. You have to re-authorize from the user.",
            );
        }
        None => return Answer::for_status(401, Dialect::Rest),
    };
    if parts.method != "GET" && parts.method != "HEAD" {
        return Answer::message(405, "405 Method Not Allowed");
    }
    let host = parts.headers.get("host");
    let host = host.and_then(|host| host.to_str().ok());
    let host = host.or_else(|| parts.uri.authority().map(|authority| authority.as_str()));
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    let address = format!("http://{}{path}", host.unwrap_or("localhost"));
    let Ok(url) = Url::parse(&address) else {
        return Answer::for_status(404, Dialect::Rest);
    };
    let path = resource
        .trim_end_matches('/')
        .split('/')
        .map(decode)
        .collect();
    rest::answer(&rest::Request {
        world,
        token,
        url: &url,
        path,
    })
}

/// Every other page of a GitLab asks a stranger to sign in.
fn elsewhere(world: &World) -> Answer {
    let mut answer = Answer::html(302, "You are being redirected");
    answer.set_header("Location", format!("{}/users/sign_in", world.base));
    answer
}

fn decode(segment: &str) -> String {
    let mut bytes = Vec::with_capacity(segment.len());
    let mut rest = segment.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let escaped = tail
            .get(..2)
            .and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped = escaped.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match (first, escaped) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &tail[2..];
            }
            _ => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
