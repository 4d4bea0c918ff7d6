//! What a metric under that exporter's name is: a row over the columns of one of our subjects.

use crate::metrics::subject::{Attribute, MetricRow};

/// A metric under that exporter's name.
pub(super) struct CiExporterRow {
    /// The subject whose rows it shows; of several parts of one name, the one that has the columns.
    pub subject: &'static str,
    pub row: MetricRow,
    pub renamed: &'static [Renamed],
    /// The metric of ours that shows the same, which a scrape does not find beside it.
    pub in_place_of: Option<&'static str>,
}

/// An attribute that is a column of another name, or one in other words.
#[derive(Debug)]
pub(super) struct Renamed {
    pub attribute: &'static str,
    pub column: &'static str,
    pub reworded: fn(&str) -> &str,
}

pub(super) const PROJECT: Attribute = Attribute {
    name: "project",
    meaning: "The project's full path; it changes when the project is renamed or transferred.",
    examples: &["platform/tools/gitlab-metrics-bridge"],
};

pub(super) const KIND: Attribute = Attribute {
    name: "kind",
    meaning: "What the ref is.",
    examples: &["branch", "tag", "merge-request"],
};

pub(super) const REF: Attribute = Attribute {
    name: "ref",
    meaning: "The branch or tag, or the number of the merge request in its project.",
    examples: &["main", "v1.2.0", "42"],
};

/// That exporter writes the kinds of refs with a hyphen.
pub(super) const KIND_REWORDED: Renamed = Renamed {
    attribute: "kind",
    column: "kind",
    reworded: |kind| match kind {
        "merge_request" => "merge-request",
        kind => kind,
    },
};

impl CiExporterRow {
    pub const fn of(subject: &'static str, row: MetricRow, renamed: &'static [Renamed]) -> Self {
        CiExporterRow {
            subject,
            row,
            renamed,
            in_place_of: None,
        }
    }

    pub const fn in_place_of(mut self, ours: &'static str) -> Self {
        self.in_place_of = Some(ours);
        self
    }
}
