//! What GitLab counts of itself, which administrators alone may read.

use jiff::Timestamp;
use serde_json::json;

use crate::simulator::answer::Answer;
use crate::simulator::graphql::connection::{Connection, after};
use crate::simulator::graphql::object::{Context, FieldResult, FieldValue, Object};
use crate::simulator::graphql::select::SelectedField;
use crate::simulator::limits::MAX_COUNTED_ROWS;
use crate::simulator::rest::request::{Answered, Endpoint, RestRequest};
use crate::simulator::world::clock::in_seconds;
use crate::simulator::world::counts::Viewer;
use crate::simulator::world::instance::Totals;

pub(super) const ENDPOINTS: &[Endpoint] = &[("/application/statistics", statistics)];

/// `Query.usageTrendsMeasurements`: what was counted last night.
pub(super) fn measurements<'w>(field: &SelectedField<'_>, context: &Context<'w>) -> FieldValue<'w> {
    if context.viewer != Viewer::Administrator {
        return FieldValue::Null;
    }
    let Some(word) = WORDS
        .iter()
        .find(|word| field.text("identifier") == Some(word))
    else {
        return FieldValue::Null;
    };
    let (recorded_at, totals) = context.world.counted_at_night();
    let measurement = Measurement {
        identifier: word,
        count: of(&totals, word),
        recorded_at,
    };
    let rows = std::iter::once(measurement).filter(|_| after(field).is_none());
    let page = Connection::of(field, rows, |_| "1".to_owned(), || 1);
    FieldValue::object(page)
}

const WORDS: [&str; 10] = [
    "PROJECTS",
    "USERS",
    "ISSUES",
    "MERGE_REQUESTS",
    "GROUPS",
    "PIPELINES",
    "PIPELINES_SUCCEEDED",
    "PIPELINES_FAILED",
    "PIPELINES_CANCELED",
    "PIPELINES_SKIPPED",
];

fn of(totals: &Totals, word: &str) -> u64 {
    match word {
        "PROJECTS" => totals.projects,
        "USERS" => totals.users,
        "ISSUES" => totals.issues,
        "MERGE_REQUESTS" => totals.merge_requests,
        "GROUPS" => totals.groups,
        "PIPELINES" => totals.pipelines,
        "PIPELINES_SUCCEEDED" => totals.pipelines_succeeded,
        "PIPELINES_FAILED" => totals.pipelines_failed,
        "PIPELINES_CANCELED" => totals.pipelines_canceled,
        _ => 0,
    }
}

/// The type `UsageTrendsMeasurement`.
#[derive(Clone, Copy)]
struct Measurement {
    identifier: &'static str,
    count: u64,
    recorded_at: Timestamp,
}

impl<'w> Object<'w> for Measurement {
    fn field(&self, field: &SelectedField<'_>, _: &Context<'w>) -> FieldResult<'w> {
        Ok(match field.name {
            "count" => self.count.into(),
            "identifier" => self.identifier.into(),
            _ => in_seconds(self.recorded_at).into(),
        })
    }
}

fn statistics(request: &RestRequest<'_>) -> Answered {
    if request.viewer != Viewer::Administrator {
        return Err(Answer::forbidden());
    }
    let totals = request.world.totals();
    let body = json!({
        "forks": as_told(totals.forks),
        "issues": as_told(totals.issues),
        "merge_requests": as_told(totals.merge_requests),
        "notes": "0",
        "snippets": "0",
        "ssh_keys": "0",
        "milestones": "0",
        "users": as_told(totals.users),
        "groups": as_told(totals.groups),
        "projects": as_told(totals.projects),
        "active_users": as_told(totals.users),
    });
    Ok(Answer::json(200, &body))
}

/// A text with commas between thousands. Above ten thousand the database only guesses.
fn as_told(count: u64) -> String {
    let count = match count > MAX_COUNTED_ROWS {
        true => count - count % 100,
        false => count,
    };
    let digits = count.to_string();
    let mut told = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            told.push(',');
        }
        told.push(digit);
    }
    told
}
