//! The instance itself, the token and its user.

use serde_json::json;

use crate::simulator::answer::Answer;
use crate::simulator::graphql::object::{Context, FieldResult, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::clock::in_milliseconds;

/// The revision that this GitLab says it was built from.
const REVISION: &str = "0a1b2c3d4e5";
/// The name under which the token's user signs in, and the one that is shown.
const USERNAME: &str = "bridge";
const USER_NAME: &str = "Metrics Bridge";

pub(super) const ENDPOINTS: &[Endpoint] = &[
    ("/version", version),
    ("/metadata", metadata),
    ("/user", user),
    ("/personal_access_tokens/self", token),
];

pub(super) struct Metadata;

impl<'w> Object<'w> for Metadata {
    fn field(&self, field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w> {
        let profile = &context.world.profile;
        Ok(match field.name {
            "version" => profile.version_text().into(),
            "revision" => REVISION.into(),
            _ => (!profile.community_edition).into(),
        })
    }
}

pub(super) struct CurrentUser;

impl<'w> Object<'w> for CurrentUser {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "id" => "gid://gitlab/User/1".into(),
            "username" => USERNAME.into(),
            _ => USER_NAME.into(),
        })
    }
}

pub(super) struct QueryComplexity;

impl<'w> Object<'w> for QueryComplexity {
    fn field(&self, field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "limit" => u64::from(context.limit).into(),
            _ => u64::from(context.score).into(),
        })
    }
}

fn version(request: &RestRequest<'_>) -> Answered {
    let version = request.world.profile.version_text();
    let body = json!({ "version": version, "revision": REVISION });
    Ok(Answer::json(200, &body))
}

fn metadata(request: &RestRequest<'_>) -> Answered {
    let profile = &request.world.profile;
    let body = json!({
        "version": profile.version_text(),
        "revision": REVISION,
        "enterprise": !profile.community_edition,
        "kas": { "enabled": false, "externalUrl": null, "version": null },
    });
    Ok(Answer::json(200, &body))
}

fn user(_: &RestRequest<'_>) -> Answered {
    let body = json!({
        "id": 1, "username": USERNAME, "name": USER_NAME, "state": "active", "bot": false,
    });
    Ok(Answer::json(200, &body))
}

fn token(request: &RestRequest<'_>) -> Answered {
    let token = request.token;
    let body = json!({
        "id": 1,
        "name": token.name,
        "revoked": false,
        "created_at": in_milliseconds(request.world.now()),
        "scopes": token.scopes,
        "user_id": 1,
        "active": true,
        "expires_at": token.expires_at,
    });
    Ok(Answer::json(200, &body))
}
