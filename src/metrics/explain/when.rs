//! When a metric is read, in words.

use std::time::Duration;

use super::settings::GitLabSettings;
use crate::metrics::subject::{Cadence, Rows, Shows};
use crate::metrics::{Metric, Subject, UnixTime};

/// When what a metric shows is read.
pub(super) fn read(metric: &Metric, settings: &GitLabSettings) -> String {
    match metric.shows {
        Shows::Bridge(_) | Shows::GitLab(_) => {
            return "It is what the bridge knows of itself now.".to_owned();
        }
        Shows::Projects | Shows::Sum(_) => {
            let interval = within("poll.interval", settings.pace.interval);
            return format!("It is told anew by each poll, every {interval}.");
        }
        _ => {}
    }
    let mut told: Vec<String> = metric
        .parts()
        .map(|part| of_subject(part.subject, settings))
        .collect();
    told.dedup();
    told.join(" ")
}

fn of_subject(subject: &Subject, settings: &GitLabSettings) -> String {
    let pace = settings.pace;
    if let (Cadence::Every(_), Some(every)) = (subject.cadence, settings.enabled.pace_of(subject)) {
        return format!(
            "It is read once in {} (poll.cadence).",
            span(every.as_secs())
        );
    }
    let sweep = within("poll.sweep", pace.sweep);
    let glance = within("poll.ci_interval", pace.glance);
    match (&subject.rows, subject.cadence) {
        (Rows::Feeds(_), _) => format!("What changed is read soon after, and within {glance}."),
        (_, Cadence::EachPoll) if subject.hangs_on_pipelines() => {
            format!("It is read when a pipeline changed, which is seen within {glance}.")
        }
        (_, Cadence::EachPoll) => {
            let interval = within("poll.interval", pace.interval);
            format!("Each poll looks at it, every {interval}.")
        }
        _ => format!(
            "It is read with its project: when GitLab notes activity there, and within {sweep}."
        ),
    }
}

/// A time that a setting says, where it is known.
fn within(setting: &str, time: Duration) -> String {
    match time.is_zero() {
        true => setting.to_owned(),
        false => format!("{} ({setting})", span(time.as_secs())),
    }
}

/// A moment as a time of day in UTC.
pub(super) fn moment(at: UnixTime) -> Option<String> {
    let at = jiff::Timestamp::from_second(i64::try_from(at).ok()?).ok()?;
    Some(at.to_string())
}

/// Whether the values of a metric are moments.
pub(super) fn is_moment(metric: &Metric) -> bool {
    metric.name.ends_with("_timestamp_seconds")
}

/// A time as a person says it, in no more than two units.
pub(super) fn span(seconds: u64) -> String {
    let units = [
        ("day", 86_400),
        ("hour", 3_600),
        ("minute", 60),
        ("second", 1),
    ];
    let mut rest = seconds;
    let mut parts = Vec::new();
    for (name, size) in units {
        let count = rest / size;
        rest %= size;
        match (count, parts.is_empty()) {
            (0, true) => {}
            (0, false) => break,
            (1, _) => parts.push(format!("1 {name}")),
            (count, _) => parts.push(format!("{count} {name}s")),
        }
        if parts.len() == 2 {
            break;
        }
    }
    match parts.is_empty() {
        true => "0 seconds".to_owned(),
        false => parts.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::span;

    #[test]
    fn a_time_is_said_in_no_more_than_two_units() {
        for (seconds, said) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (60, "1 minute"),
            (61, "1 minute 1 second"),
            (3_600, "1 hour"),
            (3_601, "1 hour"),
            (90_000, "1 day 1 hour"),
        ] {
            assert_eq!(span(seconds), said);
        }
    }
}
