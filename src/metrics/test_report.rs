//! The summary of a pipeline's test report, as GitLab tells it over GraphQL and over REST.

use serde_json::Value as Json;

use super::Kind;

/// What the tests of a pipeline came to, and those of each of its suites.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TestReport {
    pub total: TestCases,
    pub suites: Vec<(String, TestCases)>,
}

/// Test cases by how they ended, and how long they took together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TestCases {
    pub success: u64,
    pub failed: u64,
    pub skipped: u64,
    pub error: u64,
    pub seconds: Option<f64>,
}

/// What is asked of a pipeline over GraphQL, without its suites and with them.
pub const TEST_FIELDS: &str =
    "testReportSummary { total { count success failed skipped error time } }";
pub const SUITE_FIELDS: &str = "testReportSummary { total { count success failed skipped error time } testSuites(first: 100) { nodes { \
     name totalCount successCount failedCount skippedCount errorCount totalTime } } }";

impl TestReport {
    /// Reads `Pipeline.testReportSummary`. A pipeline without a report has zeros: none then, and none
    /// where the token may not see it.
    pub fn from_graphql(summary: &Json) -> Option<TestReport> {
        let nodes = &summary["testSuites"]["nodes"];
        let suites = nodes.as_array().into_iter().flatten().map(|suite| {
            let cases = |word: &str| number(&suite[format!("{word}Count")]);
            (suite, TestCases::of(cases, &suite["totalTime"]))
        });
        TestReport::read(&summary["total"], suites.collect())
    }

    /// Reads the body of `pipelines/:id/test_report_summary`.
    pub fn from_rest(body: &Json) -> Option<TestReport> {
        let suites = body["test_suites"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|suite| {
                let cases = |word: &str| number(&suite[format!("{word}_count")]);
                (suite, TestCases::of(cases, &suite["total_time"]))
            });
        TestReport::read(&body["total"], suites.collect())
    }

    fn read(total: &Json, suites: Vec<(&Json, TestCases)>) -> Option<TestReport> {
        let count = number(&total["count"]).unwrap_or_default();
        if count == 0 && suites.is_empty() {
            return None;
        }
        let named =
            |(suite, cases): (&Json, TestCases)| Some((suite["name"].as_str()?.to_owned(), cases));
        Some(TestReport {
            total: TestCases::of(|word| number(&total[word]), &total["time"]),
            suites: suites.into_iter().filter_map(named).collect(),
        })
    }
}

impl TestCases {
    fn of(cases: impl Fn(&str) -> Option<u64>, time: &Json) -> TestCases {
        let told = |word: &str| cases(word).unwrap_or_default();
        TestCases {
            success: told("success"),
            failed: told("failed"),
            skipped: told("skipped"),
            error: told("error"),
            seconds: Kind::Seconds.read(time).value(),
        }
    }

    /// By the word that GitLab has for how a case ended.
    pub fn by_status(&self) -> [(&'static str, u64); 4] {
        [
            ("success", self.success),
            ("failed", self.failed),
            ("skipped", self.skipped),
            ("error", self.error),
        ]
    }
}

fn number(value: &Json) -> Option<u64> {
    Kind::Count.read(value).value().map(|count| count as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn both_apis_tell_the_same_report() {
        let summary = json!({
            "total": {"count": 10, "success": 7, "failed": 1, "skipped": 2, "error": 0, "time": 1.5},
            "testSuites": {"nodes": [{
                "name": "unit", "totalCount": 10, "successCount": 7, "failedCount": 1, "skippedCount": 2,
                "errorCount": 0, "totalTime": 1.5,
            }]},
        });
        let body = json!({
            "total": {"count": 10, "success": 7, "failed": 1, "skipped": 2, "error": 0, "time": 1.5},
            "test_suites": [{
                "name": "unit", "total_count": 10, "success_count": 7, "failed_count": 1, "skipped_count": 2,
                "error_count": 0, "total_time": 1.5,
            }],
        });
        let report = TestReport::from_graphql(&summary).unwrap();
        assert_eq!(TestReport::from_rest(&body), Some(report.clone()));
        assert_eq!((report.total.success, report.suites.len()), (7, 1));
        assert_eq!(report.total.seconds, Some(1.5));
    }

    #[test]
    fn a_pipeline_without_tests_has_no_report() {
        let none =
            json!({"total": {"count": 0, "success": 0, "time": 0}, "testSuites": {"nodes": []}});
        assert_eq!(TestReport::from_graphql(&none), None);
        assert_eq!(TestReport::from_graphql(&json!(null)), None);
        assert_eq!(TestReport::from_rest(&none), None);
    }
}
