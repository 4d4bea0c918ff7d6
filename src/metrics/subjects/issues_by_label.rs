//! Issues by label: of the labels that the configuration names, one grouped count each.

use crate::metrics::subject::{
    Attribute, Cadence, Feature, Grain, Named, Names, PROJECT_ID, Rest, Rows, STATE, Shows,
    Subject, count, gauge, label,
};

pub(super) static SUBJECT: Subject = Subject {
    name: "issues_by_label",
    of: Grain::Project,
    cadence: Cadence::HOURLY,
    rows: Rows::Named(Named {
        names: Names::IssueLabels,
        field: "issueStatusCounts",
        argument: "labelName",
        rest: "issues_statistics?labels={name}&scope=all",
        rest_at: "statistics.counts",
        members: &["opened", "closed"],
    }),
    columns: &[
        label("label", "", Rest::Nowhere),
        label("state", "", Rest::Nowhere),
        count("issues", "", Rest::Nowhere).of(Feature::Issues),
    ],
    metrics: &[gauge(
        "gitlab_issues_by_label",
        "{issue}",
        "Issues that have a label of metrics.issue_labels, by state",
        &[LABEL, PROJECT_ID, STATE],
        Shows::Value("issues"),
    )
    .opt_in()],
};

const LABEL: Attribute = Attribute {
    name: "label",
    meaning: "The label, as metrics.issue_labels names it.",
    examples: &["bug"],
};
