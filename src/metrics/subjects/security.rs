//! Vulnerabilities that are still open, by severity: an Ultimate licence and the right to see them.

use crate::metrics::Reason;
use crate::metrics::subject::{
    Attribute, Cadence, Column, Grain, PROJECT_ID, Rest, Rows, Shows, Subject, count, gauge,
};

pub(super) static SUBJECT: Subject = Subject {
    name: "security",
    of: Grain::Project,
    cadence: Cadence::HOURLY,
    rows: Rows::One,
    columns: &[
        of_severity(
            "critical",
            "vulnerabilitySeveritiesCount(state: [DETECTED, CONFIRMED]).critical",
        ),
        of_severity(
            "high",
            "vulnerabilitySeveritiesCount(state: [DETECTED, CONFIRMED]).high",
        ),
        of_severity(
            "medium",
            "vulnerabilitySeveritiesCount(state: [DETECTED, CONFIRMED]).medium",
        ),
        of_severity(
            "low",
            "vulnerabilitySeveritiesCount(state: [DETECTED, CONFIRMED]).low",
        ),
        of_severity(
            "info",
            "vulnerabilitySeveritiesCount(state: [DETECTED, CONFIRMED]).info",
        ),
        of_severity(
            "unknown",
            "vulnerabilitySeveritiesCount(state: [DETECTED, CONFIRMED]).unknown",
        ),
    ],
    metrics: &[gauge(
        "gitlab_vulnerabilities",
        "{vulnerability}",
        "Vulnerabilities that are detected or confirmed, by severity",
        &[PROJECT_ID, SEVERITY],
        Shows::ByColumn {
            attribute: "severity",
            columns: SEVERITIES,
        },
    )
    .opt_in()],
};

const SEVERITIES: &[&str] = &["critical", "high", "medium", "low", "info", "unknown"];

const SEVERITY: Attribute = Attribute {
    name: "severity",
    meaning: "How severe the vulnerabilities are, in GitLab's words.",
    examples: SEVERITIES,
};

/// REST has no counts of them.
const fn of_severity(severity: &'static str, graphql: &'static str) -> Column {
    count(severity, graphql, Rest::Nowhere).null_means(Reason::Unlicensed)
}
