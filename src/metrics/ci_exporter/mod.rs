//! The names of gitlab-ci-pipelines-exporter: the metrics of pipelines, jobs and environments that its
//! dashboards query, each a row over the columns of one of our subjects.
//!
//! The rows join the catalogue only where the configuration chooses these names, and only a scrape
//! shows them. What that exporter shows besides has no row here: docs/names.md says why.

mod environments;
mod jobs;
mod pipelines;
mod placing;

use super::subject::{Attribute, MetricRow, PROJECT_ID};
use super::{EnabledMetrics, Identity, ProjectLabels};

/// A metric under that exporter's name.
struct CiExporterRow {
    /// The subject whose rows it shows; of several parts of one name, the one that has the columns.
    subject: &'static str,
    row: MetricRow,
    renamed: &'static [Renamed],
    /// The metric of ours that shows the same, which a scrape does not find beside it.
    in_place_of: Option<&'static str>,
}

/// An attribute that is a column of another name, or one in other words.
#[derive(Debug)]
struct Renamed {
    attribute: &'static str,
    column: &'static str,
    reworded: fn(&str) -> &str,
}

/// What there is to know of a metric under that exporter's name.
#[derive(Clone, Copy, Debug)]
pub(super) struct CiExporterName {
    in_place_of: Option<&'static str>,
}

/// All rows, in the order they are shown.
fn rows() -> impl Iterator<Item = &'static CiExporterRow> {
    let all = [pipelines::ROWS, jobs::ROWS, environments::ROWS];
    all.into_iter().flatten()
}

const PROJECT: Attribute = Attribute {
    name: "project",
    meaning: "The project's full path; it changes when the project is renamed or transferred.",
    examples: &["platform/tools/gitlab-metrics-bridge"],
};

const KIND: Attribute = Attribute {
    name: "kind",
    meaning: "What the ref is.",
    examples: &["branch", "tag", "merge-request"],
};

const REF: Attribute = Attribute {
    name: "ref",
    meaning: "The branch or tag, or the number of the merge request in its project.",
    examples: &["main", "v1.2.0", "42"],
};

/// That exporter writes the kinds of refs with a hyphen.
const KIND_REWORDED: Renamed = Renamed {
    attribute: "kind",
    column: "kind",
    reworded: |kind| match kind {
        "merge_request" => "merge-request",
        kind => kind,
    },
};

impl CiExporterRow {
    const fn of(subject: &'static str, row: MetricRow, renamed: &'static [Renamed]) -> Self {
        CiExporterRow {
            subject,
            row,
            renamed,
            in_place_of: None,
        }
    }

    const fn in_place_of(mut self, ours: &'static str) -> Self {
        self.in_place_of = Some(ours);
        self
    }
}

impl EnabledMetrics {
    /// What a scrape finds: the names of the other exporter, where they are chosen, in place of ours that
    /// say the same.
    #[must_use]
    pub fn scraped(&self) -> EnabledMetrics {
        let names = self.metrics.iter().filter_map(|metric| metric.ci_exporter);
        let replaced: Vec<_> = names.filter_map(|name| name.in_place_of).collect();
        self.only(|metric| !replaced.contains(&metric.name))
    }

    /// What is shown under our own names.
    #[must_use]
    pub fn under_own_names(&self) -> EnabledMetrics {
        self.only(|metric| metric.ci_exporter.is_none())
    }
}

/// The attributes that every series of a project carries: its path, as that exporter has it, and its id, so
/// that two projects never share a series and ours can be joined.
pub(super) fn identity_labels<'a>(
    id: &'a str,
    identity: &'a Identity,
    shown: ProjectLabels,
) -> Vec<(&'static str, &'a str)> {
    let own = ProjectLabels {
        path: false,
        ..shown
    };
    let grain = super::Grain::Project;
    let mut labels = super::observe::identity_labels(grain, id, identity, own);
    labels.push((PROJECT.name, &identity.path));
    labels
}

#[cfg(test)]
mod tests;
