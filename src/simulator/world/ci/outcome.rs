//! What jobs leave and why they fail.

/// A file that a job left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// As REST writes it: `archive`, `trace`, `junit`.
    pub file_type: &'static str,
    pub bytes: u64,
}

/// What the test reports of a job say together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TestReport {
    pub success: u64,
    pub failed: u64,
    pub skipped: u64,
    pub error: u64,
    pub seconds: f64,
}

impl TestReport {
    pub fn count(&self) -> u64 {
        self.success + self.failed + self.skipped + self.error
    }

    pub(crate) fn plus(self, other: &TestReport) -> TestReport {
        TestReport {
            success: self.success + other.success,
            failed: self.failed + other.failed,
            skipped: self.skipped + other.skipped,
            error: self.error + other.error,
            seconds: self.seconds + other.seconds,
        }
    }
}

/// Why a job failed: some of GitLab's reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FailureReason {
    UnknownFailure,
    ScriptFailure,
    ApiFailure,
    StuckOrTimeoutFailure,
    RunnerSystemFailure,
    MissingDependencyFailure,
    RunnerUnsupported,
    JobExecutionTimeout,
    SchedulerFailure,
    DataIntegrityFailure,
    DownstreamPipelineCreationFailed,
}

impl FailureReason {
    /// REST's word.
    pub fn word(self) -> &'static str {
        match self {
            FailureReason::UnknownFailure => "unknown_failure",
            FailureReason::ScriptFailure => "script_failure",
            FailureReason::ApiFailure => "api_failure",
            FailureReason::StuckOrTimeoutFailure => "stuck_or_timeout_failure",
            FailureReason::RunnerSystemFailure => "runner_system_failure",
            FailureReason::MissingDependencyFailure => "missing_dependency_failure",
            FailureReason::RunnerUnsupported => "runner_unsupported",
            FailureReason::JobExecutionTimeout => "job_execution_timeout",
            FailureReason::SchedulerFailure => "scheduler_failure",
            FailureReason::DataIntegrityFailure => "data_integrity_failure",
            FailureReason::DownstreamPipelineCreationFailed => {
                "downstream_pipeline_creation_failed"
            }
        }
    }

    /// GraphQL's text, in the language of the token's user. A failed script has none.
    pub(crate) fn message(self) -> Option<&'static str> {
        Some(match self {
            FailureReason::ScriptFailure => return None,
            FailureReason::UnknownFailure => "There is an unknown failure, please try again",
            FailureReason::ApiFailure => "There has been an API failure, please try again",
            FailureReason::StuckOrTimeoutFailure => {
                "There has been a timeout failure or the job got stuck. \
                 Check your timeout limits or try again"
            }
            FailureReason::RunnerSystemFailure => {
                "There has been a runner system failure, please try again"
            }
            FailureReason::MissingDependencyFailure => {
                "There has been a missing dependency failure"
            }
            FailureReason::RunnerUnsupported => {
                "Your runner is outdated, please upgrade your runner"
            }
            FailureReason::JobExecutionTimeout => {
                "The script exceeded the maximum execution time set for the job"
            }
            FailureReason::SchedulerFailure => {
                "The scheduler failed to assign job to the runner, please try again or contact \
                 system administrator"
            }
            FailureReason::DataIntegrityFailure => {
                "There has been an unknown job problem, please contact your system administrator \
                 with the job ID to review the logs"
            }
            FailureReason::DownstreamPipelineCreationFailed => {
                "The downstream pipeline could not be created"
            }
        })
    }
}
