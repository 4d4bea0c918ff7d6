//! From a request to the part that answers it, once it is known who asks.

use axum::http::request::Parts;
use fastrand::Rng;
use url::Url;

use super::arrival::{Arrival, sent_token};
use crate::simulator::answer::{Answer, Dialect};
use crate::simulator::world::World;
use crate::simulator::world::counts::Viewer;
use crate::simulator::world::token::{AccessToken, TokenState};
use crate::simulator::{graphql, resources, rest};

/// What GitLab answers when nothing goes wrong. With `timeouts`, some fields of a GraphQL answer time out.
pub(super) fn answer(
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
                Some(viewer) => {
                    let query = &resources::Query;
                    let asking = graphql::Asking {
                        world,
                        viewer,
                        timeouts,
                    };
                    graphql::answer(query, &asking, &arrival.graphql)
                }
                None => Answer::for_status(401, Dialect::GraphQl),
            }
        }
        Some("/users/sign_in") => Answer::login_page(),
        Some(path) => match path.strip_prefix("/api/v4") {
            Some(resource) if resource.starts_with('/') => {
                answer_rest(world, parts, resource, known.as_ref())
            }
            _ => elsewhere(world),
        },
        None => Answer::for_status(404, Dialect::GraphQl),
    }
}

/// GraphQL's view of a token: any that is not good is refused, and none is anonymous.
fn viewer(sent: bool, known: Option<&AccessToken>) -> Option<Viewer> {
    let may_read = |token: &&AccessToken| {
        let read = |scope: &String| scope == "api" || scope == "read_api";
        token.state == TokenState::Active && token.scopes.iter().any(read)
    };
    match (sent, known.filter(may_read)) {
        (false, _) => Some(Viewer::Anonymous),
        (true, Some(token)) => Some(token.viewer()),
        (true, None) => None,
    }
}

fn answer_rest(
    world: &World,
    parts: &Parts,
    resource: &str,
    token: Option<&AccessToken>,
) -> Answer {
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
    let request = rest::request::RestRequest {
        world,
        token,
        viewer: token.viewer(),
        url: &url,
        named: Vec::new(),
    };
    rest::answer(resources::ENDPOINTS, request, resource)
}

/// Every other page sends a reader without a session to the sign-in page.
fn elsewhere(world: &World) -> Answer {
    let mut answer = Answer::html(302, "You are being redirected");
    answer.set_header("Location", format!("{}/users/sign_in", world.base));
    answer
}
