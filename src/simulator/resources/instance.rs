//! The instance itself, and the token's user.

use serde_json::json;

use super::runners;
use crate::simulator::answer::Answer;
use crate::simulator::graphql::object::{Context, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};

/// The revision that this GitLab says it was built from.
const REVISION: &str = "0a1b2c3d4e5";
/// The name under which the token's user signs in, and the one that is shown.
const USERNAME: &str = "bridge";
const USER_NAME: &str = "Metrics Bridge";

pub(super) const ENDPOINTS: &[Endpoint] = &[
    ("/version", version),
    ("/metadata", metadata),
    ("/user", user),
];

pub(super) struct Metadata;

impl<'w> Object<'w> for Metadata {
    fn field(&self, field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w> {
        let profile = &context.world.profile;
        Ok(match field.name {
            "version" => profile.version_text().into(),
            "revision" => REVISION.into(),
            "kas" => FieldValue::object(Kas),
            _ => (!profile.community_edition).into(),
        })
    }
}

/// GitLab's server of agents for Kubernetes, which the model has not.
struct Kas;

impl<'w> Object<'w> for Kas {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "enabled" => false.into(),
            _ => FieldValue::Null,
        })
    }
}

pub(super) struct CurrentUser;

impl<'w> Object<'w> for CurrentUser {
    fn field(&self, field: &SelectedField<'_>, context: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "id" => "gid://gitlab/User/1".into(),
            "runners" => runners::own_connection(field, context)?,
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
