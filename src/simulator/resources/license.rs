//! The licence of the Enterprise Edition, which administrators alone may read.

use serde_json::json;

use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::{Connection, after};
use crate::simulator::graphql::object::{Context, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::clock::in_days;
use crate::simulator::world::counts::Viewer;
use crate::simulator::world::instance::License;

pub(super) const ENDPOINTS: &[Endpoint] = &[("/license", rest)];

fn readable<'w>(context: &Context<'w>) -> Option<&'w License> {
    let license = context.world.current_license();
    license.filter(|_| context.viewer == Viewer::Administrator)
}

/// `Query.currentLicense`.
pub(super) fn current<'w>(context: &Context<'w>) -> FieldValue<'w> {
    readable(context).map_or(FieldValue::Null, FieldValue::object)
}

/// `Query.licenseHistoryEntries`: the one there is.
pub(super) fn history<'w>(field: &SelectedField<'_>, context: &Context<'w>) -> FieldValue<'w> {
    if context.viewer != Viewer::Administrator {
        return FieldValue::Null;
    }
    let rows = readable(context).into_iter();
    let rows = rows.filter(|_| after(field).is_none());
    let page = Connection::of(field, rows, |_| "1".to_owned(), || 1);
    FieldValue::object(page)
}

impl<'w> Object<'w> for &'w License {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        let license = *self;
        let over = license.most_users.saturating_sub(license.seats);
        Ok(match field.name {
            "id" => "gid://gitlab/License/1".into(),
            "plan" => license.plan.as_str().into(),
            "type" => "legacy_license".into(),
            "startsAt" | "createdAt" | "activatedAt" => license.starts_at.as_str().into(),
            "expiresAt" | "blockChangesAt" => license.expires_at.as_deref().into(),
            "usersInLicenseCount" => license.seats.into(),
            "billableUsersCount" => license.billable_users.into(),
            "maximumUserCount" => license.most_users.into(),
            _ => over.into(),
        })
    }
}

fn rest(request: &RestRequest<'_>) -> Answered {
    if request.world.profile.community_edition {
        return Err(Answer::unknown_endpoint());
    }
    if request.viewer != Viewer::Administrator {
        return Err(Answer::forbidden());
    }
    let Some(license) = request.world.current_license() else {
        return Err(Answer::message(404, "404 Not found"));
    };
    let today = in_days(request.world.now());
    let expired = license.expires_at.as_ref().is_some_and(|day| *day < today);
    let body = json!({
        "id": 1,
        "plan": license.plan,
        "created_at": format!("{}T00:00:00.000Z", license.starts_at),
        "starts_at": license.starts_at,
        "expires_at": license.expires_at,
        "historical_max": license.most_users,
        "maximum_user_count": license.most_users,
        "expired": expired,
        "overage": license.billable_users.saturating_sub(license.seats),
        "user_limit": license.seats,
        "active_users": license.billable_users,
    });
    Ok(Answer::json(200, &body))
}
