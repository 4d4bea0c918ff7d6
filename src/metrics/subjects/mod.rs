//! What this program measures: one file per GitLab subject, and the catalogue of them all.

mod bridge;
mod cluster;
mod commits;
mod deployments;
mod environments;
mod groups;
mod incident_events;
mod incidents;
mod instance;
mod issues;
mod issues_by_label;
mod jobs;
mod members;
mod merge_request_events;
mod merge_requests;
mod packages;
mod pipeline_attributes;
mod pipeline_counts;
mod pipeline_schedules;
mod pipelines;
mod process;
mod projects;
mod queue;
mod releases;
mod repository;
mod runners;
mod security;
mod shards;
mod storage;
mod test_reports;
mod tokens;

pub(super) use jobs::{LAST_STATUS, STAGE};
pub(super) use pipeline_attributes::STATUSES;

use std::sync::LazyLock;

use super::Catalogue;
use super::subject::Subject;
pub use shards::SHARD_PROJECTS;

/// What this program measures, in the order it is shown.
const STANDARD: &[&Subject] = &[
    &commits::SUBJECT,
    &merge_requests::SUBJECT,
    &merge_request_events::SUBJECT,
    &projects::SUBJECT,
    &issues::SUBJECT,
    &releases::SUBJECT,
    &storage::SUBJECT,
    &pipelines::SUBJECT,
    &pipeline_counts::SUBJECT,
    &jobs::SUBJECT,
    &queue::SUBJECT,
    &test_reports::SUBJECT,
    &environments::SUBJECT,
    &deployments::SUBJECT,
    &incident_events::SUBJECT,
    &repository::REFS,
    &repository::CONTRIBUTORS,
    &repository::LANGUAGES,
    &members::SUBJECT,
    &packages::SUBJECT,
    &pipeline_schedules::COUNTS,
    &pipeline_schedules::NEXT_RUNS,
    &incidents::SUBJECT,
    &issues_by_label::SUBJECT,
    &security::SUBJECT,
    &tokens::OF_PROJECTS,
    &tokens::OF_GROUPS,
    &groups::SUBJECT,
    &groups::STORAGE,
    &runners::COUNTS,
    &runners::EACH,
    &instance::INFO,
    &instance::OBJECTS,
    &instance::LICENSE,
    &instance::TOKEN,
    &bridge::SUBJECT,
    &cluster::SUBJECT,
    &shards::SUBJECT,
    &process::SUBJECT,
];

impl Catalogue {
    /// What this program measures.
    pub fn standard() -> &'static Catalogue {
        static CATALOGUE: LazyLock<Catalogue> =
            LazyLock::new(|| Catalogue::new(STANDARD).expect("a test builds it"));
        &CATALOGUE
    }

    /// The standard catalogue and more, for tests.
    ///
    /// # Errors
    /// See [`Catalogue::new`].
    pub fn standard_with(more: &[&'static Subject]) -> Result<&'static Catalogue, String> {
        let subjects = [STANDARD, more].concat();
        Ok(Box::leak(Box::new(Catalogue::new(&subjects)?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::Instrument;

    #[test]
    fn the_standard_catalogue_is_right() {
        assert_eq!(Catalogue::new(STANDARD).err(), None);
    }

    #[test]
    fn only_counters_and_the_two_seed_metrics_are_called_total() {
        for metric in Catalogue::standard().metrics() {
            let counter = metric.instrument == Instrument::Counter;
            let seed =
                ["gitlab_commits_total", "gitlab_merge_requests_total"].contains(&metric.name);
            assert_eq!(
                metric.name.ends_with("_total"),
                counter || seed,
                "{}",
                metric.name
            );
        }
    }
}
