//! Moments, as GitLab writes them and as we keep them.

use serde_json::Value as Json;

/// Seconds since 1970, UTC.
pub type UnixTime = u64;

/// Whole seconds: GraphQL and REST write the same moment with and without a fraction.
pub(super) fn moment(value: &Json) -> Option<UnixTime> {
    let text = value.as_str()?;
    if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
        return u64::try_from(timestamp.as_second()).ok();
    }
    // A date is its midnight in UTC.
    let midnight: jiff::Timestamp = format!("{text}T00:00:00Z").parse().ok()?;
    u64::try_from(midnight.as_second()).ok()
}

/// A time as readings keep it, good until 2106.
pub fn stamp(now: UnixTime) -> u32 {
    u32::try_from(now).unwrap_or(u32::MAX)
}
