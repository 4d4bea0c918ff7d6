//! Why a job failed, as the word that GitLab's REST has for it.
//!
//! GraphQL tells no such word, only the text that GitLab shows to people, in the language of the
//! token's user. The English texts of GitLab 13 to 18 are mapped back here. A text that is not
//! known, or that stands for two reasons, is left to REST.

/// What a failed job whose script failed is told as: GitLab has no text for it.
pub const SCRIPT_FAILURE: &str = "script_failure";

/// The reason that a text of GitLab stands for; none if it stands for no reason that is known, or for
/// several. GitLab tells null where the script failed.
pub fn failure_reason(text: Option<&str>) -> Option<&'static str> {
    let Some(text) = text else {
        return Some(SCRIPT_FAILURE);
    };
    let text = text.trim().trim_end_matches('.');
    let whole = TEXTS.iter().find(|(known, _)| *known == text);
    // What follows these is a link to a page of help, or the words of another service.
    let begun = || BEGINNINGS.iter().find(|(known, _)| text.starts_with(known));
    whole.or_else(begun).map(|(_, reason)| *reason)
}

/// GitLab's texts without the full stop, which some versions have and some have not.
const TEXTS: &[(&str, &str)] = &[
    (
        "There is an unknown failure, please try again",
        "unknown_failure",
    ),
    (
        "There has been an API failure, please try again",
        "api_failure",
    ),
    (
        "There has been a timeout failure or the job got stuck. Check your timeout limits or try again",
        "stuck_or_timeout_failure",
    ),
    (
        "There has been a runner system failure, please try again",
        "runner_system_failure",
    ),
    (
        "There has been a missing dependency failure",
        "missing_dependency_failure",
    ),
    (
        "Your runner is outdated, please upgrade your runner",
        "runner_unsupported",
    ),
    (
        "No runners support the requirements to run this job",
        "runner_unsupported",
    ),
    (
        "Delayed job could not be executed by some reason, please try again",
        "stale_schedule",
    ),
    ("The job is archived and cannot be run", "archived_failure"),
    (
        "The job failed to complete prerequisite tasks",
        "unmet_prerequisites",
    ),
    (
        "The scheduler failed to assign job to the runner, please try again or contact system administrator",
        "scheduler_failure",
    ),
    (
        "There has been a structural integrity problem detected, please contact system administrator",
        "data_integrity_failure",
    ),
    (
        "There has been an unknown job problem, please contact your system administrator with the job ID to \
         review the logs",
        "data_integrity_failure",
    ),
    (
        "The deployment job is older than the previously succeeded deployment job, and therefore cannot be \
         run",
        "forward_deployment_failure",
    ),
    (
        "This job could not be executed because it would create infinitely looping pipelines",
        "pipeline_loop_detected",
    ),
    (
        "This job could not be executed because of insufficient permissions to track the upstream project",
        "insufficient_upstream_permissions",
    ),
    (
        "This job could not be executed because upstream bridge project could not be found",
        "upstream_bridge_project_not_found",
    ),
    (
        "This job could not be executed because downstream pipeline trigger definition is invalid",
        "invalid_bridge_trigger",
    ),
    (
        "This job could not be executed because downstream bridge project could not be found",
        "downstream_bridge_project_not_found",
    ),
    (
        "The environment this job is deploying to is protected. Only users with permission may successfully \
         run this job",
        "protected_environment_failure",
    ),
    (
        "This job could not be executed because of insufficient permissions to create a downstream pipeline",
        "insufficient_bridge_permissions",
    ),
    (
        "This job belongs to a child pipeline and cannot create further child pipelines",
        "bridge_pipeline_is_child_pipeline",
    ),
    (
        "The downstream pipeline could not be created",
        "downstream_pipeline_creation_failed",
    ),
    (
        "The secrets provider can not be found",
        "secrets_provider_not_found",
    ),
    (
        "The secrets provider can not be found. Check your CI/CD variables and try again",
        "secrets_provider_not_found",
    ),
    (
        "You reached the maximum depth of child pipelines",
        "reached_max_descendant_pipelines_depth",
    ),
    (
        "The downstream pipeline tree is too large",
        "reached_max_pipeline_hierarchy_size",
    ),
    ("The job belongs to a deleted project", "project_deleted"),
    ("The user who created this job is blocked", "user_blocked"),
    ("No more CI minutes available", "ci_quota_exceeded"),
    ("No more compute minutes available", "ci_quota_exceeded"),
    ("No matching runner available", "no_matching_runner"),
    ("The job log size limit was reached", "trace_size_exceeded"),
    ("The CI/CD is disabled for this project", "builds_disabled"),
    ("This deployment job was rejected", "deployment_rejected"),
    (
        "This job could not be executed because group IP address restrictions are enabled, and the runner's \
         IP address is not in the allowed range",
        "ip_restriction_failure",
    ),
    (
        "Too many downstream pipelines triggered in the last minute. Try again later",
        "reached_downstream_pipeline_trigger_rate_limit",
    ),
    (
        "The CI job token has expired. The job may have exceeded the maximum time limit",
        "job_token_expired",
    ),
];

/// How texts begin that go on differently from case to case.
const BEGINNINGS: &[(&str, &str)] = &[
    (
        "This job could not be executed because it would create an environment with an invalid parameter",
        "environment_creation_failure",
    ),
    (
        "The deployment job is older than the latest deployment, and therefore failed",
        "failed_outdated_deployment_job",
    ),
    (
        "The Job Router failed to run this job",
        "job_router_failure",
    ),
    (
        "Duo Agent Platform cannot run on this runner",
        "duo_workflow_not_allowed",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_the_reason_it_stands_for() {
        for (text, reason) in [
            (None, Some("script_failure")),
            (
                Some("There has been a runner system failure, please try again"),
                Some("runner_system_failure"),
            ),
            (
                Some("No runners support the requirements to run this job."),
                Some("runner_unsupported"),
            ),
            (
                Some(
                    "The deployment job is older than the latest deployment, and therefore failed. <a \
                     href=\"/help/ci\">How do I fix it?</a>",
                ),
                Some("failed_outdated_deployment_job"),
            ),
            (
                Some("The Job Router failed to run this job. No executor has a GPU"),
                Some("job_router_failure"),
            ),
            (
                Some("Der Job ist archiviert und kann nicht ausgeführt werden"),
                None,
            ),
            (Some(""), None),
        ] {
            assert_eq!(failure_reason(text), reason, "{text:?}");
        }
    }

    /// GitLab 18 has two reasons with this text.
    #[test]
    fn a_text_of_two_reasons_says_nothing() {
        let text = "The script exceeded the maximum execution time set for the job";
        assert_eq!(failure_reason(Some(text)), None);
    }

    #[test]
    fn every_text_stands_for_one_reason() {
        let texts = TEXTS.iter().map(|(text, _)| text);
        let mut sorted: Vec<_> = texts.collect();
        sorted.sort_unstable();
        assert!(sorted.windows(2).all(|pair| pair[0] != pair[1]));
        for (text, reason) in TEXTS.iter().chain(BEGINNINGS) {
            assert!(!text.ends_with('.') && !reason.is_empty(), "{text}");
            assert_eq!(failure_reason(Some(&format!("{text}."))), Some(*reason));
        }
    }
}
