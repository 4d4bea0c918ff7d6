//! Access tokens: the one that asks, those of users, and those of projects and groups.

use serde_json::{Value, json};

use super::named_group;
use super::named_project;
use crate::simulator::answer::Answer;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::clock::{in_days, in_milliseconds};
use crate::simulator::world::counts::{Role, Viewer};
use crate::simulator::world::members::TOKEN_USER;
use crate::simulator::world::resource_tokens::ResourceToken;
use crate::simulator::world::token::{AccessToken, TokenState};

pub(super) const ENDPOINTS: &[Endpoint] = &[
    ("/personal_access_tokens", personal),
    ("/personal_access_tokens/self", own),
    ("/projects/:id/access_tokens", of_project),
    ("/groups/:id/access_tokens", of_group),
];

fn own(request: &RestRequest<'_>) -> Answered {
    let id = request.world.token_id(&request.token.secret).unwrap_or(1);
    Ok(Answer::json(200, &body(id, request.token, request)))
}

/// A user's own ones, and for an administrator those of all users.
fn personal(request: &RestRequest<'_>) -> Answered {
    let state = request.parameter("state");
    let all = request.viewer == Viewer::Administrator;
    let tokens = request.world.tokens();
    let tokens = (1..).zip(tokens).filter(|(_, token)| {
        let own = token.administrator == request.token.administrator;
        let active = token.state == TokenState::Active;
        let wanted = match state.as_deref() {
            Some("active") => active,
            Some("inactive") => !active,
            _ => true,
        };
        (all || own) && wanted
    });
    let page = request.by_offset(tokens)?;
    let rows = page.rows.iter();
    let rows: Value = rows.map(|(id, token)| body(*id, token, request)).collect();
    Ok(page.answer(request, Answer::json(200, &rows)))
}

fn body(id: u64, token: &AccessToken, request: &RestRequest<'_>) -> Value {
    json!({
        "id": id,
        "name": token.name,
        "revoked": token.state == TokenState::Revoked,
        "created_at": in_milliseconds(request.world.now()),
        "scopes": token.scopes,
        "user_id": if token.administrator { TOKEN_USER + 1 } else { TOKEN_USER },
        "active": token.state == TokenState::Active,
        "expires_at": token.expires_at,
    })
}

fn of_project(request: &RestRequest<'_>) -> Answered {
    let project = named_project::find(request)?;
    if project.role_of(request.viewer) < Role::Maintainer {
        return Err(refused());
    }
    list(request, request.world.tokens_of_project(project.id))
}

fn of_group(request: &RestRequest<'_>) -> Answered {
    let group = named_group::find(request)?;
    if group.role_of(request.viewer) < Role::Owner {
        return Err(refused());
    }
    list(request, request.world.tokens_of_group(group.id()))
}

/// GitLab says 401 here to a good token that may not, where others say 403.
fn refused() -> Answer {
    Answer::message(401, "401 Unauthorized")
}

fn list(request: &RestRequest<'_>, tokens: &[ResourceToken]) -> Answered {
    let today = in_days(request.world.now());
    let state = request.parameter("state");
    let tokens = tokens.iter().filter(|token| match state.as_deref() {
        Some("active") => token.active(&today),
        Some("inactive") => !token.active(&today),
        _ => true,
    });
    let page = request.by_offset(tokens)?;
    let body = |token: &&ResourceToken| {
        json!({
            "id": token.id,
            "name": token.name,
            "revoked": token.revoked,
            "active": token.active(&today),
            "created_at": in_milliseconds(token.created_at),
            "expires_at": token.expires_at,
            "access_level": Role::Maintainer.level(),
            "scopes": ["read_api"],
        })
    };
    let rows: Value = page.rows.iter().map(body).collect();
    Ok(page.answer(request, Answer::json(200, &rows)))
}
