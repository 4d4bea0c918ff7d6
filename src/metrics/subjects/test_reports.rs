//! Test reports: what the tests came to of the newest pipeline of each ref that has a report.
//!
//! They are read along with their pipelines, by `poll::engine::details`: GitLab's own summary, for
//! which nothing is parsed. A report is several rows: one for each status of the whole and of each
//! suite, and one for how long it took.

use crate::metrics::subject::{
    Attribute, Cadence, Grain, Many, PROJECT_ID, Rest, Rows, Shows, Subject, count, gauge, label,
    seconds,
};

use super::pipeline_attributes::{KIND, REF};

pub(in crate::metrics) static SUBJECT: Subject = Subject {
    name: "test_reports",
    of: Grain::Project,
    cadence: Cadence::EachPoll,
    rows: Rows::Many(Many {
        list: "pipelines.testReportSummary",
        rest: "pipelines/:id/test_report_summary",
        key: "id",
        latest_per: &["ref", "kind"],
        at_most: 500,
    }),
    columns: &[
        label("ref", "ref", Rest::Body("ref")),
        label("kind", "refPath", Rest::Body("tag")),
        label("suite", "testSuites.nodes.name", Rest::Body("test_suites.name")),
        label("status", "total", Rest::Body("total")),
        count("cases", "total.count", Rest::Body("total.count")),
        count(
            "suite_cases",
            "testSuites.nodes.totalCount",
            Rest::Body("test_suites.total_count"),
        ),
        seconds("duration", "total.time", Rest::Body("total.time")),
    ],
    metrics: &[
        gauge(
            "gitlab_test_report_cases",
            "{case}",
            "Test cases of the newest pipeline of the ref that has a report",
            &[KIND, PROJECT_ID, REF, STATUS],
            Shows::Value("cases"),
        )
        .called("gitlab.test.case.count")
        .opt_in(),
        gauge(
            "gitlab_test_report_duration_seconds",
            "s",
            "How long the tests took, all together, of the newest pipeline of the ref that has a report",
            &[KIND, PROJECT_ID, REF],
            Shows::Value("duration"),
        )
        .opt_in(),
        gauge(
            "gitlab_test_suite_cases",
            "{case}",
            "Test cases by suite of the newest pipeline of the ref that has a report",
            &[KIND, PROJECT_ID, REF, STATUS, SUITE],
            Shows::Value("suite_cases"),
        )
        .only_by_name(),
    ],
};

const STATUS: Attribute = Attribute {
    name: "status",
    meaning: "How the test cases ended.",
    examples: &["success", "failed", "skipped", "error"],
};

const SUITE: Attribute = Attribute {
    name: "suite",
    meaning: "The test suite, which GitLab calls like its job.",
    examples: &["unit"],
};
